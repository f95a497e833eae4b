package stripesim_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/numerai-app/payments/stripesim"
)

func TestDisputes(t *testing.T) {
	t.Parallel()
	say := func(evidence string) func(*world, string) {
		return func(w *world, id string) {
			got := w.post("/v1/disputes/"+id, "evidence[uncategorized_text]="+evidence)
			wantAll(w.t, "submitted", got.object, map[string]any{
				"evidence.uncategorized_text": evidence, "evidence_details.has_evidence": true, "evidence_details.submission_count": 1,
			})
			if !strings.HasSuffix(got.text("status"), "under_review") {
				w.t.Errorf("status %s after the evidence", got.text("status"))
			}
			w.advance(10 * time.Second)
		}
	}
	for _, c := range []struct {
		name, card string
		play       func(w *world, dispute string)
		want       map[string]any // of the dispute
		events     []string       // after the charge
		net        int64          // of the charge and its dispute
		refundable bool
	}{
		{
			name: "just opened", card: "pm_card_createDispute", play: func(*world, string) {},
			want: map[string]any{
				"status": "needs_response", "reason": "fraudulent", "amount": 4200, "is_charge_refundable": false,
				"balance_transactions.0.net": -5700, "balance_transactions.0.fee": 1500, "balance_transactions.0.type": "adjustment",
				"payment_method_details.card.case_type": "chargeback", "payment_method_details.card.network_reason_code": "10.4",
				"evidence_details.past_due": false, "charge.disputed": true,
			},
			net: 4048 - 5700,
		},
		{
			name: "won", card: "4000000000000259", play: say("winning_evidence"),
			want: map[string]any{
				"status": "won", "is_charge_refundable": true, "balance_transactions.0.net": 4200, "balance_transactions.1.net": -5700,
				"charge.disputed": true,
			},
			events: []string{"charge.dispute.updated", "charge.dispute.closed", "charge.dispute.funds_reinstated"},
			net:    4048 - 1500, refundable: true,
		},
		{
			name: "lost", card: "pm_card_createDisputeProductNotReceived", play: say("losing_evidence"),
			want:   map[string]any{"status": "lost", "reason": "product_not_received", "payment_method_details.card.network_reason_code": "13.1"},
			events: []string{"charge.dispute.updated", "charge.dispute.closed"}, net: 4048 - 5700,
		},
		{
			name: "evidence that the bank thinks about", card: "pm_card_createDispute", play: say("a receipt"),
			want: map[string]any{"status": "under_review"}, events: []string{"charge.dispute.updated"}, net: 4048 - 5700,
		},
		{
			name: "evidence kept back", card: "pm_card_createDispute",
			play: func(w *world, id string) {
				w.post("/v1/disputes/"+id, "submit=false&metadata[a]=b&evidence[customer_name]=Ada&evidence[uncategorized_text]=winning_evidence")
				w.advance(time.Minute)
			},
			want: map[string]any{
				"status": "needs_response", "evidence_details.submission_count": 0, "evidence_details.has_evidence": true, "evidence.customer_name": "Ada",
				"metadata.a": "b",
			},
			events: []string{"charge.dispute.updated"}, net: 4048 - 5700,
		},
		{
			name: "accepted", card: "pm_card_createDispute",
			play: func(w *world, id string) {
				wantAll(w.t, "at once", w.post("/v1/disputes/"+id+"/close", "").object, map[string]any{"status": "lost"})
			},
			want: map[string]any{"status": "lost"}, events: []string{"charge.dispute.closed"}, net: 4048 - 5700,
		},
		{
			name: "not answered", card: "pm_card_createDispute",
			play: func(w *world, _ string) { w.advance(9 * day) },
			want: map[string]any{"status": "lost", "evidence_details.past_due": true}, events: []string{"charge.dispute.closed"}, net: 4048 - 5700,
		},
		{
			name: "an inquiry", card: "pm_card_createDisputeInquiry", play: say("losing_evidence"),
			want: map[string]any{
				"status": "warning_closed", "payment_method_details.card.case_type": "inquiry", "balance_transactions.0": nil, "is_charge_refundable": true,
			},
			events: []string{"charge.dispute.updated", "charge.dispute.closed"}, net: 4048, refundable: true,
		},
		{
			name: "an inquiry that becomes a dispute", card: "pm_card_createDisputeInquiry", play: say("escalate_inquiry_evidence"),
			want:   map[string]any{"status": "needs_response", "is_charge_refundable": false, "balance_transactions.0.net": -5700},
			events: []string{"charge.dispute.updated", "charge.dispute.updated", "charge.dispute.funds_withdrawn"}, net: 4048 - 5700,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, stripesim.Config{})
			method := c.card
			if !strings.HasPrefix(method, "pm_") {
				method = w.post("/v1/payment_methods", "type=card&card[exp_month]=12&card[exp_year]=40&card[number]="+c.card).text("id")
			}
			begin := w.newest()
			intent := w.post("/v1/payment_intents", "amount=4200&currency=usd&confirm=true&payment_method="+method)
			opening := []string{"payment_intent.created", "charge.succeeded", "payment_intent.succeeded", "charge.dispute.created", "charge.dispute.funds_withdrawn"}
			if strings.Contains(c.card, "Inquiry") {
				opening = opening[:4]
			}
			found := w.get("/v1/disputes?payment_intent=" + intent.text("id")).rows()
			if len(found) != 1 || found[0].text("charge") != intent.text("latest_charge") {
				t.Fatalf("disputes: %v", found)
			}
			id := found[0].text("id")
			c.play(w, id)
			w.advance(time.Minute)
			wantAll(t, "dispute", w.get("/v1/disputes/"+id+"?expand[]=charge").object, c.want)
			if diff := cmp.Diff(append(opening, c.events...), types(w.eventsSince(begin))); diff != "" {
				t.Errorf("events (-want +got):\n%s", diff)
			}
			var net int64
			for _, row := range w.get("/v1/balance_transactions").rows() {
				net += row.number("net")
			}
			if net != c.net {
				t.Errorf("all bookings come to %d, want %d", net, c.net)
			}
			refund := w.call(http.MethodPost, "/v1/refunds", "charge="+intent.text("latest_charge"))
			if c.refundable && refund.status != http.StatusOK || !c.refundable && refund.text("error.code") != "charge_disputed" {
				t.Errorf("a refund: %d %v", refund.status, refund.object)
			}
		})
	}
}

func TestDisputeIsRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t, stripesim.Config{})
	held := w.post("/v1/payment_intents", "amount=4200&currency=usd&confirm=true&capture_method=manual&payment_method=pm_card_createDispute")
	if rows := w.get("/v1/disputes").rows(); len(rows) > 0 {
		t.Fatalf("disputed before it was captured: %v", rows)
	}
	w.post("/v1/payment_intents/"+held.text("id")+"/capture", "amount_to_capture=1000")
	found := w.get("/v1/disputes?charge=" + held.text("latest_charge")).rows()[0]
	wantAll(t, "captured", found, map[string]any{"amount": 1000})
	id := found.text("id")
	w.post("/v1/disputes/"+id+"/close", "")
	for _, c := range []struct {
		path, body, param, message string
		status                     int
	}{
		{"/v1/disputes/du_no", "", "dispute", "No such dispute: 'du_no'", http.StatusNotFound},
		{"/v1/disputes/" + id, "evidence[customer_name]=Ada", "", "This dispute is already closed", http.StatusBadRequest},
		{"/v1/disputes/" + id + "/close", "", "", "This dispute is already closed", http.StatusBadRequest},
		{"/v1/disputes/" + id, "evidence[customer_name]=" + strings.Repeat("a", 20001), "evidence[customer_name]", "at most 20000", http.StatusBadRequest},
	} {
		got := w.call(http.MethodPost, c.path, c.body)
		if got.status != c.status || got.text("error.param") != c.param || !strings.Contains(got.text("error.message"), c.message) {
			t.Errorf("%s: %d %v", c.path, got.status, got.object)
		}
	}
}
