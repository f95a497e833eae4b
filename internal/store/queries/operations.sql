-- name: CountReplies :one
SELECT count(*) FROM operations
WHERE user_id = $1 AND NOT open AND finished_at >= $2 AND reply_code = $3;

-- name: DeleteOperation :exec
DELETE FROM operations WHERE id = $1;

-- name: DeleteOperations :execrows
DELETE FROM operations WHERE id IN (
    SELECT o.id FROM operations AS o WHERE NOT o.open AND o.finished_at < $1 ORDER BY o.finished_at LIMIT $2
);

-- name: InsertOperation :execrows
-- A conflict inserts nothing, so that the transaction can go on.
INSERT INTO operations (
    id, user_id, kind, idempotency_key, request_hash, request, open, progress, lease, lease_until,
    reply_code, reply, created_at, finished_at
) VALUES (
    $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14
)
ON CONFLICT DO NOTHING;

-- name: OpenOperation :one
SELECT * FROM operations WHERE user_id = $1 AND open;

-- name: Operation :one
SELECT * FROM operations WHERE id = $1;

-- name: OperationByKey :one
SELECT * FROM operations WHERE user_id = $1 AND idempotency_key = $2 AND idempotency_key <> '';

-- name: PutOperation :exec
UPDATE operations
SET open = $2, progress = $3, lease = $4, lease_until = $5, reply_code = $6, reply = $7, finished_at = $8
WHERE id = $1;
