package store

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/numerai-app/payments"
	"github.com/numerai-app/payments/internal/store/queries"
)

// Stripe's events, and the wishes to read objects that they leave behind.

// The number of events that a filter lists.
const (
	defaultEvents = 50
	maxEvents     = 1000
)

// endOfTime is later than anything that was ever received.
var endOfTime = time.Date(9999, time.December, 31, 0, 0, 0, 0, time.UTC)

func (t *transaction) Event(ctx context.Context, id string) (payments.Event, error) {
	if err := t.storeArrivals(ctx); err != nil {
		return payments.Event{}, err
	}
	row, err := t.queries.Event(ctx, id)
	return found(t, row, err, eventOf, "event", id)
}

func (t *transaction) EventPayload(ctx context.Context, e payments.Event) ([]byte, error) {
	if err := t.storeArrivals(ctx); err != nil {
		return nil, err
	}
	payload, err := t.queries.EventPayload(ctx, queries.EventPayloadParams{EventID: e.ID, ReceivedAt: utc(e.ReceivedAt)})
	return found(t, payload, err, notNull, "payload of event", e.ID)
}

func (t *transaction) PrunePayloads(ctx context.Context, receivedBefore time.Time, limit int) (int, error) {
	if err := t.storeArrivals(ctx); err != nil {
		return 0, err
	}
	rows, err := t.queries.PrunePayloads(ctx, queries.PrunePayloadsParams{
		ReceivedBefore: utc(receivedBefore), MaxRows: rowLimit(limit),
	})
	return int(rows), t.fail("prune payloads", err)
}

func (t *transaction) Events(ctx context.Context, filter payments.EventFilter) ([]payments.Event, error) {
	if err := t.storeArrivals(ctx); err != nil {
		return nil, err
	}
	limit := filter.Limit
	if limit <= 0 {
		limit = defaultEvents
	}
	p := queries.EventsParams{
		Since: utc(filter.Since), ReceivedAt: endOfTime, Status: string(filter.Status), Type: filter.Type,
		MaxRows: rowLimit(min(limit, maxEvents)),
	}
	if !filter.Until.IsZero() {
		p.ReceivedAt = utc(filter.Until)
	}
	if filter.Before != "" {
		before, err := t.Event(ctx, filter.Before)
		if err != nil {
			return nil, err
		}
		if before.ReceivedAt.Before(p.ReceivedAt) {
			p.ReceivedAt, p.ID = before.ReceivedAt, filter.Before
		}
	}
	var rows []queries.WebhookEvent
	var err error
	if filter.Status == "" || filter.Status == payments.EventProcessed {
		rows, err = t.queries.Events(ctx, p)
	} else {
		rows, err = t.queries.UnsettledEvents(ctx, queries.UnsettledEventsParams{
			Status: p.Status, Since: p.Since, ReceivedAt: p.ReceivedAt, ID: p.ID, Type: p.Type, MaxRows: p.MaxRows,
		})
	}
	return list(t, rows, err, eventOf, "events")
}

func (t *transaction) EventsWaitingFor(ctx context.Context, objectID string) ([]payments.Event, error) {
	return recalledList(t.known.waiting, objectID, func() ([]payments.Event, error) {
		if err := t.storeArrivals(ctx); err != nil {
			return nil, err
		}
		rows, err := t.queries.EventsWaitingFor(ctx, objectID)
		return list(t, rows, err, eventOf, "waiting events")
	})
}

// InsertEvents holds the new events back until something else asks for events,
// or until the end. When another transaction stores one of them first, this one
// violates their key then, and runs again.
func (t *transaction) InsertEvents(ctx context.Context, events []payments.Event) ([]bool, error) {
	if err := t.storeArrivals(ctx); err != nil {
		return nil, err
	}
	var unknown []string
	for _, event := range events {
		if _, known := t.known.stored[event.ID]; !known {
			unknown = append(unknown, event.ID)
		}
	}
	if len(unknown) > 0 {
		stored, err := t.stored(ctx, unknown)
		if err != nil {
			return nil, t.fail("look for the events", err)
		}
		maps.Copy(t.known.stored, stored)
	}
	inserted := make([]bool, len(events))
	for i, event := range events {
		if inserted[i] = !t.known.stored[event.ID]; inserted[i] {
			t.known.stored[event.ID] = true
			t.arriving = append(t.arriving, event)
		}
	}
	return inserted, nil
}

