package stripesim

import (
	"encoding/json"
	"net/http"
	"strings"
)

// maxExpansion is how many levels an expansion may go down.
const maxExpansion = 4

// expandable are the fields that hold an id and may be expanded into the
// object, by kind and path within it.
var expandable = map[string]string{
	"customer.invoice_settings.default_payment_method": paymentMethodKind,
	"product.default_price":                            priceKind,
	"price.product":                                    productKind,
	"promotion_code.customer":                          customerKind,
	"promotion_code.promotion.coupon":                  couponKind,
	"discount.customer":                                customerKind,
	"discount.promotion_code":                          promotionCodeKind,
	"discount.source.coupon":                           couponKind,
	"subscription.discounts":                           discountKind,
	"subscription_item.discounts":                      discountKind,
	"invoice.discounts":                                discountKind,
	"invoiceitem.discounts":                            discountKind,
	"invoice.total_discount_amounts.discount":          discountKind,
	"line_item.discounts":                              discountKind,
	"line_item.discount_amounts.discount":              discountKind,
	"payment_method.customer":                          customerKind,
	"setup_intent.customer":                            customerKind,
	"setup_intent.payment_method":                      paymentMethodKind,
	"payment_intent.customer":                          customerKind,
	"payment_intent.payment_method":                    paymentMethodKind,
	"payment_intent.latest_charge":                     chargeKind,
	"charge.customer":                                  customerKind,
	"charge.payment_intent":                            paymentIntentKind,
	"charge.balance_transaction":                       balanceEntryKind,
	"refund.balance_transaction":                       balanceEntryKind,
	"refund.failure_balance_transaction":               balanceEntryKind,
	"charge.dispute":                                   disputeKind,
	"balance_transaction.source":                       sourceOfMoney,
	"billing_portal.session.configuration":             portalConfigurationKind,
	"radar.early_fraud_warning.charge":                 chargeKind,
	"radar.early_fraud_warning.payment_intent":         paymentIntentKind,
	"dispute.charge":                                   chargeKind,
	"dispute.payment_intent":                           paymentIntentKind,
	"refund.charge":                                    chargeKind,
	"refund.payment_intent":                            paymentIntentKind,
	"invoice.customer":                                 customerKind,
	"invoice.default_payment_method":                   paymentMethodKind,
	"invoice.parent.subscription_details.subscription": subscriptionKind,
	"line_item.subscription":                           subscriptionKind,
	"line_item.pricing.price_details.price":            priceKind,
	"line_item.pricing.price_details.product":          productKind,
	"invoiceitem.customer":                             customerKind,
	"customer_balance_transaction.customer":            customerKind,
	"customer_balance_transaction.invoice":             invoiceKind,
	"invoiceitem.invoice":                              invoiceKind,
	"invoiceitem.pricing.price_details.price":          priceKind,
	"invoice_payment.invoice":                          invoiceKind,
	"invoice_payment.payment.payment_intent":           paymentIntentKind,
	"checkout.session.discounts.coupon":                couponKind,
	"checkout.session.discounts.promotion_code":        promotionCodeKind,
	"checkout.session.customer":                        customerKind,
	"checkout.session.invoice":                         invoiceKind,
	"checkout.session.payment_intent":                  paymentIntentKind,
	"checkout.session.setup_intent":                    setupIntentKind,
	"checkout.session.subscription":                    subscriptionKind,
	"subscription.customer":                            customerKind,
	"subscription.default_payment_method":              paymentMethodKind,
	"subscription.latest_invoice":                      invoiceKind,
	"subscription.pending_setup_intent":                setupIntentKind,

	"subscription.schedule":                                                   subscriptionScheduleKind,
	"subscription_schedule.customer":                                          customerKind,
	"subscription_schedule.default_settings.default_payment_method":           paymentMethodKind,
	"subscription_schedule.phases.default_payment_method":                     paymentMethodKind,
	"subscription_schedule.phases.items.price":                                priceKind,
	"subscription_schedule.phases.discounts.coupon":                           couponKind,
	"subscription_schedule.phases.discounts.discount":                         discountKind,
	"subscription_schedule.phases.discounts.promotion_code":                   promotionCodeKind,
	"subscription_schedule.phases.items.discounts.coupon":                     couponKind,
	"subscription_schedule.phases.items.discounts.discount":                   discountKind,
	"subscription_schedule.phases.items.discounts.promotion_code":             promotionCodeKind,
	"subscription_schedule.phases.add_invoice_items.discounts.coupon":         couponKind,
	"subscription_schedule.phases.add_invoice_items.discounts.discount":       discountKind,
	"subscription_schedule.phases.add_invoice_items.discounts.promotion_code": promotionCodeKind,
	"subscription_schedule.phases.add_invoice_items.price":                    priceKind,
	"subscription_schedule.subscription":                                      subscriptionKind,
}

