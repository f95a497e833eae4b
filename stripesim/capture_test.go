package stripesim_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/numerai-app/payments/stripesim"
)

func TestCapture(t *testing.T) {
	t.Parallel()
	authorized := []string{"payment_intent.created", "charge.succeeded", "payment_intent.amount_capturable_updated"}
	for _, c := range []struct {
		name   string
		play   func(w *world, intent string)
		intent map[string]any
		charge map[string]any
		events []string
	}{
		{
			name:   "authorized",
			play:   func(*world, string) {},
			intent: map[string]any{"status": "requires_capture", "amount_capturable": 1000, "amount_received": 0},
			charge: map[string]any{"captured": false, "amount_captured": 0, "paid": true, "status": "succeeded", "balance_transaction": nil},
		},
		{
			name:   "captured",
			play:   func(w *world, intent string) { w.post("/v1/payment_intents/"+intent+"/capture", "metadata[a]=b") },
			intent: map[string]any{"status": "succeeded", "amount_capturable": 0, "amount_received": 1000, "metadata.a": "b"},
			charge: map[string]any{"captured": true, "amount_captured": 1000, "amount_refunded": 0, "balance_transaction.net": 941},
			events: []string{"charge.captured", "payment_intent.succeeded"},
		},
		{
			name: "a part captured, by the charge",
			play: func(w *world, intent string) {
				w.post("/v1/charges/"+w.get("/v1/payment_intents/"+intent).text("latest_charge")+"/capture", "amount=700")
			},
			intent: map[string]any{"status": "succeeded", "amount": 1000, "amount_capturable": 0, "amount_received": 700},
			charge: map[string]any{
				"captured": true, "amount_captured": 700, "amount_refunded": 300, "refunded": false, "balance_transaction.amount": 700,
				"balance_transaction.fee": 50,
			},
			events: []string{"charge.captured", "payment_intent.succeeded"},
		},
		{
			name:   "released",
			play:   func(w *world, intent string) { w.post("/v1/payment_intents/"+intent+"/cancel", "") },
			intent: map[string]any{"status": "canceled", "amount_capturable": 0, "amount_received": 0, "cancellation_reason": nil},
			charge: map[string]any{"captured": false, "amount_refunded": 1000, "refunded": true},
			events: []string{"charge.refunded", "payment_intent.canceled"},
		},
		{
			name: "not captured for seven days",
			play: func(w *world, intent string) {
				w.advance(week - time.Minute)
				wantAll(w.t, "before", w.get("/v1/payment_intents/"+intent).object, map[string]any{"status": "requires_capture"})
				w.advance(time.Minute)
			},
			intent: map[string]any{"status": "canceled", "amount_capturable": 0, "cancellation_reason": "expired"},
			charge: map[string]any{"captured": false, "refunded": true, "balance_transaction": nil},
			events: []string{"charge.expired", "payment_intent.canceled"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, stripesim.Config{})
			begin := w.newest()
			intent := w.post("/v1/payment_intents", "amount=1000&currency=usd&confirm=true&payment_method=pm_card_visa&capture_method=manual").text("id")
			c.play(w, intent)
			w.advance(time.Minute)
			got := w.get("/v1/payment_intents/" + intent)
			wantAll(t, "intent", got.object, c.intent)
			wantAll(t, "charge", w.get("/v1/charges/"+got.text("latest_charge")+"?expand[]=balance_transaction").object, c.charge)
			if diff := cmp.Diff(append(authorized[:3:3], c.events...), types(w.eventsSince(begin))); diff != "" {
				t.Errorf("events (-want +got):\n%s", diff)
			}
		})
	}
}

func TestCaptureIsRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t, stripesim.Config{})
	held := w.post("/v1/payment_intents", "amount=1000&currency=usd&confirm=true&payment_method=pm_card_visa&capture_method=manual")
	taken := w.post("/v1/payment_intents", "amount=1000&currency=usd&confirm=true&payment_method=pm_card_visa")
	released := w.post("/v1/payment_intents", "amount=1000&currency=usd&confirm=true&payment_method=pm_card_visa&capture_method=manual")
	w.post("/v1/payment_intents/"+released.text("id")+"/cancel", "")
	for _, c := range []struct{ path, body, code, param string }{
		{"/v1/payment_intents/" + held.text("id") + "/capture", "amount_to_capture=1001", "amount_too_large", "amount_to_capture"},
		{"/v1/charges/" + held.text("latest_charge") + "/capture", "amount=1001", "amount_too_large", "amount"},
		{"/v1/payment_intents/" + held.text("id") + "/confirm", "", "payment_intent_unexpected_state", ""},
		{"/v1/payment_intents/" + held.text("id"), "amount=900", "payment_intent_unexpected_state", ""},
		{"/v1/payment_intents/" + taken.text("id") + "/capture", "", "payment_intent_unexpected_state", ""},
		{"/v1/charges/" + taken.text("latest_charge") + "/capture", "", "charge_already_captured", ""},
		{"/v1/charges/" + released.text("latest_charge") + "/capture", "", "charge_expired_for_capture", ""},
	} {
		got := w.call(http.MethodPost, c.path, c.body)
		if got.status != http.StatusBadRequest || got.text("error.code") != c.code || got.text("error.param") != c.param {
			t.Errorf("%s %s: %d %v", c.path, c.body, got.status, got.at("error"))
		}
	}
}

