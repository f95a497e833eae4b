package stormtest

import (
	"net/http"
	"testing"

	"github.com/numerai-app/payments"
	"github.com/numerai-app/payments/internal/store"
)

// compare compares what is on record with what Stripe says: every subscription,
// and every payment and invoice of the storm.
func (a *account) compare(t *testing.T, s *store.Store, count int) {
	t.Helper()
	subscriptions, failed := a.list(t, "/v1/subscriptions", "status=all"), 0
	if len(subscriptions) != count {
		t.Errorf("Stripe has %d subscriptions, not %d", len(subscriptions), count)
	}
	invoices := map[string]map[string]any{}
	for _, invoice := range a.list(t, "/v1/invoices", "") {
		invoices[invoice["id"].(string)] = invoice
	}
	paid := 0
	err := s.View(t.Context(), func(tx payments.Tx) error {
		for _, is := range subscriptions {
			known, err := tx.Subscription(t.Context(), is["id"].(string))
			if err != nil {
				return err
			}
			item := is["items"].(map[string]any)["data"].([]any)[0].(map[string]any)
			if string(known.Status) != is["status"] || known.CurrentPeriodEnd == nil || float64(known.CurrentPeriodEnd.Unix()) != item["current_period_end"] {
				t.Errorf("%s is %s until %v, at Stripe %v until %v", known.StripeSubscriptionID, known.Status, known.CurrentPeriodEnd, is["status"], item["current_period_end"])
			}
			invoice := invoices[is["latest_invoice"].(string)]
			if invoice["status"] == "paid" {
				paid++
			}
			entry, err := tx.BillingEntry(t.Context(), payments.BillingInvoice, invoice["id"].(string))
			if err != nil {
				return err
			}
			if (entry.Status == payments.BillingPaid) != (invoice["status"] == "paid") || float64(entry.Amount) != invoice["amount_due"] || entry.UserID != known.UserID {
				t.Errorf("%s of %s is %s of %d, at Stripe %v of %v", entry.Source, entry.UserID, entry.Status, entry.Amount, invoice["status"], invoice["amount_due"])
			}
		}
		backlog, err := tx.Backlog(t.Context())
		failed = backlog.FailedEvents
		return err
	})
	if err != nil || failed > 0 {
		t.Errorf("%d events failed, %v", failed, err)
	}
	t.Logf("%d subscriptions are as Stripe has them, and so are their %d paid and %d unpaid invoices", len(subscriptions), paid, len(subscriptions)-paid)
}

func (a *account) list(t *testing.T, path, form string) (all []map[string]any) {
	t.Helper()
	for after := ""; ; {
		page := a.call(t, http.MethodGet, path, form+"&limit=100"+after)
		rows := page["data"].([]any)
		for _, row := range rows {
			all = append(all, row.(map[string]any))
		}
		if page["has_more"] != true {
			return all
		}
		after = "&starting_after=" + rows[len(rows)-1].(map[string]any)["id"].(string)
	}
}
