package stripesim

import (
	"slices"
	"strconv"
)

func ended(subscription object) bool {
	status := subscription.text("status")
	return status == "canceled" || status == "incomplete_expired"
}

func createSubscription(t *transaction, _ []string, p params) (any, *apiError) {
	if fault := p.required("customer", "items"); fault != nil {
		return nil, fault
	}
	customer, fault := t.liveCustomer(p.text("customer"), "customer")
	if fault != nil {
		return nil, fault
	}
	behaviour, fault := p.oneOf("payment_behavior", "allow_incomplete", "allow_incomplete", "default_incomplete", "error_if_incomplete")
	if fault != nil {
		return nil, fault
	}
	subscription, fault := t.newSubscription(customer, p)
	if fault != nil {
		return nil, fault
	}
	first := len(t.events)
	if fault := t.startSubscription(subscription, behaviour, p.boolean("off_session", false)); fault != nil {
		return nil, fault
	}
	// Its snapshot is of the end of the request: active already, with a good card.
	t.emitAt(first, "customer.subscription.created", subscription)
	delete(subscription, "_creating")
	return subscription, nil
}

// newSubscription is a subscription with its items and period, not paid yet.
func (t *transaction) newSubscription(customer object, p params) (object, *apiError) {
	id := newID("sub_1")
	subscription := object{
		"id": id, "object": "subscription", "application": nil, "application_fee_percent": nil,
		"automatic_tax": object{"disabled_reason": nil, "enabled": false, "liability": nil}, "billing_cycle_anchor": t.time,
		"billing_cycle_anchor_config": nil, "billing_mode": object{"flexible": object{"proration_discounts": "included"}, "type": "flexible"},
		"billing_schedules": []any{}, "billing_thresholds": nil, "cancel_at": nil, "cancel_at_period_end": false, "canceled_at": nil,
		"cancellation_details": object{"comment": nil, "feedback": nil, "reason": nil}, "collection_method": "charge_automatically",
		"created": t.time, "currency": nil, "customer": customer["id"], "customer_account": nil, "days_until_due": nil,
		"default_payment_method": nil, "default_source": nil, "default_tax_rates": []any{}, "description": nil, "discounts": []any{},
		"ended_at": nil, "invoice_settings": object{"account_tax_ids": nil, "issuer": object{"type": "self"}}, "items": nil,
		"latest_invoice": nil, "livemode": false, "metadata": object{}, "next_pending_invoice_item_invoice": nil, "on_behalf_of": nil,
		"pause_collection": nil, "payment_settings": object{"payment_method_options": nil, "payment_method_types": nil, "save_default_payment_method": "off"},
		"pending_invoice_item_interval": nil, "pending_setup_intent": nil, "pending_update": nil, "schedule": nil, "start_date": t.time,
		"status": "incomplete", "test_clock": nil, "transfer_data": nil, "trial_end": nil,
		"trial_settings": object{"end_behavior": object{"missing_payment_method": "create_invoice"}}, "trial_start": nil, "_creating": true,
	}
	t.put(subscription)
	if fault := t.setItems(subscription, p); fault != nil {
		return nil, fault
	}
	if fault := t.setSubscription(subscription, p); fault != nil {
		return nil, fault
	}
	end, fault := t.trialEnd(p)
	if fault != nil {
		return nil, fault
	}
	price := subscription.rows("items")[0].object("price")
	periodEnd := addInterval(t.time, t.time, price)
	if end > t.time {
		periodEnd = end
		subscription["status"], subscription["trial_start"], subscription["trial_end"] = "trialing", t.time, end
		subscription["billing_cycle_anchor"] = end
	}
	t.setPeriod(subscription, t.time, periodEnd)
	if fault := t.setEnd(subscription, p); fault != nil {
		return nil, fault
	}
	return subscription, nil
}

// maxTrial is two years.
const maxTrial = 730

// trialEnd is when a new subscription's trial ends; 0: it has none.
func (t *transaction) trialEnd(p params) (int64, *apiError) {
	days, end := p.integer("trial_period_days", 0), p.text("trial_end")
	switch {
	case days < 0 || days > maxTrial || p.has("trial_period_days") && days == 0:
		return 0, invalidParam("trial_period_days", "parameter_invalid_integer", "Invalid trial_period_days: a trial takes between one and 730 days.")
	case days > 0 && end != "":
		return 0, invalidRequest("trial_end", "You may only specify one of these parameters: trial_end, trial_period_days.")
	case days > 0:
		return t.time + days*day, nil
	case end == "", end == "now":
		return 0, nil
	}
	return t.future("trial_end", end, maxTrial*day)
}

