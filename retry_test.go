package payments_test

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/numerai-app/payments"
	"github.com/numerai-app/payments/internal/storetest"
)

func TestRetryPause(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		failures    int
		least, most time.Duration
	}{
		{1, 1500 * time.Millisecond, 2500 * time.Millisecond},
		{2, 3 * time.Second, 5 * time.Second},
		{5, 24 * time.Second, 40 * time.Second},
		{11, 1536 * time.Second, 2560 * time.Second},
		{12, 45 * time.Minute, time.Hour},
		{1000, 45 * time.Minute, time.Hour},
		{0, 1500 * time.Millisecond, 2500 * time.Millisecond},
	} {
		if got := payments.RetryPause(c.failures, 0); got != c.least {
			t.Errorf("after %d failures at least %v, want %v", c.failures, got, c.least)
		}
		if got := payments.RetryPause(c.failures, 1); got != c.most {
			t.Errorf("after %d failures at most %v, want %v", c.failures, got, c.most)
		}
	}
	var least, most time.Duration // of the pauses between all tries
	for failures := 1; failures < payments.MaxAttempts; failures++ {
		least += payments.RetryPause(failures, 0)
		most += payments.RetryPause(failures, 1)
	}
	if least < 45*time.Minute || most > 90*time.Minute {
		t.Errorf("a job is given up after %s to %s, want about an hour", least, most)
	}
}

// lameStore is a store that stops to answer.
type lameStore struct {
	payments.Store
	lame bool
}

func (s *lameStore) Update(ctx context.Context, fn func(payments.Tx) error) error {
	if s.lame {
		return &payments.Error{Kind: payments.ErrUnavailable, Message: "The database does not answer."}
	}
	return s.Store.Update(ctx, fn)
}

// TestRetriesEnd checks that a poisoned event has failed after its last try and
// not before, that a database which does not answer costs it no try, and that a
// replay begins anew.
func TestRetriesEnd(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, store payments.Store) {
		l := someLife(t)
		lame := &lameStore{Store: store}
		s := l.via(t, lame, l.url, 0)
		body := []byte(`{"id":"evt_poison","object":"event","type":"invoice.voided","created":1790000000,"livemode":false,
			"api_version":"2026-04-22.dahlia","data":{"object":{"object":"invoice"}}}`)
		if err := s.ReceiveEvent(t.Context(), body, signed(body)); err != nil {
			t.Fatal(err)
		}
		stands := func(want payments.EventStatus, attempts int) {
			t.Helper()
			event, err := s.Event(t.Context(), "evt_poison")
			if err != nil {
				t.Fatal(err)
			}
			if event.Status != want || event.Attempts != attempts || event.Error == "" {
				t.Errorf("after %d tries %s, %q; want %s after %d", event.Attempts, event.Status, event.Error, want, attempts)
			}
		}
		stands(payments.EventPending, 1)
		try := func(number int) error {
			attempt := payments.Attempt{Number: number, Last: number == payments.MaxAttempts}
			return s.Work(t.Context(), payments.RetryEvent{EventID: "evt_poison"}, attempt)
		}
		for number := 1; number < payments.MaxAttempts; number++ {
			if err := try(number); err == nil {
				t.Fatal("an invoice without an id was applied")
			}
			stands(payments.EventPending, 1+number)
		}
		lame.lame = true
		var snooze *payments.SnoozeError
		if err := try(1); !errors.Is(err, payments.ErrUnavailable) {
			t.Errorf("without a database: %v, want ErrUnavailable", err)
		}
		if err := try(payments.MaxAttempts); !errors.As(err, &snooze) || snooze.For < time.Minute {
			t.Errorf("the last try without a database: %v, want a wait", err)
		}
		lame.lame = false
		stands(payments.EventPending, payments.MaxAttempts)
		if err := try(payments.MaxAttempts); err == nil || errors.As(err, &snooze) {
			t.Errorf("the last try: %v, want the fault", err)
		}
		stands(payments.EventFailed, payments.MaxAttempts+1)
		if err := try(1); err != nil {
			t.Errorf("a try too many: %v", err)
		}
		stands(payments.EventFailed, payments.MaxAttempts+1)
		if event, err := s.ReplayEvent(t.Context(), "evt_poison"); err != nil || event.Status != payments.EventPending {
			t.Errorf("replayed: %+v, %v", event, err)
		}
		if err := try(1); err == nil {
			t.Error("an invoice without an id was applied")
		}
		stands(payments.EventPending, payments.MaxAttempts+2)
	})
}

// brittleStripe panics over what it is to decode, as long as it is broken.
type brittleStripe struct {
	payments.Stripe
	broken  bool
	decoded int
}

func (s *brittleStripe) DecodeEvent(payload []byte) (payments.News, error) {
	s.decoded++
	if s.broken {
		panic("a bug")
	}
	return s.Stripe.DecodeEvent(payload)
}

