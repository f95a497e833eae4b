package stripesim_test

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/numerai-app/payments/stripesim"
)

// frozen is where the test clocks of these tests begin: long before the
// simulator's time.
var frozen = time.Date(2024, time.January, 31, 12, 0, 0, 0, time.UTC)

func (w *world) newTestClock() string {
	w.t.Helper()
	return w.post("/v1/test_helpers/test_clocks", fmt.Sprintf("frozen_time=%d&name=A+life", frozen.Unix())).text("id")
}

// newCustomerOn makes a customer who pays with that card on a test clock.
func (w *world) newCustomerOn(clock, card string) string {
	w.t.Helper()
	id := w.post("/v1/customers", "email=ada@example.com&test_clock="+clock).text("id")
	w.post("/v1/customers/"+id, "invoice_settings[default_payment_method]="+w.attach(card, id))
	return id
}

// advanceTestClock advances a test clock and waits until it is ready.
func (w *world) advanceTestClock(clock string, to time.Time) {
	w.t.Helper()
	path := "/v1/test_helpers/test_clocks/" + clock
	begun := w.post(path+"/advance", fmt.Sprintf("frozen_time=%d", to.Unix()))
	wantAll(w.t, "advancing", begun.object, map[string]any{"status": "advancing", "status_details.advancing.target_frozen_time": int(to.Unix())})
	for w.get(path).text("status") == "advancing" {
		if err := w.t.Context().Err(); err != nil {
			w.t.Fatal("the test clock did not become ready")
		}
	}
	wantAll(w.t, "ready", w.get(path).object, map[string]any{"status": "ready", "frozen_time": int(to.Unix()), "status_details.advancing": nil})
}

// TestTestClockLife lets a subscription live on a clock of its own, which the
// simulator's does not move.
func TestTestClockLife(t *testing.T) {
	t.Parallel()
	w := newWorld(t, stripesim.Config{})
	price := w.newPrice(2000, "month")
	start := w.newest()
	clock := w.newTestClock()
	customer := w.newCustomerOn(clock, "pm_card_visa")
	s := w.post("/v1/subscriptions", "customer="+customer+"&items[0][price]="+price+"&expand[]=latest_invoice")
	wantAll(t, "made", s.object, map[string]any{
		"status": "active", "test_clock": clock, "created": int(frozen.Unix()), "latest_invoice.test_clock": clock,
		"latest_invoice.created": int(frozen.Unix()), "items.data.0.current_period_end": int(time.Date(2024, 2, 29, 12, 0, 0, 0, time.UTC).Unix()),
	})
	w.advance(20 * day)
	wantAll(t, "the simulator's clock moved", w.subscription(s.text("id")).object, map[string]any{"latest_invoice.id": s.text("latest_invoice.id")})

	w.advanceTestClock(clock, frozen.AddDate(0, 0, 30))
	wantAll(t, "renewed on the last day of February and paid an hour later", w.subscription(s.text("id")).object, map[string]any{
		"latest_invoice.status": "paid", "latest_invoice.billing_reason": "subscription_cycle",
		"items.data.0.current_period_end": int(time.Date(2024, 3, 31, 12, 0, 0, 0, time.UTC).Unix()),
		"latest_invoice.created":          int(time.Date(2024, 2, 29, 12, 0, 0, 0, time.UTC).Unix()),
	})
	events := w.eventsSince(start)
	for _, e := range events {
		name := e.text("type")
		if name == "invoice.paid" && e.number("created") > frozen.AddDate(0, 0, 30).Unix() {
			t.Errorf("%s is dated %v", name, time.Unix(e.number("created"), 0).UTC())
		}
	}
	for _, want := range []string{"test_helpers.test_clock.created", "test_helpers.test_clock.advancing", "test_helpers.test_clock.ready"} {
		if !slices.Contains(types(events), want) {
			t.Errorf("no event %s", want)
		}
	}

	// What is on a clock is listed only where it is asked for.
	for path, want := range map[string]int{
		"/v1/subscriptions": 0, "/v1/subscriptions?customer=" + customer: 1, "/v1/subscriptions?test_clock=" + clock: 1,
		"/v1/customers": 0, "/v1/customers?test_clock=" + clock: 1, "/v1/test_helpers/test_clocks": 1,
	} {
		if got := len(w.get(path).rows()); got != want {
			t.Errorf("%s lists %d, want %d", path, got, want)
		}
	}

	before := w.newest()
	gone := w.succeed(http.MethodDelete, "/v1/test_helpers/test_clocks/"+clock, "")
	want := []string{"customer.subscription.deleted", "customer.deleted", "test_helpers.test_clock.deleted"}
	if diff := cmp.Diff(want, types(w.eventsSince(before))); diff != "" {
		t.Errorf("what its deletion told (-want +got):\n%s", diff)
	}
	wantAll(t, "deleted", gone.object, map[string]any{"id": clock, "deleted": true})
	wantAll(t, "the customer", w.get("/v1/customers/"+customer).object, map[string]any{"deleted": true})
	wantAll(t, "the subscription", w.subscription(s.text("id")).object, map[string]any{"status": "canceled"})
}