// future reads a time that lies ahead, but not further than limit seconds.
func (t *transaction) future(name, text string, limit int64) (int64, *apiError) {
	at, err := strconv.ParseInt(text, 10, 64)
	switch {
	case err != nil || at <= t.time:
		return 0, invalidParam(name, "", "Invalid timestamp: "+name+" must be an integer Unix timestamp in the future.")
	case at > t.time+limit:
		return 0, invalidParam(name, "", "Invalid timestamp: "+name+" is too far in the future.")
	}
	return at, nil
}

func (t *transaction) setPeriod(subscription object, start, end int64) {
	subscription["_period_start"], subscription["_period_end"] = start, end
	for _, item := range subscription.rows("items") {
		item["current_period_start"], item["current_period_end"] = start, end
	}
}

// setItems adds, changes and removes items: with an id it is a change, without
// one an addition.
func (t *transaction) setItems(subscription object, p params) *apiError {
	items := subscription.rows("items")
	seen := map[string]bool{}
	for i, entry := range p.list("items") {
		row, _ := entry.(params)
		name := "items[" + strconv.Itoa(i) + "]"
		var item object
		if id := row.text("id"); id != "" {
			at := slices.IndexFunc(items, func(o object) bool { return o.text("id") == id })
			if at < 0 {
				return missing("subscription_item", id, name+"[id]")
			}
			if seen[id] {
				return invalidParam(name+"[id]", "", "The item "+id+" is given twice.")
			}
			seen[id] = true
			item = items[at]
			if row.text("deleted") == "true" {
				items = slices.Delete(items, at, at+1)
				continue
			}
		} else {
			item = object{
				"id": newID("si_")[:17], "object": "subscription_item", "billing_thresholds": nil, "created": t.time,
				"current_period_end": subscription["_period_end"], "current_period_start": subscription["_period_start"],
				"discounts": []any{}, "metadata": object{}, "quantity": int64(1), "subscription": subscription["id"], "tax_rates": []any{},
			}
			items = append(items, item)
		}
		if fault := t.setItem(subscription, item, row, name); fault != nil {
			return fault
		}
	}
	if fault := checkItems(items); fault != nil {
		return fault
	}
	subscription["items"] = listOf("/v1/subscription_items?subscription="+subscription.text("id"), items...)
	return nil
}

// maxItems is half of Stripe's, so that lists inside other objects are whole.
const maxItems = 10

// checkItems bounds what a subscription costs, and checks that its items go
// together.
func checkItems(items []object) *apiError {
	switch {
	case len(items) == 0:
		return missingParam("items")
	case len(items) > maxItems:
		return invalidParam("items", "", "The simulator takes 10 items of a subscription at most.")
	}
	left := int64(maxAmount)
	first := items[0].object("price").object("recurring")
	for i, item := range items {
		price := item.object("price")
		recurring := price.object("recurring")
		if recurring.text("interval") != first.text("interval") || recurring.integer("interval_count") != first.integer("interval_count") {
			return invalidParam("items", "", "The simulator wants the same interval of all items of a subscription.")
		}
		if slices.ContainsFunc(items[:i], func(other object) bool { return other.object("price").text("id") == price.text("id") }) {
			return invalidParam("items", "", "The price "+price.text("id")+" is already on this subscription.")
		}
		if left -= item.integer("quantity") * price.integer("unit_amount"); left < 0 {
			return invalidParam("items", "amount_too_large", "The subscription costs too much.")
		}
	}
	return nil
}

func (t *transaction) setItem(subscription, item object, row params, name string) *apiError {
	if id := row.text("price"); id != "" || item["price"] == nil {
		price, fault := t.find("price", id, name+"[price]")
		switch {
		case fault != nil:
			fault.status = 400
			return fault
		case price.text("type") != "recurring":
			return invalidParam(name+"[price]", "", "The price specified is set to `type=one_time` but this field only accepts prices with `type=recurring`.")
		case !price.boolean("active"):
			return invalidParam(name+"[price]", "", "The price specified is inactive. This field only accepts active prices.")
		case subscription.text("currency") != "" && subscription.text("currency") != price.text("currency"):
			return invalidParam(name+"[price]", "", "All prices of a subscription have one currency.")
		}
		subscription["currency"] = price["currency"]
		item["price"], item["quantity"], item["plan"] = visible(price), int64(1), planOf(price)
	}
	quantity := row.integer("quantity", item.integer("quantity"))
	if quantity < 0 || quantity > 1_000_000 {
		return invalidParam(name+"[quantity]", "parameter_invalid_integer", "Invalid quantity.")
	}
	item["quantity"] = quantity
	fault := setMetadata(item, row)
	if fault != nil {
		fault.param = name + "[metadata]"
	}
	return fault
}