// TestPanicOverAnEvent checks that an event over which the decoder panics is
// kept and retried as any other that cannot be applied, and that one whose last
// try nobody saw the end of has failed without another.
func TestPanicOverAnEvent(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, store payments.Store) {
		l, heard := someLife(t), 0
		brittle := &brittleStripe{Stripe: newClient(t, l.url), broken: true}
		s := l.with(t, payments.Config{Store: store, Stripe: brittle}, l.url)
		l.subscribed(t, "u1")
		l.await(t)
		events := l.fresh(&heard)
		event := events[slices.IndexFunc(events, func(e lifeEvent) bool {
			return bytes.Contains(e.shapes[1], []byte(`"customer.subscription.created"`))
		})]
		if err := s.ReceiveEvent(t.Context(), event.shapes[1], signed(event.shapes[1])); err != nil {
			t.Fatal(err)
		}
		try := func(number int) error {
			attempt := payments.Attempt{Number: number, Last: number >= payments.MaxAttempts}
			return s.Work(t.Context(), payments.RetryEvent{EventID: event.id}, attempt)
		}
		if err := try(1); err == nil {
			t.Error("a panic is no fault")
		}
		if got := stored(t, s, event.id); got.Status != payments.EventPending || got.Attempts != 2 || !strings.HasSuffix(got.Error, "panic: a bug") {
			t.Errorf("after a panic the event is %s after %d tries: %s", got.Status, got.Attempts, got.Error)
		}
		if r, err := s.RehearseEvent(t.Context(), event.id); err != nil || r.Error != "panic: a bug" {
			t.Errorf("rehearsed %+v, %v", r, err)
		}
		brittle.broken, brittle.decoded = false, 0
		if err := try(payments.MaxAttempts + 1); err == nil {
			t.Error("a try beyond the last is no fault")
		}
		if got := stored(t, s, event.id); got.Status != payments.EventFailed || brittle.decoded > 0 {
			t.Errorf("beyond the last try the event is %s, decoded %d times", got.Status, brittle.decoded)
		}
		if _, err := s.ReplayEvent(t.Context(), event.id); err != nil {
			t.Fatal(err)
		}
		if err := try(1); err != nil {
			t.Fatal(err)
		}
		if err := try(payments.MaxAttempts + 1); err != nil { // of a job of old
			t.Errorf("a try of what is done: %v", err)
		}
		if got := stored(t, s, event.id); got.Status == payments.EventFailed {
			t.Errorf("the event that was replayed has failed: %s", got.Error)
		}
	})
}

func (s *brittleStripe) Read(ctx context.Context, r payments.Ref) (payments.News, error) {
	if s.broken {
		panic("a bug")
	}
	return s.Stripe.Read(ctx, r)
}

// TestPanicOverARead checks that a read over which the decoder panics rests
// after its last try, and that its events have failed.
func TestPanicOverARead(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, store payments.Store) {
		l := someLife(t)
		s := l.with(t, payments.Config{Store: store, Stripe: &brittleStripe{Stripe: newClient(t, l.url), broken: true}}, l.url)
		waiting := payments.Event{
			ID: "evt_1", Type: "invoice.paid", ObjectKind: payments.KindInvoice, ObjectID: "in_1", Status: payments.EventPending,
			Reason: "waits for a read from Stripe", Source: payments.SourceWebhook, ReceivedAt: l.sim.Now(),
		}
		err := store.Update(t.Context(), func(tx payments.Tx) error {
			if _, err := tx.InsertEvents(t.Context(), []payments.Event{waiting}); err != nil {
				return err
			}
			return tx.PutRefresh(t.Context(), payments.Refresh{
				Ref: payments.Ref{Kind: payments.KindInvoice, ID: "in_1"}, Wishes: 1, Reason: "test", DueAt: l.sim.Now(), Queued: true,
			})
		})
		if err != nil {
			t.Fatal(err)
		}
		for _, attempt := range []payments.Attempt{{Number: 1}, {Number: payments.MaxAttempts, Last: true}} {
			if got := stored(t, s, "evt_1"); got.Status != payments.EventPending {
				t.Errorf("before the last try the event is %s", got.Status)
			}
			if err := s.Work(t.Context(), payments.RefreshObject{ObjectID: "in_1"}, attempt); err == nil {
				t.Error("a panic is no fault")
			}
		}
		if got := stored(t, s, "evt_1"); got.Status != payments.EventFailed || !strings.HasSuffix(got.Error, "panic: a bug") {
			t.Errorf("after the last try the event is %s: %s", got.Status, got.Error)
		}
		if wish := wishes(t, store)["in_1"]; wish.Queued || wish.DueAt.Before(l.sim.Now().Add(time.Hour)) {
			t.Errorf("the wish does not rest: %+v", wish)
		}
	})
}
