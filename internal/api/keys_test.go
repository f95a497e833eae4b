package api_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/lestrrat-go/jwx/v3/jwa"
	"github.com/lestrrat-go/jwx/v3/jwk"

	"github.com/numerai-app/payments"
	"github.com/numerai-app/payments/internal/api"
)

// provider is an identity provider with keys that change and troubles that come
// and go.
type provider struct {
	*httptest.Server
	mu    sync.Mutex
	set   any
	away  bool
	reads atomic.Int64
	now   atomic.Int64 // since tokenTime
}

func newProvider(t testing.TB, keys ...jwk.Key) *provider {
	t.Helper()
	p := new(provider)
	p.publish(keys...)
	p.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		p.reads.Add(1)
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.away {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		_ = json.NewEncoder(w).Encode(p.set)
	}))
	t.Cleanup(p.Close)
	return p
}

func (p *provider) publish(keys ...jwk.Key) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.set = map[string]any{"keys": keys}
}

func (p *provider) setAway(away bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.away = away
}

func (p *provider) pass(d time.Duration) { p.now.Add(int64(d)) }

func (p *provider) tokens(t testing.TB) *api.Tokens {
	t.Helper()
	return newTokens(t, api.TokensConfig{JWKSURL: p.URL, Now: func() time.Time { return tokenTime.Add(time.Duration(p.now.Load())) }})
}

func public(t testing.TB, key any, members map[string]any) jwk.Key {
	t.Helper()
	imported, err := jwk.Import(key)
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range members {
		if err := imported.Set(name, value); err != nil {
			t.Fatal(err)
		}
	}
	return imported
}

func TestKeysOfAProvider(t *testing.T) {
	t.Parallel()
	list, strangers := signers(t), signers(t)
	payload := claims(t, map[string]any{"exp": tokenTime.Add(24 * time.Hour).Unix()})
	for i, s := range list {
		alone := newProvider(t, public(t, s.public, nil))
		named := newProvider(t,
			public(t, strangers[0].public, map[string]any{"kid": "for encryption", "use": "enc", "alg": "RSA-OAEP"}),
			public(t, []byte(secret), map[string]any{"kid": "a secret"}),
			public(t, strangers[i].public, map[string]any{"kid": "old"}),
			public(t, s.public, map[string]any{"kid": "new", "use": "sig", "alg": s.algorithm.String()}),
		)
		for name, test := range map[string]struct {
			at    *provider
			token string
			ok    bool
		}{
			"no kid on either side":     {alone, signWith(t, s.algorithm, s.private, payload, nil), true},
			"kid in the token alone":    {alone, signWith(t, s.algorithm, s.private, payload, map[string]any{"kid": "x"}), true},
			"its kid":                   {named, signWith(t, s.algorithm, s.private, payload, map[string]any{"kid": "new"}), true},
			"no kid, several keys":      {named, signWith(t, s.algorithm, s.private, payload, nil), true},
			"the kid of another":        {named, signWith(t, s.algorithm, s.private, payload, map[string]any{"kid": "old"}), false},
			"unknown kid":               {named, signWith(t, s.algorithm, s.private, payload, map[string]any{"kid": "x"}), false},
			"a stranger's key":          {alone, signWith(t, s.algorithm, strangers[i].private, payload, nil), false},
			"HS256 with a secret":       {alone, compact(hs256, payload, secret), false},
			"HS256 with a listed one":   {named, compact(`{"alg":"HS256","kid":"a secret"}`, payload, secret), false},
			"another algorithm's name":  {named, compact(`{"alg":"`+s.algorithm.String()+`","kid":"a secret"}`, payload, secret), false},
			"HS256 with the public key": {alone, compact(hs256, payload, s.publicPEM(t)), false},
			"its own jwk": {alone, signWith(t, s.algorithm, strangers[i].private, payload, map[string]any{
				"jwk": public(t, strangers[i].public, nil),
			}), false},
			"crit": {alone, signWith(t, s.algorithm, s.private, payload, map[string]any{"crit": []string{"x"}, "x": 1}), false},
		} {
			user, err := test.at.tokens(t).Verify(t.Context(), test.token)
			if (err == nil) != test.ok || test.ok && user.ID != "42" || !test.ok && !errors.Is(err, payments.ErrUnauthenticated) {
				t.Errorf("%s, %s: user %q, %v", s.algorithm, name, user.ID, err)
			}
		}
	}
}

