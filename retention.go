package payments

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// The payloads of events: pruning them, and what is done without them. The
// events stay for ever, since their ids are what makes each count once.

const (
	// pruneBatch is how many payloads one transaction deletes. On SQLite nothing
	// else is written meanwhile.
	pruneBatch = 200
	// pruneBatches bounds one run; the next one begins a moment later.
	pruneBatches = 100
	// pruneRest is that moment.
	pruneRest = time.Second
)

// PreparePayloads readies the store for the payloads to come. They are stored
// without it too, so what goes wrong is only logged.
func (s *Service) PreparePayloads(ctx context.Context) {
	if err := s.store.PreparePayloads(ctx, s.now()); err != nil {
		s.log.WarnContext(ctx, "the tables of payloads to come could not be made; these go to the default one", "error", err)
	}
}

// tendPayloads readies the store for the payloads to come, and prunes those
// that are too old.
func (s *Service) tendPayloads(ctx context.Context) error {
	s.PreparePayloads(ctx)
	if s.retention == 0 {
		return nil
	}
	before := s.now().Add(-s.retention)
	if err := s.store.DropPayloads(ctx, before); err != nil { // row by row it goes all the same
		s.log.WarnContext(ctx, "old payloads could not be dropped at once; they are deleted one by one", "error", err)
	}
	for range pruneBatches {
		pruned := 0
		err := s.store.Update(ctx, func(tx Tx) (err error) {
			pruned, err = tx.PrunePayloads(ctx, before, pruneBatch)
			return err
		})
		if err != nil {
			return fmt.Errorf("prune payloads: %w", err)
		}
		if pruned < pruneBatch {
			return nil
		}
	}
	return &SnoozeError{For: pruneRest}
}

// readableKinds are those of the objects that can be read from Stripe.
var readableKinds = []ObjectKind{
	KindCustomer, KindSubscription, KindInvoice, KindPaymentIntent, KindCharge, KindInvoicePayment, KindRefund,
	KindDispute,
}

// readable says whether an event is about an object that can be read from Stripe.
func (e Event) readable() bool {
	return e.Account == "" && e.ObjectID != "" && slices.Contains(readableKinds, e.ObjectKind)
}

// lostPayload is the error of an event that can be applied no more.
func (e Event) lostPayload() error {
	return invalid(FieldError{"id", fmt.Sprintf(
		"Event %s cannot be replayed: its payload was pruned, and what it is about cannot be read from Stripe instead.", e.ID)})
}

// applyAgain applies a stored event in a transaction, and says what came of it.
type applyAgain func(tx Tx, event Event) (Outcome, error)

// again says how a stored event is applied: by its payload or, where that was
// pruned, by having its object read from Stripe.
func (s *Service) again(ctx context.Context, event Event) (applyAgain, error) {
	switch {
	case event.Payload == nil && !event.readable():
		return nil, event.lostPayload()
	case event.Payload == nil:
		return func(tx Tx, event Event) (Outcome, error) { return s.readInstead(ctx, tx, event) }, nil
	}
	news, err := s.decode(ctx, event)
	if err != nil {
		return nil, err
	}
	return func(tx Tx, event Event) (Outcome, error) { return s.process(ctx, tx, event, news) }, nil
}

// readInstead has the object of an event read, which settles the event.
func (s *Service) readInstead(ctx context.Context, tx Tx, event Event) (Outcome, error) {
	event.Attempts++
	s.mark(&event, EventPending, reasonWaitsForRead, "")
	wish := Refresh{Ref: Ref{event.ObjectKind, event.ObjectID}, Reason: wishPruned}
	return OutcomeDeferred, errors.Join(tx.PutEvent(ctx, event), s.wish(ctx, tx, wish, 0))
}
