package stripesim

import (
	"crypto/rand"
	"fmt"
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
	if fault := checkIntent(p); fault != nil {
		return nil, fault
	}
	if customer := p.text("customer"); customer != "" {
		if _, fault := t.liveCustomer(customer, "customer"); fault != nil {
			return nil, fault
		}
	}
	intent := t.newIntent(p.integer("amount", 0), p.text("currency"), p.text("customer"))
	intent["description"], intent["setup_future_usage"] = orNull(p.text("description")), orNull(p.text("setup_future_usage"))
	if fault := setMetadata(intent, p); fault != nil {
		return nil, fault
	}
	t.emit("payment_intent.created", intent, nil)
	if id := p.text("payment_method"); id != "" {
		method, fault := t.methodOf(intent, id)
		if fault != nil {
			return nil, fault
		}
		intent["payment_method"], intent["status"] = method.text("id"), "requires_confirmation"
	}
	if !p.boolean("confirm", false) {
		return intent, nil
	}
	return confirmPaymentIntent(t, []string{intent.text("id")}, params{"off_session": p.text("off_session")})
}

// checkIntent checks what a new payment intent is asked to be.
func checkIntent(p params) *apiError {
	amount := p.integer("amount", 0)
	switch currency := p.text("currency"); {
	case !currencyCode.MatchString(currency):
		return invalidParam("currency", "", "Invalid currency: "+currency+". Stripe wants a three-letter ISO code in lower case.")
	case amount < 1:
		return invalidParam("amount", "parameter_invalid_integer", "This value must be greater than or equal to 1.")
	case currency == "usd" && amount < 50:
		return invalidParam("amount", "amount_too_small", "Amount must be at least $0.50 usd")
	case amount > 99999999:
		return invalidParam("amount", "amount_too_large", "Amount must be no more than $999,999.99")
	}
	for i, kind := range p.texts("payment_method_types") {
		if kind != "card" {
			return invalidParam(fmt.Sprintf("payment_method_types[%d]", i), "", "The simulator knows payments by card only.")
		}
	}
	if p.boolean("off_session", false) && !p.boolean("confirm", false) {
		return invalidParam("off_session", "", "off_session can only be set when confirm is true.")
	}
	_, fault := p.oneOf("setup_future_usage", "", "off_session", "on_session")
	return fault
}

// methodOf finds the payment method for an intent: one of another customer, or
// one that was detached, cannot pay it.
func (t *transaction) methodOf(intent object, id string) (object, *apiError) {
	method, fault := t.method(id, "payment_method")
	switch {
	case fault != nil:
		return nil, fault
	case method.text("customer") != "" && method.text("customer") != intent.text("customer"):
		return nil, invalidParam("payment_method", "", "The provided PaymentMethod belongs to a customer, who is not that of this PaymentIntent.")
	case method.boolean("_detached"):
		return nil, invalidParam("payment_method", "", detachedText)
	}
	return method, nil
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
	id := p.text("payment_method")
	if id == "" {
		id = intent.text("payment_method")
	}
	if id == "" {
		return nil, invalidParam("payment_method", "payment_intent_unexpected_state", "You cannot confirm this PaymentIntent because it's missing a payment method.")
	}
	method, fault := t.methodOf(intent, id)
	if fault != nil {
		return nil, fault
	}
	intent = t.edit(args[0])
	delete(intent, "_authenticated")
	if fault := t.pay(intent, method, p.boolean("off_session", false)); fault != nil {
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
	if intent["setup_future_usage"] != nil && intent.text("customer") != "" && method.text("customer") == "" {
		method = t.edit(method.text("id"))
		method["customer"] = intent["customer"]
		t.emit("payment_method.attached", method, nil)
	}
	t.invoicePaid(intent)
	return nil
}

// decline notes a charge that failed, or, without a code of the bank's, an
// authentication that did: then nothing was charged.
func (t *transaction) decline(intent, method object, c card) *apiError {
	failure := object{
		"code": c.code, "doc_url": "https://stripe.com/docs/error-codes/" + c.code,
		"message": c.message, "payment_method": visible(method), "type": "card_error",
	}
	intent["status"], intent["next_action"], intent["payment_method"] = "requires_payment_method", nil, nil
	intent["last_payment_error"] = failure
	if c.declineCode != "" {
		charge := t.failedCharge(intent, method, c)
		failure["charge"], failure["decline_code"], intent["latest_charge"] = charge["id"], c.declineCode, charge["id"]
	}
	t.emit("payment_intent.payment_failed", intent, nil)
	t.invoiceFailed(intent)
	fault := cardDeclined(c)
	fault.intent, fault.keep = intent, true
	return fault
}

func (t *transaction) failedCharge(intent, method object, c card) object {
	charge := t.newCharge(intent, method, "failed")
	charge["failure_code"], charge["failure_message"] = c.code, c.message
	outcome := charge.object("outcome")
	outcome["type"], outcome["network_status"], outcome["reason"] = "issuer_declined", "declined_by_network", c.declineCode
	outcome["seller_message"] = "The bank declined the payment."
	t.emit("charge.failed", charge, nil)
	return charge
}

func (t *transaction) newCharge(intent, method object, status string) object {
	amount := intent.integer("amount")
	captured := amount
	if status != "succeeded" {
		captured = 0
	}
	details := cloneObject(method.object("card"))
	for _, name := range []string{"display_brand", "generated_from", "networks", "three_d_secure_usage"} {
		delete(details, name)
	}
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
		"payment_method_details": object{"card": details, "type": "card"}, "radar_options": object{}, "receipt_email": nil, "receipt_number": nil,
		"receipt_url": nil, "refunded": false, "review": nil, "shipping": nil, "source": nil, "source_transfer": nil,
		"statement_descriptor": nil, "statement_descriptor_suffix": nil, "status": status, "transfer_data": nil, "transfer_group": nil,
	}
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
			code:    "payment_intent_authentication_failure",
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
	reason, fault := p.oneOf("cancellation_reason", "", "abandoned", "duplicate", "fraudulent", "requested_by_customer")
	if fault != nil {
		return nil, fault
	}
	return t.cancelIntent(args[0], reason), nil
}

func (t *transaction) cancelIntent(id, reason string) object {
	intent := t.edit(id)
	intent["status"], intent["canceled_at"], intent["cancellation_reason"], intent["next_action"] = "canceled", t.time, orNull(reason), nil
	t.emit("payment_intent.canceled", intent, nil)
	return intent
}

func listPaymentIntents(t *transaction, _ []string, p params) (any, *apiError) {
	return t.list(listing{kind: "payment_intent", url: "/v1/payment_intents", fields: map[string]string{"customer": "customer"}}, p)
}

func listCharges(t *transaction, _ []string, p params) (any, *apiError) {
	fields := map[string]string{"customer": "customer", "payment_intent": "payment_intent"}
	return t.list(listing{kind: "charge", url: "/v1/charges", fields: fields}, p)
}
