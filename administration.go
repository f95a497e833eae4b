package payments

import (
	"context"
	"fmt"
	"log/slog"
	"time"
)

// Administration looks after the service's own records, the keys and the audit
// trail. It needs a store and nothing else, so that the command line can do it
// beside a running server.
type Administration struct {
	store Store
	now   func() time.Time // UTC, microseconds
	newID func(prefix string) string
	log   *slog.Logger
}

// NewAdministration makes an administration of the records in a store. Of the
// configuration it needs Store; Now, NewID and Logger have their defaults.
func NewAdministration(c Config) *Administration {
	clock := c.Now
	if clock == nil {
		clock = time.Now
	}
	a := &Administration{
		store: c.Store,
		now:   func() time.Time { return clock().UTC().Truncate(time.Microsecond) },
		newID: c.NewID, log: c.Logger,
	}
	if a.newID == nil {
		a.newID = NewIDs(clock, nil)
	}
	if a.log == nil {
		a.log = slog.New(slog.DiscardHandler)
	}
	return a
}

// Ready says whether the database answers.
func (a *Administration) Ready(ctx context.Context) error { return a.store.Ping(ctx) }

const (
	defaultEvents = 50
	maxEvents     = 1000
)

// Events lists events of the audit trail without their payloads, newest
// received first.
func (a *Administration) Events(ctx context.Context, filter EventFilter) (events []Event, err error) {
	switch filter.Status {
	case "", EventPending, EventProcessed, EventIgnored, EventFailed:
	default:
		return nil, invalid(FieldError{"status", "A status is pending, processed, ignored or failed."})
	}
	if filter.Limit < 0 || filter.Limit > maxEvents {
		return nil, invalid(FieldError{"limit", "A list has 1 to 1000 events."})
	}
	if filter.Limit == 0 {
		filter.Limit = defaultEvents
	}
	err = a.store.View(ctx, func(tx Tx) error {
		events, err = tx.Events(ctx, filter)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list the events: %w", err)
	}
	return events, nil
}

// Event is one event with its payload. An unknown id is ErrNotFound.
func (a *Administration) Event(ctx context.Context, id string) (event Event, err error) {
	err = a.store.View(ctx, func(tx Tx) error {
		if event, err = tx.Event(ctx, id); err != nil {
			return err
		}
		event.Payload, err = tx.EventPayload(ctx, id)
		return err
	})
	return event, err
}

// ReplayEvent has an event of the audit trail applied again, whatever its
// status, by a running server. What is stored already does not change by it.
// An unknown id is ErrNotFound.
func (a *Administration) ReplayEvent(ctx context.Context, id string) error {
	err := a.store.Update(ctx, func(tx Tx) error {
		event, err := tx.Event(ctx, id)
		if err != nil {
			return err
		}
		event.Status, event.Reason, event.Error, event.ProcessedAt = EventPending, reasonWaitsForRetry, "", nil
		event.Source = SourceReplay
		if err := tx.PutEvent(ctx, event); err != nil {
			return err
		}
		return tx.Enqueue(ctx, RetryEvent{EventID: id}, 0)
	})
	if err != nil {
		return fmt.Errorf("replay event %s: %w", id, err)
	}
	return nil
}
