package stripesim

import (
	"slices"
	"strconv"
	"strings"
)

// route is one operation of the API.
type route struct {
	method  string
	path    []string // {} stands for an id
	params  []string
	browser bool // may be called with a publishable key and a client secret
	do      func(t *transaction, args []string, p params) (any, *apiError)
}

type match struct {
	route *route
	args  []string
}

// public says whether a publishable key may make the call.
func (m match) public(p params) bool { return m.route.browser && p.text("client_secret") != "" }

func op(method, path string, do func(*transaction, []string, params) (any, *apiError), known ...string) *route {
	return &route{method: method, path: strings.Split(strings.TrimPrefix(path, "/"), "/"), params: known, do: do}
}

func browserOp(method, path string, do func(*transaction, []string, params) (any, *apiError), known ...string) *route {
	r := op(method, path, do, append(known, "client_secret")...)
	r.browser = true
	return r
}

func findRoute(method, path string) (match, bool) {
	parts := strings.Split(strings.Trim(path, "/"), "/")
	for _, r := range routes {
		if r.method != method || len(r.path) != len(parts) {
			continue
		}
		var args []string
		fits := true
		for i, part := range r.path {
			if part == "{}" {
				args = append(args, parts[i])
			} else if part != parts[i] {
				fits = false
				break
			}
		}
		if fits {
			return match{r, args}, true
		}
	}
	return match{}, false
}

var pageParams = []string{"limit", "starting_after", "ending_before"}

func paged(more ...string) []string { return append(slices.Clone(pageParams), more...) }

var routes []*route

