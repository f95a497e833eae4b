package api_test

import (
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/numerai-app/payments"
	"github.com/numerai-app/payments/internal/api"
)

// Whatever is sent as a token names a valid user or is refused, and what is
// signed by somebody else names nobody.
func FuzzToken(f *testing.F) {
	payload := claims(f, nil)
	for _, header := range []string{hs256, `{"alg":"none"}`, `{"alg":"RS256"}`, `{"alg":"HS256","crit":["b64"],"b64":false}`, "{}"} {
		f.Add(compact(header, payload, secret), header, payload)
		f.Add(compact(header, payload, "x"), header, payload)
	}
	f.Add("..", "{", []byte(`{"exp":1e999,"user_id":1e3}`))
	tokens := newTokens(f, api.TokensConfig{Secret: []byte(secret)})
	f.Fuzz(func(t *testing.T, token, header string, payload []byte) {
		for _, sent := range []string{token, compact(header, payload, secret)} {
			user, err := tokens.Verify(t.Context(), sent)
			if err != nil && !errors.Is(err, payments.ErrUnauthenticated) {
				t.Errorf("%q: %v", sent, err)
			}
			if (err == nil) != payments.ValidUserID(user.ID) {
				t.Errorf("%q: user %q, %v", sent, user.ID, err)
			}
		}
		if user, err := tokens.Verify(t.Context(), compact(header, payload, "another key")); err == nil {
			t.Errorf("signed by another: user %q", user.ID)
		}
	})
}

// Whatever a token of an identity provider's is, and whatever the provider
// publishes, it names a valid user or is refused; and nobody signs in with what
// the provider lets everybody know.
func FuzzProviderToken(f *testing.F) {
	list, stranger := signers(f), signers(f)[1]
	key := list[1] // ES256
	payload := claims(f, nil)
	published, err := json.Marshal(public(f, key.public, map[string]any{"kid": "now"}))
	if err != nil {
		f.Fatal(err)
	}
	for _, header := range []string{
		`{"alg":"ES256","kid":"now"}`, `{"alg":"ES256"}`, `{"alg":"none"}`, `{"alg":"HS256","kid":"now"}`, `{"alg":"EdDSA"}`,
		`{"alg":"ES256","crit":["b64"],"b64":false}`, `{"alg":"ES256","jku":"http://127.0.0.1:1/","jwk":{}}`, "{}", "",
	} {
		f.Add(header, payload, `{"kty":"oct","kid":"now","k":"eA"}`)
	}
	for _, other := range []string{`{"kty":"RSA","n":"AA","e":"AQAB"}`, `{"kty":"EC","crv":"P-256","x":"AA","y":"AA"}`, "[]", "null", string(published)} {
		f.Add(`{"alg":"ES256","kid":"now"}`, []byte(`{"exp":1e999,"user_id":[]}`), other)
	}
	f.Fuzz(func(t *testing.T, header string, payload []byte, other string) {
		if !json.Valid([]byte(other)) {
			other = "{}" // the provider of the tests publishes JSON
		}
		p := newProvider(t)
		defer p.Close()
		p.set = map[string]any{"keys": []json.RawMessage{json.RawMessage(other), published}}
		tokens := p.tokens(t)
		user, err := tokens.Verify(t.Context(), compactES256(t, header, payload, key))
		if (err == nil) != payments.ValidUserID(user.ID) || err != nil && !errors.Is(err, payments.ErrUnauthenticated) {
			t.Errorf("header %q, payload %q: user %q, %v", header, payload, user.ID, err)
		}
		for name, token := range map[string]string{
			"by a stranger":       compactES256(t, header, payload, stranger),
			"with the public key": compact(header, payload, key.publicPEM(t)),
			"with what is public": compact(header, payload, string(published)),
			"with nothing":        compact(header, payload, ""),
			"not":                 strings.TrimRight(compact(header, payload, ""), "-_0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"),
		} {
			if user, err := tokens.Verify(t.Context(), token); err == nil {
				t.Errorf("signed %s: header %q, payload %q beside the key %q name %q", name, header, payload, other, user.ID)
			}
		}
	})
}

// compactES256 signs with a provider's key, whatever the header says.
func compactES256(t testing.TB, header string, payload []byte, key signer) string {
	t.Helper()
	encode := base64.RawURLEncoding.EncodeToString
	text := encode([]byte(header)) + "." + encode(payload)
	digest := sha256.Sum256([]byte(text))
	private, ok := key.private.(*ecdsa.PrivateKey)
	if !ok {
		t.Fatalf("%s signs with a %T", key.algorithm, key.private)
	}
	r, s, err := ecdsa.Sign(rand.Reader, private, digest[:])
	if err != nil {
		t.Fatal(err)
	}
	signature := make([]byte, 64)
	r.FillBytes(signature[:32])
	s.FillBytes(signature[32:])
	return text + "." + encode(signature)
}

// Whatever a body is, it is no fault of ours, and every refusal is a problem.
func FuzzCreateSubscriptionBody(f *testing.F) {
	for _, body := range []string{
		`{"plan":"premium","payment_method_id":"pm_card_visa"}`, `{"plan":"basic","payment_method_id":null,"quantity":7}`, `{"plan":"x","plan":"y"}`,
		`{"plan":"premium","quantity":1e3}`, `{"plan":"premium","quantity":1e999}`, `[]`, `null`, ``, `{"plan":"\ud800"}`, "{\"plan\":\"\xff\"}",
		`{"plan":"premium","payment_method_id":"pm_card_visa_chargeDeclined"}`, `{"":{"":[{}]}}`,
	} {
		f.Add(body, "")
	}
	f.Add(`{"plan":"basic"}`, "key")
	b := setup(f, options{})
	_, key := b.key(f, payments.RoleService)
	f.Fuzz(func(t *testing.T, body, idempotencyKey string) {
		b.send(t, http.MethodPost, "create-subscription/", body, http.Header{
			"Content-Type": {"application/json"}, "Authorization": {bearer + key}, "X-User-Id": {t.Name()}, "Idempotency-Key": {idempotencyKey},
		})
	})
}

