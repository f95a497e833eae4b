package store

import (
	"context"

	"github.com/numerai-app/payments"
	"github.com/numerai-app/payments/internal/store/queries"
)

// Backlog counts no further than payments.MaxBacklog.
func (t *transaction) Backlog(ctx context.Context) (payments.Backlog, error) {
	var b payments.Backlog
	if err := t.storeArrivals(ctx); err != nil {
		return b, err
	}
	limit := rowLimit(payments.MaxBacklog)
	unsettled := func(status payments.EventStatus) func() (int64, error) {
		return func() (int64, error) {
			return t.queries.CountUnsettledEvents(ctx, queries.CountUnsettledEventsParams{Status: string(status), MaxRows: limit})
		}
	}
	for _, c := range []struct {
		to    *int
		count func() (int64, error)
	}{
		{&b.PendingEvents, unsettled(payments.EventPending)},
		{&b.FailedEvents, unsettled(payments.EventFailed)},
		{&b.Reads, func() (int64, error) { return t.queries.CountRefreshes(ctx, limit) }},
		{&b.Deliveries, func() (int64, error) { return t.queries.CountPendingDeliveries(ctx, limit) }},
		{&b.Unmapped, func() (int64, error) { return t.queries.CountUnmappedSubscriptions(ctx, limit) }},
	} {
		rows, err := c.count()
		if err != nil {
			return payments.Backlog{}, t.fail("count what waits", err)
		}
		*c.to = int(rows)
	}
	if b.PendingEvents == 0 {
		return b, nil
	}
	oldest, err := t.queries.OldestPendingEvent(ctx)
	if err != nil { // there is one: a view sees one snapshot
		return payments.Backlog{}, t.fail("look for the oldest pending event", err)
	}
	b.OldestPending = oldest
	return b, nil
}
