-- name: DeleteDeliveries :exec
DELETE FROM outbound_deliveries WHERE endpoint_id = $1;

-- name: Deliveries :many
-- Those of events before the given one, newest first. Nearly all deliveries
-- are delivered, so a filter on that status skips little.
SELECT * FROM outbound_deliveries
WHERE endpoint_id = sqlc.arg(endpoint_id)
    AND (CAST(sqlc.arg(before) AS text) = '' OR event_id < CAST(sqlc.arg(before) AS text))
    AND (CAST(sqlc.arg(status) AS text) = '' OR status = CAST(sqlc.arg(status) AS text))
    AND created_at >= sqlc.arg(since)
ORDER BY event_id DESC LIMIT sqlc.arg(max_rows);

-- name: Delivery :one
SELECT * FROM outbound_deliveries WHERE endpoint_id = $1 AND event_id = $2;

-- name: PutDelivery :exec
INSERT INTO outbound_deliveries (
    endpoint_id, event_id, type, status, round, attempts, response_status, error, next_attempt_at, attempted_at,
    created_at
) VALUES (
    $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11
)
ON CONFLICT (endpoint_id, event_id) DO UPDATE SET
    status = excluded.status, round = excluded.round, attempts = excluded.attempts,
    response_status = excluded.response_status, error = excluded.error,
    next_attempt_at = excluded.next_attempt_at, attempted_at = excluded.attempted_at;

-- name: UnsettledDeliveries :many
-- Deliveries with a status other than delivered, by the partial index of those.
SELECT * FROM outbound_deliveries
WHERE endpoint_id = sqlc.arg(endpoint_id) AND status = sqlc.arg(status) AND status <> 'delivered'
    AND (CAST(sqlc.arg(before) AS text) = '' OR event_id < CAST(sqlc.arg(before) AS text))
    AND created_at >= sqlc.arg(since)
ORDER BY event_id DESC LIMIT sqlc.arg(max_rows);

-- name: CountPendingDeliveries :one
-- For each endpoint by the partial index, and no further than some number. To
-- SQLite CROSS JOIN says that the endpoints come first.
SELECT count(*) FROM (
    SELECT 1 FROM outbound_endpoints CROSS JOIN outbound_deliveries
    WHERE outbound_deliveries.endpoint_id = outbound_endpoints.id
        AND outbound_deliveries.status = 'pending' AND outbound_deliveries.status <> 'delivered'
    LIMIT sqlc.arg(max_rows)
) AS counted;
