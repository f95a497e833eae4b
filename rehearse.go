package payments

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// Rehearsal is what the replay of an event would do if it were done now.
type Rehearsal struct {
	// Event is the event as it is now, without its payload.
	Event Event `json:"event"`
	// Becomes is its status afterwards, and Reason why it would be ignored or
	// what it would wait for.
	Becomes EventStatus `json:"becomes"`
	Reason  string      `json:"reason,omitempty"`
	// Changes are the rows of users that would change, in the order in which
	// they would be written. Rows that would stay as they are are left out.
	Changes []Change `json:"changes"`
	// Reads are the ids of the objects that would then be read from Stripe, since
	// the event alone cannot decide. What those would change is not known here.
	Reads []string `json:"reads"`
	// Outbound are the kinds of events that the host application would hear.
	Outbound []OutboundType `json:"outbound"`
	// Error says why the event could not be applied; empty: it could. Then it
	// would be tried again, and nothing else changes.
	Error string `json:"error,omitempty"`
}

// errRehearsed ends a transaction of which nothing is to stay.
var errRehearsed = errors.New("rehearsed")

// RehearseEvent applies an event of the audit trail in a transaction that is
// rolled back, and says what a replay would change. No row is written, no job
// stored and nobody told. An unknown id is ErrNotFound.
func (s *Service) RehearseEvent(ctx context.Context, id string) (Rehearsal, error) {
	event, err := s.Event(ctx, id)
	if err != nil {
		return Rehearsal{}, fmt.Errorf("read event %s: %w", id, err)
	}
	apply, poison := s.again(ctx, event)
	if poison != nil {
		return event.failsOn(poison), nil
	}
	var rehearsal Rehearsal
	err = s.store.Update(ctx, func(tx Tx) (err error) {
		if rehearsal, err = s.rehearse(ctx, tx, id, apply); err != nil {
			return err
		}
		return errRehearsed
	})
	switch {
	case errors.Is(err, errRehearsed):
		return rehearsal, nil
	case errors.Is(err, ErrUnavailable), ctx.Err() != nil:
		return Rehearsal{}, fmt.Errorf("rehearse event %s: %w", id, err)
	}
	return event.failsOn(err), nil
}

// RehearseEvents rehearses the events that a filter selects, newest first, each
// by itself on what is stored now. The filter is one of
// [Administration.ReplayEvents].
func (s *Service) RehearseEvents(ctx context.Context, filter EventFilter) ([]Rehearsal, error) {
	if err := filter.forReplay(); err != nil {
		return nil, err
	}
	events, err := s.Events(ctx, filter)
	if err != nil {
		return nil, err
	}
	rehearsals := make([]Rehearsal, len(events))
	for i, event := range events {
		if rehearsals[i], err = s.RehearseEvent(ctx, event.ID); err != nil {
			return nil, err
		}
	}
	return rehearsals, nil
}

// rehearsalOf is a rehearsal in which nothing happened yet.
func rehearsalOf(e Event) Rehearsal {
	e.Payload = nil
	return Rehearsal{
		Event: e, Becomes: EventPending, Reason: reasonWaitsForRetry,
		Changes: []Change{}, Reads: []string{}, Outbound: []OutboundType{},
	}
}

// failsOn is the rehearsal of an event that cannot be applied.
func (e Event) failsOn(fault error) Rehearsal {
	rehearsal := rehearsalOf(e)
	rehearsal.Error = truncate(fault.Error(), maxFault)
	return rehearsal
}

func (s *Service) rehearse(ctx context.Context, tx Tx, id string, apply applyAgain) (Rehearsal, error) {
	event, err := tx.Event(ctx, id)
	if err != nil {
		return Rehearsal{}, err
	}
	stage := &stage{Tx: tx, rows: map[rowKey]*rowChange{}}
	if _, err := apply(stage, event); err != nil {
		return Rehearsal{}, err
	}
	// This goes to the database, and all that was written with it: what it would
	// refuse, it refuses here.
	after, err := tx.Event(ctx, id)
	if err != nil {
		return Rehearsal{}, err
	}
	rehearsal := rehearsalOf(event)
	rehearsal.Becomes, rehearsal.Reason = after.Status, after.Reason
	rehearsal.Outbound = append(rehearsal.Outbound, stage.told...)
	for _, key := range stage.order {
		if change, ok := stage.rows[key].change(key); ok {
			rehearsal.Changes = append(rehearsal.Changes, change)
		}
	}
	for _, id := range stage.wished {
		_, err := tx.Refresh(ctx, id)
		switch {
		case err == nil:
			rehearsal.Reads = append(rehearsal.Reads, id)
		case !isNotFound(err): // it was withdrawn again
			return Rehearsal{}, err
		}
	}
	return rehearsal, nil
}

