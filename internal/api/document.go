package api

import (
	"encoding/json"
	"maps"
	"net/http"
	"reflect"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"
)

const documentText = `A self-hosted subscription backend on Stripe.

Amounts are integers in the currency's smallest unit, times RFC 3339 in UTC. What is unknown is null, not absent; an unknown field in a body is 400. Each path also works without its last slash.

Every answer carries X-Request-Id; a caller's own is kept if it is 1 to 64 of A-Za-z0-9._-.

Errors are application/problem+json (RFC 9457), also those of paths (404) and methods (405) that do not exist. Programs tell them apart by code, which is stable.`

// documentConfig configures huma: no pages, schemas or links of its own.
func documentConfig(publicURL string) huma.Config {
	config := huma.DefaultConfig("payments", "1.0.0")
	config.OpenAPIPath, config.DocsPath, config.SchemasPath = "", "", ""
	config.CreateHooks = nil
	config.Components.Schemas = huma.NewMapRegistry(schemaPrefix, schemaName)
	config.Formats = map[string]huma.Format{"application/json": strictJSON, "json": strictJSON}
	config.Info.Description = documentText
	if publicURL != "" {
		config.Servers = []*huma.Server{{URL: publicURL}}
	}
	config.Components.SecuritySchemes = map[string]*huma.SecurityScheme{
		"token": {Type: "http", Scheme: "bearer", BearerFormat: "JWT", Description: "A user's token."},
		"key":   {Type: "http", Scheme: "bearer", Description: "A key of a back end, payments_service_… or payments_admin_…, with X-User-Id and, optionally, X-User-Email."},
		"admin": {Type: "http", Scheme: "bearer", Description: "A key of an administrator, payments_admin_…."},
		"user":  {Type: "apiKey", In: "header", Name: "X-User-Id", Description: "The user for whom a key acts, 1 to 200 characters. Without it a key is 400; beside a user's token it is 403."},
	}
	config.Components.Headers = map[string]*huma.Header{
		"X-Request-Id":        {Description: "The id of the request.", Schema: &huma.Schema{Type: "string"}},
		"Retry-After":         {Description: "When to try again, in seconds.", Schema: &huma.Schema{Type: "integer"}},
		"Idempotent-Replayed": {Description: "true: this is the stored answer to an earlier request.", Schema: &huma.Schema{Type: "string", Enum: []any{"true"}}},
		"WWW-Authenticate":    {Description: "Bearer.", Schema: &huma.Schema{Type: "string"}},
	}
	return config
}

const schemaPrefix = "#/components/schemas/"

// schemaName is what the document calls a type of this package.
func schemaName(t reflect.Type, hint string) string {
	name := huma.DefaultSchemaNamer(t, hint)
	if request, ok := strings.CutSuffix(name, "InputBody"); ok {
		return request + "Request"
	}
	return strings.TrimSuffix(strings.TrimSuffix(name, "OutputBody"), "View")
}

// describeNulls says of members that are objects that they may be null, which
// huma cannot say.
func (s *server) describeNulls() {
	schemas := s.huma.OpenAPI().Components.Schemas.Map()
	for _, member := range []struct{ object, name string }{
		{"SubscriptionStatus", "subscription"}, {"Subscription", "scheduled_change"}, {"Replay", "effect"},
	} {
		known := schemas[member.object].Properties[member.name]
		schemas[member.object].Properties[member.name] = &huma.Schema{
			AnyOf: []*huma.Schema{{Ref: known.Ref}, {Type: "null"}}, Description: known.Description,
		}
	}
}

// describeWebhook documents the webhook, which is served without huma: its body
// has to stay as it came.
func (s *server) describeWebhook() {
	s.huma.OpenAPI().AddOperation(&huma.Operation{
		OperationID: "webhook", Method: http.MethodPost, Path: Prefix + "webhook",
		Summary:     "Stripe's events",
		Description: "200 once the event is durably stored; 503 when it could not be, and Stripe sends it again. The body, 1 MiB at most, is checked against its signature byte for byte.",
		Parameters: []*huma.Param{{
			Name: "Stripe-Signature", In: "header", Required: true, Description: "Stripe's signature: t=…,v1=….", Schema: &huma.Schema{Type: "string"},
		}},
		RequestBody: &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{
			"application/json": {Schema: &huma.Schema{Type: "object", Description: "An event, as Stripe sends it."}},
		}},
		Responses: map[string]*huma.Response{
			"200": {Description: "The event is stored.", Content: object("received", "boolean")},
			"400": s.problemResponse(), "413": s.problemResponse(), "503": s.problemResponse(),
		},
	})
}

