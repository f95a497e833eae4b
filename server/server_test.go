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

func TestMainJob(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, b *testBundle) {
		code, created, _ := b.subscribe(t, "42", visa("premium"))
		want(t, "answer", code, http.StatusCreated)
		want(t, "status", created["status"], any("active"))
		want(t, "client secret", created["client_secret"], nil)
		want(t, "premium", b.status(t, "42"), "premium=true plan=premium reason=active")
		b.settle(t)
		want(t, "premium after the webhooks", b.status(t, "42"), "premium=true plan=premium reason=active")
		want(t, "history", b.history(t, "42"), []string{"invoice 1999 usd paid"})
		want(t, "another user", b.status(t, "43"), "premium=false plan=free reason=none")
		want(t, "another user's history", b.history(t, "43"), []string{})
		events, err := b.service.Payments().Events(t.Context(), payments.EventFilter{})
		if err != nil || len(events) == 0 {
			t.Fatalf("events: %v, %v", events, err)
		}
		for _, event := range events {
			want(t, event.Type, event.Status, payments.EventProcessed)
		}
		code, again, _ := b.subscribe(t, "42", visa("elite"))
		want(t, "a second subscription", said(code, again["code"]), "409 already_subscribed")
	})
}

// TestFiftyAtOnce checks that however many requests race, one customer and one
// subscription come of it.
func TestFiftyAtOnce(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, b *testBundle) {
		var group sync.WaitGroup
		var mu sync.Mutex
		answers := map[string]int{}
		for range 50 {
			group.Go(func() {
				code, answer, _ := b.subscribe(t, "racer", visa("premium"))
				mu.Lock()
				defer mu.Unlock()
				answers[said(code, answer["code"])]++
			})
		}
		group.Wait()
		if answers["201 <nil>"] != 1 {
			t.Errorf("answers %v, want one 201", answers)
		}
		for answer := range answers {
			switch answer {
			case "201 <nil>", "409 already_subscribed", "409 in_progress":
			default:
				t.Errorf("an answer is %q", answer)
			}
		}
		want(t, "customers", b.count(t, "/v1/customers", ""), 1)
		want(t, "subscriptions", b.count(t, "/v1/subscriptions", "status=all"), 1)
		want(t, "charges", b.count(t, "/v1/charges", ""), 1)
		b.settle(t)
		want(t, "history", b.history(t, "racer"), []string{"invoice 1999 usd paid"})
	})
}

func TestDeclinedThenAnotherCard(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, b *testBundle) {
		code, problem, _ := b.subscribe(t, "1", map[string]any{"plan": "premium", "payment_method_id": "pm_card_visa_chargeDeclinedLostCard"}, "Idempotency-Key", "first")
		want(t, "a lost card", said(code, problem["code"], problem["decline_code"]), "402 card_declined generic_decline")
		code, problem, header := b.subscribe(t, "1", map[string]any{"plan": "premium", "payment_method_id": "pm_card_visa_chargeDeclinedLostCard"}, "Idempotency-Key", "first")
		want(t, "the same again", said(code, problem["code"], header.Get("Idempotent-Replayed")), "402 card_declined true")
		code, problem, _ = b.subscribe(t, "1", visa("premium"), "Idempotency-Key", "first")
		want(t, "the key for something else", said(code, problem["code"]), "409 idempotency_conflict")

		code, problem, _ = b.subscribe(t, "1", map[string]any{"plan": "premium", "payment_method_id": "pm_card_chargeCustomerFail"})
		want(t, "a card that attaches and fails", said(code, problem["code"], problem["decline_code"]), "402 card_declined generic_decline")
		want(t, "status", b.status(t, "1"), "premium=false plan=free reason=incomplete")
		want(t, "history", b.history(t, "1"), []string{"invoice 1999 usd failed"})
		want(t, "subscriptions", b.count(t, "/v1/subscriptions", "status=all"), 1)

		code, created, _ := b.subscribe(t, "1", visa("premium"))
		want(t, "another card", said(code, created["status"]), "201 active")
		want(t, "subscriptions", b.count(t, "/v1/subscriptions", "status=all"), 1)
		b.settle(t)
		want(t, "status", b.status(t, "1"), "premium=true plan=premium reason=active")
		want(t, "history", b.history(t, "1"), []string{"invoice 1999 usd paid"})
	})
}

