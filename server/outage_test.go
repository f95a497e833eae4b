package server_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/numerai-app/payments"
	"github.com/numerai-app/payments/internal/storetest"
	"github.com/numerai-app/payments/stripesim"
)

// witness stands on both ways between Stripe and the service: it notes what the
// service answers to events, and which reads it makes.
type witness struct {
	*testBundle
	api   *httptest.Server // where the service reaches Stripe
	price string           // of premium

	mu       sync.Mutex
	events   map[int]int    // how many were answered with each status
	updates  int            // changes of subscriptions that were taken
	reads    map[string]int // by what they ask for
	answered map[string]int // of these those that got what they asked for
}

func watch(t *testing.T, databaseURL string) *witness {
	t.Helper()
	w := &witness{events: map[int]int{}, reads: map[string]int{}, answered: map[string]int{}}
	door := httptest.NewServer(http.HandlerFunc(w.passEvent))
	t.Cleanup(door.Close)
	b, config, listener := prepare(t, databaseURL, func(*testBundle) string { return door.URL })
	w.testBundle, w.price = b, config.Plans[1].Prices[0]
	w.api = httptest.NewServer(http.HandlerFunc(w.passRead))
	t.Cleanup(w.api.Close)
	config.StripeAPIBase = w.api.URL
	b.start(t, config, listener)
	return w
}

// passEvent hands an event to the service and notes its answer.
func (w *witness) passEvent(answer http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	var event struct{ Type string }
	if err != nil || json.Unmarshal(body, &event) != nil {
		answer.WriteHeader(http.StatusBadRequest)
		return
	}
	recorder := httptest.NewRecorder()
	request := httptest.NewRequestWithContext(r.Context(), http.MethodPost, apiPath+"webhook/", bytes.NewReader(body))
	request.Header = r.Header
	w.service.Handler().ServeHTTP(recorder, request)
	answer.WriteHeader(recorder.Code)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.events[recorder.Code]++
	if event.Type == "customer.subscription.updated" {
		w.updates++
	}
}

// passRead hands a call to Stripe, and notes it if it is a read.
func (w *witness) passRead(answer http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet || r.URL.Path == "/v1/events" {
		w.sim.ServeHTTP(answer, r)
		return
	}
	w.mu.Lock()
	w.reads[r.URL.RequestURI()]++
	w.mu.Unlock()
	noted := &notingWriter{ResponseWriter: answer}
	w.sim.ServeHTTP(noted, r) // which does not return where the connection is cut
	if noted.status == http.StatusOK {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.answered[r.URL.RequestURI()]++
	}
}

// notingWriter notes the status.
type notingWriter struct {
	http.ResponseWriter
	status int
}

// WriteHeader implements [http.ResponseWriter].
func (w *notingWriter) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

func (w *witness) count(of func() int) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return of()
}

func sum(counts map[string]int) (all int) {
	for count := range maps.Values(counts) {
		all += count
	}
	return all
}

// change changes each subscription three times within one second, so that no
// event says which of the changes is the last, and waits until the service has
// taken the events.
func (w *witness) change(t *testing.T, subscriptions []string, last bool) {
	t.Helper()
	before := w.count(func() int { return w.updates })
	if err := w.sim.Freeze(); err != nil {
		t.Fatal(err)
	}
	for _, id := range subscriptions {
		for _, cancel := range []bool{last, !last, last} {
			w.stripe(t, http.MethodPost, "/v1/subscriptions/"+id, fmt.Sprint("cancel_at_period_end=", cancel))
		}
	}
	if err := w.sim.Unfreeze(); err != nil {
		t.Fatal(err)
	}
	// The first of the three changes nothing where it was so before.
	w.eventually(t, "the changes", func() bool {
		return w.count(func() int { return w.updates }) >= before+2*len(subscriptions)
	})
}

// pass lets time pass, and has done what time alone makes necessary.
func (w *witness) pass(t *testing.T, d time.Duration) {
	t.Helper()
	if err := w.sim.Advance(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	if err := w.service.Payments().Work(t.Context(), payments.Sweep{}, payments.Attempt{Number: 1, Last: true}); err != nil {
		t.Fatal(err)
	}
}

// readers is how many reads are under way at a time on PostgreSQL at most; on
// SQLite half of them are.
const readers = 8

// TestHourWithoutReads checks that a Stripe from which nothing can be read for
// an hour costs neither the receipt of events nor any of them: what they tell
// by themselves is known at once, and the rest when Stripe answers again, for
// one read an object.
func TestHourWithoutReads(t *testing.T) {
	t.Parallel()
	for name, database := range map[string]func(testing.TB) string{"SQLite": storetest.SQLiteURL, "PostgreSQL": storetest.PostgresURL} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := watch(t, database(t))
			subscriptions := w.someSubscriptions(t, readers+2)
			w.settle(t)
			clear(w.answered)
			w.suffer(t, subscriptions)
			want(t, "reads that Stripe answered", sum(w.answered), 0)
			asked := sum(w.reads)
			w.sim.ClearFaults()
			w.api.CloseClientConnections()
			w.settle(t)
			want(t, "statuses with which events were answered", slices.Collect(maps.Keys(w.events)), []int{http.StatusOK})
			w.compare(t, subscriptions)
			for what, count := range w.answered {
				if count > 2 {
					t.Errorf("%s was asked for %d times after the outage", what, count)
				}
			}
			// Each try of a job makes 4 tries of a call.
			if most := 4 * payments.MaxAttempts * len(subscriptions); asked > most {
				t.Errorf("%d reads were tried in vain, more than %d", asked, most)
			}
			t.Logf("%d reads in vain, %d answered", asked, sum(w.answered))
		})
	}
}

