package stripesim_test

import (
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/numerai-app/payments/stripesim"
)

// TestStorm makes calls of any kind with any of their parameters, as a client
// gone mad would: all are answered, as Stripe describes its answers, and the
// laws hold.
func TestStorm(t *testing.T) {
	t.Parallel()
	operations := stripesim.Operations()
	for _, name := range changesUntold {
		delete(operations, name)
	}
	names := slices.Sorted(maps.Keys(operations))
	rapid.Check(t, func(r *rapid.T) {
		sim := newSimulatorFor(r)
		s := &storm{history: newHistory(r, sim, described(t, sim)), ids: map[string][]string{}}
		for range 2 {
			s.newCustomer(r)
		}
		s.subscribe(r)
		s.learn(object{"data": []any{}})
		for _, path := range []string{"prices", "products", "customers", "payment_methods", "subscriptions", "invoices", "charges", "payment_intents"} {
			s.learn(s.must(r, "GET", "/v1/"+path+"?limit=100", ""))
		}
		for range rapid.IntRange(1, 60).Draw(r, "calls") {
			s.step(r, names, operations)
		}
		s.check(r)
	})
}

// changesUntold are the calls that change an object without an event.
var changesUntold = []string{"POST /v1/payment_intents/{}", "POST /v1/setup_intents/{}", "POST /v1/checkout/sessions/{}"}

// storm is a history whose calls are put together at random.
type storm struct {
	*history
	ids map[string][]string // what was seen so far, by prefix
}

// learn remembers the ids in an answer.
func (s *storm) learn(value any) {
	switch value := value.(type) {
	case object:
		s.learn(map[string]any(value))
	case map[string]any:
		if id, ok := value["id"].(string); ok && id != "" {
			prefix, _, _ := strings.Cut(id, "_")
			if !slices.Contains(s.ids[prefix], id) {
				s.ids[prefix] = append(s.ids[prefix], id)
			}
		}
		for _, inner := range value {
			s.learn(inner)
		}
	case []any:
		for _, inner := range value {
			s.learn(inner)
		}
	}
}

func (s *storm) step(r *rapid.T, names []string, operations map[string]stripesim.Parameter) {
	if rapid.IntRange(0, 9).Draw(r, "time passes") == 0 {
		hours := rapid.SampledFrom([]int{1, 24, 8 * 24, 20 * 24}).Draw(r, "hours")
		if err := s.sim.Advance(r.Context(), time.Duration(hours)*time.Hour); err != nil {
			r.Fatal(err)
		}
		return
	}
	name := rapid.SampledFrom(names).Draw(r, "operation")
	method, path, _ := strings.Cut(name, " ")
	for strings.Contains(path, "{}") {
		path = strings.Replace(path, "{}", url.PathEscape(s.id(r, idPrefixes[strings.Split(path[:strings.Index(path, "{}")], "/")[2]])), 1)
	}
	values := url.Values{}
	s.fill(r, values, "", operations[name])
	if method == "POST" {
		s.learn(s.try(r, method, path, values.Encode()))
	} else {
		s.learn(s.try(r, method, path+"?"+values.Encode(), ""))
	}
}

// idPrefixes are the ids that a path most likely means.
var idPrefixes = map[string]string{
	"customers": "cus", "subscriptions": "sub", "invoices": "in", "charges": "ch", "payment_intents": "pi", "prices": "price", "products": "prod",
	"payment_methods": "pm", "subscription_items": "si", "subscription_schedules": "sub", "invoiceitems": "ii", "setup_intents": "seti",
	"test_helpers": "clock", "checkout": "cs", "coupons": "co", "promotion_codes": "promo", "refunds": "re", "disputes": "du", "events": "evt",
	"webhook_endpoints": "we", "invoice_payments": "inpay", "billing_portal": "bpc", "balance_transactions": "txn",
}

// id is one that was seen; now and then of another kind.
func (s *storm) id(r *rapid.T, prefix string) string {
	known := s.ids[prefix]
	if len(known) == 0 || rapid.IntRange(0, 19).Draw(r, "stray") == 0 {
		kinds := slices.Sorted(maps.Keys(s.ids))
		known = s.ids[rapid.SampledFrom(kinds).Draw(r, "kind")]
	}
	return known[rapid.IntRange(0, len(known)-1).Draw(r, "id")]
}

// fill gives some of the parameters of a hash.
func (s *storm) fill(r *rapid.T, values url.Values, prefix string, p stripesim.Parameter) {
	for _, name := range slices.Sorted(maps.Keys(p.Fields)) {
		field, full := p.Fields[name], name
		if prefix != "" {
			full = prefix + "[" + name + "]"
		}
		if field.Kind == "unsupported" || name == "expand" || !field.Required && rapid.IntRange(0, 5).Draw(r, "given") > 0 {
			continue
		}
		s.give(r, values, full, name, field)
	}
}

func (s *storm) give(r *rapid.T, values url.Values, full, name string, p stripesim.Parameter) {
	if p.Clears && rapid.IntRange(0, 5).Draw(r, "cleared") == 0 {
		values.Set(full, "")
		return
	}
	now := s.sim.Now().Unix()
	switch p.Kind {
	case "hash":
		s.fill(r, values, full, p)
	case "list":
		for i := range rapid.IntRange(1, 2).Draw(r, "elements") {
			s.give(r, values, full+"["+strconv.Itoa(i)+"]", name, *p.Element)
		}
	case "metadata":
		values.Set(full+"[k]", "v")
	case "range", "time":
		choices := append([]string{}, p.Words...)
		for _, days := range []int64{-400, -3, 0, 1, 20, 400} {
			choices = append(choices, fmt.Sprint(now+days*24*3600))
		}
		values.Set(full, rapid.SampledFrom(choices).Draw(r, full))
	case "word":
		values.Set(full, rapid.SampledFrom(p.Words).Draw(r, full))
	case "boolean":
		values.Set(full, strconv.FormatBool(rapid.Bool().Draw(r, full)))
	case "integer":
		values.Set(full, fmt.Sprint(rapid.SampledFrom([]int64{0, 1, 2, 7, 50, 1000, 99999, -1, -3000, 99999999}).Draw(r, full)))
	default:
		values.Set(full, s.text(r, name))
	}
}

// text is a text that the parameter of that name may want.
func (s *storm) text(r *rapid.T, name string) string {
	prefixes := map[string]string{
		"customer": "cus", "price": "price", "product": "prod", "subscription": "sub", "from_subscription": "sub", "invoice": "in",
		"payment_method": "pm", "default_payment_method": "pm", "payment_intent": "pi", "charge": "ch", "test_clock": "clock", "schedule": "sub",
		"coupon": "co", "promotion_code": "promo", "subscription_item": "si", "configuration": "bpc", "starting_after": "cus", "ending_before": "cus",
	}
	if prefix, ok := prefixes[name]; ok && len(s.ids) > 0 {
		return s.id(r, prefix)
	}
	if name == "id" {
		return s.id(r, rapid.SampledFrom([]string{"si", "il", "ii", "price"}).Draw(r, "prefix"))
	}
	return rapid.SampledFrom([]string{
		"usd", "jpy", "x", "a@b.c", "https://example.com/x", "12.5", "0.001", "99999999999999", "metadata['k']:'v'", "pm_card_visa",
		"pm_card_createDispute", "4242424242424242", "é\u0000", strings.Repeat("y", 600),
	}).Draw(r, name)
}
