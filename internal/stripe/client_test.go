package stripe_test

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/numerai-app/payments/internal/stripe"
)

const (
	testKey    = "sk_test_123"
	testSecret = "whsec_test"
)

// start is when the tests' real time begins.
var start = time.Date(2026, 3, 26, 12, 0, 0, 0, time.UTC)

// newClient is a client of the Stripe at an address, for which no time passes.
func newClient(t *testing.T, base string, change ...func(*stripe.Config)) *stripe.Client {
	t.Helper()
	config := stripe.Config{
		SecretKey: testKey, APIBase: base, WebhookSecrets: []string{testSecret},
		Logger: slog.New(slog.DiscardHandler),
		Now:    func() time.Time { return start },
		Sleep:  func(context.Context, time.Duration) error { return nil },
		Random: func() float64 { return 0 },
	}
	for _, f := range change {
		f(&config)
	}
	client, err := stripe.New(config)
	if err != nil {
		t.Fatal(err)
	}
	return client
}

// newFake is a client of a Stripe that answers as the handler does.
func newFake(t *testing.T, handler http.Handler, change ...func(*stripe.Config)) *stripe.Client {
	t.Helper()
	fake := httptest.NewServer(handler)
	t.Cleanup(fake.Close)
	return newClient(t, fake.URL, change...)
}

func TestNew(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name     string
		config   stripe.Config
		fault    string // empty: none
		livemode bool
	}{
		{name: "test", config: stripe.Config{SecretKey: "sk_test_1"}},
		{name: "restricted live", config: stripe.Config{SecretKey: "rk_live_1"}, livemode: true},
		{name: "live over https", config: stripe.Config{SecretKey: "sk_live_1", APIBase: "https://proxy.example"}, livemode: true},
		{name: "live over http", config: stripe.Config{SecretKey: "sk_live_1", APIBase: "http://proxy.example"}, fault: "https only"},
		{name: "test over http", config: stripe.Config{SecretKey: "sk_test_1", APIBase: "http://127.0.0.1:1"}},
		{name: "no key", fault: "secret key"},
		{name: "publishable key", config: stripe.Config{SecretKey: "pk_test_hidden"}, fault: "secret key"},
		{name: "no URL", config: stripe.Config{SecretKey: "sk_test_1", APIBase: "stripe"}, fault: "URL"},
		{name: "URL with a user", config: stripe.Config{SecretKey: "sk_test_1", APIBase: "https://a:hidden@stripe.example"}, fault: "user"},
		{name: "an empty secret", config: stripe.Config{SecretKey: "sk_test_1", WebhookSecrets: []string{"whsec_1", " "}}, fault: "webhook secret"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			client, err := stripe.New(test.config)
			switch {
			case test.fault == "" && err != nil:
				t.Fatal(err)
			case test.fault == "":
				if client.Livemode() != test.livemode {
					t.Errorf("live mode is %v, want %v", client.Livemode(), test.livemode)
				}
			case err == nil || !strings.Contains(err.Error(), test.fault):
				t.Errorf("error is %v, want one about %q", err, test.fault)
			case strings.Contains(err.Error(), "hidden"):
				t.Errorf("error tells a secret: %v", err)
			}
		})
	}
}

func fixedNow() time.Time { return start }

func containsFold(text, part string) bool { return strings.Contains(strings.ToLower(text), part) }
