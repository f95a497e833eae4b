package payments_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/numerai-app/payments"
	"github.com/numerai-app/payments/internal/storetest"
)

const month = 30 * 24 * time.Hour

// tend prunes until nothing more is to be done, and counts the runs.
func tend(t *testing.T, s modelService) (runs int) {
	t.Helper()
	for runs = 1; ; runs++ {
		err := s.Work(t.Context(), payments.TendPayloads{}, payments.Attempt{Number: 1, Last: true})
		var more *payments.SnoozeError
		if err == nil {
			return runs
		} else if !errors.As(err, &more) {
			t.Fatal(err)
		}
	}
}

// all lists the events that were received, newest first.
func all(t *testing.T, s modelService) []payments.Event {
	t.Helper()
	events, err := s.Events(t.Context(), payments.EventFilter{Limit: 1000})
	if err != nil {
		t.Fatal(err)
	}
	return events
}

// TestRetention follows events whose payloads are pruned: they are on show, they
// still count once, and a replay reads what they are about.
func TestRetention(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, store payments.Store) {
		l := someLife(t)
		s := l.with(t, payments.Config{Store: store, EventRetention: 3 * month}, l.url)
		heard := 0
		subscription := l.subscribed(t, "u1")
		l.hear(t, s, &heard)
		old := all(t, s)
		balance := []byte(`{"id":"evt_balance","object":"event","type":"balance.available","created":1790000000,"livemode":false,
			"api_version":"2026-04-22.dahlia","data":{"object":{"object":"balance"}}}`)
		if err := s.ReceiveEvent(t.Context(), balance, signed(balance)); err != nil {
			t.Fatal(err)
		}
		failed := payments.Event{
			ID: "evt_failed", Type: "invoice.voided", Status: payments.EventFailed, Source: payments.SourcePoll,
			Created: l.sim.Now(), ReceivedAt: l.sim.Now(), Payload: []byte("{}"),
		}
		err := store.Update(t.Context(), func(tx payments.Tx) error {
			_, err := tx.InsertEvents(t.Context(), []payments.Event{failed})
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		l.advance(t, 2*month)
		l.hear(t, s, &heard)
		young := all(t, s)[0]
		tend(t, s)
		if stored(t, s, old[0].ID).Payload == nil {
			t.Error("a payload was pruned before its time")
		}
		l.advance(t, month+time.Hour)
		tend(t, s)
		for _, event := range old {
			if pruned := stored(t, s, event.ID); pruned.Payload != nil || pruned.Status != event.Status {
				t.Errorf("%s is %s, with its payload: %t", event.ID, pruned.Status, pruned.Payload != nil)
			}
		}
		for _, id := range []string{young.ID, "evt_failed"} {
			if stored(t, s, id).Payload == nil {
				t.Errorf("the payload of %s was pruned", id)
			}
		}
		count := len(all(t, s))
		l.deliver(t, s, l.events[:len(old)])
		if again := len(all(t, s)); again != count {
			t.Errorf("%d events, and %d after some came again", count, again)
		}
		l.checkReplayOfPruned(t, s, old, subscription)
		checkUnreadable(t, s, "evt_balance")
	})
}

// checkReplayOfPruned replays an event about the subscription after that has
// changed without a word.
func (l *life) checkReplayOfPruned(t *testing.T, s modelService, old []payments.Event, subscription string) {
	t.Helper()
	var id string
	for _, event := range old {
		if event.ObjectID == subscription {
			id = event.ID
		}
	}
	l.call(t, "POST", "/v1/subscriptions/"+subscription, "cancel_at_period_end=true")
	rehearsal, err := s.RehearseEvent(t.Context(), id)
	if err != nil || rehearsal.Error != "" || rehearsal.Becomes != payments.EventPending || !cmp.Equal(rehearsal.Reads, []string{subscription}) {
		t.Errorf("rehearsed %+v, %v", rehearsal, err)
	}
	if len(wishes(t, s.store)) > 0 {
		t.Error("the rehearsal asked for a read")
	}
	if _, err := s.ReplayEvent(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	if err := s.Work(t.Context(), payments.RetryEvent{EventID: id}, payments.Attempt{Number: 1}); err != nil {
		t.Fatal(err)
	}
	if event := stored(t, s, id); event.Status != payments.EventPending {
		t.Errorf("%s is %s before the read", id, event.Status)
	}
	if err := s.Work(t.Context(), payments.RefreshObject{ObjectID: subscription}, payments.Attempt{Number: 1}); err != nil {
		t.Fatal(err)
	}
	if event := stored(t, s, id); event.Status != payments.EventProcessed || event.Source != payments.SourceReplay || event.Error != "" {
		t.Errorf("%s is %+v after the read", id, event)
	}
	err = s.store.View(t.Context(), func(tx payments.Tx) error {
		got, err := tx.Subscription(t.Context(), subscription)
		if !got.CancelAtPeriodEnd {
			t.Error("the replay did not read the subscription")
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// checkUnreadable replays an event whose payload is gone and whose object cannot
// be read.
func checkUnreadable(t *testing.T, s modelService, id string) {
	t.Helper()
	before := stored(t, s, id)
	_, one := s.ReplayEvent(t.Context(), id)
	_, many := s.ReplayEvents(t.Context(), payments.EventFilter{Type: before.Type})
	for _, err := range []error{one, many} {
		var told *payments.Error
		if !errors.Is(err, payments.ErrInvalid) || !errors.As(err, &told) || !bytes.Contains([]byte(told.Message), []byte(id)) {
			t.Errorf("replayed: %v, want ErrInvalid that names it", err)
		}
	}
	rehearsal, err := s.RehearseEvent(t.Context(), id)
	if err != nil || rehearsal.Error == "" {
		t.Errorf("rehearsed %+v, %v; want why it cannot be replayed", rehearsal, err)
	}
	if diff := cmp.Diff(before, stored(t, s, id)); diff != "" {
		t.Errorf("it changed (-want +got):\n%s", diff)
	}
}

// TestRetentionOfMany checks that one run is bounded and the next goes on, and
// that without a retention nothing is pruned.
func TestRetentionOfMany(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, store payments.Store) {
		const count = 20_001
		l := someLife(t)
		events := make([]payments.Event, 0, count)
		for i := range count {
			id := fmt.Sprint("evt_", i)
			events = append(events, payments.Event{
				ID: id, Type: "invoice.paid", ReceivedAt: l.sim.Now(), Created: l.sim.Now(), Status: payments.EventProcessed,
				Source: payments.SourcePoll, Payload: json.RawMessage(`{}`),
			})
		}
		err := store.Update(t.Context(), func(tx payments.Tx) error {
			_, err := tx.InsertEvents(t.Context(), events)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		l.advance(t, 2*time.Hour)
		if runs := tend(t, l.with(t, payments.Config{Store: store}, l.url)); runs != 1 {
			t.Errorf("without a retention it took %d runs", runs)
		}
		s := l.with(t, payments.Config{Store: store, EventRetention: time.Hour}, l.url)
		if stored(t, s, "evt_0").Payload == nil {
			t.Error("without a retention payloads were pruned")
		}
		if runs := tend(t, s); runs != 2 {
			t.Errorf("it took %d runs, want 2", runs)
		}
		for _, id := range []string{"evt_0", fmt.Sprint("evt_", count-1)} {
			if stored(t, s, id).Payload != nil {
				t.Errorf("%s still has its payload", id)
			}
		}
	})
}
