package stripesim

import (
	"crypto/rand"
	"fmt"
	"strings"
)

func (t *transaction) newIntent(amount int64, currency, customer string) object {
	id := newID("pi_3")
	intent := object{
		"id": id, "object": "payment_intent", "amount": amount, "amount_capturable": int64(0),
		"amount_details": object{"tip": object{}}, "amount_received": int64(0), "application": nil, "application_fee_amount": nil,
		"automatic_payment_methods": nil, "canceled_at": nil, "cancellation_reason": nil, "capture_method": "automatic_async",
		"client_secret": id + "_secret_" + rand.Text()[:24], "confirmation_method": "automatic", "created": t.time, "currency": currency,
		"customer": orNull(customer), "customer_account": nil, "description": nil, "excluded_payment_method_types": nil, "last_payment_error": nil, "latest_charge": nil, "livemode": false,
		"metadata": object{}, "next_action": nil, "on_behalf_of": nil, "payment_method": nil,
		"payment_method_configuration_details": nil, "payment_method_options": object{"card": object{"request_three_d_secure": "automatic"}},
		"payment_method_types": []any{"card"}, "processing": nil, "receipt_email": nil, "review": nil,
		"setup_future_usage": nil, "shipping": nil, "source": nil, "statement_descriptor": nil, "statement_descriptor_suffix": nil,
		"status": "requires_payment_method", "transfer_data": nil, "transfer_group": nil,
	}
	t.put(intent)
	return intent
}

func createPaymentIntent(t *transaction, _ []string, p params) (any, *apiError) {
	if fault := p.required("amount", "currency"); fault != nil {
		return nil, fault
	}
	amount, fault := p.integer("amount", 0)
	if fault != nil {
		return nil, fault
	}
	switch currency := p.text("currency"); {
	case len(currency) != 3 || strings.ToLower(currency) != currency:
		return nil, invalidParam("currency", "", "Invalid currency: "+currency+".")
	case amount < 1:
		return nil, invalidParam("amount", "parameter_invalid_integer", "This value must be greater than or equal to 1.")
	case currency == "usd" && amount < 50:
		return nil, invalidParam("amount", "amount_too_small", "Amount must be at least $0.50 usd")
	case amount > 99999999:
		return nil, invalidParam("amount", "amount_too_large", "Amount must be no more than $999,999.99")
	}
	if customer := p.text("customer"); customer != "" {
		if _, fault := t.liveCustomer(customer, "customer"); fault != nil {
			return nil, fault
		}
	}
	intent := t.newIntent(amount, p.text("currency"), p.text("customer"))
	intent["description"] = orNull(p.text("description"))
	if fault := setMetadata(intent, p); fault != nil {
		return nil, fault
	}
	t.emit("payment_intent.created", intent, nil)
	if id := p.text("payment_method"); id != "" {
		method, fault := t.method(id, "payment_method")
		if fault != nil {
			return nil, fault
		}
		intent["payment_method"], intent["status"] = method.text("id"), "requires_confirmation"
	}
	confirm, fault := p.boolean("confirm", false)
	if fault != nil || !confirm {
		return intent, fault
	}
	return confirmPaymentIntent(t, []string{intent.text("id")}, params{"off_session": p.text("off_session")})
}

// confirmPaymentIntent pays, as a browser does with the client secret.
func confirmPaymentIntent(t *transaction, args []string, p params) (any, *apiError) {
	intent, fault := t.find("payment_intent", args[0], "intent")
	if fault != nil {
		return nil, fault
	}
	if secret := p.text("client_secret"); secret != "" && secret != intent.text("client_secret") {
		return nil, missing("payment_intent", args[0], "intent")
	}
	switch intent.text("status") {
	case "succeeded", "canceled", "processing":
		return nil, unexpectedState(intent, "confirm")
	}
	offSession, fault := p.boolean("off_session", false)
	if fault != nil {
		return nil, fault
	}
	id := p.text("payment_method")
	if id == "" {
		id = intent.text("payment_method")
	}
	if id == "" {
		return nil, invalidParam("payment_method", "payment_intent_unexpected_state", "You cannot confirm this PaymentIntent because it's missing a payment method.")
	}
	method, fault := t.method(id, "payment_method")
	if fault != nil {
		return nil, fault
	}
	intent = t.edit(args[0])
	if fault := t.pay(intent, method, offSession); fault != nil {
		return nil, fault
	}
	return intent, nil
}

