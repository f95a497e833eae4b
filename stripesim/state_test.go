package stripesim_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	stripe "github.com/stripe/stripe-go/v85"

	"github.com/numerai-app/payments/stripesim"
)

func TestIdempotency(t *testing.T) {
	t.Parallel()
	now := atomic.Int64{}
	now.Store(time.Now().Unix())
	w := newWorld(t, stripesim.Config{Now: func() time.Time { return time.Unix(now.Load(), 0) }})
	customer := w.newCustomer("pm_card_chargeCustomerFail")
	count := func() int { return len(w.get("/v1/customers?limit=100").rows()) }

	first := w.call(http.MethodPost, "/v1/customers", "name=Ada", "Idempotency-Key", "key-1")
	before := count()
	again := w.call(http.MethodPost, "/v1/customers", "name=Ada", "Idempotency-Key", "key-1")
	if again.text("id") != first.text("id") || again.header.Get("Idempotent-Replayed") != "true" || count() != before {
		t.Errorf("the same request is done again: %v", again.object)
	}
	if got := again.header.Get("Original-Request"); got == "" || got != first.header.Get("Request-Id") || got != first.header.Get("Original-Request") || got == again.header.Get("Request-Id") {
		t.Errorf("the answer to the first request is said to be that of %q", got)
	}
	for _, body := range []string{"name=Grace", "name=Ada&email=ada@example.com", "", "colour=red"} {
		other := w.call(http.MethodPost, "/v1/customers", body, "Idempotency-Key", "key-1")
		wantAll(t, "other parameters: "+body, other.object, map[string]any{"error.type": "idempotency_error"})
	}

	// A refusal of the wording is forgotten, a decline is not.
	if got := w.call(http.MethodPost, "/v1/customers", "colour=red", "Idempotency-Key", "key-2"); got.status != 400 {
		t.Errorf("an unknown parameter is answered %d", got.status)
	}
	if got := w.call(http.MethodPost, "/v1/customers", "name=Ada", "Idempotency-Key", "key-2"); got.status != 200 {
		t.Errorf("a key that no request used is answered %d", got.status)
	}
	subscribe := "customer=" + customer + "&items[0][price]=" + w.price + "&payment_behavior=error_if_incomplete"
	for _, replayed := range []string{"", "true"} {
		got := w.call(http.MethodPost, "/v1/subscriptions", subscribe, "Idempotency-Key", "key-3")
		if got.status != 402 || got.header.Get("Idempotent-Replayed") != replayed {
			t.Errorf("a decline is answered %d, replayed %q", got.status, got.header.Get("Idempotent-Replayed"))
		}
	}
	if got := w.get("/v1/subscriptions?status=all").rows(); len(got) != 0 {
		t.Errorf("error_if_incomplete left %d subscriptions", len(got))
	}

	// Keys are those of one API key, and live for a day of real time.
	elsewhere := w.call(http.MethodPost, "/v1/customers", "name=Ada", "Idempotency-Key", "key-1", "Authorization", "Bearer sk_test_other")
	w.advance(2 * day)
	still := w.call(http.MethodPost, "/v1/customers", "name=Ada", "Idempotency-Key", "key-1")
	now.Add(25 * 3600)
	anew := w.call(http.MethodPost, "/v1/customers", "name=Ada", "Idempotency-Key", "key-1")
	if elsewhere.text("id") == first.text("id") || still.text("id") != first.text("id") || anew.text("id") == first.text("id") {
		t.Error("an idempotency key is known too long, too short, or elsewhere")
	}
}

// TestKeyStandsForMeaning checks that an idempotency key stands for what a
// request says, in whatever order and encoding.
func TestKeyStandsForMeaning(t *testing.T) {
	t.Parallel()
	w := newWorld(t, stripesim.Config{})
	const body = "metadata[b]=2&name=Ada+L&metadata[a]=1&expand[0]=default_source&preferred_locales[]=en&preferred_locales[]=fr"
	first := w.call(http.MethodPost, "/v1/customers", body, "Idempotency-Key", "key-1")
	for again, replayed := range map[string]bool{
		"name=Ada%20L&metadata%5Ba%5D=1&metadata[b]=2&expand[]=default_source&preferred_locales[1]=fr&preferred_locales[0]=en": true,
		"name=Ada+L&metadata[a]=1&metadata[b]=2&expand[]=default_source&preferred_locales[1]=en&preferred_locales[0]=fr":       false,
		"name=Ada+L&metadata[a]=2&metadata[b]=1&expand[]=default_source&preferred_locales[]=en&preferred_locales[]=fr":         false,
		"name=Ada+L&metadata[a]=1&metadata[b]=2&preferred_locales[]=en&preferred_locales[]=fr":                                 false,
	} {
		got := w.call(http.MethodPost, "/v1/customers", again, "Idempotency-Key", "key-1")
		if replayed && got.text("id") != first.text("id") || !replayed && got.text("error.type") != "idempotency_error" {
			t.Errorf("%s is answered %d %v", again, got.status, got.object)
		}
	}
}

