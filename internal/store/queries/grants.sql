-- name: GrantsOf :many
SELECT * FROM grants WHERE user_id = $1 ORDER BY created_at, id;
