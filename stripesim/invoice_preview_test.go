package stripesim_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/numerai-app/payments/stripesim"
)

// billed is what a preview and the real invoice have to agree on.
func billed(invoice object) object {
	kept := object{}
	for _, name := range []string{"amount_due", "total", "subtotal", "starting_balance", "ending_balance", "currency", "customer", "collection_method"} {
		kept[name] = invoice[name]
	}
	var lines []any
	for _, line := range object(invoice["lines"].(map[string]any)).rows() {
		one := object{"price": line.at("pricing.price_details.price"), "proration": line.at("parent.subscription_item_details.proration")}
		for _, name := range []string{"amount", "description", "period", "quantity", "currency", "discountable"} {
			one[name] = line[name]
		}
		var off []any
		for _, discounted := range list(line, "discount_amounts") {
			off = append(off, discounted["amount"])
		}
		one["off"] = off
		lines = append(lines, map[string]any(one))
	}
	kept["lines"] = lines
	return kept
}

// inDetails puts parameters into subscription_details.
func inDetails(body string) string {
	pairs := strings.Split(body, "&")
	for i, pair := range pairs {
		name, value, _ := strings.Cut(pair, "=")
		head, rest, nested := strings.Cut(name, "[")
		pairs[i] = "subscription_details[" + head + "]"
		if nested {
			pairs[i] += "[" + rest
		}
		pairs[i] += "=" + value
	}
	return strings.Join(pairs, "&")
}

// TestPreviewsComeTrue previews a random change of a subscription at a random
// time, makes it, and compares the invoices.
func TestPreviewsComeTrue(t *testing.T) {
	t.Parallel()
	at := time.Now() // the preview and the change happen in the same second
	w := newWorld(t, stripesim.Config{Now: func() time.Time { return at }})
	for _, coupon := range []string{"id=tenth&percent_off=10", "id=third&percent_off=33.33&duration=forever", "id=seven&amount_off=777&currency=usd&duration=forever"} {
		w.post("/v1/coupons", coupon)
	}
	discounts := []string{"", "", "discounts=", "discounts[0][coupon]=tenth", "discounts[0][coupon]=third", "discounts[0][coupon]=seven&discounts[1][coupon]=tenth"}
	modes := []string{"", "&billing_mode[type]=classic", "&billing_mode[type]=flexible&billing_mode[flexible][proration_discounts]=itemized"}
	prices := []string{w.price, w.newPrice(3333, "week"), w.newPrice(700, "week"), w.newPrice(9999, "month"), w.newPrice(0, "week")}
	rapid.Check(t, func(r *rapid.T) {
		customer := w.newCustomer("pm_card_visa")
		w.post("/v1/customers/"+customer, fmt.Sprint("balance=", rapid.SampledFrom([]int{0, 0, -750, 300, -20000}).Draw(r, "balance")))
		first := w.post("/v1/subscriptions", fmt.Sprintf("customer=%s&items[0][price]=%s&items[0][quantity]=%d&%s%s",
			customer, rapid.SampledFrom(prices[:3]).Draw(r, "from"), rapid.IntRange(1, 3).Draw(r, "first quantity"),
			rapid.SampledFrom(discounts).Draw(r, "discounts at first"), rapid.SampledFrom(modes).Draw(r, "mode")))
		id := first.text("id")
		w.advance(time.Duration(rapid.Int64Range(0, int64(6*day)).Draw(r, "wait")))
		if rapid.Bool().Draw(r, "an item waits") {
			w.post("/v1/invoiceitems", fmt.Sprintf("customer=%s&amount=%d", customer, rapid.IntRange(-3000, 3000).Draw(r, "waits")))
		}
		now := w.sim.Now().Unix()
		change := fmt.Sprintf("items[0][id]=%s&items[0][price]=%s&items[0][quantity]=%d&proration_date=%d&proration_behavior=%s",
			first.text("items.data.0.id"), rapid.SampledFrom(prices).Draw(r, "to"), rapid.IntRange(0, 4).Draw(r, "quantity"),
			now-rapid.Int64Range(0, min(1000, now-first.number("items.data.0.current_period_start"))).Draw(r, "before"),
			rapid.SampledFrom([]string{"always_invoice", "create_prorations", "none"}).Draw(r, "behaviour"))
		start, redeemed := w.newest(), rapid.SampledFrom(discounts).Draw(r, "discounts")
		preview := w.post("/v1/invoices/create_preview", "subscription="+id+"&"+inDetails(change)+"&"+redeemed)
		if w.newest() != start {
			r.Fatal("a preview left events")
		}
		changed := w.post("/v1/subscriptions/"+id, change+"&"+redeemed+"&expand[]=latest_invoice")
		real := changed
		if changed.text("latest_invoice.id") == first.text("latest_invoice") {
			end := time.Unix(changed.number("items.data.0.current_period_end"), 0)
			w.advance(end.Sub(w.sim.Now()) + 2*time.Hour)
			real = w.subscription(id)
		}
		if diff := cmp.Diff(billed(real.at("latest_invoice").(map[string]any)), billed(preview.object)); diff != "" {
			r.Fatalf("%s (-real +preview):\n%s", change, diff)
		}
		w.succeed(http.MethodDelete, "/v1/subscriptions/"+id, "")
	})
}

