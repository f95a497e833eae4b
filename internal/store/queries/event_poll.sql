-- name: EventPoll :one
SELECT * FROM event_poll WHERE id = 1;

-- name: PutEventPoll :exec
INSERT INTO event_poll (
    id, runs, anchor, head, head_at, behind, reached, polled_at, reread, reread_after, overdue_at, next
) VALUES (
    $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12
)
ON CONFLICT (id) DO UPDATE SET
    runs = excluded.runs, anchor = excluded.anchor, head = excluded.head, head_at = excluded.head_at,
    behind = excluded.behind, reached = excluded.reached, polled_at = excluded.polled_at,
    reread = excluded.reread, reread_after = excluded.reread_after, overdue_at = excluded.overdue_at,
    next = excluded.next;
