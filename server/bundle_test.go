package server_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/numerai-app/payments"
	"github.com/numerai-app/payments/internal/storetest"
	"github.com/numerai-app/payments/server"
	"github.com/numerai-app/payments/stripesim"
)

const (
	jwtSecret = "the key with which the application signs its users' tokens"
	secretKey = "sk_test_server"
	apiPath   = "/api/v1/payments/"
)

// testBundle is the whole service on one engine, with an offline Stripe: both
// speak over HTTP, as they do in life.
type testBundle struct {
	sim     *stripesim.Simulator
	simURL  string
	service *server.Server
	url     string // of the service
}

// eachEngine runs a test on SQLite and on PostgreSQL.
func eachEngine(t *testing.T, test func(t *testing.T, b *testBundle)) {
	t.Helper()
	for name, database := range map[string]func(testing.TB) string{
		"SQLite": storetest.SQLiteURL, "PostgreSQL": storetest.PostgresURL,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, setup(t, database(t)))
		})
	}
}

func setup(t *testing.T, databaseURL string) *testBundle {
	t.Helper()
	b, config, listener := prepare(t, databaseURL, func(b *testBundle) string { return b.url + apiPath + "webhook/" })
	b.start(t, config, listener)
	return b
}

// prepare is an offline Stripe, with a configuration of a service that is not
// started yet and a listener for it. Webhooks go to the address given; empty: none.
func prepare(t *testing.T, databaseURL string, webhooks func(*testBundle) string) (*testBundle, server.Config, net.Listener) {
	t.Helper()
	sim, err := stripesim.New(stripesim.Config{RetrySchedule: []time.Duration{50 * time.Millisecond, 200 * time.Millisecond, time.Second, time.Second}})
	if err != nil {
		t.Fatal(err)
	}
	stripe := httptest.NewServer(sim)
	t.Cleanup(stripe.Close)
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	b := &testBundle{sim: sim, simURL: stripe.URL, url: "http://" + listener.Addr().String()}
	account, err := server.SetUpStripe(t.Context(), secretKey, stripe.URL, server.StripeSetup{
		Plans: []server.PlanSetup{
			{PlanID: "basic", Name: "Basic", Amount: 999, Currency: "usd"},
			{PlanID: "premium", Name: "Premium", Amount: 1999, Currency: "usd"},
			{PlanID: "elite", Name: "Elite", Amount: 2999, Currency: "usd"},
		},
		WebhookURL: webhooks(b),
	})
	if err != nil {
		t.Fatal(err)
	}
	config := server.Config{
		StripeSecretKey: secretKey, StripePublishableKey: "pk_test_server",
		StripeAPIBase: stripe.URL, DatabaseURL: databaseURL, PublicURL: b.url, JWTSecret: jwtSecret, Now: sim.Now,
		GracePeriod: 48 * time.Hour,
	}
	if account.WebhookSecret != "" {
		config.StripeWebhookSecrets = []string{account.WebhookSecret}
	}
	for i, id := range []string{"basic", "premium", "elite"} {
		config.Plans = append(config.Plans, payments.Plan{ID: id, Rank: i + 1, Prices: []string{account.Prices[id]}})
	}
	return b, config, listener
}

// start makes the service and runs it until the end of the test.
func (b *testBundle) start(t *testing.T, config server.Config, listener net.Listener) {
	t.Helper()
	var err error
	if b.service, err = server.New(t.Context(), config); err != nil {
		t.Fatal(err)
	}
	frontend := &httptest.Server{Listener: listener, Config: &http.Server{Handler: b.service.Handler()}} //nolint:gosec // a test's own server
	frontend.Start()
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	var jobs sync.WaitGroup
	jobs.Go(func() {
		if err := b.service.Run(ctx); err != nil {
			t.Errorf("run the jobs: %v", err)
		}
	})
	t.Cleanup(func() {
		if err := b.sim.Close(ctx); err != nil {
			t.Errorf("close the simulator: %v", err)
		}
		frontend.Close()
		stop()
		jobs.Wait()
		if err := b.service.Close(); err != nil {
			t.Errorf("close the service: %v", err)
		}
	})
}

