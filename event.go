package payments

import "time"

// EventStatus is how far an event of Stripe's has come.
type EventStatus string

// The statuses of an event.
const (
	// EventPending: stored; waits for a read from Stripe or for a retry.
	EventPending EventStatus = "pending"
	// EventProcessed: the state says what the event said, or something newer.
	EventProcessed EventStatus = "processed"
	// EventIgnored: kept for the record only; Reason says why.
	EventIgnored EventStatus = "ignored"
	// EventFailed: given up after many tries; Error says why. A replay tries again.
	EventFailed EventStatus = "failed"
)

// EventSource is the way on which an event arrived.
type EventSource string

// The ways on which events arrive.
const (
	SourceWebhook EventSource = "webhook"
	SourcePoll    EventSource = "poll"
	SourceReplay  EventSource = "replay"
)

// Event is one event of Stripe's in the audit trail.
type Event struct {
	ID         string `json:"id"` // Stripe's, evt_…
	Type       string `json:"type"`
	APIVersion string `json:"api_version"`
	Livemode   bool   `json:"livemode"`
	// Account is the connected account that it is of; empty for our own.
	Account string `json:"account,omitempty"`
	// ObjectKind and ObjectID name what it is about. A few kinds of event
	// have an object without an id.
	ObjectKind ObjectKind `json:"object"`
	ObjectID   string     `json:"object_id"`
	// CustomerID is the Stripe customer it concerns, where it says so.
	CustomerID string    `json:"customer_id"`
	Created    time.Time `json:"created"` // Stripe's time, whole seconds
	ReceivedAt time.Time `json:"received_at"`

	Status EventStatus `json:"status"`
	// Reason says in a few words why it is ignored or what it waits for.
	Reason string `json:"reason,omitempty"`
	// WaitsFor is the id of the object that would tell whose the event's object
	// is, where the event is pending for that. Empty: none.
	WaitsFor string `json:"waits_for,omitempty"`
	// Attempts counts how often it was tried.
	Attempts int `json:"attempts"`
	// Error is what went wrong last.
	Error       string      `json:"error,omitempty"`
	ProcessedAt *time.Time  `json:"processed_at"`
	Source      EventSource `json:"source"`

	// Payload is the body byte for byte. It is read only where asked for; nil
	// even then: it was pruned.
	Payload []byte `json:"-"`
}

// Reasons for which an event is ignored or waits.
const (
	reasonUnhandledType = "type not used"
	reasonOtherAccount  = "of a connected account"
	reasonNoUser        = "customer belongs to no user"
	reasonNoCustomer    = "of no customer"
	reasonGone          = "object no longer exists at Stripe"
	reasonWaitsForRead  = "waits for a read from Stripe"
	reasonWaitsForOwner = "waits until its user is known"
	reasonWaitsForRetry = "waits for a retry"
)

// EventFilter selects events, newest first. The zero value selects all, 50 at most.
type EventFilter struct {
	Status EventStatus
	Type   string
	// Since and Until bound the time at which they were received: from Since on,
	// and before Until. Zero: no bound.
	Since, Until time.Time
	// Before lists what was received before this event id; empty: from the newest.
	Before string
	// Limit is the most events returned: 1 to 1000, 0 means 50.
	Limit int
}