// neverThere are the fields that may be expanded and are null here.
var neverThere = map[string]bool{
	"application": true, "balance_transaction": true, "default_source": true, "discount": true, "failure_balance_transaction": true,
	"latest_attempt": true, "latest_revision": true, "mandate": true, "on_behalf_of": true, "pending_update": true, "review": true,
	"schedule": true, "source_transfer": true, "tax_code": true, "test_clock": true,
}

// absent is what Stripe leaves out even where it is asked to expand it.
type absent struct{}

// concealed are the fields that show up only when they are expanded.
var concealed = map[string]func(*transaction, string) any{
	"customer.subscriptions": func(t *transaction, id string) any {
		var live []any
		for _, s := range related[*subscription](t, "customer", id) {
			if !s.ended() {
				live = append([]any{t.shown(s)}, live...)
			}
		}
		return listOf("/v1/customers/"+id+"/subscriptions", live)
	},
	"checkout.session.line_items": func(t *transaction, id string) any {
		s := get[*checkoutSession](t, id)
		shown := s.shownItems(t)
		answer := listOf("/v1/checkout/sessions/"+id+"/line_items", shown[:min(defaultPage, len(shown))])
		answer.HasMore = len(shown) > defaultPage
		return answer
	},
	"price.currency_options": func(t *transaction, id string) any { return get[*price](t, id).shownOptions() },
	"price.tiers": func(t *transaction, id string) any {
		if tiers := get[*price](t, id).Tiers; len(tiers) > 0 {
			return tiers
		}
		return absent{}
	},
	"coupon.applies_to": func(t *transaction, id string) any {
		if products := get[*coupon](t, id).private.Products; len(products) > 0 {
			return tree{"products": products}
		}
		return absent{}
	},
	"charge.refunds": func(t *transaction, id string) any {
		return listOf("/v1/charges/"+id+"/refunds", newestFirst(related[*refund](t, "charge", id)))
	},
	"invoice.payments": func(t *transaction, id string) any {
		return listOf("/v1/invoice_payments?invoice="+id, newestFirst(related[*invoicePayment](t, "invoice", id)))
	},
	"invoice.confirmation_secret": func(t *transaction, id string) any {
		invoice := get[*invoice](t, id)
		if invoice == nil || invoice.Status != "open" || invoice.private.Intent == "" {
			return nil
		}
		intent := get[*paymentIntent](t, invoice.private.Intent)
		return tree{"client_secret": intent.ClientSecret, "type": "payment_intent"}
	},
}

func newestFirst[T any](rows []T) []any {
	reversed := make([]any, 0, len(rows))
	for i := range rows {
		reversed = append(reversed, rows[len(rows)-1-i])
	}
	return reversed
}

// shown is an object as it goes over the wire, with what is taken from others.
func (t *transaction) shown(o any) any {
	switch o := o.(type) {
	case *customer:
		if o.private.Deleted {
			return deletedObject{o.ID, customerKind, true}
		}
	case *price:
		return o.withoutTiers()
	case *coupon:
		return o.atTime(t.now)
	case *promotionCode:
		return o.asNow(t)
	case *subscription:
		return o.withPrices(t)
	case *dispute:
		return o.withEntries(t.now)
	case *balanceEntry:
		return o.atTime(t.now)
	case *invoice:
		return o.withFewLines()
	case searchResult:
		for i, row := range o.Data {
			o.Data[i] = t.shown(row)
		}
		return o
	case list:
		data := make([]any, len(o.Data))
		for i, row := range o.Data {
			data[i] = t.shown(row)
		}
		o.Data = data
		return o
	}
	return o
}

