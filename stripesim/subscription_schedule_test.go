package stripesim_test

import (
	"fmt"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/numerai-app/payments/stripesim"
)

// scheduled is a world on 1 January 2026 with a subscription of 20.00 a month.
func scheduled(t *testing.T) (w *world, customer string, s answer) {
	t.Helper()
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	w = newWorld(t, stripesim.Config{Now: func() time.Time { return now }, UpcomingNotice: -1})
	w.price = w.newPrice(2000, "month")
	customer = w.newCustomer("pm_card_visa")
	return w, customer, w.subscribe(customer, "")
}

func (w *world) advanceTo(day string) {
	w.t.Helper()
	w.advance(date(w.t, day).Sub(w.sim.Now()))
}

// TestScheduledDowngrade takes over a subscription and makes it cheaper at the
// end of its period.
func TestScheduledDowngrade(t *testing.T) {
	t.Parallel()
	w, _, s := scheduled(t)
	cheaper, start := w.newPrice(1000, "month"), w.newest()
	schedule := w.post("/v1/subscription_schedules", "from_subscription="+s.text("id"))
	february, march := int(date(t, "2026-02-01").Unix()), int(date(t, "2026-03-01").Unix())
	wantAll(t, "taken over", schedule.object, map[string]any{
		"status": "active", "end_behavior": "release", "subscription": s.text("id"), "phases.0.items.0.price": w.price, "phases.0.end_date": february,
		"current_phase.end_date": february,
	})
	begun := int(schedule.number("phases.0.start_date"))
	wantAll(t, "its subscription", w.subscription(s.text("id")).object, map[string]any{"schedule": schedule.text("id"), "cancel_at": nil})
	path := "/v1/subscription_schedules/" + schedule.text("id")
	changed := w.post(path, fmt.Sprintf("phases[0][items][0][price]=%s&phases[0][start_date]=%d&phases[0][end_date]=%d"+
		"&phases[1][items][0][price]=%s&phases[1][proration_behavior]=none", w.price, begun, february, cheaper))
	wantAll(t, "changed", changed.object, map[string]any{"phases.1.start_date": february, "phases.1.end_date": march, "current_phase.end_date": february})
	w.wantEvents(start, []string{"subscription_schedule.created", "customer.subscription.updated", "subscription_schedule.updated"})

	start = w.newest()
	w.advanceTo("2026-02-01")
	w.wantEvents(start, []string{"subscription_schedule.updated", "customer.subscription.updated", "customer.subscription.updated", "invoice.created"})
	wantAll(t, "cheaper", w.subscription(s.text("id")).object, map[string]any{
		"items.data.0.id": s.text("items.data.0.id"), "items.data.0.price.id": cheaper, "items.data.0.current_period_end": march, "latest_invoice.amount_due": 1000,
	})
	start = w.newest()
	w.advanceTo("2026-03-02")
	paid := []string{
		"invoice.finalized", "payment_intent.created", "charge.succeeded", "payment_intent.succeeded", "invoice.paid", "invoice.payment_succeeded", "invoice_payment.paid",
	}
	w.wantEvents(start, slices.Concat(paid, []string{
		"subscription_schedule.expiring", "subscription_schedule.released", "customer.subscription.updated", "customer.subscription.updated", "invoice.created",
	}, paid))
	wantAll(t, "released", w.get(path).object, map[string]any{
		"status": "released", "released_at": march, "subscription": nil, "released_subscription": s.text("id"), "current_phase": nil,
	})
	wantAll(t, "on its own", w.subscription(s.text("id")).object, map[string]any{"status": "active", "schedule": nil})
	if diff := cmp.Diff([]int64{2000, 1000, 1000}, w.bills(s.text("id"))); diff != "" {
		t.Errorf("bills (-want +got):\n%s", diff)
	}
}

