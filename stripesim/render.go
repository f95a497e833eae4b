package stripesim

import "encoding/json"

// firstNew is the first version of Stripe's API with the present shape.
const firstNew = "2025-03-31"

// isOld says whether a version has the shape from before 2025-03-31.
func isOld(version string) bool { return version != "" && version < firstNew }

// oldLinks are the facts that the older shape says of an object and the
// present one does not.
type oldLinks struct {
	Invoice       string `json:"invoice,omitempty"`
	PaymentIntent string `json:"payment_intent,omitempty"`
	Charge        string `json:"charge,omitempty"`
	OutOfBand     bool   `json:"out_of_band,omitempty"`
}

func (t *transaction) oldLinks(o object) oldLinks {
	switch o := o.(type) {
	case *paymentIntent:
		return oldLinks{Invoice: o.private.Invoice}
	case *charge:
		if o.PaymentIntent != "" {
			return oldLinks{Invoice: get[*paymentIntent](t, string(o.PaymentIntent)).private.Invoice}
		}
	case *invoice:
		links := oldLinks{PaymentIntent: o.private.Intent, OutOfBand: o.private.OutOfBand}
		if o.private.Intent != "" {
			links.Charge = string(get[*paymentIntent](t, o.private.Intent).LatestCharge)
		}
		return links
	}
	return oldLinks{}
}

// render shows an event in the shape of an API version.
func (t *transaction) render(e *event, version string) (any, error) {
	story := *e.told.story()
	story.APIVersion = version
	if !isOld(version) {
		return e.wire(&story), nil
	}
	shown, err := toTree(e.wire(&story))
	if err != nil {
		return nil, err
	}
	data := hash(shown, "data")
	snapshot := hash(data, "object")
	links := oldLinks{}
	if story.Private.Links != nil {
		links = *story.Private.Links
	}
	t.renderOld(snapshot, links)
	if previous := hash(data, "previous_attributes"); previous != nil && snapshot["object"] == subscriptionKind {
		oldPeriod(previous)
	}
	return shown, nil
}

// renderOld changes a snapshot to the shape from before 2025-03-31.
func (t *transaction) renderOld(o tree, links oldLinks) {
	switch o["object"] {
	case subscriptionKind:
		t.oldSubscription(o)
	case invoiceKind:
		t.oldInvoice(o, links)
	case invoiceItemKind:
		t.oldInvoiceItem(o)
	case discountKind:
		t.oldCoupon(o, "source")
	case promotionCodeKind:
		t.oldCoupon(o, "promotion")
	case paymentIntentKind, chargeKind:
		o["invoice"] = text(links.Invoice)
	}
}

func (t *transaction) oldSubscription(o tree) {
	oldPeriod(o)
	o["discount"] = t.oldDiscount(o)
	items := rows(o, "items")
	for _, item := range items {
		item["plan"] = t.plan(hash(item, "price")["id"])
	}
	o["plan"], o["quantity"] = nil, nil
	if len(items) == 1 {
		o["plan"], o["quantity"] = items[0]["plan"], items[0]["quantity"]
	}
	hash(o, "items")["total_count"] = len(items)
	removeAll(o, "billing_mode", "billing_schedules", "billing_cycle_anchor_config", "customer_account")
}

// oldPeriod moves the period from the items to the subscription: the shortest,
// where they differ.
func oldPeriod(o tree) {
	shortest := int64(0)
	for _, item := range rows(o, "items") {
		start, end := item["current_period_start"], item["current_period_end"]
		if length := wholeNumber(end) - wholeNumber(start); end != nil && (shortest == 0 || length < shortest) {
			shortest = length
			o["current_period_start"], o["current_period_end"] = start, end
		}
		removeAll(item, "current_period_start", "current_period_end")
	}
}

func wholeNumber(value any) int64 {
	number, ok := value.(json.Number)
	if !ok {
		return 0
	}
	whole, err := number.Int64()
	if err != nil {
		return 0
	}
	return whole
}

func (t *transaction) oldInvoice(o tree, links oldLinks) {
	o["subscription"], o["subscription_details"] = nil, tree{"metadata": nil}
	if details := hash(hash(o, "parent"), "subscription_details"); details != nil {
		o["subscription"], o["subscription_details"] = details["subscription"], tree{"metadata": details["metadata"]}
	}
	o["payment_intent"], o["charge"] = text(links.PaymentIntent), text(links.Charge)
	o["paid"], o["paid_out_of_band"] = o["status"] == "paid", links.OutOfBand
	o["discount"], o["tax"], o["total_tax_amounts"], o["quote"] = t.oldDiscount(o), nil, []any{}, nil
	o["application_fee_amount"], o["transfer_data"] = nil, nil
	lines := rows(o, "lines")
	for _, line := range lines {
		t.oldLine(line)
	}
	hash(o, "lines")["total_count"] = len(lines)
	removeAll(o, "parent", "total_taxes", "amount_overpaid", "amount_paid_off_stripe", "customer_account")
}

