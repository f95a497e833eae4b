package stripesim_test

import (
	"fmt"
	"net/http"
	"testing"
)

// TestScheduleDiscounts gives a subscription other discounts and single items
// with each phase.
func TestScheduleDiscounts(t *testing.T) {
	t.Parallel()
	w, _, other := scheduled(t)
	w.succeed(http.MethodDelete, "/v1/subscriptions/"+other.text("id"), "")
	for _, coupon := range []string{
		"id=half&percent_off=50&duration=forever", "id=tenth&percent_off=10", "id=five&amount_off=500&currency=usd", "id=one&amount_off=100&currency=usd&duration=forever",
		"id=gone&percent_off=1",
	} {
		w.post("/v1/coupons", coupon)
	}
	code := w.post("/v1/promotion_codes", "promotion[type]=coupon&promotion[coupon]=one").text("id")
	single := w.post("/v1/prices", "currency=usd&unit_amount=1000&product_data[name]=Tea").text("id")
	product := w.get("/v1/prices/" + single).text("product")
	february, march := date(t, "2026-02-01").Unix(), date(t, "2026-03-01").Unix()
	start := w.newest()
	schedule := w.post("/v1/subscription_schedules", query(
		"customer", w.newCustomer("pm_card_visa"), "start_date", "now",
		"phases[0][items][0][price]", w.price, "phases[0][items][0][discounts][0][coupon]", "tenth", "phases[0][discounts][0][coupon]", "half",
		"phases[0][add_invoice_items][0][price]", single, "phases[0][add_invoice_items][0][discounts][0][coupon]", "five",
		"phases[1][items][0][price]", w.price, "phases[1][discounts][0][coupon]", "half", "phases[1][discounts][1][promotion_code]", code,
		"phases[1][discounts][2][coupon]", "gone",
		"phases[1][add_invoice_items][0][price_data][currency]", "usd", "phases[1][add_invoice_items][0][price_data][product]", product,
		"phases[1][add_invoice_items][0][price_data][unit_amount]", "300", "phases[1][add_invoice_items][0][discountable]", "false",
		"phases[1][add_invoice_items][0][metadata][why]", "setup",
		"phases[1][add_invoice_items][0][period][start][type]", "phase_start", "phases[1][add_invoice_items][0][period][end][type]", "phase_end",
		"phases[2][items][0][price]", w.price,
		"expand[]", "phases.discounts.coupon",
	))
	path := "/v1/subscription_schedules/" + schedule.text("id")
	wantAll(t, "planned", schedule.object, map[string]any{
		"phases.0.discounts.0.coupon.percent_off": 50, "phases.0.discounts.0.discount": nil, "phases.0.items.0.discounts.0.coupon": "tenth",
		"phases.0.add_invoice_items.0.price": single, "phases.0.add_invoice_items.0.quantity": 1, "phases.0.add_invoice_items.0.discounts.0.coupon": "five",
		"phases.0.add_invoice_items.0.period.start.type": "max_item_period_start", "phases.1.discounts.1.promotion_code": code,
		"phases.1.add_invoice_items.0.period.end.type": "phase_end", "phases.1.add_invoice_items.0.discountable": false, "phases.2.discounts.0": nil,
	})
	id := schedule.text("subscription")
	wantAll(t, "the first invoice", w.subscription(id).object, map[string]any{
		"latest_invoice.lines.data.0.amount": 1000, "latest_invoice.lines.data.1.amount": 2000, "latest_invoice.subtotal": 2300, "latest_invoice.total": 1150,
		"latest_invoice.status": "draft", "discounts.1": nil, "items.data.0.discounts.0": nil, // that of the item was for one invoice
	})
	w.wantEvents(start, []string{
		"customer.created", "payment_method.attached", "customer.updated", "price.created", "subscription_schedule.created", "customer.discount.created",
		"customer.discount.created",
		"customer.subscription.created", "invoiceitem.created", "invoice.created", "customer.discount.deleted",
	})

	kept := w.subscription(id).text("discounts.0")
	w.succeed(http.MethodDelete, "/v1/coupons/gone", "")
	w.advanceTo("2026-01-02")
	wantAll(t, "paid", w.subscription(id).object, map[string]any{"latest_invoice.status": "paid", "latest_invoice.amount_paid": 1150})
	start = w.newest()
	w.advanceTo("2026-02-01")
	w.wantEvents(start, []string{
		"subscription_schedule.updated", "customer.discount.created", "invoiceitem.created", "customer.subscription.updated", "customer.subscription.updated", "invoice.created",
	})
	wantAll(t, "the second phase, without the coupon that is gone", w.subscription(id).object, map[string]any{
		"discounts.0": kept, "discounts.2": nil, "latest_invoice.lines.data.0.amount": 300, "latest_invoice.lines.data.0.metadata.why": "setup",
		"latest_invoice.lines.data.0.period.start": int(february), "latest_invoice.lines.data.0.period.end": int(march),
		"latest_invoice.subtotal": 2300, "latest_invoice.total": 1200,
	})
	w.post(path, fmt.Sprintf("phases[0][start_date]=%d&phases[0][end_date]=%d&phases[0][items][0][price]=%s&phases[0][discounts][0][discount]=%s"+
		"&phases[0][add_invoice_items][0][price]=%s&phases[1][items][0][price]=%s", february, march, w.price, kept, single, w.price))
	wantAll(t, "the present phase, changed", w.subscription(id).object, map[string]any{"discounts.0": kept, "discounts.1": nil})
	w.advanceTo("2026-02-02")
	start = w.newest()
	w.advanceTo("2026-03-01")
	w.wantEvents(start, []string{
		"subscription_schedule.updated", "customer.discount.deleted", "customer.subscription.updated", "customer.subscription.updated", "invoice.created",
	})
	wantAll(t, "no discounts are left, and nothing was added twice", w.subscription(id).object, map[string]any{
		"discounts.0": nil, "latest_invoice.total": 2000, "latest_invoice.lines.data.1": nil,
	})

	with := w.subscribe(w.newCustomer("pm_card_visa"), "&discounts[0][coupon]=half&items[0][discounts][0][coupon]=one")
	wantAll(t, "taken over", w.post("/v1/subscription_schedules", "from_subscription="+with.text("id")).object, map[string]any{
		"phases.0.discounts.0.discount": with.text("discounts.0"), "phases.0.discounts.0.coupon": nil,
		"phases.0.items.0.discounts.0.discount": with.text("items.data.0.discounts.0"),
	})
	begin := "customer=" + w.newCustomer("") + "&start_date=now&phases[0][items][0][price]=" + w.price + "&phases[0]"
	for _, refusal := range []struct{ body, code, param string }{
		{"[discounts][0][coupon]=none", "resource_missing", "phases[0][discounts][0][coupon]"},
		{"[discounts][0][discount]=" + kept, "resource_missing", "phases[0][discounts][0][discount]"},
		{"[items][0][discounts][0][promotion_code]=none", "resource_missing", "phases[0][items][0][discounts][0][promotion_code]"},
		{"[discounts][0][coupon]=half&phases[0][discounts][1][coupon]=half", "", "phases[0][discounts]"},
		{"[add_invoice_items][0][price]=" + w.price, "", "phases[0][add_invoice_items][0][price]"},
		{"[add_invoice_items][0][quantity]=2", "parameter_missing", "phases[0][add_invoice_items][0][price]"},
		{"[add_invoice_items][0][price]=" + single + "&phases[0][add_invoice_items][0][discounts][0][coupon]=none", "resource_missing", "phases[0][add_invoice_items][0][discounts][0][coupon]"},
		{"[add_invoice_items][0][price]=" + single + "&phases[0][add_invoice_items][0][period][start][type]=timestamp&phases[0][add_invoice_items][0][period][end][type]=phase_end", "", "phases[0][add_invoice_items][0][period][start][timestamp]"},
	} {
		got := w.call(http.MethodPost, "/v1/subscription_schedules", begin+refusal.body)
		if got.status != http.StatusBadRequest || got.text("error.code") != refusal.code || got.text("error.param") != refusal.param {
			t.Errorf("%s: %d %v", refusal.body, got.status, got.object)
		}
	}
}