func TestIncompleteIsTakenUpOrDiscarded(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, b *testBundle) {
		code, created, _ := b.subscribe(t, "1", map[string]any{"plan": "basic"})
		want(t, "no method", said(code, created["status"]), "201 incomplete")
		secret, _ := created["client_secret"].(string)
		if !strings.Contains(secret, "_secret_") {
			t.Fatalf("client secret %q", secret)
		}
		want(t, "history before any try", b.history(t, "1"), []string{})
		code, again, _ := b.subscribe(t, "1", map[string]any{"plan": "basic"})
		want(t, "taken up", said(code, again["stripe_subscription_id"]), said(201, created["stripe_subscription_id"]))

		code, other, _ := b.subscribe(t, "1", map[string]any{"plan": "elite"})
		want(t, "another plan", said(code, other["status"]), "201 incomplete")
		want(t, "open invoices", b.count(t, "/v1/invoices", "status=open"), 1)
		want(t, "live subscriptions", b.count(t, "/v1/subscriptions", "status=incomplete"), 1)

		// The browser pays.
		secret = other["client_secret"].(string)
		intent, _, _ := strings.Cut(secret, "_secret_")
		b.stripe(t, http.MethodPost, "/v1/payment_intents/"+intent+"/confirm", "payment_method=pm_card_visa")
		b.eventually(t, "premium by webhook", func() bool { return b.status(t, "1") == "premium=true plan=elite reason=active" })
		b.settle(t)
		want(t, "history", b.history(t, "1"), []string{"invoice 2999 usd paid"})
	})
}

func TestBankStep(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, b *testBundle) {
		code, created, _ := b.subscribe(t, "1", map[string]any{"plan": "premium", "payment_method_id": "pm_card_threeDSecure2Required"})
		want(t, "answer", said(code, created["status"]), "201 incomplete")
		intent, _, _ := strings.Cut(created["client_secret"].(string), "_secret_")
		want(t, "history", b.history(t, "1"), []string{"invoice 1999 usd pending"})
		if _, err := b.sim.Authenticate(intent, true); err != nil {
			t.Fatal(err)
		}
		b.eventually(t, "premium by webhook", func() bool { return b.status(t, "1") == "premium=true plan=premium reason=active" })
		b.settle(t)
		want(t, "history", b.history(t, "1"), []string{"invoice 1999 usd paid"})
	})
}

// TestLife follows a subscription through a renewal, a failed one with grace,
// its end, and a refund.
func TestLife(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, b *testBundle) {
		_, created, _ := b.subscribe(t, "1", visa("premium"))
		b.settle(t)
		advance := func(d time.Duration) {
			t.Helper()
			if err := b.sim.Advance(t.Context(), d); err != nil {
				t.Fatal(err)
			}
			b.settle(t)
		}
		advance(31*24*time.Hour + 2*time.Hour)
		want(t, "renewed", b.status(t, "1"), "premium=true plan=premium reason=active")
		want(t, "history", b.history(t, "1"), []string{"invoice 1999 usd paid", "invoice 1999 usd paid"})

		// The card is replaced by one that fails.
		customer := b.stripe(t, http.MethodGet, "/v1/subscriptions/"+created["stripe_subscription_id"].(string), "")["customer"].(string)
		method := b.stripe(t, http.MethodPost, "/v1/payment_methods/pm_card_chargeCustomerFail/attach", "customer="+customer)["id"].(string)
		b.stripe(t, http.MethodPost, "/v1/subscriptions/"+created["stripe_subscription_id"].(string), "default_payment_method="+method)
		advance(31 * 24 * time.Hour)
		want(t, "in grace", b.status(t, "1"), "premium=true plan=premium reason=grace")
		want(t, "history", b.history(t, "1"), []string{"invoice 1999 usd failed", "invoice 1999 usd paid", "invoice 1999 usd paid"})
		advance(49 * time.Hour)
		want(t, "after grace", b.status(t, "1"), "premium=false plan=free reason=past_due")
		advance(20 * 24 * time.Hour)
		want(t, "ended", b.status(t, "1"), "premium=false plan=free reason=canceled")

		charge := b.stripe(t, http.MethodGet, "/v1/charges", "")["data"].([]any)
		paid := ""
		for _, row := range charge {
			if row := row.(map[string]any); row["status"] == "succeeded" {
				paid = row["id"].(string)
			}
		}
		b.stripe(t, http.MethodPost, "/v1/refunds", "charge="+paid+"&amount=500")
		b.settle(t)
		want(t, "history", b.history(t, "1")[:2], []string{"refund -500 usd paid", "invoice 1999 usd failed"})
		code, again, _ := b.subscribe(t, "1", visa("basic"))
		want(t, "back again", said(code, again["status"]), "201 active")
	})
}

