-- name: Payment :one
SELECT * FROM payments WHERE stripe_payment_intent_id = $1;

-- name: PutPayment :exec
-- The id of a row that is there stays: it is what the application was told.
INSERT INTO payments (
    id, stripe_payment_intent_id, stripe_charge_id, user_id, stripe_subscription_id, stripe_invoice_id,
    amount, amount_refunded, currency, status, failure_code, decline_code, description, metadata,
    created_at, updated_at
) VALUES (
    $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16
)
ON CONFLICT (stripe_payment_intent_id) DO UPDATE SET
    stripe_charge_id = excluded.stripe_charge_id, user_id = excluded.user_id,
    stripe_subscription_id = excluded.stripe_subscription_id,
    stripe_invoice_id = excluded.stripe_invoice_id, amount = excluded.amount,
    amount_refunded = excluded.amount_refunded, currency = excluded.currency, status = excluded.status,
    failure_code = excluded.failure_code, decline_code = excluded.decline_code,
    description = excluded.description, metadata = excluded.metadata, created_at = excluded.created_at,
    updated_at = excluded.updated_at;
