package stripesim_test

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/numerai-app/payments/stripesim"
	"github.com/stripe/stripe-go/v85"
)

const (
	hour = time.Hour
	day  = 24 * hour
)

func expectEvents(t *testing.T, got []string, want ...string) {
	t.Helper()
	slices.Sort(want)
	got = slices.Sorted(slices.Values(got))
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
}

var (
	opened = []string{"customer.subscription.created", "invoice.created", "invoice.finalized", "payment_intent.created"}
	paid   = []string{"charge.succeeded", "payment_intent.succeeded", "invoice.paid", "invoice.payment_succeeded", "invoice_payment.paid"}
	failed = []string{"charge.failed", "payment_intent.payment_failed", "invoice.payment_failed"}
)

func TestStripesOwnClientSubscribes(t *testing.T) {
	t.Parallel()
	w := newWorld(t, stripesim.Config{})
	customer := w.customer(t, "pm_card_visa")
	before := w.lastEvent(t)
	params := &stripe.SubscriptionCreateParams{
		Customer: &customer, Items: []*stripe.SubscriptionCreateItemParams{{Price: &w.price, Quantity: stripe.Int64(2)}},
	}
	params.AddExpand("latest_invoice.payments")
	s, err := w.stripe.V1Subscriptions.Create(t.Context(), params)
	if err != nil {
		t.Fatal(err)
	}
	intent, err := w.stripe.V1PaymentIntents.Retrieve(t.Context(), s.LatestInvoice.Payments.Data[0].Payment.PaymentIntent.ID, nil)
	if err != nil {
		t.Fatal(err)
	}
	if s.Status != "active" || s.LatestInvoice.Status != "paid" || s.LatestInvoice.AmountPaid != 3998 || intent.Status != "succeeded" || intent.Amount != 3998 {
		t.Errorf("it is %s, the invoice %s of %d, the intent %s", s.Status, s.LatestInvoice.Status, s.LatestInvoice.AmountPaid, intent.Status)
	}
	expectEvents(t, w.events(t, before), append(slices.Clone(opened), paid...)...)
	listed := 0
	for one, err := range w.stripe.V1Events.List(t.Context(), &stripe.EventListParams{}).All(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		if one.Type == "customer.subscription.created" && one.Data.Object["status"] != "active" {
			t.Errorf("it was created %v", one.Data.Object["status"])
		}
		listed++
	}
	if want := len(w.events(t, before)) + 5; listed != want { // what customer did goes before
		t.Errorf("Stripe's client lists %d events, want %d", listed, want)
	}
}

func TestBrowserPaysFirstInvoice(t *testing.T) {
	t.Parallel()
	for _, key := range []string{publishableKey, secretKey} {
		t.Run(key, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, stripesim.Config{})
			s := w.subscribe(t, w.customer(t, ""), "&payment_behavior=default_incomplete&payment_settings[save_default_payment_method]=on_subscription")
			expect(t, s, map[string]any{"status": "incomplete", "latest_invoice.status": "open", "latest_invoice.payments.data.0.status": "open"})
			secret, intent := s.text("latest_invoice.confirmation_secret.client_secret"), s.text("latest_invoice.payments.data.0.payment.payment_intent")
			before := w.lastEvent(t)
			path := "/v1/payment_intents/" + intent
			form := "payment_method=pm_card_visa&return_url=https://example.com&client_secret="
			auth := []string{"Authorization", "Bearer " + key}
			w.call(t, 404, http.MethodPost, path+"/confirm", form+"wrong", auth...)
			got := w.call(t, 200, http.MethodPost, path+"/confirm", form+secret, auth...)
			expect(t, got.object, map[string]any{"status": "succeeded", "amount_received": 1999})
			w.call(t, 400, http.MethodPost, path+"/confirm", form+secret, auth...)
			s = w.get(t, "/v1/subscriptions/"+s.text("id"))
			expect(t, s, map[string]any{"status": "active", "default_payment_method": got.text("payment_method")})
			expectEvents(t, w.events(t, before), append([]string{"payment_method.attached", "customer.subscription.updated"}, paid...)...)
		})
	}
	w := newWorld(t, stripesim.Config{})
	w.call(t, 403, http.MethodGet, "/v1/customers", "", "Authorization", "Bearer "+publishableKey)
}

