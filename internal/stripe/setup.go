package stripe

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"

	stripego "github.com/stripe/stripe-go/v85"
)

// Setup asks for what an account at Stripe needs to have.
type Setup struct {
	// Plans get a product and a monthly price each.
	Plans []PlanSetup
	// WebhookURL gets an endpoint for the events that we use. Empty: none is made.
	WebhookURL string
	// EndpointName marks the endpoint as ours, so that it is found again when
	// its URL has changed. Empty: it is found by its URL.
	EndpointName string
	// RenewWebhook is for a secret that was lost: Stripe tells it only once,
	// so an endpoint that is there is deleted and made anew.
	RenewWebhook bool
}

// PlanSetup is one plan of a [Setup].
type PlanSetup struct {
	PlanID   string // such as "premium"; its price is found again by it
	Name     string // of the product, for people
	Amount   int64  // a month, in the currency's smallest unit
	Currency string // ISO 4217, lower case
}

// SetupResult is what was found or made.
type SetupResult struct {
	// Prices are the ids of the prices by plan.
	Prices map[string]string
	// WebhookSecret is the secret of the endpoint if it was made just now;
	// empty otherwise.
	WebhookSecret string
}

// metadataEndpoint holds the name of an endpoint of ours.
const metadataEndpoint = "payments_endpoint"

// Setup makes sure that the account has products and prices for the plans, and
// an endpoint for webhooks. It may run again: what is there is kept, a price of
// another amount is replaced for new subscriptions, and an endpoint is brought
// up to date. It needs a key that may write products, prices and webhook
// endpoints.
func (c *Client) Setup(ctx context.Context, s Setup) (SetupResult, error) {
	result := SetupResult{Prices: make(map[string]string, len(s.Plans))}
	for _, plan := range s.Plans {
		id, err := c.ensurePrice(ctx, plan)
		if err != nil {
			return SetupResult{}, fmt.Errorf("set up the price of %s: %w", plan.PlanID, err)
		}
		result.Prices[plan.PlanID] = id
	}
	if s.WebhookURL == "" {
		return result, nil
	}
	secret, err := c.ensureEndpoint(ctx, s)
	if err != nil {
		return SetupResult{}, fmt.Errorf("set up the webhook endpoint: %w", err)
	}
	result.WebhookSecret = secret
	return result, nil
}

// lookupKey finds the price of a plan again; Stripe keeps it unique among the
// active prices of an account.
func (p PlanSetup) lookupKey() string { return "payments_" + p.PlanID + "_monthly" }

// ensurePrice returns the price of a plan, and makes it where there is none or
// where the one that there is costs something else: prices cannot be changed.
func (c *Client) ensurePrice(ctx context.Context, plan PlanSetup) (string, error) {
	if plan.PlanID == "" || plan.Name == "" || plan.Currency == "" || plan.Amount <= 0 {
		return "", errors.New("a plan to set up needs an id, a name, an amount and a currency")
	}
	key := plan.lookupKey()
	newParams := func(page stripego.ListParams) any {
		return &stripego.PriceListParams{ListParams: page, Active: stripego.Bool(true), LookupKeys: []*string{&key}}
	}
	var id, product string
	_, err := c.list(ctx, "/v1/prices", newParams, func(o object) error {
		product = o.requiredReference("product")
		if plan.costs(o) {
			id = o.id()
		}
		return nil
	})
	if err != nil || id != "" {
		return id, err
	}
	params := &stripego.PriceCreateParams{
		Currency: &plan.Currency, UnitAmount: &plan.Amount, LookupKey: &key, TransferLookupKey: stripego.Bool(true),
		Recurring: &stripego.PriceCreateRecurringParams{Interval: stripego.String("month")},
	}
	if product != "" {
		params.Product = &product
	} else {
		params.ProductData = &stripego.PriceCreateProductDataParams{Name: &plan.Name}
	}
	return c.make(ctx, "/v1/prices", params, object.id)
}

// costs says whether a price is what the plan asks for.
func (p PlanSetup) costs(o object) bool {
	amount, ok := o.number("unit_amount")
	recurring := o.child("recurring")
	return ok && amount == p.Amount && o.text("currency") == p.Currency &&
		recurring.text("interval") == "month" && recurring.count("interval_count") == 1
}

// make creates an object and reads one fact of it.
func (c *Client) make(ctx context.Context, path string, params any, fact func(object) string) (string, error) {
	got, err := c.call(ctx, request{method: http.MethodPost, path: path, params: params})
	if err != nil {
		return "", err
	}
	o, err := got.object("object")
	if err != nil {
		return "", err
	}
	text := fact(o)
	return text, *o.err
}

// ensureEndpoint brings the endpoint up to date, or makes it and returns its secret.
func (c *Client) ensureEndpoint(ctx context.Context, s Setup) (string, error) {
	found, err := c.findEndpoint(ctx, s)
	if err != nil {
		return "", err
	}
	if found.id != "" && s.RenewWebhook {
		if err := c.deleteEndpoint(ctx, found.id); err != nil {
			return "", err
		}
		found = endpoint{}
	}
	if found.id != "" {
		return "", c.updateEndpoint(ctx, s, found)
	}
	params := &stripego.WebhookEndpointCreateParams{
		// Pinned, so that an upgrade of the account does not change what arrives.
		APIVersion:    stripego.String(APIVersion),
		EnabledEvents: stripego.StringSlice(HandledEventTypes()),
		URL:           &s.WebhookURL,
	}
	if s.EndpointName != "" {
		params.Metadata = map[string]string{metadataEndpoint: s.EndpointName}
	}
	return c.make(ctx, "/v1/webhook_endpoints", params, func(o object) string { return o.requiredText("secret") })
}

// endpoint is an endpoint that is there already.
type endpoint struct {
	id, url string
	current bool // enabled, for the events that we use
}

func (c *Client) findEndpoint(ctx context.Context, s Setup) (endpoint, error) {
	newParams := func(page stripego.ListParams) any { return &stripego.WebhookEndpointListParams{ListParams: page} }
	var found endpoint
	_, err := c.list(ctx, "/v1/webhook_endpoints", newParams, func(o object) error {
		ours := s.EndpointName != "" && o.child("metadata").text(metadataEndpoint) == s.EndpointName
		if ours || found.id == "" && o.text("url") == s.WebhookURL {
			found = endpoint{id: o.id(), url: o.text("url"), current: isCurrent(o)}
		}
		return nil
	})
	return found, err
}

func isCurrent(o object) bool {
	types := o.texts("enabled_events")
	slices.Sort(types)
	return o.text("status") == "enabled" && slices.Equal(types, HandledEventTypes())
}

func (c *Client) updateEndpoint(ctx context.Context, s Setup, found endpoint) error {
	if found.current && found.url == s.WebhookURL {
		return nil
	}
	path, err := pathOf("webhook_endpoints", found.id)
	if err != nil {
		return err
	}
	params := &stripego.WebhookEndpointUpdateParams{
		Disabled: stripego.Bool(false), EnabledEvents: stripego.StringSlice(HandledEventTypes()), URL: &s.WebhookURL,
	}
	_, err = c.call(ctx, request{method: http.MethodPost, path: path, params: params})
	return err
}

func (c *Client) deleteEndpoint(ctx context.Context, id string) error {
	path, err := pathOf("webhook_endpoints", id)
	if err != nil {
		return err
	}
	_, err = c.call(ctx, request{method: http.MethodDelete, path: path})
	return err
}
