-- name: DeleteEndpoint :exec
DELETE FROM outbound_endpoints WHERE id = $1;

-- name: Endpoint :one
SELECT * FROM outbound_endpoints WHERE id = $1;

-- name: Endpoints :many
SELECT * FROM outbound_endpoints ORDER BY created_at, id;

-- name: PutEndpoint :exec
INSERT INTO outbound_endpoints (
    id, url, description, types, secret, previous_secret, previous_secret_until, disabled_at, disabled_reason,
    failures, failing_since, rests_until, created_at, updated_at
) VALUES (
    $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14
)
ON CONFLICT (id) DO UPDATE SET
    url = excluded.url, description = excluded.description, types = excluded.types, secret = excluded.secret,
    previous_secret = excluded.previous_secret, previous_secret_until = excluded.previous_secret_until,
    disabled_at = excluded.disabled_at, disabled_reason = excluded.disabled_reason,
    failures = excluded.failures, failing_since = excluded.failing_since, rests_until = excluded.rests_until,
    created_at = excluded.created_at, updated_at = excluded.updated_at;
