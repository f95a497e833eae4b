package payments_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/numerai-app/payments"
	"github.com/numerai-app/payments/internal/storetest"
)

// TestReplaysByFilter checks that what a filter selects is replayed, each event
// once, and nothing else.
func TestReplaysByFilter(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, store payments.Store) {
		guarded := &guardedStore{Store: store}
		a := payments.NewAdministration(payments.Config{Store: guarded})
		noon := time.Date(2026, time.November, 23, 12, 0, 0, 0, time.UTC)
		var events []payments.Event
		for i := range 6 {
			events = append(events, payments.Event{
				ID: fmt.Sprint("evt_", i), Type: []string{"invoice.paid", "invoice.voided"}[i%2], Created: noon,
				ReceivedAt: noon.Add(time.Duration(i) * time.Hour), Attempts: 3, Error: "a bug", Source: payments.SourceWebhook,
				Status: []payments.EventStatus{payments.EventFailed, payments.EventFailed, payments.EventProcessed}[i%3],
			})
		}
		err := store.Update(t.Context(), func(tx payments.Tx) error {
			_, err := tx.InsertEvents(t.Context(), events)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		replay := func(filter payments.EventFilter, want ...string) {
			t.Helper()
			guarded.left = nil
			replayed, err := a.ReplayEvents(t.Context(), filter)
			if err != nil {
				t.Fatal(err)
			}
			var got, jobs []string
			for _, event := range replayed {
				got, jobs = append(got, event.ID), append(jobs, payments.RetryEvent{}.Kind())
				if event.Status != payments.EventPending || event.Error != "" || event.Source != payments.SourceReplay || event.Attempts != 3 {
					t.Errorf("replayed %+v", event)
				}
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("replayed by %+v (-want +got):\n%s", filter, diff)
			}
			if diff := cmp.Diff(jobs, guarded.left); diff != "" {
				t.Errorf("jobs (-want +got):\n%s", diff)
			}
		}
		failed := payments.EventFilter{Status: payments.EventFailed, Since: noon.Add(time.Hour)}
		failed.Limit = 2
		replay(failed, "evt_4", "evt_3")
		replay(failed, "evt_1") // those are pending now
		replay(failed)
		replay(payments.EventFilter{Type: "invoice.paid", Until: noon.Add(3 * time.Hour)}, "evt_2", "evt_0")
		replay(payments.EventFilter{Type: "invoice.paid", Before: "evt_2"}, "evt_0")
	})
}

func TestFiltersThatMakeNoSense(t *testing.T) {
	t.Parallel()
	s := someLife(t).service(t, storetest.SQLite(t))
	list := func(ctx context.Context, f payments.EventFilter) error { _, err := s.Events(ctx, f); return err }
	replay := func(ctx context.Context, f payments.EventFilter) error { _, err := s.ReplayEvents(ctx, f); return err }
	rehearse := func(ctx context.Context, f payments.EventFilter) error {
		_, err := s.RehearseEvents(ctx, f)
		return err
	}
	all := []func(context.Context, payments.EventFilter) error{list, replay, rehearse}
	now := time.Now()
	for _, c := range []struct {
		field  string
		filter payments.EventFilter
		does   []func(context.Context, payments.EventFilter) error
	}{
		{"status", payments.EventFilter{Status: "odd"}, all},
		{"until", payments.EventFilter{Since: now, Until: now}, all},
		{"before", payments.EventFilter{Type: "a", Before: "evt_none"}, all},
		{"type", payments.EventFilter{Type: "a\x00"}, all},
		{"before", payments.EventFilter{Type: "a", Before: "\xff"}, all},
		{"limit", payments.EventFilter{Type: "a", Limit: -1}, all},
		{"limit", payments.EventFilter{Type: "a", Limit: 1001}, all},
		{"limit", payments.EventFilter{Type: "a", Limit: 101}, all[1:]},
		{"status", payments.EventFilter{Limit: 10}, all[1:]}, // selects all there are
	} {
		for i, do := range c.does {
			err := do(t.Context(), c.filter)
			var fault *payments.Error
			if !errors.Is(err, payments.ErrInvalid) || !errors.As(err, &fault) || len(fault.Fields) != 1 || fault.Fields[0].Field != c.field {
				t.Errorf("%d: %+v gives %v, want a fault of %s", i, c.filter, err, c.field)
			}
		}
	}
}
