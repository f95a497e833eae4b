package stripesim_test

import (
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/numerai-app/payments/stripesim"
)

// TestEarlyFraudWarning warns of a charge until all of it is given back.
func TestEarlyFraudWarning(t *testing.T) {
	t.Parallel()
	w := newWorld(t, stripesim.Config{})
	start := w.newest()
	intent := w.post("/v1/payment_intents", "amount=4200&currency=usd&confirm=true&payment_method=pm_card_createIssuerFraudRecord&return_url=https://shop.example")
	charge := intent.text("latest_charge")
	for _, by := range []string{"", "?charge=" + charge, "?payment_intent=" + intent.text("id")} {
		if rows := w.get("/v1/radar/early_fraud_warnings" + by).rows(); len(rows) != 1 || rows[0].text("charge") != charge || rows[0]["actionable"] != true {
			t.Fatalf("%s lists %v", by, rows)
		}
	}
	if rows := w.get("/v1/radar/early_fraud_warnings?charge=ch_none").rows(); len(rows) != 0 {
		t.Errorf("another charge has %v", rows)
	}
	path := "/v1/radar/early_fraud_warnings/" + w.get("/v1/radar/early_fraud_warnings").rows()[0].text("id")
	w.post("/v1/refunds", "charge="+charge+"&amount=1000")
	wantAll(t, "after a part", w.get(path).object, map[string]any{"actionable": true})
	w.post("/v1/refunds", "charge="+charge)
	wantAll(t, "after the rest", w.get(path+"?expand[]=charge").object, map[string]any{"actionable": false, "charge.refunded": true})
	want := []string{
		"payment_intent.created", "charge.succeeded", "payment_intent.succeeded", "radar.early_fraud_warning.created", "refund.created",
		"charge.refunded", "refund.created", "charge.refunded", "radar.early_fraud_warning.updated",
	}
	if diff := cmp.Diff(want, types(w.eventsSince(start))); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
	if got := w.call(http.MethodGet, "/v1/radar/early_fraud_warnings/issfr_none", ""); got.status != http.StatusNotFound || got.text("error.code") != "resource_missing" {
		t.Errorf("none: %d %v", got.status, got.object)
	}
}

// TestMultipleDisputes disputes a charge twice; each is decided by itself.
func TestMultipleDisputes(t *testing.T) {
	t.Parallel()
	w := newWorld(t, stripesim.Config{})
	start := w.newest()
	charge := w.post("/v1/payment_intents", "amount=4201&currency=usd&confirm=true&payment_method=pm_card_createMultipleDisputes&return_url=https://shop.example").text("latest_charge")
	disputes := w.get("/v1/disputes?charge=" + charge).rows()
	if len(disputes) != 2 || disputes[1].number("amount") != 2100 || disputes[0].number("amount") != 2101 {
		t.Fatalf("disputes %v", disputes)
	}
	w.post("/v1/disputes/"+disputes[0].text("id")+"/close", "")
	wantAll(t, "the other", w.get("/v1/disputes/"+disputes[1].text("id")).object, map[string]any{"status": "needs_response"})
	want := []string{
		"payment_intent.created", "charge.succeeded", "payment_intent.succeeded", "charge.dispute.created", "charge.dispute.funds_withdrawn",
		"charge.dispute.created", "charge.dispute.funds_withdrawn", "charge.dispute.closed",
	}
	if diff := cmp.Diff(want, types(w.eventsSince(start))); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
	if got := w.call(http.MethodPost, "/v1/refunds", "charge="+charge); got.text("error.code") != "charge_disputed" {
		t.Errorf("a refund: %d %v", got.status, got.object)
	}
}