// stage is a transaction on which an event is rehearsed: it remembers what a
// row was like before it was first written, and lets nothing out.
type stage struct {
	Tx
	rows   map[rowKey]*rowChange
	order  []rowKey
	wished []string
	told   []OutboundType
}

// write notes that a row is written. The facts before are asked for only the
// first time.
func (s *stage) write(key rowKey, user string, after []fact, before func() ([]fact, error)) error {
	row, known := s.rows[key]
	if !known {
		facts, err := before()
		if err != nil && !isNotFound(err) {
			return err
		}
		row = &rowChange{before: facts}
		s.rows[key] = row
		s.order = append(s.order, key)
	}
	row.after = after
	if user != "" {
		row.user = user
	}
	return nil
}

// PutCustomer notes how the user changes.
func (s *stage) PutCustomer(ctx context.Context, c Customer) error {
	err := s.write(rowKey{record: "user", id: c.ID}, c.ID, c.facts(), func() ([]fact, error) {
		before, err := s.Customer(ctx, c.ID)
		if err != nil {
			return nil, err
		}
		return before.facts(), nil
	})
	return errors.Join(err, s.Tx.PutCustomer(ctx, c))
}

// PutSubscription notes how the subscription changes.
func (s *stage) PutSubscription(ctx context.Context, next Subscription) error {
	key := rowKey{record: "subscription", id: next.StripeSubscriptionID}
	err := s.write(key, next.UserID, next.facts(), func() ([]fact, error) {
		before, err := s.Subscription(ctx, next.StripeSubscriptionID)
		if err != nil {
			return nil, err
		}
		return before.facts(), nil
	})
	return errors.Join(err, s.Tx.PutSubscription(ctx, next))
}

// PutPayment notes how the payment changes.
func (s *stage) PutPayment(ctx context.Context, p Payment) error {
	key := rowKey{record: "payment", id: p.StripePaymentIntentID}
	err := s.write(key, p.UserID, p.facts(), func() ([]fact, error) {
		before, err := s.Payment(ctx, p.StripePaymentIntentID)
		if err != nil {
			return nil, err
		}
		return before.facts(), nil
	})
	return errors.Join(err, s.Tx.PutPayment(ctx, p))
}

// PutBillingEntry notes how the entry changes.
func (s *stage) PutBillingEntry(ctx context.Context, e BillingEntry) error {
	err := s.writeEntry(ctx, e.Kind, e.Source, e.UserID, e.facts())
	return errors.Join(err, s.Tx.PutBillingEntry(ctx, e))
}

// DeleteBillingEntry notes that the entry goes.
func (s *stage) DeleteBillingEntry(ctx context.Context, kind BillingKind, source string) error {
	entry, err := s.BillingEntry(ctx, kind, source)
	switch {
	case isNotFound(err):
		return nil
	case err == nil:
		err = s.writeEntry(ctx, kind, source, entry.UserID, nil)
	}
	return errors.Join(err, s.Tx.DeleteBillingEntry(ctx, kind, source))
}

func (s *stage) writeEntry(ctx context.Context, kind BillingKind, source, user string, after []fact) error {
	key := rowKey{record: "billing_history", kind: string(kind), id: source}
	return s.write(key, user, after, func() ([]fact, error) {
		before, err := s.BillingEntry(ctx, kind, source)
		if err != nil {
			return nil, err
		}
		return before.facts(), nil
	})
}

// PutRefresh notes that an object is wished for.
func (s *stage) PutRefresh(ctx context.Context, r Refresh) error {
	if !slices.Contains(s.wished, r.ID) {
		s.wished = append(s.wished, r.ID)
	}
	return s.Tx.PutRefresh(ctx, r)
}

// InsertOutbound notes what the host would hear.
func (s *stage) InsertOutbound(_ context.Context, e OutboundEvent) error {
	s.told = append(s.told, e.Type)
	return nil
}

// PutDelivery does nothing: what is not told is not delivered.
func (s *stage) PutDelivery(context.Context, Delivery) error { return nil }

// Enqueue does nothing.
func (s *stage) Enqueue(context.Context, Job, time.Duration) error { return nil }
