package payments

import (
	"cmp"
	"encoding/json"
	"fmt"
	"time"
)

// ObjectKind is Stripe's own name of a kind of object.
type ObjectKind string

// The kinds that we mirror.
const (
	KindCustomer       ObjectKind = "customer"
	KindSubscription   ObjectKind = "subscription"
	KindInvoice        ObjectKind = "invoice"
	KindPaymentIntent  ObjectKind = "payment_intent"
	KindCharge         ObjectKind = "charge"
	KindInvoicePayment ObjectKind = "invoice_payment"
	KindRefund         ObjectKind = "refund"
	KindDispute        ObjectKind = "dispute"
)

// Ref names an object at Stripe.
type Ref struct {
	Kind ObjectKind
	ID   string
}

// News is what Stripe said at one moment, from an event or as the answer of a
// call. It is the only thing that changes the state.
type News struct {
	// AsOf is a moment at which it was surely true, by Stripe's clock: an
	// event's created, or an answer's Date less the time the call took.
	AsOf time.Time
	// Creation marks the news of a *.created event, which is older than
	// anything else that is said of its object.
	Creation bool
	// Read marks the answer of a call: the object as it is now. Objects that
	// live in a test clock's time are believed only when read.
	Read bool
	// Objects are what it is about; the first is the one that was asked for,
	// the others came with it.
	Objects []Object
}

// Object is one of the Stripe… types below: the fields that we use of an
// object, alike for every API version.
type Object interface {
	// Ref names the object.
	Ref() Ref
	// links tells which other objects it belongs to.
	links() links
	// stage counts the steps that the object can never take back.
	stage() int
	// growth is a number of the object that only grows within a stage; it
	// tells two snapshots of one second apart. 0 where there is none.
	growth() int64
}

// links are the ids by which objects hang together; empty ones are unknown.
type links struct {
	Customer      string
	UserID        string // metadata.user_id
	TestClock     string
	Subscription  string
	Invoice       string
	PaymentIntent string
	Charge        string
}

// Version orders what was said of one object. The stage decides first, since
// what cannot be taken back is newer whatever the clocks say; then the time;
// then what only grows.
type Version struct {
	Stage  int
	AsOf   time.Time
	Growth int64
}

// versionOf is the version of an object in some news. Stage 0 is a creation.
func versionOf(n News, o Object) Version {
	v := Version{Stage: 1 + o.stage(), AsOf: n.AsOf.UTC(), Growth: o.growth()}
	if n.Creation {
		v.Stage = 0
	}
	return v
}

// Compare is negative when v is older than w, positive when it is newer, and 0
// when nothing tells them apart.
func (v Version) Compare(w Version) int {
	return cmp.Or(cmp.Compare(v.Stage, w.Stage), v.AsOf.Compare(w.AsOf), cmp.Compare(v.Growth, w.Growth))
}

// StripeCustomer is a customer at Stripe.
type StripeCustomer struct {
	ID        string `json:"id"`
	Email     string `json:"email,omitempty"`
	Name      string `json:"name,omitempty"`
	UserID    string `json:"user_id,omitempty"` // metadata.user_id
	TestClock string `json:"test_clock,omitempty"`
	Deleted   bool   `json:"deleted,omitempty"`
}

// StripeSubscription is a subscription at Stripe.
type StripeSubscription struct {
	ID                 string             `json:"id"`
	Customer           string             `json:"customer"`
	UserID             string             `json:"user_id,omitempty"` // metadata.user_id
	TestClock          string             `json:"test_clock,omitempty"`
	Status             SubscriptionStatus `json:"status"`
	Items              []SubscriptionItem `json:"items"`
	CurrentPeriodStart *time.Time         `json:"current_period_start,omitempty"`
	CurrentPeriodEnd   *time.Time         `json:"current_period_end,omitempty"`
	CancelAtPeriodEnd  bool               `json:"cancel_at_period_end,omitempty"`
	CancelAt           *time.Time         `json:"cancel_at,omitempty"`
	CanceledAt         *time.Time         `json:"canceled_at,omitempty"`
	EndedAt            *time.Time         `json:"ended_at,omitempty"`
	TrialStart         *time.Time         `json:"trial_start,omitempty"`
	TrialEnd           *time.Time         `json:"trial_end,omitempty"`
	PauseBehavior      string             `json:"pause_behavior,omitempty"` // of pause_collection; empty: collecting
	PauseResumesAt     *time.Time         `json:"pause_resumes_at,omitempty"`
	LatestInvoice      string             `json:"latest_invoice,omitempty"`
	Created            time.Time          `json:"created"`
}