// TestStripeOutOfReach checks that a request that Stripe did not answer, or
// whose answer was lost, doubles nothing when it is made again.
func TestStripeOutOfReach(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"/v1/customers", "/v1/payment_methods", "/v1/subscriptions", "/v1/payment_intents"} {
		for _, kind := range []string{"lost", "error", "cut"} {
			t.Run(kind+strings.ReplaceAll(path, "/", " "), func(t *testing.T) {
				t.Parallel()
				b := setup(t, storetest.SQLiteURL(t))
				if err := b.sim.AddFault(stripesim.Fault{Path: path, Count: 100, Kind: kind}); err != nil {
					t.Fatal(err)
				}
				code, problem, header := b.subscribe(t, "1", visa("premium"))
				want(t, "answer", said(code, problem["code"]), "503 stripe_unavailable")
				if header.Get("Retry-After") == "" {
					t.Error("503 without Retry-After")
				}
				b.sim.ClearFaults()
				code, created, _ := b.subscribe(t, "1", visa("premium"))
				want(t, "made again", said(code, created["status"]), "201 active")
				want(t, "customers", b.count(t, "/v1/customers", ""), 1)
				want(t, "subscriptions", b.count(t, "/v1/subscriptions", "status=all"), 1)
				want(t, "charges", b.count(t, "/v1/charges", ""), 1)
				b.settle(t)
				want(t, "history", b.history(t, "1"), []string{"invoice 1999 usd paid"})
			})
		}
	}
}

// TestMadeElsewhere checks that a subscription from the Dashboard is found by
// the user id in its metadata, and stands in the way of another.
func TestMadeElsewhere(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, b *testBundle) {
		customer := b.stripe(t, http.MethodPost, "/v1/customers", "metadata[user_id]=7")["id"].(string)
		method := b.stripe(t, http.MethodPost, "/v1/payment_methods/pm_card_visa/attach", "customer="+customer)["id"].(string)
		price := b.stripe(t, http.MethodGet, "/v1/prices", "")["data"].([]any)[0].(map[string]any)["id"].(string)
		b.stripe(t, http.MethodPost, "/v1/subscriptions", "customer="+customer+"&items[0][price]="+price+"&default_payment_method="+method)
		b.eventually(t, "premium", func() bool { return strings.HasPrefix(b.status(t, "7"), "premium=true") })
		b.settle(t)
		want(t, "rows", len(b.history(t, "7")), 1)
		code, problem, _ := b.subscribe(t, "7", visa("basic"))
		want(t, "a second one", said(code, problem["code"]), "409 already_subscribed")
		want(t, "customers", b.count(t, "/v1/customers", ""), 1)
	})
}

