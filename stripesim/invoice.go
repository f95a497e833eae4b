package stripesim

import (
	"fmt"
	"strings"
)

const (
	hour = 3600
	day  = 24 * hour
)

// retryDays are the days after a failed renewal on which it is tried again.
var retryDays = []int64{3, 5, 7}

// newInvoice makes the draft of an invoice for a subscription's period.
func (t *transaction) newInvoice(subscription object, reason string, trial bool) object {
	id := newID("in_1")
	customer := t.edit(subscription.text("customer"))
	sequence := customer.integer("next_invoice_sequence")
	customer["next_invoice_sequence"] = sequence + 1
	var total int64
	var lines []object
	for _, item := range subscription.rows("items") {
		line := t.newLine(id, subscription, item, trial)
		total += line.integer("amount")
		lines = append(lines, line)
	}
	start := subscription.integer("_period_start")
	invoice := object{
		"id": id, "object": "invoice", "account_country": "US", "account_name": "Simulator", "account_tax_ids": nil,
		"amount_due": total, "amount_overpaid": int64(0), "amount_paid": int64(0), "amount_paid_off_stripe": int64(0), "amount_remaining": total, "amount_shipping": int64(0),
		"application": nil, "attempt_count": int64(0), "attempted": false, "auto_advance": true,
		"automatic_tax":              object{"disabled_reason": nil, "enabled": false, "liability": nil, "provider": nil, "status": nil},
		"automatically_finalizes_at": nil, "billing_reason": reason, "collection_method": "charge_automatically", "created": t.time,
		"currency": subscription["currency"], "custom_fields": nil, "customer": subscription["customer"], "customer_account": nil,
		"customer_address": nil, "customer_email": customer["email"], "customer_name": customer["name"], "customer_phone": nil, "customer_shipping": nil,
		"customer_tax_exempt": "none", "customer_tax_ids": []any{}, "default_payment_method": nil, "default_source": nil, "default_tax_rates": []any{},
		"description": nil, "discounts": []any{}, "due_date": nil, "effective_at": nil, "ending_balance": nil, "footer": nil, "from_invoice": nil,
		"hosted_invoice_url": nil, "invoice_pdf": nil, "issuer": object{"type": "self"}, "last_finalization_error": nil, "latest_revision": nil,
		"lines": listOf("/v1/invoices/"+id+"/lines", lines...), "livemode": false, "metadata": object{}, "next_payment_attempt": nil,
		"number": nil, "on_behalf_of": nil, "parent": object{
			"quote_details": nil, "type": "subscription_details",
			"subscription_details": object{"metadata": clone(subscription["metadata"]), "subscription": subscription["id"]},
		},
		"payment_settings": object{"default_mandate": nil, "payment_method_options": nil, "payment_method_types": nil},
		"period_end":       start, "period_start": start, "post_payment_credit_notes_amount": int64(0), "pre_payment_credit_notes_amount": int64(0),
		"receipt_number": nil, "rendering": nil, "shipping_cost": nil, "shipping_details": nil, "starting_balance": int64(0),
		"statement_descriptor": nil, "status": "draft", "status_transitions": object{"finalized_at": nil, "marked_uncollectible_at": nil, "paid_at": nil, "voided_at": nil},
		"subtotal": total, "subtotal_excluding_tax": total, "test_clock": nil, "total": total, "total_discount_amounts": []any{},
		"total_excluding_tax": total, "total_pretax_credit_amounts": []any{}, "total_taxes": []any{}, "webhooks_delivered_at": nil,
		"_subscription": subscription["id"], "_number": fmt.Sprintf("%s-%04d", strings.ToUpper(customer.text("invoice_prefix")), sequence),
	}
	t.put(invoice)
	t.emit("invoice.created", invoice, nil)
	return invoice
}

