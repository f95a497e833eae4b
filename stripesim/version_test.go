package stripesim_test

import (
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/numerai-app/payments/stripesim"
)

func TestDescriptionHasTheVersions(t *testing.T) {
	t.Parallel()
	described := parametersOf(stripeDescription().operations["POST /v1/webhook_endpoints"])
	if diff := cmp.Diff(readParameter(described.fields["api_version"]).words, stripesim.Versions()); diff != "" {
		t.Errorf("versions (-described +known):\n%s", diff)
	}
}

func TestVersionOfARequest(t *testing.T) {
	t.Parallel()
	w := newWorld(t, stripesim.Config{})
	for version, want := range map[string]int{
		stripesim.APIVersion: http.StatusOK, "2024-06-20": http.StatusOK, "2026-08-26.dahlia": http.StatusOK,
		"2026-03-25": http.StatusBadRequest, "2026-03-25.clover": http.StatusBadRequest, "latest": http.StatusBadRequest,
	} {
		got := w.call(http.MethodPost, "/v1/customers", "name=Ada", "Stripe-Version", version, "Idempotency-Key", version)
		if got.status != want || want != http.StatusOK && got.text("error.message") != "Invalid Stripe API version: "+version {
			t.Errorf("%s: %d %v", version, got.status, got.object)
		}
		made := w.call(http.MethodPost, "/v1/webhook_endpoints", "url=http://127.0.0.1:1/&enabled_events[]=*&api_version="+version)
		if made.status != want || want != http.StatusOK && made.text("error.param") != "api_version" {
			t.Errorf("an endpoint of %s: %d %v", version, made.status, made.object)
		}
	}
	if rows := w.get("/v1/customers").rows(); len(rows) != 3 {
		t.Errorf("%d customers, want 3", len(rows))
	}
}
