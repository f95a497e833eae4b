package server_test

import (
	"net/http"
	"testing"
)

// TestVoidedAndCanceled checks that an invoice that is voided while the bank
// waits for the payer is void in the history as soon as Stripe says so.
func TestVoidedAndCanceled(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, b *testBundle) {
		_, created, _ := b.subscribe(t, "1", map[string]any{"plan": "premium", "payment_method_id": "pm_card_threeDSecure2Required"})
		want(t, "history", b.history(t, "1"), []string{"invoice 1999 usd pending"})
		id := created["stripe_subscription_id"].(string)
		invoice := b.stripe(t, http.MethodGet, "/v1/subscriptions/"+id, "")["latest_invoice"].(string)
		b.stripe(t, http.MethodPost, "/v1/invoices/"+invoice+"/void", "")
		b.settle(t)
		want(t, "history", b.history(t, "1"), []string{"invoice 1999 usd void"})
	})
}
