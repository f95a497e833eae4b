package payments_test

import (
	"context"
	"errors"
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
		if event, err := s.ReplayEvent(t.Context(), "evt_poison"); err != nil || event.Status != payments.EventPending {
			t.Errorf("replayed: %+v, %v", event, err)
		}
		if err := try(1); err == nil {
			t.Error("an invoice without an id was applied")
		}
		stands(payments.EventPending, payments.MaxAttempts+2)
	})
}