// TestRequestLog checks that a refusal says where the request is logged: that
// of an unknown key has no log.
func TestRequestLog(t *testing.T) {
	t.Parallel()
	w := newWorld(t, stripesim.Config{})
	got := w.call(http.MethodGet, "/v1/customers/cus_none", "")
	address := "https://dashboard.stripe.com/test/logs/" + got.header.Get("Request-Id") + "?t="
	if log := got.text("error.request_log_url"); !strings.HasPrefix(log, address) || len(log) != len(address)+10 {
		t.Errorf("the log is at %s, want %s…", log, address)
	}
	unknown := w.call(http.MethodGet, "/v1/customers", "", "Authorization", "Bearer sk_live_other")
	wantAll(t, "an unknown key", unknown.object, map[string]any{"error.request_log_url": nil})
	if unknown.status != http.StatusUnauthorized || unknown.header.Get("Original-Request") != "" {
		t.Errorf("it is answered %d %v", unknown.status, unknown.header)
	}
}

func TestKeyInUse(t *testing.T) {
	t.Parallel()
	w := newWorld(t, stripesim.Config{})
	if err := w.sim.AddFault(stripesim.Fault{Kind: "timeout", Path: "/v1/customers"}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		request, err := http.NewRequestWithContext(ctx, http.MethodPost, w.url+"/v1/customers", strings.NewReader("name=Ada"))
		if err != nil {
			t.Error(err)
			return
		}
		request.Header.Set("Authorization", "Bearer "+secretKey)
		request.Header.Set("Idempotency-Key", "key-1")
		if response, err := http.DefaultClient.Do(request); err == nil {
			t.Errorf("a timeout is answered %d", response.StatusCode)
			_ = response.Body.Close()
		}
	}()
	// The work is done when the customer is there; the answer never comes.
	for len(w.get("/v1/products?limit=1").rows()) == 0 || w.newest() == "" || !created(w) {
		if t.Context().Err() != nil {
			t.Fatal("the customer was never made")
		}
	}
	got := w.call(http.MethodPost, "/v1/customers", "name=Ada", "Idempotency-Key", "key-1")
	wantAll(t, "in flight", got.object, map[string]any{"error.code": "idempotency_key_in_use"})
	if got.status != http.StatusConflict {
		t.Errorf("it is answered %d", got.status)
	}
	cancel()
	<-ended
}

// created says whether the newest event is of a customer.
func created(w *world) bool {
	return w.get("/v1/events?limit=1").rows()[0].text("type") == "customer.created"
}

