package store_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/numerai-app/payments"
	"github.com/numerai-app/payments/internal/storetest"
)

// writeEvents is a transaction as batches of events are: it reads ahead, and
// stores what came.
func writeEvents(ctx context.Context, tx payments.Tx, ids ...string) error {
	if err := tx.Foresee(ctx, ids, nil); err != nil {
		return err
	}
	var events []payments.Event
	for _, id := range ids {
		events = append(events, payments.Event{
			ID: id, Type: "invoice.paid", Status: payments.EventProcessed, Payload: []byte("{}"), Source: payments.SourceWebhook, ReceivedAt: time.Now(),
		})
	}
	_, err := tx.InsertEvents(ctx, events)
	return err
}

// TestTurns checks that processes which write events wait for one another
// rather than undo one another's work, as most of these would. Once in a while
// that happens still: PostgreSQL lets the next one in a moment before it is done
// with what serializable transactions saw.
func TestTurns(t *testing.T) {
	t.Parallel()
	var begun atomic.Int64
	const each = 25
	processes := storetest.Shared(t, storetest.Postgres(t), 8)
	var group sync.WaitGroup
	for i, process := range processes {
		group.Go(func() {
			for n := range each {
				err := process.Update(t.Context(), func(tx payments.Tx) error {
					begun.Add(1)
					var ids []string
					for k := range 20 {
						ids = append(ids, fmt.Sprintf("evt_%d_%d_%d", i, n, k))
					}
					return writeEvents(t.Context(), tx, ids...)
				})
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	if got, updates := begun.Load(), int64(each*len(processes)); got > updates+updates/10 {
		t.Errorf("%d updates were begun %d times", updates, got)
	}
}

// TestTurnOfAProcessThatHangs checks that the others get on without it.
func TestTurnOfAProcessThatHangs(t *testing.T) {
	t.Parallel()
	url := storetest.PostgresURL(t)
	hanging := database{url: url + "&idle_in_transaction_session_timeout=100ms"}.open(t)
	other := database{url: url}.open(t)
	hangs, wrote, ended := make(chan struct{}), make(chan struct{}), make(chan error)
	var once sync.Once
	go func() {
		ended <- hanging.Update(t.Context(), func(tx payments.Tx) error {
			err := writeEvents(t.Context(), tx, "evt_hangs")
			once.Do(func() { close(hangs) })
			<-wrote
			return err
		})
	}()
	<-hangs
	err := other.Update(t.Context(), func(tx payments.Tx) error { return writeEvents(t.Context(), tx, "evt_other") })
	if err != nil {
		t.Errorf("the other process: %v", err)
	}
	close(wrote)
	err = <-ended
	if err != nil && !errors.Is(err, payments.ErrUnavailable) {
		t.Errorf("the one that hung: %v, want it done again, or told to do it again", err)
	}
	for id, there := range map[string]bool{"evt_hangs": err == nil, "evt_other": true} {
		err := other.View(t.Context(), func(tx payments.Tx) error {
			_, err := tx.Event(t.Context(), id)
			return err
		})
		if (err == nil) != there {
			t.Errorf("%s: %v, want it stored: %t", id, err, there)
		}
	}
}
