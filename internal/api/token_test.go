package api_test

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/lestrrat-go/jwx/v3/jwa"
	"github.com/lestrrat-go/jwx/v3/jws"

	"github.com/numerai-app/payments"
	"github.com/numerai-app/payments/internal/api"
)

// tokenTime is now, for the tests of tokens.
var tokenTime = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

func newTokens(t testing.TB, c api.TokensConfig) *api.Tokens {
	t.Helper()
	if c.Now == nil {
		c.Now = func() time.Time { return tokenTime }
	}
	tokens, err := api.NewTokens(c)
	if err != nil {
		t.Fatal(err)
	}
	return tokens
}

// raw is a claim that is written as it is.
type raw = json.RawMessage

// claims are those of Simple JWT with some of them changed; nil takes one away.
func claims(t testing.TB, changed map[string]any) []byte {
	t.Helper()
	all := map[string]any{"token_type": "access", "exp": tokenTime.Add(time.Hour).Unix(), "iat": tokenTime.Unix(), "jti": "1", "user_id": 42}
	maps.Copy(all, changed)
	maps.DeleteFunc(all, func(_ string, value any) bool { return value == nil })
	encoded, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	return encoded
}

// compact signs with HMAC-SHA256, whatever the header says.
func compact(header string, payload []byte, key string) string {
	encode := base64.RawURLEncoding.EncodeToString
	text := encode([]byte(header)) + "." + encode(payload)
	mac := hmac.New(sha256.New, []byte(key))
	mac.Write([]byte(text))
	return text + "." + encode(mac.Sum(nil))
}

const hs256 = `{"alg":"HS256","typ":"JWT"}`

func TestClaims(t *testing.T) {
	t.Parallel()
	tokens := newTokens(t, api.TokensConfig{Secret: []byte(secret)})
	at := func(d time.Duration) int64 { return tokenTime.Add(d).Unix() }
	const refused = ""
	for name, test := range map[string]struct {
		changed map[string]any
		user    string
	}{
		"as Simple JWT makes them":   {nil, "42"},
		"a text":                     {map[string]any{"user_id": "42"}, "42"},
		"a UUID":                     {map[string]any{"user_id": "0d5a3e0c-1f0b-4b8e-9d55-9f6f8a1f8f11"}, "0d5a3e0c-1f0b-4b8e-9d55-9f6f8a1f8f11"},
		"not rounded":                {map[string]any{"user_id": raw("9007199254740993")}, "9007199254740993"},
		"longer than 64 bits":        {map[string]any{"user_id": raw("123456789012345678901234567890")}, "123456789012345678901234567890"},
		"200 characters":             {map[string]any{"user_id": strings.Repeat("ü", 200)}, strings.Repeat("ü", 200)},
		"201 characters":             {map[string]any{"user_id": strings.Repeat("ü", 201)}, refused},
		"a fraction":                 {map[string]any{"user_id": raw("42.0")}, refused},
		"an exponent":                {map[string]any{"user_id": raw("1e3")}, refused},
		"a large exponent":           {map[string]any{"user_id": raw("1E3")}, refused},
		"true":                       {map[string]any{"user_id": true}, refused},
		"an object":                  {map[string]any{"user_id": map[string]any{"id": 42}}, refused},
		"a list":                     {map[string]any{"user_id": []int{42}}, refused},
		"an empty text":              {map[string]any{"user_id": ""}, refused},
		"null":                       {map[string]any{"user_id": raw("null")}, refused},
		"a line break":               {map[string]any{"user_id": "4\n2"}, refused},
		"a NUL":                      {map[string]any{"user_id": "42\x00"}, refused},
		"a C1 control":               {map[string]any{"user_id": "4\u00852"}, refused},
		"no user":                    {map[string]any{"user_id": nil}, refused},
		"another claim":              {map[string]any{"user_id": nil, "sub": "42"}, refused},
		"expired":                    {map[string]any{"exp": at(-time.Minute)}, refused},
		"expired within the skew":    {map[string]any{"exp": at(-5 * time.Second)}, "42"},
		"expired at the skew's end":  {map[string]any{"exp": at(-10 * time.Second)}, refused},
		"a fraction of a second":     {map[string]any{"exp": raw(fmt.Sprint(at(time.Hour), ".5"))}, "42"},
		"no exp":                     {map[string]any{"exp": nil}, refused},
		"exp null":                   {map[string]any{"exp": raw("null")}, refused},
		"exp a text":                 {map[string]any{"exp": fmt.Sprint(at(time.Hour))}, refused},
		"exp negative":               {map[string]any{"exp": -1}, refused},
		"exp beyond all time":        {map[string]any{"exp": raw("9223372036854775807")}, refused},
		"exp 1e400":                  {map[string]any{"exp": raw("1e400")}, refused},
		"not before a minute":        {map[string]any{"nbf": at(time.Minute)}, refused},
		"not before the skew":        {map[string]any{"nbf": at(5 * time.Second)}, "42"},
		"not before long ago":        {map[string]any{"nbf": at(-time.Hour)}, "42"},
		"not before all time":        {map[string]any{"nbf": raw("9223372036854775807")}, refused},
		"nbf a text":                 {map[string]any{"nbf": "yesterday"}, refused},
		"refresh":                    {map[string]any{"token_type": "refresh"}, refused},
		"token_type null":            {map[string]any{"token_type": raw("null")}, refused},
		"token_type in capitals":     {map[string]any{"token_type": "ACCESS"}, refused},
		"no token_type":              {map[string]any{"token_type": nil}, "42"},
		"an issuer that nobody asks": {map[string]any{"iss": "anybody", "aud": 7}, "42"},
	} {
		user, err := tokens.Verify(t.Context(), compact(hs256, claims(t, test.changed), secret))
		if user.ID != test.user || (err == nil) != (test.user != refused) || err != nil && !errors.Is(err, payments.ErrUnauthenticated) {
			t.Errorf("%s: user %q, %v", name, user.ID, err)
		}
	}
}

