package api_test

import (
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/numerai-app/payments/internal/api"
)

func TestBadBodies(t *testing.T) {
	t.Parallel()
	b := setup(t, options{})
	for body, fields := range map[string][]string{
		``:                                      nil,
		` `:                                     nil,
		`plan=premium`:                          nil,
		`{"plan":"premium"`:                     nil,
		`{"plan":"premium"}{}`:                  nil,
		`{"plan":"premium"} x`:                  nil,
		`{"plan":"premium",}`:                   nil,
		"{\"plan\":\"\xff\"}":                   nil,
		"\xef\xbb\xbf{\"plan\":\"premium\"}":    nil,
		`null`:                                  nil,
		`[]`:                                    nil,
		`"premium"`:                             nil,
		strings.Repeat("[", 20000):              nil,
		`{"plan":"premium","quantity":1e400}`:   nil,
		`{}`:                                    {"plan"},
		`{"plan":null}`:                         {"plan"},
		`{"plan":7}`:                            {"plan"},
		`{"plan":""}`:                           {"plan"},
		`{"plan":["premium"]}`:                  {"plan"},
		`{"Plan":"premium"}`:                    {"Plan", "plan"},
		`{"plan":"premium","price":1}`:          {"price"},
		`{"plan":"premium","user":"43"}`:        {"user"},
		`{"plan":"premium","plan":"basic"}`:     {"plan"},
		`{"plan":"a","pl\u0061n":"basic"}`:      {"plan"},
		`{"plan":"premium","x":{"y":1,"y":2}}`:  {"y"},
		`{"plan":"premium","quantity":0}`:       {"quantity"},
		`{"plan":"premium","quantity":-1}`:      {"quantity"},
		`{"plan":"premium","quantity":1.5}`:     {"quantity"},
		`{"plan":"premium","quantity":1.0}`:     {"quantity"},
		`{"plan":"premium","quantity":1e3}`:     {"quantity"},
		`{"plan":"premium","quantity":"1"}`:     {"quantity"},
		`{"plan":"premium","quantity":true}`:    {"quantity"},
		`{"plan":"premium","quantity":1000001}`: {"quantity"},
		`{"plan":"premium","quantity":9223372036854775808}`:                         {"quantity"},
		`{"plan":"premium","payment_method_id":7}`:                                  {"payment_method_id"},
		`{"plan":"premium","payment_method_id":"../x"}`:                             {"payment_method_id"},
		`{"plan":"premium","payment_method_id":"pm_none"}`:                          {"payment_method_id"},
		`{"plan":7,"quantity":"x"}`:                                                 {"plan", "quantity"},
		`{"plan":"` + strings.Repeat("a", 101) + `"}`:                               {"plan"},
		`{"plan":"premium","payment_method_id":"` + strings.Repeat("a", 256) + `"}`: {"payment_method_id"},
	} {
		a := b.subscribe(t, "42", body)
		if a.status != http.StatusBadRequest {
			t.Errorf("%.60s is %d", body, a.status)
			continue
		}
		a.expectProblem(t, http.StatusBadRequest, "invalid_request", fields...)
		for _, word := range []string{"json:", "Go ", "int64", "struct", "invalid character"} {
			if strings.Contains(a.raw, word) {
				t.Errorf("%.60s: the answer speaks of %q: %s", body, word, a.raw)
			}
		}
	}
	a := b.subscribe(t, "42", map[string]any{"plan": "platinum"})
	a.expectProblem(t, http.StatusBadRequest, "plan_unknown", "plan")
	if text := a.json["detail"].(string); !strings.Contains(text, "basic, premium") {
		t.Errorf("the plans are not named: %s", text)
	}
	if status := b.call(t, request{path: "subscription-status/", user: "42"}); status.json["has_subscription"] != false {
		t.Errorf("something was bought: %s", status.raw)
	}
}

