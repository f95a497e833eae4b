package api_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/numerai-app/payments"
	"github.com/numerai-app/payments/internal/api"
	"github.com/numerai-app/payments/internal/storetest"
)

func (b *testBundle) key(t testing.TB, role payments.Role) (payments.Key, string) {
	t.Helper()
	key, secret, err := b.service.CreateKey(t.Context(), role, "of a test")
	if err != nil {
		t.Fatal(err)
	}
	return key, secret
}

func TestKeys(t *testing.T) {
	t.Parallel()
	b := setup(t, options{})
	for _, role := range []payments.Role{payments.RoleService, payments.RoleAdmin} {
		key, secret := b.key(t, role)
		authorization := []string{"Authorization", bearer + secret}
		user := "user of " + string(role)
		acting := append([]string{"X-User-Id", user, "X-User-Email", string(role) + "@example.com"}, authorization...)
		b.call(t, request{path: "create-subscription/", body: visa, header: acting}).expect(t, http.StatusCreated, createdMembers...)
		a := b.call(t, request{path: "subscription-status/", user: user})
		if a.json["is_premium"] != true {
			t.Errorf("%s: the user sees %s", role, a.raw)
		}
		if email := b.customer(t, user).Email; email != string(role)+"@example.com" {
			t.Errorf("%s: the email is %q", role, email)
		}
		for _, id := range []string{"-", "", strings.Repeat("x", 201), "\xff"} {
			b.call(t, request{path: "subscription-status/", header: append([]string{"X-User-Id", id}, authorization...)}).
				expectProblem(t, http.StatusBadRequest, "invalid_request", "X-User-Id")
		}
		if err := b.service.RevokeKey(t.Context(), key.ID); err != nil {
			t.Fatal(err)
		}
		a = b.call(t, request{path: "subscription-status/", header: acting})
		a.expectProblem(t, http.StatusUnauthorized, "unauthenticated")
		if a.header.Get("WWW-Authenticate") != "Bearer" {
			t.Errorf("WWW-Authenticate is %q", a.header.Get("WWW-Authenticate"))
		}
	}
}

func (b *testBundle) customer(t testing.TB, user string) (customer payments.Customer) {
	t.Helper()
	err := b.store.View(t.Context(), func(tx payments.Tx) (err error) {
		customer, err = tx.Customer(t.Context(), user)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return customer
}

func TestWhoIsRefused(t *testing.T) {
	t.Parallel()
	b := setup(t, options{})
	_, key := b.key(t, payments.RoleService)
	good := token(t, "42")
	for _, authorization := range []string{
		"-", "", "Bearer", "Bearer ", good, "Basic " + good, "Token " + good, bearer + "x", bearer + "payments_service_unknown",
		bearer + "payments_", bearer + key + "x", bearer + strings.ToUpper(key), bearer + good + "," + good,
	} {
		a := b.call(t, request{path: "subscription-status/", header: []string{"Authorization", authorization, "X-User-Id", "42"}})
		a.expectProblem(t, http.StatusUnauthorized, "unauthenticated")
		if a.header.Get("WWW-Authenticate") != "Bearer" {
			t.Errorf("%q: WWW-Authenticate is %q", authorization, a.header.Get("WWW-Authenticate"))
		}
	}
	for _, scheme := range []string{"Bearer ", "bearer ", "BEARER  "} {
		b.call(t, request{path: "subscription-status/", header: []string{"Authorization", scheme + good}}).expect(t, http.StatusOK, statusMembers...)
	}
	for _, id := range []string{"42", "43"} {
		b.call(t, request{path: "subscription-status/", user: "42", header: []string{"X-User-Id", id}}).
			expectProblem(t, http.StatusForbidden, "forbidden")
	}
}

// What an application says of its users must not keep them from paying.
func TestContactDataThatNobodyTakes(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s payments.Store) {
		b := setup(t, options{store: s})
		for i, contact := range []payments.User{
			{Email: "no address"},
			{Email: "\x00@example.com", Name: "Ada\x00"},
			{Email: strings.Repeat("x", 600) + "@example.com"},
			{Name: strings.Repeat("ü", 257)},
			{Email: "a@b\nBcc: c@d"},
			{Email: "@"},
		} {
			contact.ID = strings.Repeat("u", i+1)
			signed, err := api.Sign(api.SignParams{Secret: secret, TTL: time.Hour, User: contact})
			if err != nil {
				t.Fatal(err)
			}
			b.subscribe(t, "", visa, "Authorization", bearer+signed).expect(t, http.StatusCreated, createdMembers...)
			if known := b.customer(t, contact.ID); known.Email != "" || known.Name != "" {
				t.Errorf("%q was kept: %q %q", contact, known.Email, known.Name)
			}
		}
		_, key := b.key(t, payments.RoleService)
		b.subscribe(t, "", visa, "Authorization", bearer+key, "X-User-Id", "header", "X-User-Email", "\xff@example.com").
			expect(t, http.StatusCreated, createdMembers...)
		signed, err := api.Sign(api.SignParams{Secret: secret, TTL: time.Hour, User: payments.User{ID: "ada", Email: "ada@example.com", Name: "Ada Ü"}})
		if err != nil {
			t.Fatal(err)
		}
		b.subscribe(t, "", visa, "Authorization", bearer+signed).expect(t, http.StatusCreated, createdMembers...)
		if known := b.customer(t, "ada"); known.Email != "ada@example.com" || known.Name != "Ada Ü" {
			t.Errorf("known is %+v", known.User)
		}
	})
}
