package payments_test

import (
	"testing"
	"time"

	"github.com/numerai-app/payments"
	"github.com/numerai-app/payments/internal/storetest"
)

// TestPauseAndResumption checks that a trial which ends without a card takes
// the access away when Stripe says so, with customer.subscription.paused alone,
// and that it comes back with the card.
func TestPauseAndResumption(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, store payments.Store) {
		l := someLife(t)
		l.users = []string{"user0"}
		s := l.service(t, store)
		heard := 0
		expect := func(status payments.SubscriptionStatus, premium bool) {
			t.Helper()
			l.await(t)
			l.deliver(t, s, l.fresh(&heard))
			state := l.state(t, s)
			if got := state.Subscriptions["user0"]; len(got) != 1 || got[0].Status != status {
				t.Errorf("the subscription is %+v, want it %s", got, status)
			}
			if got := state.Customers["user0"].IsPremium; got != premium {
				t.Errorf("premium is %v, the subscription %s", got, status)
			}
		}
		customer := l.call(t, "POST", "/v1/customers", "metadata[user_id]=user0")["id"].(string)
		path := "/v1/subscriptions/" + l.call(t, "POST", "/v1/subscriptions", "customer="+customer+"&items[0][price]="+l.prices[0]+
			"&trial_period_days=3&trial_settings[end_behavior][missing_payment_method]=pause")["id"].(string)
		expect(payments.StatusTrialing, true)
		l.advance(t, 4*24*time.Hour)
		expect(payments.StatusPaused, false)
		method := l.call(t, "POST", "/v1/payment_methods/pm_card_visa/attach", "customer="+customer)["id"].(string)
		l.call(t, "POST", path, "default_payment_method="+method)
		l.call(t, "POST", path+"/resume", "billing_cycle_anchor=now")
		expect(payments.StatusActive, true)
	})
}