// planOf is the old name of a price, which items still carry.
func planOf(price object) object {
	recurring := price.object("recurring")
	return object{
		"id": price["id"], "object": "plan", "active": true, "amount": price["unit_amount"], "amount_decimal": price["unit_amount_decimal"],
		"billing_scheme": "per_unit", "created": price["created"], "currency": price["currency"], "interval": recurring["interval"],
		"interval_count": recurring["interval_count"], "livemode": false, "metadata": object{}, "meter": nil, "nickname": nil,
		"product": price["product"], "tiers_mode": nil, "transform_usage": nil, "trial_period_days": nil, "usage_type": "licensed",
	}
}

// setSubscription sets what may change at any time.
func (t *transaction) setSubscription(subscription object, p params) *apiError {
	if p.has("default_payment_method") {
		id := p.text("default_payment_method")
		if id != "" {
			method, fault := t.find("payment_method", id, "default_payment_method")
			if fault != nil {
				return fault
			}
			if method.text("customer") != subscription.text("customer") {
				return invalidParam("default_payment_method", "resource_missing", "The customer does not have a payment method with the ID "+id+". The payment method must be attached to the customer.")
			}
		}
		subscription["default_payment_method"] = orNull(id)
	}
	settings := subscription.object("payment_settings")
	save, fault := p.tree("payment_settings").oneOf("save_default_payment_method", settings.text("save_default_payment_method"), "off", "on_subscription")
	if fault != nil {
		return fault
	}
	settings["save_default_payment_method"] = save
	if p.has("description") {
		subscription["description"] = orNull(p.text("description"))
	}
	return setMetadata(subscription, p)
}

// startSubscription makes the first invoice and tries to pay it.
func (t *transaction) startSubscription(subscription object, behaviour string, offSession bool) *apiError {
	trialing := subscription.text("status") == "trialing"
	invoice := t.newInvoice(subscription, "subscription_create", trialing)
	subscription["latest_invoice"] = invoice["id"]
	method := t.methodFor(invoice)
	if !trialing && invoice.integer("amount_due") > 0 && behaviour != "default_incomplete" && method == nil {
		return invalidParam("", "resource_missing", "This customer has no attached payment source or default payment method. Please consider adding a default payment method.")
	}
	t.finalizeInvoice(invoice.text("id"))
	if trialing {
		if method == nil {
			t.newSetupIntent(subscription)
		}
		return nil
	}
	if invoice.integer("amount_due") == 0 {
		subscription["status"] = "active"
		return nil
	}
	intent := t.edit(invoice.text("_intent"))
	if behaviour == "default_incomplete" {
		if method != nil {
			intent["payment_method"], intent["status"] = method["id"], "requires_confirmation"
		}
		return nil
	}
	fault := t.pay(intent, method, offSession)
	if behaviour == "error_if_incomplete" && (fault != nil || intent.text("status") == "requires_action") {
		if fault == nil {
			fault = &apiError{status: 402, kind: "card_error", code: "subscription_payment_intent_requires_action", message: "Payment for this subscription requires additional user action before it can be completed successfully."}
		}
		fault.keep = false
		return fault
	}
	return nil
}

func (t *transaction) newSetupIntent(subscription object) {
	id := newID("seti_1")
	t.put(object{
		"id": id, "object": "setup_intent", "application": nil, "automatic_payment_methods": nil, "cancellation_reason": nil,
		"client_secret": id + "_secret_" + newID(""), "created": t.time, "customer": subscription["customer"], "customer_account": nil, "description": nil,
		"excluded_payment_method_types": nil, "flow_directions": nil, "last_setup_error": nil, "latest_attempt": nil, "livemode": false, "mandate": nil, "metadata": object{},
		"next_action": nil, "on_behalf_of": nil, "payment_method": nil, "payment_method_configuration_details": nil,
		"payment_method_options": object{}, "payment_method_types": []any{"card"}, "single_use_mandate": nil,
		"status": "requires_payment_method", "usage": "off_session",
	})
	subscription["pending_setup_intent"] = id
	t.emit("setup_intent.created", t.get(id), nil)
}