// deletedObject is what remains of an object that was deleted.
type deletedObject struct {
	ID      string `json:"id"`
	Object  string `json:"object"`
	Deleted bool   `json:"deleted"`
}

// show answers with an object, or a list, and what was asked to be expanded.
func (t *transaction) show(result any, paths []string) (answer, *apiError) {
	if p, ok := result.(preview); ok {
		t = p.scratch
	}
	shown := t.shown(result)
	if len(paths) > 0 {
		expanded, err := toTree(shown)
		if err != nil {
			return answer{}, unreadable(err)
		}
		for _, path := range paths {
			if fault := t.expand(expanded, path); fault != nil {
				return answer{}, fault
			}
		}
		shown = expanded
	}
	body, err := json.MarshalIndent(shown, "", "  ")
	if err != nil {
		return answer{}, unreadable(err)
	}
	return answer{status: http.StatusOK, body: append(body, '\n')}, nil
}

func unreadable(err error) *apiError {
	return &apiError{status: http.StatusInternalServerError, kind: internalError, message: "The simulator could not write its answer: " + err.Error()}
}

func (t *transaction) expand(shown tree, path string) *apiError {
	parts := strings.Split(path, ".")
	depth := len(parts)
	found := shown["object"] == "search_result"
	if found && path == "total_count" {
		return nil
	}
	if found || shown["object"] == "list" {
		if parts[0] != "data" {
			return invalid("expand", "", "This property cannot be expanded ("+path+"). You may want to try expanding 'data."+path+"' instead.")
		}
		depth--
	}
	if depth > maxExpansion {
		return invalid("expand", "", "You cannot expand more than 4 levels of a property. Property: "+path)
	}
	if !t.expandIn(shown, "", parts) {
		return invalid("expand", "", "This property cannot be expanded ("+path+").")
	}
	return nil
}

// expandIn expands one path. at is the kind of the object that place belongs
// to, and its path there.
func (t *transaction) expandIn(place tree, at string, parts []string) bool {
	if kind, ok := place["object"].(string); ok && kind != "list" {
		at = kind
	}
	name := parts[0]
	at += "." + name
	if reveal := concealed[at]; reveal != nil && place[name] == nil {
		id, _ := place["id"].(string)
		value := reveal(t, id)
		if value == (absent{}) {
			return true
		}
		revealed, err := toTree(tree{"value": value})
		if err != nil {
			return false
		}
		if place[name] = revealed["value"]; len(parts) == 1 {
			return true
		}
	}
	switch value := place[name].(type) {
	case string:
		return t.expandID(place, name, expandable[at], value, parts[1:])
	case nil:
		_, known := place[name]
		return known && (expandable[at] != "" || concealed[at] != nil || neverThere[name] || len(parts) > 1)
	case tree:
		return len(parts) == 1 || t.expandIn(value, at, parts[1:])
	case []any:
		for i, row := range value {
			if id, ok := row.(string); ok {
				named := tree{name: id}
				if !t.expandID(named, name, expandable[at], id, parts[1:]) {
					return false
				}
				value[i] = named[name]
				continue
			}
			if inner, ok := row.(tree); !ok || len(parts) == 1 || !t.expandIn(inner, at, parts[1:]) {
				return false
			}
		}
		return true
	}
	return false
}

func (t *transaction) expandID(place tree, name, kind, id string, rest []string) bool {
	if kind == sourceOfMoney {
		kind = sourceKinds[id[:strings.Index(id, "_")+1]]
	}
	if kind == "" {
		return false
	}
	o, found := t.writes[key{kind, id}]
	if !found {
		r := t.state.row(key{kind, id})
		if r == nil {
			return false
		}
		o = r.object
	}
	inner, err := toTree(t.shown(o))
	if err != nil {
		return false
	}
	place[name] = inner
	return len(rest) == 0 || t.expandIn(inner, "", rest)
}
