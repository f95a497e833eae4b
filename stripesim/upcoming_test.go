package stripesim_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/numerai-app/payments/stripesim"
)

// TestUpcoming checks when the next invoice is announced, and that it comes as
// it was announced.
func TestUpcoming(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name  string
		every string // the interval of the price
		more  string // of the subscription
		want  int
	}{
		{"a month", "month", "", 1},
		{"a week is too short", "week", "", 0},
		{"one that ends", "month", "&cancel_at_period_end=true", 0},
		{"one that is sent", "month", "&collection_method=send_invoice&days_until_due=5", 0},
		{"a trial", "month", "&trial_period_days=10", 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, stripesim.Config{})
			w.price = w.newPrice(2000, test.every)
			customer := w.newCustomer("pm_card_visa")
			s := w.subscribe(customer, test.more)
			end := s.number("items.data.0.current_period_end")
			w.post("/v1/invoiceitems", "amount=500&customer="+customer)
			start := w.newest()
			w.advance(time.Unix(end, 0).Add(-7*day).Sub(w.sim.Now()).Truncate(time.Second) + 2*time.Second)
			told := slices.DeleteFunc(w.eventsSince(start), func(e object) bool { return e.text("type") != "invoice.upcoming" })
			if len(told) != test.want {
				t.Fatalf("it is announced %d times, want %d", len(told), test.want)
			}
			if test.want == 0 {
				return
			}
			announced := object(told[0].at("data.object").(map[string]any))
			if _, has := announced["id"]; has {
				t.Error("what is only announced has an id")
			}
			wantAll(t, "announced", announced, map[string]any{
				"amount_due": 2500, "billing_reason": "upcoming", "next_payment_attempt": int(end) + 3600, "created": int(end),
			})
			w.advance(7*day + 2*time.Hour)
			real := w.subscription(s.text("id"))
			if diff := cmp.Diff(billed(real.at("latest_invoice").(map[string]any)), billed(announced)); diff != "" {
				t.Errorf("(-real +announced):\n%s", diff)
			}
		})
	}
}
