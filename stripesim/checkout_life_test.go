package stripesim_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/numerai-app/payments/stripesim"
)

// TestCheckoutTrialWithBankStep leaves a card that the bank asks about.
func TestCheckoutTrialWithBankStep(t *testing.T) {
	t.Parallel()
	w := newWorld(t, stripesim.Config{})
	id := w.checkout("subscription", "&line_items[0][quantity]=1&line_items[0][price]="+w.price+"&subscription_data[trial_period_days]=7"+successURL).text("id")
	begin := w.newest()
	refused := w.complete(id, "pm_card_chargeDeclined")
	wantAll(t, "refused", refused.object, map[string]any{"session.status": "open", "decline.code": "card_declined"})
	intent := w.complete(id, "pm_card_authenticationRequiredOnSetup").text("authenticate")
	if got := w.call(http.MethodPost, "/v1/setup_intents/"+intent+"/cancel", ""); got.status != http.StatusBadRequest {
		t.Errorf("the intent of an open session was canceled: %d", got.status)
	}
	wantAll(t, "waits", w.get("/v1/checkout/sessions/"+id).object, map[string]any{"status": "open", "subscription": nil})
	w.post("/_sim/setup_intents/"+intent+"/authenticate", "")
	wantAll(t, "complete", w.get("/v1/checkout/sessions/"+id+"?expand[]=subscription").object, map[string]any{
		"status": "complete", "subscription.status": "trialing", "subscription.pending_setup_intent": nil,
	})
	want := []string{
		"customer.created", "setup_intent.created", "setup_intent.setup_failed", "setup_intent.requires_action", "payment_method.attached",
		"setup_intent.succeeded", "customer.subscription.created", "invoice.created", "customer.updated", "invoice.finalized", "invoice.paid",
		"invoice.payment_succeeded", "checkout.session.completed",
	}
	if diff := cmp.Diff(want, types(w.eventsSince(begin))); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
}

// TestCheckoutOnTestClock lets a session of a customer on a test clock expire
// by that clock.
func TestCheckoutOnTestClock(t *testing.T) {
	t.Parallel()
	w := newWorld(t, stripesim.Config{})
	clock := w.post("/v1/test_helpers/test_clocks", "frozen_time="+unix(june)).text("id")
	customer := w.post("/v1/customers", "email=ada@example.com&test_clock="+clock).text("id")
	open := func() string {
		return w.checkout("payment", "&line_items[0][quantity]=1&line_items[0][price]="+w.newOncePrice("700")+"&customer="+customer+successURL).text("id")
	}
	id, paid := open(), open()
	wantAll(t, "open", w.get("/v1/checkout/sessions/"+id).object, map[string]any{"created": int(june.Unix()), "expires_at": int(june.Add(day).Unix())})
	intent := w.complete(paid, "pm_card_threeDSecure2Required").text("authenticate")
	if got := w.call(http.MethodPost, "/v1/payment_intents/"+intent+"/cancel", ""); got.status != http.StatusBadRequest {
		t.Errorf("the intent of an open session was canceled: %d", got.status)
	}
	w.post("/_sim/payment_intents/"+intent+"/authenticate", "")
	w.advanceTestClock(clock, june.Add(25*time.Hour))
	wantAll(t, "expired", w.get("/v1/checkout/sessions/"+id).object, map[string]any{"status": "expired"})
	wantAll(t, "paid", w.get("/v1/checkout/sessions/"+paid+"?expand[]=payment_intent.latest_charge.balance_transaction").object, map[string]any{
		"status": "complete", "payment_intent.latest_charge.balance_transaction.created": int(june.Unix()) + 3,
	})
}

// TestMoneyIsKept opens a simulator again on the folder of another, and
// compares what it says of sessions, disputes, bookings and the portal.
func TestMoneyIsKept(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	sim, err := stripesim.New(stripesim.Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	w := serve(t, sim)
	w.price = w.newPrice(2000, "week")
	coupon := w.post("/v1/coupons", "percent_off=10&duration=once").text("id")
	line := "&line_items[0][quantity]=2&line_items[0][price]=" + w.price + "&discounts[0][coupon]=" + coupon + successURL
	done, open := w.checkout("subscription", line).text("id"), w.checkout("subscription", line+"&subscription_data[trial_period_days]=3").text("id")
	w.complete(done, "pm_card_createDispute")
	dispute := w.get("/v1/disputes").rows()[0].text("id")
	w.post("/v1/disputes/"+dispute, "submit=false&evidence[customer_name]=Ada")
	w.post("/v1/billing_portal/configurations", "features[invoice_history][enabled]=true")
	w.advance(time.Minute)
	paths := []string{
		"/v1/checkout/sessions/" + done + "?expand[]=line_items", "/v1/checkout/sessions/" + open + "?expand[]=line_items", "/v1/disputes/" + dispute,
		"/v1/balance_transactions", "/v1/balance", "/v1/billing_portal/configurations", "/v1/charges",
	}
	before := make([]object, len(paths))
	for i, path := range paths {
		before[i] = w.get(path).object
	}
	if err := sim.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	again := serve(t, newSimulator(t, stripesim.Config{Dir: dir}))
	for i, path := range paths {
		if diff := cmp.Diff(before[i], again.get(path).object); diff != "" {
			t.Errorf("%s after a restart (-before +after):\n%s", path, diff)
		}
	}
	again.complete(open, "pm_card_visa")
	wantAll(t, "completed later", again.get("/v1/checkout/sessions/"+open+"?expand[]=subscription").object, map[string]any{
		"status": "complete", "subscription.status": "trialing",
	})
}
