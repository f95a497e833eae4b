package stripe_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/numerai-app/payments"
	"github.com/numerai-app/payments/internal/stripe"
)

const customerBody = `{"id":"cus_1","object":"customer","email":"ada@example.com","created":1774500000,"metadata":{"user_id":"42"}}`

// step is one answer of a scripted Stripe.
type step struct {
	status int
	body   string
	header map[string]string
	cut    bool // the connection breaks instead
}

// script answers each request with the next step, the last one for ever, and
// remembers the idempotency keys.
type script struct {
	mu    sync.Mutex
	steps []step
	keys  []string
	date  time.Time // zero: the start
}

func (s *script) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	now := s.steps[min(len(s.keys), len(s.steps)-1)]
	s.keys = append(s.keys, r.Header.Get("Idempotency-Key"))
	s.mu.Unlock()
	if now.cut {
		panic(http.ErrAbortHandler)
	}
	date := start
	if !s.date.IsZero() {
		date = s.date
	}
	w.Header().Set("Date", date.Format(http.TimeFormat))
	for name, value := range now.header {
		w.Header().Set(name, value)
	}
	w.WriteHeader(now.status)
	_, _ = w.Write([]byte(now.body))
}

func failure(status int, code string) step {
	return step{status: status, body: `{"error":{"type":"invalid_request_error","code":"` + code + `","message":"m"}}`}
}

func TestRetries(t *testing.T) {
	t.Parallel()
	ok := step{status: 200, body: customerBody}
	serverError := step{status: 500, body: `{"error":{"type":"api_error","message":"m"}}`}
	for _, test := range []struct {
		name  string
		steps []step
		tries int
		kind  error // nil: it succeeds
	}{
		{"at once", []step{ok}, 1, nil},
		{"500", []step{serverError, ok}, 2, nil},
		{"502 in HTML", []step{{status: 502, body: "<html>"}, ok}, 2, nil},
		{"503 empty", []step{{status: 503}, ok}, 2, nil},
		{"504", []step{{status: 504, body: `{}`}, ok}, 2, nil},
		{"rate limit", []step{failure(429, "rate_limit"), failure(429, "rate_limit"), ok}, 3, nil},
		{"lock timeout", []step{failure(429, "lock_timeout"), ok}, 2, nil},
		{"key in use", []step{failure(409, "idempotency_key_in_use"), ok}, 2, nil},
		{"cut connection", []step{{cut: true}, ok}, 2, nil},
		{"half an answer", []step{{status: 200, body: `{"id":`, header: map[string]string{"Content-Length": "500"}}, ok}, 2, nil},
		{"no JSON", []step{{status: 200, body: `hello`}, ok}, 2, nil},
		{"for ever", []step{serverError}, 4, payments.ErrUnavailable},
		{"for ever without JSON", []step{{status: 503}}, 4, payments.ErrUnavailable},
		{
			"Stripe says no",
			[]step{{status: 500, body: serverError.body, header: map[string]string{"Stripe-Should-Retry": "false"}}, ok},
			1, payments.ErrUnavailable,
		},
		{
			"a replayed failure",
			[]step{{status: 500, body: serverError.body, header: map[string]string{"Idempotent-Replayed": "true"}}, ok},
			1, payments.ErrUnavailable,
		},
		{"a refusal is no failure", []step{failure(404, "resource_missing"), ok}, 1, payments.ErrNotFound},
		{"a redirect", []step{{status: 302, header: map[string]string{"Location": "https://elsewhere.example/"}}}, 1, payments.ErrUnavailable},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			answers := &script{steps: test.steps}
			client := newFake(t, answers)
			made, _, err := client.CreateCustomer(t.Context(), "the key", payments.User{ID: "42"})
			switch {
			case test.kind == nil && err != nil:
				t.Fatal(err)
			case test.kind == nil && made.ID != "cus_1":
				t.Errorf("made %+v", made)
			case test.kind != nil && !errors.Is(err, test.kind):
				t.Errorf("error is %v, want %v", err, test.kind)
			}
			if want := slices.Repeat([]string{"the key"}, test.tries); !cmp.Equal(want, answers.keys) {
				t.Errorf("tries had the keys %q, want %q", answers.keys, want)
			}
		})
	}
}

func TestRetryWaits(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name   string
		random float64
		took   time.Duration // of each try
		want   []time.Duration
	}{
		{"longest", 0, 0, []time.Duration{500, 1000, 2000, 4000, 5000}},
		{"shortest", 1, 0, []time.Duration{250, 500, 1000, 2000, 2500}},
		{"out of time", 0, 9 * time.Second, []time.Duration{500, 1000}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			var mu sync.Mutex
			now := start
			var waits []time.Duration
			client := newFake(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				mu.Lock()
				defer mu.Unlock()
				now = now.Add(test.took)
				w.WriteHeader(http.StatusServiceUnavailable)
			}), func(c *stripe.Config) {
				c.MaxAttempts = 6
				c.Random = func() float64 { return test.random }
				c.Now = func() time.Time { mu.Lock(); defer mu.Unlock(); return now }
				c.Sleep = func(_ context.Context, d time.Duration) error {
					mu.Lock()
					defer mu.Unlock()
					now, waits = now.Add(d), append(waits, d/time.Millisecond)
					return nil
				}
			})
			_, err := client.Read(t.Context(), payments.Ref{Kind: payments.KindCustomer, ID: "cus_1"})
			if !errors.Is(err, payments.ErrUnavailable) {
				t.Errorf("error is %v, want ErrUnavailable", err)
			}
			if diff := cmp.Diff(test.want, waits); diff != "" {
				t.Errorf("waits in ms differ (-want +got):\n%s", diff)
			}
		})
	}
}