func TestDeclinedThenPaidWithAnotherCard(t *testing.T) {
	t.Parallel()
	w := newWorld(t, stripesim.Config{})
	customer := w.customer(t, "pm_card_chargeCustomerFail")
	before := w.lastEvent(t)
	s := w.subscribe(t, customer, "")
	expect(t, s, map[string]any{"status": "incomplete", "latest_invoice.attempt_count": 1, "latest_invoice.next_payment_attempt": nil})
	expectEvents(t, w.events(t, before), append(slices.Clone(opened), failed...)...)
	invoice := "/v1/invoices/" + s.text("latest_invoice.id")
	refused := w.call(t, 402, http.MethodPost, invoice+"/pay", "")
	expect(t, refused.object, map[string]any{"error.code": "card_declined", "error.decline_code": "generic_decline", "error.payment_intent.status": "requires_payment_method"})
	expect(t, w.get(t, invoice), map[string]any{"attempt_count": 1})
	_, err := w.stripe.V1Invoices.Pay(t.Context(), s.text("latest_invoice.id"), &stripe.InvoicePayParams{})
	var fault *stripe.Error
	if !errors.As(err, &fault) || fault.DeclineCode != "generic_decline" || fault.HTTPStatusCode != 402 {
		t.Errorf("Stripe's client says %v", err)
	}
	good := w.attach(t, customer, "pm_card_visa")
	got := w.post(t, invoice+"/pay", "payment_method="+good)
	expect(t, got, map[string]any{"status": "paid", "amount_remaining": 0})
	expect(t, w.get(t, "/v1/subscriptions/"+s.text("id")), map[string]any{"status": "active"})
	w.call(t, 400, http.MethodPost, invoice+"/pay", "")
	w.call(t, 400, http.MethodPost, invoice+"/void", "")
}

func TestBanksStep(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		succeeded    bool
		status, want string
		events       []string
	}{
		{true, "succeeded", "active", append([]string{"customer.subscription.updated"}, paid...)},
		{false, "requires_payment_method", "incomplete", []string{"payment_intent.payment_failed", "invoice.payment_failed"}},
	} {
		t.Run(strconv.FormatBool(test.succeeded), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, stripesim.Config{})
			s := w.subscribe(t, w.customer(t, "pm_card_authenticationRequired"), "")
			intent := s.text("latest_invoice.payments.data.0.payment.payment_intent")
			expect(t, s, map[string]any{"status": "incomplete", "latest_invoice.confirmation_secret.type": "payment_intent"})
			expect(t, w.get(t, "/v1/payment_intents/"+intent), map[string]any{"status": "requires_action", "next_action.type": "use_stripe_sdk"})
			before := w.lastEvent(t)
			body := fmt.Sprintf(`{"succeeded":%t}`, test.succeeded)
			w.post(t, "/_sim/payment_intents/"+intent+"/authenticate", body)
			w.call(t, 400, http.MethodPost, "/_sim/payment_intents/"+intent+"/authenticate", body)
			got := w.get(t, "/v1/payment_intents/"+intent)
			expect(t, got, map[string]any{"status": test.status, "next_action": nil})
			if !test.succeeded {
				expect(t, got, map[string]any{"latest_charge": nil, "last_payment_error.code": "payment_intent_authentication_failure"})
			}
			expect(t, w.get(t, "/v1/subscriptions/"+s.text("id")), map[string]any{"status": test.want})
			expectEvents(t, w.events(t, before), test.events...)
		})
	}
}

func TestDecliningCardsCannotBeAttached(t *testing.T) {
	t.Parallel()
	w := newWorld(t, stripesim.Config{})
	customer := w.customer(t, "")
	for card, want := range map[string][2]string{
		"pm_card_visa_chargeDeclined":                      {"card_declined", "generic_decline"},
		"pm_card_visa_chargeDeclinedInsufficientFunds":     {"card_declined", "insufficient_funds"},
		"pm_card_visa_chargeDeclinedLostCard":              {"card_declined", "lost_card"},
		"pm_card_visa_chargeDeclinedStolenCard":            {"card_declined", "stolen_card"},
		"pm_card_visa_chargeDeclinedVelocityLimitExceeded": {"card_declined", "card_velocity_exceeded"},
		"pm_card_chargeDeclinedExpiredCard":                {"expired_card", "expired_card"},
		"pm_card_chargeDeclinedIncorrectCvc":               {"incorrect_cvc", "incorrect_cvc"},
		"pm_card_chargeDeclinedProcessingError":            {"processing_error", "processing_error"},
	} {
		got := w.call(t, 402, http.MethodPost, "/v1/payment_methods/"+card+"/attach", "customer="+customer)
		expect(t, got.object, map[string]any{"error.type": "card_error", "error.code": want[0], "error.decline_code": want[1]})
	}
	if got := w.get(t, "/v1/customers/"+customer+"/payment_methods").rows(); len(got) != 0 {
		t.Errorf("the customer has %v", got)
	}
}