func TestTestClockRefusals(t *testing.T) {
	t.Parallel()
	w := newWorld(t, stripesim.Config{})
	weekly, clock := w.price, w.newTestClock()
	advance := "/v1/test_helpers/test_clocks/" + clock + "/advance"
	refuse := func(what, path, body, param string) {
		t.Helper()
		if got := w.call(http.MethodPost, path, body); got.status != http.StatusBadRequest || got.text("error.param") != param {
			t.Errorf("%s: %d %v", what, got.status, got.object)
		}
	}
	refuse("no time", "/v1/test_helpers/test_clocks", "name=x", "frozen_time")
	refuse("back", advance, fmt.Sprintf("frozen_time=%d", frozen.Unix()), "frozen_time")
	refuse("more than two years", advance, fmt.Sprintf("frozen_time=%d", frozen.AddDate(2, 0, 1).Unix()), "frozen_time")
	customer := w.newCustomerOn(clock, "pm_card_visa")
	w.post("/v1/subscriptions", "customer="+customer+"&items[0][price]="+weekly)
	refuse("more than two weeks", advance, fmt.Sprintf("frozen_time=%d", frozen.Add(15*day).Unix()), "frozen_time")
	w.advanceTestClock(clock, frozen.Add(14*day))
	refuse("an unknown clock", "/v1/customers", "test_clock=clock_none", "test_clock")
	for range 2 {
		w.post("/v1/customers", "test_clock="+clock)
	}
	refuse("a fourth customer", "/v1/customers", "test_clock="+clock, "test_clock")
}

// TestTestClockOutlivesRestart cuts an advance off: the next simulator on the
// folder goes on with it, and deletes the clock when its time has come.
func TestTestClockOutlivesRestart(t *testing.T) {
	t.Parallel()
	config := stripesim.Config{Dir: t.TempDir()}
	sim, err := stripesim.New(config)
	if err != nil {
		t.Fatal(err)
	}
	w := serve(t, sim)
	w.price = w.newPrice(2000, "week")
	clock := w.newTestClock()
	s := w.post("/v1/subscriptions", "customer="+w.newCustomerOn(clock, "pm_card_visa")+"&items[0][price]="+w.price)
	w.post("/v1/test_helpers/test_clocks/"+clock+"/advance", fmt.Sprintf("frozen_time=%d", frozen.Add(8*day).Unix()))
	if err := sim.Close(context.WithoutCancel(t.Context())); err != nil {
		t.Fatal(err)
	}

	again := serve(t, newSimulator(t, config))
	path := "/v1/test_helpers/test_clocks/" + clock
	for again.get(path).text("status") == "advancing" {
		if err := t.Context().Err(); err != nil {
			t.Fatal("the test clock did not become ready")
		}
	}
	wantAll(t, "renewed", again.subscription(s.text("id")).object, map[string]any{"latest_invoice.billing_reason": "subscription_cycle", "latest_invoice.status": "paid"})
	again.advance(31 * day)
	if got := again.call(http.MethodGet, path, ""); got.status != http.StatusNotFound {
		t.Errorf("31 days later the clock is there: %d", got.status)
	}
	wantAll(t, "ended with the clock", again.subscription(s.text("id")).object, map[string]any{"status": "canceled"})
}

// TestTestClockFailure breaks the work of an advance: the clock fails where it
// stands, and others go on.
func TestTestClockFailure(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"endless", "charge"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, stripesim.Config{})
			clock, other := w.newTestClock(), w.newTestClock()
			defer w.sim.Stick(clock, kind)()
			path, start := "/v1/test_helpers/test_clocks/"+clock, w.newest()
			body := fmt.Sprintf("frozen_time=%d", frozen.Add(day).Unix())
			w.post(path+"/advance", body)
			for w.get(path).text("status") == "advancing" {
				if t.Context().Err() != nil {
					t.Fatal("the advance does not end")
				}
			}
			wantAll(t, "failed", w.get(path).object, map[string]any{"status": "internal_failure", "frozen_time": int(frozen.Unix()), "status_details.advancing": nil})
			if diff := cmp.Diff([]string{"test_helpers.test_clock.advancing", "test_helpers.test_clock.internal_failure"}, types(w.eventsSince(start))); diff != "" {
				t.Errorf("what it told (-want +got):\n%s", diff)
			}
			if got := w.call(http.MethodPost, path+"/advance", body); got.status != http.StatusBadRequest {
				t.Errorf("a failed clock is advanced: %d", got.status)
			}
			w.advanceTestClock(other, frozen.Add(day))
			w.succeed(http.MethodDelete, path, "")
		})
	}
}
