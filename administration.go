package payments

import (
	"context"
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