func TestPreviews(t *testing.T) {
	t.Parallel()
	w := newWorld(t, stripesim.Config{})
	customer := w.newCustomer("pm_card_visa")
	preview := func(body string) answer {
		t.Helper()
		return w.call(http.MethodPost, "/v1/invoices/create_preview", body)
	}
	none := preview("customer=" + customer)
	wantAll(t, "nothing", none.object, map[string]any{"error.code": "invoice_upcoming_none"})
	if none.status != http.StatusNotFound {
		t.Errorf("nothing is answered %d", none.status)
	}
	w.post("/v1/customers/"+customer, "balance=-500")
	begun := preview("customer=" + customer + "&subscription_details[items][0][price]=" + w.price + "&invoice_items[0][amount]=300")
	wantAll(t, "to begin", begun.object, map[string]any{
		"total": 2300, "amount_due": 1800, "starting_balance": -500, "ending_balance": 0, "status": "draft", "billing_reason": "upcoming",
		"number": nil, "lines.data.0.amount": 300, "amount_paid": 0, "attempted": false, "hosted_invoice_url": nil,
	})
	if id := begun.text("id"); !strings.HasPrefix(id, "upcoming_in_") || begun.text("lines.data.0.invoice") != id {
		t.Errorf("the preview is %s, its line's invoice %v", id, begun.at("lines.data.0.invoice"))
	}
	wantAll(t, "in a trial", preview("customer="+customer+"&subscription_details[items][0][price]="+w.price+fmt.Sprint("&subscription_details[trial_end]=", w.sim.Now().Add(day).Unix())).object,
		map[string]any{"total": 0, "amount_due": 0})
	if got := w.balanceOf(customer); got != -500 {
		t.Errorf("previews changed the balance to %d", got)
	}

	s := w.subscribe(customer, "")
	end := s.number("items.data.0.current_period_end")
	next := preview("customer=" + customer + "&expand[]=customer")
	wantAll(t, "the renewal", next.object, map[string]any{
		"total": 2000, "created": int(end), "next_payment_attempt": int(end) + 3600, "customer.id": customer,
		"parent.subscription_details.subscription": s.text("id"), "period_end": int(end),
	})
	sub := "subscription=" + s.text("id") + "&subscription_details"
	ending := preview(sub + "[cancel_at_period_end]=true")
	wantAll(t, "none after the end", ending.object, map[string]any{"error.code": "invoice_upcoming_none"})
	w.advance(week / 2)
	if got := preview(sub + "[cancel_now]=true").number("total"); got > -990 || got < -1010 {
		t.Errorf("an end now costs %d, want about -1000", got)
	}
	wantAll(t, "an end now without proration", preview(sub+"[cancel_now]=true&subscription_details[proration_behavior]=none").object,
		map[string]any{"error.code": "invoice_upcoming_none"})
	wantAll(t, "still there", w.subscription(s.text("id")).object, map[string]any{"status": "active", "cancel_at": nil})
	for _, test := range []struct{ body, param string }{
		{"", "customer"},
		{"customer=cus_none", "customer"},
		{"subscription=sub_none", "subscription"},
		{"customer=" + customer + "&schedule=sub_sched_1", "schedule"},
		{sub + "[items][0][price]=price_none", "subscription_details[items][0][price]"},
		{sub + "[proration_date]=1", "subscription_details[proration_date]"},
		{sub + "[nonsense]=1", "subscription_details[nonsense]"},
		{"customer=" + customer + "&invoice_items[0][price]=" + w.price, "invoice_items[0][price]"},
	} {
		if got := preview(test.body); got.status < 400 || got.text("error.param") != test.param {
			t.Errorf("%s: %d %v", test.body, got.status, got.object)
		}
	}
}
