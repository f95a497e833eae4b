package payments

import "time"

// Observer is told what a [Service] does, for those who count it. It is told of
// events only after what it is told is on disk. Its methods are called by many
// at once and on the path of every event: they have to be quick.
type Observer interface {
	// EventReceived: an event came, is Stripe's and is about to be stored, if
	// it is not there already.
	EventReceived(e Event)
	// EventStored: an event is on disk that was not there before, that long
	// after Stripe made it.
	EventStored(e Event, lag time.Duration)
	// EventRepeated: an event had been stored before.
	EventRepeated(e Event)
	// EventHandled: an event was worked on. An event that is put off, or
	// replayed, is handled more than once.
	EventHandled(e Event, outcome Outcome)
	// BatchBegan: so many events are being written in one transaction. The
	// function that it returns is called when that ended, with its error.
	BatchBegan(events int) (ended func(error))
	// ObjectRead: an object was read from Stripe, or could not be. The reason is
	// a word, of which there are a few.
	ObjectRead(reason string, err error)
	// JobBegan: a job is at work. The function that it returns is called when
	// that ended, with what [Service.Work] returns.
	JobBegan(kind string) (ended func(error))
	// DeliveryTried: an outbound event was brought to an endpoint, or was not:
	// it is delivered, still pending, or has failed for good.
	DeliveryTried(status DeliveryStatus)
}

// Outcome is what became of an event when it was worked on.
type Outcome string

// The outcomes.
const (
	// OutcomeApplied: the state says now what the event said.
	OutcomeApplied Outcome = "applied"
	// OutcomeStale: the state said so already, or something newer.
	OutcomeStale Outcome = "stale"
	// OutcomeRefreshed: what it is about was read from Stripe.
	OutcomeRefreshed Outcome = "refreshed"
	// OutcomeIgnored: it is kept for the record only.
	OutcomeIgnored Outcome = "ignored"
	// OutcomeDeferred: it waits for a read from Stripe, for its user or for a retry.
	OutcomeDeferred Outcome = "deferred"
	// OutcomeFailed: given up.
	OutcomeFailed Outcome = "failed"
)

// readReasons are short names of what reads are for.
var readReasons = map[string]string{
	wishTie:             "tie",
	wishOwner:           "owner",
	wishInvoiceOfIntent: "invoice_of_intent",
	wishInvoice:         "missing_invoice",
	wishSubscription:    "missing_subscription",
	wishReversals:       "missing_refunds",
	wishOpenInvoice:     "open_invoice",
	wishCustomerDeleted: "customer_deleted",
	wishMapped:          "price_mapped",
	wishMissed:          "missed_events",
	wishOverdue:         "overdue",
	wishPruned:          "pruned_event",
	wishSeveral:         "several",
}

// readReason is the short name of what a read is for. Another version of the
// program may have written a reason that this one does not know.
func readReason(reason string) string { return firstOf(readReasons[reason], "other") }

// nobody observes nothing.
type nobody struct{}

func (nobody) EventReceived(Event)              {}
func (nobody) EventStored(Event, time.Duration) {}
func (nobody) EventRepeated(Event)              {}
func (nobody) EventHandled(Event, Outcome)      {}
func (nobody) BatchBegan(int) func(error)       { return func(error) {} }
func (nobody) ObjectRead(string, error)         {}
func (nobody) JobBegan(string) func(error)      { return func(error) {} }
func (nobody) DeliveryTried(DeliveryStatus)     {}