func TestServerConfirmsTwice(t *testing.T) {
	t.Parallel()
	w := newWorld(t, stripesim.Config{})
	intent := w.post("/v1/payment_intents", "amount=1000&currency=usd&confirm=true&payment_method=pm_card_threeDSecure2Required&confirmation_method=manual")
	wantAll(t, "waits for the payer", intent.object, map[string]any{"status": "requires_action"})
	path := "/payment_intents/" + intent.text("id")
	w.post("/_sim"+path+"/authenticate", "")
	wantAll(t, "waits for the server", w.get("/v1"+path).object, map[string]any{"status": "requires_confirmation", "next_action": nil})
	wantAll(t, "confirmed", w.post("/v1"+path+"/confirm", "").object, map[string]any{"status": "succeeded"})
}

// TestBalance checks that the money is booked some time after it moved, and
// that the bookings add up.
func TestBalance(t *testing.T) {
	t.Parallel()
	w := newWorld(t, stripesim.Config{})
	pay := func(amount, currency, card string) answer {
		return w.post("/v1/payment_intents", "confirm=true&amount="+amount+"&currency="+currency+"&payment_method="+card)
	}
	first := pay("2000", "usd", "pm_card_visa").text("latest_charge")
	wantAll(t, "at once", w.get("/v1/charges/"+first).object, map[string]any{"balance_transaction": nil})
	start := w.newest()
	w.advance(time.Minute)
	booked := w.allEventsSince(start)
	if diff := cmp.Diff([]string{"charge.updated"}, types(booked)); diff != "" {
		t.Fatalf("events (-want +got):\n%s", diff)
	}
	wantAll(t, "event", booked[0], map[string]any{"data.previous_attributes.balance_transaction": nil, "request.id": nil})
	entry := w.get("/v1/charges/" + first + "?expand[]=balance_transaction")
	wantAll(t, "booking", entry.object, map[string]any{
		"balance_transaction.amount": 2000, "balance_transaction.fee": 88, "balance_transaction.net": 1912, "balance_transaction.type": "charge",
		"balance_transaction.source": first, "balance_transaction.status": "pending", "balance_transaction.fee_details.0.amount": 88,
	})
	pay("1000", "jpy", "pm_card_bypassPending")
	refund := w.post("/v1/refunds", "amount=500&charge="+first)
	failing := pay("3000", "usd", "pm_card_refundFail").text("latest_charge")
	lost := w.post("/v1/refunds", "charge="+failing)
	w.advance(2 * time.Minute)
	wantAll(t, "balance", w.get("/v1/balance").object, map[string]any{
		"available.0.currency": "jpy", "available.0.amount": 971, "available.1.amount": -500, "pending.0.amount": 0, "pending.1.amount": 1912 + 2883,
	})
	wantAll(t, "failed refund", w.get("/v1/refunds/"+lost.text("id")+"?expand[]=failure_balance_transaction").object, map[string]any{
		"status": "failed", "failure_balance_transaction.amount": 3000, "failure_balance_transaction.type": "refund_failure",
	})
	w.advance(2 * day)
	wantAll(t, "later", w.get("/v1/balance").object, map[string]any{"available.1.amount": 1912 + 2883 - 500, "pending.1.amount": 0})
	var net int64
	rows := w.get("/v1/balance_transactions?currency=usd&limit=100").rows()
	for _, row := range rows {
		net += row.number("net")
	}
	if len(rows) != 5 || net != 1912+2883-500 {
		t.Errorf("%d bookings of %d in all", len(rows), net)
	}
	for _, row := range w.get("/v1/balance_transactions?expand[]=data.source").rows() {
		if kind := row.text("source.object"); kind != "charge" && kind != "refund" {
			t.Errorf("the source of %s is a %q", row.text("id"), kind)
		}
	}
	bySource := w.get("/v1/balance_transactions?source=" + refund.text("id")).rows()
	if len(bySource) != 1 || bySource[0].number("amount") != -500 || bySource[0].text("id") != refund.text("balance_transaction") {
		t.Errorf("the refund's bookings: %v", bySource)
	}
	wantAll(t, "one", w.get("/v1/balance_transactions/"+bySource[0].text("id")).object, map[string]any{"type": "refund", "status": "available"})
}
