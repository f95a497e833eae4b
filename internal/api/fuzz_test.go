package api_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

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
		sent := httptest.NewRequest(http.MethodPost, api.Prefix+"create-subscription/", strings.NewReader(body))
		sent.Header = http.Header{
			"Content-Type": {"application/json"}, "Authorization": {bearer + key}, "X-User-Id": {t.Name()}, "Idempotency-Key": {idempotencyKey},
		}
		w := httptest.NewRecorder()
		b.handler.ServeHTTP(w, sent)
		var answer struct{ Code, Detail string }
		if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil || w.Code >= http.StatusInternalServerError {
			t.Fatalf("answered %d %s: %v", w.Code, w.Body, err)
		}
		if w.Code >= http.StatusBadRequest && (answer.Code == "" || answer.Detail == "") {
			t.Errorf("answered %d %s", w.Code, w.Body)
		}
	})
}
