package payments

import "context"

// Stripe is what we ask of Stripe. Writes take an idempotency key: the same
// key again gets the first answer, so a write may be repeated until it is
// answered. Their news is always of the present: an answer that Stripe
// replayed is replaced by a read.
//
// Failures are [*Error]s: ErrDeclined when the bank refused, ErrActionRequired
// when the payer has to take a step first, ErrNotFound for an object that
// Stripe does not have, ErrInvalid for what the caller could have known,
// ErrUnavailable when there was no usable answer. Anything else is our own
// mistake or the configuration's.
type Stripe interface {
	// VerifyEvent checks the signature of a webhook's raw body against real
	// time and reads its envelope. ErrInvalid: not signed by Stripe with a
	// secret of ours, too old, no event, or of the other mode.
	VerifyEvent(payload []byte, signature string) (Event, error)
	// DecodeEvent normalises what an event says, alike for every API version.
	// Of a type that we do not use it returns news without objects. It is an
	// error where a required fact is missing.
	DecodeEvent(payload []byte) (News, error)

	// AttachPaymentMethod gives a payment method to a customer and returns
	// its id, which differs from the one given for Stripe's test tokens.
	AttachPaymentMethod(ctx context.Context, key, paymentMethodID, customerID string) (string, error)
	// CancelSubscription ends a subscription at once; one that has ended already stays so.
	CancelSubscription(ctx context.Context, key, subscriptionID string) (News, error)
	// CreateCustomer makes a customer for a user.
	CreateCustomer(ctx context.Context, key string, u User) (*StripeCustomer, News, error)
	// CreateSubscription opens a subscription and tries to pay it. A declined
	// card is no error here: the answer is incomplete.
	CreateSubscription(ctx context.Context, key string, r NewSubscription) (SubscriptionAnswer, error)
	// EventsAfter lists the events of the types that we use that follow another
	// in Stripe's list, oldest first, a page of them. ErrNotFound: Stripe does
	// not know that event, or no longer.
	EventsAfter(ctx context.Context, eventID string) (EventPage, error)
	// OldestEvents lists the oldest of those events that Stripe still has,
	// oldest first: at least one, unless there is none.
	OldestEvents(ctx context.Context) (EventPage, error)
	// PayInvoice pays an open invoice with a payment method of its customer,
	// who is present. One that is paid already is no error.
	PayInvoice(ctx context.Context, key, invoiceID, paymentMethodID string) error
	// Prices reads prices by id.
	Prices(ctx context.Context, ids []string) ([]Price, error)
	// Read reads an object as it is now, together with what is needed to
	// place it: an invoice's payments, a payment intent's invoice, a charge's
	// refunds, a refund's charge. Only the object itself may be ErrNotFound.
	Read(ctx context.Context, r Ref) (News, error)
	// ReadCustomer reads a customer and all that is theirs: subscriptions,
	// ended ones too, invoices with their payments, payment intents, charges
	// and refunds. The customer is the first object.
	ReadCustomer(ctx context.Context, customerID string) (News, error)
	// ReadSubscription reads a subscription for the one who is about to pay it.
	ReadSubscription(ctx context.Context, subscriptionID string) (SubscriptionAnswer, error)
	// SetDefaultPaymentMethod makes a payment method the one by which a
	// subscription renews.
	SetDefaultPaymentMethod(ctx context.Context, key, subscriptionID, paymentMethodID string) error
	// SubscriptionsOf reads a customer's subscriptions that have not ended.
	SubscriptionsOf(ctx context.Context, customerID string) (News, error)
	// UndeliveredEvents lists the newest of those events that Stripe has not
	// delivered to every endpoint, oldest first, some hundred at most.
	UndeliveredEvents(ctx context.Context) ([]Event, error)
	// VoidInvoice voids an open invoice; one that is void already stays so.
	VoidInvoice(ctx context.Context, key, invoiceID string) (News, error)
}

// EventPage is a part of Stripe's list of events.
type EventPage struct {
	// Events have their payloads. What is no event is left out.
	Events []Event
	// Last is the id of the newest event of the page; empty: it has none.
	Last string
	// More events follow.
	More bool
}

// NewSubscription asks for a subscription.
type NewSubscription struct {
	CustomerID string
	UserID     string // kept in the subscription's metadata as user_id
	Price      string
	Quantity   int64
	// PaymentMethodID pays it and every renewal. Empty: nothing is tried, and
	// the client secret of the answer lets the browser pay.
	PaymentMethodID string
	TrialDays       int
}

// SubscriptionAnswer is a subscription with what is needed to pay it.
type SubscriptionAnswer struct {
	News          News // of the subscription, its latest invoice and its payment
	Subscription  *StripeSubscription
	Invoice       *StripeInvoice       // the latest; nil without one
	PaymentIntent *StripePaymentIntent // that of the invoice; nil without one
	// ClientSecret lets the browser confirm the payment; empty without one.
	ClientSecret string
}
