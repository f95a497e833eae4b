package stripesim_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/stripe/stripe-mock/embedded"

	"github.com/numerai-app/payments/stripesim"
)

// stillSent are the fields that Stripe sends and no longer describes, by kind.
var stillSent = map[string][]string{
	"charge":         {"destination", "dispute", "order", "source"},
	"recurring":      {"trial_period_days"},
	"payment_intent": {"source"},
	"product":        {"type"},
}

// ids are the variable parts of a path, as Stripe's description writes them.
var ids = regexp.MustCompile(`\{\w+\}`)

// description is Stripe's own, made strict: what it does not name is wrong.
// Operations are found by method and path, {} standing for an id.
type description struct {
	kinds      openapi3.Schemas
	operations map[string]*openapi3.Operation
}

var stripeDescription = sync.OnceValue(func() description {
	read, err := openapi3.NewLoader().LoadFromData(embedded.OpenAPISpec)
	if err != nil {
		panic("read Stripe's description: " + err.Error())
	}
	d := description{read.Components.Schemas, map[string]*openapi3.Operation{}}
	for kind, names := range stillSent {
		for _, name := range names {
			d.kinds[kind].Value.WithProperty(name, openapi3.NewSchema().WithNullable())
		}
	}
	if err := read.WalkSchemas(func(_ string, s *openapi3.SchemaRef) error {
		if additional := s.Value.AdditionalProperties; len(s.Value.Properties) > 0 && additional.Has == nil && additional.Schema == nil {
			s.Value.WithoutAdditionalProperties()
		}
		return nil
	}); err != nil {
		panic("walk Stripe's description: " + err.Error())
	}
	for path, item := range read.Paths.Map() {
		for method, operation := range item.Operations() {
			d.operations[method+" "+ids.ReplaceAllString(path, "{}")] = operation
		}
	}
	return d
})

// answer is what the description says of an operation's answer with a status.
// Nil: nothing.
func (d description) answer(operation string, status int) *openapi3.Schema {
	described := d.operations[operation]
	switch {
	case described == nil && status == http.StatusOK:
		return nil
	case described == nil:
		return d.kinds["error"].Value
	}
	response := described.Responses.Status(status)
	if response == nil {
		response = described.Responses.Default()
	}
	return response.Value.Content["application/json"].Schema.Value
}

// described is a handler that fails the test where an answer of the API is not
// as Stripe describes it for that operation and status.
func described(t *testing.T, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		recorded := httptest.NewRecorder()
		next.ServeHTTP(recorded, r) // an aborted connection panics through
		if strings.HasPrefix(r.URL.Path, "/v1/") && recorded.Header().Get("Content-Type") == "application/json" {
			schema := stripeDescription().answer(stripesim.OperationOf(r.Method, r.URL.Path), recorded.Code)
			if schema == nil {
				t.Errorf("Stripe does not have %s %s", r.Method, r.URL.Path)
			} else {
				wantDescribed(t, r.Method+" "+r.URL.Path, schema, recorded.Body.Bytes())
			}
		}
		for name, values := range recorded.Header() {
			w.Header()[name] = values
		}
		w.WriteHeader(recorded.Code)
		if _, err := w.Write(recorded.Body.Bytes()); err != nil {
			t.Logf("the caller went away: %v", err)
		}
	})
}

// wantSnapshots fails the test where the object of an event is not as Stripe
// describes its kind.
func wantSnapshots(t *testing.T, sim *stripesim.Simulator) {
	t.Helper()
	for _, told := range sim.Snapshots() {
		schema := stripeDescription().kinds[told.Kind]
		if schema == nil {
			t.Errorf("%s: Stripe has no %s", told.Type, told.Kind)
			continue
		}
		if told.Type == "invoice.upcoming" { // the one that has no id
			told.Object = bytes.Replace(told.Object, []byte("{"), []byte(`{"id":"upcoming_in_1",`), 1)
		}
		wantDescribed(t, told.Type, schema.Value, told.Object)
	}
}

func wantDescribed(t *testing.T, what string, schema *openapi3.Schema, encoded []byte) {
	t.Helper()
	var value any
	if err := json.Unmarshal(encoded, &value); err != nil {
		t.Errorf("%s: %v", what, err)
		return
	}
	if schema.VisitJSON(value, openapi3.FailFast()) != nil {
		for _, fault := range faults(schema, value, "") {
			t.Errorf("%s%s", what, fault)
		}
	}
}

// faults say where a value is not as described. Of several choices it names the
// faults of the one that is nearest.
func faults(schema *openapi3.Schema, value any, at string) []string {
	var found []string
	for _, fault := range leaves(schema.VisitJSON(value, openapi3.MultiErrors())) {
		wrong := new(openapi3.SchemaError)
		if !errors.As(fault, &wrong) {
			found = append(found, at+": "+fault.Error())
			continue
		}
		path := strings.Join(append([]string{at}, wrong.JSONPointer()...), ".")
		var nearest []string
		for _, choice := range wrong.Schema.AnyOf {
			if of := faults(choice.Value, wrong.Value, path); nearest == nil || len(of) <= len(nearest) {
				nearest = of
			}
		}
		if nearest == nil {
			nearest = []string{path + ": " + wrong.Reason}
		}
		found = append(found, nearest...)
	}
	return found
}

// leaves are the single faults of one that may be many.
func leaves(fault error) []error {
	many := openapi3.MultiError{}
	if !errors.As(fault, &many) {
		if fault == nil {
			return nil
		}
		return []error{fault}
	}
	var found []error
	for _, one := range many {
		found = append(found, leaves(one)...)
	}
	return found
}
