package stripesim_test

import (
	"testing"
	"time"

	"github.com/numerai-app/payments/stripesim"
)

// TestDelinquent checks that a customer is delinquent from a renewal that
// failed, or a bill that fell overdue, until one is paid or marked
// uncollectible by a call.
func TestDelinquent(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		// owe leaves the customer with an open invoice, whose id it returns.
		owe  func(w *world, customer string) string
		call string // of the invoice; empty: none
		want bool
	}{
		"a first payment by a call is declined": {owe: func(w *world, customer string) string {
			return w.subscribe(customer, "&default_payment_method="+w.attach("pm_card_chargeCustomerFail", customer)).text("latest_invoice.id")
		}},
		"a renewal fails":                             {owe: failFirst, want: true},
		"a renewal fails and is paid":                 {owe: failFirst, call: "pay?paid_out_of_band=true"},
		"a renewal fails and is marked uncollectible": {owe: failFirst, call: "mark_uncollectible"},
		"a renewal fails and is void":                 {owe: failFirst, call: "void", want: true},
		"a bill is sent":                              {owe: sendBill},
		"a bill is overdue": {owe: func(w *world, customer string) string {
			defer w.advance(4 * day)
			return sendBill(w, customer)
		}, want: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, stripesim.Config{})
			customer := w.newCustomer("pm_card_visa")
			invoice := c.owe(w, customer)
			if c.call != "" {
				w.post("/v1/invoices/"+invoice+"/"+c.call, "")
			}
			wantAll(t, name, w.get("/v1/customers/"+customer).object, map[string]any{"delinquent": c.want})
		})
	}
}

func failFirst(w *world, customer string) string {
	id := w.subscribe(customer, "").text("id")
	w.post("/v1/subscriptions/"+id, "default_payment_method="+w.attach("pm_card_chargeCustomerFail", customer))
	w.advance(week + 2*time.Hour)
	return w.subscription(id).text("latest_invoice.id")
}

func sendBill(w *world, customer string) string {
	i := w.post("/v1/invoices", "customer="+customer+"&collection_method=send_invoice&days_until_due=3").text("id")
	w.post("/v1/invoiceitems", "invoice="+i+"&amount=1000&customer="+customer)
	return w.post("/v1/invoices/"+i+"/send", "").text("id")
}
