package stripe

import (
	"fmt"

	"github.com/numerai-app/payments"
)

// The metadata that we write, and by which we know our own objects again.
const (
	// metadataUser holds the application's id of the user.
	metadataUser = "user_id"
	// metadataKind tells one-off payments of ours, which belong to no invoice.
	metadataKind = "payments_kind"
	kindOneOff   = "one_off"
)

// normalise reads one object of Stripe's, of whichever API version, from an
// event or an answer alike. What it belongs together with (the refunds inside
// a charge, the payments inside an invoice) follows it.
//
// Where a newer version moved a fact, the new place is read first and the old
// one where the new is absent. A fact that must be there and is not is an
// error: a mirror with an empty status or amount would be worse than none.
func normalise(o object) ([]payments.Object, error) {
	var objects []payments.Object
	switch kind := payments.ObjectKind(o.requiredText("object")); kind {
	case payments.KindCustomer:
		objects = []payments.Object{customer(o)}
	case payments.KindSubscription:
		objects = []payments.Object{subscription(o)}
	case payments.KindInvoice:
		objects = append(objects, invoice(o))
		for _, payment := range o.list("payments") {
			objects = append(objects, invoicePayment(payment))
		}
	case payments.KindPaymentIntent:
		objects = []payments.Object{paymentIntent(o)}
	case payments.KindCharge:
		objects = append(objects, charge(o))
		for _, r := range o.list("refunds") {
			objects = append(objects, refund(r))
		}
	case payments.KindInvoicePayment:
		objects = []payments.Object{invoicePayment(o)}
	case payments.KindRefund:
		objects = []payments.Object{refund(o)}
	case payments.KindDispute:
		objects = []payments.Object{dispute(o)}
	default:
		o.fail("object", "is %q, which is not used", kind)
	}
	if *o.err != nil {
		return nil, *o.err
	}
	return objects, nil
}

// normaliseAs is normalise for an object whose kind is known beforehand.
func normaliseAs(kind payments.ObjectKind, o object) ([]payments.Object, error) {
	if got := o.text("object"); *o.err == nil && got != string(kind) {
		return nil, fmt.Errorf("%s expected, but the object is %q", kind, got)
	}
	return normalise(o)
}

func customer(o object) *payments.StripeCustomer {
	return &payments.StripeCustomer{
		ID:        o.id(),
		Email:     o.text("email"),
		Name:      o.text("name"),
		UserID:    o.child("metadata").text(metadataUser),
		TestClock: o.reference("test_clock"),
		Deleted:   o.flag("deleted"),
	}
}

func paymentIntent(o object) *payments.StripePaymentIntent {
	failure := o.child("last_payment_error")
	intent := &payments.StripePaymentIntent{
		ID:             o.id(),
		Customer:       o.reference("customer"),
		UserID:         o.child("metadata").text(metadataUser),
		Status:         payments.PaymentIntentStatus(o.requiredText("status")),
		Currency:       o.currency(),
		Amount:         o.amount("amount"),
		AmountReceived: o.count("amount_received"),
		LatestCharge:   o.reference("latest_charge"),
		Description:    o.text("description"),
		FailureCode:    failure.text("code"),
		DeclineCode:    failure.text("decline_code"),
		Metadata:       o.metadata(),
		Created:        o.requiredMoment("created"),
	}
	intent.Invoice, intent.InvoiceKnown = invoiceOf(o)
	// Only a card error speaks to the card holder, the others to developers.
	if failure.text("type") == "card_error" {
		intent.FailureMessage = failure.text("message")
	}
	// Before 2022-11-15 a payment intent listed its charges, newest first.
	if charges := o.list("charges"); !o.has("latest_charge") && len(charges) > 0 {
		intent.LatestCharge = charges[0].id()
	}
	return intent
}

// invoiceOf is the invoice that a payment intent or a charge pays, as far as
// it says: before 2025-03-31 it did, since then it does not. What carries our
// mark of a one-off payment pays none.
func invoiceOf(o object) (id string, known bool) {
	if o.has("invoice") {
		return o.reference("invoice"), true
	}
	return "", o.child("metadata").text(metadataKind) == kindOneOff
}

func charge(o object) *payments.StripeCharge {
	c := &payments.StripeCharge{
		ID:             o.id(),
		Customer:       o.reference("customer"),
		UserID:         o.child("metadata").text(metadataUser),
		PaymentIntent:  o.reference("payment_intent"),
		Status:         o.requiredText("status"),
		Currency:       o.currency(),
		Amount:         o.amount("amount"),
		AmountRefunded: o.amount("amount_refunded"),
		Disputed:       o.flag("disputed"),
		Description:    o.text("description"),
		FailureCode:    o.text("failure_code"),
		FailureMessage: o.text("failure_message"),
		Metadata:       o.metadata(),
		Created:        o.requiredMoment("created"),
	}
	c.Invoice, c.InvoiceKnown = invoiceOf(o)
	// A charge has no decline code; that of a refused one is the outcome's reason.
	if c.FailureCode != "" {
		c.DeclineCode = o.child("outcome").text("reason")
	}
	return c
}

func invoicePayment(o object) *payments.StripeInvoicePayment {
	if !o.isExpanded("payment") {
		o.fail("payment", "is missing")
	}
	payment := o.child("payment")
	return &payments.StripeInvoicePayment{
		ID:            o.id(),
		Invoice:       o.requiredReference("invoice"),
		PaymentIntent: payment.reference("payment_intent"),
		Charge:        payment.reference("charge"),
		Status:        o.requiredText("status"),
		Currency:      o.currency(),
		AmountPaid:    o.count("amount_paid"), // null until it is paid
		Created:       o.requiredMoment("created"),
	}
}

func refund(o object) *payments.StripeRefund {
	return &payments.StripeRefund{
		ID:            o.id(),
		PaymentIntent: o.reference("payment_intent"),
		Charge:        o.reference("charge"),
		UserID:        o.child("metadata").text(metadataUser),
		Status:        o.requiredText("status"),
		Currency:      o.currency(),
		Amount:        o.amount("amount"),
		Reason:        o.text("reason"),
		Created:       o.requiredMoment("created"),
	}
}

func dispute(o object) *payments.StripeDispute {
	return &payments.StripeDispute{
		ID:            o.id(),
		PaymentIntent: o.reference("payment_intent"),
		Charge:        o.requiredReference("charge"),
		UserID:        o.child("metadata").text(metadataUser),
		Status:        payments.DisputeStatus(o.requiredText("status")),
		Currency:      o.currency(),
		Amount:        o.amount("amount"),
		Reason:        o.text("reason"),
		Created:       o.requiredMoment("created"),
	}
}