func TestTrial(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ card, status, invoice string }{
		{"pm_card_visa", "active", "paid"}, {"", "past_due", "open"},
	} {
		t.Run(test.card, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, stripesim.Config{})
			customer := w.customer(t, test.card)
			before := w.lastEvent(t)
			s := w.subscribe(t, customer, "&trial_period_days=7")
			expect(t, s, map[string]any{"status": "trialing", "latest_invoice.status": "paid", "latest_invoice.amount_paid": 0})
			if got := s.at("latest_invoice.payments.data").([]any); len(got) != 0 {
				t.Errorf("an invoice of nothing has the payments %v", got)
			}
			want := []string{"customer.subscription.created", "invoice.created", "invoice.finalized", "invoice.paid", "invoice.payment_succeeded"}
			if test.card == "" {
				want = append(want, "setup_intent.created")
			}
			expectEvents(t, w.events(t, before), want...)
			before = w.lastEvent(t)
			w.advance(t, 4*day+time.Minute)
			expectEvents(t, w.events(t, before), "customer.subscription.trial_will_end")
			w.advance(t, 3*day)
			s = w.get(t, "/v1/subscriptions/"+s.text("id")+"?expand[]=latest_invoice")
			expect(t, s, map[string]any{"status": "active", "latest_invoice.status": "draft", "latest_invoice.amount_due": 1999})
			w.advance(t, hour)
			s = w.get(t, "/v1/subscriptions/"+s.text("id")+"?expand[]=latest_invoice")
			expect(t, s, map[string]any{"status": test.status, "latest_invoice.status": test.invoice})
		})
	}
}

func TestRenewal(t *testing.T) {
	t.Parallel()
	w := newWorld(t, stripesim.Config{})
	s := w.subscribe(t, w.customer(t, "pm_card_visa"), "")
	end := s.number("items.data.0.current_period_end")
	before := w.lastEvent(t)
	w.advance(t, time.Unix(end, 0).Sub(w.Now()))
	got := w.get(t, "/v1/subscriptions/"+s.text("id")+"?expand[]=latest_invoice")
	expect(t, got, map[string]any{"status": "active", "latest_invoice.status": "draft", "latest_invoice.billing_reason": "subscription_cycle", "items.data.0.current_period_start": int(end)})
	expectEvents(t, w.events(t, before), "customer.subscription.updated", "invoice.created")
	w.advance(t, hour)
	got = w.get(t, "/v1/subscriptions/"+s.text("id")+"?expand[]=latest_invoice")
	expect(t, got, map[string]any{"status": "active", "latest_invoice.status": "paid", "latest_invoice.attempt_count": 1})
	expectEvents(t, w.events(t, before), append([]string{"customer.subscription.updated", "invoice.created", "invoice.finalized", "payment_intent.created"}, paid...)...)
}