// SubscriptionItem is one price of a subscription.
type SubscriptionItem struct {
	Price    string `json:"price"`
	Quantity int64  `json:"quantity"`
}

// StripeInvoice is an invoice at Stripe. Amounts are in the smallest unit.
type StripeInvoice struct {
	ID           string        `json:"id"`
	Customer     string        `json:"customer"`
	Subscription string        `json:"subscription,omitempty"`
	UserID       string        `json:"user_id,omitempty"` // the subscription's metadata.user_id
	TestClock    string        `json:"test_clock,omitempty"`
	Status       InvoiceStatus `json:"status"`
	Currency     string        `json:"currency"`
	Total        int64         `json:"total"`
	AmountDue    int64         `json:"amount_due"`
	AmountPaid   int64         `json:"amount_paid"`
	Attempted    bool          `json:"attempted,omitempty"`
	AttemptCount int64         `json:"attempt_count,omitempty"`
	Number       string        `json:"number,omitempty"`
	Description  string        `json:"description,omitempty"` // its own, else of its first line
	HostedURL    string        `json:"hosted_url,omitempty"`
	PDF          string        `json:"pdf,omitempty"`
	PeriodStart  *time.Time    `json:"period_start,omitempty"` // of service: the earliest of its lines
	PeriodEnd    *time.Time    `json:"period_end,omitempty"`   // of service: the latest of its lines
	DueDate      *time.Time    `json:"due_date,omitempty"`
	FinalizedAt  *time.Time    `json:"finalized_at,omitempty"`
	Created      time.Time     `json:"created"`
}

// InvoiceStatus is Stripe's status of an invoice.
type InvoiceStatus string

// The statuses of an invoice. It goes through them from left to right; paid
// and void are final.
const (
	InvoiceDraft         InvoiceStatus = "draft"
	InvoiceOpen          InvoiceStatus = "open"
	InvoiceUncollectible InvoiceStatus = "uncollectible"
	InvoicePaid          InvoiceStatus = "paid"
	InvoiceVoid          InvoiceStatus = "void"
)

// StripePaymentIntent is a payment intent at Stripe.
type StripePaymentIntent struct {
	ID       string `json:"id"`
	Customer string `json:"customer,omitempty"`
	UserID   string `json:"user_id,omitempty"` // metadata.user_id
	// Invoice is the invoice that it pays. Since 2025-03-31 a payment intent
	// does not say: InvoiceKnown is whether an empty Invoice means "of none".
	Invoice        string              `json:"invoice,omitempty"`
	InvoiceKnown   bool                `json:"invoice_known,omitempty"`
	Status         PaymentIntentStatus `json:"status"`
	Currency       string              `json:"currency"`
	Amount         int64               `json:"amount"`
	AmountReceived int64               `json:"amount_received,omitempty"`
	LatestCharge   string              `json:"latest_charge,omitempty"`
	Description    string              `json:"description,omitempty"`
	FailureCode    string              `json:"failure_code,omitempty"` // of last_payment_error
	DeclineCode    string              `json:"decline_code,omitempty"`
	FailureMessage string              `json:"failure_message,omitempty"`
	Metadata       map[string]string   `json:"metadata,omitempty"`
	Created        time.Time           `json:"created"`
}

// PaymentIntentStatus is Stripe's status of a payment intent.
type PaymentIntentStatus string

// The statuses of a payment intent; succeeded and canceled are final.
const (
	IntentRequiresPaymentMethod PaymentIntentStatus = "requires_payment_method"
	IntentRequiresConfirmation  PaymentIntentStatus = "requires_confirmation"
	IntentRequiresAction        PaymentIntentStatus = "requires_action"
	IntentProcessing            PaymentIntentStatus = "processing"
	IntentRequiresCapture       PaymentIntentStatus = "requires_capture"
	IntentSucceeded             PaymentIntentStatus = "succeeded"
	IntentCanceled              PaymentIntentStatus = "canceled"
)

