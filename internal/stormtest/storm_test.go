package stormtest

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/numerai-app/payments"
	"github.com/numerai-app/payments/internal/postgrestest"
	"github.com/numerai-app/payments/internal/processtest"
	"github.com/numerai-app/payments/internal/store"
	"github.com/numerai-app/payments/internal/storetest"
	"github.com/numerai-app/payments/internal/stripe"
)

func TestMain(m *testing.M) { os.Exit(processtest.Main(m)) }

// eventsOfOne is about how many events tell of one renewal, of the types that
// the server listens to.
const eventsOfOne = 5

// subscribers is how many renew, so that about as many events tell of it as
// PAYMENTS_STORM_EVENTS says.
func subscribers(t *testing.T) int {
	t.Helper()
	text := os.Getenv("PAYMENTS_STORM_EVENTS")
	if text == "" {
		text = "2000"
	}
	events, err := strconv.Atoi(text)
	if err != nil || events < 100 || events > 1_000_000 {
		t.Fatalf("PAYMENTS_STORM_EVENTS is a number from 100 to a million, not %q", text)
	}
	return (events + eventsOfOne - 1) / eventsOfOne
}

// TestRenewalStorm lets many subscriptions renew in one second.
func TestRenewalStorm(t *testing.T) {
	t.Parallel()
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		testStorm(t, storetest.SQLiteURL(t))
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		testStorm(t, postgrestest.Durable(t).URL())
	})
}

func testStorm(t *testing.T, database string) {
	t.Helper()
	s := open(t, database)
	a := newAccount(t)
	began, count := time.Now(), subscribers(t)
	a.learn(t, s, count)
	t.Logf("%d subscriptions were made and learned of in %v", count, time.Since(began).Round(time.Second))
	server := processtest.Start(t, processtest.Config{
		Database: database, Stripe: a.url, WebhookSecret: a.secret, Prices: a.prices, Rate: callRate,
	})
	a.tell(t, "http://"+server.Host+"/api/v1/payments/webhook/", stripe.HandledEventTypes())
	a.storm(t, s).write(t)
	a.compare(t, s, count)
}

func open(t *testing.T, database string) *store.Store {
	t.Helper()
	s, err := store.Open(t.Context(), database, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := s.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	return s
}

// plans are what the prices of the account stand for.
func (a *account) plans(t *testing.T) payments.Plans {
	t.Helper()
	var list []payments.Plan
	for i, id := range []string{"basic", "premium", "elite"} {
		list = append(list, payments.Plan{ID: id, Rank: i + 1, Prices: []string{a.prices[i]}})
	}
	plans, err := payments.NewPlans(list)
	if err != nil {
		t.Fatal(err)
	}
	return plans
}

// learn makes the subscribers, and lets a service that does no jobs hear of
// their subscriptions, as one would that was there all the time.
func (a *account) learn(t *testing.T, s *store.Store, count int) {
	t.Helper()
	client, err := stripe.New(stripe.Config{SecretKey: serverKey, WebhookSecrets: []string{a.secret}, APIBase: a.url})
	if err != nil {
		t.Fatal(err)
	}
	service, err := payments.New(payments.Config{Store: s, Stripe: client, Plans: a.plans(t)})
	if err != nil {
		t.Fatal(err)
	}
	ears := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(io.LimitReader(r.Body, payments.MaxEventSize))
		if err == nil {
			err = service.ReceiveEvent(r.Context(), body, r.Header.Get("Stripe-Signature"))
		}
		if err != nil {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}))
	t.Cleanup(ears.Close)
	a.tell(t, ears.URL, []string{"customer.subscription.created", "customer.subscription.updated"})
	a.fill(t, count)
	a.await(t, "every subscription known", func() bool { return !a.undelivered(t) })
	newest := a.call(t, http.MethodGet, "/v1/events", "limit=1")["data"].([]any)[0].(map[string]any)["id"].(string)
	now := time.Now()
	err = s.Update(t.Context(), func(tx payments.Tx) error { // nor was a poll missed
		return tx.PutEventPoll(t.Context(), payments.EventPoll{Anchor: newest, Head: newest, HeadAt: now, Reached: now, PolledAt: now, OverdueAt: now})
	})
	if err != nil {
		t.Fatal(err)
	}
}

// undelivered says whether Stripe still has events to deliver.
func (a *account) undelivered(t *testing.T) bool {
	t.Helper()
	return len(a.call(t, http.MethodGet, "/v1/events", "delivery_success=false&limit=1")["data"].([]any)) > 0
}

// patience bounds every wait; what is waited for comes far sooner.
const patience = time.Hour

// lookEvery is the time between two looks.
const lookEvery = 200 * time.Millisecond

func (a *account) await(t *testing.T, what string, done func() bool) {
	t.Helper()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	look := time.NewTicker(lookEvery)
	defer look.Stop()
	for !done() {
		select {
		case <-look.C:
		case <-deadline.C:
			t.Fatalf("waited %v in vain for: %s", patience, what)
		case <-t.Context().Done():
			t.Fatal(t.Context().Err())
		}
	}
}

// storm lets all subscriptions renew, and returns when the server has nothing
// left to do.
func (a *account) storm(t *testing.T, s *store.Store) *report {
	t.Helper()
	a.served.reset()
	a.sent.reset()
	a.sim.PauseDeliveries(true)
	began := time.Now()
	if err := a.sim.Advance(t.Context(), month+2*time.Hour); err != nil {
		t.Fatal(err)
	}
	r := &report{made: time.Since(began)}
	began = time.Now()
	a.sim.PauseDeliveries(false)
	a.await(t, "the end of the storm", func() bool {
		backlog := look(t, s)
		r.pending, r.reads = max(r.pending, backlog.PendingEvents), max(r.reads, backlog.Reads)
		return backlog.PendingEvents == 0 && backlog.Reads == 0 && !a.undelivered(t)
	})
	r.settled, r.calls, r.limited = time.Since(began), a.served.counted(), a.served.limited
	r.statuses, r.drained = a.sent.counted(), a.sent.last.Sub(began)
	return r
}

// month is longer than any.
const month = 31 * 24 * time.Hour

func look(t *testing.T, s *store.Store) (backlog payments.Backlog) {
	t.Helper()
	err := s.View(t.Context(), func(tx payments.Tx) (err error) {
		backlog, err = tx.Backlog(t.Context())
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return backlog
}

// report is how a storm went.
type report struct {
	made             time.Duration // Stripe's work
	drained, settled time.Duration // until the last event was taken, until nothing was left to do
	statuses         map[int]int   // of the answers to events
	calls            map[string]int
	limited          int // calls answered 429
	pending, reads   int // that waited, at the peak
}

func (r *report) write(t *testing.T) {
	t.Helper()
	events, all := r.statuses[http.StatusOK], 0
	for _, count := range r.calls {
		all += count
	}
	t.Logf("%d events, made in %v, taken in %v (%.0f a second), nothing left to do after %v", events, r.made.Round(time.Millisecond),
		r.drained.Round(time.Millisecond), float64(events)/r.drained.Seconds(), r.settled.Round(time.Millisecond))
	t.Logf("answers %v; %d calls %v, of which %d were refused (429); at the peak %d events pending and %d reads to do",
		r.statuses, all, r.calls, r.limited, r.pending, r.reads)
}