func TestFailingRenewal(t *testing.T) {
	t.Parallel()
	for _, final := range []struct{ action, status, event string }{
		{"cancel", "canceled", "customer.subscription.deleted"},
		{"unpaid", "unpaid", "customer.subscription.updated"},
		{"past_due", "past_due", ""},
	} {
		t.Run(final.action, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, stripesim.Config{FinalAction: final.action})
			customer := w.customer(t, "pm_card_visa")
			s := w.subscribe(t, customer, "")
			path := "/v1/subscriptions/" + s.text("id")
			w.post(t, path, "default_payment_method="+w.attach(t, customer, "pm_card_chargeCustomerFail"))
			w.advance(t, time.Unix(s.number("items.data.0.current_period_end"), 0).Add(hour).Sub(w.Now()))
			invoice := "/v1/invoices/" + w.get(t, path).text("latest_invoice")
			expect(t, w.get(t, path), map[string]any{"status": "past_due"})
			// What a person tries by hand brings the end no nearer.
			for range 5 {
				w.call(t, 402, http.MethodPost, invoice+"/pay", "")
			}
			for try, wait := range []time.Duration{3 * day, 5 * day, 7 * day} {
				expect(t, w.get(t, path), map[string]any{"status": "past_due"})
				next := w.Now().Add(wait).Unix()
				if got := w.get(t, invoice); got.number("attempt_count") != int64(try+1) || got.number("next_payment_attempt") > next || got.number("next_payment_attempt") < next-60 {
					t.Errorf("after the try %d the invoice is %v", try+1, got)
				}
				before := w.lastEvent(t)
				w.advance(t, wait)
				want := slices.Clone(failed)
				if try == 2 && final.event != "" {
					want = append(want, final.event)
				}
				expectEvents(t, w.events(t, before), want...)
			}
			expect(t, w.get(t, path), map[string]any{"status": final.status})
			expect(t, w.get(t, invoice), map[string]any{"status": "open", "next_payment_attempt": nil, "attempt_count": 4})
			w.post(t, invoice+"/pay", "payment_method="+w.attach(t, customer, "pm_card_visa"))
			want := "active"
			if final.action == "cancel" {
				want = "canceled"
			}
			expect(t, w.get(t, path), map[string]any{"status": want})
		})
	}
}

func TestCancellation(t *testing.T) {
	t.Parallel()
	w := newWorld(t, stripesim.Config{})
	customer := w.customer(t, "pm_card_visa")
	now := w.subscribe(t, customer, "")
	before := w.lastEvent(t)
	got := w.call(t, 200, http.MethodDelete, "/v1/subscriptions/"+now.text("id"), "cancellation_details[feedback]=too_complex")
	expect(t, got.object, map[string]any{"status": "canceled", "cancellation_details.reason": "cancellation_requested", "cancellation_details.feedback": "too_complex"})
	expectEvents(t, w.events(t, before), "customer.subscription.deleted")
	w.call(t, 404, http.MethodDelete, "/v1/subscriptions/"+now.text("id"), "")
	w.call(t, 400, http.MethodPost, "/v1/subscriptions/"+now.text("id"), "metadata[a]=b")

	later := w.subscribe(t, customer, "")
	path := "/v1/subscriptions/" + later.text("id")
	end := int(later.number("items.data.0.current_period_end"))
	w.post(t, path, "cancel_at_period_end=true")
	expect(t, w.get(t, path), map[string]any{"status": "active", "cancel_at": end, "cancel_at_period_end": true})
	w.post(t, path, "cancel_at_period_end=false")
	expect(t, w.get(t, path), map[string]any{"cancel_at": nil, "canceled_at": nil, "cancel_at_period_end": false})
	w.post(t, path, "cancel_at_period_end=true")
	w.advance(t, 32*day)
	expect(t, w.get(t, path), map[string]any{"status": "canceled", "ended_at": end})

	fromTheStart := w.subscribe(t, customer, "&cancel_at_period_end=true")
	expect(t, fromTheStart, map[string]any{"status": "active", "cancel_at_period_end": true})
	w.call(t, 400, http.MethodPost, "/v1/subscriptions", "customer="+customer+"&items[0][price]="+w.price+"&cancel_at=5")
}

func TestPausedCollection(t *testing.T) {
	t.Parallel()
	for behaviour, want := range map[string]string{"void": "void", "mark_uncollectible": "uncollectible", "keep_as_draft": "draft"} {
		t.Run(behaviour, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, stripesim.Config{})
			s := w.subscribe(t, w.customer(t, "pm_card_visa"), "")
			path := "/v1/subscriptions/" + s.text("id")
			w.post(t, path, fmt.Sprintf("pause_collection[behavior]=%s&pause_collection[resumes_at]=%d", behaviour, w.Now().Add(40*day).Unix()))
			w.advance(t, 32*day)
			got := w.get(t, path+"?expand[]=latest_invoice")
			expect(t, got, map[string]any{"status": "active", "pause_collection.behavior": behaviour, "latest_invoice.status": want})
			w.advance(t, 10*day)
			expect(t, w.get(t, path), map[string]any{"pause_collection": nil})
			w.post(t, path, "pause_collection[behavior]="+behaviour)
			expect(t, w.post(t, path, "pause_collection="), map[string]any{"pause_collection": nil})
		})
	}
}

