-- name: Customer :one
SELECT * FROM users WHERE id = $1;

-- name: CustomerByStripeID :one
SELECT * FROM users WHERE stripe_customer_id = $1 AND stripe_customer_id <> '';

-- name: CustomersAfter :many
SELECT * FROM users WHERE stripe_customer_id > $1 AND stripe_customer_id <> ''
ORDER BY stripe_customer_id LIMIT $2;

-- name: DueRechecks :many
SELECT id FROM users WHERE recheck_at <= $1 ORDER BY recheck_at, id LIMIT $2;

-- name: PutCustomer :exec
INSERT INTO users (
    id, email, name, stripe_customer_id, test_clock, is_premium, plan, premium_until, recheck_at,
    created_at, updated_at
) VALUES (
    $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11
)
ON CONFLICT (id) DO UPDATE SET
    email = excluded.email, name = excluded.name, stripe_customer_id = excluded.stripe_customer_id,
    test_clock = excluded.test_clock, is_premium = excluded.is_premium, plan = excluded.plan,
    premium_until = excluded.premium_until, recheck_at = excluded.recheck_at,
    created_at = excluded.created_at, updated_at = excluded.updated_at;
