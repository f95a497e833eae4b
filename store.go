package payments

import (
	"context"
	"time"
)

// Store keeps the state. Both engines promise the same: what Update committed
// is on disk, as is what it saw, and no two updates see each other half done.
type Store interface {
	// View runs fn on one snapshot, read only.
	View(ctx context.Context, fn func(Tx) error) error
	// Standing is what decides whether a user has premium, of one snapshot. It is
	// read for nearly every answer, so a store may have a short way to it.
	Standing(ctx context.Context, userID string) (Standing, error)
	// Update runs fn in one serializable transaction and commits if it
	// returns nil. fn may run several times, so it must touch nothing but tx.
	Update(ctx context.Context, fn func(Tx) error) error
	// PreparePayloads readies the store for the payloads of events received
	// from that time on, as far as it gains by it. They are stored without it too.
	PreparePayloads(ctx context.Context, now time.Time) error
	// DropPayloads lets go at once of many payloads of events that are processed
	// or ignored and were received before that time, where the store has a
	// short way to it. Which ones are left is [Tx.PrunePayloads]' to delete.
	DropPayloads(ctx context.Context, receivedBefore time.Time) error
	// Ping says whether the database answers.
	Ping(ctx context.Context) error
}

// Standing is what decides whether a user has premium: all subscriptions, by
// their creation, and all grants, ended ones too.
type Standing struct {
	Subscriptions []Subscription
	Grants        []Grant
}

