package api

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/lestrrat-go/jwx/v3/jwa"
	"github.com/lestrrat-go/jwx/v3/jws"

	"github.com/numerai-app/payments"
)

const (
	// maxToken bounds a token, in bytes.
	maxToken = 8 << 10
	// clockSkew is how far the clocks of issuer and server may be apart.
	clockSkew = 10 * time.Second
	minSecret = 32
	// lastSecond is in the year 36812: what is later is no date, and would
	// overflow.
	lastSecond   = 1 << 40
	defaultClaim = "user_id"
)

// TokensConfig says whose tokens are good.
type TokensConfig struct {
	// Secret is the HS256 key, 32 bytes or more; empty: none.
	Secret []byte
	// JWKSURL has the RS256, ES256 or EdDSA keys of an identity provider;
	// empty: none. One of the two is required.
	JWKSURL string
	// Issuer and Audience are checked when set.
	Issuer   string
	Audience string
	// UserClaim names the user. Default: user_id.
	UserClaim string
	// Now is real time. Default: time.Now.
	Now func() time.Time
	// HTTPClient reads the keys. Default: http.DefaultClient; a read is
	// bounded in time in any case.
	HTTPClient *http.Client
	// Logger is told of keys that cannot be read. Default: nobody is.
	Logger *slog.Logger
}

// Tokens checks users' tokens. Which algorithm is good is fixed here, never by
// a token.
type Tokens struct {
	config TokensConfig
	keys   *keys // nil: none
}