// storeArrivals stores the events that were held back.
func (t *transaction) storeArrivals(ctx context.Context) error {
	arriving := t.arriving
	t.arriving = nil
	for _, event := range arriving {
		if err := t.writes.InsertEvent(ctx, queries.InsertEventParams(eventRow(event))); err != nil {
			return t.fail("store the event", err)
		}
		err := t.writes.InsertPayload(ctx, queries.InsertPayloadParams{
			EventID: event.ID, ReceivedAt: utc(event.ReceivedAt), Payload: notNull(event.Payload),
		})
		if err != nil {
			return t.fail("store the event's payload", err)
		}
	}
	return nil
}

func (t *transaction) PendingEvents(ctx context.Context, objectID string) ([]payments.Event, error) {
	if err := t.storeArrivals(ctx); err != nil {
		return nil, err
	}
	rows, err := t.queries.PendingEvents(ctx, objectID)
	return list(t, rows, err, eventOf, "pending events")
}

func (t *transaction) UnownedEvents(ctx context.Context, stripeCustomerID, reason string) ([]payments.Event, error) {
	if err := t.storeArrivals(ctx); err != nil {
		return nil, err
	}
	rows, err := t.queries.UnownedEvents(ctx, queries.UnownedEventsParams{CustomerID: stripeCustomerID, Reason: reason})
	return list(t, rows, err, eventOf, "events of the customer")
}

func (t *transaction) PutEvent(ctx context.Context, e payments.Event) error {
	t.known.putEvent(e)
	if at := slices.IndexFunc(t.arriving, func(one payments.Event) bool { return one.ID == e.ID }); at >= 0 {
		arrived := &t.arriving[at]
		arrived.Status, arrived.Reason, arrived.Attempts, arrived.Error = e.Status, e.Reason, e.Attempts, e.Error
		arrived.ProcessedAt, arrived.Source, arrived.WaitsFor = e.ProcessedAt, e.Source, e.WaitsFor
		return nil
	}
	return t.fail("store the event's status", t.writes.PutEvent(ctx, queries.PutEventParams{
		ID: e.ID, Status: string(e.Status), Reason: e.Reason, Attempts: int64(e.Attempts), Error: e.Error,
		ProcessedAt: utcOrNil(e.ProcessedAt), Source: string(e.Source), WaitsFor: e.WaitsFor,
	}))
}

func (t *transaction) EventPoll(ctx context.Context) (payments.EventPoll, error) {
	row, err := t.queries.EventPoll(ctx)
	return found(t, row, err, eventPollOf, "poll", "of events")
}

func (t *transaction) PutEventPoll(ctx context.Context, p payments.EventPoll) error {
	return t.fail("store how far events were polled", t.writes.PutEventPoll(ctx, queries.PutEventPollParams(eventPollRow(p))))
}

func (t *transaction) Refresh(ctx context.Context, objectID string) (payments.Refresh, error) {
	return recalled(t.known.refreshes, "wish to read", objectID, func() (payments.Refresh, error) {
		row, err := t.queries.Refresh(ctx, objectID)
		return found(t, row, err, refreshOf, "wish to read", objectID)
	})
}

func (t *transaction) DueRefreshes(ctx context.Context, now time.Time, limit int) ([]payments.Refresh, error) {
	rows, err := t.queries.DueRefreshes(ctx, queries.DueRefreshesParams{DueAt: utc(now), Limit: rowLimit(limit)})
	return list(t, rows, err, refreshOf, "due reads")
}

func (t *transaction) PutRefresh(ctx context.Context, r payments.Refresh) error {
	row := refreshRow(r)
	written := refreshOf(row)
	t.known.refreshes[r.ID] = &written
	return t.fail("store the wish to read", t.writes.PutRefresh(ctx, queries.PutRefreshParams(row)))
}

func (t *transaction) CancelRefresh(ctx context.Context, objectID, reason string) error {
	if !t.known.cancelRefresh(objectID, reason) {
		return nil
	}
	err := t.writes.CancelRefresh(ctx, queries.CancelRefreshParams{ObjectID: objectID, Reason: reason})
	return t.fail("withdraw the wish to read", err)
}

func (t *transaction) DeleteRefresh(ctx context.Context, objectID string, wishes int64) (bool, error) {
	delete(t.known.refreshes, objectID)
	rows, err := t.queries.DeleteRefresh(ctx, queries.DeleteRefreshParams{ObjectID: objectID, Wishes: wishes})
	return rows > 0, t.fail("delete the wish to read", err)
}
