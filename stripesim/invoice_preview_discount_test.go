package stripesim_test

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/numerai-app/payments/stripesim"
)

// TestPreviewDiscounts checks what coupons do to a preview, and that none is
// redeemed by it.
func TestPreviewDiscounts(t *testing.T) {
	t.Parallel()
	w := newWorld(t, stripesim.Config{})
	w.post("/v1/coupons", "id=tenth&percent_off=10")
	w.post("/v1/coupons", "id=half&percent_off=50&duration=forever")
	w.post("/v1/coupons", "id=eur&amount_off=100&currency=eur")
	single := w.post("/v1/prices", "currency=usd&unit_amount=1000&product_data[name]=Tea").text("id")
	fresh, subscribed := w.newCustomer("pm_card_visa"), w.newCustomer("pm_card_visa")
	s := w.subscribe(subscribed, "&discounts[0][coupon]=half&items[0][discounts][0][coupon]=tenth")
	waits := w.post("/v1/invoiceitems", "customer="+subscribed+"&amount=500&currency=usd").text("id")
	counted := w.get("/v1/coupons/half").number("times_redeemed")
	for _, test := range []struct {
		name, body string
		want       map[string]any
	}{
		{"what waits, with a coupon", "customer=" + fresh + "&invoice_items[0][price]=" + single + "&discounts[0][coupon]=tenth&expand[]=discounts", map[string]any{
			"subtotal": 1000, "total": 900, "amount_due": 900, "total_discount_amounts.0.amount": 100, "discounts.0.source.coupon": "tenth",
		}},
		{"an item with a coupon", "customer=" + fresh + "&currency=usd&invoice_items[0][unit_amount]=300&invoice_items[0][quantity]=2&invoice_items[0][discounts][0][coupon]=half", map[string]any{
			"subtotal": 300, "total": 300, "lines.data.0.discount_amounts.0.amount": 300,
		}},
		{"one to begin", "customer=" + fresh + "&subscription_details[items][0][price]=" + w.price + "&discounts[0][coupon]=half", map[string]any{
			"subtotal": 2000, "total": 1000,
		}},
		{"one to begin, of an item", "customer=" + fresh + "&subscription_details[items][0][price]=" + w.price + "&subscription_details[items][0][discounts][0][coupon]=half", map[string]any{
			"subtotal": 1000, "total": 1000,
		}},
		{"taken over", "subscription=" + s.text("id"), map[string]any{"subtotal": 2500, "total": 1250}},
		{"none", "subscription=" + s.text("id") + "&discounts=", map[string]any{"subtotal": 2500, "total": 2500, "discounts.0": nil}},
		{"others", "subscription=" + s.text("id") + "&discounts[0][discount]=" + s.text("discounts.0") + "&discounts[1][coupon]=tenth", map[string]any{"total": 1125}},
		{"an item that waits is another", "subscription=" + s.text("id") + "&invoice_items[0][invoiceitem]=" + waits + "&invoice_items[0][amount]=100&invoice_items[0][discounts][0][coupon]=tenth", map[string]any{
			"subtotal": 2090, "total": 1045,
		}},
		{"what recurs", "subscription=" + s.text("id") + "&preview_mode=recurring&discounts[0][coupon]=tenth&subscription_details[items][0][id]=" + s.text("items.data.0.id") +
			"&subscription_details[items][0][quantity]=3", map[string]any{"subtotal": 6000, "total": 6000, "lines.data.1": nil, "amount_due": 6000}},
		{"what recurs of one to begin", "customer=" + fresh + "&preview_mode=recurring&subscription_details[items][0][price]=" + w.price + "&invoice_items[0][amount]=300" +
			fmt.Sprint("&subscription_details[trial_end]=", w.sim.Now().Add(day).Unix()) + "&discounts[0][coupon]=half", map[string]any{
			"subtotal": 2000, "total": 1000, "lines.data.1": nil, "lines.data.0.period.start": int(w.sim.Now().Add(day).Unix()),
		}},
		{"nothing recurs", "customer=" + fresh + "&preview_mode=recurring&invoice_items[0][amount]=300", map[string]any{"error.code": "invoice_upcoming_none"}},
		{"an unknown coupon", "subscription=" + s.text("id") + "&discounts[0][coupon]=none", map[string]any{"error.param": "discounts[0][coupon]"}},
		{"one of another currency", "customer=" + fresh + "&subscription_details[items][0][price]=" + w.price + "&discounts[0][coupon]=eur", map[string]any{"error.param": "discounts[0][coupon]"}},
		{"an unknown coupon of an item", "customer=" + fresh + "&invoice_items[0][amount]=1&invoice_items[0][discounts][0][coupon]=none", map[string]any{
			"error.param": "invoice_items[0][discounts][0][coupon]", "error.code": "resource_missing",
		}},
		{"an item of another", "customer=" + fresh + "&invoice_items[0][invoiceitem]=" + waits, map[string]any{"error.param": "invoice_items[0][invoiceitem]"}},
	} {
		wantAll(t, test.name, w.call(http.MethodPost, "/v1/invoices/create_preview", test.body).object, test.want)
	}
	if now := w.get("/v1/coupons/half").number("times_redeemed"); now != counted {
		t.Errorf("previews redeemed %d coupons", now-counted)
	}
}