func (t *transaction) newLine(invoiceID string, subscription, item object, trial bool) object {
	price := item.object("price")
	quantity := item.integer("quantity")
	amount := quantity * price.integer("unit_amount")
	name := t.get(price.text("product")).text("name")
	description := fmt.Sprintf("%d × %s (at %s / %s)", quantity, name, formatAmount(price.integer("unit_amount"), price.text("currency")), every(price))
	if trial {
		amount, description = 0, "Trial period for "+name
	}
	return object{
		"id": newID("il_1"), "object": "line_item", "amount": amount, "currency": subscription["currency"], "description": description,
		"discount_amounts": []any{}, "discountable": true, "discounts": []any{}, "invoice": invoiceID, "livemode": false,
		"metadata": clone(subscription["metadata"]), "parent": object{
			"invoice_item_details": nil, "type": "subscription_item_details", "subscription_item_details": object{
				"invoice_item": nil, "proration": false, "proration_details": object{"credited_items": nil},
				"subscription": subscription["id"], "subscription_item": item["id"],
			},
		},
		"period":                object{"end": subscription["_period_end"], "start": subscription["_period_start"]},
		"pretax_credit_amounts": []any{},
		"pricing":               object{"price_details": object{"price": price["id"], "product": price["product"]}, "type": "price_details", "unit_amount_decimal": price["unit_amount_decimal"]},
		"quantity":              quantity, "subscription": subscription["id"], "subtotal": amount, "taxes": []any{},
	}
}

// finalizeInvoice opens a draft. One of nothing is paid by that.
func (t *transaction) finalizeInvoice(id string) object {
	invoice := t.edit(id)
	invoice["status"], invoice["number"], invoice["effective_at"] = "open", invoice["_number"], t.time
	invoice["automatically_finalizes_at"], invoice["ending_balance"] = nil, int64(0)
	invoice.object("status_transitions")["finalized_at"] = t.time
	invoice["hosted_invoice_url"] = "https://invoice.stripe.com/i/simulator/" + id
	invoice["invoice_pdf"] = "https://pay.stripe.com/invoice/simulator/" + id + "/pdf"
	if due := invoice.integer("amount_due"); due > 0 {
		intent := t.newIntent(due, invoice.text("currency"), invoice.text("customer"))
		intent["_invoice"], intent["setup_future_usage"] = id, "off_session"
		intent["description"] = map[string]string{"subscription_create": "Subscription creation"}[invoice.text("billing_reason")]
		if intent["description"] == "" {
			intent["description"] = "Subscription update"
		}
		t.emit("payment_intent.created", intent, nil)
		invoice["_intent"] = intent["id"]
		payment := object{
			"id": newID("inpay_1"), "object": "invoice_payment", "amount_paid": nil, "amount_requested": due, "created": t.time,
			"currency": invoice["currency"], "invoice": id, "is_default": true, "livemode": false,
			"payment": object{"payment_intent": intent["id"], "type": "payment_intent"}, "status": "open",
			"status_transitions": object{"canceled_at": nil, "paid_at": nil}, "_payment_intent": intent["id"],
		}
		t.put(payment)
	}
	t.emit("invoice.finalized", invoice, nil)
	if invoice.integer("amount_due") == 0 {
		t.settleInvoice(invoice, false)
	}
	return invoice
}

// settleInvoice marks an open invoice paid, by Stripe or out of band.
func (t *transaction) settleInvoice(invoice object, outOfBand bool) {
	invoice["status"], invoice["attempted"], invoice["auto_advance"] = "paid", true, false
	invoice["amount_paid"], invoice["amount_remaining"], invoice["next_payment_attempt"] = invoice["amount_due"], int64(0), nil
	invoice.object("status_transitions")["paid_at"] = t.time
	t.emit("invoice.paid", invoice, nil)
	if !outOfBand {
		t.emit("invoice.payment_succeeded", invoice, nil)
	}
	t.subscriptionPaid(invoice)
}

// invoicePaid is what a payment intent's success means for its invoice.
func (t *transaction) invoicePaid(intent object) {
	id := intent.text("_invoice")
	if id == "" {
		return
	}
	invoice := t.edit(id)
	t.countAttempt(invoice)
	t.settleInvoice(invoice, false)
	for _, payment := range t.by("invoice_payment", "invoice", id) {
		if payment.text("_payment_intent") != intent.text("id") {
			continue
		}
		payment = t.edit(payment.text("id"))
		payment["status"], payment["amount_paid"] = "paid", intent["amount"]
		payment.object("status_transitions")["paid_at"] = t.time
		t.emit("invoice_payment.paid", payment, nil)
	}
}

