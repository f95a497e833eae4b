package store_test

import (
	"context"
	"database/sql"
	"testing"
	"time"

	"github.com/numerai-app/payments"
	"github.com/numerai-app/payments/internal/postgrestest"
)

// committing counts those whose commit waits for the standby.
const committing = `SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'`

// A crash of the primary, while its standby is away, leaves an event there that
// the standby lacks and that nobody acknowledged. Whoever sees it may say that it
// is stored only when the standby has it, or a failover loses it.
func TestUpdateWaitsForTheStandbyToHaveWhatItSaw(t *testing.T) {
	t.Parallel()
	pair := postgrestest.Replicated(t)
	d := database{url: pair.URL(), driver: "pgx", source: pair.URL()}
	s, raw := migrated(t, d), d.raw(t)
	event := payments.Event{ID: "evt_1", Source: payments.SourceWebhook, Status: payments.EventPending, ReceivedAt: time.Unix(1, 0)}
	store := func() <-chan error {
		ended := make(chan error, 1)
		go func() {
			ended <- s.Update(context.WithoutCancel(t.Context()), func(tx payments.Tx) error {
				_, err := tx.InsertEvents(t.Context(), []payments.Event{event})
				return err
			})
		}()
		return ended
	}
	if err := pair.Standby.Crash(); err != nil {
		t.Fatal(err)
	}
	first := store()
	awaitCommitting(t, raw, first)
	if err := pair.Primary.Crash(); err != nil {
		t.Fatal(err)
	}
	if err := <-first; err == nil {
		t.Error("the event was acknowledged though the standby was away")
	}
	if err := pair.Primary.Start(); err != nil {
		t.Fatal(err)
	}
	again := store()
	awaitCommitting(t, raw, again)
	if err := pair.Standby.Start(); err != nil {
		t.Fatal(err)
	}
	if err := <-again; err != nil {
		t.Errorf("with the standby back: %v", err)
	}
}

// awaitCommitting waits until an update waits for the standby. It must not end.
func awaitCommitting(t *testing.T, raw *sql.DB, ended <-chan error) {
	t.Helper()
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	for waiting := 0; waiting == 0; {
		select {
		case err := <-ended:
			t.Fatalf("the update ended while the standby was away: %v", err)
		case <-t.Context().Done():
			t.Fatal(t.Context().Err())
		case <-ticker.C:
		}
		if err := raw.QueryRowContext(t.Context(), committing).Scan(&waiting); err != nil {
			t.Fatal(err)
		}
	}
}