func init() {
	created := []string{"created", "created[gt]", "created[gte]", "created[lt]", "created[lte]"}
	customer := []string{"name", "email", "description", "phone", "metadata", "payment_method", "invoice_settings[default_payment_method]", "invoice_settings[custom_fields]", "invoice_settings[footer]", "address", "shipping", "preferred_locales", "tax_exempt"}
	product := []string{"name", "description", "active", "metadata", "images", "unit_label", "statement_descriptor", "tax_code", "url"}
	price := []string{"currency", "unit_amount", "unit_amount_decimal", "product", "product_data[name]", "product_data[metadata]", "recurring[interval]", "recurring[interval_count]", "recurring[usage_type]", "recurring[trial_period_days]", "lookup_key", "transfer_lookup_key", "nickname", "active", "metadata", "tax_behavior", "billing_scheme"}
	item := []string{"items[][id]", "items[][price]", "items[][quantity]", "items[][deleted]", "items[][metadata]"}
	subscription := slices.Concat(item, []string{"default_payment_method", "payment_behavior", "payment_settings[save_default_payment_method]", "payment_settings[payment_method_types]", "metadata", "description", "cancel_at_period_end", "cancel_at", "collection_method", "days_until_due", "proration_behavior", "trial_end", "off_session", "trial_settings[end_behavior][missing_payment_method]"})
	routes = []*route{
		op("POST", "/v1/customers", createCustomer, customer...),
		op("GET", "/v1/customers", listCustomers, paged(append(created, "email")...)...),
		op("GET", "/v1/customers/{}", retrieveCustomer),
		op("POST", "/v1/customers/{}", updateCustomer, customer...),
		op("DELETE", "/v1/customers/{}", deleteCustomer),
		op("GET", "/v1/customers/{}/payment_methods", listCustomerMethods, paged("type")...),

		op("POST", "/v1/products", createProduct, append(product, "id", "type")...),
		op("GET", "/v1/products", listProducts, paged("active", "ids")...),
		op("GET", "/v1/products/{}", retrieve("product")),
		op("POST", "/v1/products/{}", updateProduct, append(product, "default_price")...),
		op("POST", "/v1/prices", createPrice, price...),
		op("GET", "/v1/prices", listPrices, paged("active", "product", "lookup_keys", "type", "currency")...),
		op("GET", "/v1/prices/{}", retrieve("price")),
		op("POST", "/v1/prices/{}", updatePrice, "active", "metadata", "nickname", "lookup_key", "transfer_lookup_key"),

		op("POST", "/v1/payment_methods", createPaymentMethod, "type", "card[number]", "card[exp_month]", "card[exp_year]", "card[cvc]", "card[token]", "billing_details", "metadata"),
		op("GET", "/v1/payment_methods", listPaymentMethods, paged("customer", "type")...),
		op("GET", "/v1/payment_methods/{}", retrieve("payment_method")),
		op("POST", "/v1/payment_methods/{}/attach", attachPaymentMethod, "customer"),
		op("POST", "/v1/payment_methods/{}/detach", detachPaymentMethod),

		browserOp("GET", "/v1/payment_intents/{}", retrieve("payment_intent")),
		op("GET", "/v1/payment_intents", listPaymentIntents, paged(append(created, "customer")...)...),
		op("POST", "/v1/payment_intents", createPaymentIntent, "amount", "currency", "customer", "payment_method", "confirm", "off_session", "description", "metadata", "payment_method_types", "automatic_payment_methods[enabled]", "automatic_payment_methods[allow_redirects]", "setup_future_usage", "return_url"),
		browserOp("POST", "/v1/payment_intents/{}/confirm", confirmPaymentIntent, "payment_method", "off_session", "return_url"),
		op("POST", "/v1/payment_intents/{}/cancel", cancelPaymentIntent, "cancellation_reason"),

		op("GET", "/v1/charges/{}", retrieve("charge")),
		op("GET", "/v1/charges", listCharges, paged(append(created, "customer", "payment_intent")...)...),
		op("POST", "/v1/refunds", createRefund, "payment_intent", "charge", "amount", "reason", "metadata"),
		op("GET", "/v1/refunds", listRefunds, paged("payment_intent", "charge")...),
		op("GET", "/v1/refunds/{}", retrieve("refund")),

		op("GET", "/v1/invoices", listInvoices, paged(append(created, "customer", "subscription", "status")...)...),
		op("GET", "/v1/invoices/{}", retrieve("invoice")),
		op("GET", "/v1/invoices/{}/lines", listInvoiceLines, pageParams...),
		op("POST", "/v1/invoices/{}/pay", payInvoice, "payment_method", "paid_out_of_band", "off_session"),
		op("POST", "/v1/invoices/{}/void", voidInvoice),
		op("POST", "/v1/invoices/{}/finalize", finalizeInvoiceCall, "auto_advance"),
		op("POST", "/v1/invoices/{}/mark_uncollectible", markUncollectible),
		op("GET", "/v1/invoice_payments", listInvoicePayments, paged("invoice", "status", "payment[type]", "payment[payment_intent]")...),
		op("GET", "/v1/invoice_payments/{}", retrieve("invoice_payment")),

		op("POST", "/v1/subscriptions", createSubscription, append(subscription, "customer", "trial_period_days", "billing_mode[type]", "currency")...),
		op("GET", "/v1/subscriptions", listSubscriptions, paged("customer", "price", "status", "collection_method")...),
		op("GET", "/v1/subscriptions/{}", retrieve("subscription")),
		op("POST", "/v1/subscriptions/{}", updateSubscription, append(subscription, "pause_collection", "pause_collection[behavior]", "pause_collection[resumes_at]", "proration_date")...),
		op("DELETE", "/v1/subscriptions/{}", cancelSubscription, "invoice_now", "prorate", "cancellation_details[comment]", "cancellation_details[feedback]"),

		op("GET", "/v1/setup_intents/{}", retrieve("setup_intent")),

		op("GET", "/v1/events", listEvents, paged(append(created, "type", "types", "types[]", "delivery_success")...)...),
		op("GET", "/v1/events/{}", retrieveEvent),
		op("POST", "/v1/webhook_endpoints", createWebhookEndpoint, "url", "enabled_events", "enabled_events[]", "api_version", "description", "metadata", "connect"),
		op("GET", "/v1/webhook_endpoints", listWebhookEndpoints, pageParams...),
		op("GET", "/v1/webhook_endpoints/{}", retrieve("webhook_endpoint")),
		op("POST", "/v1/webhook_endpoints/{}", updateWebhookEndpoint, "url", "enabled_events", "enabled_events[]", "disabled", "description", "metadata"),
		op("DELETE", "/v1/webhook_endpoints/{}", deleteWebhookEndpoint),
	}
}