// invoiceFailed is what a declined charge means for the invoice.
func (t *transaction) invoiceFailed(intent object) {
	id := intent.text("_invoice")
	if id == "" {
		return
	}
	invoice := t.edit(id)
	counted, count := t.countAttempt(invoice), invoice.integer("attempt_count")
	renewal := invoice.text("billing_reason") == "subscription_cycle"
	last := counted && count > int64(len(retryDays))
	if renewal && counted && !last {
		invoice["next_payment_attempt"] = t.time + retryDays[count-1]*day
	}
	t.emit("invoice.payment_failed", invoice, nil)
	if renewal {
		t.subscriptionUnpaid(invoice, last)
	}
}

// countAttempt notes a try to pay: the first one counts, and then those that
// nobody asked for. It says whether it did count.
func (t *transaction) countAttempt(invoice object) bool {
	invoice["attempted"] = true
	before := invoice.integer("attempt_count")
	if before > 0 && !t.automatic {
		return false
	}
	invoice["attempt_count"] = before + 1
	return true
}

func (t *transaction) invoiceNeedsAction(intent object) {
	id := intent.text("_invoice")
	if id == "" {
		return
	}
	invoice := t.edit(id)
	t.countAttempt(invoice)
	t.emit("invoice.payment_action_required", invoice, nil)
	if invoice.text("billing_reason") == "subscription_cycle" {
		t.subscriptionUnpaid(invoice, false)
	}
}

// methodFor is the payment method that pays an invoice by itself.
func (t *transaction) methodFor(invoice object) object {
	subscription := t.get(invoice.text("_subscription"))
	customer := t.get(invoice.text("customer"))
	for _, id := range []string{
		invoice.text("default_payment_method"), subscription.text("default_payment_method"),
		customer.object("invoice_settings").text("default_payment_method"),
	} {
		if id != "" {
			return t.get(id)
		}
	}
	return nil
}

func payInvoice(t *transaction, args []string, p params) (any, *apiError) {
	invoice, fault := t.find("invoice", args[0], "invoice")
	if fault != nil {
		return nil, fault
	}
	switch invoice.text("status") {
	case "paid":
		return nil, invalidParam("", "", "Invoice is already paid")
	case "void":
		return nil, invalidParam("", "", "This invoice can't be paid because it is void.")
	case "draft":
		t.finalizeInvoice(args[0])
	}
	invoice = t.edit(args[0])
	switch {
	case invoice.text("status") == "paid": // one of nothing, by being finalized
		return invoice, nil
	case p.boolean("paid_out_of_band", false):
		t.payOutOfBand(invoice)
		return invoice, nil
	}
	method := t.methodFor(invoice)
	if id := p.text("payment_method"); id != "" {
		if method, fault = t.method(id, "payment_method"); fault != nil {
			return nil, fault
		}
		if method.text("customer") != invoice.text("customer") {
			return nil, invalidParam("payment_method", "", "The customer does not have a payment method with the ID "+id+".")
		}
	}
	if method == nil {
		return nil, invalidParam("", "", "Cannot charge a customer that has no active card")
	}
	intent := t.edit(invoice.text("_intent"))
	delete(intent, "_authenticated")
	if fault := t.pay(intent, method, p.boolean("off_session", true)); fault != nil {
		return nil, fault
	}
	if intent.text("status") == "requires_action" {
		return nil, &apiError{
			status: 402, kind: "card_error", code: "invoice_payment_intent_requires_action", intent: intent, keep: true,
			message: "This payment requires additional user action before it can be completed successfully.",
		}
	}
	return t.get(args[0]), nil
}

// payOutOfBand notes that the money came otherwise.
func (t *transaction) payOutOfBand(invoice object) {
	t.dropPayments(invoice, "")
	invoice["_out_of_band"], invoice["amount_paid_off_stripe"] = true, invoice["amount_due"]
	t.settleInvoice(invoice, true)
}

// dropPayments cancels what was to pay an invoice.
func (t *transaction) dropPayments(invoice object, reason string) {
	if intent := t.get(invoice.text("_intent")); intent != nil && intent.text("status") != "canceled" {
		t.cancelIntent(intent.text("id"), reason)
	}
	for _, payment := range t.by("invoice_payment", "invoice", invoice.text("id")) {
		payment = t.edit(payment.text("id"))
		payment["status"] = "canceled"
		payment.object("status_transitions")["canceled_at"] = t.time
	}
}

