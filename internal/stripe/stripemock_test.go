package stripe_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/numerai-app/payments"
	"github.com/numerai-app/payments/internal/stripe"
	"github.com/stripe/stripe-mock/embedded"
	"github.com/stripe/stripe-mock/server"
)

// stripeMock is Stripe's own stand-in, built once: it refuses every path and
// parameter that Stripe's description of its API does not have.
var stripeMock = sync.OnceValues(func() (http.Handler, error) {
	spec, err := server.LoadSpec(embedded.OpenAPISpec, "")
	if err != nil {
		return nil, err
	}
	fixtures, err := server.LoadFixtures(embedded.OpenAPIFixtures, "")
	if err != nil {
		return nil, err
	}
	stub, err := server.NewStubServer(fixtures, spec, false, false)
	if err != nil {
		return nil, err
	}
	return http.HandlerFunc(stub.HandleRequest), nil
})

// The one webhook endpoint that stripe-mock lists.
const (
	mockEndpoint = "we_1Pgc6yB7WZ01zgkWzAudq4eU"
	mockURL      = "https://example.com/my/webhook/endpoint"
)

// recorder remembers the requests that went through, with their answers' status.
type recorder struct {
	handler http.Handler
	empty   string
	mu      sync.Mutex
	seen    map[string]int
}

func (r *recorder) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	status := &statusWriter{ResponseWriter: w, status: http.StatusOK}
	if q.Method+" "+q.URL.Path == r.empty {
		_, _ = io.WriteString(status, list(false))
	} else {
		r.handler.ServeHTTP(status, q)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.seen[q.Method+" "+q.URL.Path] = status.status
}

type statusWriter struct {
	http.ResponseWriter
	status int
}

func (w *statusWriter) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

