package stripesim_test

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/numerai-app/payments/stripesim"
)

// TestMoneyLaws moves money at random, and checks that what was charged, paid
// back, disputed and booked agrees.
func TestMoneyLaws(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		w := newWorld(t, stripesim.Config{Now: func() time.Time { return june }})
		for range rapid.IntRange(1, 12).Draw(r, "steps") {
			w.moveMoney(r)
		}
		w.advance(10 * time.Minute) // all is booked, and every refund has come to its end
		w.checkMoney(r)
	})
}

// moveMoney does something that may be refused.
func (w *world) moveMoney(r *rapid.T) {
	amount := rapid.IntRange(1, 3000).Draw(r, "amount")
	card := rapid.SampledFrom([]string{
		"pm_card_visa", "pm_card_chargeCustomerFail", "pm_card_createDispute", "pm_card_createDisputeInquiry", "pm_card_pendingRefund",
		"pm_card_refundFail", "pm_card_bypassPending",
	}).Draw(r, "card")
	said := rapid.SampledFrom([]string{"winning_evidence", "losing_evidence", "escalate_inquiry_evidence"}).Draw(r, "evidence")
	method := rapid.SampledFrom([]string{"manual", "automatic"}).Draw(r, "capture")
	intent, disputed := w.pick(r, "/v1/payment_intents"), w.pick(r, "/v1/disputes")
	calls := []struct{ path, body string }{
		{"/v1/payment_intents", fmt.Sprintf("currency=usd&confirm=true&amount=%d&payment_method=%s&capture_method=%s", amount+49, card, method)},
		{"/v1/payment_intents/" + intent + "/capture", fmt.Sprintf("amount_to_capture=%d", amount)},
		{"/v1/payment_intents/" + intent + "/cancel", ""},
		{"/v1/refunds", fmt.Sprintf("payment_intent=%s&amount=%d", intent, amount)},
		{"/v1/refunds", "payment_intent=" + intent},
		{"/v1/disputes/" + disputed, "evidence[uncategorized_text]=" + said},
		{"/v1/disputes/" + disputed + "/close", ""},
		{"", ""},
	}
	one := calls[rapid.IntRange(0, len(calls)-1).Draw(r, "call")]
	if one.path == "" {
		w.advance(time.Duration(amount) * time.Minute)
		return
	}
	if got := w.call(http.MethodPost, one.path, one.body); got.status >= http.StatusInternalServerError {
		r.Fatalf("%s %s: %d %v", one.path, one.body, got.status, got.object)
	}
}

// pick is the id of one of the newest objects of a list, none if it is empty.
func (w *world) pick(r *rapid.T, path string) string {
	rows := w.get(path).rows()
	if len(rows) == 0 {
		return "none"
	}
	return rows[rapid.IntRange(0, len(rows)-1).Draw(r, "which")].text("id")
}

func (w *world) checkMoney(r *rapid.T) {
	var captured, back, taken int64
	for _, c := range w.get("/v1/charges?limit=100&expand[]=data.payment_intent").rows() {
		captured += c.number("amount_captured")
		if c.number("amount_captured") > c.number("amount") || c.number("amount_refunded") > c.number("amount") {
			r.Errorf("charge %s: %d of %d captured, %d refunded", c.text("id"), c.number("amount_captured"), c.number("amount"), c.number("amount_refunded"))
		}
		if whole := c.number("amount_refunded") == c.number("amount"); whole != (c.at("refunded") == true) {
			r.Errorf("charge %s: refunded is %v with %d of %d", c.text("id"), c.at("refunded"), c.number("amount_refunded"), c.number("amount"))
		}
		if c.text("status") == "succeeded" && c.number("payment_intent.amount_received") != c.number("amount_captured") {
			r.Errorf("intent %s received %d, captured are %d", c.text("payment_intent.id"), c.number("payment_intent.amount_received"), c.number("amount_captured"))
		}
	}
	for _, one := range w.get("/v1/refunds?limit=100").rows() {
		if one.text("status") == "succeeded" {
			back += one.number("amount")
		}
	}
	for _, d := range w.get("/v1/disputes?limit=100").rows() {
		for _, entry := range []string{"balance_transactions.0.amount", "balance_transactions.1.amount"} {
			taken -= d.number(entry)
		}
	}
	booked, net := map[string]int64{}, int64(0)
	for _, entry := range w.get("/v1/balance_transactions?limit=100").rows() {
		booked[entry.text("type")] += entry.number("amount")
		net += entry.number("net")
		if entry.number("net") != entry.number("amount")-entry.number("fee") {
			r.Errorf("entry %v does not add up", entry)
		}
	}
	if booked["charge"] != captured || booked["refund"]+booked["refund_failure"] != -back || booked["adjustment"] != -taken {
		r.Errorf("captured %d, paid back %d, taken %d, but booked %v", captured, back, taken, booked)
	}
	balance := w.get("/v1/balance")
	if balance.number("available.0.amount")+balance.number("pending.0.amount") != net {
		r.Errorf("the bookings come to %d, the balance is %v", net, balance.object)
	}
}