// TestRestart checks that a simulator on the same folder finds everything,
// after a torn last line too.
func TestRestart(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	open := func() (*world, func()) {
		sim, err := stripesim.New(stripesim.Config{Dir: dir})
		if err != nil {
			t.Fatal(err)
		}
		return serve(t, sim), func() {
			if err := sim.Close(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
	}
	w, closeIt := open()
	w.price = w.newPrice(2000, "week")
	customer := w.newCustomer("pm_card_visa")
	s := w.subscribe(customer, "")
	keyed := w.call(http.MethodPost, "/v1/customers", "name=Grace", "Idempotency-Key", "key-1")
	w.advance(week + 2*time.Hour)
	paths := []string{
		"/v1/events?limit=100", "/v1/customers?limit=100", "/v1/invoices?expand[]=data.payments", "/v1/charges?payment_intent=" +
			s.text("latest_invoice.payments.data.0.payment.payment_intent"), "/v1/subscriptions/" + s.text("id"),
		"/v1/payment_methods?customer=" + customer, "/v1/prices",
	}
	want := map[string]object{}
	for _, path := range paths {
		want[path] = w.get(path).object
	}
	told := w.sim.Now()
	closeIt()

	name := filepath.Join(dir, "journal.jsonl")
	file, err := os.OpenFile(name, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := file.WriteString(`{"objects":[{"kind":"cust`); err != nil {
		t.Fatal(err)
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}

	for range 2 { // the second time from the journal as it was rewritten
		w, closeIt = open()
		for _, path := range paths {
			if diff := cmp.Diff(want[path], w.get(path).object); diff != "" {
				t.Errorf("%s (-before +after):\n%s", path, diff)
			}
		}
		if w.sim.Now().Before(told) {
			t.Errorf("the clock went back from %v to %v", told, w.sim.Now())
		}
		again := w.call(http.MethodPost, "/v1/customers", "name=Grace", "Idempotency-Key", "key-1")
		if again.text("id") != keyed.text("id") {
			t.Error("the idempotency key is forgotten")
		}
		closeIt()
	}
}

func TestDamagedJournal(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "journal.jsonl"), []byte("{}\nnonsense\n{}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := stripesim.New(stripesim.Config{Dir: dir}); err == nil || !strings.Contains(err.Error(), "line 2") {
		t.Errorf("a damaged journal is opened with %v", err)
	}
}

func TestReset(t *testing.T) {
	t.Parallel()
	w := newWorld(t, stripesim.Config{})
	w.newCustomer("pm_card_visa")
	w.post("/_sim/advance", `{"seconds":86400}`)
	w.post("/_sim/reset", "")
	if got := w.get("/v1/customers").rows(); len(got) != 0 {
		t.Errorf("%d customers are left", len(got))
	}
	if ahead := time.Until(w.sim.Now()); ahead > time.Hour {
		t.Errorf("the clock is still %v ahead", ahead)
	}
}

func TestClock(t *testing.T) {
	t.Parallel()
	w := newWorld(t, stripesim.Config{})
	before := w.sim.Now()
	w.post("/_sim/advance", `{"seconds":3600}`)
	got := w.get("/_sim/clock")
	if moved := time.Unix(got.number("unix"), 0).Sub(before); moved < time.Hour-time.Second || moved > time.Hour+time.Minute {
		t.Errorf("an hour later it is %v later", moved)
	}
	if date, err := http.ParseTime(got.header.Get("Date")); err != nil || date.Sub(before) < time.Hour-time.Second {
		t.Errorf("the Date header is %v", got.header.Get("Date"))
	}
	for _, body := range []string{`{"seconds":-1}`, `{"seconds":999999999999999}`, `{"second":1}`, `nonsense`} {
		if got := w.call(http.MethodPost, "/_sim/advance", body); got.status != http.StatusBadRequest {
			t.Errorf("%s is answered %d", body, got.status)
		}
	}
	if err := w.sim.Advance(t.Context(), -time.Second); err == nil {
		t.Error("the clock went back")
	}
}

func TestFaults(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		kind   string
		status int // 0: no answer
		code   string
		done   bool
	}{
		{"rate_limit", 429, "rate_limit", false},
		{"lock_timeout", 429, "lock_timeout", false},
		{"error", 500, "", false},
		{"html", 502, "", false},
		{"cut", 0, "", false},
		{"lost", 0, "", true},
		{"delay", 200, "", true},
	} {
		t.Run(test.kind, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, stripesim.Config{})
			w.post("/_sim/faults", fmt.Sprintf(`{"method":"POST","path":"/v1/customers","kind":%q,"delay_ms":1}`, test.kind))
			got, err := w.try(http.MethodPost, "/v1/customers", "name=Ada")
			if err != nil && test.status != 0 || err == nil && (got.status != test.status || got.text("error.code") != test.code) {
				t.Errorf("it is answered %d %v, %v", got.status, got.object, err)
			}
			if made := len(w.get("/v1/customers").rows()) == 1; made != test.done {
				t.Errorf("the work was done: %v", made)
			}
			w.post("/v1/customers", "name=Grace") // met once
		})
	}
	w := newWorld(t, stripesim.Config{})
	for _, body := range []string{`{"kind":"flood"}`, `{"kind":"cut","count":-1}`} {
		if got := w.call(http.MethodPost, "/_sim/faults", body); got.status != http.StatusBadRequest {
			t.Errorf("%s is answered %d", body, got.status)
		}
	}
}

// TestManyAtOnce lets fifty callers make what belongs together.
func TestManyAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t, stripesim.Config{})
	const callers = 50
	customer := w.newCustomer("pm_card_visa")
	var group sync.WaitGroup
	for i := range callers {
		group.Go(func() {
			params := &stripe.SubscriptionCreateParams{
				Customer: &customer, Items: []*stripe.SubscriptionCreateItemParams{{Price: &w.price}},
			}
			params.SetIdempotencyKey(fmt.Sprint("key-", i/2)) // each twice
			s, err := w.client.V1Subscriptions.Create(t.Context(), params)
			if err != nil {
				if fault := new(stripe.Error); !errors.As(err, &fault) || fault.Code != "idempotency_key_in_use" {
					t.Errorf("caller %d: %v", i, err)
				}
			} else if s.Status != "active" {
				t.Errorf("caller %d: %s", i, s.Status)
			}
		})
	}
	group.Wait()
	if got := len(w.get("/v1/subscriptions?limit=100&customer=" + customer).rows()); got != callers/2 {
		t.Errorf("%d subscriptions were made, want %d", got, callers/2)
	}
	if got := len(w.get("/v1/charges?limit=100").rows()); got != callers/2 {
		t.Errorf("%d charges were made, want %d", got, callers/2)
	}
}

// TestNumbersSurvive checks that what Stripe quotes is quoted, and what it
// leaves null is null.
func TestNumbersSurvive(t *testing.T) {
	t.Parallel()
	w := newWorld(t, stripesim.Config{})
	price := w.post("/v1/prices", "currency=usd&unit_amount_decimal=0.5&product_data[name]=Byte&recurring[interval]=month")
	wantAll(t, "price", price.object, map[string]any{"unit_amount": nil, "unit_amount_decimal": "0.5"})
	s := w.post("/v1/subscriptions", "customer="+w.newCustomer("pm_card_visa")+"&items[0][quantity]=401&items[0][price]="+price.text("id")+"&expand[]=latest_invoice")
	wantAll(t, "invoice", s.object, map[string]any{"latest_invoice.amount_due": 201}) // half away from zero
	encoded, err := json.Marshal(s.object)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(encoded), `"quantity_decimal":"401"`) {
		t.Error("a decimal is not quoted")
	}
}