// TestCustomerDeleted checks that the end of a customer ends access, and that
// the user can come back.
func TestCustomerDeleted(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, b *testBundle) {
		b.subscribe(t, "1", visa("premium"))
		b.settle(t)
		customer := b.stripe(t, http.MethodGet, "/v1/customers", "")["data"].([]any)[0].(map[string]any)["id"].(string)
		b.stripe(t, http.MethodDelete, "/v1/customers/"+customer, "")
		b.settle(t)
		want(t, "status", b.status(t, "1"), "premium=false plan=free reason=canceled")
		code, created, _ := b.subscribe(t, "1", visa("premium"))
		want(t, "back again", said(code, created["status"]), "201 active")
	})
}

// TestOneKeyAtOnce checks that requests under one idempotency key get one answer.
func TestOneKeyAtOnce(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, b *testBundle) {
		var group sync.WaitGroup
		ids := make([]string, 8)
		for i := range ids {
			group.Go(func() {
				code, answer, _ := b.subscribe(t, "1", visa("premium"), "Idempotency-Key", "once")
				ids[i] = said(code, answer["subscription_id"], answer["status"])
			})
		}
		group.Wait()
		for _, id := range ids {
			want(t, "answer", id, ids[0])
		}
		code, _, header := b.subscribe(t, "1", visa("premium"), "Idempotency-Key", "once")
		want(t, "later", said(code, header.Get("Idempotent-Replayed")), "201 true")
		want(t, "subscriptions", b.count(t, "/v1/subscriptions", "status=all"), 1)
	})
}

// TestCardTesting checks that nobody tries cards without end.
func TestCardTesting(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, b *testBundle) {
		for range 10 {
			code, problem, _ := b.subscribe(t, "1", map[string]any{"plan": "premium", "payment_method_id": "pm_card_visa_chargeDeclined"})
			want(t, "a declined card", said(code, problem["code"]), "402 card_declined")
		}
		code, problem, header := b.subscribe(t, "1", visa("premium"))
		want(t, "the eleventh", said(code, problem["code"]), "429 rate_limited")
		if header.Get("Retry-After") == "" {
			t.Error("429 without Retry-After")
		}
		code, _, _ = b.subscribe(t, "2", visa("premium"))
		want(t, "another user", code, http.StatusCreated)
		if err := b.sim.Advance(t.Context(), time.Hour+time.Minute); err != nil {
			t.Fatal(err)
		}
		code, _, _ = b.subscribe(t, "1", visa("premium"))
		want(t, "an hour later", code, http.StatusCreated)
	})
}

func TestConfigFaultsAllAtOnce(t *testing.T) {
	t.Parallel()
	_, err := server.New(t.Context(), server.Config{})
	for _, name := range []string{"STRIPE_SECRET_KEY", "STRIPE_PUBLISHABLE_KEY", "STRIPE_WEBHOOK_SECRET", "STRIPE_PRICE_ID_", "PAYMENTS_JWT_SECRET"} {
		if err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%v does not name %s", err, name)
		}
	}
	environment := map[string]string{
		"STRIPE_SECRET_KEY": "sk_live_1", "STRIPE_PUBLISHABLE_KEY": "pk_test_1", "STRIPE_WEBHOOK_SECRET": "secret",
		"STRIPE_PRICE_ID_BASIC": "price_1", "STRIPE_PRICE_ID_PREMIUM": "price_1", "STRIPE_PRICE_ID_ELITE": "prod_1",
		"STRIPE_API_BASE": "http://stripe.example", "PAYMENTS_JWT_SECRET": "tooLittle", "PAYMENTS_GRACE_PERIOD": "3 days",
		"PAYMENTS_CORS_ORIGINS": "example.com", "PAYMENTS_LOG_LEVEL": "loud", "PAYMENTS_PUBLIC_URL": "pay.example.com",
		"PAYMENTS_WEBHOOKS": "no", "PAYMENTS_STRIPE_RATE": "NaN", "PAYMENTS_EVENT_RETENTION": "three months",
	}
	_, err = server.LoadConfig(func(name string) (string, bool) {
		value, ok := environment[name]
		return value, ok
	})
	for name := range environment {
		if name != "STRIPE_SECRET_KEY" && name != "STRIPE_PRICE_ID_BASIC" && !strings.Contains(fmt.Sprint(err), name) {
			t.Errorf("%v does not name %s", err, name)
		}
	}
	for _, secret := range []string{"sk_live_1", "tooLittle"} {
		if strings.Contains(fmt.Sprint(err), secret) {
			t.Errorf("%v shows a secret", err)
		}
	}
}

