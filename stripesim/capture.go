package stripesim

import (
	"fmt"
	"math"
)

// captureTime is how long an authorized card may be captured.
const captureTime = 7 * day

func captureOperations() []operation {
	return []operation{
		{method: "POST", path: "/v1/payment_intents/{}/capture", do: capturePaymentIntent, fields: shape{
			"amount_to_capture": anInteger(1, math.MaxInt64), "metadata": aMetadata(),
		}},
		{method: "POST", path: "/v1/charges/{}/capture", do: captureCharge, fields: shape{
			"amount": anInteger(1, math.MaxInt64), "receipt_email": aText(),
		}},
	}
}

// authorize is what the bank's consent makes of an intent that is captured
// later.
func (t *transaction) authorize(intent *paymentIntent, made *charge) {
	until := t.now + captureTime
	made.Captured, made.AmountCaptured, made.private.BookedAt = false, 0, 0
	method := made.PaymentMethodDetails.part()
	method.Card.CaptureBefore = until
	made.PaymentMethodDetails = intern(method)
	intent.Status, intent.AmountCapturable, intent.private.CaptureBefore = "requires_capture", intent.Amount, until
	t.emit("charge.succeeded", made)
	t.emit("payment_intent.amount_capturable_updated", intent)
}

func capturePaymentIntent(t *transaction, c call) (any, *apiError) {
	found, fault := t.paymentIntentOf(c)
	if fault != nil {
		return nil, fault
	}
	t.enterClock(found.clock)
	if found.Status != "requires_capture" {
		fault := refused("payment_intent_unexpected_state", "This PaymentIntent could not be captured because it has a status of "+found.Status+". Only a PaymentIntent with one of the following statuses may be captured: requires_capture.")
		fault.intent = found
		return nil, fault
	}
	amount := c.integer("amount_to_capture", found.AmountCapturable)
	if amount > found.AmountCapturable {
		return nil, tooMuchToCapture("amount_to_capture", amount, found)
	}
	intent := edit[*paymentIntent](t, found.ID)
	if intent.Metadata, fault = intent.Metadata.merge(c.form); fault != nil {
		return nil, fault
	}
	t.capture(intent, amount, "")
	return intent, nil
}

func tooMuchToCapture(param string, amount int64, of *paymentIntent) *apiError {
	fault := refused("amount_too_large", fmt.Sprintf("The amount to capture (%s) is greater than the amount that can be captured (%s).", formatAmount(amount, of.Currency), formatAmount(of.AmountCapturable, of.Currency)))
	fault.param = param
	return fault
}

func captureCharge(t *transaction, c call) (any, *apiError) {
	found, fault := one[*charge](t, c)
	switch {
	case fault != nil:
		return nil, fault
	case found.Captured:
		return nil, refused("charge_already_captured", "Charge "+found.ID+" has already been captured.")
	case found.Status != "succeeded":
		return nil, refused("", "Charge "+found.ID+" did not succeed, so it cannot be captured.")
	case found.Refunded:
		return nil, refused("charge_expired_for_capture", "Charge "+found.ID+" can no longer be captured: the authorization was released or has expired.")
	}
	intent := edit[*paymentIntent](t, string(found.PaymentIntent))
	amount := c.integer("amount", intent.AmountCapturable)
	if amount > intent.AmountCapturable {
		return nil, tooMuchToCapture("amount", amount, intent)
	}
	return t.capture(intent, amount, c.text("receipt_email")), nil
}

// capture takes the money, or a part of it; the rest is released.
func (t *transaction) capture(intent *paymentIntent, amount int64, receiptEmail string) *charge {
	before := get[*charge](t, string(intent.LatestCharge))
	taken := edit[*charge](t, before.ID)
	taken.Captured, taken.AmountCaptured, taken.AmountRefunded = true, amount, taken.Amount-amount
	taken.private.BookedAt = t.now + bookTime
	if receiptEmail != "" {
		taken.ReceiptEmail = text(receiptEmail)
	}
	intent.Status, intent.AmountReceived, intent.AmountCapturable = "succeeded", amount, 0
	t.changed("charge.captured", before, taken)
	t.emit("payment_intent.succeeded", intent)
	if intent.private.Checkout != "" {
		edit[*checkoutSession](t, intent.private.Checkout).PaymentStatus = "paid"
	}
	t.dispute(taken, get[*paymentMethod](t, string(taken.PaymentMethod)).testCard().objection)
	return taken
}

// release gives an authorization back without taking anything.
func (t *transaction) release(intent *paymentIntent, event string) {
	before := get[*charge](t, string(intent.LatestCharge))
	released := edit[*charge](t, before.ID)
	released.AmountRefunded, released.Refunded = released.Amount, true
	intent.AmountCapturable = 0
	t.changed(event, before, released)
}

// expireAuthorization ends an intent that was not captured in time.
func (t *transaction) expireAuthorization(id string) {
	intent := edit[*paymentIntent](t, id)
	t.release(intent, "charge.expired")
	t.cancelIntent(id, "expired")
}