// describeOperations documents what is beside the API.
func (s *server) describeOperations() {
	health := object("status", "string")
	for path, summary := range map[string]string{
		"/healthz": "The process lives", "/readyz": "The process lives, its database answers, and how far it knows what happened at Stripe", "/openapi.json": "This document",
	} {
		op := &huma.Operation{
			OperationID: strings.TrimSuffix(path[1:], ".json"), Method: http.MethodGet, Path: path, Summary: summary,
			Responses: map[string]*huma.Response{"200": {Description: "OK", Content: health}},
		}
		switch path {
		case "/openapi.json":
			op.Responses["200"].Content = map[string]*huma.MediaType{"application/openapi+json": {Schema: &huma.Schema{Type: "object"}}}
		case "/readyz":
			op.Responses["503"] = &huma.Response{Description: "The database does not answer, or no webhook comes and Stripe's events were not polled lately.", Content: health}
		}
		s.huma.OpenAPI().AddOperation(op)
	}
}

// object is the content of an answer with one member that is always there.
func object(name, kind string) map[string]*huma.MediaType {
	return map[string]*huma.MediaType{"application/json": {Schema: &huma.Schema{
		Type: "object", Required: []string{name}, Properties: map[string]*huma.Schema{name: {Type: kind}},
	}}}
}

func (s *server) problemResponse() *huma.Response {
	schema := &huma.Schema{Ref: schemaPrefix + "Problem"}
	return &huma.Response{Content: map[string]*huma.MediaType{"application/problem+json": {Schema: schema}}}
}

// answers says of each status what it means, and which headers come with it.
var answers = map[string]struct {
	means   string
	headers []string
}{
	"200": {"OK", nil},
	"201": {"Created, or taken up again where it was made before.", []string{"Idempotent-Replayed"}},
	"204": {"Done.", nil},
	"400": {"The request is not valid: invalid_request, plan_unknown.", nil},
	"401": {"No token, or none that is good: unauthenticated.", []string{"WWW-Authenticate"}},
	"402": {"The card was declined (card_declined, with decline_code), or the bank asks for a step (authentication_required, with client_secret).", []string{"Idempotent-Replayed"}},
	"403": {"Known, but not allowed: forbidden.", nil},
	"404": {"There is no such thing, or it is somebody else's: not_found.", nil},
	"409": {"already_subscribed, idempotency_conflict, endpoint_disabled, too_many_endpoints, or, with Retry-After, in_progress: another request of the user is being worked on.", []string{"Retry-After"}},
	"413": {"The body is too large: payload_too_large.", nil},
	"415": {"The body is not application/json: unsupported_media_type.", nil},
	"429": {"Too many cards were declined: rate_limited.", []string{"Retry-After"}},
	"500": {"Our fault: internal.", nil},
	"503": {"Stripe (stripe_unavailable) or the database (internal) does not answer. The same request again is safe.", []string{"Retry-After"}},
}

// webhookAnswers says it of the webhook.
var webhookAnswers = map[string]string{
	"400": "Not signed by Stripe, no event, or of the other mode: invalid_request.",
	"503": "The event could not be stored; Stripe sends it again.",
}

// describeAnswers completes the answers of every operation.
func (s *server) describeAnswers() {
	for path, item := range s.huma.OpenAPI().Paths {
		for _, op := range []*huma.Operation{item.Get, item.Post, item.Patch, item.Delete} {
			if op == nil {
				continue
			}
			delete(op.Responses, "422") // huma's own; ours is 400
			for status, response := range op.Responses {
				describeAnswer(status, response)
				if text := webhookAnswers[status]; text != "" && path == Prefix+"webhook" {
					response.Description = text
				}
			}
		}
	}
}

func describeAnswer(status string, response *huma.Response) {
	entry := answers[status]
	if code, err := strconv.Atoi(status); err == nil && (response.Description == "" || response.Description == http.StatusText(code)) {
		response.Description = entry.means
	}
	response.Headers = map[string]*huma.Param{}
	for _, name := range append([]string{"X-Request-Id"}, entry.headers...) {
		response.Headers[name] = &huma.Param{Ref: "#/components/headers/" + name}
	}
}

// document is the OpenAPI document in JSON. Paths of the API have the slash at
// the end with which they are documented.
func (s *server) document() ([]byte, error) {
	if !s.WebhooksOff {
		s.describeWebhook()
	}
	s.describeOperations()
	s.describeAnswers()
	s.describeNulls()
	api := *s.huma.OpenAPI()
	api.Paths = maps.Clone(api.Paths)
	for path, item := range s.huma.OpenAPI().Paths {
		if strings.HasPrefix(path, Prefix) {
			delete(api.Paths, path)
			api.Paths[path+"/"] = item
		}
	}
	return json.MarshalIndent(&api, "", "  ")
}