// TestConfigOfRetention checks what is taken for a time, and that none is taken
// for nothing at all.
func TestConfigOfRetention(t *testing.T) {
	t.Parallel()
	const day = 24 * time.Hour
	for text, want := range map[string]time.Duration{
		"": 0, "90d": 90 * day, "36h": 36 * time.Hour, "1d12h": day + 12*time.Hour, "36500d": 36500 * day,
		"0": -1, "0d": -1, "-1d": -1, "1d-2h": -1, "90": -1, "12h1d": -1, "1.5d": -1, "1d1d": -1, "keep": -1, "36500d2000000h": -1,
	} {
		environment := map[string]string{
			"STRIPE_SECRET_KEY": "sk_test_1", "STRIPE_PUBLISHABLE_KEY": "pk_test_1", "PAYMENTS_JWT_SECRET": jwtSecret,
			"STRIPE_PRICE_ID_BASIC": "price_1", "STRIPE_PRICE_ID_PREMIUM": "price_2", "STRIPE_PRICE_ID_ELITE": "price_3",
			"PAYMENTS_WEBHOOKS": "off", "PAYMENTS_EVENT_RETENTION": text,
		}
		config, err := server.LoadConfig(func(name string) (string, bool) {
			value, ok := environment[name]
			return value, ok
		})
		switch {
		case want < 0:
			if err == nil || !strings.Contains(err.Error(), "PAYMENTS_EVENT_RETENTION") {
				t.Errorf("%q is taken for %s, %v", text, config.EventRetention, err)
			}
		case err != nil || config.EventRetention != want:
			t.Errorf("%q is %s, %v; want %s", text, config.EventRetention, err, want)
		}
	}
}

// TestConfigWithoutWebhooks checks that where no webhook comes, no secret of
// one is asked for.
func TestConfigWithoutWebhooks(t *testing.T) {
	t.Parallel()
	for rate, want := range map[string]float64{"": 0, "2.5": 2.5, "100": 100} {
		environment := map[string]string{
			"STRIPE_SECRET_KEY": "sk_test_1", "STRIPE_PUBLISHABLE_KEY": "pk_test_1", "PAYMENTS_JWT_SECRET": jwtSecret,
			"STRIPE_PRICE_ID_BASIC": "price_1", "STRIPE_PRICE_ID_PREMIUM": "price_2", "STRIPE_PRICE_ID_ELITE": "price_3",
			"PAYMENTS_WEBHOOKS": "off", "PAYMENTS_STRIPE_RATE": rate,
		}
		lookup := func(name string) (string, bool) {
			value, ok := environment[name]
			return value, ok
		}
		config, err := server.LoadConfig(lookup)
		if err != nil || !config.WebhooksOff || config.StripeRate != want {
			t.Errorf("off: %t, %g a second, %v", config.WebhooksOff, config.StripeRate, err)
		}
		environment["PAYMENTS_WEBHOOKS"] = "on"
		if _, err := server.LoadConfig(lookup); err == nil || !strings.Contains(err.Error(), "STRIPE_WEBHOOK_SECRET") {
			t.Errorf("with webhooks: %v, which does not name STRIPE_WEBHOOK_SECRET", err)
		}
	}
	for _, rate := range []string{"0", "-1", "10001", "many", "Inf"} {
		_, err := server.LoadConfig(func(name string) (string, bool) { return rate, name == "PAYMENTS_STRIPE_RATE" })
		if err == nil || !strings.Contains(err.Error(), "PAYMENTS_STRIPE_RATE") {
			t.Errorf("%s: %v", rate, err)
		}
	}
}

// said puts an answer in one line.
func said(values ...any) string { return strings.TrimSpace(fmt.Sprintln(values...)) }
