package stripesim_test

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/numerai-app/payments/stripesim"
)

func date(t *testing.T, text string) time.Time {
	t.Helper()
	at, err := time.Parse("2006-01-02", text)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

func TestBillingPeriods(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		interval            string
		count               int64
		anchor, at          string
		wantStart, wantLast string
	}{
		{"month", 1, "2026-01-31", "2026-02-01", "2026-01-31", "2026-02-28"},
		{"month", 1, "2026-01-31", "2026-02-28", "2026-02-28", "2026-03-31"},
		{"month", 1, "2026-01-31", "2026-04-01", "2026-03-31", "2026-04-30"},
		{"month", 1, "2024-01-31", "2024-02-10", "2024-01-31", "2024-02-29"},
		{"month", 1, "2024-01-31", "2099-12-31", "2099-12-31", "2100-01-31"},
		{"month", 3, "2025-11-30", "2026-01-15", "2025-11-30", "2026-02-28"},
		{"month", 3, "2025-11-30", "2026-02-28", "2026-02-28", "2026-05-30"},
		{"month", 1, "2026-03-31", "2026-02-10", "2026-01-31", "2026-02-28"}, // before the anchor
		{"year", 1, "2024-02-29", "2025-02-28", "2025-02-28", "2026-02-28"},
		{"year", 1, "2024-02-29", "2028-01-01", "2027-02-28", "2028-02-29"},
		{"year", 1, "2000-02-29", "2100-03-01", "2100-02-28", "2101-02-28"},
		{"week", 2, "2026-03-02", "2026-03-20", "2026-03-16", "2026-03-30"},
		{"day", 10, "2024-02-25", "2024-03-01", "2024-02-25", "2024-03-06"},
	} {
		t.Run(fmt.Sprint(test), func(t *testing.T) {
			t.Parallel()
			start, end := stripesim.BillingPeriod(test.interval, test.count, date(t, test.anchor).Unix(), date(t, test.at).Unix())
			if start != date(t, test.wantStart).Unix() || end != date(t, test.wantLast).Unix() {
				t.Errorf("it goes from %s to %s", time.Unix(start, 0).UTC(), time.Unix(end, 0).UTC())
			}
		})
	}
}

// TestBillingPeriodsForDecades checks the laws of periods: they have no gaps,
// hold what they are asked for, keep the hour and the day of the anchor, and are
// a whole number of intervals away from it.
func TestBillingPeriodsForDecades(t *testing.T) {
	t.Parallel()
	const century = 100 * 366 * 24 * 3600
	rapid.Check(t, func(t *rapid.T) {
		interval := rapid.SampledFrom([]string{"day", "week", "month", "year"}).Draw(t, "interval")
		count := rapid.Int64Range(1, map[string]int64{"day": 1095, "week": 156, "month": 36, "year": 3}[interval]).Draw(t, "count")
		anchor := rapid.Int64Range(0, century).Draw(t, "anchor")
		at := rapid.Int64Range(0, century).Draw(t, "at")
		for range 5 {
			start, end := stripesim.BillingPeriod(interval, count, anchor, at)
			if start > at || end <= at {
				t.Fatalf("%d is not from %d to %d", at, start, end)
			}
			for _, within := range []int64{start, end - 1} {
				if again, _ := stripesim.BillingPeriod(interval, count, anchor, within); again != start {
					t.Fatalf("%d belongs to a period from %d and from %d", within, start, again)
				}
			}
			checkBoundary(t, interval, int(count), time.Unix(anchor, 0).UTC(), time.Unix(start, 0).UTC())
			at = end
		}
	})
}

func checkBoundary(t *rapid.T, interval string, count int, anchor, at time.Time) {
	days := int(at.Sub(anchor) / (24 * time.Hour))
	months := 12*(at.Year()-anchor.Year()) + int(at.Month()) - int(anchor.Month())
	lastDay := time.Date(at.Year(), at.Month()+1, 0, 0, 0, 0, 0, time.UTC).Day()
	ok := at.Hour() == anchor.Hour() && at.Minute() == anchor.Minute() && at.Second() == anchor.Second()
	switch interval {
	case "day":
		ok = ok && days%count == 0
	case "week":
		ok = ok && days%(7*count) == 0
	case "year":
		count *= 12
		fallthrough
	case "month":
		ok = ok && months%count == 0 && at.Day() == min(anchor.Day(), lastDay)
	}
	if !ok {
		t.Fatalf("%s is no boundary of every %d %s from %s", at, count, interval, anchor)
	}
}

