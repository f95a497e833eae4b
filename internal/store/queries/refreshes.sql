-- name: CancelRefresh :exec
DELETE FROM refreshes WHERE object_id = $1 AND reason = $2 AND NOT queued;

-- name: DeleteRefresh :execrows
DELETE FROM refreshes WHERE object_id = $1 AND wishes = $2;

-- name: DueRefreshes :many
SELECT * FROM refreshes WHERE due_at <= $1 ORDER BY due_at, object_id LIMIT $2;

-- name: PutRefresh :exec
INSERT INTO refreshes (
    object_id, kind, wishes, newer_than, reason, due_at, queued
) VALUES (
    $1, $2, $3, $4, $5, $6, $7
)
ON CONFLICT (object_id) DO UPDATE SET
    kind = excluded.kind, wishes = excluded.wishes, newer_than = excluded.newer_than,
    reason = excluded.reason, due_at = excluded.due_at, queued = excluded.queued;

-- name: Refresh :one
SELECT * FROM refreshes WHERE object_id = $1;

-- name: CountRefreshes :one
SELECT count(*) FROM (SELECT 1 FROM refreshes LIMIT sqlc.arg(max_rows)) AS counted;
