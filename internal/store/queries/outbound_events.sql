-- name: InsertOutbound :exec
INSERT INTO outbound_events (
    id, type, user_id, data, created_at
) VALUES (
    $1, $2, $3, $4, $5
);

-- name: Outbound :one
SELECT * FROM outbound_events WHERE id = $1;