// call makes a request as a user and decodes the answer.
func (b *testBundle) call(t testing.TB, user, method, path string, body any, header ...string) (int, map[string]any, http.Header) {
	t.Helper()
	token, err := server.SignToken(server.TokenParams{Secret: jwtSecret, TTL: time.Hour, User: payments.User{ID: user}})
	if err != nil {
		t.Fatal(err)
	}
	var content io.Reader
	if body != nil {
		encoded, err := json.Marshal(body)
		if err != nil {
			t.Fatal(err)
		}
		content = bytes.NewReader(encoded)
	}
	request, err := http.NewRequestWithContext(t.Context(), method, b.url+apiPath+path, content)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+token)
	request.Header.Set("Content-Type", "application/json")
	for i := 0; i+1 < len(header); i += 2 {
		request.Header.Set(header[i], header[i+1])
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var answer map[string]any
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
		t.Fatalf("%s %s: %d with a body that is no JSON: %v", method, path, response.StatusCode, err)
	}
	return response.StatusCode, answer, response.Header
}

func (b *testBundle) subscribe(t testing.TB, user string, body map[string]any, header ...string) (int, map[string]any, http.Header) {
	t.Helper()
	return b.call(t, user, http.MethodPost, "create-subscription/", body, header...)
}

// status is what subscription-status/ says in short.
func (b *testBundle) status(t testing.TB, user string) string {
	t.Helper()
	code, answer, _ := b.call(t, user, http.MethodGet, "subscription-status/", nil)
	if code != http.StatusOK {
		t.Fatalf("status: %d %v", code, answer)
	}
	return fmt.Sprintf("premium=%v plan=%v reason=%v", answer["is_premium"], answer["plan"], answer["reason"])
}

// history is the billing history in short, newest first.
func (b *testBundle) history(t testing.TB, user string) []string {
	t.Helper()
	code, answer, _ := b.call(t, user, http.MethodGet, "billing-history/", nil)
	if code != http.StatusOK {
		t.Fatalf("history: %d %v", code, answer)
	}
	rows := []string{}
	for _, row := range answer["results"].([]any) {
		row := row.(map[string]any)
		rows = append(rows, fmt.Sprintf("%v %v %v %v", row["kind"], row["amount"], row["currency"], row["status"]))
	}
	return rows
}

// stripe makes a call of Stripe's API.
func (b *testBundle) stripe(t testing.TB, method, path, form string) map[string]any {
	t.Helper()
	target := b.simURL + path
	if method == http.MethodGet {
		target += "?" + form
	}
	request, err := http.NewRequestWithContext(t.Context(), method, target, strings.NewReader(form))
	if err != nil {
		t.Fatal(err)
	}
	request.SetBasicAuth(secretKey, "")
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var answer map[string]any
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("%s %s: %d %v %v", method, path, response.StatusCode, answer, err)
	}
	return answer
}

// count is how many objects of a kind Stripe has.
func (b *testBundle) count(t testing.TB, path, form string) int {
	t.Helper()
	return len(b.stripe(t, http.MethodGet, path, form+"&limit=100")["data"].([]any))
}

// settle waits until every event that Stripe made and we use was delivered and
// none is pending.
func (b *testBundle) settle(t testing.TB) {
	t.Helper()
	b.eventually(t, "all events delivered and processed", func() bool {
		if b.count(t, "/v1/events", "delivery_success=false") > 0 {
			return false
		}
		pending, err := b.service.Payments().Events(t.Context(), payments.EventFilter{Status: payments.EventPending})
		return err == nil && len(pending) == 0
	})
}

// patience bounds every wait of a test; what is waited for comes far sooner.
const patience = 30 * time.Second

func (b *testBundle) eventually(t testing.TB, what string, done func() bool) {
	t.Helper()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	look := time.NewTicker(20 * time.Millisecond)
	defer look.Stop()
	for !done() {
		select {
		case <-look.C:
		case <-deadline.C:
			t.Fatalf("waited %s in vain for: %s", patience, what)
		}
	}
}

func want[T any](t testing.TB, what string, got, want T) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("%s (-want +got):\n%s", what, diff)
	}
}

func visa(plan string) map[string]any {
	return map[string]any{"plan": plan, "payment_method_id": "pm_card_visa"}
}

// said puts an answer in one line.
func said(values ...any) string { return strings.TrimSpace(fmt.Sprintln(values...)) }
