-- name: Object :one
SELECT * FROM stripe_objects WHERE id = $1;

-- name: ObjectsByCharge :many
SELECT * FROM stripe_objects WHERE charge = $1 AND charge <> '' ORDER BY id;

-- name: ObjectsByInvoice :many
SELECT * FROM stripe_objects WHERE invoice = $1 AND invoice <> '' ORDER BY id;

-- name: ObjectsByPaymentIntent :many
SELECT * FROM stripe_objects WHERE payment_intent = $1 AND payment_intent <> '' ORDER BY id;

-- name: OpenInvoices :many
SELECT * FROM stripe_objects
WHERE kind = 'invoice' AND status = 'open' AND subscription = $1 ORDER BY id;

-- name: PutObject :exec
INSERT INTO stripe_objects (
    id, kind, user_id, stage, as_of, growth, status, customer, subscription, invoice, payment_intent,
    charge, data
) VALUES (
    $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13
)
ON CONFLICT (id) DO UPDATE SET
    kind = excluded.kind, user_id = excluded.user_id, stage = excluded.stage, as_of = excluded.as_of,
    growth = excluded.growth, status = excluded.status, customer = excluded.customer,
    subscription = excluded.subscription, invoice = excluded.invoice,
    payment_intent = excluded.payment_intent, charge = excluded.charge, data = excluded.data;
