package api_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/numerai-app/payments"
	"github.com/numerai-app/payments/internal/storetest"
)

var (
	endpointMembers = []string{
		"id", "url", "description", "types", "enabled", "disabled_at", "disabled_reason", "previous_secret_until", "failures",
		"failing_since", "rests_until", "created_at", "updated_at",
	}
	deliveryMembers = []string{
		"endpoint_id", "event_id", "type", "status", "attempts", "response_status", "error", "next_attempt_at", "attempted_at", "created_at",
	}
)

const endpointsPath = "admin/endpoints/"

// asAdmin makes a call with a key of an administrator.
func (b *testBundle) asAdmin(t testing.TB) func(method, path string, body any) answer {
	t.Helper()
	_, secret := b.key(t, payments.RoleAdmin)
	return func(method, path string, body any) answer {
		t.Helper()
		return b.call(t, request{method: method, path: path, body: body, header: []string{"Authorization", bearer + secret}})
	}
}

func TestEndpointsAreAdministered(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s payments.Store) {
		b := setup(t, options{store: s})
		admin := b.asAdmin(t)
		created := admin("POST", endpointsPath, map[string]any{
			"url": "http://10.0.0.7:8000/hooks", "description": "the app", "types": []string{"premium.changed"},
		})
		created.expect(t, http.StatusCreated, append([]string{"secret"}, endpointMembers...)...)
		secret, _ := created.json["secret"].(string)
		id, _ := created.json["id"].(string)
		if !strings.HasPrefix(secret, "whsec_") || !strings.HasPrefix(id, "pep_") || created.json["enabled"] != true {
			t.Errorf("created %s", created.raw)
		}
		one := endpointsPath + id + "/"
		read := admin("GET", one, nil)
		read.expect(t, http.StatusOK, endpointMembers...)
		list := admin("GET", endpointsPath, nil)
		list.expect(t, http.StatusOK, "results")
		if diff := cmp.Diff([]any{any(read.json)}, list.json["results"]); diff != "" {
			t.Errorf("the list (-want +got):\n%s", diff)
		}
		changed := admin("PATCH", one, map[string]any{"enabled": false, "types": []string{}})
		changed.expect(t, http.StatusOK, endpointMembers...)
		if changed.json["enabled"] != false || changed.json["disabled_reason"] == "" || changed.json["description"] != "the app" || len(changed.json["types"].([]any)) != 0 {
			t.Errorf("changed to %s", changed.raw)
		}
		admin("POST", one+"replay/", map[string]any{"failed_since": "2026-01-01T00:00:00Z"}).
			expectProblem(t, http.StatusConflict, "endpoint_disabled")
		if a := admin("PATCH", one, map[string]any{"enabled": true}); a.json["enabled"] != true || a.json["disabled_at"] != nil {
			t.Errorf("enabled: %s", a.raw)
		}
		rotated := admin("POST", one+"rotate/", map[string]any{})
		rotated.expect(t, http.StatusOK, append([]string{"secret"}, endpointMembers...)...)
		if rotated.json["secret"] == secret || rotated.json["previous_secret_until"] == nil {
			t.Errorf("rotated: %s", rotated.raw)
		}
		if a := admin("POST", one+"rotate/", map[string]any{"overlap_hours": 0}); a.json["previous_secret_until"] != nil {
			t.Errorf("rotated at once: %s", a.raw)
		}
		b.subscribe(t, "42", visa).expect(t, http.StatusCreated, createdMembers...)
		deliveries := admin("GET", one+"deliveries/?status=pending", nil)
		deliveries.expect(t, http.StatusOK, "results")
		rows, _ := deliveries.json["results"].([]any)
		if len(rows) != 3 { // premium.changed, payment.succeeded and subscription.activated
			t.Fatalf("deliveries are %s", deliveries.raw)
		}
		first, _ := rows[0].(map[string]any)
		expectMembers(t, first, deliveryMembers...)
		next := admin("GET", fmt.Sprintf("%sdeliveries/?limit=1&before=%s", one, first["event_id"]), nil)
		if diff := cmp.Diff(rows[1:2], next.json["results"]); diff != "" {
			t.Errorf("the second page (-want +got):\n%s", diff)
		}
		if a := admin("POST", one+"replay/", map[string]any{"event_id": first["event_id"]}); a.json["replayed"] != float64(1) {
			t.Errorf("replayed: %s", a.raw)
		}
		if a := admin("POST", one+"replay/", map[string]any{"failed_since": "2026-01-01T00:00:00Z"}); a.json["replayed"] != float64(0) {
			t.Errorf("replayed: %s", a.raw)
		}
		if a := admin("DELETE", one, nil); a.status != http.StatusNoContent || a.raw != "" {
			t.Errorf("deleted: %d %s", a.status, a.raw)
		}
		for _, r := range []request{
			{method: "GET", path: one},
			{method: "PATCH", path: one, body: map[string]any{}},
			{method: "DELETE", path: one},
			{method: "POST", path: one + "rotate/", body: map[string]any{}},
			{method: "GET", path: one + "deliveries/"},
			{method: "POST", path: one + "replay/", body: map[string]any{"event_id": "pevt_1"}},
		} {
			admin(r.method, r.path, r.body).expectProblem(t, http.StatusNotFound, "not_found")
		}
	})
}

