package payments

import (
	"context"
	"fmt"
	"strings"
	"unicode/utf8"
)

// The audit trail: every event that ever came, and having them applied again.

const (
	defaultEvents = 50
	maxEvents     = 1000
	// maxReplays is how many events are replayed in one transaction.
	maxReplays = 100
)

// validate checks a filter that selects up to most events, and sets its limit.
func (f *EventFilter) validate(most int) error {
	var faults []FieldError
	switch f.Status {
	case "", EventPending, EventProcessed, EventIgnored, EventFailed:
	default:
		faults = append(faults, FieldError{"status", "A status is pending, processed, ignored or failed."})
	}
	if f.Limit < 0 || f.Limit > most {
		faults = append(faults, FieldError{"limit", fmt.Sprintf("This takes 1 to %d events at a time.", most)})
	}
	if !f.Until.IsZero() && !f.Since.Before(f.Until) {
		faults = append(faults, FieldError{"until", "This has to be later than since."})
	}
	if !storable(f.Type) {
		faults = append(faults, FieldError{"type", "This is not text."})
	}
	if !storable(f.Before) {
		faults = append(faults, FieldError{"before", "There is no such event."})
	}
	if f.Limit == 0 {
		f.Limit = min(defaultEvents, most)
	}
	if len(faults) > 0 {
		return invalid(faults...)
	}
	return nil
}

// selective says that a filter does not stand for all events there are.
func (f *EventFilter) selective() error {
	if f.Status == "" && f.Type == "" && f.Since.IsZero() && f.Until.IsZero() {
		return invalid(FieldError{"status", "Say which events: by status, type, since or until."})
	}
	return nil
}

// Events lists events of the audit trail without their payloads, newest
// received first. ErrInvalid: the filter makes no sense, or Before is no event.
func (a *Administration) Events(ctx context.Context, filter EventFilter) (events []Event, err error) {
	if err := filter.validate(maxEvents); err != nil {
		return nil, err
	}
	err = a.store.View(ctx, func(tx Tx) error {
		events, err = eventsOf(ctx, tx, filter)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list the events: %w", err)
	}
	return events, nil
}

func eventsOf(ctx context.Context, tx Tx, filter EventFilter) ([]Event, error) {
	events, err := tx.Events(ctx, filter)
	if isNotFound(err) {
		return nil, invalid(FieldError{"before", "There is no such event."})
	}
	return events, err
}

// storable says whether a database takes this for a text; nothing is called
// what is none.
func storable(text string) bool { return utf8.ValidString(text) && !strings.ContainsRune(text, 0) }

// Event is one event with its payload, which is nil where it was pruned. An
// unknown id is ErrNotFound.
func (a *Administration) Event(ctx context.Context, id string) (event Event, err error) {
	if !storable(id) {
		return Event{}, NotFound("such event")
	}
	err = a.store.View(ctx, func(tx Tx) error {
		if event, err = tx.Event(ctx, id); err != nil {
			return err
		}
		event.Payload, err = tx.EventPayload(ctx, event)
		if isNotFound(err) {
			return nil // it was pruned
		}
		return err
	})
	return event, err
}

// ReplayEvent has an event of the audit trail applied again, whatever its
// status, by a running server, and returns it as it waits for that. What is
// stored already does not change by it. Where the payload was pruned, the object
// is read from Stripe instead. An unknown id is ErrNotFound; ErrInvalid: the
// payload was pruned and it is about nothing that can be read.
func (a *Administration) ReplayEvent(ctx context.Context, id string) (event Event, err error) {
	if !storable(id) {
		return Event{}, NotFound("such event")
	}
	err = a.store.Update(ctx, func(tx Tx) error {
		if event, err = tx.Event(ctx, id); err != nil {
			return err
		}
		event, err = replay(ctx, tx, event)
		return err
	})
	if err != nil {
		return Event{}, fmt.Errorf("replay event %s: %w", id, err)
	}
	return event, nil
}

// ReplayEvents has the events that a filter selects applied again, as
// [Administration.ReplayEvent] does, and returns them: all of them or, with an
// error, none. Limit is 100 at most, and 0 means 50; Before goes on after the
// last one. ErrInvalid: the filter makes no sense, or selects everything, or an
// event that cannot be replayed any more.
func (a *Administration) ReplayEvents(ctx context.Context, filter EventFilter) (events []Event, err error) {
	if err := filter.forReplay(); err != nil {
		return nil, err
	}
	err = a.store.Update(ctx, func(tx Tx) error {
		if events, err = eventsOf(ctx, tx, filter); err != nil {
			return err
		}
		for i, event := range events {
			if events[i], err = replay(ctx, tx, event); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("replay events: %w", err)
	}
	return events, nil
}

func (f *EventFilter) forReplay() error {
	if err := f.selective(); err != nil {
		return err
	}
	return f.validate(maxReplays)
}

// replay marks an event as pending and stores the job that applies it.
func replay(ctx context.Context, tx Tx, event Event) (Event, error) {
	if !event.readable() {
		_, err := tx.EventPayload(ctx, event)
		if isNotFound(err) {
			err = event.lostPayload()
		}
		if err != nil {
			return Event{}, err
		}
	}
	event.Status, event.Reason, event.Error, event.ProcessedAt = EventPending, reasonWaitsForRetry, "", nil
	event.Source = SourceReplay
	if err := tx.PutEvent(ctx, event); err != nil {
		return Event{}, err
	}
	return event, tx.Enqueue(ctx, RetryEvent{EventID: event.ID}, 0)
}
