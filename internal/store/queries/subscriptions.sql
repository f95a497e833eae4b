-- name: OverdueSubscriptions :many
-- The conditions on the status are those of the partial index, word by word.
SELECT * FROM subscriptions
WHERE current_period_end < sqlc.arg(ended_before) AND current_period_end >= sqlc.arg(after_end)
    AND (current_period_end > sqlc.arg(after_end) OR stripe_subscription_id > sqlc.arg(after_id))
    AND status NOT IN ('canceled', 'incomplete_expired', 'paused')
ORDER BY current_period_end, stripe_subscription_id LIMIT sqlc.arg(max_rows);

-- name: PutSubscription :exec
-- The id of a row that is there stays: it is what the application was told.
INSERT INTO subscriptions (
    id, stripe_subscription_id, stripe_customer_id, user_id, plan, plan_stage, plan_as_of, plan_growth,
    unmapped, price, quantity, status, current_period_start, current_period_end, cancel_at_period_end,
    cancel_at, canceled_at, ended_at, trial_start, trial_end, pause_behavior, pause_resumes_at,
    latest_invoice, unpaid_since, stage, as_of, growth, created_at, updated_at
) VALUES (
    $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21,
    $22, $23, $24, $25, $26, $27, $28, $29
)
ON CONFLICT (stripe_subscription_id) DO UPDATE SET
    stripe_customer_id = excluded.stripe_customer_id, user_id = excluded.user_id, plan = excluded.plan,
    plan_stage = excluded.plan_stage, plan_as_of = excluded.plan_as_of,
    plan_growth = excluded.plan_growth, unmapped = excluded.unmapped, price = excluded.price,
    quantity = excluded.quantity, status = excluded.status,
    current_period_start = excluded.current_period_start,
    current_period_end = excluded.current_period_end,
    cancel_at_period_end = excluded.cancel_at_period_end, cancel_at = excluded.cancel_at,
    canceled_at = excluded.canceled_at, ended_at = excluded.ended_at,
    trial_start = excluded.trial_start, trial_end = excluded.trial_end,
    pause_behavior = excluded.pause_behavior, pause_resumes_at = excluded.pause_resumes_at,
    latest_invoice = excluded.latest_invoice, unpaid_since = excluded.unpaid_since,
    stage = excluded.stage, as_of = excluded.as_of, growth = excluded.growth,
    created_at = excluded.created_at, updated_at = excluded.updated_at;

-- name: Subscription :one
SELECT * FROM subscriptions WHERE stripe_subscription_id = $1;

-- name: SubscriptionsOf :many
SELECT * FROM subscriptions WHERE user_id = $1 ORDER BY created_at, stripe_subscription_id;

-- name: UnmappedSubscriptions :many
-- The conditions are those of the partial index, word by word.
SELECT * FROM subscriptions
WHERE unmapped AND status NOT IN ('canceled', 'incomplete_expired') AND stripe_subscription_id > $1
ORDER BY stripe_subscription_id LIMIT $2;

-- name: CountUnmappedSubscriptions :one
SELECT count(*) FROM (
    SELECT 1 FROM subscriptions WHERE unmapped AND status NOT IN ('canceled', 'incomplete_expired') LIMIT sqlc.arg(max_rows)
) AS counted;