func unexpectedState(intent object, verb string) *apiError {
	return &apiError{
		status: 400, kind: "invalid_request_error", code: "payment_intent_unexpected_state", intent: intent,
		message: fmt.Sprintf("You cannot %s this PaymentIntent because it has a status of %s.", verb, intent.text("status")),
	}
}

// pay tries to pay an intent with a payment method: it succeeds, waits for the
// bank's step, or is declined, which the returned refusal says.
func (t *transaction) pay(intent, method object, offSession bool) *apiError {
	c := testCards[method.text("_card")]
	intent["payment_method"] = method.text("id")
	if c.authenticate && !intent.boolean("_authenticated") {
		if offSession {
			c.code, c.declineCode = "authentication_required", "authentication_required"
			c.message = "Your card was declined. This transaction requires authentication."
			return t.decline(intent, method, c)
		}
		intent["status"] = "requires_action"
		intent["next_action"] = object{"type": "use_stripe_sdk", "use_stripe_sdk": object{"type": "three_d_secure_redirect"}}
		t.emit("payment_intent.requires_action", intent, nil)
		t.invoiceNeedsAction(intent)
		return nil
	}
	if c.code != "" {
		return t.decline(intent, method, c)
	}
	charge := t.newCharge(intent, method, "succeeded")
	intent["status"], intent["amount_received"], intent["latest_charge"] = "succeeded", intent["amount"], charge["id"]
	intent["next_action"], intent["last_payment_error"] = nil, nil
	t.emit("charge.succeeded", charge, nil)
	t.emit("payment_intent.succeeded", intent, nil)
	t.invoicePaid(intent)
	return nil
}

// decline notes a charge that failed.
func (t *transaction) decline(intent, method object, c card) *apiError {
	charge := t.newCharge(intent, method, "failed")
	charge["failure_code"], charge["failure_message"] = c.code, c.message
	outcome := charge.object("outcome")
	outcome["type"], outcome["network_status"], outcome["reason"] = "issuer_declined", "declined_by_network", c.declineCode
	outcome["seller_message"] = "The bank declined the payment."
	intent["status"], intent["latest_charge"], intent["next_action"] = "requires_payment_method", charge["id"], nil
	intent["payment_method"] = nil
	intent["last_payment_error"] = object{
		"charge": charge["id"], "code": c.code, "decline_code": c.declineCode, "doc_url": "https://stripe.com/docs/error-codes/" + c.code,
		"message": c.message, "payment_method": visible(method), "type": "card_error",
	}
	t.emit("charge.failed", charge, nil)
	t.emit("payment_intent.payment_failed", intent, nil)
	t.invoiceFailed(intent)
	fault := cardDeclined(c)
	fault.intent, fault.keep = intent, true
	return fault
}