func TestEndpointsAskedForWrongly(t *testing.T) {
	t.Parallel()
	b := setup(t, options{})
	admin := b.asAdmin(t)
	const app = "https://app.example.com"
	id, _ := admin("POST", endpointsPath, map[string]any{"url": app}).json["id"].(string)
	one := endpointsPath + id + "/"
	for _, c := range []struct {
		method, path string
		body         any
		field        string
	}{
		{"POST", endpointsPath, map[string]any{}, "url"},
		{"POST", endpointsPath, map[string]any{"url": "ftp://app.example.com"}, "url"},
		{"POST", endpointsPath, map[string]any{"url": app, "types": []string{"charge.succeeded"}}, "types"},
		{"POST", endpointsPath, map[string]any{"url": app, "secret": "whsec_mine"}, "secret"},
		{"PATCH", one, map[string]any{"url": "https://user:pass@app.example.com"}, "url"},
		{"PATCH", one, map[string]any{"enabled": "yes"}, "enabled"},
		{"POST", one + "rotate/", map[string]any{"overlap_hours": 169}, "overlap_hours"},
		{"POST", one + "replay/", map[string]any{}, "event_id"},
		{"POST", one + "replay/", map[string]any{"event_id": "pevt_1", "failed_since": "2026-01-01T00:00:00Z"}, "event_id"},
		{"GET", one + "deliveries/?status=lost", nil, "status"},
		{"GET", one + "deliveries/?limit=0", nil, "limit"},
	} {
		admin(c.method, c.path, c.body).expectProblem(t, http.StatusBadRequest, "invalid_request", c.field)
	}
	_, secret := b.key(t, payments.RoleAdmin)
	plain := []string{"Authorization", bearer + secret, "Content-Type", "text/plain"}
	b.call(t, request{method: "PATCH", path: one, body: "{}", header: plain}).
		expectProblem(t, http.StatusUnsupportedMediaType, "unsupported_media_type")
}

// Endpoints are the administrators' alone.
func TestEndpointsAreForAdministrators(t *testing.T) {
	t.Parallel()
	b := setup(t, options{})
	_, service := b.key(t, payments.RoleService)
	for _, r := range []request{
		{method: "GET", path: endpointsPath},
		{method: "POST", path: endpointsPath, body: map[string]any{"url": "https://app.example.com"}},
		{method: "GET", path: endpointsPath + "pep_1/"},
		{method: "PATCH", path: endpointsPath + "pep_1/", body: map[string]any{}},
		{method: "DELETE", path: endpointsPath + "pep_1/"},
		{method: "POST", path: endpointsPath + "pep_1/rotate/", body: map[string]any{}},
		{method: "GET", path: endpointsPath + "pep_1/deliveries/"},
		{method: "POST", path: endpointsPath + "pep_1/replay/", body: map[string]any{"event_id": "pevt_1"}},
	} {
		b.call(t, r).expectProblem(t, http.StatusUnauthorized, "unauthenticated")
		r.user = "42"
		b.call(t, r).expectProblem(t, http.StatusForbidden, "forbidden")
		r.user, r.header = "", []string{"Authorization", bearer + service, "X-User-Id", "42"}
		b.call(t, r).expectProblem(t, http.StatusForbidden, "forbidden")
		r.header = []string{"Authorization", bearer + "payments_admin_wrong"}
		b.call(t, r).expectProblem(t, http.StatusUnauthorized, "unauthenticated")
	}
}