// Tx is what can be done in one transaction. A row that is not there is an
// ErrNotFound. Put… inserts or replaces by key. Times are UTC in microseconds.
type Tx interface {
	// BillingEntry is the entry of a billing history of that kind and source.
	BillingEntry(ctx context.Context, kind BillingKind, source string) (BillingEntry, error)
	// BillingHistory lists a user's entries, newest first (created at, then
	// id), skipping offset and returning limit at most, with the count of all.
	BillingHistory(ctx context.Context, userID string, offset, limit int) ([]BillingEntry, int, error)
	// CancelRefresh deletes the wish to read an object if it has this reason
	// and nobody was asked to do it yet. It is no error if there is none.
	CancelRefresh(ctx context.Context, objectID, reason string) error
	// CountReplies counts a user's operations that finished since then with that reply code.
	CountReplies(ctx context.Context, userID, replyCode string, since time.Time) (int, error)
	// Customer is the stored user of that id.
	Customer(ctx context.Context, userID string) (Customer, error)
	// CustomerByStripeID is the stored user whose customer that is.
	CustomerByStripeID(ctx context.Context, stripeCustomerID string) (Customer, error)
	// CustomersAfter lists the users with a Stripe customer whose id is greater
	// than that, by that id, limit at most.
	CustomersAfter(ctx context.Context, stripeCustomerID string, limit int) ([]Customer, error)
	// DeleteBillingEntry deletes by kind and source. It is no error if there is none.
	DeleteBillingEntry(ctx context.Context, kind BillingKind, source string) error
	// DeleteEndpoint deletes an endpoint with its deliveries. It is no error if there is none.
	DeleteEndpoint(ctx context.Context, id string) error
	// DeleteOperation deletes one operation. It is no error if there is none.
	DeleteOperation(ctx context.Context, id string) error
	// DeleteOperations deletes operations that finished before then, the oldest
	// first, and says how many.
	DeleteOperations(ctx context.Context, finishedBefore time.Time, limit int) (int, error)
	// Backlog says what waits.
	Backlog(ctx context.Context) (Backlog, error)
	// DeleteRefresh deletes the wish to read an object, if Wishes is still as given.
	DeleteRefresh(ctx context.Context, objectID string, wishes int64) (deleted bool, err error)
	// Deliveries lists deliveries to one endpoint, newest event first.
	Deliveries(ctx context.Context, filter DeliveryFilter) ([]Delivery, error)
	// Delivery is the delivery of that event to that endpoint.
	Delivery(ctx context.Context, endpointID, eventID string) (Delivery, error)
	// DueRechecks lists users whose RecheckAt has come, limit at most.
	DueRechecks(ctx context.Context, now time.Time, limit int) ([]string, error)
	// DueRefreshes lists wishes whose DueAt has come, oldest first, limit at most.
	DueRefreshes(ctx context.Context, now time.Time, limit int) ([]Refresh, error)
	// Endpoint is the endpoint of that id.
	Endpoint(ctx context.Context, id string) (Endpoint, error)
	// Endpoints lists all endpoints, oldest first.
	Endpoints(ctx context.Context) ([]Endpoint, error)
	// Enqueue stores a job, to be done after that much real time (zero: at once).
	Enqueue(ctx context.Context, job Job, after time.Duration) error
	// Event is one event without its payload.
	Event(ctx context.Context, id string) (Event, error)
	// EventPayload is the body of a stored event byte for byte, found by its id
	// and when it was received. ErrNotFound: there is none any more.
	EventPayload(ctx context.Context, e Event) ([]byte, error)
	// EventPoll is how far Stripe's list of events was read.
	EventPoll(ctx context.Context) (EventPoll, error)
	// Events lists events without payloads, newest received first.
	Events(ctx context.Context, filter EventFilter) ([]Event, error)
	// EventsWaitingFor lists the pending events that wait for an object, oldest
	// first; of none for the empty id.
	EventsWaitingFor(ctx context.Context, objectID string) ([]Event, error)
	// Foresee says which events are about to be inserted, and which objects
	// asked for, with whom and what they belong to, so that a store may read
	// them in few trips. It changes nothing.
	Foresee(ctx context.Context, eventIDs []string, refs []Ref) error
	// GrantsOf lists a user's grants, ended ones too.
	GrantsOf(ctx context.Context, userID string) ([]Grant, error)
	// InsertEvents stores events with their payloads and says for each
	// whether its id was new; of one that was not, nothing is stored.
	InsertEvents(ctx context.Context, events []Event) (inserted []bool, err error)
	// InsertOperation stores a new operation. ErrConflict: the user has
	// another one open, or has used its idempotency key before.
	InsertOperation(ctx context.Context, o Operation) error
	// InsertOutbound stores an outbound event.
	InsertOutbound(ctx context.Context, e OutboundEvent) error
	// KeyByHash is the key of that hash.
	KeyByHash(ctx context.Context, hash string) (Key, error)
	// Keys lists all keys, oldest first.
	Keys(ctx context.Context) ([]Key, error)
	// Object is the stored object of that id.
	Object(ctx context.Context, id string) (StoredObject, error)
	// ObjectsByCharge, ObjectsByInvoice and ObjectsByPaymentIntent list the
	// stored objects with that link, by id.
	ObjectsByCharge(ctx context.Context, chargeID string) ([]StoredObject, error)
	ObjectsByInvoice(ctx context.Context, invoiceID string) ([]StoredObject, error)
	ObjectsByPaymentIntent(ctx context.Context, paymentIntentID string) ([]StoredObject, error)
	// OpenInvoices lists the stored invoices of a subscription whose status is open.
	OpenInvoices(ctx context.Context, stripeSubscriptionID string) ([]StoredObject, error)
	// OpenOperation is the operation that a user has open.
	OpenOperation(ctx context.Context, userID string) (Operation, error)
	// Operation is the operation of that id.
	Operation(ctx context.Context, id string) (Operation, error)
	// OperationByKey is the operation for which a user gave that idempotency key.
	OperationByKey(ctx context.Context, userID, idempotencyKey string) (Operation, error)
	// OverdueSubscriptions lists the subscriptions, except those that ended or
	// are paused, whose period ended before then and that come after another
	// by the end of their period and Stripe's id, in that order, limit at most.
	OverdueSubscriptions(ctx context.Context, endedBefore time.Time, after Subscription, limit int) ([]Subscription, error)
	// Outbound is the outbound event of that id.
	Outbound(ctx context.Context, id string) (OutboundEvent, error)
	// Payment is the payment of that payment intent.
	Payment(ctx context.Context, paymentIntentID string) (Payment, error)
	// PendingEvents lists the events about an object that are pending, oldest first.
	PendingEvents(ctx context.Context, objectID string) ([]Event, error)
	// PrunePayloads deletes the oldest payloads of events that are processed or
	// ignored and were received before then, limit at most, and counts them.
	PrunePayloads(ctx context.Context, receivedBefore time.Time, limit int) (int, error)
	// PutBillingEntry stores an entry by kind and source; the id of one that
	// is there stays.
	PutBillingEntry(ctx context.Context, e BillingEntry) error
	// PutCustomer stores a user. ErrConflict: the Stripe customer is another user's.
	PutCustomer(ctx context.Context, c Customer) error
	// PutDelivery stores a delivery by endpoint and event; the type and the time
	// of creation of one that is there stay.
	PutDelivery(ctx context.Context, d Delivery) error
	// PutEndpoint stores an endpoint.
	PutEndpoint(ctx context.Context, e Endpoint) error
	// PutEvent changes an event's status, reason, attempts, error, source, time
	// of processing and what it waits for; the rest of it never changes.
	PutEvent(ctx context.Context, e Event) error
	// PutEventPoll stores how far Stripe's list of events was read.
	PutEventPoll(ctx context.Context, p EventPoll) error
	// PutKey stores a key.
	PutKey(ctx context.Context, k Key) error
	// PutObject stores an object.
	PutObject(ctx context.Context, o StoredObject) error
	// PutOperation changes an operation's progress, lease, reply, whether it is
	// open and when it finished.
	PutOperation(ctx context.Context, o Operation) error
	// PutPayment stores a payment by payment intent; the id of one that is
	// there stays.
	PutPayment(ctx context.Context, p Payment) error
	// PutRefresh stores the wish to read an object.
	PutRefresh(ctx context.Context, r Refresh) error
	// PutSubscription stores a subscription by Stripe's id; the id of one
	// that is there stays.
	PutSubscription(ctx context.Context, s Subscription) error
	// Refresh is the wish to read that object.
	Refresh(ctx context.Context, objectID string) (Refresh, error)
	// Subscription is the subscription of that Stripe id.
	Subscription(ctx context.Context, stripeSubscriptionID string) (Subscription, error)
	// SubscriptionsOf lists a user's subscriptions, ended ones too, by creation.
	SubscriptionsOf(ctx context.Context, userID string) ([]Subscription, error)
	// UnmappedSubscriptions lists live subscriptions marked Unmapped whose
	// Stripe id is greater than after, by that id, limit at most.
	UnmappedSubscriptions(ctx context.Context, after string, limit int) ([]Subscription, error)
	// UnownedEvents lists the events of a Stripe customer that are pending, or
	// ignored for the reason given.
	UnownedEvents(ctx context.Context, stripeCustomerID, reason string) ([]Event, error)
}

// Refresh is the wish to read an object from Stripe. There is one row per
// object however many wish for it, so reads are coalesced; the read deletes it
// only if no newer wish came meanwhile.
type Refresh struct {
	Ref
	// Wishes counts them.
	Wishes int64
	// NewerThan is the moment that the answer has to be later than; zero: any answer will do.
	NewerThan time.Time
	// Reason says in a few words what the read is for.
	Reason string
	// DueAt is when it may be done. While a job is on its way to do it (Queued),
	// it is when the sweep asks for another job.
	DueAt  time.Time
	Queued bool
}
