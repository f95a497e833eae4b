package stripe_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/numerai-app/payments"
	"github.com/numerai-app/payments/internal/stripe"
	"github.com/numerai-app/payments/stripesim"
)

// account is an account of an offline Stripe with one plan in it.
type account struct {
	*stripe.Client
	url      string
	price    string
	customer string
	events   chan payments.Event
}

// newAccount sets up an account with a customer and, as a real one would be,
// with an endpoint that takes events only if they verify.
func newAccount(t *testing.T) *account {
	t.Helper()
	sim, err := stripesim.New(stripesim.Config{})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(sim)
	t.Cleanup(server.Close)
	t.Cleanup(func() {
		if err := sim.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	a := &account{url: server.URL, events: make(chan payments.Event, 1000)}
	secrets := make(chan string, 1)
	hook := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		secret := <-secrets
		secrets <- secret
		body, _ := io.ReadAll(r.Body)
		event, err := a.client(t, secret).VerifyEvent(body, r.Header.Get("Stripe-Signature"))
		if err != nil {
			t.Errorf("an event does not verify: %v", err)
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		a.events <- event
	}))
	t.Cleanup(hook.Close)
	a.Client = a.client(t, testSecret)
	setup := stripe.Setup{
		Plans:      []stripe.PlanSetup{{PlanID: "premium", Name: "Premium", Amount: 1999, Currency: "usd"}},
		WebhookURL: hook.URL, EndpointName: "main",
	}
	first, err := a.Setup(t.Context(), setup)
	if err != nil {
		t.Fatal(err)
	}
	second, err := a.Setup(t.Context(), setup)
	if err != nil {
		t.Fatal(err)
	}
	if first.WebhookSecret == "" || second.WebhookSecret != "" || !cmp.Equal(first.Prices, second.Prices) {
		t.Fatalf("set up twice: %v, then %v", first.Prices, second.Prices)
	}
	secrets <- first.WebhookSecret
	a.price = first.Prices["premium"]
	made, _, err := a.CreateCustomer(t.Context(), "customer", payments.User{ID: "42", Email: "ada@example.com"})
	if err != nil {
		t.Fatal(err)
	}
	a.customer = made.ID
	return a
}

func (a *account) client(t *testing.T, secret string) *stripe.Client {
	t.Helper()
	client, err := stripe.New(stripe.Config{SecretKey: testKey, APIBase: a.url, WebhookSecrets: []string{secret}})
	if err != nil {
		t.Fatal(err)
	}
	return client
}

// subscribe opens a subscription, paid by a test card unless that is empty.
func (a *account) subscribe(t *testing.T, key, card string) payments.SubscriptionAnswer {
	t.Helper()
	asked := payments.NewSubscription{CustomerID: a.customer, UserID: "42", Price: a.price, Quantity: 1}
	if card != "" {
		var err error
		if asked.PaymentMethodID, err = a.AttachPaymentMethod(t.Context(), key+" attach", card, a.customer); err != nil {
			t.Fatal(err)
		}
	}
	answer, err := a.CreateSubscription(t.Context(), key, asked)
	if err != nil {
		t.Fatal(err)
	}
	return answer
}

func TestSimulatedSubscription(t *testing.T) {
	t.Parallel()
	a := newAccount(t)
	answer := a.subscribe(t, "subscribe", "pm_card_visa")
	if answer.Subscription.Status != payments.StatusActive || answer.ClientSecret != "" ||
		answer.Invoice.Status != payments.InvoicePaid || answer.PaymentIntent.Status != payments.IntentSucceeded {
		t.Fatalf("answer is %+v %+v %+v", answer.Subscription, answer.Invoice, answer.PaymentIntent)
	}
	again := a.subscribe(t, "subscribe", "pm_card_visa")
	if diff := cmp.Diff(answer.News.Objects, again.News.Objects); diff != "" {
		t.Errorf("the same key gives another answer (-first +again):\n%s", diff)
	}
	for _, object := range answer.News.Objects {
		news, err := a.Read(t.Context(), object.Ref())
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(object, news.Objects[0]); diff != "" {
			t.Errorf("a read of %s gives another value (-answer +read):\n%s", object.Ref().ID, diff)
		}
	}
	news, err := a.SubscriptionsOf(t.Context(), a.customer)
	if err != nil {
		t.Fatal(err)
	}
	if want := answer.Subscription.ID + " " + answer.Invoice.ID; refs(news) != want {
		t.Errorf("the customer has %q, want %q", refs(news), want)
	}
	a.expectEvents(t, "customer.subscription.created", "invoice.paid", "invoice.payment_succeeded",
		"payment_intent.succeeded", "invoice_payment.paid")
}

