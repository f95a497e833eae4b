package stripesim_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/numerai-app/payments/stripesim"
)

// TestRefunds gives money back, of which some goes on later.
func TestRefunds(t *testing.T) {
	t.Parallel()
	begun := []string{"refund.created", "charge.refunded"}
	for _, test := range []struct {
		name, card, amount string
		first, later       string // the status
		left               int    // refunded in the end
		all                bool
		at, then           []string // events
	}{
		{"a part", "pm_card_visa", "500", "succeeded", "succeeded", 500, false, begun, []string{}},
		{"all", "pm_card_visa", "2000", "succeeded", "succeeded", 2000, true, begun, []string{}},
		{"pending", "pm_card_pendingRefund", "500", "pending", "succeeded", 500, false, begun, []string{"refund.updated", "charge.refund.updated"}},
		{
			"fails", "pm_card_refundFail", "2000", "succeeded", "failed", 0, false, begun,
			[]string{"refund.updated", "charge.refund.updated", "refund.failed", "charge.updated"},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, stripesim.Config{})
			intent := w.post("/v1/payment_intents", "amount=2000&currency=usd&confirm=true&payment_method="+test.card)
			start := w.newest()
			refund := w.post("/v1/refunds", "amount="+test.amount+"&payment_intent="+intent.text("id"))
			wantAll(t, "refund", refund.object, map[string]any{"status": test.first, "amount": int(refund.number("amount"))})
			w.wantEvents(start, test.at)
			start = w.newest()
			w.advance(2 * time.Minute)
			w.wantEvents(start, test.then)
			wantAll(t, "later", w.get("/v1/refunds/"+refund.text("id")).object, map[string]any{"status": test.later})
			charge := w.get("/v1/charges/" + intent.text("latest_charge") + "?expand[]=refunds")
			wantAll(t, "charge", charge.object, map[string]any{"amount_refunded": test.left, "refunded": test.all, "refunds.data.0.id": refund.text("id")})
			code, param := "", "amount"
			if test.all {
				code, param = "charge_already_refunded", ""
			}
			again := w.call(http.MethodPost, "/v1/refunds", "amount=2001&charge="+charge.text("id"))
			if again.status != http.StatusBadRequest || again.text("error.code") != code || again.text("error.param") != param {
				t.Errorf("again, and too much: %d %v", again.status, again.object)
			}
		})
	}
}