// TestRenewalDates lets a subscription that begins on 31 January renew.
func TestRenewalDates(t *testing.T) {
	t.Parallel()
	now := time.Date(2027, 1, 31, 12, 0, 0, 0, time.UTC)
	w := newWorld(t, stripesim.Config{Now: func() time.Time { return now }})
	monthly := w.newPrice(1000, "month")
	id := w.post("/v1/subscriptions", "customer="+w.newCustomer("pm_card_visa")+"&items[0][price]="+monthly).text("id")
	for _, want := range []string{"2027-02-28", "2027-03-31", "2027-04-30", "2027-05-31"} {
		end := time.Unix(w.subscription(id).number("items.data.0.current_period_end"), 0).UTC()
		if end != date(t, want).Add(12*time.Hour) {
			t.Errorf("the period ends on %s, want %s", end, want)
		}
		w.advance(end.Sub(w.sim.Now()) + time.Hour)
	}
}

// TestAnchors begins subscriptions whose periods are counted from another time.
func TestAnchors(t *testing.T) {
	t.Parallel()
	// June has 30 days; ten of them are left until the anchor on 1 July.
	now := time.Date(2027, 6, 21, 0, 0, 0, 0, time.UTC)
	july := time.Date(2027, 7, 1, 0, 0, 0, 0, time.UTC).Unix()
	at := func(unix int64) string { return fmt.Sprintf("&billing_cycle_anchor=%d", unix) }
	for _, test := range []struct {
		name, more string
		want       map[string]any
	}{
		{"a part of the first month", at(july), map[string]any{
			"status": "active", "billing_cycle_anchor": int(july), "items.data.0.current_period_end": int(july),
			"latest_invoice.amount_paid": 1000, "latest_invoice.lines.data.0.period.end": int(july),
		}},
		{"free until the anchor", at(july) + "&proration_behavior=none", map[string]any{
			"status": "active", "items.data.0.current_period_end": int(july), "latest_invoice": nil,
		}},
		{"a day of the month", "&billing_cycle_anchor_config[day_of_month]=31&billing_cycle_anchor_config[hour]=0", map[string]any{
			"billing_cycle_anchor": int(july) - 24*3600, "billing_cycle_anchor_config.day_of_month": 31, "latest_invoice.amount_paid": 900,
		}},
		{"a trial, then a part", at(july) + "&trial_period_days=5", map[string]any{
			"status": "trialing", "billing_cycle_anchor": int(july), "items.data.0.current_period_end": int(july) - 5*24*3600, "latest_invoice.amount_paid": 0,
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, stripesim.Config{Now: func() time.Time { return now }})
			s := w.post("/v1/subscriptions", "customer="+w.newCustomer("pm_card_visa")+"&items[0][price]="+w.newPrice(3000, "month")+test.more+"&expand[]=latest_invoice")
			wantAll(t, "begun", s.object, test.want)
			w.advance(10*day + 2*time.Hour)
			wantAll(t, "renewed", w.subscription(s.text("id")).object, map[string]any{"status": "active", "latest_invoice.amount_paid": 3000})
			if s.text("status") == "trialing" { // five days of thirty were left at its end
				before := w.get("/v1/invoices?subscription=" + s.text("id")).rows()[1]
				wantAll(t, "after the trial", before, map[string]any{"status": "paid", "amount_paid": 500, "billing_reason": "subscription_cycle"})
			}
		})
	}
	w := newWorld(t, stripesim.Config{Now: func() time.Time { return now }})
	customer, monthly := w.newCustomer("pm_card_visa"), w.newPrice(3000, "month")
	for name, more := range map[string]string{
		"the past": at(now.Unix() - 1), "beyond a period": at(july + 30*24*3600), "before the end of the trial": at(july) + "&trial_period_days=20",
	} {
		got := w.call(http.MethodPost, "/v1/subscriptions", "customer="+customer+"&items[0][price]="+monthly+more)
		wantAll(t, name, got.object, map[string]any{"error.type": "invalid_request_error", "error.param": "billing_cycle_anchor"})
	}
}