func (w *witness) someSubscriptions(t *testing.T, count int) (ids []string) {
	t.Helper()
	for i := range count {
		code, created, _ := w.subscribe(t, fmt.Sprint("user-", i), visa("premium"))
		want(t, "answer", code, http.StatusCreated)
		ids = append(ids, created["stripe_subscription_id"].(string))
	}
	return ids
}

// suffer passes an hour in which no read is answered, for one reason after the
// other, while things happen.
func (w *witness) suffer(t *testing.T, subscriptions []string) {
	t.Helper()
	troubles := []stripesim.Fault{
		{Kind: "timeout"}, {Kind: "error"}, {Kind: "rate_limit"}, {Kind: "html"}, {Kind: "cut"}, {Kind: "error", DelayMillis: 300},
	}
	for i, trouble := range troubles {
		trouble.Method, trouble.Count = http.MethodGet, 1<<30
		w.sim.ClearFaults()
		if err := w.sim.AddFault(trouble); err != nil {
			t.Fatal(err)
		}
		w.api.CloseClientConnections()
		before := w.count(func() int { return sum(w.reads) })
		w.change(t, subscriptions, i%2 == 0)
		fresh := 1
		if trouble.Kind == "timeout" {
			fresh = readers / 2
		}
		w.eventually(t, "reads", func() bool { return w.count(func() int { return sum(w.reads) }) >= before+fresh })
		w.subscribeElsewhere(t, fmt.Sprint("new-", i))
		w.pass(t, time.Hour/time.Duration(len(troubles)))
	}
	pending, err := w.service.Payments().Events(t.Context(), payments.EventFilter{Status: payments.EventPending})
	if err != nil || len(pending) < len(subscriptions) {
		t.Errorf("%d events wait for a read, %v: want some of each subscription", len(pending), err)
	}
}

// subscribeElsewhere has a subscription made of which only events tell, the
// last one first, and waits until its user has premium and all of them
// are processed: none of it needs a read.
func (w *witness) subscribeElsewhere(t *testing.T, user string) {
	t.Helper()
	if err := w.sim.AddDeliveryFault(stripesim.DeliveryFault{Kind: "reorder", Count: eventsOfOne, DelayMillis: 10}); err != nil {
		t.Fatal(err)
	}
	customer := w.stripe(t, http.MethodPost, "/v1/customers", "metadata[user_id]="+user)["id"].(string)
	card := w.stripe(t, http.MethodPost, "/v1/payment_methods/pm_card_visa/attach", "customer="+customer)["id"].(string)
	w.stripe(t, http.MethodPost, "/v1/subscriptions", strings.Join([]string{
		"customer=" + customer, "default_payment_method=" + card, "metadata[user_id]=" + user, "items[0][price]=" + w.price,
	}, "&"))
	w.eventually(t, "premium of a new user", func() bool { return w.status(t, user) == "premium=true plan=premium reason=active" })
	w.eventually(t, "the events that came too early", func() bool {
		pending, err := w.service.Payments().Events(t.Context(), payments.EventFilter{Status: payments.EventPending, Limit: 1000})
		return err == nil && !slices.ContainsFunc(pending, func(e payments.Event) bool { return e.Type != "customer.subscription.updated" })
	})
	w.eventually(t, "the history of a new user", func() bool { // its last event may still be on its way
		return slices.Equal(w.history(t, user), []string{"invoice 1999 usd paid"})
	})
}

// eventsOfOne is how many events tell of a new subscription.
const eventsOfOne = 5

// compare compares what is on record with what Stripe says, and looks for
// events that were given up.
func (w *witness) compare(t *testing.T, subscriptions []string) {
	t.Helper()
	for i, id := range subscriptions {
		state, err := w.service.Payments().SubscriptionStatus(t.Context(), fmt.Sprint("user-", i))
		if err != nil {
			t.Fatal(err)
		}
		is := w.stripe(t, http.MethodGet, "/v1/subscriptions/"+id, "")
		want(t, "cancel at period end of "+id, any(state.Subscription.CancelAtPeriodEnd), is["cancel_at_period_end"])
		want(t, "status of "+id, any(string(state.Subscription.Status)), is["status"])
	}
	failed, err := w.service.Payments().Events(t.Context(), payments.EventFilter{Status: payments.EventFailed})
	if err != nil || len(failed) > 0 {
		t.Errorf("events were given up: %v, %v", failed, err)
	}
}