// TestSchedulePhases begins a subscription in the future, changes it in the
// middle of a period, and ends it.
func TestSchedulePhases(t *testing.T) {
	t.Parallel()
	w, customer, other := scheduled(t)
	w.succeed(http.MethodDelete, "/v1/subscriptions/"+other.text("id"), "")
	monthly, yearly := w.newPrice(3100, "month"), w.newPrice(36500, "year")
	start := w.newest()
	schedule := w.post("/v1/subscription_schedules", query(
		"customer", customer, "start_date", fmt.Sprint(date(t, "2026-03-01").Unix()), "end_behavior", "cancel",
		"phases[0][items][0][price]", monthly, "phases[0][items][0][quantity]", "2", "phases[0][duration][interval]", "week", "phases[0][duration][interval_count]", "2",
		"phases[0][metadata][tier]", "first",
		"phases[1][items][0][price]", monthly, "phases[1][duration][interval]", "day", "phases[1][duration][interval_count]", "17", "phases[1][proration_behavior]", "always_invoice",
		"phases[2][items][0][price]", yearly, "phases[2][metadata][tier]", "third",
	))
	path := "/v1/subscription_schedules/" + schedule.text("id")
	wantAll(t, "planned", schedule.object, map[string]any{"status": "not_started", "subscription": nil, "current_phase": nil, "phases.2.end_date": int(date(t, "2027-04-01").Unix())})
	if rows := w.get("/v1/subscription_schedules?scheduled=true&customer=" + customer).rows(); len(rows) != 1 {
		t.Errorf("%d schedules wait for their start", len(rows))
	}
	w.wantEvents(start, []string{"subscription_schedule.created"})

	start = w.newest()
	w.advanceTo("2026-03-01")
	w.wantEvents(start, []string{"customer.subscription.created", "invoice.created", "subscription_schedule.updated"})
	id := w.get(path).text("subscription")
	wantAll(t, "begun", w.subscription(id).object, map[string]any{
		"status": "active", "latest_invoice.status": "draft", "latest_invoice.amount_due": 6200, "latest_invoice.billing_reason": "subscription_create",
		"metadata.tier": "first", "cancel_at": int(date(t, "2027-04-01").Unix()), "items.data.0.quantity": 2,
	})
	start = w.newest()
	w.advanceTo("2026-03-15")
	w.wantEvents(start, slices.Concat(finalized, charged, []string{
		"invoice_payment.paid", "subscription_schedule.updated", "invoiceitem.created", "invoiceitem.created", "invoice.created", "customer.updated",
		"invoice.finalized", "invoice.paid", "invoice.payment_succeeded", "customer.subscription.updated",
	}))
	wantAll(t, "the second phase, 17 of 31 days left", w.subscription(id).object, map[string]any{
		"items.data.0.quantity": 1, "latest_invoice.total": -1700, "latest_invoice.amount_due": 0, "latest_invoice.status": "paid",
	})
	start = w.newest()
	w.advanceTo("2026-04-01")
	w.wantEvents(start, []string{"subscription_schedule.updated", "customer.subscription.updated", "customer.subscription.updated", "invoice.created"})
	wantAll(t, "a year from now on", w.subscription(id).object, map[string]any{
		"billing_cycle_anchor": int(date(t, "2026-04-01").Unix()), "items.data.0.current_period_end": int(date(t, "2027-04-01").Unix()),
		"latest_invoice.lines.data.0.amount": 36500, "metadata.tier": "third",
	})
	w.advanceTo("2027-03-31")
	start = w.newest()
	w.advanceTo("2027-04-01")
	wantAll(t, "the end", w.get(path).object, map[string]any{"status": "completed", "completed_at": int(date(t, "2027-04-01").Unix()), "current_phase": nil})
	wantAll(t, "its subscription", w.subscription(id).object, map[string]any{"status": "canceled", "schedule": nil})
	w.wantEvents(start, []string{"subscription_schedule.completed", "customer.subscription.deleted"})
}

func TestScheduleStartsNow(t *testing.T) {
	t.Parallel()
	w, customer, _ := scheduled(t)
	start := w.newest()
	schedule := w.post("/v1/subscription_schedules", "customer="+customer+"&start_date=now&phases[0][items][0][price]="+w.price+"&phases[0][trial]=true&expand[]=subscription.latest_invoice")
	wantAll(t, "begun", schedule.object, map[string]any{
		"status": "active", "subscription.status": "trialing", "subscription.trial_end": int(date(t, "2026-02-01").Unix()), "subscription.latest_invoice.amount_due": 0,
	})
	w.wantEvents(start, []string{"subscription_schedule.created", "customer.subscription.created", "invoice.created"})
	id := schedule.text("subscription.id")
	for _, change := range []string{"cancel_at_period_end=true", "cancel_at=4000000000"} {
		got := w.call(http.MethodPost, "/v1/subscriptions/"+id, change)
		wantAll(t, change, got.object, map[string]any{"error.type": "invalid_request_error"})
	}
	start = w.newest()
	w.post("/v1/subscription_schedules/"+schedule.text("id")+"/release", "")
	w.wantEvents(start, []string{"subscription_schedule.released", "customer.subscription.updated"})
	w.post("/v1/subscriptions/"+id, "cancel_at_period_end=true")
}

