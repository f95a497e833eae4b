package stripesim_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/numerai-app/payments/stripesim"
)

// open is a simulator on a folder, until close.
func open(t *testing.T, dir string) (w *world, shut func()) {
	t.Helper()
	sim, err := stripesim.New(stripesim.Config{Dir: dir, RetrySchedule: soon.RetrySchedule})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(sim)
	return &world{Simulator: sim, url: server.URL}, func() {
		t.Helper()
		server.Close()
		if err := sim.Close(context.Background()); err != nil {
			t.Error(err)
		}
	}
}

func TestRestartFindsEverything(t *testing.T) {
	t.Parallel()
	dir, r := t.TempDir(), newReceiver(t)
	w, shut := open(t, dir)
	w.post(t, "/_sim/deliveries/pause", "")
	w.post(t, "/v1/webhook_endpoints", "enabled_events[]=customer.subscription.created&url="+r.url)
	customer := w.customer(t, "pm_card_visa")
	w.advance(t, 50*day)
	s := w.subscribe(t, customer, "")
	first := w.call(t, 200, http.MethodPost, "/v1/customers", "name=Ada", "Idempotency-Key", "kept")
	paths := []string{"/v1/customers", "/v1/subscriptions", "/v1/invoices", "/v1/charges", "/v1/payment_intents", "/v1/events?limit=100", "/v1/invoice_payments"}
	var before []object
	for _, path := range paths {
		before = append(before, w.get(t, path))
	}
	now := w.Now()
	shut()

	// A crash in the middle of a line.
	file, err := os.OpenFile(filepath.Join(dir, "journal.jsonl"), os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := file.WriteString(`{"objects":[{"id":"cus_torn","obj`); err != nil {
		t.Fatal(err)
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}

	w, shut = open(t, dir)
	if w.Now().Before(now) {
		t.Errorf("it was %v and is %v", now, w.Now())
	}
	if got := r.next(t).text("data.object.id"); got != s.text("id") {
		t.Errorf("the event of %s came", got)
	}
	w.settled(t)
	for i, path := range paths {
		got := w.get(t, path)
		ignored := cmp.FilterPath(func(p cmp.Path) bool { return p.Last().String() == `["pending_webhooks"]` }, cmp.Ignore())
		if diff := cmp.Diff(before[i], got, ignored); diff != "" {
			t.Errorf("%s (-before +after):\n%s", path, diff)
		}
	}
	again := w.call(t, 200, http.MethodPost, "/v1/customers", "name=Ada", "Idempotency-Key", "kept")
	if again.header.Get("Idempotent-Replayed") != "true" || again.text("id") != first.text("id") {
		t.Errorf("the key gives %s, want %s again", again.raw, first.raw)
	}
	w.advance(t, 32*day)
	expect(t, w.get(t, "/v1/invoices?limit=1"), map[string]any{"data.0.status": "paid", "data.0.billing_reason": "subscription_cycle"})
	shut()
	w, shut = open(t, dir)
	defer shut()
	if got := len(w.get(t, "/v1/invoices").rows()); got != 2 {
		t.Errorf("there are %d invoices, want 2", got)
	}
	w.post(t, "/_sim/reset", "")
	if got := len(w.get(t, "/v1/customers").rows()) + len(w.get(t, "/v1/events").rows()); got != 0 {
		t.Errorf("after a reset there are %d objects", got)
	}
}

func TestDamagedJournalIsNoState(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "journal.jsonl"), []byte("{}\nno JSON\n{}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if sim, err := stripesim.New(stripesim.Config{Dir: dir}); err == nil {
		t.Error("a damaged journal was taken", sim.Close(t.Context()))
	}
}

func TestIdempotencyKeys(t *testing.T) {
	t.Parallel()
	w := newWorld(t, stripesim.Config{})
	customer := w.customer(t, "")
	keyed := func(status int, path, form, key string) answer {
		return w.call(t, status, http.MethodPost, path, form, "Idempotency-Key", key)
	}
	first, again := keyed(200, "/v1/customers", "name=Ada", "a"), keyed(200, "/v1/customers", "name=Ada", "a")
	if first.text("id") != again.text("id") || first.header.Get("Idempotent-Replayed") != "" || again.header.Get("Idempotent-Replayed") != "true" {
		t.Errorf("%s, then %s", first.raw, again.raw)
	}
	for _, other := range [][2]string{{"/v1/customers", "name=Bob"}, {"/v1/products", "name=Ada"}} {
		expect(t, keyed(400, other[0], other[1], "a").object, map[string]any{"error.type": "idempotency_error"})
	}
	attach := "/v1/payment_methods/pm_card_visa_chargeDeclined/attach"
	keyed(402, attach, "customer="+customer, "declined")
	if got := keyed(402, attach, "customer="+customer, "declined"); got.header.Get("Idempotent-Replayed") != "true" {
		t.Errorf("a decline is not replayed: %s", got.raw)
	}
	keyed(400, "/v1/customers", "colour=red", "corrected")
	keyed(200, "/v1/customers", "name=Ada", "corrected")
	keyed(400, "/v1/payment_intents", "amount=1&currency=usd", "amount")
	keyed(200, "/v1/payment_intents", "amount=100&currency=usd", "amount")
}

