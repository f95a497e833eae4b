package stripesim

import (
	"crypto/subtle"
	"net/http"
	"strings"
)

// authenticate checks the key of a request: Bearer, or the user of Basic.
func (s *Simulator) authenticate(r *request) *apiError {
	given, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !ok {
		given, _, _ = r.BasicAuth()
	}
	unauthorized := &apiError{status: http.StatusUnauthorized, kind: invalidRequestError}
	if given == "" {
		unauthorized.message = "You did not provide an API key. You need to provide your API key in the Authorization header, using Bearer auth (e.g. 'Authorization: Bearer YOUR_SECRET_KEY'). See https://stripe.com/docs/api#authentication for details, or we can help at https://support.stripe.com/."
		return unauthorized
	}
	r.account = digest(given)
	r.public = strings.HasPrefix(given, "pk_test_")
	secret := strings.HasPrefix(given, "sk_test_") || strings.HasPrefix(given, "rk_test_")
	if s.config.SecretKey != "" {
		secret = subtle.ConstantTimeCompare([]byte(given), []byte(s.config.SecretKey)) == 1
	}
	if !r.public && !secret {
		unauthorized.message = "Invalid API Key provided: " + masked(given)
		return unauthorized
	}
	return nil
}

// masked shows enough of a key to recognise it.
func masked(key string) string {
	if len(key) < 16 {
		return strings.Repeat("*", len(key))
	}
	return key[:8] + strings.Repeat("*", 8) + key[len(key)-4:]
}