func TestNobodyPaysFirstInvoice(t *testing.T) {
	t.Parallel()
	w := newWorld(t, stripesim.Config{})
	s := w.subscribe(t, w.customer(t, ""), "&payment_behavior=default_incomplete")
	before := w.lastEvent(t)
	w.advance(t, 22*hour)
	expectEvents(t, w.events(t, before))
	w.advance(t, hour)
	expect(t, w.get(t, "/v1/subscriptions/"+s.text("id")), map[string]any{"status": "incomplete_expired"})
	expect(t, w.get(t, "/v1/invoices/"+s.text("latest_invoice.id")), map[string]any{"status": "void"})
	expectEvents(t, w.events(t, before), "customer.subscription.updated", "invoice.voided", "payment_intent.canceled")
	w.call(t, 400, http.MethodPost, "/v1/invoices/"+s.text("latest_invoice.id")+"/pay", "")
}

func TestRefunds(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ card, first, later string }{
		{"pm_card_visa", "succeeded", "succeeded"}, {"pm_card_pendingRefund", "pending", "succeeded"}, {"pm_card_refundFail", "succeeded", "failed"},
	} {
		t.Run(test.card, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, stripesim.Config{})
			intent := w.post(t, "/v1/payment_intents", "amount=1000&currency=usd&confirm=true&payment_method="+test.card)
			expect(t, intent, map[string]any{"status": "succeeded"})
			form := "payment_intent=" + intent.text("id")
			w.call(t, 400, http.MethodPost, "/v1/refunds", form+"&amount=1001")
			before := w.lastEvent(t)
			refund := w.post(t, "/v1/refunds", form+"&amount=400")
			expect(t, refund, map[string]any{"status": test.first, "amount": 400})
			expectEvents(t, w.events(t, before), "refund.created", "charge.refunded")
			charge := "/v1/charges/" + intent.text("latest_charge")
			expect(t, w.get(t, charge), map[string]any{"refunded": false, "amount_refunded": 400})
			w.call(t, 400, http.MethodPost, "/v1/refunds", form+"&amount=601")
			w.advance(t, 2*time.Minute)
			expect(t, w.get(t, "/v1/refunds/"+refund.text("id")), map[string]any{"status": test.later})
			w.post(t, "/v1/refunds", form)
			expect(t, w.get(t, charge+"?expand[]=refunds"), map[string]any{"refunded": true, "amount_refunded": 1000, "refunds.data.1.id": refund.text("id")})
			got := w.call(t, 400, http.MethodPost, "/v1/refunds", form)
			expect(t, got.object, map[string]any{"error.code": "charge_already_refunded"})
		})
	}
}

func TestDeletedCustomer(t *testing.T) {
	t.Parallel()
	w := newWorld(t, stripesim.Config{})
	customer := w.customer(t, "pm_card_visa")
	s := w.subscribe(t, customer, "")
	before := w.lastEvent(t)
	w.call(t, 200, http.MethodDelete, "/v1/customers/"+customer, "")
	expectEvents(t, w.events(t, before), "customer.subscription.deleted", "customer.deleted")
	expect(t, w.get(t, "/v1/customers/"+customer), map[string]any{"deleted": true, "email": nil})
	expect(t, w.get(t, "/v1/subscriptions/"+s.text("id")+"?expand[]=customer"), map[string]any{"status": "canceled", "customer.deleted": true, "customer.email": nil})
	w.call(t, 404, http.MethodPost, "/v1/customers/"+customer, "name=Ada")
	w.call(t, 400, http.MethodPost, "/v1/subscriptions", "items[0][price]="+w.price+"&customer="+customer)
}