func TestIssuerAudienceAndOtherClaim(t *testing.T) {
	t.Parallel()
	tokens := newTokens(t, api.TokensConfig{Secret: []byte(secret), Issuer: "https://id.example", Audience: "payments", UserClaim: "sub"})
	for name, test := range map[string]struct {
		changed map[string]any
		ok      bool
	}{
		"all fit":             {map[string]any{"iss": "https://id.example", "aud": "payments", "sub": "ada"}, true},
		"one of audiences":    {map[string]any{"iss": "https://id.example", "aud": []string{"shop", "payments"}, "sub": "ada"}, true},
		"other issuer":        {map[string]any{"iss": "https://id.example/", "aud": "payments", "sub": "ada"}, false},
		"no issuer":           {map[string]any{"aud": "payments", "sub": "ada"}, false},
		"other audience":      {map[string]any{"iss": "https://id.example", "aud": "payments2", "sub": "ada"}, false},
		"other audiences":     {map[string]any{"iss": "https://id.example", "aud": []any{"shop", 7}, "sub": "ada"}, false},
		"no audience":         {map[string]any{"iss": "https://id.example", "sub": "ada"}, false},
		"user_id is not read": {map[string]any{"iss": "https://id.example", "aud": "payments"}, false},
	} {
		user, err := tokens.Verify(t.Context(), compact(hs256, claims(t, test.changed), secret))
		if (err == nil) != test.ok || test.ok && user.ID != "ada" {
			t.Errorf("%s: user %q, %v", name, user.ID, err)
		}
	}
}