// StripeCharge is one try to charge, at Stripe.
type StripeCharge struct {
	ID             string            `json:"id"`
	Customer       string            `json:"customer,omitempty"`
	UserID         string            `json:"user_id,omitempty"` // metadata.user_id
	PaymentIntent  string            `json:"payment_intent,omitempty"`
	Invoice        string            `json:"invoice,omitempty"` // said before 2025-03-31 only
	InvoiceKnown   bool              `json:"invoice_known,omitempty"`
	Status         string            `json:"status"` // succeeded, pending or failed
	Currency       string            `json:"currency"`
	Amount         int64             `json:"amount"`
	AmountRefunded int64             `json:"amount_refunded,omitempty"`
	Disputed       bool              `json:"disputed,omitempty"`
	Description    string            `json:"description,omitempty"`
	FailureCode    string            `json:"failure_code,omitempty"`
	DeclineCode    string            `json:"decline_code,omitempty"`
	FailureMessage string            `json:"failure_message,omitempty"`
	Metadata       map[string]string `json:"metadata,omitempty"`
	Created        time.Time         `json:"created"`
}

// StripeInvoicePayment links an invoice to the money that pays it.
type StripeInvoicePayment struct {
	ID            string    `json:"id"`
	Invoice       string    `json:"invoice"`
	PaymentIntent string    `json:"payment_intent,omitempty"`
	Charge        string    `json:"charge,omitempty"`
	Status        string    `json:"status"` // open, paid or canceled
	Currency      string    `json:"currency"`
	AmountPaid    int64     `json:"amount_paid,omitempty"`
	Created       time.Time `json:"created"`
}

// StripeRefund is money that goes back.
type StripeRefund struct {
	ID            string    `json:"id"`
	PaymentIntent string    `json:"payment_intent,omitempty"`
	Charge        string    `json:"charge,omitempty"`
	UserID        string    `json:"user_id,omitempty"` // metadata.user_id
	Status        string    `json:"status"`            // pending, requires_action, succeeded, failed or canceled
	Currency      string    `json:"currency"`
	Amount        int64     `json:"amount"` // positive
	Reason        string    `json:"reason,omitempty"`
	Created       time.Time `json:"created"`
}

// StripeDispute is a payer's objection to a charge, at Stripe: the bank has
// taken the money back, or, in an inquiry, only asks.
type StripeDispute struct {
	ID            string        `json:"id"`
	PaymentIntent string        `json:"payment_intent,omitempty"`
	Charge        string        `json:"charge"`
	UserID        string        `json:"user_id,omitempty"` // metadata.user_id
	Status        DisputeStatus `json:"status"`
	Currency      string        `json:"currency"`
	Amount        int64         `json:"amount"` // positive
	Reason        string        `json:"reason,omitempty"`
	Created       time.Time     `json:"created"`
}

// DisputeStatus is Stripe's status of a dispute.
type DisputeStatus string

// The statuses of a dispute. Those of an inquiry begin with warning: no money
// moves. It may become a dispute, but not the other way round. A prevented one
// was settled by a refund before it was one.
const (
	DisputeWarningNeedsResponse DisputeStatus = "warning_needs_response"
	DisputeWarningUnderReview   DisputeStatus = "warning_under_review"
	DisputeWarningClosed        DisputeStatus = "warning_closed"
	DisputeNeedsResponse        DisputeStatus = "needs_response"
	DisputeUnderReview          DisputeStatus = "under_review"
	DisputeWon                  DisputeStatus = "won"
	DisputeLost                 DisputeStatus = "lost"
	DisputePrevented            DisputeStatus = "prevented"
)

// Ref names the customer.
func (o *StripeCustomer) Ref() Ref { return Ref{KindCustomer, o.ID} }

// Ref names the subscription.
func (o *StripeSubscription) Ref() Ref { return Ref{KindSubscription, o.ID} }

// Ref names the invoice.
func (o *StripeInvoice) Ref() Ref { return Ref{KindInvoice, o.ID} }

// Ref names the payment intent.
func (o *StripePaymentIntent) Ref() Ref { return Ref{KindPaymentIntent, o.ID} }

// Ref names the charge.
func (o *StripeCharge) Ref() Ref { return Ref{KindCharge, o.ID} }

// Ref names the invoice payment.
func (o *StripeInvoicePayment) Ref() Ref { return Ref{KindInvoicePayment, o.ID} }

// Ref names the refund.
func (o *StripeRefund) Ref() Ref { return Ref{KindRefund, o.ID} }

// Ref names the dispute.
func (o *StripeDispute) Ref() Ref { return Ref{KindDispute, o.ID} }

func (o *StripeCustomer) links() links {
	return links{Customer: o.ID, UserID: o.UserID, TestClock: o.TestClock}
}

func (o *StripeSubscription) links() links {
	return links{Customer: o.Customer, UserID: o.UserID, TestClock: o.TestClock, Subscription: o.ID, Invoice: o.LatestInvoice}
}