// TestSchedulePreviews checks the next invoices of schedules, and of what is
// asked to be changed in them.
func TestSchedulePreviews(t *testing.T) {
	t.Parallel()
	w, customer, s := scheduled(t)
	cheaper := w.newPrice(1000, "month")
	w.post("/v1/coupons", "id=half&percent_off=50&duration=forever")
	schedule := w.post("/v1/subscription_schedules", "from_subscription="+s.text("id")).text("id")
	february, march, middle := date(t, "2026-02-01").Unix(), date(t, "2026-03-01").Unix(), date(t, "2026-01-16").Unix()+43200
	waiting := w.post("/v1/subscription_schedules", fmt.Sprintf("customer=%s&start_date=%d&phases[0][items][0][price]=%s", w.newCustomer(""), march, w.price)).text("id")
	released := w.post("/v1/subscription_schedules", fmt.Sprintf("customer=%s&start_date=%d&phases[0][items][0][price]=%s", w.newCustomer(""), march, w.price)).text("id")
	w.post("/v1/subscription_schedules/"+released+"/release", "")
	fresh := w.newCustomer("pm_card_visa")
	start := w.newest()
	change := func(end int64) string {
		begun := s.number("items.data.0.current_period_start")
		return fmt.Sprintf("schedule=%s&schedule_details[phases][0][start_date]=%d&schedule_details[phases][0][end_date]=%d&schedule_details[phases][0][items][0][price]=%s"+
			"&schedule_details[phases][1][items][0][price]=%s", schedule, begun, end, w.price, cheaper)
	}
	begin := "customer=" + fresh + "&schedule_details[phases][0][items][0][price]=" + cheaper
	for _, test := range []struct {
		name, body string
		want       map[string]any
	}{
		{"as it is", "schedule=" + schedule, map[string]any{"total": 2000, "period_end": int(february), "parent.subscription_details.subscription": s.text("id")}},
		{"changed at the end of the period", change(february), map[string]any{"total": 1000, "created": int(february)}},
		{"changed in the middle, billed then", change(middle) + "&schedule_details[phases][1][proration_behavior]=always_invoice", map[string]any{
			"total": -500, "created": int(middle), "lines.data.0.amount": -1000, "lines.data.1.amount": 500,
		}},
		{"canceled at its end", "schedule=" + schedule + "&schedule_details[end_behavior]=cancel", map[string]any{"error.code": "invoice_upcoming_none"}},
		{"with a discount and an item", "schedule=" + schedule + "&discounts[0][coupon]=half&invoice_items[0][amount]=100", map[string]any{"total": 1050}},
		{"what recurs", "schedule=" + schedule + "&preview_mode=recurring", map[string]any{"total": 2000}},
		{"one that waits", "schedule=" + waiting, map[string]any{"total": 2000, "created": int(march)}},
		{"what recurs of one that waits", "schedule=" + waiting + "&preview_mode=recurring&discounts[0][coupon]=half", map[string]any{"total": 1000, "period_end": int(date(t, "2026-04-01").Unix())}},
		{"one to begin", begin + "&schedule_details[phases][0][items][0][quantity]=3&discounts[0][coupon]=half", map[string]any{"total": 1500, "subtotal": 3000}},
		{"one to begin later", begin + fmt.Sprint("&schedule_details[phases][0][start_date]=", march), map[string]any{"total": 1000, "created": int(march)}},
		{"one that was released", "schedule=" + released, map[string]any{"error.code": "invoice_upcoming_none"}},
		{"an unknown one", "schedule=sub_sched_none", map[string]any{"error.param": "schedule", "error.code": "resource_missing"}},
		{"of another", "schedule=" + schedule + "&customer=" + fresh, map[string]any{"error.param": "schedule"}},
		{"with a subscription", "schedule=" + schedule + "&subscription=" + s.text("id"), map[string]any{"error.param": "subscription"}},
		{"without a customer", "schedule_details[phases][0][items][0][price]=" + cheaper, map[string]any{"error.param": "customer"}},
		{"without phases", "customer=" + fresh + "&schedule_details[end_behavior]=cancel", map[string]any{"error.param": "schedule_details[phases]"}},
		{"with an unknown price", "customer=" + fresh + "&schedule_details[phases][0][items][0][price]=none", map[string]any{"error.param": "schedule_details[phases][0][items][0][price]"}},
		{"in another mode", "schedule=" + schedule + "&schedule_details[billing_mode][type]=classic", map[string]any{"error.param": "schedule_details[billing_mode]"}},
		{"of its subscription", "subscription=" + s.text("id") + "&customer=" + customer, map[string]any{"total": 2000}},
	} {
		wantAll(t, test.name, w.call(http.MethodPost, "/v1/invoices/create_preview", test.body).object, test.want)
	}
	if w.newest() != start {
		t.Error("a preview left events")
	}
}