// TestRetryEndsWithItsCaller: nothing is tried for somebody who left.
func TestRetryEndsWithItsCaller(t *testing.T) {
	t.Parallel()
	answers := &script{steps: []step{{status: 503}}}
	ctx, cancel := context.WithCancel(t.Context())
	client := newFake(t, answers, func(c *stripe.Config) {
		c.Sleep = func(ctx context.Context, _ time.Duration) error {
			cancel()
			return ctx.Err()
		}
	})
	_, err := client.Read(ctx, payments.Ref{Kind: payments.KindCustomer, ID: "cus_1"})
	if !errors.Is(err, payments.ErrUnavailable) || len(answers.keys) != 1 {
		t.Errorf("%d tries, error %v", len(answers.keys), err)
	}
}

// TestTimeout: a Stripe that never answers is given up, and the cause is told.
func TestTimeout(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	hang := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release }))
	t.Cleanup(hang.Close)
	t.Cleanup(func() { close(release) })
	client := newClient(t, hang.URL, func(c *stripe.Config) { c.Timeout, c.MaxAttempts = time.Millisecond, 2 })
	_, err := client.Read(t.Context(), payments.Ref{Kind: payments.KindCustomer, ID: "cus_1"})
	if !errors.Is(err, payments.ErrUnavailable) || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error is %v, want ErrUnavailable for the deadline", err)
	}
}

// TestAsOf: an answer was surely true when its request was sent, and Stripe's
// Date is of when it answered.
func TestAsOf(t *testing.T) {
	t.Parallel()
	stripeTime := time.Date(2030, 1, 1, 0, 0, 10, 0, time.UTC) // not ours
	for _, test := range []struct {
		took time.Duration
		want time.Time
	}{
		{0, stripeTime},
		{time.Millisecond, stripeTime.Add(-time.Second)},
		{2500 * time.Millisecond, stripeTime.Add(-3 * time.Second)},
	} {
		var mu sync.Mutex
		now := start
		answers := &script{steps: []step{{status: 503}, {status: 200, body: customerBody}}, date: stripeTime}
		client := newFake(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			mu.Lock()
			now = now.Add(test.took)
			mu.Unlock()
			answers.ServeHTTP(w, r)
		}), func(c *stripe.Config) { c.Now = func() time.Time { mu.Lock(); defer mu.Unlock(); return now } })
		news, err := client.Read(t.Context(), payments.Ref{Kind: payments.KindCustomer, ID: "cus_1"})
		if err != nil {
			t.Fatal(err)
		}
		want := payments.News{AsOf: test.want, Read: true, Objects: []payments.Object{
			&payments.StripeCustomer{ID: "cus_1", Email: "ada@example.com", UserID: "42"},
		}}
		if diff := cmp.Diff(want, news); diff != "" {
			t.Errorf("news of a call of %v differ (-want +got):\n%s", test.took, diff)
		}
	}
}

// roundTripper answers without a network.
type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// TestDefaults: left alone, a client waits on real timers, and gives up when
// its tries are used up.
func TestDefaults(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		tries := 0
		client, err := stripe.New(stripe.Config{SecretKey: testKey, HTTPClient: &http.Client{
			Transport: roundTripper(func(*http.Request) (*http.Response, error) {
				tries++
				return nil, errors.New("connection refused")
			}),
		}})
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		_, err = client.Read(t.Context(), payments.Ref{Kind: payments.KindCustomer, ID: "cus_1"})
		if !errors.Is(err, payments.ErrUnavailable) || !strings.Contains(err.Error(), "connection refused") {
			t.Errorf("error is %v, want ErrUnavailable with its cause", err)
		}
		if waited := time.Since(began); tries != 4 || waited < 1750*time.Millisecond || waited > 3500*time.Millisecond {
			t.Errorf("%d tries in %v", tries, waited)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		began = time.Now()
		_, err = client.Read(ctx, payments.Ref{Kind: payments.KindCustomer, ID: "cus_1"})
		if waited := time.Since(began); !errors.Is(err, payments.ErrUnavailable) || waited != 100*time.Millisecond {
			t.Errorf("a caller with a deadline waited %v and got %v", waited, err)
		}
	})
}

// TestHugeAnswer: no answer fills the memory.
func TestHugeAnswer(t *testing.T) {
	t.Parallel()
	tries := 0
	client := newClient(t, "http://stripe.test", func(c *stripe.Config) {
		c.HTTPClient = &http.Client{Transport: roundTripper(func(*http.Request) (*http.Response, error) {
			tries++
			return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(endless{})}, nil
		})}
	})
	_, err := client.Read(t.Context(), payments.Ref{Kind: payments.KindCustomer, ID: "cus_1"})
	if !errors.Is(err, payments.ErrUnavailable) || tries != 1 {
		t.Errorf("%d tries, error %v", tries, err)
	}
}

type endless struct{}

func (endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = ' '
	}
	return len(p), nil
}

func TestLongKey(t *testing.T) {
	t.Parallel()
	answers := &script{steps: []step{{status: 200, body: customerBody}}}
	_, _, err := newFake(t, answers).CreateCustomer(t.Context(), strings.Repeat("k", 256), payments.User{ID: "42"})
	var known *payments.Error
	if err == nil || errors.As(err, &known) || len(answers.keys) != 0 {
		t.Errorf("%d tries, error %v, want a plain one and none", len(answers.keys), err)
	}
}