func (t *transaction) newCharge(intent, method object, status string) object {
	amount := intent.integer("amount")
	captured := amount
	if status != "succeeded" {
		captured = 0
	}
	details := cloneObject(method.object("card"))
	delete(details, "display_brand")
	delete(details, "networks")
	charge := object{
		"id": newID("ch_3"), "object": "charge", "amount": amount, "amount_captured": captured, "amount_refunded": int64(0),
		"application": nil, "application_fee": nil, "application_fee_amount": nil, "balance_transaction": nil,
		"billing_details": clone(method["billing_details"]), "calculated_statement_descriptor": "SIMULATOR", "captured": status == "succeeded",
		"created": t.time, "currency": intent["currency"], "customer": intent["customer"], "description": intent["description"],
		"destination": nil, "dispute": nil, "disputed": false, "failure_balance_transaction": nil, "failure_code": nil,
		"failure_message": nil, "fraud_details": object{}, "livemode": false, "metadata": clone(intent["metadata"]), "on_behalf_of": nil,
		"order": nil, "outcome": object{
			"advice_code": nil, "network_advice_code": nil, "network_decline_code": nil, "network_status": "approved_by_network",
			"reason": nil, "risk_level": "normal", "risk_score": int64(12), "seller_message": "Payment complete.", "type": "authorized",
		},
		"paid": status == "succeeded", "payment_intent": intent["id"], "payment_method": method["id"],
		"payment_method_details": object{"card": details, "type": "card"}, "presentment_details": nil, "radar_options": object{}, "receipt_email": nil, "receipt_number": nil,
		"receipt_url": nil, "refunded": false, "review": nil, "shipping": nil, "source": nil, "source_transfer": nil,
		"statement_descriptor": nil, "statement_descriptor_suffix": nil, "status": status, "transfer_data": nil, "transfer_group": nil,
	}
	delete(charge, "presentment_details")
	t.put(charge)
	return charge
}

// Authenticate plays the bank's step on a payment intent that requires it: the
// payer passes or fails. It returns the intent as it is then.
func (s *Simulator) Authenticate(intentID string, succeeded bool) (map[string]any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.begin("", "")
	intent, fault := t.find("payment_intent", intentID, "intent")
	if fault == nil && intent.text("status") != "requires_action" {
		fault = unexpectedState(intent, "authenticate")
	}
	if fault != nil {
		return nil, fmt.Errorf("stripesim: %s", fault.message)
	}
	intent = t.edit(intentID)
	method := t.get(intent.text("payment_method"))
	if succeeded {
		intent["_authenticated"] = true
		t.pay(intent, method, false)
	} else {
		t.decline(intent, method, card{
			code: "payment_intent_authentication_failure", declineCode: "",
			message: "We are unable to authenticate your payment method. Please choose a different payment method and try again.",
		})
	}
	return visible(intent), s.commit(t)
}

func cancelPaymentIntent(t *transaction, args []string, p params) (any, *apiError) {
	intent, fault := t.find("payment_intent", args[0], "intent")
	if fault != nil {
		return nil, fault
	}
	switch {
	case intent.text("status") == "succeeded", intent.text("status") == "canceled":
		return nil, unexpectedState(intent, "cancel")
	case intent.text("_invoice") != "":
		return nil, invalidRequest("", "You cannot cancel this PaymentIntent because it belongs to an invoice. Void the invoice instead.")
	}
	return t.cancelIntent(args[0], p.text("cancellation_reason")), nil
}

func (t *transaction) cancelIntent(id, reason string) object {
	intent := t.edit(id)
	intent["status"], intent["canceled_at"], intent["cancellation_reason"], intent["next_action"] = "canceled", t.time, orNull(reason), nil
	t.emit("payment_intent.canceled", intent, nil)
	return intent
}

func listPaymentIntents(t *transaction, _ []string, p params) (any, *apiError) {
	ids := t.related("payment_intent", p, map[string]string{"customer": "customer"})
	return t.page("/v1/payment_intents", p, ids, func(o object) bool { return withinRange(p, "created", o.integer("created")) })
}

func listCharges(t *transaction, _ []string, p params) (any, *apiError) {
	ids := t.related("charge", p, map[string]string{"customer": "customer", "payment_intent": "payment_intent"})
	return t.page("/v1/charges", p, ids, func(o object) bool { return withinRange(p, "created", o.integer("created")) })
}