// adminBodies are the requests of an administrator that take a body, by the id
// of their operation: the method and the path, where ENDPOINT and EVENT are ids
// of what is there.
var adminBodies = map[string]string{
	"create-endpoint":   "POST admin/endpoints/",
	"replay-deliveries": "POST admin/endpoints/ENDPOINT/replay/",
	"replay-event":      "POST admin/events/EVENT/replay/",
	"replay-events":     "POST admin/events/replay/",
	"rotate-endpoint":   "POST admin/endpoints/ENDPOINT/rotate/",
	"update-endpoint":   "PATCH admin/endpoints/ENDPOINT/",
}

// The same for the bodies of administrators.
func FuzzAdminBody(f *testing.F) {
	operations := slices.Sorted(maps.Keys(adminBodies))
	for which := range operations {
		for _, body := range []string{
			`{"url":"https://app.example.com/hooks","types":["premium.changed"],"description":"<b>"}`, `{"url":"http://[::1]:99999/%zz","types":null}`,
			`{"enabled":true,"types":[]}`, `{"enabled":null,"url":null}`, `{"overlap_hours":168}`, `{"overlap_hours":1e2}`, `{"dry_run":true,"status":"processed"}`,
			`{"status":"ignored","type":"product.created","since":"2026-01-01T00:00:00Z","until":"9999-12-31T23:59:59+23:59","limit":100}`,
			`{"since":"0000-00-00T00:00:00Z"}`, `{"event_id":"pevt_1"}`, `{"failed_since":"2026-01-01T00:00:00.000000001Z"}`, `{"before":"evt_\u0000"}`,
			`[]`, `null`, ``, "{\"url\":\"\xff\"}", `{"a":1,"a":2}`,
		} {
			f.Add(uint8(which), body)
		}
	}
	b := setup(f, options{})
	_, key := b.key(f, payments.RoleAdmin)
	endpoint, err := b.service.CreateEndpoint(f.Context(), payments.CreateEndpointParams{URL: "https://app.example.com/hooks"})
	if err != nil {
		f.Fatal(err)
	}
	stored := event("evt_of_the_fuzz_test", false)
	if err := b.service.ReceiveEvent(f.Context(), []byte(stored), signature(stored, webhookSecret, time.Now())); err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, which uint8, body string) {
		operation := operations[int(which)%len(operations)]
		method, path, _ := strings.Cut(adminBodies[operation], " ")
		path = strings.NewReplacer("ENDPOINT", endpoint.ID, "EVENT", "evt_of_the_fuzz_test").Replace(path)
		status, answer := b.send(t, method, path, body, http.Header{"Content-Type": {"application/json"}, "Authorization": {bearer + key}})
		if operation != "create-endpoint" || status != http.StatusCreated {
			return
		}
		if err := b.service.DeleteEndpoint(t.Context(), answer.ID); err != nil { // there may be so many only
			t.Error(err)
		}
	})
}

// The same for what Stripe signs.
func FuzzWebhookBody(f *testing.F) {
	files, err := filepath.Glob(filepath.Join("..", "stripe", "testdata", "20*", "*.json"))
	if err != nil || len(files) == 0 {
		f.Fatalf("no fixtures to start from: %v", err)
	}
	for _, file := range files {
		body, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(body))
	}
	f.Add(event("evt_1", true))
	b := setup(f, options{})
	f.Fuzz(func(t *testing.T, body string) {
		b.send(t, http.MethodPost, "webhook/", body, http.Header{"Stripe-Signature": {signature(body, webhookSecret, time.Now())}})
	})
}

// TestEveryBodyIsFuzzed checks that no request with a body was forgotten.
func TestEveryBodyIsFuzzed(t *testing.T) {
	t.Parallel()
	document, _ := setup(t, options{}).router(t)
	fuzzed := append(slices.Collect(maps.Keys(adminBodies)), "create-subscription", "webhook")
	var taken []string
	for _, item := range document.Paths.Map() {
		for _, operation := range item.Operations() {
			if operation.RequestBody != nil {
				taken = append(taken, operation.OperationID)
			}
		}
	}
	slices.Sort(fuzzed)
	slices.Sort(taken)
	if diff := cmp.Diff(taken, fuzzed); diff != "" {
		t.Errorf("bodies (-taken +fuzzed):\n%s", diff)
	}
}

// sentAnswer is what an answer says in any case.
type sentAnswer struct{ ID, Code, Detail string }

// send makes a request without a network, and checks that the answer is JSON,
// that nothing broke, and that a refusal says why.
func (b *testBundle) send(t *testing.T, method, path, body string, header http.Header) (int, sentAnswer) {
	t.Helper()
	sent := httptest.NewRequestWithContext(t.Context(), method, api.Prefix+path, strings.NewReader(body))
	sent.Header = header
	w := httptest.NewRecorder()
	b.handler.ServeHTTP(w, sent)
	var answer sentAnswer
	if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil || w.Code >= http.StatusInternalServerError {
		t.Errorf("%s %s %q: answered %d %s: %v", method, path, body, w.Code, w.Body, err)
	} else if w.Code >= http.StatusBadRequest && (answer.Code == "" || answer.Detail == "") {
		t.Errorf("%s %s %q: answered %d %s", method, path, body, w.Code, w.Body)
	}
	return w.Code, answer
}
