package api_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/lestrrat-go/jwx/v3/jwa"
	"github.com/lestrrat-go/jwx/v3/jws"

	"github.com/numerai-app/payments"
	"github.com/numerai-app/payments/internal/api"
)

// TestManyFaults checks that an answer does not grow with what is wrong, and
// that the same request gets the same answer.
func TestManyFaults(t *testing.T) {
	t.Parallel()
	b := setup(t, options{})
	members := map[string]any{"plan": "premium", strings.Repeat("é", 3000): 1}
	for i := range 3000 {
		members[fmt.Sprintf("x%04d", i)] = 1
	}
	first := b.subscribe(t, "1", members)
	if faults, _ := first.json["errors"].([]any); first.status != http.StatusBadRequest || len(faults) != 20 {
		t.Fatalf("answered %d with %d faults, want 400 with 20", first.status, len(faults))
	}
	if first.json["detail"] != "x0000: Unexpected property." {
		t.Errorf("detail is %v", first.json["detail"])
	}
	long := b.subscribe(t, "1", map[string]any{"plan": "premium", strings.Repeat("é", 3000): 1})
	if long.status != http.StatusBadRequest || len(long.raw) > 1000 {
		t.Errorf("answered %d with %d bytes", long.status, len(long.raw))
	}
}

// TestNumbersOfPages checks the numbers that strconv and huma read otherwise
// than people do.
func TestNumbersOfPages(t *testing.T) {
	t.Parallel()
	b := setup(t, options{})
	for query, want := range map[string]int{
		"?page_size=99999999999999999999999": http.StatusOK,
		"?page_size=007":                     http.StatusOK,
		"?page=99999999999999999999999":      http.StatusNotFound,
		"?page=%2B1":                         http.StatusBadRequest,
		"?page=1_0":                          http.StatusBadRequest,
		"?page=0x1":                          http.StatusBadRequest,
		"?page=1&page=2":                     http.StatusBadRequest,
		"?page=1%20":                         http.StatusBadRequest,
		"?page=00":                           http.StatusBadRequest,
	} {
		if a := b.call(t, request{path: "billing-history/" + query, user: "1"}); a.status != want {
			t.Errorf("%s: answered %d, want %d: %s", query, a.status, want, a.raw)
		}
	}
}

// TestCallerWhoHasGone checks that it is nobody's alarm.
func TestCallerWhoHasGone(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	b := setup(t, options{logger: slog.New(slog.NewTextHandler(&log, nil))})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	sent := httptest.NewRequestWithContext(ctx, http.MethodGet, api.Prefix+"subscription-status/", nil)
	sent.Header.Set("Authorization", bearer+token(t, "1"))
	b.handler.ServeHTTP(httptest.NewRecorder(), sent)
	if log.Len() > 0 {
		t.Errorf("logged %s", log.String())
	}
}

// published is a key of a provider's, as it stands there.
type published string

func (p published) MarshalJSON() ([]byte, error) { return []byte(p), nil }

// TestKeysOfOtherKinds checks that what else a provider publishes does not keep
// its users out.
func TestKeysOfOtherKinds(t *testing.T) {
	t.Parallel()
	for name, other := range map[string]string{
		"an unknown type":    `{"kty":"AKP","alg":"ML-DSA-44","kid":"x","pub":"AA"}`,
		"an unknown curve":   `{"kty":"EC","crv":"secp256k1","kid":"x","x":"AA","y":"AA"}`,
		"a broken one":       `{"kty":"RSA","kid":"x"}`,
		"a published secret": `{"kty":"oct","kid":"x","k":"c2VjcmV0IHNlY3JldCBzZWNyZXQgc2VjcmV0IHNlY3JldA"}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
			if err != nil {
				t.Fatal(err)
			}
			p := newProvider(t)
			p.set = map[string]any{"keys": []any{published(other), public(t, key.Public(), nil)}}
			user, err := p.tokens(t).Verify(t.Context(), signWith(t, jwa.ES256(), key, claims(t, nil), nil))
			if err != nil || user.ID != "42" {
				t.Errorf("user %q, %v", user.ID, err)
			}
		})
	}
}

// TestKeysDoNotServeForEver checks that a provider that is away keeps its users
// for a day and no longer: one of its keys may have been withdrawn.
func TestKeysDoNotServeForEver(t *testing.T) {
	t.Parallel()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	p := newProvider(t, public(t, key.Public(), nil))
	tokens := p.tokens(t)
	signed := signWith(t, jwa.ES256(), key, claims(t, map[string]any{"exp": tokenTime.Add(1000 * time.Hour).Unix()}), nil)
	for _, step := range []struct {
		pass time.Duration
		away bool
		good bool
	}{
		{0, false, true},
		{2 * time.Hour, true, true},
		{21 * time.Hour, true, true},
		{2 * time.Hour, true, false},
		{time.Hour, false, true},
	} {
		p.pass(step.pass)
		p.setAway(step.away)
		if _, err := tokens.Verify(t.Context(), signed); (err == nil) != step.good {
			t.Errorf("%+v: %v", step, err)
		}
	}
}

// TestClaimsThatReadTwoWays checks payloads that are signed and still no good.
func TestClaimsThatReadTwoWays(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_800_000_000, 0)
	tokens, err := api.NewTokens(api.TokensConfig{Secret: []byte(secret), Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	for payload, good := range map[string]bool{
		`{"user_id":42,"exp":1800000100,"iat":1799999990}`:                 true,
		`{"user_id":9007199254740993,"exp":1800000100.5,"iat":1800000005}`: true,
		`{"user_id":42,"exp":1800000100,"iat":1800000060}`:                 false,
		`{"user_id":42,"exp":1800000100,"iat":"yesterday"}`:                false,
		`{"user_id":42,"exp":1800000100,"nbf":1800000060}`:                 false,
		`{"user_id":42,"exp":1800000100,"nbf":null}`:                       false,
		`{"user_id":-0,"exp":1800000100}`:                                  false,
		`{"user_id":42.0,"exp":1800000100}`:                                false,
		`{"user_id":42,"exp":1800000100}{}`:                                false,
		`{"user_id":42,"exp":1800000100} more`:                             false,
		`[{"user_id":42,"exp":1800000100}]`:                                false,
		`null`:                                                             false,
	} {
		signed, err := jws.Sign([]byte(payload), jws.WithKey(jwa.HS256(), []byte(secret)))
		if err != nil {
			t.Fatal(err)
		}
		user, err := tokens.Verify(t.Context(), string(signed))
		if (err == nil) != good || err != nil && !errors.Is(err, payments.ErrUnauthenticated) {
			t.Errorf("%s: user %q, %v", payload, user.ID, err)
		}
		if written := strings.Contains(payload, `:`+user.ID+`,`); good && !written {
			t.Errorf("%s: user is %q", payload, user.ID)
		}
	}
}