func createRefund(t *transaction, _ []string, p params) (any, *apiError) {
	charge, fault := t.refundable(p)
	if fault != nil {
		return nil, fault
	}
	left := charge.integer("amount") - charge.integer("amount_refunded")
	amount, fault := p.integer("amount", left)
	switch {
	case fault != nil:
		return nil, fault
	case left == 0:
		return nil, invalidParam("", "charge_already_refunded", "Charge "+charge.text("id")+" has already been refunded.")
	case amount < 1:
		return nil, invalidParam("amount", "parameter_invalid_integer", "Invalid positive integer")
	case amount > left:
		return nil, invalidParam("amount", "", fmt.Sprintf("Refund amount (%d) is greater than unrefunded amount on charge (%d)", amount, left))
	}
	reason, fault := p.oneOf("reason", "", "duplicate", "fraudulent", "requested_by_customer")
	if fault != nil {
		return nil, fault
	}
	behaviour := testCards[t.get(charge.text("payment_method")).text("_card")].refund
	refund := object{
		"id": newID("re_3"), "object": "refund", "amount": amount, "balance_transaction": nil, "charge": charge["id"],
		"created": t.time, "currency": charge["currency"], "destination_details": object{"type": "card", "card": object{"type": "refund"}},
		"metadata": object{}, "payment_intent": charge["payment_intent"], "reason": orNull(reason), "receipt_number": nil,
		"source_transfer_reversal": nil, "status": "succeeded", "transfer_reversal": nil, "_later": behaviour,
	}
	if behaviour == "pending" {
		refund["status"] = "pending"
	}
	if fault := setMetadata(refund, p); fault != nil {
		return nil, fault
	}
	t.put(refund)
	charge = t.edit(charge.text("id"))
	before := cloneObject(charge)
	charge["amount_refunded"] = charge.integer("amount_refunded") + amount
	charge["refunded"] = charge.integer("amount_refunded") == charge.integer("amount")
	t.emit("refund.created", refund, nil)
	t.emit("charge.refunded", charge, changes(before, charge))
	return refund, nil
}

func (t *transaction) refundable(p params) (object, *apiError) {
	id := p.text("charge")
	if intentID := p.text("payment_intent"); intentID != "" {
		intent, fault := t.find("payment_intent", intentID, "payment_intent")
		if fault != nil {
			return nil, fault
		}
		if id = intent.text("latest_charge"); id == "" || intent.text("status") != "succeeded" {
			return nil, invalidParam("payment_intent", "", "This PaymentIntent ("+intentID+") does not have a successful charge to refund.")
		}
	}
	if id == "" {
		return nil, invalidRequest("", "One of the following params should be provided for this request: payment_intent or charge.")
	}
	charge, fault := t.find("charge", id, "charge")
	if fault == nil && charge.text("status") != "succeeded" {
		fault = invalidParam("charge", "", "This charge did not succeed, so there is nothing to refund.")
	}
	return charge, fault
}

// settleRefund is what becomes of a refund later: pending ones succeed, those
// of one test card fail.
func (t *transaction) settleRefund(id string) {
	refund := t.edit(id)
	before := cloneObject(refund)
	later := refund.text("_later")
	refund["_later"] = ""
	if later == "pending" {
		refund["status"] = "succeeded"
		t.updated("refund.updated", before, refund)
		return
	}
	refund["status"], refund["failure_reason"] = "failed", "unknown"
	charge := t.edit(refund.text("charge"))
	charge["amount_refunded"], charge["refunded"] = charge.integer("amount_refunded")-refund.integer("amount"), false
	t.updated("refund.updated", before, refund)
	t.emit("refund.failed", refund, nil)
}

func listRefunds(t *transaction, _ []string, p params) (any, *apiError) {
	ids := t.related("refund", p, map[string]string{"charge": "charge", "payment_intent": "payment_intent"})
	return t.page("/v1/refunds", p, ids, func(object) bool { return true })
}
