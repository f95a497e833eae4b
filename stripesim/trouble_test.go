package stripesim_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/numerai-app/payments/stripesim"
)

// TestSeed checks that the same calls make the same run: ids and trouble.
func TestSeed(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	run := func(seed uint64) []string {
		sim := newSimulator(t, stripesim.Config{
			Seed: seed, Now: func() time.Time { return at },
			Trouble: stripesim.Trouble{Requests: map[string]float64{"error": 0.2, "endpoint_rate": 0.2}},
		})
		w := serveTroubled(t, sim)
		var seen []string
		for range 40 {
			got := w.call(http.MethodPost, "/v1/customers", "name=Ada")
			seen = append(seen, fmt.Sprint(got.status, got.text("id"), got.header.Get("Request-Id"), got.header.Get("Stripe-Rate-Limited-Reason")))
		}
		return seen
	}
	first, second, other := run(7), run(7), run(8)
	if diff := cmp.Diff(first, second); diff != "" {
		t.Errorf("one seed makes two runs (-first +second):\n%s", diff)
	}
	if slices.Equal(first, other) {
		t.Error("two seeds make the same run")
	}
	for _, status := range []string{"200", "429", "500"} {
		if !slices.ContainsFunc(first, func(line string) bool { return line[:3] == status }) {
			t.Errorf("no request of 40 is answered %s", status)
		}
	}
}

// TestSeedAmongOthers checks that what a call meets by chance does not depend on
// other calls between: that of its key, or that of its operation.
func TestSeedAmongOthers(t *testing.T) {
	t.Parallel()
	run := func(others int) []string {
		w := serveTroubled(t, newSimulator(t, stripesim.Config{Seed: 7, Trouble: stripesim.Trouble{Requests: map[string]float64{"error": 0.3}}}))
		var seen []string
		for i := range 30 {
			for range others * (i % 3) {
				w.call(http.MethodGet, "/v1/products", "")
				w.call(http.MethodPost, "/v1/customers", "name=Ada", "Idempotency-Key", fmt.Sprint("other-", i))
			}
			seen = append(seen, fmt.Sprint(
				w.call(http.MethodPost, "/v1/customers", "name=Ada", "Idempotency-Key", fmt.Sprint("key-", i/2)).status,
				w.call(http.MethodGet, "/v1/prices/price_"+fmt.Sprint(i*others), "").status,
			))
		}
		return seen
	}
	alone, among := run(0), run(1)
	if diff := cmp.Diff(alone, among); diff != "" {
		t.Errorf("other calls change what these meet (-alone +among):\n%s", diff)
	}
	for _, status := range []string{"200 404", "500 404", "200 500"} {
		if !slices.Contains(alone, status) {
			t.Errorf("no two calls of 30 are answered %s", status)
		}
	}
}

// serveTroubled puts a simulator behind HTTP without the description, since
// injected trouble is not described.
func serveTroubled(t *testing.T, sim *stripesim.Simulator) *world {
	t.Helper()
	server := httptest.NewServer(sim)
	t.Cleanup(server.Close)
	return &world{t: t, sim: sim, url: server.URL, client: newClient(server.URL)}
}

// TestSeedAfterRestart checks that a seed makes no id twice.
func TestSeedAfterRestart(t *testing.T) {
	t.Parallel()
	dir, seen := t.TempDir(), map[string]bool{}
	for range 3 {
		sim, err := stripesim.New(stripesim.Config{Dir: dir, Seed: 7})
		if err != nil {
			t.Fatal(err)
		}
		id := serve(t, sim).post("/v1/customers", "name=Ada").text("id")
		if seen[id] {
			t.Errorf("%s is made twice", id)
		}
		seen[id] = true
		if err := sim.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

func TestTroubleControl(t *testing.T) {
	t.Parallel()
	w := serveTroubled(t, newSimulator(t, stripesim.Config{}))
	for _, body := range []string{
		`{"requests":{"rain":0.1}}`, `{"requests":{"error":1.5}}`, `{"requests":{"error":0.6,"html":0.6}}`,
		`{"deliveries":{"drop":-1}}`, `{"delay_ms":-1}`, `{"rates":{}}`,
	} {
		if got := w.call(http.MethodPost, "/_sim/trouble", body); got.status != http.StatusBadRequest {
			t.Errorf("%s is answered %d", body, got.status)
		}
	}
	for kind, want := range map[string]struct {
		status       int
		reason, code string
	}{
		"rate_limit": {429, "global-rate", "rate_limit"}, "global_concurrency": {429, "global-concurrency", "rate_limit"},
		"endpoint_rate": {429, "endpoint-rate", "rate_limit"}, "endpoint_concurrency": {429, "endpoint-concurrency", "rate_limit"},
		"resource_specific": {429, "resource-specific", "rate_limit"}, "lock_timeout": {429, "", "lock_timeout"},
		"error": {500, "", ""}, "html": {502, "", ""},
	} {
		w.post("/_sim/trouble", `{"requests":{"`+kind+`":1}}`)
		got := w.call(http.MethodGet, "/v1/customers", "")
		if got.status != want.status || got.header.Get("Stripe-Rate-Limited-Reason") != want.reason || got.text("error.code") != want.code {
			t.Errorf("%s is answered %d, %q, %q", kind, got.status, got.header.Get("Stripe-Rate-Limited-Reason"), got.text("error.code"))
		}
	}
	w.succeed(http.MethodDelete, "/_sim/trouble", "")
	w.get("/v1/customers")
}

func TestRateLimit(t *testing.T) {
	t.Parallel()
	at := time.Now()
	w := serveTroubled(t, newSimulator(t, stripesim.Config{RateLimit: 2, Now: func() time.Time { return at }}))
	for i, want := range []int{200, 200, 429} {
		if got := w.call(http.MethodGet, "/v1/customers", ""); got.status != want {
			t.Errorf("request %d of a second is answered %d", i+1, got.status)
		}
	}
	if got := w.call(http.MethodGet, "/v1/customers", "", "Authorization", "Bearer sk_test_other"); got.status != 200 {
		t.Errorf("another key is answered %d", got.status)
	}
}

func TestFreeze(t *testing.T) {
	t.Parallel()
	start := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	var passed atomic.Int64
	w := serve(t, newSimulator(t, stripesim.Config{Now: func() time.Time { return start.Add(time.Duration(passed.Add(1)) * time.Second) }}))
	frozen := w.post("/_sim/clock/freeze", "").number("unix")
	for range 3 {
		if got := w.post("/v1/customers", "name=Ada").number("created"); got != frozen {
			t.Errorf("a customer of a frozen clock is made at %d, not %d", got, frozen)
		}
	}
	w.advance(time.Hour)
	if got := w.sim.Now().Unix(); got != frozen+3600 {
		t.Errorf("an hour moves a frozen clock by %d seconds", got-frozen)
	}
	w.post("/_sim/clock/unfreeze", "")
	if got := w.sim.Now().Unix() - frozen - 3600; got < 1 || got > 60 {
		t.Errorf("the clock goes on %d seconds from where it stood", got)
	}
}
