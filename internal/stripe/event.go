package stripe

import (
	"fmt"
	"slices"
	"strings"

	"github.com/numerai-app/payments"
)

// handled are the types of event that we use, each with the kind of object
// that it is about.
var handled = map[string]payments.ObjectKind{
	"charge.dispute.closed":          payments.KindDispute,
	"charge.dispute.created":         payments.KindDispute,
	"charge.dispute.updated":         payments.KindDispute,
	"charge.refunded":                payments.KindCharge,
	"customer.deleted":               payments.KindCustomer,
	"customer.subscription.created":  payments.KindSubscription,
	"customer.subscription.deleted":  payments.KindSubscription,
	"customer.subscription.paused":   payments.KindSubscription,
	"customer.subscription.resumed":  payments.KindSubscription,
	"customer.subscription.updated":  payments.KindSubscription,
	"invoice.paid":                   payments.KindInvoice,
	"invoice.payment_failed":         payments.KindInvoice,
	"invoice.payment_succeeded":      payments.KindInvoice,
	"invoice.voided":                 payments.KindInvoice,
	"invoice_payment.paid":           payments.KindInvoicePayment,
	"payment_intent.canceled":        payments.KindPaymentIntent,
	"payment_intent.payment_failed":  payments.KindPaymentIntent,
	"payment_intent.requires_action": payments.KindPaymentIntent,
	"payment_intent.succeeded":       payments.KindPaymentIntent,
	"refund.created":                 payments.KindRefund,
	"refund.updated":                 payments.KindRefund,
}

// HandledEventTypes lists the types of event that a webhook endpoint has to be
// subscribed to, in alphabetical order.
func HandledEventTypes() []string {
	types := make([]string, 0, len(handled))
	for name := range handled {
		types = append(types, name)
	}
	slices.Sort(types)
	return types
}

// PolledEventTypes lists the types of event that a poll asks for, in
// alphabetical order: Stripe's list of events takes twenty types at most.
// Without invoice.payment_succeeded nothing is missed, since an invoice that is
// paid has its invoice.paid in any case.
func PolledEventTypes() []string {
	return slices.DeleteFunc(HandledEventTypes(), func(name string) bool { return name == "invoice.payment_succeeded" })
}

// VerifyEvent implements [payments.Stripe]. Nothing is parsed before the
// signature fits the raw bytes.
func (c *Client) VerifyEvent(payload []byte, signature string) (payments.Event, error) {
	if err := c.verifySignature(payload, signature); err != nil {
		return payments.Event{}, err
	}
	event, err := parseEnvelope(payload)
	if err != nil {
		return payments.Event{}, invalidEvent("The body is not an event of Stripe's.", err)
	}
	switch {
	case event.Livemode && !c.livemode:
		return payments.Event{}, invalidEvent("This is a live event, and this service is configured for test mode.", nil)
	case !event.Livemode && c.livemode:
		return payments.Event{}, invalidEvent("This is a test event, and this service is configured for live mode.", nil)
	}
	return event, nil
}

func invalidEvent(message string, cause error) *payments.Error {
	return &payments.Error{Kind: payments.ErrInvalid, Code: payments.CodeInvalidRequest, Message: message, Err: cause}
}

// parseEnvelope reads what is common to all events. It takes events of any
// type, so of the object inside it asks for nothing but that it is one.
func parseEnvelope(payload []byte) (payments.Event, error) {
	o, err := parseObject("event", payload)
	if err != nil {
		return payments.Event{}, err
	}
	if kind := o.text("object"); kind != "event" {
		o.fail("object", "is %q", kind)
	}
	if o.isNull("livemode") {
		o.fail("livemode", "is missing")
	}
	inner := eventObject(o)
	event := payments.Event{
		ID:         o.id(),
		Type:       o.requiredText("type"),
		APIVersion: o.text("api_version"),
		Livemode:   o.flag("livemode"),
		Account:    o.text("account"),
		ObjectKind: payments.ObjectKind(inner.lenientText("object")),
		ObjectID:   inner.lenientText("id"),
		CustomerID: inner.lenientReference("customer"),
		Created:    o.requiredMoment("created"),
		Source:     payments.SourceWebhook,
		Payload:    payload,
	}
	if event.ObjectKind == payments.KindCustomer {
		event.CustomerID = event.ObjectID
	}
	for _, text := range []string{
		event.Type, event.APIVersion, event.Account,
		string(event.ObjectKind), event.ObjectID, event.CustomerID,
	} {
		if len(text) > maxIDLength {
			o.fail("type or an id", "is longer than %d bytes", maxIDLength)
		}
	}
	return event, *o.err
}

// eventObject is the object that an event is about.
func eventObject(o object) object {
	data := o.child("data")
	if data.isNull("object") {
		data.fail("object", "is missing")
	}
	return data.child("object")
}

// lenientText is a string, or empty for anything else: an event of a type that
// we do not use is kept whatever its object looks like.
func (o object) lenientText(name string) string {
	text, err := unquote(o.members[name])
	if err != nil {
		return ""
	}
	return text
}

func (o object) lenientReference(name string) string {
	if !o.isExpanded(name) {
		return o.lenientText(name)
	}
	members, err := splitObject(o.members[name])
	if err != nil {
		return ""
	}
	return object{members: members}.lenientText("id")
}

// DecodeEvent implements [payments.Stripe].
func (c *Client) DecodeEvent(payload []byte) (payments.News, error) {
	news, err := decodeEvent(payload)
	if err != nil {
		return payments.News{}, fmt.Errorf("decode the event: %w", err)
	}
	return news, nil
}

func decodeEvent(payload []byte) (payments.News, error) {
	o, err := parseObject("event", payload)
	if err != nil {
		return payments.News{}, err
	}
	eventType := o.requiredText("type")
	news := payments.News{AsOf: o.requiredMoment("created"), Creation: strings.HasSuffix(eventType, ".created")}
	if *o.err != nil {
		return payments.News{}, *o.err
	}
	kind, used := handled[eventType]
	if !used {
		return news, nil
	}
	news.Objects, err = normaliseAs(kind, eventObject(o))
	if err != nil {
		return payments.News{}, err
	}
	if gone, ok := news.Objects[0].(*payments.StripeCustomer); ok && eventType == "customer.deleted" {
		gone.Deleted = true // the snapshot is of the moment before
	}
	return news, nil
}
