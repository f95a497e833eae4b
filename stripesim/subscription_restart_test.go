package stripesim_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/numerai-app/payments/stripesim"
)

// TestPlansOutliveRestart checks that what is to become of subscriptions is kept
// in the folder: pending updates, schedules, and what credits are taken from.
func TestPlansOutliveRestart(t *testing.T) {
	t.Parallel()
	config := stripesim.Config{Dir: t.TempDir(), Now: func() time.Time { return june }}
	sim, err := stripesim.New(config)
	if err != nil {
		t.Fatal(err)
	}
	w := serve(t, sim)
	w.price = w.newPrice(3000, "month")
	customer := w.newCustomer("pm_card_visa")
	dearer := w.newPrice(6000, "month")
	pending, scheduled, changed := w.subscribe(customer, ""), w.subscribe(customer, ""), w.subscribe(customer, "")
	plan := w.post("/v1/subscription_schedules", "from_subscription="+scheduled.text("id")).text("id")
	w.post("/v1/subscription_schedules/"+plan, fmt.Sprintf("phases[0][items][0][price]=%s&phases[0][end_date]=%d&phases[1][items][0][price]=%s",
		w.price, june.AddDate(0, 1, 0).Unix(), dearer))
	w.change(changed, change{10, "items[0][id]={item}&items[0][price]=" + dearer + "&proration_behavior=none"})
	w.post("/v1/subscriptions/"+pending.text("id"), "default_payment_method="+w.attach("pm_card_chargeCustomerFail", customer))
	waits := w.post("/v1/subscriptions/"+pending.text("id"), query("items[0][id]", pending.text("items.data.0.id"), "items[0][price]", dearer,
		"payment_behavior", "pending_if_incomplete", "proration_behavior", "always_invoice"))
	if err := sim.Close(context.WithoutCancel(t.Context())); err != nil {
		t.Fatal(err)
	}

	again := serve(t, newSimulator(t, config))
	again.post("/v1/invoices/"+waits.text("latest_invoice")+"/pay", "payment_method="+again.attach("pm_card_visa", customer))
	wantAll(t, "the pending update", again.subscription(pending.text("id")).object, map[string]any{
		"pending_update": nil, "items.data.0.price.id": dearer, "latest_invoice.amount_paid": 2000,
	})
	credited := again.post("/v1/subscriptions/"+changed.text("id"), query("items[0][id]", changed.text("items.data.0.id"), "items[0][price]", again.newPrice(0, "month"),
		"proration_behavior", "always_invoice", "expand[]", "latest_invoice"))
	wantAll(t, "the credit", credited.object, map[string]any{"latest_invoice.total": -2000}) // 20 days of 30 at the price that was billed
	again.advance(june.AddDate(0, 1, 0).Sub(again.sim.Now()))
	wantAll(t, "the next phase", again.subscription(scheduled.text("id")).object, map[string]any{"items.data.0.price.id": dearer, "latest_invoice.subtotal": 6000})
}

// TestPlansOnTestClock lets a schedule and a pending update live by a test clock.
func TestPlansOnTestClock(t *testing.T) {
	t.Parallel()
	w := newWorld(t, stripesim.Config{})
	monthly, yearly, clock := w.newPrice(3000, "month"), w.newPrice(30000, "year"), w.newTestClock()
	customer := w.newCustomerOn(clock, "pm_card_visa")
	start := frozen.Add(5 * day)
	plan := w.post("/v1/subscription_schedules", fmt.Sprintf(
		"customer=%s&start_date=%d&phases[0][items][0][price]=%s&phases[1][items][0][price]=%s", customer, start.Unix(), monthly, yearly))
	wantAll(t, "planned", plan.object, map[string]any{"status": "not_started", "test_clock": clock, "created": int(frozen.Unix())})
	w.advanceTestClock(clock, start.Add(time.Hour))
	id := w.get("/v1/subscription_schedules/" + plan.text("id")).text("subscription")
	wantAll(t, "begun", w.subscription(id).object, map[string]any{
		"status": "active", "test_clock": clock, "start_date": int(start.Unix()), "latest_invoice.status": "paid", "latest_invoice.amount_paid": 3000,
	})
	next := start.AddDate(0, 1, 0)
	w.advanceTestClock(clock, next.Add(2*time.Hour))
	wantAll(t, "a year from now on", w.subscription(id).object, map[string]any{
		"latest_invoice.status": "paid", "latest_invoice.amount_paid": 30000, "items.data.0.current_period_end": int(next.AddDate(1, 0, 0).Unix()),
	})
}

// TestOtherPendingUpdates postpones a new anchor and the end of a trial.
func TestOtherPendingUpdates(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, begun, change string
		before, pending     map[string]any
		amount              int
	}{
		{
			"a new anchor", "", "billing_cycle_anchor=now",
			map[string]any{"status": "active", "billing_cycle_anchor": int(june.Unix())},
			map[string]any{"billing_cycle_anchor": int(june.AddDate(0, 0, 10).Unix()), "trial_end": nil, "expires_at": int(june.AddDate(0, 0, 10).Unix()) + 23*3600},
			1000,
		},
		{
			"the end of a trial", "&trial_end=" + formatInt(june.AddDate(0, 0, 10).Unix()+7200), "trial_end=now",
			map[string]any{"status": "trialing"},
			map[string]any{"trial_end": int(june.AddDate(0, 0, 10).Unix()), "expires_at": int(june.AddDate(0, 0, 10).Unix()) + 7200},
			3000,
		},
	} {
		for _, ending := range []string{"paid", "expired"} {
			t.Run(test.name+", "+ending, func(t *testing.T) {
				t.Parallel()
				w := newWorld(t, stripesim.Config{Now: func() time.Time { return june }})
				w.price = w.newPrice(3000, "month")
				customer := w.newCustomer("pm_card_visa")
				s := w.subscribe(customer, test.begun)
				w.post("/v1/subscriptions/"+s.text("id"), "default_payment_method="+w.attach("pm_card_chargeCustomerFail", customer))
				changed := w.change(s, change{10, test.change + "&payment_behavior=pending_if_incomplete&expand[]=latest_invoice"})
				wantAll(t, "as before", changed.object, test.before)
				wantAll(t, "pending", object(changed.at("pending_update").(map[string]any)), test.pending)
				if ending == "expired" {
					w.advance(23 * time.Hour)
					wantAll(t, "expired", w.subscription(s.text("id")).object, map[string]any{"pending_update": nil})
					wantAll(t, "its invoice", w.get("/v1/invoices/"+changed.text("latest_invoice.id")).object, map[string]any{"status": "void"})
					return
				}
				w.post("/v1/invoices/"+changed.text("latest_invoice.id")+"/pay", "payment_method="+w.attach("pm_card_visa", customer))
				wantAll(t, "applied", w.subscription(s.text("id")).object, map[string]any{
					"status": "active", "pending_update": nil, "billing_cycle_anchor": int(june.AddDate(0, 0, 10).Unix()),
					"latest_invoice.amount_paid": test.amount, "items.data.0.current_period_end": int(june.AddDate(0, 1, 10).Unix()),
				})
			})
		}
	}
}