func (t *transaction) oldLine(o tree) {
	parent := hash(o, "parent")
	details := hash(parent, "subscription_item_details")
	o["type"] = "subscription"
	if details["invoice_item"] != nil {
		o["type"], o["invoice_item"] = "invoiceitem", details["invoice_item"]
	}
	if details == nil {
		details = hash(parent, "invoice_item_details")
		o["type"], o["invoice_item"] = "invoiceitem", details["invoice_item"]
	}
	o["subscription"], o["proration"], o["proration_details"] = details["subscription"], details["proration"], details["proration_details"]
	if item := details["subscription_item"]; item != nil {
		o["subscription_item"] = item
	}
	t.oldPricing(o)
	o["tax_amounts"], o["tax_rates"] = []any{}, []any{}
	removeAll(o, "parent", "taxes", "subtotal", "quantity_decimal")
}

func (t *transaction) oldInvoiceItem(o tree) {
	parent := hash(hash(o, "parent"), "subscription_details")
	o["subscription"], o["subscription_item"] = parent["subscription"], parent["subscription_item"]
	t.oldPricing(o)
	removeAll(o, "parent", "net_amount", "quantity_decimal", "customer_account")
}

// oldPricing replaces an object's pricing by its price and plan.
func (t *transaction) oldPricing(o tree) {
	pricing := hash(o, "pricing")
	id, _ := hash(pricing, "price_details")["price"].(string)
	o["price"], o["plan"] = nil, nil
	if found := get[*price](t, id); found != nil {
		o["price"], o["plan"] = found.withoutTiers(), t.plan(id)
		o["unit_amount_excluding_tax"] = found.UnitAmountDecimal
	}
	delete(o, "pricing")
}

// oldPlan is the name that prices had before they were prices.
type oldPlan struct {
	ID              string   `json:"id"`
	Object          string   `json:"object"`
	Active          bool     `json:"active"`
	AggregateUsage  null     `json:"aggregate_usage"`
	Amount          *int64   `json:"amount"`
	AmountDecimal   text     `json:"amount_decimal"`
	BillingScheme   string   `json:"billing_scheme"`
	Created         int64    `json:"created"`
	Currency        string   `json:"currency"`
	Interval        string   `json:"interval"`
	IntervalCount   int64    `json:"interval_count"`
	Livemode        no       `json:"livemode"`
	Metadata        metadata `json:"metadata"`
	Meter           null     `json:"meter"`
	Nickname        text     `json:"nickname"`
	Product         string   `json:"product"`
	TiersMode       text     `json:"tiers_mode"`
	TransformUsage  null     `json:"transform_usage"`
	TrialPeriodDays null     `json:"trial_period_days"`
	UsageType       string   `json:"usage_type"`
}

// plan is a recurring price as a plan. Nil: it is not one.
func (t *transaction) plan(id any) any {
	name, _ := id.(string)
	p := get[*price](t, name)
	if p == nil || p.Recurring == nil {
		return nil
	}
	return oldPlan{
		ID: p.ID, Object: "plan", Active: p.Active, Amount: p.UnitAmount, AmountDecimal: p.UnitAmountDecimal,
		BillingScheme: p.BillingScheme, Created: p.Created, Currency: p.Currency, Interval: p.Recurring.Interval,
		IntervalCount: p.Recurring.IntervalCount, Metadata: p.Metadata, Nickname: p.Nickname, Product: p.Product, UsageType: p.Recurring.UsageType, TiersMode: p.TiersMode,
	}
}

// hash is a hash within another, or nil.
func hash(o tree, name string) tree {
	inner, _ := o[name].(tree)
	return inner
}

// rows are the data of a list within an object.
func rows(o tree, name string) []tree {
	data, _ := hash(o, name)["data"].([]any)
	found := make([]tree, 0, len(data))
	for _, value := range data {
		if row, ok := value.(tree); ok {
			found = append(found, row)
		}
	}
	return found
}

func removeAll(o tree, names ...string) {
	for _, name := range names {
		delete(o, name)
	}
}
