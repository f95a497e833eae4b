-- name: Event :one
SELECT * FROM webhook_events WHERE id = $1;

-- name: EventPayload :one
-- Both parts of the key: without the time each month would be looked into.
SELECT payload FROM webhook_payloads WHERE event_id = $1 AND received_at = $2;

-- name: EventStored :one
SELECT count(*) FROM webhook_events WHERE id = $1;

-- name: Events :many
-- What was received from some moment on and before the given moment and id,
-- newest first. Nearly all events are processed, so a filter on that status, or
-- on a type, skips little.
SELECT * FROM webhook_events
WHERE received_at >= sqlc.arg(since)
    AND received_at <= sqlc.arg(received_at) AND (received_at < sqlc.arg(received_at) OR id < sqlc.arg(id))
    AND (CAST(sqlc.arg(status) AS text) = '' OR status = CAST(sqlc.arg(status) AS text))
    AND (CAST(sqlc.arg(type) AS text) = '' OR type = CAST(sqlc.arg(type) AS text))
ORDER BY received_at DESC, id DESC LIMIT sqlc.arg(max_rows);

-- name: EventsWaitingFor :many
-- The second line is the condition of the partial index, word by word.
SELECT * FROM webhook_events
WHERE waits_for = $1 AND waits_for <> '' AND status = 'pending'
ORDER BY created, received_at, id;

-- name: InsertEvent :exec
INSERT INTO webhook_events (
    id, type, api_version, livemode, account, object_kind, object_id, customer_id, created,
    received_at, status, reason, attempts, error, processed_at, source, waits_for
) VALUES (
    $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17
);

-- name: InsertPayload :exec
INSERT INTO webhook_payloads (
    event_id, received_at, payload
) VALUES (
    $1, $2, $3
);

-- name: PendingEvents :many
SELECT * FROM webhook_events WHERE object_id = $1 AND status = 'pending' ORDER BY created, received_at, id;

-- name: PrunePayloads :execrows
-- The oldest ones of events that are done. Each event is looked up by its id: a
-- join would be planned by how many there are, which PostgreSQL learns late.
DELETE FROM webhook_payloads WHERE (event_id, received_at) IN (
    SELECT p.event_id, p.received_at FROM webhook_payloads AS p
    WHERE p.received_at < sqlc.arg(received_before)
        AND (SELECT e.status FROM webhook_events AS e WHERE e.id = p.event_id) IN ('processed', 'ignored')
    ORDER BY p.received_at LIMIT sqlc.arg(max_rows)
);

-- name: PutEvent :exec
UPDATE webhook_events
SET status = $2, reason = $3, attempts = $4, error = $5, processed_at = $6, source = $7, waits_for = $8
WHERE id = $1;

-- name: UnownedEvents :many
-- The second line is the condition of the partial index, word by word.
SELECT * FROM webhook_events
WHERE customer_id = $1 AND customer_id <> '' AND status IN ('pending', 'ignored')
    AND (status = 'pending' OR reason = $2)
ORDER BY created, received_at, id;

-- name: UnsettledEvents :many
-- Events with a status other than processed, by the partial index of those.
SELECT * FROM webhook_events
WHERE status = sqlc.arg(status) AND status <> 'processed' AND received_at >= sqlc.arg(since)
    AND received_at <= sqlc.arg(received_at) AND (received_at < sqlc.arg(received_at) OR id < sqlc.arg(id))
    AND (CAST(sqlc.arg(type) AS text) = '' OR type = CAST(sqlc.arg(type) AS text))
ORDER BY received_at DESC, id DESC LIMIT sqlc.arg(max_rows);

-- name: CountUnsettledEvents :one
-- By the partial index, and no further than some number.
SELECT count(*) FROM (
    SELECT 1 FROM webhook_events
    WHERE status = sqlc.arg(status) AND status <> 'processed'
    LIMIT sqlc.arg(max_rows)
) AS counted;

-- name: OldestPendingEvent :one
-- When it was received, by the partial index.
SELECT received_at FROM webhook_events
WHERE status = 'pending' AND status <> 'processed'
ORDER BY received_at LIMIT 1;
