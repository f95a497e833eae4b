package payments

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"
)

// The bounds of what waits to be written. Beyond them an event is refused, and
// Stripe sends it again.
const (
	maxWaitingEvents = 4096
	maxWaitingBytes  = 64 << 20
	maxBatchEvents   = 64
	maxBatchBytes    = 4 << 20
	// batchTime is how long the writing of one batch may take.
	batchTime = 30 * time.Second
)

// errFull says that more events wait to be written than may.
var errFull = &Error{Kind: ErrUnavailable, Code: CodeInternal, Message: "Too many events wait to be stored. Send this one again later."}

// errUnwritten is for those in whose batch something went so wrong that nobody
// told them.
var errUnwritten = &Error{Kind: ErrUnavailable, Code: CodeInternal, Message: "The event could not be stored. Send it again."}

// intake commits together what arrives together: while one batch is written,
// the next one forms. There is no writer of its own and no timer: one of those
// who wait writes the batch that it is in, and then passes the lead on. So a
// process writes one batch at a time; batches side by side, though about
// different users, meet on the same pages of the same indexes and would mostly
// undo each other.
type intake struct {
	write func(context.Context, []*arrival)

	mu      sync.Mutex
	waiting []*arrival
	bytes   int
	led     bool // somebody writes, or is about to
}

// arrival is an event on its way into the store.
type arrival struct {
	event Event
	news  News
	// written says how it went. It is told once.
	written chan error
	// lead is closed when it is for this one to write the next batch.
	lead  chan struct{}
	leads bool
}

// add waits until the event is written, and returns what became of it. When ctx
// ends before its batch was begun, it is not written at all.
func (in *intake) add(ctx context.Context, event Event, news News) error {
	a := &arrival{event: event, news: news, written: make(chan error, 1), lead: make(chan struct{})}
	if err := in.join(a); err != nil {
		return err
	}
	select {
	case err := <-a.written:
		return err
	case <-a.lead:
		in.run(ctx)
		return <-a.written
	case <-ctx.Done():
		in.leave(a)
		return ctx.Err()
	}
}

func (in *intake) join(a *arrival) error {
	in.mu.Lock()
	defer in.mu.Unlock()
	if len(in.waiting) >= maxWaitingEvents || in.bytes+len(a.event.Payload) > maxWaitingBytes {
		return errFull
	}
	in.waiting = append(in.waiting, a)
	in.bytes += len(a.event.Payload)
	if !in.led {
		in.passLead()
	}
	return nil
}

// run writes the batch that begins with the one who leads. The batch is
// everybody's, so it goes on when the leader's caller has gone.
func (in *intake) run(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), batchTime)
	defer cancel()
	batch := in.take()
	defer func() {
		for _, a := range batch {
			select {
			case a.written <- errUnwritten:
			default: // it was told already
			}
		}
		in.mu.Lock()
		defer in.mu.Unlock()
		in.passLead()
	}()
	in.write(ctx, batch)
}

// take takes the next batch: as much as there is, within the bounds.
func (in *intake) take() []*arrival {
	in.mu.Lock()
	defer in.mu.Unlock()
	count, size := 0, 0
	for count < min(len(in.waiting), maxBatchEvents) {
		size += len(in.waiting[count].event.Payload)
		if count > 0 && size > maxBatchBytes {
			break
		}
		count++
	}
	batch := slices.Clone(in.waiting[:count])
	in.waiting = slices.Delete(in.waiting, 0, count)
	for _, a := range batch {
		in.bytes -= len(a.event.Payload)
	}
	return batch
}

// leave gives up waiting. What is in a batch already is written all the same.
func (in *intake) leave(a *arrival) {
	in.mu.Lock()
	defer in.mu.Unlock()
	at := slices.Index(in.waiting, a)
	if at < 0 {
		return
	}
	in.waiting = slices.Delete(in.waiting, at, at+1)
	in.bytes -= len(a.event.Payload)
	if a.leads {
		in.passLead()
	}
}

// passLead makes the one who has waited longest write the next batch. The
// caller holds the lock.
func (in *intake) passLead() {
	if in.led = len(in.waiting) > 0; in.led {
		in.waiting[0].leads = true
		close(in.waiting[0].lead)
	}
}

// IntakeLoad is how much waits to be written by this process.
type IntakeLoad struct{ Events, Bytes int }

// IntakeLoad says how much waits to be written, beside the batch that is being
// written.
func (s *Service) IntakeLoad() IntakeLoad {
	s.intake.mu.Lock()
	defer s.intake.mu.Unlock()
	return IntakeLoad{len(s.intake.waiting), s.intake.bytes}
}

// writeEvents stores and applies a batch of events in one transaction. When
// that fails each is written by itself, so that a bad one harms nobody but
// itself.
func (s *Service) writeEvents(ctx context.Context, batch []*arrival) {
	err := s.writeTogether(ctx, batch)
	alone := err != nil && len(batch) > 1 && !errors.Is(err, ErrUnavailable) && ctx.Err() == nil
	for _, a := range batch {
		if alone {
			a.written <- s.writeTogether(ctx, []*arrival{a})
		} else {
			a.written <- err
		}
	}
}

func (s *Service) writeTogether(ctx context.Context, batch []*arrival) error {
	events, ids := make([]Event, len(batch)), make([]string, len(batch))
	for i, a := range batch {
		events[i], ids[i] = a.event, a.event.ID
	}
	var inserted []bool
	outcomes := make([]Outcome, len(batch))
	ended := s.observer.BatchBegan(len(batch))
	err := s.store.Update(ctx, func(tx Tx) (err error) {
		if err := tx.Foresee(ctx, ids, mentioned(batch)); err != nil {
			return err
		}
		if inserted, err = tx.InsertEvents(ctx, events); err != nil {
			return err
		}
		for i, a := range batch {
			if !inserted[i] {
				continue
			}
			if outcomes[i], err = s.process(ctx, tx, a.event, a.news); err != nil {
				return err
			}
		}
		return nil
	})
	if ended(err); err != nil {
		return err
	}
	for i, event := range events {
		if s.observeArrival(event, inserted[i]); inserted[i] {
			s.observer.EventHandled(event, outcomes[i])
		}
	}
	return nil
}

// mentioned are the objects that events are about, and those that they belong to.
func mentioned(batch []*arrival) []Ref {
	var refs []Ref
	for _, a := range batch {
		if a.event.Account != "" {
			continue
		}
		for _, object := range a.news.Objects {
			l := object.links()
			refs = append(refs, object.Ref(), Ref{KindCustomer, l.Customer}, Ref{KindSubscription, l.Subscription},
				Ref{KindInvoice, l.Invoice}, Ref{KindPaymentIntent, l.PaymentIntent}, Ref{KindCharge, l.Charge})
		}
	}
	return refs
}