func voidInvoice(t *transaction, args []string, _ params) (any, *apiError) {
	invoice, fault := t.find("invoice", args[0], "invoice")
	if fault != nil {
		return nil, fault
	}
	if status := invoice.text("status"); status != "open" && status != "uncollectible" {
		return nil, invalidParam("", "", "You can only pass in open and uncollectible invoices. This invoice isn't open or uncollectible.")
	}
	return t.void(args[0]), nil
}

// void makes an invoice as if it had never been.
func (t *transaction) void(id string) object {
	invoice := t.edit(id)
	invoice["status"], invoice["auto_advance"], invoice["next_payment_attempt"] = "void", false, nil
	invoice.object("status_transitions")["voided_at"] = t.time
	t.dropPayments(invoice, "void_invoice")
	t.emit("invoice.voided", invoice, nil)
	return invoice
}

func finalizeInvoiceCall(t *transaction, args []string, _ params) (any, *apiError) {
	invoice, fault := t.find("invoice", args[0], "invoice")
	if fault != nil {
		return nil, fault
	}
	if invoice.text("status") != "draft" {
		return nil, invalidParam("", "invoice_not_editable", "This invoice is already finalized, you can't re-finalize a non-draft invoice.")
	}
	return t.finalizeInvoice(args[0]), nil
}

func markUncollectible(t *transaction, args []string, _ params) (any, *apiError) {
	invoice, fault := t.find("invoice", args[0], "invoice")
	if fault != nil {
		return nil, fault
	}
	if invoice.text("status") != "open" {
		return nil, invalidParam("", "", "You can only pass in open invoices. This invoice isn't open.")
	}
	return t.giveUpInvoice(args[0]), nil
}

// giveUpInvoice marks an open invoice uncollectible.
func (t *transaction) giveUpInvoice(id string) object {
	invoice := t.edit(id)
	invoice["status"], invoice["auto_advance"], invoice["next_payment_attempt"] = "uncollectible", false, nil
	invoice.object("status_transitions")["marked_uncollectible_at"] = t.time
	t.emit("invoice.marked_uncollectible", invoice, nil)
	t.subscriptionPaid(invoice)
	return invoice
}

func listInvoices(t *transaction, _ []string, p params) (any, *apiError) {
	if _, fault := p.oneOf("status", "", "draft", "open", "paid", "uncollectible", "void"); fault != nil {
		return nil, fault
	}
	fields := map[string]string{"customer": "customer", "subscription": "_subscription", "status": "status"}
	return t.list(listing{kind: "invoice", url: "/v1/invoices", fields: fields}, p)
}

// listInvoiceLines pages the lines of an invoice, which are in the order of
// the items.
func listInvoiceLines(t *transaction, args []string, p params) (any, *apiError) {
	invoice, fault := t.find("invoice", args[0], "invoice")
	if fault != nil {
		return nil, fault
	}
	limit := p.integer("limit", 10)
	if limit < 1 || limit > 100 {
		return nil, invalidParam("limit", "parameter_invalid_integer", "Invalid limit: must be between 1 and 100.")
	}
	if p.text("starting_after")+p.text("ending_before") != "" {
		return nil, invalidRequest("starting_after", "The simulator gives the lines of an invoice from the first one on: there are never more than 10.")
	}
	lines := invoice.rows("lines")
	list := listOf(invoice.object("lines").text("url"), lines[:min(int(limit), len(lines))]...)
	list["has_more"] = len(lines) > int(limit)
	return list, nil
}

func listInvoicePayments(t *transaction, _ []string, p params) (any, *apiError) {
	payment := p.tree("payment")
	if kind := payment.text("type"); payment != nil && kind != "payment_intent" {
		return nil, invalidParam("payment[type]", "", "The simulator knows payments of type payment_intent only.")
	}
	narrowed := params{"_payment_intent": payment.text("payment_intent")}
	for name, value := range p {
		narrowed[name] = value
	}
	fields := map[string]string{"invoice": "invoice", "status": "status", "_payment_intent": "_payment_intent"}
	return t.list(listing{kind: "invoice_payment", url: "/v1/invoice_payments", fields: fields}, narrowed)
}
