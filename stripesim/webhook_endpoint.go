package stripesim

import (
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"time"
)

const webhookEndpointKind = "webhook_endpoint"

// maxWebhookEndpoints is how many an account may have.
const maxWebhookEndpoints = 16

// webhookEndpoint is an address to which events are delivered.
type webhookEndpoint struct {
	header
	Livemode      no       `json:"livemode"`
	APIVersion    string   `json:"api_version"`
	Application   null     `json:"application"`
	Created       int64    `json:"created"`
	Description   text     `json:"description"`
	EnabledEvents []string `json:"enabled_events"`
	Metadata      metadata `json:"metadata"`
	Secret        string   `json:"secret,omitempty"` // in the answer to its creation only
	Status        string   `json:"status"`
	URL           string   `json:"url"`

	private webhookEndpointPrivate
}

type webhookEndpointPrivate struct {
	Secrets []webhookSecret `json:"secrets"`
}

// webhookSecret signs deliveries until a time; the zero time is for ever.
type webhookSecret struct {
	Value string    `json:"value"`
	Until time.Time `json:"until,omitzero"`
}

func (*webhookEndpoint) kind() string    { return webhookEndpointKind }
func (w *webhookEndpoint) clone() object { c := *w; return &c }
func (w *webhookEndpoint) hidden() any   { return &w.private }

// secrets are those that sign at a time, the newest first.
func (w *webhookEndpoint) secrets(at time.Time) []string {
	var active []string
	for _, secret := range w.private.Secrets {
		if secret.Until.IsZero() || at.Before(secret.Until) {
			active = append(active, secret.Value)
		}
	}
	return active
}

func webhookEndpointOperations() []operation {
	changeable := shape{
		"description": aText().orEmpty(), "metadata": aMetadata(),
		"enabled_events": aList(aText()), "url": aText(),
	}
	created := changeable.with(shape{
		"api_version": aText(), "connect": aBoolean(), "enabled_events": aList(aText()).must(), "url": aText().must(),
	})
	return []operation{
		{method: "POST", path: "/v1/webhook_endpoints", do: createWebhookEndpoint, fields: created},
		{method: "GET", path: "/v1/webhook_endpoints", do: listWebhookEndpoints, fields: pageFields(nil)},
		{method: "GET", path: "/v1/webhook_endpoints/{}", do: retrieve[*webhookEndpoint]},
		{method: "POST", path: "/v1/webhook_endpoints/{}", do: updateWebhookEndpoint, fields: changeable.with(shape{"disabled": aBoolean()})},
		{method: "DELETE", path: "/v1/webhook_endpoints/{}", do: deleteWebhookEndpoint},
	}
}

// eventPattern is how types of events look. Patterns such as customer.* are
// for lists of events, not for endpoints.
var eventPattern = regexp.MustCompile(`^[a-z0-9_]+(\.[a-z0-9_]+)+$`)

func createWebhookEndpoint(t *transaction, c call) (any, *apiError) {
	if c.boolean("connect", false) {
		return nil, unsupported("connect", "endpoints for connected accounts")
	}
	if len(all[*webhookEndpoint](t)) >= maxWebhookEndpoints {
		return nil, refused("", "You have reached the maximum of 16 test webhook endpoints.")
	}
	version := c.word("api_version", APIVersion)
	if !slices.Contains(versions, version) {
		return nil, noVersion("api_version", version)
	}
	secret := t.newID("whsec_", 32)
	endpoint := &webhookEndpoint{
		header: header{ID: t.newID("we_1", 23), Object: webhookEndpointKind}, APIVersion: version, Created: t.now, Status: "enabled",
		private: webhookEndpointPrivate{Secrets: []webhookSecret{{Value: secret}}},
	}
	if fault := endpoint.set(c); fault != nil {
		return nil, fault
	}
	t.create(endpoint)
	answered := *endpoint
	answered.Secret = secret
	return &answered, nil
}

// set takes over what a request may say at creation and later.
func (w *webhookEndpoint) set(c call) *apiError {
	if c.has("url") {
		parsed, err := url.Parse(c.text("url"))
		if err != nil || parsed.Host == "" || parsed.Scheme != "http" && parsed.Scheme != "https" {
			return invalid("url", "url_invalid", "Invalid URL: An explicit scheme (such as https) must be provided.")
		}
		w.URL = c.text("url")
	}
	if c.has("enabled_events") {
		events := c.texts("enabled_events")
		if len(events) == 0 {
			return invalid("enabled_events", "parameter_invalid_empty", "You must enable at least one event.")
		}
		for i, one := range events {
			if one != "*" && !eventPattern.MatchString(one) {
				return invalid("enabled_events["+strconv.Itoa(i)+"]", "", "Invalid enabled_events: must be event types, or `*` alone.")
			}
		}
		w.EnabledEvents = events
	}
	c.setText("description", &w.Description)
	merged, fault := w.Metadata.merge(c.form)
	w.Metadata = merged
	return fault
}

func updateWebhookEndpoint(t *transaction, c call) (any, *apiError) {
	if _, fault := one[*webhookEndpoint](t, c); fault != nil {
		return nil, fault
	}
	endpoint := edit[*webhookEndpoint](t, c.id())
	if c.has("disabled") {
		endpoint.Status = map[bool]string{true: "disabled", false: "enabled"}[c.boolean("disabled", false)]
	}
	return endpoint, endpoint.set(c)
}

func listWebhookEndpoints(t *transaction, c call) (any, *apiError) {
	return page[*webhookEndpoint](t, "/v1/webhook_endpoints", c, all[*webhookEndpoint](t), nil)
}

func deleteWebhookEndpoint(t *transaction, c call) (any, *apiError) {
	endpoint, fault := one[*webhookEndpoint](t, c)
	if fault != nil {
		return nil, fault
	}
	t.remove(endpoint)
	return deletedObject{c.id(), webhookEndpointKind, true}, nil
}

// rollSecret gives an endpoint a new secret; the ones before sign beside it
// until a time.
func (t *transaction) rollSecret(id string, until time.Time) string {
	endpoint := edit[*webhookEndpoint](t, id)
	secrets := []webhookSecret{{Value: t.newID("whsec_", 32)}}
	for _, old := range endpoint.private.Secrets {
		if old.Until.IsZero() || old.Until.After(until) {
			old.Until = until
		}
		secrets = append(secrets, old)
	}
	endpoint.private.Secrets = secrets
	return secrets[0].Value
}