// expectEvents waits until events of all these types came, and decodes them:
// each says of its object what a read says.
func (a *account) expectEvents(t *testing.T, types ...string) {
	t.Helper()
	missing := slices.Clone(types)
	deadline := time.After(30 * time.Second)
	for len(missing) > 0 {
		select {
		case <-deadline:
			t.Fatalf("no events of %v", missing)
		case event := <-a.events:
			missing = slices.DeleteFunc(missing, func(name string) bool { return name == event.Type })
			news, err := a.DecodeEvent(event.Payload)
			if err != nil {
				t.Errorf("decode %s: %v", event.Type, err)
				continue
			}
			read, err := a.Read(t.Context(), news.Objects[0].Ref())
			if err != nil {
				t.Fatal(err)
			}
			said, now := news.Objects[0], read.Objects[0]
			if intent, ok := now.(*payments.StripePaymentIntent); ok { // its events do not name its invoice
				intent.Invoice, intent.InvoiceKnown = "", false
			}
			if diff := cmp.Diff(said, now); diff != "" {
				t.Errorf("%s says otherwise than a read (-event +read):\n%s", event.Type, diff)
			}
		}
	}
}

func TestSimulatedDecline(t *testing.T) {
	t.Parallel()
	a := newAccount(t)
	answer := a.subscribe(t, "subscribe", "pm_card_chargeCustomerFail")
	intent := answer.PaymentIntent
	if answer.Subscription.Status != payments.StatusIncomplete || intent.Status != payments.IntentRequiresPaymentMethod ||
		intent.FailureCode != "card_declined" || intent.FailureMessage == "" {
		t.Fatalf("answer is %+v %+v", answer.Subscription, intent)
	}
	for _, card := range []struct {
		token string
		want  error
	}{{"pm_card_visa_chargeDeclinedLostCard", payments.ErrDeclined}, {"pm_unknown", payments.ErrInvalid}} {
		_, err := a.AttachPaymentMethod(t.Context(), card.token, card.token, a.customer)
		if !errors.Is(err, card.want) || strings.Contains(err.Error(), "_secret_") {
			t.Errorf("attaching %s gives %v, want %v", card.token, err, card.want)
		}
	}
	good, err := a.AttachPaymentMethod(t.Context(), "good", "pm_card_visa", a.customer)
	if err != nil {
		t.Fatal(err)
	}
	if err := a.SetDefaultPaymentMethod(t.Context(), "default", answer.Subscription.ID, good); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"pay", "pay again"} { // the second finds it paid
		if err := a.PayInvoice(t.Context(), key, answer.Invoice.ID, good); err != nil {
			t.Errorf("%s: %v", key, err)
		}
	}
	paid, err := a.ReadSubscription(t.Context(), answer.Subscription.ID)
	if err != nil {
		t.Fatal(err)
	}
	if paid.Subscription.Status != payments.StatusActive || paid.PaymentIntent.ID != intent.ID || paid.ClientSecret != "" {
		t.Errorf("after paying: %+v %+v", paid.Subscription, paid.PaymentIntent)
	}
}

func TestSimulatedBrowserAndEnd(t *testing.T) {
	t.Parallel()
	a := newAccount(t)
	for _, card := range []string{"", "pm_card_authenticationRequired"} {
		answer := a.subscribe(t, "subscribe"+card, card)
		if answer.Subscription.Status != payments.StatusIncomplete || answer.ClientSecret == "" || answer.PaymentIntent == nil {
			t.Fatalf("with the card %q: %+v", card, answer)
		}
		want := payments.IntentRequiresPaymentMethod
		if card != "" {
			want = payments.IntentRequiresAction
		}
		if answer.PaymentIntent.Status != want {
			t.Errorf("with the card %q the payment intent is %s, want %s", card, answer.PaymentIntent.Status, want)
		}
		for _, key := range []string{"once", "twice"} {
			voided, err := a.VoidInvoice(t.Context(), key+card, answer.Invoice.ID)
			if err != nil {
				t.Fatal(err)
			}
			if voided.Objects[0].(*payments.StripeInvoice).Status != payments.InvoiceVoid {
				t.Errorf("voided %s: %+v", key, voided.Objects[0])
			}
			ended, err := a.CancelSubscription(t.Context(), key+card, answer.Subscription.ID)
			if err != nil {
				t.Fatal(err)
			}
			if !ended.Objects[0].(*payments.StripeSubscription).Status.Ended() {
				t.Errorf("canceled %s: %+v", key, ended.Objects[0])
			}
		}
	}
	news, err := a.SubscriptionsOf(t.Context(), a.customer)
	if err != nil || len(news.Objects) != 0 {
		t.Errorf("the customer has %q, error %v", refs(news), err)
	}
}
