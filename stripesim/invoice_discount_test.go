package stripesim_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/numerai-app/payments/stripesim"
)

// TestInvoiceDiscounts checks what the discounts of invoices made by hand and of
// their items take off.
func TestInvoiceDiscounts(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, currency, first, second, invoice string // the items are of 10.00 and 20.00
		want                                   map[string]any
		lines                                  []int64 // what is taken off each
	}{
		{
			"none", "usd", "", "", "",
			map[string]any{"subtotal": 3000, "total": 3000, "total_discount_amounts.0": nil, "discounts.0": nil, "lines.data.0.discounts.0": nil},
			[]int64{0, 0},
		},
		{
			"of the invoice", "usd", "", "", "&discounts[0][coupon]=tenth",
			map[string]any{"subtotal": 3000, "total": 2700, "total_discount_amounts.0.amount": 300, "total_pretax_credit_amounts.0.amount": 300},
			[]int64{100, 200},
		},
		{
			"an amount, by weight", "usd", "", "", "&discounts[0][coupon]=five",
			map[string]any{"subtotal": 3000, "total": 2500, "total_discount_amounts.0.amount": 500},
			[]int64{166, 334},
		},
		{
			"of an item", "usd", "&discounts[0][coupon]=half", "", "",
			map[string]any{"subtotal": 2500, "total": 2500, "total_discount_amounts.0.amount": 500, "lines.data.0.amount": 1000, "lines.data.0.subtotal": 1000},
			[]int64{500, 0},
		},
		{
			"of both: the item's first", "usd", "&discounts[0][coupon]=half", "&discounts[0][coupon]=half", "&discounts[0][coupon]=tenth",
			map[string]any{"subtotal": 1500, "total": 1350, "total_discount_amounts.1.amount": 150},
			[]int64{550, 1100},
		},
		{
			"two of one item", "usd", "&discounts[0][coupon]=half&discounts[1][coupon]=five", "", "",
			map[string]any{"subtotal": 2000, "total": 2000},
			[]int64{1000, 0},
		},
		{
			"an item that is not discountable", "usd", "&discountable=false", "", "&discounts[0][coupon]=half",
			map[string]any{"subtotal": 3000, "total": 2000, "lines.data.0.discount_amounts.0.amount": 0},
			[]int64{0, 1000},
		},
		{
			"more than there is", "usd", "", "", "&discounts[0][coupon]=hundred",
			map[string]any{"subtotal": 3000, "total": 0, "amount_due": 0},
			[]int64{1000, 2000},
		},
		{
			"three decimals leave a zero", "kwd", "", "", "&discounts[0][coupon]=odd",
			map[string]any{"subtotal": 3000, "total": 2000},
			[]int64{330, 670},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, stripesim.Config{})
			for _, coupon := range []string{
				"id=tenth&percent_off=10", "id=half&percent_off=50&duration=forever", "id=five&amount_off=500&currency=usd",
				"id=hundred&amount_off=10000&currency=usd", "id=odd&percent_off=33.35&duration=repeating&duration_in_months=1",
			} {
				w.post("/v1/coupons", coupon)
			}
			customer := w.newCustomer("pm_card_visa")
			w.post("/v1/invoiceitems", "customer="+customer+"&currency="+test.currency+"&amount=1000"+test.first)
			w.post("/v1/invoiceitems", "customer="+customer+"&currency="+test.currency+"&amount=2000"+test.second)
			start := w.newest()
			draft := w.post("/v1/invoices", "customer="+customer+"&currency="+test.currency+"&pending_invoice_items_behavior=include"+test.invoice)
			wantAll(t, "the draft", draft.object, test.want)
			for i, line := range object(draft.at("lines").(map[string]any)).rows() {
				var off int64
				for _, one := range list(line, "discount_amounts") {
					off += one.number("amount")
				}
				if off != test.lines[i] {
					t.Errorf("%d is taken off line %d, want %d", off, i, test.lines[i])
				}
			}
			if diff := cmp.Diff([]string{"invoice.created"}, types(w.eventsSince(start))); diff != "" {
				t.Errorf("events (-want +got):\n%s", diff)
			}
			paid := w.post("/v1/invoices/"+draft.text("id")+"/pay", "")
			wantAll(t, "paid", paid.object, map[string]any{"status": "paid", "amount_paid": int(draft.number("total"))})
		})
	}
}