func (o *StripeInvoice) links() links {
	return links{Customer: o.Customer, UserID: o.UserID, TestClock: o.TestClock, Subscription: o.Subscription, Invoice: o.ID}
}

func (o *StripePaymentIntent) links() links {
	return links{Customer: o.Customer, UserID: o.UserID, Invoice: o.Invoice, PaymentIntent: o.ID, Charge: o.LatestCharge}
}

func (o *StripeCharge) links() links {
	return links{Customer: o.Customer, UserID: o.UserID, Invoice: o.Invoice, PaymentIntent: o.PaymentIntent, Charge: o.ID}
}

func (o *StripeInvoicePayment) links() links {
	return links{Invoice: o.Invoice, PaymentIntent: o.PaymentIntent, Charge: o.Charge}
}

func (o *StripeRefund) links() links {
	return links{UserID: o.UserID, PaymentIntent: o.PaymentIntent, Charge: o.Charge}
}

func (o *StripeDispute) links() links {
	return links{UserID: o.UserID, PaymentIntent: o.PaymentIntent, Charge: o.Charge}
}

func (o *StripeCustomer) stage() int {
	if o.Deleted {
		return 1
	}
	return 0
}

// A subscription never becomes incomplete again, and never leaves its end.
func (o *StripeSubscription) stage() int {
	switch o.Status {
	case StatusIncomplete:
		return 0
	case StatusCanceled, StatusIncompleteExpired:
		return 2
	}
	return 1
}

func (o *StripeInvoice) stage() int {
	switch o.Status {
	case InvoiceOpen:
		return 1
	case InvoiceUncollectible:
		return 2
	case InvoicePaid, InvoiceVoid:
		return 3
	}
	return 0
}

func (o *StripePaymentIntent) stage() int {
	if o.Status == IntentSucceeded || o.Status == IntentCanceled {
		return 1
	}
	return 0
}

func (o *StripeCharge) stage() int {
	if o.Status == "pending" {
		return 0
	}
	return 1
}

func (o *StripeInvoicePayment) stage() int {
	if o.Status == "open" {
		return 0
	}
	return 1
}

// A refund that succeeded may still fail later; nothing follows a failure.
func (o *StripeRefund) stage() int {
	switch o.Status {
	case "succeeded":
		return 1
	case "failed", "canceled":
		return 2
	}
	return 0
}

// An inquiry may become a dispute, which is then decided. The bank may still
// change its mind.
func (o *StripeDispute) stage() int {
	switch o.Status {
	case DisputeNeedsResponse, DisputeUnderReview:
		return 1
	case DisputeWon, DisputeLost, DisputeWarningClosed, DisputePrevented:
		return 2
	}
	return 0
}

func (o *StripeCustomer) growth() int64       { return 0 }
func (o *StripeSubscription) growth() int64   { return 0 }
func (o *StripeInvoice) growth() int64        { return o.AttemptCount }
func (o *StripePaymentIntent) growth() int64  { return 0 }
func (o *StripeCharge) growth() int64         { return o.AmountRefunded }
func (o *StripeInvoicePayment) growth() int64 { return 0 }
func (o *StripeRefund) growth() int64         { return 0 }
func (o *StripeDispute) growth() int64        { return 0 }

// StoredObject is an object as it is kept: what Stripe last said of it, its
// version, and the links by which it is found.
type StoredObject struct {
	Ref
	UserID string
	Version
	// Status is the object's own, for looking up open invoices.
	Status        string
	Customer      string
	Subscription  string
	Invoice       string
	PaymentIntent string
	Charge        string
	// Data is the object in JSON.
	Data []byte
}

// decode gives the object back.
func (o StoredObject) decode() (Object, error) {
	object, err := newObject(o.Kind)
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(o.Data, object); err != nil {
		return nil, fmt.Errorf("decode stored %s %s: %w", o.Kind, o.ID, err)
	}
	return object, nil
}

func newObject(kind ObjectKind) (Object, error) {
	switch kind {
	case KindCustomer:
		return new(StripeCustomer), nil
	case KindSubscription:
		return new(StripeSubscription), nil
	case KindInvoice:
		return new(StripeInvoice), nil
	case KindPaymentIntent:
		return new(StripePaymentIntent), nil
	case KindCharge:
		return new(StripeCharge), nil
	case KindInvoicePayment:
		return new(StripeInvoicePayment), nil
	case KindRefund:
		return new(StripeRefund), nil
	case KindDispute:
		return new(StripeDispute), nil
	}
	return nil, fmt.Errorf("unknown kind of object %q", kind)
}
