package stripesim_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/numerai-app/payments/stripesim"
)

// bills are the amounts due of a subscription's invoices, oldest first.
func (w *world) bills(id string) []int64 {
	w.t.Helper()
	var amounts []int64
	for _, i := range w.get("/v1/invoices?limit=100&subscription=" + id).rows() {
		amounts = append([]int64{i.number("amount_due")}, amounts...)
	}
	return amounts
}

// TestMixedIntervals lets items of different intervals live in one
// subscription: each is renewed at its own time, together where the times agree.
func TestMixedIntervals(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	w := newWorld(t, stripesim.Config{Now: func() time.Time { return now }})
	customer, monthly, yearly := w.newCustomer("pm_card_visa"), w.newPrice(1000, "month"), w.newPrice(36500, "year")
	items := "customer=" + customer + "&items[0][price]=" + monthly + "&items[1][price]=" + yearly
	s := w.post("/v1/subscriptions", items)
	wantAll(t, "begun", s.object, map[string]any{
		"status": "active", "items.data.0.current_period_end": int(date(t, "2026-02-01").Unix()), "items.data.1.current_period_end": int(date(t, "2027-01-01").Unix()),
	})
	w.advance(date(t, "2026-03-01").Sub(now) + 2*time.Hour)
	if diff := cmp.Diff([]int64{37500, 1000, 1000}, w.bills(s.text("id"))); diff != "" {
		t.Errorf("billed by March (-want +got):\n%s", diff)
	}
	ending := w.post("/v1/subscriptions/"+s.text("id"), "cancel_at_period_end=true")
	wantAll(t, "the earliest end", ending.object, map[string]any{"cancel_at": int(date(t, "2026-04-01").Unix())})
	ending = w.post("/v1/subscriptions/"+s.text("id"), "cancel_at=max_period_end")
	wantAll(t, "the latest end", ending.object, map[string]any{"cancel_at": int(date(t, "2027-01-01").Unix()), "cancel_at_period_end": false})
	w.post("/v1/subscriptions/"+s.text("id"), "cancel_at=")
	w.advance(date(t, "2027-01-01").Sub(date(t, "2026-03-01")))
	got := w.bills(s.text("id"))
	if diff := cmp.Diff(int64(37500), got[len(got)-1]); diff != "" || len(got) != 13 {
		t.Errorf("both renew together: %v", got)
	}

	classic := w.call(http.MethodPost, "/v1/subscriptions", items+"&billing_mode[type]=classic")
	wantAll(t, "classic", classic.object, map[string]any{"error.type": "invalid_request_error", "error.param": "items"})
}

// TestJoiningInterval adds an item of another interval in the middle of a
// subscription: it is billed until the next boundary of its own.
func TestJoiningInterval(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	w := newWorld(t, stripesim.Config{Now: func() time.Time { return now }})
	s := w.post("/v1/subscriptions", "customer="+w.newCustomer("pm_card_visa")+"&items[0][price]="+w.newPrice(1000, "month"))
	w.advance(date(t, "2026-03-15").Sub(now))
	changed := w.post("/v1/subscriptions/"+s.text("id"), "items[0][price]="+w.newPrice(36500, "year")+"&proration_behavior=always_invoice&expand[]=latest_invoice")
	wantAll(t, "joined", changed.object, map[string]any{
		"items.data.0.current_period_end": int(date(t, "2026-04-01").Unix()), "items.data.1.current_period_end": int(date(t, "2027-01-01").Unix()),
		"billing_cycle_anchor": int(now.Unix()), "latest_invoice.amount_paid": 29200, // 292 days of 365
	})
	removed := w.post("/v1/subscriptions/"+s.text("id"), "items[0][deleted]=true&items[0][id]="+changed.text("items.data.1.id")+"&proration_behavior=always_invoice&expand[]=latest_invoice")
	wantAll(t, "left again", removed.object, map[string]any{"latest_invoice.amount_due": 0, "latest_invoice.total": -29200})
}
