-- name: BillingEntry :one
SELECT * FROM billing_history WHERE kind = $1 AND source = $2;

-- name: BillingHistory :many
SELECT * FROM billing_history WHERE user_id = $1 ORDER BY created_at DESC, id DESC LIMIT $2 OFFSET $3;

-- name: CountBillingHistory :one
SELECT count(*) FROM billing_history WHERE user_id = $1;

-- name: DeleteBillingEntry :exec
DELETE FROM billing_history WHERE kind = $1 AND source = $2;

-- name: PutBillingEntry :exec
-- The id of a row that is there stays: it is what the application was told.
INSERT INTO billing_history (
    id, kind, source, user_id, stripe_subscription_id, stripe_payment_intent_id, amount, currency,
    description, status, invoice_url, invoice_pdf, period_start, period_end, created_at, updated_at
) VALUES (
    $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16
)
ON CONFLICT (kind, source) DO UPDATE SET
    user_id = excluded.user_id, stripe_subscription_id = excluded.stripe_subscription_id,
    stripe_payment_intent_id = excluded.stripe_payment_intent_id, amount = excluded.amount,
    currency = excluded.currency, description = excluded.description, status = excluded.status,
    invoice_url = excluded.invoice_url, invoice_pdf = excluded.invoice_pdf,
    period_start = excluded.period_start, period_end = excluded.period_end,
    created_at = excluded.created_at, updated_at = excluded.updated_at;