func TestVoidAndOutOfBand(t *testing.T) {
	t.Parallel()
	w := newWorld(t, stripesim.Config{})
	customer := w.customer(t, "")
	s := w.subscribe(t, customer, "&payment_behavior=default_incomplete")
	invoice := "/v1/invoices/" + s.text("latest_invoice.id")
	expect(t, w.post(t, invoice+"/void", ""), map[string]any{"status": "void"})
	for _, verb := range []string{"/pay", "/void", "/finalize", "/mark_uncollectible"} {
		w.call(t, 400, http.MethodPost, invoice+verb, "")
	}
	intent := s.text("latest_invoice.payments.data.0.payment.payment_intent")
	expect(t, w.get(t, "/v1/payment_intents/"+intent), map[string]any{"status": "canceled", "cancellation_reason": "void_invoice"})

	s = w.subscribe(t, customer, "&payment_behavior=default_incomplete")
	before := w.lastEvent(t)
	got := w.post(t, "/v1/invoices/"+s.text("latest_invoice.id")+"/pay", "paid_out_of_band=true")
	expect(t, got, map[string]any{"status": "paid", "amount_paid_off_stripe": 1999})
	expect(t, w.get(t, "/v1/subscriptions/"+s.text("id")), map[string]any{"status": "active"})
	expectEvents(t, w.events(t, before), "payment_intent.canceled", "invoice.paid", "customer.subscription.updated")
}

func TestPaymentIntents(t *testing.T) {
	t.Parallel()
	w := newWorld(t, stripesim.Config{})
	customer := w.customer(t, "")
	for _, test := range []struct {
		form   string
		status int
		code   string
	}{
		{"amount=49&currency=usd", 400, "amount_too_small"},
		{"amount=100000000&currency=usd", 400, "amount_too_large"},
		{"amount=99999999999999999999&currency=usd", 400, "parameter_invalid_integer"},
		{"amount=500&currency=USD", 400, ""},
		{"amount=500", 400, "parameter_missing"},
		{"amount=500&currency=usd&confirm=true", 400, "payment_intent_unexpected_state"},
		{"amount=500&currency=usd&confirm=true&payment_method=pm_card_visa_chargeDeclined", 402, "card_declined"},
		{"amount=500&currency=usd&confirm=true&off_session=true&payment_method=pm_card_authenticationRequired", 402, "authentication_required"},
		{"amount=500&currency=usd&capture_method=manual", 400, "parameter_unknown"},
	} {
		got := w.call(t, test.status, http.MethodPost, "/v1/payment_intents", test.form)
		if got.text("error.code") != test.code {
			t.Errorf("%s gives %s, want %s", test.form, got.raw, test.code)
		}
	}
	own := w.attach(t, customer, "pm_card_visa")
	w.call(t, 400, http.MethodPost, "/v1/payment_intents", "amount=500&currency=usd&payment_method="+own)
	waiting := w.post(t, "/v1/payment_intents", "amount=500&currency=usd&customer="+customer+"&payment_method="+own)
	expect(t, waiting, map[string]any{"status": "requires_confirmation"})
	expect(t, w.post(t, "/v1/payment_intents/"+waiting.text("id")+"/cancel", "cancellation_reason=abandoned"), map[string]any{"status": "canceled"})
	w.call(t, 400, http.MethodPost, "/v1/payment_intents/"+waiting.text("id")+"/confirm", "")
	saved := w.post(t, "/v1/payment_intents", "amount=500&currency=usd&confirm=true&setup_future_usage=off_session&payment_method=pm_card_visa&customer="+customer)
	expect(t, w.get(t, "/v1/payment_methods/"+saved.text("payment_method")), map[string]any{"customer": customer})
}

func TestLinesAreWrittenInTheirCurrency(t *testing.T) {
	t.Parallel()
	w := newWorld(t, stripesim.Config{})
	for form, want := range map[string]string{
		"currency=usd&unit_amount=1005&recurring[interval]=month":                            "1 × Tea (at $10.05 / month)",
		"currency=jpy&unit_amount=1005&recurring[interval]=year":                             "1 × Tea (at ¥1005 / year)",
		"currency=kwd&unit_amount=1005&recurring[interval]=week&recurring[interval_count]=2": "1 × Tea (at KWD 1.005 / every 2 weeks)",
		"currency=chf&unit_amount=5&recurring[interval]=day&recurring[usage_type]=licensed":  "1 × Tea (at CHF 0.05 / day)",
	} {
		price := w.post(t, "/v1/prices", form+"&product_data[name]=Tea&product_data[metadata][a]=b")
		s := w.post(t, "/v1/subscriptions", "payment_behavior=default_incomplete&expand[]=latest_invoice&items[][price]="+price.text("id")+"&customer="+w.customer(t, ""))
		expect(t, s, map[string]any{"latest_invoice.lines.data.0.description": want})
		expect(t, w.get(t, "/v1/products/"+price.text("product")), map[string]any{"metadata.a": "b"})
	}
}
