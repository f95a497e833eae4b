package stripe_test

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/numerai-app/payments"
	"github.com/numerai-app/payments/internal/stripe"
)

// TestPace checks that patient reads keep to the rate, and that calls which
// somebody waits for are made at once and delay the patient ones.
func TestPace(t *testing.T) {
	t.Parallel()
	now, slept := start, time.Duration(0)
	answers := &script{steps: []step{{status: http.StatusOK, body: customerBody}}}
	client := newFake(t, answers, func(c *stripe.Config) {
		c.Rate = 4
		c.Now = func() time.Time { return now }
		c.Sleep = func(_ context.Context, d time.Duration) error {
			now, slept = now.Add(d), slept+d
			return nil
		}
	})
	patient := client.Patient()
	read := func(c *stripe.Client, times int) time.Duration {
		t.Helper()
		slept = 0
		for range times {
			if _, err := c.Read(t.Context(), payments.Ref{Kind: payments.KindCustomer, ID: "cus_1"}); err != nil {
				t.Fatal(err)
			}
		}
		return slept
	}
	if got := read(patient, 9); got != 2*time.Second {
		t.Errorf("nine reads at four a second took %s, want 2s", got)
	}
	if got := read(client, 8); got != 0 {
		t.Errorf("reads that somebody waits for waited %s", got)
	}
	if got := read(patient, 1); got != 2250*time.Millisecond {
		t.Errorf("the read after them waited %s, want 2.25s", got)
	}
	now = now.Add(time.Hour)
	if got := read(patient, 5); got != time.Second {
		t.Errorf("five reads after a rest took %s, want 1s: the bucket holds one", got)
	}
}

// TestPaceEndsWithItsCaller checks that nobody waits for a token in vain.
func TestPaceEndsWithItsCaller(t *testing.T) {
	t.Parallel()
	answers := &script{steps: []step{{status: http.StatusOK, body: customerBody}}}
	client := newFake(t, answers, func(c *stripe.Config) {
		c.Rate = 0.001
		c.Sleep = func(ctx context.Context, _ time.Duration) error {
			<-ctx.Done()
			return ctx.Err()
		}
	}).Patient()
	ref := payments.Ref{Kind: payments.KindCustomer, ID: "cus_1"}
	if _, err := client.Read(t.Context(), ref); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := client.Read(ctx, ref); !errors.Is(err, context.Canceled) || !errors.Is(err, payments.ErrUnavailable) {
		t.Errorf("a read without a caller: %v", err)
	}
	if len(answers.keys) != 1 {
		t.Errorf("%d requests, want 1", len(answers.keys))
	}
}
