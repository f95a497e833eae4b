// Package stripe is the way to Stripe: it implements [payments.Stripe] over
// stripe-go, and is the only package that knows Stripe's names, shapes and
// habits.
//
// Everything that Stripe says, in a webhook or as the answer to a call, goes
// through one reader of JSON (normalise) into the domain's types. It knows the
// shapes from before and since 2025-03-31, so an event that was rendered in an
// old version of the API gives the same value as an answer in the version that
// the SDK pins. The SDK's own structs are not used for that: they fit one
// version, and do not tell null from 0.
//
// Every call goes through one function (call), which repeats what is worth
// repeating with the same idempotency key, and turns Stripe's errors into the
// domain's. An answer carries the moment at which it was surely true, by
// Stripe's clock; an answer that Stripe replayed for a key that it had seen
// says what was true the first time, and is replaced by a read.
package stripe

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/numerai-app/payments"
	stripego "github.com/stripe/stripe-go/v85"
	"golang.org/x/time/rate"
)

// APIVersion is the version of Stripe's API that calls are made in, and that a
// webhook endpoint made by [Client.Setup] is pinned to.
const APIVersion = stripego.APIVersion

// Config says how to reach Stripe. Only SecretKey is required.
type Config struct {
	// SecretKey is sk_test_…, sk_live_… or a restricted rk_… key. It decides
	// the mode, test or live.
	SecretKey string
	// APIBase is where Stripe is. Empty: https://api.stripe.com. A live key
	// goes over https only.
	APIBase string
	// WebhookSecrets are the whsec_… secrets of which one must have signed an
	// event; two while one is being rolled. Without any, no event is taken.
	WebhookSecrets []string
	// HTTPClient makes the calls; its redirects and its Timeout are not used.
	// Default: one that keeps connections to Stripe open.
	HTTPClient *http.Client
	// Wrap stands between the client and the wire, at each try of a call.
	// Default: nothing does.
	Wrap func(http.RoundTripper) http.RoundTripper
	// Logger is told of each call (debug) and of each repetition (warning),
	// never of a body or a secret. Default: nobody is.
	Logger *slog.Logger
	// OnCall is told of each try of a call. Default: nobody is.
	OnCall func(Call)
	// Now is real time: signatures are checked against it and the duration of
	// calls is measured with it. Default: time.Now.
	Now func() time.Time
	// Rate is how many calls a second a process makes. Calls that somebody
	// waits for are made at once all the same, and those of [Client.Patient]
	// wait the longer. Default: 15 in test mode, 60 in live mode.
	Rate float64
	// MaxAttempts is how often a call is tried in all. Default: 4.
	MaxAttempts int
	// Timeout bounds each try. Default: 20 seconds.
	Timeout time.Duration
	// RetryBudget is the time since its first try after which a call is not
	// tried again. Default: 20 seconds.
	RetryBudget time.Duration
	// Sleep waits between tries; it returns early, with the context's error,
	// when that is done. Default: a timer.
	Sleep func(ctx context.Context, d time.Duration) error
	// Random gives numbers in [0,1), which spread repetitions of many clients
	// in time. Default: math/rand.
	Random func() float64
}

// The defaults of [Config].
const (
	defaultAttempts    = 4
	defaultTimeout     = 20 * time.Second
	defaultRetryBudget = 20 * time.Second
)

// Client calls Stripe and reads its events. It is safe for concurrent use.
type Client struct {
	key            string
	livemode       bool
	webhookSecrets []string
	backend        stripego.Backend
	log            *slog.Logger
	now            func() time.Time
	retry          retryPolicy
	onCall         func(Call)
	pace           *rate.Limiter
	waiting        *atomic.Int64 // calls that wait for their turn
	patient        bool          // see Patient
}

var _ payments.Stripe = (*Client)(nil)

// New makes a client. It refuses, without repeating it, a key that is not a
// secret key, an address that is not one, and a live key over plain http.
func New(c Config) (*Client, error) {
	livemode, err := modeOf(c.SecretKey)
	if err != nil {
		return nil, err
	}
	base, err := checkBase(c.APIBase, livemode)
	if err != nil {
		return nil, err
	}
	for _, secret := range c.WebhookSecrets {
		if strings.TrimSpace(secret) == "" {
			return nil, errors.New("a webhook secret is empty")
		}
	}
	c.setDefaults(livemode)
	client := &Client{
		key: c.SecretKey, livemode: livemode, webhookSecrets: c.WebhookSecrets, log: c.Logger, now: c.Now,
		onCall: c.OnCall, pace: newPace(c.Rate), waiting: new(atomic.Int64),
		retry: retryPolicy{
			attempts: c.MaxAttempts, timeout: c.Timeout, budget: c.RetryBudget,
			sleep: c.Sleep, random: c.Random, now: c.Now,
		},
	}
	client.backend = stripego.GetBackendWithConfig(stripego.APIBackend, &stripego.BackendConfig{
		EnableTelemetry:   stripego.Bool(false),
		HTTPClient:        boundedClient(c.HTTPClient, c.Wrap),
		LeveledLogger:     silent{},
		MaxNetworkRetries: stripego.Int64(0),
		URL:               stripego.String(base),
	})
	return client, nil
}

func (c *Config) setDefaults(livemode bool) {
	switch {
	case c.Rate > 0:
	case livemode:
		c.Rate = defaultLiveRate
	default:
		c.Rate = defaultTestRate
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.OnCall == nil {
		c.OnCall = func(Call) {}
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.MaxAttempts <= 0 {
		c.MaxAttempts = defaultAttempts
	}
	if c.Timeout <= 0 {
		c.Timeout = defaultTimeout
	}
	if c.RetryBudget <= 0 {
		c.RetryBudget = defaultRetryBudget
	}
	if c.Sleep == nil {
		c.Sleep = sleep
	}
	if c.Random == nil {
		c.Random = rand.Float64
	}
}

// Livemode says whether the key is of live mode, in which money is real.
func (c *Client) Livemode() bool { return c.livemode }

// modeOf reads the mode from a key's prefix.
func modeOf(key string) (livemode bool, err error) {
	for _, prefix := range []string{"sk_", "rk_"} {
		rest, ok := strings.CutPrefix(key, prefix)
		switch {
		case ok && strings.HasPrefix(rest, "test_"):
			return false, nil
		case ok && strings.HasPrefix(rest, "live_"):
			return true, nil
		}
	}
	return false, errors.New("the secret key of Stripe begins with none of sk_test_, sk_live_, rk_test_ and rk_live_")
}

func checkBase(base string, livemode bool) (string, error) {
	if base == "" {
		return stripego.APIURL, nil
	}
	parsed, err := url.Parse(base)
	switch {
	case err != nil, parsed.Host == "", parsed.Scheme != "http" && parsed.Scheme != "https":
		return "", errors.New("the address of Stripe's API is not an http or https URL")
	case parsed.User != nil, parsed.RawQuery != "", parsed.Fragment != "":
		return "", errors.New("the address of Stripe's API must not have a user, a query or a fragment")
	case livemode && parsed.Scheme != "https":
		return "", fmt.Errorf("a live key goes over https only, not to %s", parsed.Host)
	}
	return base, nil
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// silent keeps the SDK from logging: at its debug level it would write whole
// answers, with client secrets in them. What people should know of a call is
// logged by this package.
type silent struct{}

func (silent) Debugf(context.Context, string, ...any) {}
func (silent) Errorf(context.Context, string, ...any) {}
func (silent) Infof(context.Context, string, ...any)  {}
func (silent) Warnf(context.Context, string, ...any)  {}