func TestSizeOfBodies(t *testing.T) {
	t.Parallel()
	b := setup(t, options{})
	content := `{"plan":"premium","payment_method_id":"pm_card_visa"}`
	fits := content + strings.Repeat(" ", 64<<10-len(content))
	for name, wrap := range map[string]func(string) any{
		"with its length": func(body string) any { return body },
		"in chunks":       func(body string) any { return io.MultiReader(strings.NewReader(body)) },
	} {
		b.subscribe(t, name, wrap(fits)).expect(t, http.StatusCreated, createdMembers...)
		b.subscribe(t, name, wrap(fits+" ")).expectProblem(t, http.StatusRequestEntityTooLarge, "payload_too_large")
		b.subscribe(t, name, wrap(strings.Repeat("x", 1<<20))).expectProblem(t, http.StatusRequestEntityTooLarge, "payload_too_large")
	}
}

func TestMediaTypes(t *testing.T) {
	t.Parallel()
	b := setup(t, options{})
	for _, kind := range []string{"application/json", "application/json; charset=utf-8", "Application/JSON", "application/json;charset=UTF-8"} {
		b.subscribe(t, kind, visa, "Content-Type", kind).expect(t, http.StatusCreated, createdMembers...)
	}
	for _, kind := range []string{
		"-", "text/plain", "application/x-www-form-urlencoded", "application/cbor", "application/problem+json", "application/jsonp",
		"multipart/form-data; boundary=x", ";",
	} {
		b.subscribe(t, "42", visa, "Content-Type", kind).expectProblem(t, http.StatusUnsupportedMediaType, "unsupported_media_type")
	}
	for _, kind := range []string{"application/cbor", "text/html", "json", "application/json;q=0", "*/*", "nonsense", "application/problem+json"} {
		b.call(t, request{path: "config/", header: []string{"Accept", kind}}).expect(t, http.StatusOK, "publishable_key")
		b.call(t, request{path: "subscription-status/", header: []string{"Accept", kind}}).
			expectProblem(t, http.StatusUnauthorized, "unauthenticated")
		b.subscribe(t, "42", "{}", "Accept", kind).expectProblem(t, http.StatusBadRequest, "invalid_request", "plan")
	}
}

func TestPathsAndMethods(t *testing.T) {
	t.Parallel()
	b := setup(t, options{})
	for _, path := range []string{
		"/", "/api", api.Prefix, "/api/v1/payments", "nothing/", "plans//", "//plans", "../payments/plans/", "plans/x/", "./plans",
		"%2e%2e/payments/plans", "PLANS/", "update-subscription/", "/docs", "/schemas/Problem.json", "/openapi.yaml", "/openapi-3.0.json",
	} {
		a := b.call(t, request{path: path, user: "42"})
		a.expectProblem(t, http.StatusNotFound, "not_found")
		if a.header.Get("Location") != "" {
			t.Errorf("%s redirects", path)
		}
	}
	for path, allowed := range map[string]string{
		"create-subscription/": "POST", "create-subscription": "POST", "webhook/": "POST", "plans/": "GET, HEAD", "config/": "GET, HEAD",
		"subscription-status/": "GET, HEAD", "billing-history/": "GET, HEAD", "/openapi.json": "GET, HEAD", "/healthz": "GET, HEAD", "/readyz/": "GET, HEAD",
	} {
		methods := map[string]bool{"GET": true, "POST": true, "PUT": true, "PATCH": true, "DELETE": true, "OPTIONS": true, "BREW": true}
		for _, method := range strings.Split(allowed, ", ") {
			delete(methods, method)
		}
		for _, method := range slices.Sorted(maps.Keys(methods)) {
			a := b.call(t, request{method: method, path: path, user: "42"})
			a.expectProblem(t, http.StatusMethodNotAllowed, "method_not_allowed")
			if a.header.Get("Allow") != allowed {
				t.Errorf("%s %s allows %q", method, path, a.header.Get("Allow"))
			}
		}
	}
	for path, status := range map[string]int{"plans/": 200, "config": 200, "subscription-status/": 401, "create-subscription/": 405, "nothing": 404} {
		a := b.call(t, request{method: http.MethodHead, path: path})
		if a.status != status || a.raw != "" {
			t.Errorf("HEAD %s is %d %q", path, a.status, a.raw)
		}
	}
}
