package stripesim_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stripe/stripe-mock/embedded"
)

// schema is what Stripe's description of its API says of a value.
type schema struct {
	Required   []string           `json:"required"`
	Properties map[string]*schema `json:"properties"`
	Type       string             `json:"type"`
	Nullable   bool               `json:"nullable"`
	Enum       []any              `json:"enum"`
	AnyOf      []*schema          `json:"anyOf"`
	Items      *schema            `json:"items"`
	Ref        string             `json:"$ref"`
}

var schemas = sync.OnceValue(func() map[string]*schema {
	var description struct {
		Components struct {
			Schemas map[string]*schema `json:"schemas"`
		} `json:"components"`
	}
	if err := json.Unmarshal(embedded.OpenAPISpec, &description); err != nil {
		panic("read Stripe's description: " + err.Error())
	}
	return description.Components.Schemas
})

// fromThePast are names that Stripe still sends and no longer describes.
var fromThePast = []string{"destination", "dispute", "order", "source", "trial_period_days", "type"}

// described is a handler that fails the test where an answer of the API is not
// as Stripe describes it: required names, types, enumerations, and no others.
func described(t *testing.T, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		recorded := httptest.NewRecorder()
		next.ServeHTTP(recorded, r) // an aborted connection panics through
		if strings.HasPrefix(r.URL.Path, "/v1/") && recorded.Code == http.StatusOK {
			var value map[string]any
			if err := json.Unmarshal(recorded.Body.Bytes(), &value); err != nil {
				t.Errorf("%s %s: %v", r.Method, r.URL, err)
			}
			for _, fault := range conform("", value) {
				t.Errorf("%s %s: %s", r.Method, r.URL.Path, fault)
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

// conform says where an object, or a list of them, is not as described.
func conform(path string, value map[string]any) []string {
	kind, _ := value["object"].(string)
	if kind == "list" {
		var faults []string
		rows, _ := value["data"].([]any)
		for i, row := range rows {
			if inner, ok := row.(map[string]any); ok {
				faults = append(faults, conform(fmt.Sprintf("%s.%d", path, i), inner)...)
			}
		}
		return faults
	}
	if value["deleted"] == true {
		kind = "deleted_" + kind
	}
	if schemas()[kind] == nil {
		return []string{path + ": no description of " + kind}
	}
	return schemas()[kind].faults(kind, value)
}

func (s *schema) faults(path string, value any) []string {
	if name, ok := strings.CutPrefix(s.Ref, "#/components/schemas/"); ok {
		s = schemas()[name]
	}
	if value == nil {
		if !s.Nullable && (s.Type != "" || len(s.AnyOf) > 0) {
			return []string{path + " is null"}
		}
		return nil
	}
	var fewest []string
	for i, one := range s.AnyOf {
		found := one.faults(path, value)
		if len(found) == 0 {
			return nil
		}
		if i == 0 || len(found) < len(fewest) {
			fewest = found
		}
	}
	if len(s.AnyOf) > 0 {
		return fewest
	}
	if len(s.Enum) > 0 && !slices.Contains(s.Enum, value) {
		return []string{fmt.Sprintf("%s is %v, want one of %v", path, value, s.Enum)}
	}
	return s.faultsOfType(path, value)
}

func (s *schema) faultsOfType(path string, value any) []string {
	fits := true
	var faults []string
	switch s.Type {
	case "string":
		_, fits = value.(string)
	case "boolean":
		_, fits = value.(bool)
	case "number", "integer":
		_, fits = value.(float64)
	case "array":
		var rows []any
		rows, fits = value.([]any)
		for i, row := range rows {
			faults = append(faults, s.Items.faults(fmt.Sprintf("%s.%d", path, i), row)...)
		}
	case "object":
		var inner map[string]any
		if inner, fits = value.(map[string]any); fits {
			faults = s.faultsOfHash(path, inner)
		}
	}
	if !fits {
		return []string{fmt.Sprintf("%s is %v, want %s", path, value, s.Type)}
	}
	return faults
}

func (s *schema) faultsOfHash(path string, value map[string]any) []string {
	var faults []string
	for _, name := range s.Required {
		if _, there := value[name]; !there {
			faults = append(faults, path+" lacks "+name)
		}
	}
	for name, inner := range value {
		if described := s.Properties[name]; described != nil {
			faults = append(faults, described.faults(path+"."+name, inner)...)
		} else if len(s.Properties) > 0 && !slices.Contains(fromThePast, name) {
			faults = append(faults, path+" has "+name+", which Stripe does not describe")
		}
	}
	return faults
}
