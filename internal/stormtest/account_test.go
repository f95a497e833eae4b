package stormtest

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/numerai-app/payments/internal/stripe"
	"github.com/numerai-app/payments/stripesim"
)

const (
	// callRate is how many calls a second Stripe answers in test mode.
	callRate = 25
	// declining is one of how many subscribers whose card is declined when they
	// are to pay again.
	declining = 20
	// callers is how many calls are made at a time while the account is filled.
	callers = 8
)

// account is an offline Stripe with many subscribers.
type account struct {
	sim    *stripesim.Simulator
	url    string
	prices [3]string
	served *calls     // what the server asks
	sent   *deliverer // what it is told

	endpoint, secret string // where events go, and what signs them
	keys             atomic.Int64
}

// calls counts those of one secret key.
type calls struct {
	mu sync.Mutex
	of map[string]int // by method and resource
	// limited is how many were answered 429.
	limited int
}

func (c *calls) reset() {
	c.mu.Lock()
	defer c.mu.Unlock()
	clear(c.of)
	c.limited = 0
}

func (c *calls) counted() map[string]int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return maps.Clone(c.of)
}

// deliverer counts how events are answered.
type deliverer struct {
	http.RoundTripper

	mu       sync.Mutex
	statuses map[int]int
	last     time.Time // when the last one was taken
}

// RoundTrip implements [http.RoundTripper].
func (d *deliverer) RoundTrip(r *http.Request) (*http.Response, error) {
	response, err := d.RoundTripper.RoundTrip(r)
	d.mu.Lock()
	defer d.mu.Unlock()
	if err != nil {
		d.statuses[0]++
		return nil, err
	}
	if d.statuses[response.StatusCode]++; response.StatusCode == http.StatusOK {
		d.last = time.Now()
	}
	return response, nil
}

func (d *deliverer) reset() {
	d.mu.Lock()
	defer d.mu.Unlock()
	clear(d.statuses)
}

func (d *deliverer) counted() map[int]int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return maps.Clone(d.statuses)
}

// serverKey is the secret key of the server under test.
const serverKey = "sk_test_process"

func newAccount(t *testing.T) *account {
	t.Helper()
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = 64
	a := &account{served: &calls{of: map[string]int{}}, sent: &deliverer{RoundTripper: transport, statuses: map[int]int{}}}
	var err error
	a.sim, err = stripesim.New(stripesim.Config{
		RateLimit: callRate, Logger: slog.New(slog.DiscardHandler),
		HTTPClient: &http.Client{Transport: a.sent, Timeout: time.Minute},
	})
	if err != nil {
		t.Fatal(err)
	}
	api := httptest.NewServer(http.HandlerFunc(a.serve))
	t.Cleanup(func() {
		if err := a.sim.Close(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
		api.Close()
	})
	a.url = api.URL
	endpoint := a.call(t, http.MethodPost, "/v1/webhook_endpoints", "enabled_events[]=*&api_version="+stripe.APIVersion+"&url=http://127.0.0.1:1")
	a.endpoint, a.secret = endpoint["id"].(string), endpoint["secret"].(string)
	for i := range a.prices {
		a.prices[i] = a.call(t, http.MethodPost, "/v1/prices", fmt.Sprintf("currency=usd&unit_amount=%d&recurring[interval]=month&product_data[name]=plan", 999+1000*i))["id"].(string)
	}
	return a
}

// serve answers a call, and counts it if it is the server's.
func (a *account) serve(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Authorization") != "Bearer "+serverKey {
		a.sim.ServeHTTP(w, r)
		return
	}
	noted := &notingWriter{ResponseWriter: w}
	a.sim.ServeHTTP(noted, r)
	resource, _, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/v1/"), "/")
	a.served.mu.Lock()
	defer a.served.mu.Unlock()
	a.served.of[r.Method+" "+resource]++
	if noted.status == http.StatusTooManyRequests {
		a.served.limited++
	}
}

// notingWriter notes the status.
type notingWriter struct {
	http.ResponseWriter
	status int
}

// WriteHeader implements [http.ResponseWriter].
func (w *notingWriter) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

// call makes a call to Stripe, each with a key of its own, since the rate is
// limited for each.
func (a *account) call(t testing.TB, method, path, form string) map[string]any {
	answer, err := a.tryCall(t.Context(), method, path, form)
	if err != nil {
		t.Fatal(err)
	}
	return answer
}

func (a *account) tryCall(ctx context.Context, method, path, form string) (answer map[string]any, err error) {
	target := a.url + path
	if method == http.MethodGet {
		target += "?" + form
	}
	request, err := http.NewRequestWithContext(ctx, method, target, strings.NewReader(form))
	if err != nil {
		return nil, err
	}
	request.SetBasicAuth(fmt.Sprint("sk_test_storm", a.keys.Add(1)%1000), "")
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
		return nil, err
	}
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s %s: %d %v", method, path, response.StatusCode, answer)
	}
	return answer, nil
}

// tell has events of some types sent to an address from now on.
func (a *account) tell(t testing.TB, address string, types []string) {
	t.Helper()
	form := url.Values{"url": {address}}
	for _, name := range types {
		form.Add("enabled_events[]", name)
	}
	a.call(t, http.MethodPost, "/v1/webhook_endpoints/"+a.endpoint, form.Encode())
}

// fill makes subscribers who all pay in the same second from now on.
func (a *account) fill(t *testing.T, subscribers int) {
	t.Helper()
	if err := a.sim.Freeze(); err != nil {
		t.Fatal(err)
	}
	var next atomic.Int64
	var group sync.WaitGroup
	for range callers {
		group.Go(func() {
			for i := int(next.Add(1)); i <= subscribers && t.Context().Err() == nil; i = int(next.Add(1)) {
				if err := a.subscribe(t.Context(), i); err != nil {
					t.Errorf("subscriber %d: %v", i, err)
					return
				}
			}
		})
	}
	group.Wait()
	if err := a.sim.Unfreeze(); err != nil {
		t.Fatal(err)
	}
	if t.Failed() {
		t.FailNow()
	}
}

// subscribe makes a subscriber, some of whom can pay only once.
func (a *account) subscribe(ctx context.Context, i int) error {
	user := fmt.Sprint("user-", i)
	customer, err := a.tryCall(ctx, http.MethodPost, "/v1/customers", "metadata[user_id]="+user)
	if err != nil {
		return err
	}
	id := customer["id"].(string)
	attach := func(token string) (string, error) {
		method, err := a.tryCall(ctx, http.MethodPost, "/v1/payment_methods/"+token+"/attach", "customer="+id)
		if err != nil {
			return "", err
		}
		return method["id"].(string), nil
	}
	card, err := attach("pm_card_visa")
	if err != nil {
		return err
	}
	subscription, err := a.tryCall(ctx, http.MethodPost, "/v1/subscriptions", fmt.Sprintf(
		"customer=%s&items[0][price]=%s&default_payment_method=%s&metadata[user_id]=%s", id, a.prices[i%len(a.prices)], card, user))
	if err != nil || i%declining != 0 {
		return err
	}
	if card, err = attach("pm_card_chargeCustomerFail"); err != nil {
		return err
	}
	_, err = a.tryCall(ctx, http.MethodPost, "/v1/subscriptions/"+subscription["id"].(string), "default_payment_method="+card)
	return err
}