// TestRequestsAreKnownToStripe sends every kind of request that we make, with
// all its parameters, to stripe-mock. Its answers are canned, and some lack
// what we ask for; that the request was taken is what counts.
func TestRequestsAreKnownToStripe(t *testing.T) {
	t.Parallel()
	mock, err := stripeMock()
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name string
		want []string // requests that must have been answered 200
		// empty is a list that is to be empty; stripe-mock's always have an element.
		empty string
		call  func(c *stripe.Client) error
	}{
		{"attach a payment method", []string{"POST /v1/payment_methods/pm_1/attach"}, "", func(c *stripe.Client) error {
			_, err := c.AttachPaymentMethod(t.Context(), "key", "pm_1", "cus_1")
			return err
		}},
		{"cancel a subscription", []string{"DELETE /v1/subscriptions/sub_1"}, "", func(c *stripe.Client) error {
			_, err := c.CancelSubscription(t.Context(), "key", "sub_1")
			return err
		}},
		{"create a customer", []string{"POST /v1/customers"}, "", func(c *stripe.Client) error {
			_, _, err := c.CreateCustomer(t.Context(), "key", payments.User{ID: "42", Email: "ada@example.com", Name: "Ada"})
			return err
		}},
		{"create a subscription", []string{"POST /v1/subscriptions"}, "", func(c *stripe.Client) error {
			_, err := c.CreateSubscription(t.Context(), "key", payments.NewSubscription{
				CustomerID: "cus_1", UserID: "42", Price: "price_1", Quantity: 2, PaymentMethodID: "pm_1", TrialDays: 7,
			})
			return err
		}},
		{"create a subscription without a payment method", []string{"POST /v1/subscriptions"}, "", func(c *stripe.Client) error {
			_, err := c.CreateSubscription(t.Context(), "key", payments.NewSubscription{CustomerID: "cus_1", UserID: "42", Price: "price_1"})
			return err
		}},
		{"pay an invoice", []string{"POST /v1/invoices/in_1/pay"}, "", func(c *stripe.Client) error {
			return c.PayInvoice(t.Context(), "key", "in_1", "pm_1")
		}},
		{"prices", []string{"GET /v1/prices/price_1"}, "", func(c *stripe.Client) error {
			_, err := c.Prices(t.Context(), []string{"price_1"})
			return err
		}},
		{"read a charge", []string{"GET /v1/charges/ch_1", "GET /v1/refunds"}, "", read("charge", "ch_1")},
		{"read a customer", []string{"GET /v1/customers/cus_1"}, "", read("customer", "cus_1")},
		{"read an invoice", []string{"GET /v1/invoices/in_1"}, "", read("invoice", "in_1")},
		{"read an invoice payment", []string{"GET /v1/invoice_payments/inpay_1"}, "", read("invoice_payment", "inpay_1")},
		{"read a payment intent", []string{"GET /v1/payment_intents/pi_1", "GET /v1/invoice_payments"}, "", read("payment_intent", "pi_1")},
		{"read a refund", []string{"GET /v1/refunds/re_1"}, "", read("refund", "re_1")},
		{"read a subscription", []string{"GET /v1/subscriptions/sub_1"}, "", read("subscription", "sub_1")},
		{"read a subscription to pay it", []string{"GET /v1/subscriptions/sub_1"}, "", func(c *stripe.Client) error {
			_, err := c.ReadSubscription(t.Context(), "sub_1")
			return err
		}},
		{"set the default payment method", []string{"POST /v1/subscriptions/sub_1"}, "", func(c *stripe.Client) error {
			return c.SetDefaultPaymentMethod(t.Context(), "key", "sub_1", "pm_1")
		}},
		{"subscriptions of a customer", []string{"GET /v1/subscriptions"}, "", func(c *stripe.Client) error {
			_, err := c.SubscriptionsOf(t.Context(), "cus_1")
			return err
		}},
		{"void an invoice", []string{"POST /v1/invoices/in_1/void"}, "", func(c *stripe.Client) error {
			_, err := c.VoidInvoice(t.Context(), "key", "in_1")
			return err
		}},
		{"set up again", []string{"GET /v1/webhook_endpoints", "POST /v1/webhook_endpoints/" + mockEndpoint}, "", func(c *stripe.Client) error {
			_, err := c.Setup(t.Context(), stripe.Setup{WebhookURL: mockURL})
			return err
		}},
		{"set up with a new secret", []string{"DELETE /v1/webhook_endpoints/" + mockEndpoint, "POST /v1/webhook_endpoints"}, "", func(c *stripe.Client) error {
			_, err := c.Setup(t.Context(), stripe.Setup{WebhookURL: mockURL, RenewWebhook: true})
			return err
		}},
		{"set up an empty account", []string{"POST /v1/prices"}, "GET /v1/prices", func(c *stripe.Client) error {
			_, err := c.Setup(t.Context(), stripe.Setup{Plans: []stripe.PlanSetup{{PlanID: "basic", Name: "Basic", Amount: 999, Currency: "usd"}}})
			return err
		}},
		{
			"set up",
			[]string{"GET /v1/prices", "POST /v1/prices", "GET /v1/webhook_endpoints", "POST /v1/webhook_endpoints"},
			"",
			func(c *stripe.Client) error {
				_, err := c.Setup(t.Context(), stripe.Setup{
					Plans:      []stripe.PlanSetup{{PlanID: "basic", Name: "Basic", Amount: 999, Currency: "usd"}},
					WebhookURL: "https://example.com/webhook/", EndpointName: "main",
				})
				return err
			},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			recorded := &recorder{handler: mock, empty: test.empty, seen: map[string]int{}}
			fake := httptest.NewServer(recorded)
			t.Cleanup(fake.Close)
			client := newClient(t, fake.URL)
			err := test.call(client)
			t.Logf("requests %v, error %v", recorded.seen, err)
			if errors.Is(err, payments.ErrUnavailable) || errors.Is(err, payments.ErrInvalid) {
				t.Errorf("the call failed: %v", err)
			}
			for _, request := range test.want {
				if status := recorded.seen[request]; status != http.StatusOK {
					t.Errorf("%s was answered %d, want 200", request, status)
				}
			}
			for request, status := range recorded.seen {
				if status != http.StatusOK {
					t.Errorf("%s was answered %d, want 200", request, status)
				}
			}
		})
	}
}

func read(kind payments.ObjectKind, id string) func(*stripe.Client) error {
	return func(c *stripe.Client) error {
		_, err := c.Read(context.Background(), payments.Ref{Kind: kind, ID: id})
		return err
	}
}
