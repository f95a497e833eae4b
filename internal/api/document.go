package api

import (
	"encoding/json"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"
)

// documentConfig configures huma: no pages, schemas or links of its own.
func documentConfig(publicURL string) huma.Config {
	config := huma.DefaultConfig("payments", "1.0.0")
	config.OpenAPIPath, config.DocsPath, config.SchemasPath = "", "", ""
	config.CreateHooks = nil
	config.Info.Description = "A self-hosted subscription backend on Stripe. Amounts are integers in the currency's smallest unit, times RFC 3339 in UTC. Each path also works without its last slash. Every answer carries X-Request-Id."
	if publicURL != "" {
		config.Servers = []*huma.Server{{URL: publicURL}}
	}
	config.Components.SecuritySchemes = map[string]*huma.SecurityScheme{
		"token": {Type: "http", Scheme: "bearer", BearerFormat: "JWT", Description: "A user's token."},
		"key":   {Type: "http", Scheme: "bearer", Description: "A key of a back end, payments_service_… or payments_admin_…, with X-User-Id."},
		"user":  {Type: "apiKey", In: "header", Name: "X-User-Id", Description: "The user for whom a key acts."},
	}
	return config
}

// describeWebhook documents the webhook, which is served without huma: its body
// has to stay as it came.
func (s *server) describeWebhook() {
	s.huma.OpenAPI().AddOperation(&huma.Operation{
		OperationID: "webhook", Method: http.MethodPost, Path: Prefix + "webhook",
		Summary:     "Stripe's events",
		Description: "200 once the event is durably stored; 503 when it could not be, and Stripe sends it again.",
		Parameters: []*huma.Param{{
			Name: "Stripe-Signature", In: "header", Required: true, Schema: &huma.Schema{Type: "string"},
		}},
		RequestBody: &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{
			"application/json": {Schema: &huma.Schema{Type: "object"}},
		}},
		Responses: map[string]*huma.Response{
			"200": {Description: "Stored."}, "400": {Description: "Not signed by Stripe, no event, or of the other mode."},
			"413": {Description: "Over 1 MiB."}, "503": {Description: "Not stored: send it again."},
		},
	})
}

// document is the OpenAPI document in JSON, with the slash at the end of paths.
func (s *server) document() ([]byte, error) {
	api := *s.huma.OpenAPI()
	api.Paths = map[string]*huma.PathItem{}
	for path, item := range s.huma.OpenAPI().Paths {
		api.Paths[strings.TrimSuffix(path, "/")+"/"] = item
	}
	return json.MarshalIndent(&api, "", "  ")
}
