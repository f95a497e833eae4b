package stripesim_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stripe/stripe-mock/embedded"
)

// schema is what Stripe's description of its API says of an object.
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

// undescribed are names from the past that Stripe goes on sending.
var undescribed = []string{"destination", "dispute", "order", "plan", "source", "trial_period_days", "type"}

type description struct {
	Components struct {
		Schemas map[string]*schema `json:"schemas"`
	} `json:"components"`
}

// check says where a value is not as described.
func (d *description) check(path string, value any, s *schema) []string {
	if name, ok := strings.CutPrefix(s.Ref, "#/components/schemas/"); ok {
		s = d.Components.Schemas[name]
		if s == nil {
			return []string{path + ": there is no description of " + name}
		}
	}
	if value == nil {
		if !s.Nullable && (s.Type != "" || len(s.AnyOf) > 0) {
			return []string{path + " is null"}
		}
		return nil
	}
	if len(s.AnyOf) > 0 {
		var wrong []string
		for _, one := range s.AnyOf {
			found := d.check(path, value, one)
			if len(found) == 0 {
				return nil
			}
			if wrong == nil || len(found) < len(wrong) {
				wrong = found
			}
		}
		return wrong
	}
	return d.checkType(path, value, s)
}

func (d *description) checkType(path string, value any, s *schema) []string {
	var wrong []string
	fits := true
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
			wrong = append(wrong, d.check(fmt.Sprintf("%s.%d", path, i), row, s.Items)...)
		}
	case "object":
		var inner map[string]any
		inner, fits = value.(map[string]any)
		for _, name := range s.Required {
			if _, there := inner[name]; fits && !there {
				wrong = append(wrong, path+" lacks "+name)
			}
		}
		for name, value := range inner {
			if described := s.Properties[name]; described != nil {
				wrong = append(wrong, d.check(path+"."+name, value, described)...)
			} else if len(s.Properties) > 0 && !slices.Contains(undescribed, name) {
				wrong = append(wrong, path+" has "+name+", which Stripe has not")
			}
		}
	}
	if !fits {
		wrong = append(wrong, fmt.Sprintf("%s is %v, want %s", path, value, s.Type))
	}
	if len(s.Enum) > 0 && !slices.Contains(s.Enum, value) {
		wrong = append(wrong, fmt.Sprintf("%s is %v, want one of %v", path, value, s.Enum))
	}
	return wrong
}

// TestObjectsAreAsStripeDescribesThem checks objects of every kind, in several
// of their states, against the description that Stripe publishes: required
// names, types and enumerations, all the way down.
func TestObjectsAreAsStripeDescribesThem(t *testing.T) {
	t.Parallel()
	var d description
	if err := json.Unmarshal(embedded.OpenAPISpec, &d); err != nil {
		t.Fatal(err)
	}
	w, r := newWorld(t, soon), newReceiver(t)
	w.post(t, "/v1/webhook_endpoints", "enabled_events[]=*&url="+r.url)
	customer := w.customer(t, "pm_card_visa")
	w.subscribe(t, customer, "&metadata[a]=b")
	w.subscribe(t, customer, "&cancel_at_period_end=true")
	w.subscribe(t, w.customer(t, ""), "&trial_period_days=3")
	w.subscribe(t, w.customer(t, "pm_card_chargeCustomerFail"), "")
	w.subscribe(t, w.customer(t, "pm_card_authenticationRequired"), "")
	for _, card := range []string{"pm_card_visa", "pm_card_refundFail", "pm_card_pendingRefund"} {
		intent := w.post(t, "/v1/payment_intents", "amount=1000&currency=usd&confirm=true&payment_method="+card).text("id")
		w.post(t, "/v1/refunds", "reason=duplicate&payment_intent="+intent)
	}
	voided := w.subscribe(t, customer, "&payment_behavior=default_incomplete")
	w.post(t, "/v1/invoices/"+voided.text("latest_invoice.id")+"/void", "")
	setup := w.get(t, "/v1/subscriptions?status=trialing").text("data.0.pending_setup_intent")
	seen := map[string]int{}
	look := func(o object) {
		kind := o.text("object")
		seen[kind]++
		described := d.Components.Schemas[kind]
		if described == nil {
			t.Fatalf("Stripe does not describe %q", kind)
		}
		for _, wrong := range d.check(kind, map[string]any(o), described) {
			t.Error(wrong)
		}
	}
	look(w.get(t, "/v1/setup_intents/"+setup))
	for _, wait := range []time.Duration{0, 3 * day, 29 * day, hour, 3 * day} {
		w.advance(t, wait)
		for _, path := range []string{"customers", "products", "prices", "payment_methods", "payment_intents", "charges", "refunds", "invoices", "invoice_payments", "subscriptions", "events", "webhook_endpoints"} {
			more := ""
			if path == "subscriptions" {
				more = "&status=all"
			}
			for _, row := range w.get(t, "/v1/"+path+"?limit=100"+more).rows() {
				look(row)
				if row.text("object") == "event" {
					look(row.at("data.object").(map[string]any))
				}
			}
		}
	}
	for _, kind := range []string{
		"charge", "customer", "event", "invoice", "invoice_payment", "payment_intent", "payment_method", "price", "product", "refund",
		"setup_intent", "subscription", "webhook_endpoint",
	} {
		if seen[kind] == 0 {
			t.Errorf("no %s was checked", kind)
		}
	}
}