// TestKeyInUse sends two requests with one key, both of which would take long:
// the one that has the key does, and the other is sent away.
func TestKeyInUse(t *testing.T) {
	t.Parallel()
	w := newWorld(t, stripesim.Config{})
	w.post(t, "/_sim/faults", `{"path":"/v1/customers","kind":"delay","delay_ms":60000,"count":2}`)
	ctx, leave := context.WithTimeout(t.Context(), waitLimit)
	defer leave()
	statuses := make(chan int, 2)
	for range 2 {
		go func() {
			request, err := http.NewRequestWithContext(ctx, http.MethodPost, w.url+"/v1/customers", nil)
			if err != nil {
				t.Error(err)
				return
			}
			request.Header.Set("Authorization", "Bearer "+secretKey)
			request.Header.Set("Idempotency-Key", "slow")
			response, err := oneCall.Do(request)
			if err != nil {
				statuses <- 0
				return
			}
			if err := response.Body.Close(); err != nil {
				t.Error(err)
			}
			statuses <- response.StatusCode
		}()
	}
	if got := <-statuses; got != http.StatusConflict {
		t.Errorf("the first answer is %d, want 409", got)
	}
	leave()
	if got := <-statuses; got != 0 {
		t.Errorf("the second answer is %d, want none", got)
	}
}

func TestFaults(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		kind, code string
		status     int // 0: the connection ends
		done       bool
	}{
		{"rate_limit", "rate_limit", 429, false},
		{"lock_timeout", "lock_timeout", 429, false},
		{"error", "", 500, false},
		{"html", "", 502, false},
		{"cut", "", 0, false},
		{"lost", "", 0, true},
	} {
		t.Run(test.kind, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, stripesim.Config{})
			w.post(t, "/_sim/faults", fmt.Sprintf(`{"method":"POST","path":"/v1/customers","kind":%q}`, test.kind))
			w.get(t, "/v1/customers") // not met
			got, err := w.try(t, http.MethodPost, "/v1/customers", "name=Ada", "Idempotency-Key", "again")
			if (err != nil) != (test.status == 0) || got.status != test.status || got.text("error.code") != test.code {
				t.Errorf("it was answered %d %s, error %v", got.status, got.raw, err)
			}
			if test.kind == "html" && got.object != nil {
				t.Errorf("HTML is %s", got.raw)
			}
			retried := w.call(t, 200, http.MethodPost, "/v1/customers", "name=Ada", "Idempotency-Key", "again")
			if replayed := retried.header.Get("Idempotent-Replayed") == "true"; replayed != test.done {
				t.Errorf("replayed is %v", replayed)
			}
			if got := w.get(t, "/v1/customers").rows(); len(got) != 1 {
				t.Errorf("there are %d customers, want 1", len(got))
			}
		})
	}
	w := newWorld(t, stripesim.Config{})
	for _, bad := range []string{`{"kind":"flood"}`, `{"kind":"error","count":-1}`, `{"colour":1}`, `{} {}`, `[`} {
		w.call(t, 400, http.MethodPost, "/_sim/faults", bad)
	}
	w.post(t, "/_sim/faults", `{"kind":"error","count":100}`)
	w.call(t, 200, http.MethodDelete, "/_sim/faults", "")
	w.get(t, "/v1/customers")
	w.call(t, 404, http.MethodPost, "/_sim/nothing", "")
}

func TestClockGoesForwardInOrder(t *testing.T) {
	t.Parallel()
	w := newWorld(t, stripesim.Config{})
	customer := w.customer(t, "pm_card_visa")
	for _, seconds := range []string{"-1", "9223372036854775807", "999999999999"} {
		w.call(t, 400, http.MethodPost, "/_sim/advance", `{"seconds":`+seconds+`}`)
	}
	if w.Advance(t.Context(), -time.Second) == nil || w.Advance(t.Context(), 10*366*day) == nil {
		t.Error("the clock goes anywhere")
	}
	before := w.lastEvent(t)
	w.subscribe(t, customer, "&trial_period_days=10")
	w.subscribe(t, customer, "")
	w.post(t, "/_sim/advance", `{"seconds":2505600}`) // 29 days
	var at []int64
	for _, event := range w.get(t, "/v1/events?limit=100&ending_before="+before).rows() {
		at = append(at, event.number("created"))
	}
	slices.Reverse(at)
	if len(at) < 20 || !slices.IsSorted(at) {
		t.Errorf("events are of the times %v", at)
	}
}

// TestManyAtOnce is for the race detector, and for invoices that are numbered
// without gaps.
func TestManyAtOnce(t *testing.T) {
	t.Parallel()
	w, r := newWorld(t, soon), newReceiver(t)
	w.post(t, "/v1/webhook_endpoints", "enabled_events[]=*&url="+r.url)
	customer := w.customer(t, "pm_card_visa")
	var all sync.WaitGroup
	for i := range 50 {
		all.Go(func() {
			form := "customer=" + customer + "&items[0][price]=" + w.price
			calls := []func() (answer, error){
				func() (answer, error) {
					return w.try(t, http.MethodPost, "/v1/subscriptions", form, "Idempotency-Key", fmt.Sprint("key ", i))
				},
				func() (answer, error) { return w.try(t, http.MethodGet, "/v1/events", "limit=100") },
				func() (answer, error) {
					return w.try(t, http.MethodPost, "/v1/customers/"+customer, fmt.Sprint("name=", i))
				},
				func() (answer, error) {
					return w.try(t, http.MethodPost, "/_sim/advance", `{"seconds":1}`)
				},
				func() (answer, error) {
					return w.try(t, http.MethodGet, "/v1/subscriptions", "expand[]=data.latest_invoice.payments&customer="+customer)
				},
			}
			if got, err := calls[i%len(calls)](); err != nil || got.status != 200 {
				t.Errorf("call %d was answered %d %s, error %v", i, got.status, got.raw, err)
			}
		})
	}
	all.Wait()
	if got := len(w.get(t, "/v1/subscriptions?limit=100").rows()); got != 10 {
		t.Errorf("there are %d subscriptions, want 10", got)
	}
	expect(t, w.get(t, "/v1/customers/"+customer), map[string]any{"next_invoice_sequence": 11})
	w.settled(t)
}
