package stripesim_test

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/numerai-app/payments/stripesim"
)

// TestBackdatedSubscriptions checks what the first invoice bills of the time
// before, at 30.00 a month.
func TestBackdatedSubscriptions(t *testing.T) {
	t.Parallel()
	const classic = "&billing_mode[type]=classic"
	anchor := func(day string) string { return fmt.Sprint("&billing_cycle_anchor=", date(t, day).Unix()) }
	trial := func(day string) string { return fmt.Sprint("&trial_end=", date(t, day).Unix()) }
	for _, test := range []struct {
		name, now, start, more string
		lines                  []string // from, to and amount
		begins, ends           string   // of the present period
	}{
		{"a part of a period", "2026-10-15", "2026-09-25", "", []string{
			"2026-09-25 2026-10-15 2000", "2026-10-15 2026-11-15 3000",
		}, "2026-10-15", "2026-11-15"},
		{"some periods", "2026-10-15", "2026-07-31", "", []string{
			"2026-07-31 2026-08-15 1452", "2026-08-15 2026-09-15 3000", "2026-09-15 2026-10-15 3000", "2026-10-15 2026-11-15 3000",
		}, "2026-10-15", "2026-11-15"},
		{"with an anchor to come", "2026-10-15", "2026-09-01", anchor("2026-11-01"), []string{
			"2026-09-01 2026-10-01 3000", "2026-10-01 2026-11-01 3000",
		}, "2026-10-01", "2026-11-01"},
		{"with an anchor to come, within its period", "2026-10-15", "2026-10-12", anchor("2026-11-01"), []string{
			"2026-10-12 2026-11-01 1935",
		}, "2026-10-12", "2026-11-01"},
		{"with a trial", "2026-10-15", "2026-10-05", trial("2026-11-05"), []string{
			"2026-10-05 2026-10-15 968", "2026-10-15 2026-11-05 0",
		}, "2026-10-15", "2026-11-05"},
		{"only remembered", "2026-10-15", "2026-09-01", "&proration_behavior=none", []string{"2026-10-15 2026-11-15 3000"}, "2026-10-15", "2026-11-15"},
		{"classic: all at once", "2026-03-01", "2026-02-15", classic, []string{
			"2026-02-15 2026-03-01 1500", "2026-03-01 2026-04-01 3000",
		}, "2026-03-01", "2026-04-01"},
		{"classic, more than a period", "2026-03-01", "2026-01-15", classic, []string{
			"2026-01-15 2026-03-01 4500", "2026-03-01 2026-04-01 3000",
		}, "2026-03-01", "2026-04-01"},
		{"classic, with an anchor to come", "2026-10-15", "2026-09-01", classic + anchor("2026-11-01"), []string{
			"2026-09-01 2026-11-01 6000",
		}, "2026-10-15", "2026-11-01"},
		{"now", "2026-10-15", "2026-10-15", "", []string{"2026-10-15 2026-11-15 3000"}, "2026-10-15", "2026-11-15"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			now := date(t, test.now)
			w := newWorld(t, stripesim.Config{Now: func() time.Time { return now }})
			w.price = w.newPrice(3000, "month")
			customer := w.newCustomer("pm_card_visa")
			preview := w.post("/v1/invoices/create_preview", "customer="+customer+"&subscription_details[items][0][price]="+w.price+
				fmt.Sprint("&subscription_details[start_date]=", date(t, test.start).Unix())+previewed(test.more))
			start := w.newest()
			s := w.subscribe(customer, fmt.Sprint("&backdate_start_date=", date(t, test.start).Unix())+test.more)
			wantAll(t, "the subscription", s.object, map[string]any{
				"start_date": int(date(t, test.start).Unix()), "created": int(now.Unix()), "latest_invoice.status": "paid",
				"items.data.0.current_period_start": int(date(t, test.begins).Unix()), "items.data.0.current_period_end": int(date(t, test.ends).Unix()),
			})
			for what, invoice := range map[string]object{"billed": s.at("latest_invoice").(map[string]any), "previewed": preview.object} {
				var lines []string
				for _, line := range object(invoice.at("lines").(map[string]any)).rows() {
					day := func(at string) string { return time.Unix(line.number("period."+at), 0).UTC().Format(time.DateOnly) }
					lines = append(lines, fmt.Sprint(day("start"), " ", day("end"), " ", line.number("amount")))
				}
				if diff := cmp.Diff(test.lines, lines); diff != "" {
					t.Errorf("%s (-want +got):\n%s", what, diff)
				}
			}
			told := types(w.eventsSince(start))
			if len(told) == 0 || told[0] != "charge.succeeded" && test.name != "with a trial" {
				t.Errorf("events: %v", told)
			}
		})
	}
}

// previewed are parameters of a subscription as a preview has them; what is
// missing there does not change the amounts of these tests.
func previewed(more string) string {
	if more == "" {
		return ""
	}
	return "&" + inDetails(more[1:])
}

func TestBackdateRefusals(t *testing.T) {
	t.Parallel()
	w := newWorld(t, stripesim.Config{})
	customer := w.newCustomer("pm_card_visa")
	s := w.subscribe(customer, "")
	for _, test := range []struct{ path, body, param string }{
		{"/v1/subscriptions", fmt.Sprint("backdate_start_date=", w.sim.Now().Add(time.Hour).Unix()), "backdate_start_date"},
		{"/v1/subscriptions", "backdate_start_date=1000000000", "backdate_start_date"}, // more periods than lines
		{"/v1/subscriptions/" + s.text("id"), "backdate_start_date=1000000000", "backdate_start_date"},
		{"/v1/invoices/create_preview", "subscription=" + s.text("id") + "&subscription_details[start_date]=1000000000", "subscription_details[start_date]"},
		{"/v1/invoices/create_preview", "subscription=" + s.text("id") + "&subscription_details[billing_mode][type]=flexible", "subscription_details[billing_mode]"},
		{"/v1/invoices/create_preview", "subscription_details[items][0][price]=" + w.price + "&subscription_details[start_date]=1000000000", "subscription_details[start_date]"},
	} {
		if test.path == "/v1/subscriptions" {
			test.body += "&items[0][price]=" + w.price
		}
		if test.path == "/v1/subscriptions" || test.path == "/v1/invoices/create_preview" {
			test.body += "&customer=" + customer
		}
		if got := w.call(http.MethodPost, test.path, test.body); got.status != http.StatusBadRequest || got.text("error.param") != test.param {
			t.Errorf("%s %s: %d %v", test.path, test.body, got.status, got.object)
		}
	}
	// A change gives back what was billed for the present period only.
	back := w.subscribe(customer, fmt.Sprint("&backdate_start_date=", w.sim.Now().Add(-10*day).Unix()))
	wantAll(t, "three lines", back.object, map[string]any{"latest_invoice.lines.data.2.amount": 2000, "latest_invoice.lines.data.1.amount": 2000})
	ended := w.post("/v1/invoices/create_preview", "subscription="+back.text("id")+"&subscription_details[cancel_now]=true")
	if total := ended.number("total"); total < -2000 || total > -1999 {
		t.Errorf("the end gives %d back", total)
	}
}