// TestInvoiceDiscountChanges changes the discounts of a draft, its items and its
// lines.
func TestInvoiceDiscountChanges(t *testing.T) {
	t.Parallel()
	w := newWorld(t, stripesim.Config{})
	w.post("/v1/coupons", "id=half&percent_off=50&duration=repeating&duration_in_months=3")
	w.post("/v1/coupons", "id=one&amount_off=100&currency=usd")
	code := w.post("/v1/promotion_codes", "promotion[type]=coupon&promotion[coupon]=one&restrictions[minimum_amount]=1000&restrictions[minimum_amount_currency]=usd").text("id")
	customer := w.newCustomer("pm_card_visa")
	item := "/v1/invoiceitems/" + w.post("/v1/invoiceitems", "customer="+customer+"&amount=1000&currency=usd").text("id")
	draft := w.post("/v1/invoices", "customer="+customer+"&pending_invoice_items_behavior=include")
	path := "/v1/invoices/" + draft.text("id")
	line := path + "/lines/" + draft.text("lines.data.0.id")
	for _, step := range []struct {
		name, path, body string
		total            int
		events           []string
	}{
		{"a coupon", path, "discounts[0][coupon]=half", 500, []string{"invoice.updated"}},
		{"a code beside it", path, "discounts[0][discount]={}&discounts[1][promotion_code]=" + code, 400, []string{"invoice.updated"}},
		{"nothing said", path, "description=March", 400, []string{"invoice.updated"}},
		{"none", path, "discounts=", 1000, []string{"invoice.updated"}},
		{"of the item", item, "discounts[0][coupon]=one", 900, []string{"invoice.updated"}},
		{"of the line", line, "discounts[0][coupon]=half", 500, []string{"invoice.updated"}},
		{"of the lines", path + "/update_lines", "lines[0][id]=" + draft.text("lines.data.0.id") + "&lines[0][discounts]=", 1000, []string{"invoice.updated"}},
		{"of a new line", path + "/add_lines", "lines[0][amount]=1000&lines[0][discounts][0][coupon]=half", 1500, []string{"invoiceitem.created", "invoice.updated"}},
	} {
		start := w.newest()
		if id := w.get(path).text("discounts.0"); id != "" {
			step.body = strings.ReplaceAll(step.body, "{}", id)
		}
		w.post(step.path, step.body)
		wantAll(t, step.name, w.get(path).object, map[string]any{"total": step.total})
		if diff := cmp.Diff(step.events, types(w.eventsSince(start))); diff != "" {
			t.Errorf("%s: events (-want +got):\n%s", step.name, diff)
		}
	}
	wantAll(t, "counted", w.get("/v1/coupons/half").object, map[string]any{"times_redeemed": 3})
	wantAll(t, "the code", w.get("/v1/promotion_codes/"+code).object, map[string]any{"times_redeemed": 1})

	shown := w.post(path, "discounts[0][coupon]=half&expand[]=discounts&expand[]=lines.data.discounts")
	wantAll(t, "the discount", shown.object, map[string]any{
		"discounts.0.invoice": draft.text("id"), "discounts.0.invoice_item": nil, "discounts.0.subscription": nil, "discounts.0.source.coupon": "half",
		"lines.data.1.discounts.0.invoice": nil, "lines.data.1.discounts.0.invoice_item": shown.at("lines.data.1.parent.invoice_item_details.invoice_item"),
	})
	w.succeed(http.MethodDelete, "/v1/coupons/half", "")
	w.advance(100 * day) // the discount has an end, which an invoice does not mind
	wantAll(t, "without the coupon", w.post(path+"/finalize", "").object, map[string]any{"total": 750, "status": "open"})
	for _, refusal := range []struct{ path, body, code, param string }{
		{path, "discounts=", "invoice_not_editable", "discounts"},
		{"/v1/invoices", "customer=" + customer + "&discounts[0][coupon]=half", "resource_missing", "discounts[0][coupon]"},
		{"/v1/invoices", "customer=" + customer + "&discounts[0][promotion_code]=" + code, "", "discounts[0][promotion_code]"},
		{"/v1/invoices", "customer=" + customer + "&discounts[0][discount]=" + shown.text("discounts.0.id"), "resource_missing", "discounts[0][discount]"},
		{"/v1/invoiceitems", "customer=" + customer + "&amount=1&currency=eur&discounts[0][coupon]=one", "", "discounts[0][coupon]"},
		{"/v1/invoiceitems", "customer=" + customer + "&amount=1&discounts[0][coupon]=one&discounts[0][discount]=two", "parameters_exclusive", "discounts[0]"},
		{"/v1/subscriptions", "customer=" + customer + "&items[0][price]=" + w.price + "&add_invoice_items[0][price_data][currency]=usd&add_invoice_items[0][price_data][unit_amount]=1&" +
			"add_invoice_items[0][price_data][product]=" + w.get("/v1/prices/"+w.price).text("product") + "&add_invoice_items[0][discounts][0][coupon]=none", "resource_missing", "add_invoice_items[0][discounts][0][coupon]"},
	} {
		got := w.call(http.MethodPost, refusal.path, refusal.body)
		if got.status != http.StatusBadRequest || got.text("error.code") != refusal.code || got.text("error.param") != refusal.param {
			t.Errorf("%s %s: %d %v", refusal.path, refusal.body, got.status, got.object)
		}
	}
}