// subscriptionPaid is what a settled invoice means for its subscription.
func (t *transaction) subscriptionPaid(invoice object) {
	id := invoice.text("_subscription")
	if t.get(id) == nil || ended(t.get(id)) {
		return
	}
	subscription := t.edit(id)
	if t.latestFinalized(id) != invoice.text("id") {
		return
	}
	before := cloneObject(subscription)
	paid := invoice.text("status") == "paid"
	switch status := subscription.text("status"); {
	case status == "incomplete" && paid, status == "past_due", status == "unpaid":
		subscription["status"] = "active"
	}
	intent := t.get(invoice.text("_intent"))
	if subscription.object("payment_settings").text("save_default_payment_method") == "on_subscription" && intent.text("payment_method") != "" {
		subscription["default_payment_method"] = intent["payment_method"]
		if method := t.get(intent.text("payment_method")); method.text("customer") == "" {
			method = t.edit(method.text("id"))
			method["customer"] = subscription["customer"]
			t.emit("payment_method.attached", method, nil)
		}
	}
	if !subscription.boolean("_creating") {
		t.updated("customer.subscription.updated", before, subscription)
	}
}

// latestFinalized is the invoice by which a subscription is in good standing or
// not: the latest that is no draft and was not voided.
func (t *transaction) latestFinalized(subscriptionID string) string {
	for _, invoice := range slices.Backward(t.by("invoice", "_subscription", subscriptionID)) {
		if status := invoice.text("status"); status != "draft" && status != "void" {
			return invoice.text("id")
		}
	}
	return ""
}

// subscriptionUnpaid is what a failed renewal means for the subscription.
func (t *transaction) subscriptionUnpaid(invoice object, final bool) {
	id := invoice.text("_subscription")
	if t.get(id) == nil || ended(t.get(id)) {
		return
	}
	subscription := t.edit(id)
	before := cloneObject(subscription)
	if status := subscription.text("status"); status == "active" || status == "trialing" {
		subscription["status"] = "past_due"
	}
	if final {
		switch t.config.FinalAction {
		case "cancel":
			t.endSubscription(id, "payment_failed")
			return
		case "unpaid":
			subscription["status"] = "unpaid"
		}
	}
	t.updated("customer.subscription.updated", before, subscription)
}

// endSubscription ends a subscription now.
func (t *transaction) endSubscription(id, reason string) object {
	subscription := t.edit(id)
	subscription["status"], subscription["ended_at"] = "canceled", t.time
	if subscription["canceled_at"] == nil {
		subscription["canceled_at"] = t.time
	}
	subscription.object("cancellation_details")["reason"] = reason
	for _, invoice := range t.by("invoice", "_subscription", id) {
		if status := invoice.text("status"); status == "open" || status == "draft" {
			invoice = t.edit(invoice.text("id"))
			invoice["auto_advance"], invoice["next_payment_attempt"], invoice["automatically_finalizes_at"] = false, nil, nil
		}
	}
	t.emit("customer.subscription.deleted", subscription, nil)
	return subscription
}

func cancelSubscription(t *transaction, args []string, p params) (any, *apiError) {
	subscription, fault := t.find("subscription", args[0], "id")
	if fault != nil {
		return nil, fault
	}
	if ended(subscription) {
		return nil, missing("subscription", args[0], "id")
	}
	for _, name := range []string{"invoice_now", "prorate"} {
		if p.boolean(name, false) {
			return nil, invalidParam(name, "", "The simulator cancels without a last invoice only.")
		}
	}
	_, fault = p.tree("cancellation_details").oneOf("feedback", "", "customer_service", "low_quality", "missing_features",
		"other", "switched_service", "too_complex", "too_expensive", "unused")
	if fault != nil {
		return nil, fault
	}
	details := t.edit(args[0]).object("cancellation_details")
	for _, name := range []string{"comment", "feedback"} {
		if text := p.tree("cancellation_details").text(name); text != "" {
			details[name] = text
		}
	}
	return t.endSubscription(args[0], "cancellation_requested"), nil
}

