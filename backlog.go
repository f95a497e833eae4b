package payments

import (
	"context"
	"fmt"
	"time"
)

// Backlog is what waits in the database to be worked on. Its counts end at
// [MaxBacklog], so that looking costs little however much there is.
type Backlog struct {
	// PendingEvents and FailedEvents count the events with that status.
	PendingEvents, FailedEvents int
	// OldestPending is when the oldest pending event was received; zero: there
	// is none.
	OldestPending time.Time
	// Reads counts the objects that are to be read from Stripe.
	Reads int
	// Deliveries counts the outbound events on their way to an endpoint, one for
	// each.
	Deliveries int
	// Unmapped counts the live subscriptions whose price no plan names. They
	// wait for somebody to map it.
	Unmapped int
}

// MaxBacklog is what a count of a [Backlog] ends at: it means that many or more.
const MaxBacklog = 10_000

// Backlog says what waits in the database.
func (a *Administration) Backlog(ctx context.Context) (backlog Backlog, err error) {
	err = a.store.View(ctx, func(tx Tx) error {
		backlog, err = tx.Backlog(ctx)
		return err
	})
	if err != nil {
		return Backlog{}, fmt.Errorf("look what waits: %w", err)
	}
	return backlog, nil
}