func TestAlgorithmsThatAreNotTaken(t *testing.T) {
	t.Parallel()
	s := signers(t)[0]
	p := newProvider(t, public(t, s.public, nil))
	tokens := p.tokens(t)
	for _, algorithm := range []jwa.SignatureAlgorithm{jwa.RS384(), jwa.RS512(), jwa.PS256()} {
		if _, err := tokens.Verify(t.Context(), signWith(t, algorithm, s.private, claims(t, nil), nil)); err == nil {
			t.Errorf("%s is taken", algorithm)
		}
	}
	if n := p.reads.Load(); n != 0 {
		t.Errorf("the keys were read %d times for nothing", n)
	}
}

func TestKeysRotate(t *testing.T) {
	t.Parallel()
	list, next := signers(t), signers(t)
	payload := claims(t, map[string]any{"exp": tokenTime.Add(24 * time.Hour).Unix()})
	for _, kids := range [][2]map[string]any{{nil, nil}, {{"kid": "1"}, {"kid": "2"}}} {
		p := newProvider(t, public(t, list[0].public, kids[0]))
		tokens := p.tokens(t)
		old, fresh := signWith(t, list[0].algorithm, list[0].private, payload, kids[0]), signWith(t, next[0].algorithm, next[0].private, payload, kids[1])
		verify := func(what, token string, ok bool) {
			t.Helper()
			if _, err := tokens.Verify(t.Context(), token); (err == nil) != ok {
				t.Errorf("%s: %v", what, err)
			}
		}
		verify("the first key", old, true)
		verify("the next key, too early", fresh, false)
		p.publish(public(t, list[0].public, kids[0]), public(t, next[0].public, kids[1]))
		for range 100 {
			verify("within the pause", fresh, false)
		}
		if n := p.reads.Load(); n != 1 {
			t.Errorf("the keys were read %d times", n)
		}
		p.pass(10 * time.Second)
		verify("the next key", fresh, true)
		verify("the first key beside it", old, true)
		p.publish(public(t, next[0].public, kids[1]))
		verify("the first key, still known", old, true)
		p.pass(time.Hour)
		verify("the first key, withdrawn", old, false)
		verify("the next key alone", fresh, true)
		p.setAway(true)
		p.pass(12 * time.Hour)
		verify("while the provider is away", fresh, true)
	}
}

func TestProviderIsAwayAtTheStart(t *testing.T) {
	t.Parallel()
	s := signers(t)[2]
	p := newProvider(t, public(t, s.public, nil))
	p.setAway(true)
	tokens, token := p.tokens(t), signWith(t, s.algorithm, s.private, claims(t, nil), nil)
	for range 3 {
		if _, err := tokens.Verify(t.Context(), token); !errors.Is(err, payments.ErrUnauthenticated) {
			t.Errorf("while it is away: %v", err)
		}
	}
	if n := p.reads.Load(); n != 1 {
		t.Errorf("the keys were asked for %d times", n)
	}
	p.setAway(false)
	p.pass(10 * time.Second)
	var group sync.WaitGroup
	for range 20 {
		group.Go(func() {
			if _, err := tokens.Verify(t.Context(), token); err != nil {
				t.Errorf("after it came back: %v", err)
			}
		})
	}
	group.Wait()
	if n := p.reads.Load(); n != 2 {
		t.Errorf("the keys were asked for %d times", n)
	}
}

func TestProviderThatIsNone(t *testing.T) {
	t.Parallel()
	s := signers(t)[2]
	token := signWith(t, s.algorithm, s.private, claims(t, nil), nil)
	hangs := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
	t.Cleanup(hangs.Close)
	page := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<html>")) }))
	t.Cleanup(page.Close)
	for name, url := range map[string]string{"hangs": hangs.URL, "a page": page.URL, "nobody there": "http://127.0.0.1:1/keys"} {
		tokens := newTokens(t, api.TokensConfig{JWKSURL: url, HTTPClient: &http.Client{Timeout: 100 * time.Millisecond}})
		if _, err := tokens.Verify(t.Context(), token); !errors.Is(err, payments.ErrUnauthenticated) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
