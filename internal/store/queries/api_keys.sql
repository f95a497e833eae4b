-- name: KeyByHash :one
SELECT * FROM api_keys WHERE hash = $1;

-- name: Keys :many
SELECT * FROM api_keys ORDER BY created_at, id;

-- name: PutKey :exec
INSERT INTO api_keys (
    id, role, name, hash, created_at, revoked_at
) VALUES (
    $1, $2, $3, $4, $5, $6
)
ON CONFLICT (id) DO UPDATE SET
    role = excluded.role, name = excluded.name, hash = excluded.hash, created_at = excluded.created_at,
    revoked_at = excluded.revoked_at;