func updateSubscription(t *transaction, args []string, p params) (any, *apiError) {
	before, fault := t.find("subscription", args[0], "id")
	if fault != nil {
		return nil, fault
	}
	if ended(before) {
		return nil, invalidParam("", "", "A canceled subscription can only update its cancellation_details and metadata.")
	}
	if before.text("status") == "incomplete" {
		for _, name := range []string{"items", "cancel_at", "cancel_at_period_end", "pause_collection"} {
			if p.has(name) {
				return nil, invalidParam(name, "", "This subscription cannot be changed while it is incomplete: only its metadata and default payment method.")
			}
		}
	}
	before = cloneObject(before)
	subscription := t.edit(args[0])
	if p.has("items") {
		if behaviour := p.text("proration_behavior"); behaviour != "none" {
			return nil, invalidParam("proration_behavior", "", "The simulator does not prorate: send proration_behavior=none.")
		}
		if fault := t.setItems(subscription, p); fault != nil {
			return nil, fault
		}
		t.setPeriod(subscription, subscription.integer("_period_start"), subscription.integer("_period_end"))
	}
	if fault := t.setSubscription(subscription, p); fault != nil {
		return nil, fault
	}
	if fault := t.setEnd(subscription, p); fault != nil {
		return nil, fault
	}
	if fault := t.setPause(subscription, p); fault != nil {
		return nil, fault
	}
	t.updated("customer.subscription.updated", before, subscription)
	return subscription, nil
}

// setPause stops collecting money, or goes on with it.
func (t *transaction) setPause(subscription object, p params) *apiError {
	if !p.has("pause_collection") {
		return nil
	}
	pause := p.tree("pause_collection")
	if pause == nil {
		subscription["pause_collection"] = nil
		return nil
	}
	behaviour, fault := pause.oneOf("behavior", "", "keep_as_draft", "mark_uncollectible", "void")
	if fault == nil && behaviour == "" {
		fault = missingParam("pause_collection[behavior]")
	}
	if fault != nil {
		fault.param = "pause_collection[behavior]"
		return fault
	}
	var resumes int64
	if text := pause.text("resumes_at"); text != "" {
		if resumes, fault = t.future("pause_collection[resumes_at]", text, maxAhead); fault != nil {
			return fault
		}
	}
	subscription["pause_collection"] = object{"behavior": behaviour, "resumes_at": orNullTime(resumes)}
	return nil
}

// maxAhead is five years, in seconds.
const maxAhead = 5 * 366 * day

// setEnd schedules a cancellation, or takes it back.
func (t *transaction) setEnd(subscription object, p params) *apiError {
	if p.has("cancel_at") && p.boolean("cancel_at_period_end", false) {
		return invalidRequest("cancel_at", "You may only specify one of these parameters: cancel_at, cancel_at_period_end.")
	}
	if p.has("cancel_at_period_end") {
		on := p.boolean("cancel_at_period_end", false)
		end := int64(0)
		if on {
			end = subscription.integer("_period_end")
		}
		t.scheduleEnd(subscription, end)
		subscription["cancel_at_period_end"] = on
	}
	if !p.has("cancel_at") {
		return nil
	}
	end := int64(0)
	switch text := p.text("cancel_at"); text {
	case "":
	case "min_period_end", "max_period_end":
		end = subscription.integer("_period_end")
	default:
		var fault *apiError
		if end, fault = t.future("cancel_at", text, maxAhead); fault != nil {
			return fault
		}
	}
	t.scheduleEnd(subscription, end)
	subscription["cancel_at_period_end"] = false
	return nil
}

// scheduleEnd sets when a subscription ends; 0: not.
func (t *transaction) scheduleEnd(subscription object, at int64) {
	subscription["cancel_at"], subscription["canceled_at"] = orNullTime(at), nil
	subscription.object("cancellation_details")["reason"] = nil
	if at != 0 {
		subscription["canceled_at"] = t.time
		subscription.object("cancellation_details")["reason"] = "cancellation_requested"
	}
}

func listSubscriptions(t *transaction, _ []string, p params) (any, *apiError) {
	status, fault := p.oneOf("status", "", "active", "past_due", "unpaid", "canceled", "incomplete", "incomplete_expired", "trialing", "paused", "all", "ended")
	if fault != nil {
		return nil, fault
	}
	if customer := p.text("customer"); customer != "" {
		if _, fault := t.liveCustomer(customer, "customer"); fault != nil {
			return nil, fault
		}
	}
	fields := map[string]string{"customer": "customer", "collection_method": "collection_method"}
	return t.list(listing{kind: "subscription", url: "/v1/subscriptions", fields: fields, wanted: func(o object) bool {
		if price := p.text("price"); price != "" && !slices.ContainsFunc(o.rows("items"), func(item object) bool { return item.object("price").text("id") == price }) {
			return false
		}
		switch status {
		case "all":
			return true
		case "":
			return o.text("status") != "canceled"
		case "ended":
			return ended(o)
		}
		return o.text("status") == status
	}}, p)
}

func listWebhookEndpoints(t *transaction, _ []string, p params) (any, *apiError) {
	return t.page("/v1/webhook_endpoints", p, t.state.lists["webhook_endpoint"], func(object) bool { return true })
}