// TestDiscountsOfSubscriptionInvoices checks which discounts a draft takes over
// from its subscription, and that one that is for one invoice is used up by it.
func TestDiscountsOfSubscriptionInvoices(t *testing.T) {
	t.Parallel()
	w := newWorld(t, stripesim.Config{})
	w.post("/v1/coupons", "id=once&percent_off=10")
	w.post("/v1/coupons", "id=ever&percent_off=50&duration=forever")
	for _, test := range []struct {
		name, discounts string
		total, left     int // discounts that the subscription has left
		events          []string
	}{
		{"taken over", "", 900, 0, []string{"invoice.created", "customer.discount.deleted", "customer.subscription.updated"}},
		{"none", "&discounts=", 1000, 1, []string{"invoice.created"}},
		{"another", "&discounts[0][coupon]=ever", 500, 1, []string{"invoice.created"}},
		{"both", "&discounts[0][coupon]=ever&discounts[1][discount]={}", 450, 0, []string{"invoice.created", "customer.discount.deleted", "customer.subscription.updated"}},
	} {
		customer := w.newCustomer("pm_card_visa")
		id := w.subscribe(customer, "").text("id")
		has := w.post("/v1/subscriptions/"+id, "discounts[0][coupon]=once").text("discounts.0")
		w.post("/v1/invoiceitems", "subscription="+id+"&amount=1000")
		start := w.newest()
		draft := w.post("/v1/invoices", "subscription="+id+strings.ReplaceAll(test.discounts, "{}", has))
		wantAll(t, test.name, draft.object, map[string]any{"total": test.total, "subtotal": 1000})
		if left, _ := w.get("/v1/subscriptions/" + id).at("discounts").([]any); len(left) != test.left {
			t.Errorf("%s: left are %v", test.name, left)
		}
		if diff := cmp.Diff(test.events, types(w.eventsSince(start))); diff != "" {
			t.Errorf("%s: events (-want +got):\n%s", test.name, diff)
		}
	}
	// The line of a period, while the renewal is a draft: what a later change
	// gives back is less by that.
	id := w.subscribe(w.newCustomer("pm_card_visa"), "").text("id")
	w.advance(week)
	renewal := w.subscription(id)
	w.post("/v1/invoices/"+renewal.text("latest_invoice.id")+"/lines/"+renewal.text("latest_invoice.lines.data.0.id"), "discounts[0][coupon]=ever")
	w.advance(2 * time.Hour)
	wantAll(t, "half the period", w.subscription(id).object, map[string]any{"latest_invoice.total": 1000, "latest_invoice.subtotal": 1000, "latest_invoice.status": "paid"})
	ended := w.post("/v1/invoices/create_preview", "subscription="+id+"&subscription_details[cancel_now]=true")
	if credit := ended.number("lines.data.0.amount"); credit < -1000 || credit > -900 {
		t.Errorf("the end gives %d back", credit)
	}
}