// NewTokens makes a checker of tokens.
func NewTokens(c TokensConfig) (*Tokens, error) {
	if len(c.Secret) == 0 && c.JWKSURL == "" {
		return nil, errors.New("tokens: neither a secret nor a URL of keys")
	}
	if len(c.Secret) > 0 && len(c.Secret) < minSecret {
		return nil, errors.New("tokens: an HS256 secret has 32 bytes or more")
	}
	if c.UserClaim == "" {
		c.UserClaim = defaultClaim
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.HTTPClient == nil {
		c.HTTPClient = http.DefaultClient
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	t := &Tokens{config: c}
	if c.JWKSURL != "" {
		t.keys = &keys{url: c.JWKSURL, client: c.HTTPClient, now: c.Now, log: c.Logger}
	}
	return t, nil
}

var (
	errToken   = unauthenticated("This token is not valid.")
	errExpired = unauthenticated("This token has expired.")
	errEarly   = unauthenticated("This token is not valid yet.")
)

// Verify checks a token and returns the user it names. Whatever is wrong is
// ErrUnauthenticated.
func (t *Tokens) Verify(ctx context.Context, token string) (payments.User, error) {
	if len(token) > maxToken || strings.Count(token, ".") != 2 || strings.ContainsFunc(token, notInToken) {
		return payments.User{}, errToken
	}
	payload, err := t.verifySignature(ctx, []byte(token))
	if err != nil {
		return payments.User{}, err
	}
	claims, err := decodeClaims(payload)
	if err != nil {
		return payments.User{}, errToken
	}
	if err := t.checkClaims(claims); err != nil {
		return payments.User{}, err
	}
	user := payments.User{Email: optionalEmail(claims["email"]), Name: optionalText(claims["name"], maxName)}
	if user.ID, err = userID(claims[t.config.UserClaim]); err != nil {
		return payments.User{}, err
	}
	return user, nil
}

// notInToken says what is neither base64url nor a dot. Decoders skip some of it,
// and one token must not have many spellings.
func notInToken(r rune) bool {
	return r != '.' && r != '-' && r != '_' && (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z')
}

// verifySignature returns the payload of a token that is signed with a key of
// ours. Where none of the identity provider's fits they are read again: it may
// have begun to sign with a new one.
func (t *Tokens) verifySignature(ctx context.Context, token []byte) ([]byte, error) {
	chosen := &keyChoice{tokens: t}
	payload, err := jws.Verify(token, jws.WithKeyProvider(chosen), jws.WithContext(ctx))
	if err != nil && chosen.ofProvider {
		chosen.anew = true
		payload, err = jws.Verify(token, jws.WithKeyProvider(chosen), jws.WithContext(ctx))
	}
	if err != nil {
		return nil, errToken
	}
	return payload, nil
}

// keyChoice chooses the keys for a token. The token's header only chooses
// between what is configured: keys and addresses in it are not looked at.
type keyChoice struct {
	tokens *Tokens
	// ofProvider says that the identity provider's keys were chosen from; with
	// anew they are read first.
	ofProvider, anew bool
}

// FetchKeys implements [jws.KeyProvider].
func (c *keyChoice) FetchKeys(ctx context.Context, sink jws.KeySink, signature *jws.Signature, _ *jws.Message) error {
	header := signature.ProtectedHeaders()
	algorithm, ok := header.Algorithm()
	if !ok || header.Has(jws.CriticalKey) { // no extension is understood here (RFC 7515, 4.1.11)
		return errToken
	}
	if algorithm == jwa.HS256() && len(c.tokens.config.Secret) > 0 {
		sink.Key(algorithm, c.tokens.config.Secret)
		return nil
	}
	if _, ok := keyTypes[algorithm]; !ok || c.tokens.keys == nil {
		return errToken
	}
	c.ofProvider = true
	read := c.tokens.keys.current
	if c.anew {
		read = c.tokens.keys.refresh
	}
	kid, _ := header.KeyID()
	for _, key := range fitting(read(ctx), algorithm, kid) {
		sink.Key(algorithm, key)
	}
	return nil
}

// decodeClaims reads a token's payload. Numbers stay as they are written.
func decodeClaims(payload []byte) (claims map[string]any, err error) {
	if !json.Valid(payload) { // the decoder would not look at what follows
		return nil, errToken
	}
	decoder := json.NewDecoder(bytes.NewReader(payload))
	decoder.UseNumber()
	return claims, decoder.Decode(&claims)
}

// checkClaims checks all but the user.
func (t *Tokens) checkClaims(claims map[string]any) error {
	now := t.config.Now()
	expires, ok := moment(claims["exp"])
	if !ok {
		return unauthenticated("This token has no exp: a token has to expire.")
	}
	if !now.Before(expires.Add(clockSkew)) {
		return errExpired
	}
	for _, name := range []string{"nbf", "iat"} {
		if value, there := claims[name]; there {
			if from, ok := moment(value); !ok || now.Before(from.Add(-clockSkew)) {
				return errEarly
			}
		}
	}
	if kind, there := claims["token_type"]; there && kind != "access" {
		return unauthenticated("This is not an access token.")
	}
	if t.config.Issuer != "" && claims["iss"] != t.config.Issuer {
		return errToken
	}
	if t.config.Audience != "" && !hasAudience(claims["aud"], t.config.Audience) {
		return errToken
	}
	return nil
}

// moment reads a NumericDate: seconds since 1970, fractions cut off.
func moment(value any) (time.Time, bool) {
	number, ok := value.(json.Number)
	if !ok {
		return time.Time{}, false
	}
	if seconds, err := number.Int64(); err == nil {
		return time.Unix(seconds, 0), seconds > 0 && seconds <= lastSecond
	}
	seconds, err := number.Float64()
	if err != nil || seconds <= 0 || seconds > lastSecond {
		return time.Time{}, false
	}
	return time.Unix(int64(seconds), 0), true
}

func hasAudience(value any, wanted string) bool {
	list, ok := value.([]any)
	if !ok {
		return value == wanted
	}
	return slices.Contains(list, any(wanted))
}

// userID reads the claim that names the user: a text, or a whole number as it
// is written, without rounding.
func userID(value any) (string, error) {
	var id string
	switch value := value.(type) {
	case string:
		id = value
	case json.Number:
		id = value.String()
		if strings.ContainsAny(id, ".eE") || id == "-0" {
			return "", errToken
		}
	}
	if !payments.ValidUserID(id) {
		return "", unauthenticated("This token does not name its user.")
	}
	return id, nil
}

// The lengths in characters that Stripe takes.
const (
	maxEmail = 512
	maxName  = 256
)

// optionalText is a value that may be left out, and that is left out if it is
// not a text that Stripe and the database would take.
func optionalText(value any, size int) string {
	text, _ := value.(string)
	if !utf8.ValidString(text) || utf8.RuneCountInString(text) > size || strings.ContainsFunc(text, unicode.IsControl) {
		return ""
	}
	return text
}

// optionalEmail leaves out what Stripe would refuse as an address: contact data
// must not keep anybody from paying.
func optionalEmail(value any) string {
	text := optionalText(value, maxEmail)
	name, host, ok := strings.Cut(text, "@")
	if !ok || name == "" || host == "" || strings.ContainsAny(text, " <>,") {
		return ""
	}
	return text
}

// SignParams says what a token is to say.
type SignParams struct {
	// Secret is the HS256 key, 32 bytes or more.
	Secret string
	// UserClaim names the user. Default: user_id.
	UserClaim string
	User      payments.User
	// TTL is how long it is good for.
	TTL time.Duration
}

// Sign makes a user's token, shaped like those of Django's Simple JWT.
func Sign(p SignParams) (string, error) {
	if len(p.Secret) < minSecret {
		return "", errors.New("the key to sign with has less than 32 bytes: PAYMENTS_JWT_SECRET needs 32 or more")
	}
	if !payments.ValidUserID(p.User.ID) {
		return "", errors.New("a user id has 1 to 200 characters, none of them a control character")
	}
	if p.UserClaim == "" {
		p.UserClaim = defaultClaim
	}
	now := time.Now()
	claims := map[string]any{
		"token_type": "access", "iat": now.Unix(), "exp": now.Add(p.TTL).Unix(), "jti": rand.Text(),
		p.UserClaim: p.User.ID,
	}
	if p.User.Email != "" {
		claims["email"] = p.User.Email
	}
	if p.User.Name != "" {
		claims["name"] = p.User.Name
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		return "", err
	}
	headers := jws.NewHeaders()
	if err := headers.Set("typ", "JWT"); err != nil {
		return "", err
	}
	token, err := jws.Sign(payload, jws.WithKey(jwa.HS256(), []byte(p.Secret), jws.WithProtectedHeaders(headers)))
	if err != nil {
		return "", fmt.Errorf("sign the token: %w", err)
	}
	return string(token), nil
}
