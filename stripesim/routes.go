package stripesim

import (
	"slices"
	"strings"
)

// route is one operation of the API.
type route struct {
	method  string
	path    []string // {} stands for an id
	schema  schema
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
	return &route{method: method, path: strings.Split(strings.TrimPrefix(path, "/"), "/"), schema: newSchema(known), do: do}
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

var pageParams = []string{"limit:int", "starting_after", "ending_before"}

func paged(more ...string) []string { return append(slices.Clone(pageParams), more...) }

// lacking marks parameters that Stripe has and the simulator has not.
func lacking(names ...string) []string {
	marked := make([]string, len(names))
	for i, name := range names {
		marked[i] = name + ":lacks"
	}
	return marked
}

var created = []string{"created:int", "created[gt]:int", "created[gte]:int", "created[lt]:int", "created[lte]:int"}

var routes = slices.Concat(customerRoutes(), priceRoutes(), paymentRoutes(), invoiceRoutes(), subscriptionRoutes(), eventRoutes())

func customerRoutes() []*route {
	customer := append(lacking(
		"address", "balance", "business_name", "cash_balance", "coupon", "individual_name", "invoice_prefix", "next_invoice_sequence",
		"invoice_settings[custom_fields]", "invoice_settings[footer]", "invoice_settings[rendering_options]",
		"preferred_locales", "promotion_code", "shipping", "source", "tax", "tax_exempt", "tax_id_data", "test_clock"),
		"name", "email", "description", "phone", "metadata:map", "invoice_settings[default_payment_method]")
	return []*route{
		op("POST", "/v1/customers", createCustomer, append(customer, "payment_method")...),
		op("GET", "/v1/customers", listCustomers, slices.Concat(pageParams, created, lacking("test_clock"), []string{"email"})...),
		op("GET", "/v1/customers/{}", retrieveCustomer),
		op("POST", "/v1/customers/{}", updateCustomer, customer...),
		op("DELETE", "/v1/customers/{}", deleteCustomer),
		op("GET", "/v1/customers/{}/payment_methods", listCustomerMethods, paged("type")...),
	}
}

func priceRoutes() []*route {
	product := append(lacking("images", "marketing_features", "package_dimensions", "shippable", "type"),
		"description", "active:bool", "metadata:map", "unit_label", "statement_descriptor", "tax_code", "url")
	price := append(lacking(
		"currency_options", "custom_unit_amount", "recurring[meter]", "recurring[trial_period_days]", "tiers", "tiers_mode",
		"transform_quantity", "unit_amount_decimal", "product_data[id]", "product_data[active]", "product_data[statement_descriptor]",
		"product_data[tax_code]", "product_data[unit_label]"),
		"currency", "unit_amount:int", "product", "product_data[name]", "product_data[metadata]:map", "recurring[interval]",
		"recurring[interval_count]:int", "recurring[usage_type]", "tax_behavior", "billing_scheme")
	changing := append(lacking("currency_options"), "active:bool", "metadata:map", "nickname", "lookup_key", "transfer_lookup_key:bool")
	return []*route{
		op("POST", "/v1/products", createProduct, append(slices.Concat(product, lacking("default_price_data")), "id", "name")...),
		op("GET", "/v1/products", listProducts, slices.Concat(pageParams, created, lacking("shippable", "url", "type"), []string{"active:bool", "ids[]"})...),
		op("GET", "/v1/products/{}", retrieve("product")),
		op("POST", "/v1/products/{}", updateProduct, append(product, "name", "default_price")...),
		op("POST", "/v1/prices", createPrice, slices.Concat(price, changing)...),
		op("GET", "/v1/prices", listPrices, slices.Concat(pageParams, created, lacking("recurring"), []string{"active:bool", "product", "lookup_keys[]", "type", "currency"})...),
		op("GET", "/v1/prices/{}", retrieve("price")),
		op("POST", "/v1/prices/{}", updatePrice, append(lacking("tax_behavior"), changing...)...),
	}
}

func paymentRoutes() []*route {
	method := append(lacking("allow_redisplay", "billing_details[address]", "billing_details[tax_id]", "card[networks]", "customer", "payment_method", "radar_options"),
		"type", "card[number]", "card[exp_month]:int", "card[exp_year]:int", "card[cvc]", "card[token]",
		"billing_details[email]", "billing_details[name]", "billing_details[phone]", "metadata:map")
	intent := append(lacking(
		"application_fee_amount", "automatic_payment_methods[allow_redirects]", "capture_method", "confirmation_method", "confirmation_token",
		"error_on_requires_action", "excluded_payment_method_types", "mandate", "mandate_data", "on_behalf_of", "payment_method_configuration",
		"payment_method_data", "payment_method_options", "radar_options", "receipt_email", "return_url", "shipping", "statement_descriptor",
		"statement_descriptor_suffix", "transfer_data", "transfer_group", "use_stripe_sdk"),
		"amount:int", "currency", "customer", "payment_method", "confirm:bool", "off_session:bool", "description", "metadata:map",
		"payment_method_types[]", "automatic_payment_methods[enabled]:bool", "setup_future_usage")
	// A browser sends return_url with every confirmation; no test card leads away.
	confirm := append(lacking("capture_method", "confirmation_token", "mandate", "mandate_data", "payment_method_data", "payment_method_options", "receipt_email", "setup_future_usage", "shipping"),
		"payment_method", "off_session:bool", "return_url", "use_stripe_sdk")
	return []*route{
		op("POST", "/v1/payment_methods", createPaymentMethod, method...),
		op("GET", "/v1/payment_methods", listPaymentMethods, paged("customer", "type")...),
		op("GET", "/v1/payment_methods/{}", retrieve("payment_method")),
		op("POST", "/v1/payment_methods/{}/attach", attachPaymentMethod, "customer"),
		op("POST", "/v1/payment_methods/{}/detach", detachPaymentMethod),

		browserOp("GET", "/v1/payment_intents/{}", retrieve("payment_intent")),
		op("GET", "/v1/payment_intents", listPaymentIntents, slices.Concat(pageParams, created, []string{"customer"})...),
		op("POST", "/v1/payment_intents", createPaymentIntent, intent...),
		browserOp("POST", "/v1/payment_intents/{}/confirm", confirmPaymentIntent, confirm...),
		op("POST", "/v1/payment_intents/{}/cancel", cancelPaymentIntent, "cancellation_reason"),
		op("GET", "/v1/setup_intents/{}", retrieve("setup_intent")),

		op("GET", "/v1/charges/{}", retrieve("charge")),
		op("GET", "/v1/charges", listCharges, slices.Concat(pageParams, created, lacking("transfer_group"), []string{"customer", "payment_intent"})...),
		op("POST", "/v1/refunds", createRefund, append(lacking("currency", "customer", "instructions_email", "origin", "refund_application_fee", "reverse_transfer"),
			"payment_intent", "charge", "amount:int", "reason", "metadata:map")...),
		op("GET", "/v1/refunds", listRefunds, slices.Concat(pageParams, created, []string{"payment_intent", "charge"})...),
		op("GET", "/v1/refunds/{}", retrieve("refund")),
	}
}

func invoiceRoutes() []*route {
	return []*route{
		op("GET", "/v1/invoices", listInvoices, slices.Concat(pageParams, created, lacking("collection_method", "due_date"), []string{"customer", "subscription", "status"})...),
		op("GET", "/v1/invoices/{}", retrieve("invoice")),
		op("GET", "/v1/invoices/{}/lines", listInvoiceLines, pageParams...),
		op("POST", "/v1/invoices/{}/pay", payInvoice, append(lacking("forgive", "mandate", "source"), "payment_method", "paid_out_of_band:bool", "off_session:bool")...),
		op("POST", "/v1/invoices/{}/void", voidInvoice),
		op("POST", "/v1/invoices/{}/finalize", finalizeInvoiceCall, lacking("auto_advance")...),
		op("POST", "/v1/invoices/{}/mark_uncollectible", markUncollectible),
		op("GET", "/v1/invoice_payments", listInvoicePayments, slices.Concat(pageParams, created, []string{"invoice", "status", "payment[type]", "payment[payment_intent]"})...),
		op("GET", "/v1/invoice_payments/{}", retrieve("invoice_payment")),
	}
}

func subscriptionRoutes() []*route {
	subscription := append(lacking(
		"add_invoice_items", "application_fee_percent", "automatic_tax", "billing_cycle_anchor", "billing_cycle_anchor_config", "billing_thresholds",
		"collection_method", "days_until_due", "default_source", "default_tax_rates", "discounts", "invoice_settings",
		"items[][billing_thresholds]", "items[][discounts]", "items[][price_data]", "items[][tax_rates]", "on_behalf_of",
		"payment_settings[payment_method_options]", "payment_settings[payment_method_types]", "pending_invoice_item_interval",
		"transfer_data", "trial_settings"),
		"items[][price]", "items[][quantity]:int", "items[][metadata]:map", "default_payment_method",
		"payment_settings[save_default_payment_method]", "metadata:map", "description", "cancel_at_period_end:bool", "cancel_at",
		"off_session:bool")
	create := append(lacking("backdate_start_date", "billing_mode", "currency", "proration_behavior"),
		"customer", "payment_behavior", "trial_period_days:int", "trial_end")
	update := append(lacking("cancellation_details", "items[][clear_usage]", "payment_behavior", "proration_date", "trial_end", "trial_from_plan"),
		"items[][id]", "items[][deleted]:bool", "proration_behavior", "pause_collection[behavior]", "pause_collection[resumes_at]:int")
	list := append(lacking("automatic_tax", "current_period_end", "current_period_start", "test_clock"), "customer", "price", "status", "collection_method")
	return []*route{
		op("POST", "/v1/subscriptions", createSubscription, slices.Concat(subscription, create)...),
		op("GET", "/v1/subscriptions", listSubscriptions, slices.Concat(pageParams, created, list)...),
		op("GET", "/v1/subscriptions/{}", retrieve("subscription")),
		op("POST", "/v1/subscriptions/{}", updateSubscription, slices.Concat(subscription, update)...),
		op("DELETE", "/v1/subscriptions/{}", cancelSubscription, "invoice_now:bool", "prorate:bool", "cancellation_details[comment]", "cancellation_details[feedback]"),
	}
}

func eventRoutes() []*route {
	endpoint := []string{"url", "enabled_events[]", "description", "metadata:map"}
	return []*route{
		op("GET", "/v1/events", listEvents, slices.Concat(pageParams, created, []string{"type", "types[]", "delivery_success:bool"})...),
		op("GET", "/v1/events/{}", retrieveEvent),
		op("POST", "/v1/webhook_endpoints", createWebhookEndpoint, slices.Concat(endpoint, lacking("connect"), []string{"api_version"})...),
		op("GET", "/v1/webhook_endpoints", listWebhookEndpoints, pageParams...),
		op("GET", "/v1/webhook_endpoints/{}", retrieve("webhook_endpoint")),
		op("POST", "/v1/webhook_endpoints/{}", updateWebhookEndpoint, append(endpoint, "disabled:bool")...),
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
