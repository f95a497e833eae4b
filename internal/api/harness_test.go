package api_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/routers"
	"github.com/google/go-cmp/cmp"

	"github.com/numerai-app/payments"
	"github.com/numerai-app/payments/internal/api"
	"github.com/numerai-app/payments/internal/storetest"
	"github.com/numerai-app/payments/internal/stripe"
	"github.com/numerai-app/payments/stripesim"
)

const (
	secret        = "the key with which the application signs its users' tokens"
	webhookSecret = "whsec_of_the_tests"
	publicURL     = "https://pay.example.com"
	origin        = "https://app.example.com"
	bearer        = "Bearer "
)

// options are what a test may have otherwise than others do.
type options struct {
	store  payments.Store
	tokens api.TokensConfig
	// transport makes the calls to Stripe.
	transport http.RoundTripper
	logger    *slog.Logger
}

// testBundle is the API over real parts: a database, and an offline Stripe that
// is called over HTTP.
type testBundle struct {
	sim     *stripesim.Simulator
	stripe  *httptest.Server
	store   payments.Store
	service *payments.Service
	handler http.Handler
	url     string
	prices  map[string]string // by plan

	documented sync.Once // guards the making of what follows
	model      *openapi3.T
	routes     routers.Router
}

func setup(t testing.TB, o options) *testBundle {
	t.Helper()
	sim, err := stripesim.New(stripesim.Config{})
	if err != nil {
		t.Fatal(err)
	}
	b := &testBundle{sim: sim, stripe: httptest.NewServer(sim), store: o.store}
	t.Cleanup(func() {
		b.stripe.Close()
		if err := sim.Close(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	})
	if b.store == nil {
		b.store = storetest.SQLite(t)
	}
	client := newClient(t, b.stripe.URL, nil)
	account, err := client.Setup(t.Context(), stripe.Setup{Plans: []stripe.PlanSetup{
		{PlanID: "basic", Name: "Basic", Amount: 999, Currency: "usd"},
		{PlanID: "premium", Name: "Premium", Amount: 1999, Currency: "usd"},
	}})
	if err != nil {
		t.Fatal(err)
	}
	b.prices = account.Prices
	plans, err := payments.NewPlans([]payments.Plan{
		{ID: "premium", Rank: 2, Prices: []string{account.Prices["premium"]}, Features: map[string]any{"seats": 5, "export": true}},
		{ID: "basic", Rank: 1, Prices: []string{account.Prices["basic"]}, TrialDays: 0},
	})
	if err != nil {
		t.Fatal(err)
	}
	if b.service, err = payments.New(payments.Config{
		Store: b.store, Stripe: newClient(t, b.stripe.URL, o.transport), Plans: plans, Logger: o.logger,
	}); err != nil {
		t.Fatal(err)
	}
	b.handler = newHandler(t, b.service, o)
	frontend := httptest.NewServer(b.handler)
	t.Cleanup(frontend.Close)
	b.url = frontend.URL
	return b
}

func newHandler(t testing.TB, service *payments.Service, o options) http.Handler {
	t.Helper()
	if o.tokens.JWKSURL == "" {
		o.tokens.Secret = []byte(secret)
	}
	tokens, err := api.NewTokens(o.tokens)
	if err != nil {
		t.Fatal(err)
	}
	handler, err := api.New(api.Config{
		Service: service, Tokens: tokens, PublishableKey: "pk_test_of_the_tests", PublicURL: publicURL + "/",
		CORSOrigins: []string{origin}, Logger: o.logger,
	})
	if err != nil {
		t.Fatal(err)
	}
	return handler
}

func newClient(t testing.TB, url string, transport http.RoundTripper) *stripe.Client {
	t.Helper()
	c := stripe.Config{
		SecretKey: "sk_test_api", APIBase: url, WebhookSecrets: []string{webhookSecret}, MaxAttempts: 2,
		Sleep: func(context.Context, time.Duration) error { return nil },
	}
	if transport != nil {
		c.HTTPClient = &http.Client{Transport: transport}
	}
	client, err := stripe.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return client
}

// token is a user's token, as the application would issue it.
func token(t testing.TB, user string) string {
	t.Helper()
	signed, err := api.Sign(api.SignParams{Secret: secret, TTL: time.Hour, User: payments.User{ID: user}})
	if err != nil {
		t.Fatal(err)
	}
	return signed
}

// request is a call of the API. The zero value of a field leaves it out.
type request struct {
	method string // GET, or POST where there is a body
	path   string // below the API's prefix, or from the root with a slash
	user   string // whose token goes with it
	header []string
	body   any // a string or bytes as they are, else JSON
}

// answer is what came back.
type answer struct {
	status int
	header http.Header
	raw    string
	json   map[string]any
}

// call makes a request. Whatever comes back has a request id and holds to the
// OpenAPI document.
func (b *testBundle) call(t testing.TB, r request) answer {
	t.Helper()
	sent := b.newRequest(t, r)
	response, err := http.DefaultTransport.RoundTrip(sent)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	raw, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	a := answer{status: response.StatusCode, header: response.Header, raw: string(raw)}
	if a.header.Get("X-Request-Id") == "" {
		t.Errorf("%s %s: no X-Request-Id", sent.Method, sent.URL.Path)
	}
	if len(raw) > 0 {
		if err := json.Unmarshal(raw, &a.json); err != nil {
			t.Fatalf("%s %s: %d is no JSON: %v\n%s", sent.Method, sent.URL.Path, a.status, err, raw)
		}
		b.validate(t, sent, a)
	}
	return a
}

func (b *testBundle) newRequest(t testing.TB, r request) *http.Request {
	t.Helper()
	var body io.Reader
	switch content := r.body.(type) {
	case nil:
	case string:
		body = strings.NewReader(content)
	case []byte:
		body = bytes.NewReader(content)
	case io.Reader:
		body = content
	default:
		encoded, err := json.Marshal(content)
		if err != nil {
			t.Fatal(err)
		}
		body = bytes.NewReader(encoded)
	}
	method := r.method
	if method == "" {
		method = http.MethodGet
		if body != nil {
			method = http.MethodPost
		}
	}
	target := r.path
	if !strings.HasPrefix(target, "/") {
		target = api.Prefix + target
	}
	sent, err := http.NewRequestWithContext(t.Context(), method, b.url+target, body)
	if err != nil {
		t.Fatal(err)
	}
	if body != nil {
		sent.Header.Set("Content-Type", "application/json")
	} else {
		sent.Body = http.NoBody // as a server has it
	}
	if r.user != "" {
		sent.Header.Set("Authorization", bearer+token(t, r.user))
	}
	for i := 0; i+1 < len(r.header); i += 2 {
		sent.Header.Set(r.header[i], r.header[i+1])
		if r.header[i+1] == "-" {
			sent.Header.Del(r.header[i])
		}
	}
	return sent
}

func (b *testBundle) subscribe(t testing.TB, user string, body any, header ...string) answer {
	t.Helper()
	return b.call(t, request{path: "create-subscription/", user: user, body: body, header: header})
}

// visa is the body that subscribes.
var visa = map[string]any{"plan": "premium", "payment_method_id": "pm_card_visa"}

// expect checks the status of an answer and exactly its members.
func (a answer) expect(t testing.TB, status int, members ...string) {
	t.Helper()
	if a.status != status {
		t.Fatalf("answered %d, want %d: %s", a.status, status, a.raw)
	}
	if kind := a.header.Get("Content-Type"); kind != "application/json" {
		t.Errorf("content type is %q", kind)
	}
	expectMembers(t, a.json, members...)
}

func expectMembers(t testing.TB, object map[string]any, members ...string) {
	t.Helper()
	slices.Sort(members)
	if diff := cmp.Diff(members, slices.Sorted(maps.Keys(object))); diff != "" {
		t.Errorf("members (-want +got):\n%s", diff)
	}
}

// expectProblem checks that an answer is a problem with that code, as the
// contract has it, and about these fields.
func (a answer) expectProblem(t testing.TB, status int, code string, fields ...string) {
	t.Helper()
	if a.status != status || a.json["code"] != code {
		t.Fatalf("answered %d %v, want %d %s: %s", a.status, a.json["code"], status, code, a.raw)
	}
	if kind := a.header.Get("Content-Type"); kind != "application/problem+json" {
		t.Errorf("content type is %q", kind)
	}
	members := []string{"type", "title", "status", "detail", "code", "error", "errors", "request_id"}
	for _, extra := range []string{"decline_code", "client_secret"} {
		if a.json[extra] != nil {
			members = append(members, extra)
		}
	}
	expectMembers(t, a.json, members...)
	if a.json["type"] != "about:blank" || a.json["title"] != http.StatusText(status) || a.json["status"] != float64(status) {
		t.Errorf("problem is %s", a.raw)
	}
	detail, _ := a.json["detail"].(string)
	if detail == "" || detail != a.json["error"] || !strings.HasSuffix(detail, ".") {
		t.Errorf("detail is %q, error is %q", detail, a.json["error"])
	}
	if id := a.header.Get("X-Request-Id"); id == "" || a.json["request_id"] != id {
		t.Errorf("request_id is %v, X-Request-Id is %q", a.json["request_id"], id)
	}
	named := []string{}
	list, _ := a.json["errors"].([]any)
	if list == nil {
		t.Errorf("errors is no list: %s", a.raw)
	}
	for _, entry := range list {
		entry, _ := entry.(map[string]any)
		expectMembers(t, entry, "field", "message")
		field, _ := entry["field"].(string)
		named = append(named, field)
	}
	slices.Sort(named)
	slices.Sort(fields)
	if diff := cmp.Diff(slices.Compact(fields), slices.Compact(named)); diff != "" && len(fields)+len(named) > 0 {
		t.Errorf("fields (-want +got):\n%s%s", diff, a.raw)
	}
}
