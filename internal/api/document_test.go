package api_test

import (
	"bytes"
	"flag"
	"io"
	"maps"
	"net/http"
	"os"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/danielgtaylor/huma/v2/yaml"
	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/legacy"
	"github.com/google/go-cmp/cmp"

	"github.com/numerai-app/payments/internal/api"
)

var update = flag.Bool("update", false, "write openapi.yaml anew")

// document is /openapi.json as it is served.
func (b *testBundle) document(t testing.TB) []byte {
	t.Helper()
	sent := b.newRequest(t, request{path: "/openapi.json"})
	response, err := http.DefaultTransport.RoundTrip(sent)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	document, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("/openapi.json: %d %v", response.StatusCode, err)
	}
	if kind := response.Header.Get("Content-Type"); kind != "application/openapi+json" {
		t.Errorf("content type is %q", kind)
	}
	return document
}

func (b *testBundle) router(t testing.TB) (*openapi3.T, routers.Router) {
	t.Helper()
	b.documented.Do(func() { b.model, b.routes = b.parseDocument(t) })
	return b.model, b.routes
}

func (b *testBundle) parseDocument(t testing.TB) (*openapi3.T, routers.Router) {
	t.Helper()
	document, err := openapi3.NewLoader().LoadFromData(b.document(t))
	if err != nil {
		t.Fatal(err)
	}
	router, err := legacy.NewRouter(document)
	if err != nil {
		t.Fatalf("the document is not valid: %v", err)
	}
	return document, router
}

// validate holds a real answer to the document.
func (b *testBundle) validate(t testing.TB, sent *http.Request, a answer) {
	t.Helper()
	if sent.URL.Path == "/openapi.json" || path.Clean(sent.URL.Path) != strings.TrimSuffix(sent.URL.Path, "/") {
		return
	}
	_, router := b.router(t)
	asked := sent.Clone(t.Context())
	target := *sent.URL
	target.Scheme, target.Host = "https", strings.TrimPrefix(publicURL, "https://")
	if strings.HasPrefix(target.Path, api.Prefix) {
		target.Path = strings.TrimSuffix(target.Path, "/") + "/"
	}
	asked.URL, asked.Host = &target, target.Host
	route, parameters, err := router.FindRoute(asked)
	if err != nil {
		if a.status != http.StatusNotFound && a.status != http.StatusMethodNotAllowed {
			t.Errorf("%s %s is not in the document: %v", sent.Method, sent.URL.Path, err)
		}
		return
	}
	input := &openapi3filter.ResponseValidationInput{
		RequestValidationInput: &openapi3filter.RequestValidationInput{Request: asked, PathParams: parameters, Route: route},
		Status:                 a.status, Header: a.header, Body: io.NopCloser(strings.NewReader(a.raw)),
		Options: &openapi3filter.Options{IncludeResponseStatus: true},
	}
	if err := openapi3filter.ValidateResponse(t.Context(), input); err != nil {
		t.Errorf("%s %s: the answer is not as documented: %v\n%s", sent.Method, sent.URL.Path, err, a.raw)
	}
}

func TestDocumentIsTheGoldenFile(t *testing.T) {
	t.Parallel()
	const golden = "openapi.yaml"
	var got bytes.Buffer
	if err := yaml.Convert(&got, bytes.NewReader(setup(t, options{}).document(t))); err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile(golden, got.Bytes(), 0o644); err != nil { //nolint:gosec // it is for everybody to read
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got.String()); diff != "" {
		t.Errorf("openapi.yaml is not what is served; go test ./internal/api -update writes it (-file +served):\n%s", diff)
	}
}

func TestDocumentNamesEveryRoute(t *testing.T) {
	t.Parallel()
	b := setup(t, options{})
	document, _ := b.router(t)
	var documented []string
	for path, item := range document.Paths.Map() {
		for method := range item.Operations() {
			documented = append(documented, method+" "+path)
		}
	}
	slices.Sort(documented)
	endpoints := api.Prefix + "admin/endpoints/"
	events := api.Prefix + "admin/events/"
	want := []string{
		"DELETE " + endpoints + "{id}/", "GET " + endpoints, "GET " + endpoints + "{id}/", "GET " + endpoints + "{id}/deliveries/",
		"GET " + events, "GET " + events + "{id}/",
		"GET " + api.Prefix + "billing-history/", "GET " + api.Prefix + "config/", "GET " + api.Prefix + "plans/",
		"GET " + api.Prefix + "subscription-status/", "GET /healthz", "GET /openapi.json", "GET /readyz",
		"PATCH " + endpoints + "{id}/", "POST " + endpoints, "POST " + endpoints + "{id}/replay/", "POST " + endpoints + "{id}/rotate/",
		"POST " + events + "replay/", "POST " + events + "{id}/replay/",
		"POST " + api.Prefix + "create-subscription/", "POST " + api.Prefix + "webhook/",
	}
	if diff := cmp.Diff(want, documented); diff != "" {
		t.Errorf("documented (-want +got):\n%s", diff)
	}
	for _, route := range documented {
		method, path, _ := strings.Cut(route, " ")
		for _, form := range []string{path, strings.TrimSuffix(path, "/")} {
			if a := b.call(t, request{method: method, path: form}); a.status == http.StatusNotFound || a.status == http.StatusMethodNotAllowed {
				t.Errorf("%s %s is %d", method, form, a.status)
			}
		}
	}
}

// What a reader needs: every answer says what it means, every problem is one.
func TestDocumentReadsWell(t *testing.T) {
	t.Parallel()
	document, _ := setup(t, options{}).router(t)
	for path, item := range document.Paths.Map() {
		for method, op := range item.Operations() {
			if op.Summary == "" || op.OperationID == "" {
				t.Errorf("%s %s has no summary or no id", method, path)
			}
			for status, response := range op.Responses.Map() {
				if response.Value.Description == nil || *response.Value.Description == "" || response.Value.Headers["X-Request-Id"] == nil {
					t.Errorf("%s %s %s is not described", method, path, status)
				}
				content := slices.Sorted(maps.Keys(response.Value.Content))
				if status >= "400" && !strings.HasSuffix(path, "z") && !cmp.Equal(content, []string{"application/problem+json"}) {
					t.Errorf("%s %s %s is %v", method, path, status, content)
				}
				if later := status == "429" || status == "503" && !strings.HasSuffix(path, "z"); later && response.Value.Headers["Retry-After"] == nil {
					t.Errorf("%s %s %s has no Retry-After", method, path, status)
				}
				if status == "422" {
					t.Errorf("%s %s: 422 never happens", method, path)
				}
			}
		}
	}
	create := document.Paths.Value(api.Prefix + "create-subscription/").Post
	for _, status := range []string{"201", "400", "401", "402", "403", "409", "413", "415", "429", "500", "503"} {
		if create.Responses.Value(status) == nil {
			t.Errorf("create-subscription/ does not document %s", status)
		}
	}
	for name, schema := range document.Components.Schemas {
		for property, value := range schema.Value.Properties {
			if value.Value != nil && value.Value.Description == "" && schema.Value.Type.Is("object") && name == "Problem" {
				t.Errorf("%s.%s is not described", name, property)
			}
		}
	}
}
