package stripesim_test

import (
	"slices"
	"testing"
	"time"

	"github.com/numerai-app/payments/stripesim"
)

var (
	prorated = []string{"invoiceitem.created", "invoiceitem.created"}
	renewed  = slices.Concat(begun, finalized, charged, []string{"invoice_payment.paid"})
	// renewedOnCredit is a renewal that takes what is credited to the customer.
	renewedOnCredit = slices.Concat(begun, []string{"customer.updated"}, finalized, charged, []string{"invoice_payment.paid"})
)

// TestChanges checks what a change in the middle of a period costs, and what
// tells of it.
func TestChanges(t *testing.T) {
	t.Parallel()
	changed := []string{"customer.subscription.updated"}
	for _, test := range []struct {
		name   string
		to     int64
		how    string
		now    int64  // billed at once
		next   int64  // with the next invoice
		status string // of the payment
		events []string
	}{
		{"dearer, billed with the next invoice", 4000, "proration_behavior=create_prorations", 0, 5000, "", slices.Concat(prorated, changed, renewed)},
		{
			"dearer, billed now", 4000, "proration_behavior=always_invoice", 1000, 4000, "paid",
			slices.Concat(prorated, []string{"invoice.created"}, finalized, charged, []string{"invoice_payment.paid"}, changed, renewed),
		},
		{"dearer, without proration", 4000, "proration_behavior=none", 0, 4000, "", slices.Concat(changed, renewed)},
		{
			"cheaper, credited now", 1000, "proration_behavior=always_invoice", 0, 500, "paid",
			slices.Concat(prorated, []string{"invoice.created", "customer.updated", "invoice.finalized", "invoice.paid", "invoice.payment_succeeded"}, changed, renewedOnCredit),
		},
		{"cheaper, credited later", 1000, "proration_behavior=create_prorations", 0, 500, "", slices.Concat(prorated, changed, renewed)},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			w := inJune(t, stripesim.Config{})
			s := w.subscribe(w.newCustomer("pm_card_visa"), "")
			other := w.newPrice(test.to, "week")
			w.advance(week / 2)
			start := w.newest()
			after := w.post("/v1/subscriptions/"+s.text("id"), query(
				"items[0][id]", s.text("items.data.0.id"), "items[0][price]", other, "expand[]", "latest_invoice")+"&"+test.how)
			if test.status != "" {
				wantAll(t, "billed now", after.object, map[string]any{
					"latest_invoice.billing_reason": "subscription_update", "latest_invoice.amount_due": int(test.now), "latest_invoice.status": test.status,
				})
			} else {
				wantAll(t, "not billed now", after.object, map[string]any{"latest_invoice.id": s.text("latest_invoice.id")})
			}
			w.advance(week/2 + 2*time.Hour)
			wantAll(t, "billed at the renewal", w.subscription(s.text("id")).object, map[string]any{
				"latest_invoice.billing_reason": "subscription_cycle", "latest_invoice.amount_paid": int(test.next),
			})
			w.wantEvents(start, test.events)
		})
	}
}