func TestSignaturesOfTokens(t *testing.T) {
	t.Parallel()
	tokens := newTokens(t, api.TokensConfig{Secret: []byte(secret)})
	payload := claims(t, nil)
	good := compact(hs256, payload, secret)
	if _, err := tokens.Verify(t.Context(), good); err != nil {
		t.Fatal(err)
	}
	head, rest, _ := strings.Cut(good, ".")
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	encode := base64.RawURLEncoding.EncodeToString
	unsigned := encode([]byte(`{"alg":"none"}`)) + "." + encode(payload) + "."
	for name, token := range map[string]string{
		"wrong secret":       compact(hs256, payload, secret+"x"),
		"none":               unsigned,
		"none, signed":       compact(`{"alg":"none"}`, payload, secret),
		"None":               compact(`{"alg":"None"}`, payload, secret),
		"no algorithm":       compact(`{"typ":"JWT"}`, payload, secret),
		"RS256, our secret":  compact(`{"alg":"RS256"}`, payload, secret),
		"HS512, our secret":  compact(`{"alg":"HS512"}`, payload, secret),
		"RS256, their key":   signWith(t, jwa.RS256(), private, payload, nil),
		"unknown algorithm":  compact(`{"alg":"XS256"}`, payload, secret),
		"crit":               compact(`{"alg":"HS256","crit":["exp"],"exp":1}`, payload, secret),
		"crit, unknown":      compact(`{"alg":"HS256","crit":["x"],"x":1}`, payload, secret),
		"crit, empty":        compact(`{"alg":"HS256","crit":[]}`, payload, secret),
		"b64":                compact(`{"alg":"HS256","crit":["b64"],"b64":false}`, payload, secret),
		"its own key":        compact(`{"alg":"HS256","jwk":{"kty":"oct","k":"`+encode([]byte("x"))+`"}}`, payload, "x"),
		"payload no object":  compact(hs256, []byte("[]"), secret),
		"payload null":       compact(hs256, []byte("null"), secret),
		"payload no JSON":    compact(hs256, []byte("x"), secret),
		"empty payload":      compact(hs256, nil, secret),
		"header no JSON":     compact("x", payload, secret),
		"two parts":          head + "." + encode(payload),
		"four parts":         good + ".x",
		"five parts":         good + ".x.y",
		"no header":          "." + rest,
		"signature cut":      good[:len(good)-2],
		"in JSON":            `{"payload":"` + encode(payload) + `","signatures":[]}`,
		"spaces":             " " + good,
		"9 KB":               compact(hs256, claims(t, map[string]any{"name": strings.Repeat("x", 9000)}), secret),
		"9 KB of dots":       strings.Repeat(".", 9000),
		"a line break in it": head + "\n." + rest,
	} {
		if user, err := tokens.Verify(t.Context(), token); !errors.Is(err, payments.ErrUnauthenticated) {
			t.Errorf("%s: user %q, %v", name, user.ID, err)
		}
	}
	for name, header := range map[string]string{
		"jwk": `{"alg":"HS256","jwk":{"kty":"oct","k":"eA"}}`, "jku": `{"alg":"HS256","jku":"http://127.0.0.1:1/keys"}`, "kid": `{"alg":"HS256","kid":"any"}`,
	} {
		if _, err := tokens.Verify(t.Context(), compact(header, payload, secret)); err != nil {
			t.Errorf("our own signature beside %s: %v", name, err)
		}
	}
}

func signWith(t testing.TB, algorithm jwa.SignatureAlgorithm, key any, payload []byte, header map[string]any) string {
	t.Helper()
	headers := jws.NewHeaders()
	for name, value := range header {
		if err := headers.Set(name, value); err != nil {
			t.Fatal(err)
		}
	}
	signed, err := jws.Sign(payload, jws.WithKey(algorithm, key, jws.WithProtectedHeaders(headers)))
	if err != nil {
		t.Fatal(err)
	}
	return string(signed)
}

func TestSignThenVerify(t *testing.T) {
	t.Parallel()
	for _, claim := range []string{"", "sub"} {
		want := payments.User{ID: "42", Email: "ada@example.com", Name: "Ada <Ü>"}
		signed, err := api.Sign(api.SignParams{Secret: secret, UserClaim: claim, User: want, TTL: time.Minute})
		if err != nil {
			t.Fatal(err)
		}
		got, err := newTokens(t, api.TokensConfig{Secret: []byte(secret), UserClaim: claim, Now: time.Now}).Verify(t.Context(), signed)
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%v (-signed +verified):\n%s", err, diff)
		}
	}
	for name, p := range map[string]api.SignParams{
		"short secret": {Secret: secret[:31], User: payments.User{ID: "42"}}, "no user": {Secret: secret},
		"long user": {Secret: secret, User: payments.User{ID: strings.Repeat("x", 201)}},
	} {
		if _, err := api.Sign(p); err == nil {
			t.Errorf("%s: signed", name)
		}
	}
	for name, c := range map[string]api.TokensConfig{"nothing": {}, "short secret": {Secret: []byte(secret[:31])}} {
		if _, err := api.NewTokens(c); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

// signer is one key of an identity provider.
type signer struct {
	algorithm jwa.SignatureAlgorithm
	private   any
	public    any
}

func signers(t testing.TB) []signer {
	t.Helper()
	forRSA, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	forEC, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return []signer{{jwa.RS256(), forRSA, &forRSA.PublicKey}, {jwa.ES256(), forEC, &forEC.PublicKey}, {jwa.EdDSA(), private, public}}
}

// publicPEM is what an attacker knows of a key.
func (s signer) publicPEM(t testing.TB) string {
	t.Helper()
	encoded, err := x509.MarshalPKIXPublicKey(s.public)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: encoded}))
}
