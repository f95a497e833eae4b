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
	start = w.newest()
	w.advanceTo("2026-03-01")
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
