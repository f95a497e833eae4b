package stripesim

import (
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
)

// This file is how a session keeps what it will make: as the parameters of the
// calls that would make it.

// encodeForm writes a checked form as parameters.
func encodeForm(f form) string {
	values := url.Values{}
	encodeValue(values, "", f)
	return values.Encode()
}

func encodeValue(into url.Values, name string, value any) {
	switch value := value.(type) {
	case *sent:
		value.read = true
		encodeValue(into, name, value.value)
	case form:
		for _, key := range slices.Sorted(maps.Keys(value)) {
			encodeValue(into, paramName(name, key), value[key])
		}
	case []any:
		for i, element := range value {
			encodeValue(into, paramName(name, fmt.Sprint(i)), element)
		}
	case nil:
		into.Set(name, "")
	default:
		into.Set(name, fmt.Sprint(value))
	}
}

// callOf makes a call of an operation from parameters that were kept.
func callOf(operation, parameters string) (call, *apiError) {
	received, fault := parseForm(parameters)
	if fault != nil {
		return call{}, fault
	}
	decoded, fault := decodeForm(received, operations[operation].fields)
	return call{form: decoded}, fault
}

// subscribe makes the session's subscription: recurring prices are its items,
// the others wait for its first invoice. The refusal names the parameters of a
// subscription.
func (s *checkoutSession) subscribe(t *transaction, customerID string, more form) (*subscription, *apiError) {
	values, count := url.Values{"customer": {customerID}, "currency": {string(s.Currency)}}, 0
	for _, item := range s.private.Items {
		if get[*price](t, item.Price).Type == "recurring" {
			name := paramName("items", fmt.Sprint(count))
			values.Set(name+"[price]", item.Price)
			values.Set(name+"[quantity]", fmt.Sprint(item.Quantity))
			count++
			continue
		}
		once := form{"customer": customerID, "currency": string(s.Currency), "pricing": form{"price": item.Price}, "quantity": item.Quantity}
		if _, fault := t.newInvoiceItem(once); fault != nil {
			return nil, fault
		}
	}
	parameters := values.Encode()
	if s.private.Plan != "" {
		parameters += "&" + s.private.Plan
	}
	c, fault := callOf("POST /v1/subscriptions", parameters)
	if fault != nil {
		return nil, fault
	}
	maps.Copy(c.form, s.discountForm())
	maps.Copy(c.form, more)
	made, fault := createSubscription(t, c)
	if fault != nil {
		return nil, fault
	}
	return made.(*subscription), nil
}

// rehearsal is a transaction that sees what this one sees, and whose work is
// thrown away.
func (t *transaction) rehearsal() *transaction {
	r := *t
	r.writes, r.order, r.gone, r.events = map[key]object{}, slices.Clone(t.order), slices.Clone(t.gone), nil
	for k, o := range t.writes {
		r.writes[k] = o.clone()
	}
	return &r
}

// rehearse is the first invoice of the subscription that the session would make
// now; empty if it would make none. Its refusal names the session's parameters.
func (s *checkoutSession) rehearse(t *transaction) (*invoice, *apiError) {
	r := t.rehearsal()
	payer := s.payer()
	if payer == "" {
		made, fault := createCustomer(r, call{form: form{}})
		if fault != nil {
			return nil, fault
		}
		payer = made.(*customer).ID
	}
	made, fault := s.subscribe(r, payer, form{"payment_behavior": "default_incomplete"})
	if fault != nil {
		return nil, fault.ofCheckout()
	}
	if first := get[*invoice](r, string(made.LatestInvoice)); first != nil {
		return first, nil
	}
	return &invoice{}, nil
}

// ofCheckout names the parameter of a subscription as the session has it.
func (e *apiError) ofCheckout() *apiError {
	if rest, ok := strings.CutPrefix(e.param, "items"); ok {
		e.param = "line_items" + rest
		return e
	}
	for _, of := range []string{"billing_", "description", "metadata", "proration_behavior", "trial_"} {
		if strings.HasPrefix(e.param, of) {
			return e.under("subscription_data")
		}
	}
	return e
}

// payer is the session's customer, shown or not yet.
func (s *checkoutSession) payer() string {
	if s.Customer != "" {
		return string(s.Customer)
	}
	return s.private.Payer
}