// TestSchedulesEndEarly ends schedules before their time.
func TestSchedulesEndEarly(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name   string
		end    func(w *world, customer, subscription, schedule string)
		events []string
		status string // of the subscription
	}{
		{
			name: "canceled, with what is left given back",
			end:  func(w *world, _, _, id string) { w.post("/v1/subscription_schedules/"+id+"/cancel", "") },
			events: []string{
				"subscription_schedule.canceled", "invoiceitem.created", "invoice.created", "customer.updated", "invoice.finalized", "invoice.paid",
				"invoice.payment_succeeded", "customer.subscription.deleted",
			},
			status: "canceled",
		},
		{
			name: "canceled without a bill",
			end: func(w *world, _, _, id string) {
				w.post("/v1/subscription_schedules/"+id+"/cancel", "prorate=false&invoice_now=false")
			},
			events: []string{"subscription_schedule.canceled", "customer.subscription.deleted"}, status: "canceled",
		},
		{
			name:   "its subscription canceled",
			end:    func(w *world, _, id, _ string) { w.succeed(http.MethodDelete, "/v1/subscriptions/"+id, "") },
			events: []string{"customer.subscription.deleted", "subscription_schedule.canceled"}, status: "canceled",
		},
		{
			name:   "its customer deleted",
			end:    func(w *world, id, _, _ string) { w.succeed(http.MethodDelete, "/v1/customers/"+id, "") },
			events: []string{"customer.subscription.deleted", "subscription_schedule.canceled", "customer.deleted"}, status: "canceled",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			w, customer, s := scheduled(t)
			schedule := w.post("/v1/subscription_schedules", "from_subscription="+s.text("id"))
			w.advance(10 * day)
			start := w.newest()
			test.end(w, customer, s.text("id"), schedule.text("id"))
			w.wantEvents(start, test.events)
			wantAll(t, "schedule", w.get("/v1/subscription_schedules/"+schedule.text("id")).object, map[string]any{"status": "canceled", "current_phase": nil})
			wantAll(t, "subscription", w.subscription(s.text("id")).object, map[string]any{"status": test.status})
			for _, again := range []string{"", "/cancel", "/release"} {
				refused := w.call(http.MethodPost, "/v1/subscription_schedules/"+schedule.text("id")+again, "")
				wantAll(t, "again "+again, refused.object, map[string]any{"error.type": "invalid_request_error"})
			}
		})
	}
}

func TestScheduleRefusals(t *testing.T) {
	t.Parallel()
	w, customer, s := scheduled(t)
	schedule := w.post("/v1/subscription_schedules", "from_subscription="+s.text("id"))
	const path = "/v1/subscription_schedules"
	phase := "phases[0][items][0][price]=" + w.price
	begun := "customer=" + customer + "&start_date=now&"
	for _, test := range []struct{ name, path, body, param string }{
		{"no customer", path, phase, "customer"},
		{"no start", path, "customer=" + customer + "&" + phase, "start_date"},
		{"no phases", path, "customer=" + customer + "&start_date=now", "phases"},
		{"more with from_subscription", path, "from_subscription=" + s.text("id") + "&end_behavior=cancel", "end_behavior"},
		{"a schedule already", path, "from_subscription=" + s.text("id"), ""},
		{"no items", path, begun + "phases[0][end_date]=4000000000", "phases[0][items]"},
		{"both ends", path, begun + phase + "&phases[0][end_date]=4000000000&phases[0][duration][interval]=day", "phases[0][duration]"},
		{"an end before the start", path, begun + phase + "&phases[0][end_date]=1", "phases[0][end_date]"},
		{"an unknown price", path, begun + "phases[0][items][0][price]=price_1", "phases[0][items][0][price]"},
		{"iterations", path, begun + phase + "&phases[0][iterations]=2", "phases[0][iterations]"},
		{"another start of the present phase", path + "/" + schedule.text("id"), phase + "&phases[0][start_date]=4000000000", "phases[0][start_date]"},
		{"a gap", path + "/" + schedule.text("id"), phase + "&phases[1][items][0][price]=" + w.price + "&phases[1][start_date]=4000000000", "phases[1][start_date]"},
	} {
		got := w.call(http.MethodPost, test.path, test.body)
		want := map[string]any{"error.type": "invalid_request_error", "error.param": nil}
		if test.param != "" {
			want["error.param"] = test.param
		}
		wantAll(t, test.name, got.object, want)
	}
	var phases string
	for i := range 11 {
		phases += fmt.Sprintf("&phases[%d][items][0][price]=%s", i, w.price)
	}
	wantAll(t, "too many phases", w.call(http.MethodPost, path, begun+phases[1:]).object, map[string]any{"error.param": "phases"})
}
