package stripesim_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/numerai-app/payments/stripesim"
)

// TestAddedInvoiceItems bills something once with the next invoice of a
// subscription: the first, one that a change makes, or that of the renewal.
func TestAddedInvoiceItems(t *testing.T) {
	t.Parallel()
	w := newWorld(t, stripesim.Config{Now: func() time.Time { return june }})
	w.price = w.newPrice(3000, "month")
	customer, product := w.newCustomer("pm_card_visa"), w.post("/v1/products", "name=Setup").text("id")
	once := w.post("/v1/prices", "currency=usd&unit_amount=500&product="+product).text("id")
	const added = "&add_invoice_items[0][price]="
	s := w.subscribe(customer, added+once+"&add_invoice_items[0][quantity]=2")
	wantAll(t, "on the first invoice", s.object, map[string]any{
		"status": "active", "latest_invoice.amount_paid": 4000, "latest_invoice.lines.data.0.amount": 1000,
		"latest_invoice.lines.data.0.parent.type": "invoice_item_details", "latest_invoice.lines.data.0.period.end": int(june.AddDate(0, 1, 0).Unix()),
	})
	w.change(s, change{10, added[1:] + once})
	w.change(s, change{15, "items[0][id]={item}&items[0][quantity]=2&proration_behavior=always_invoice" +
		"&add_invoice_items[0][price_data][currency]=usd&add_invoice_items[0][price_data][unit_amount]=70&add_invoice_items[0][price_data][product]=" + product})
	w.change(s, change{20, added[1:] + once + "&add_invoice_items[0][period][start][type]=now&add_invoice_items[0][period][end][type]=timestamp" +
		"&add_invoice_items[0][period][end][timestamp]=" + formatInt(june.AddDate(0, 0, 25).Unix())})
	w.advance(june.AddDate(0, 1, 0).Add(2 * time.Hour).Sub(w.sim.Now()))
	if diff := cmp.Diff([]int64{4000, 500 - 1500 + 3000 + 70, 6000 + 500}, w.bills(s.text("id"))); diff != "" {
		t.Errorf("bills (-want +got):\n%s", diff)
	}
	last := w.subscription(s.text("id"))
	wantAll(t, "the time that was given", last.object, map[string]any{
		"latest_invoice.lines.data.0.period.start": int(june.AddDate(0, 0, 20).Unix()), "latest_invoice.lines.data.0.period.end": int(june.AddDate(0, 0, 25).Unix()),
	})
	for param, more := range map[string]string{
		"add_invoice_items[0][price]":                  "&add_invoice_items[0][quantity]=1",
		"add_invoice_items[1][price]":                  added + once + "&add_invoice_items[1][price]=" + w.price, // not for one time
		"add_invoice_items[0][price_data][product]":    "&add_invoice_items[0][price_data][currency]=usd&add_invoice_items[0][price_data][unit_amount]=70&add_invoice_items[0][price_data][product]=prod_1",
		"add_invoice_items[0][period][end]":            added + once + "&add_invoice_items[0][period][start][type]=now",
		"add_invoice_items[0][period][end][timestamp]": added + once + "&add_invoice_items[0][period][start][type]=now&add_invoice_items[0][period][end][type]=timestamp",
	} {
		got := w.call(http.MethodPost, "/v1/subscriptions/"+s.text("id"), more[1:])
		wantAll(t, param, got.object, map[string]any{"error.type": "invalid_request_error", "error.param": param})
	}
}