// retrieve answers with the object of that kind.
func retrieve(kind string) func(*transaction, []string, params) (any, *apiError) {
	return func(t *transaction, args []string, p params) (any, *apiError) {
		o, fault := t.find(kind, args[0], kind)
		if fault != nil {
			return nil, fault
		}
		if secret := p.text("client_secret"); secret != "" && secret != o.text("client_secret") {
			return nil, missing(kind, args[0], kind)
		}
		return o, nil
	}
}

// page answers a list: newest first, cut by limit, starting_after and ending_before.
func (t *transaction) page(url string, p params, ids []string, wanted func(object) bool) (any, *apiError) {
	limit, fault := p.integer("limit", 10)
	if fault != nil {
		return nil, fault
	}
	if limit < 1 || limit > 100 {
		return nil, invalidParam("limit", "parameter_invalid_integer", "Invalid limit: must be between 1 and 100.")
	}
	after, before := p.text("starting_after"), p.text("ending_before")
	if after != "" && before != "" {
		return nil, invalidRequest("ending_before", "You cannot pass both starting_after and ending_before.")
	}
	cursor := -1
	if id := after + before; id != "" {
		if cursor = slices.Index(ids, id); cursor < 0 {
			return nil, missing("object", id, "starting_after")
		}
	}
	var rows []object
	add := func(id string) bool {
		o := t.get(id)
		if o != nil && !o.boolean("_gone") && wanted(o) {
			rows = append(rows, o)
		}
		return int64(len(rows)) <= limit
	}
	if before != "" {
		for i := cursor + 1; i < len(ids) && add(ids[i]); i++ {
		}
	} else {
		if cursor < 0 {
			cursor = len(ids)
		}
		for i := cursor - 1; i >= 0 && add(ids[i]); i-- {
		}
	}
	more := int64(len(rows)) > limit
	if more {
		rows = rows[:limit]
	}
	if before != "" {
		slices.Reverse(rows)
	}
	list := listOf(url, rows...)
	list["has_more"] = more
	return list, nil
}

// related lists the ids of a kind, narrowed by the first parameter given that
// names another object.
func (t *transaction) related(kind string, p params, fields map[string]string) []string {
	for param, field := range fields {
		if id := p.text(param); id != "" {
			return t.state.indexes[index{kind, field, id}]
		}
	}
	return t.state.lists[kind]
}

// withinRange checks a time against created=…, created[gte]=… and the like.
func withinRange(p params, name string, at int64) bool {
	if exact := p.text(name); exact != "" {
		return exact == strconv.FormatInt(at, 10)
	}
	for bound, text := range p.tree(name) {
		limit, err := strconv.ParseInt(text.(string), 10, 64)
		if err != nil {
			continue
		}
		if bound == "gt" && at <= limit || bound == "gte" && at < limit || bound == "lt" && at >= limit || bound == "lte" && at > limit {
			return false
		}
	}
	return true
}

// setMetadata merges metadata as Stripe does: an empty value removes its key.
func setMetadata(o object, p params) *apiError {
	if !p.has("metadata") {
		return nil
	}
	if p.text("metadata") == "" && p.tree("metadata") == nil {
		o["metadata"] = object{}
		return nil
	}
	merged := cloneObject(o.object("metadata"))
	if merged == nil {
		merged = object{}
	}
	for name, value := range p.tree("metadata") {
		text, ok := value.(string)
		switch {
		case !ok:
			return invalidParam("metadata", "", "Metadata values are strings.")
		case len(name) > 40 || strings.ContainsAny(name, "[]"):
			return invalidParam("metadata", "", "Metadata keys have up to 40 characters and no brackets.")
		case len(text) > 500:
			return invalidParam("metadata", "", "Metadata values have up to 500 characters.")
		case text == "":
			delete(merged, name)
		default:
			merged[name] = text
		}
	}
	if len(merged) > 50 {
		return invalidParam("metadata", "", "You can have up to 50 metadata keys.")
	}
	o["metadata"] = merged
	return nil
}
