package stripesim

import (
	"crypto/subtle"
	"fmt"
	"math"
)

const paymentIntentKind = "payment_intent"

// paymentIntent is the wish to be paid, and how far it has come.
type paymentIntent struct {
	header
	Livemode                          no                 `json:"livemode"`
	Amount                            int64              `json:"amount"`
	AmountCapturable                  int64              `json:"amount_capturable"`
	AmountDetails                     amountDetails      `json:"amount_details"`
	AmountReceived                    int64              `json:"amount_received"`
	Application                       null               `json:"application"`
	ApplicationFeeAmount              null               `json:"application_fee_amount"`
	AutomaticPaymentMethods           *automaticPayments `json:"automatic_payment_methods"`
	CanceledAt                        moment             `json:"canceled_at"`
	CancellationReason                text               `json:"cancellation_reason"`
	CaptureMethod                     string             `json:"capture_method"`
	ClientSecret                      string             `json:"client_secret"`
	ConfirmationMethod                string             `json:"confirmation_method"`
	Created                           int64              `json:"created"`
	Currency                          string             `json:"currency"`
	Customer                          text               `json:"customer"`
	CustomerAccount                   null               `json:"customer_account"`
	Description                       text               `json:"description"`
	ExcludedPaymentMethodTypes        null               `json:"excluded_payment_method_types"`
	LastPaymentError                  *errorDetails      `json:"last_payment_error"`
	LatestCharge                      text               `json:"latest_charge"`
	Metadata                          metadata           `json:"metadata"`
	NextAction                        *nextAction        `json:"next_action"`
	OnBehalfOf                        null               `json:"on_behalf_of"`
	PaymentMethod                     text               `json:"payment_method"`
	PaymentMethodConfigurationDetails null               `json:"payment_method_configuration_details"`
	PaymentMethodOptions              intentOptions      `json:"payment_method_options"`
	PaymentMethodTypes                []string           `json:"payment_method_types"`
	Processing                        null               `json:"processing"`
	ReceiptEmail                      text               `json:"receipt_email"`
	Review                            null               `json:"review"`
	SetupFutureUsage                  text               `json:"setup_future_usage"`
	Shipping                          null               `json:"shipping"`
	Source                            null               `json:"source"`
	StatementDescriptor               null               `json:"statement_descriptor"`
	StatementDescriptorSuffix         null               `json:"statement_descriptor_suffix"`
	Status                            string             `json:"status"`
	TransferData                      null               `json:"transfer_data"`
	TransferGroup                     null               `json:"transfer_group"`

	private paymentIntentPrivate
}

type paymentIntentPrivate struct {
	Invoice  string `json:"invoice,omitempty"`
	Checkout string `json:"checkout,omitempty"` // the session that it is of
	// CaptureBefore is when an authorization ends.
	CaptureBefore int64 `json:"capture_before,omitempty"`
	// Authenticated says that the payer took the bank's step, and the server has
	// to confirm once more.
	Authenticated bool `json:"authenticated,omitempty"`
}

type amountDetails struct {
	Tip emptyHash `json:"tip"`
}

type automaticPayments struct {
	AllowRedirects string `json:"allow_redirects"`
	Enabled        bool   `json:"enabled"`
}

type intentOptions struct {
	Card intentCardOptions `json:"card"`
}

type intentCardOptions struct {
	Installments        null   `json:"installments"`
	MandateOptions      null   `json:"mandate_options"`
	Network             null   `json:"network"`
	RequestThreeDSecure string `json:"request_three_d_secure"`
}

// nextAction is what the payer has to do: the bank's step, in a script or at
// an address.
type nextAction struct {
	Type         string       `json:"type"`
	UseStripeSDK *sdkAction   `json:"use_stripe_sdk,omitempty"`
	Redirect     *redirection `json:"redirect_to_url,omitempty"`
}

type sdkAction struct {
	Type string `json:"type"`
}

type redirection struct {
	ReturnURL string `json:"return_url"`
	URL       string `json:"url"`
}

func bankStep(returnURL string) *nextAction {
	if returnURL == "" {
		return &nextAction{Type: "use_stripe_sdk", UseStripeSDK: &sdkAction{"three_d_secure_redirect"}}
	}
	return &nextAction{Type: "redirect_to_url", Redirect: &redirection{returnURL, "https://hooks.stripe.com/3d_secure_2/simulator"}}
}

// returnURL is where the payer comes back to after the bank's step. Empty: a
// script takes it.
func (c call) returnURL() string {
	address := c.text("return_url")
	if c.boolean("use_stripe_sdk", false) {
		return ""
	}
	return address
}

// checkConfirm refuses what only a call that confirms takes.
func (c call) checkConfirm() *apiError {
	for _, name := range []string{"off_session", "return_url", "use_stripe_sdk"} {
		if c.has(name) && !c.boolean("confirm", false) {
			return invalid(name, "", "The parameter `"+name+"` can only be used with `confirm=true`.")
		}
	}
	return nil
}

// automaticPayments are the ways to pay that are chosen for the payer.
func (c call) automaticPayments() (*automaticPayments, *apiError) {
	given := c.form.form("automatic_payment_methods")
	if given == nil {
		return nil, nil
	}
	chosen := &automaticPayments{given.word("allow_redirects", "always"), given.boolean("enabled", false)}
	if chosen.Enabled && c.has("payment_method_types") {
		return nil, invalid("payment_method_types", "parameters_exclusive", "You may only specify one of these parameters: automatic_payment_methods, payment_method_types.")
	}
	return chosen, nil
}

func (*paymentIntent) kind() string    { return paymentIntentKind }
func (p *paymentIntent) clone() object { c := *p; return &c }
func (p *paymentIntent) hidden() any   { return &p.private }

func (p *paymentIntent) due() int64 {
	if p.Status != "requires_capture" {
		return 0
	}
	return p.private.CaptureBefore
}

func (p *paymentIntent) indexes() []indexed {
	return p.Metadata.indexes(indexed{"customer", string(p.Customer)})
}

func automaticMethods() field {
	return aHash(shape{"allow_redirects": aWord("always", "never"), "enabled": aBoolean().must()})
}

func paymentIntentOperations() []operation {
	changeable := shape{
		"amount": anInteger(1, math.MaxInt64), "capture_method": aWord("automatic", "automatic_async", "manual"), "customer": aText(), "description": aText().orEmpty(), "metadata": aMetadata(),
		"payment_method": aText(), "receipt_email": aText().orEmpty(), "setup_future_usage": aWord("off_session", "on_session").orEmpty(),
	}
	created := changeable.with(shape{
		"amount": anInteger(1, math.MaxInt64).must(), "automatic_payment_methods": automaticMethods(), "confirmation_method": aWord("automatic", "manual"),
		"confirm": aBoolean(), "currency": aText().must(), "off_session": aBoolean(), "payment_method_types": aList(aWord("card")),
		"return_url": aText(), "use_stripe_sdk": aBoolean(),
	})
	return []operation{
		{method: "POST", path: "/v1/payment_intents", do: createPaymentIntent, fields: created},
		{method: "GET", path: "/v1/payment_intents", do: listPaymentIntents, fields: pageFields(shape{"created": aRange(), "customer": aText()})},
		{method: "GET", path: "/v1/payment_intents/{}", do: retrievePaymentIntent, browser: true},
		{method: "POST", path: "/v1/payment_intents/{}", do: updatePaymentIntent, fields: changeable},
		{method: "POST", path: "/v1/payment_intents/{}/confirm", do: confirmPaymentIntent, browser: true, fields: shape{
			"off_session": aBoolean(), "payment_method": aText(), "receipt_email": aText().orEmpty(), "return_url": aText(),
			"setup_future_usage": aWord("off_session", "on_session").orEmpty(), "use_stripe_sdk": aBoolean(),
		}},
		{method: "POST", path: "/v1/payment_intents/{}/cancel", do: cancelPaymentIntent, fields: shape{
			"cancellation_reason": aWord("abandoned", "duplicate", "fraudulent", "requested_by_customer"),
		}},
	}
}

func (t *transaction) newPaymentIntent(amount int64, currency, customerID string) *paymentIntent {
	id := t.newID("pi_3", 23)
	made := &paymentIntent{
		header: header{ID: id, Object: paymentIntentKind}, Amount: amount, CaptureMethod: "automatic_async",
		ClientSecret: id + "_secret_" + t.newID("", 25), ConfirmationMethod: "automatic", Created: t.now, Currency: currency,
		Customer: text(customerID), PaymentMethodOptions: intentOptions{intentCardOptions{RequestThreeDSecure: "automatic"}},
		PaymentMethodTypes: []string{"card"}, Status: "requires_payment_method",
	}
	t.create(made)
	return made
}

func createPaymentIntent(t *transaction, c call) (any, *apiError) {
	currency, fault := readCurrency(c.text("currency"))
	if fault == nil {
		fault = checkAmount(c.integer("amount", 0), currency)
	}
	if fault == nil {
		fault = c.checkConfirm()
	}
	if fault != nil {
		return nil, fault
	}
	made := t.newPaymentIntent(c.integer("amount", 0), currency, "")
	made.ConfirmationMethod = c.word("confirmation_method", made.ConfirmationMethod)
	if made.AutomaticPaymentMethods, fault = c.automaticPayments(); fault != nil {
		return nil, fault
	}
	if fault := made.set(t, c); fault != nil {
		return nil, fault
	}
	t.emit("payment_intent.created", made)
	if !c.boolean("confirm", false) {
		return made, nil
	}
	return t.confirm(made, c)
}

// set takes over what a request may say at creation and later.
func (p *paymentIntent) set(t *transaction, c call) *apiError {
	p.Amount, p.CaptureMethod = c.integer("amount", p.Amount), c.word("capture_method", p.CaptureMethod)
	if fault := checkAmount(p.Amount, p.Currency); fault != nil {
		return fault
	}
	if id := c.text("customer"); id != "" {
		if _, fault := t.livingCustomer(id, "customer"); fault != nil {
			return fault
		}
		p.Customer = text(id)
	}
	c.setText("description", &p.Description)
	c.setText("receipt_email", &p.ReceiptEmail)
	c.setText("setup_future_usage", &p.SetupFutureUsage)
	if id := c.text("payment_method"); id != "" {
		method, fault := t.payablePaymentMethod(id, string(p.Customer))
		if fault != nil {
			return fault
		}
		p.PaymentMethod, p.Status = text(method.ID), "requires_confirmation"
	}
	merged, fault := p.Metadata.merge(c.form)
	p.Metadata = merged
	return fault
}

// payablePaymentMethod is a payment method that may pay for a customer: it is
// theirs, or nobody's.
func (t *transaction) payablePaymentMethod(id, customerID string) (*paymentMethod, *apiError) {
	method, fault := t.usablePaymentMethod(id, "payment_method")
	if fault != nil || method.Customer == "" || string(method.Customer) == customerID {
		return method, fault
	}
	if customerID == "" {
		return nil, invalid("payment_method", "", "The PaymentMethod "+id+" belongs to a Customer. Please include the Customer in the `customer` parameter on the PaymentIntent.")
	}
	return nil, invalid("payment_method", "", "The provided PaymentMethod cannot be attached. To reuse a PaymentMethod, you must attach it to a Customer first: "+id+" belongs to another Customer.")
}

// sameSecret compares without telling by its time how much is right.
func sameSecret(given, secret string) bool {
	return subtle.ConstantTimeCompare([]byte(given), []byte(secret)) == 1
}

func retrievePaymentIntent(t *transaction, c call) (any, *apiError) { return t.paymentIntentOf(c) }

func (t *transaction) paymentIntentOf(c call) (*paymentIntent, *apiError) {
	found := get[*paymentIntent](t, c.id())
	if found == nil || c.has("client_secret") && !sameSecret(c.text("client_secret"), found.ClientSecret) {
		return nil, missing(paymentIntentKind, c.id(), "intent").notFound()
	}
	return found, nil
}

func updatePaymentIntent(t *transaction, c call) (any, *apiError) {
	found, fault := t.paymentIntentOf(c)
	if fault != nil {
		return nil, fault
	}
	if found.isSettled() && (c.has("amount") || c.has("payment_method") || c.has("customer") || c.has("capture_method")) {
		return nil, found.unexpected("update")
	}
	if found.private.Invoice != "" && (c.has("amount") || c.has("customer")) {
		return nil, refused("", "You cannot update the amount or the customer of this PaymentIntent because it belongs to an invoice.")
	}
	changed := edit[*paymentIntent](t, c.id())
	return changed, changed.set(t, c)
}

// isSettled says that nothing is to be paid any more.
func (p *paymentIntent) isSettled() bool {
	return p.Status == "succeeded" || p.Status == "canceled" || p.Status == "requires_capture"
}

func (p *paymentIntent) unexpected(verb string) *apiError {
	fault := refused("payment_intent_unexpected_state", fmt.Sprintf("You cannot %s this PaymentIntent because it has a status of %s.", verb, p.Status))
	fault.intent = p
	return fault
}

// confirmPaymentIntent pays, as a browser does with the client secret.
func confirmPaymentIntent(t *transaction, c call) (any, *apiError) {
	if _, fault := t.paymentIntentOf(c); fault != nil {
		return nil, fault
	}
	return t.confirm(edit[*paymentIntent](t, c.id()), c)
}

func (t *transaction) confirm(intent *paymentIntent, c call) (any, *apiError) {
	if intent.isSettled() {
		return nil, intent.unexpected("confirm")
	}
	id := c.word("payment_method", string(intent.PaymentMethod))
	if id == "" {
		return nil, refused("payment_intent_unexpected_state", "You cannot confirm this PaymentIntent because it's missing a payment method. You can either update the PaymentIntent with a payment method and then confirm it again, or confirm it again directly with a payment method or ConfirmationToken.")
	}
	method, fault := t.payablePaymentMethod(id, string(intent.Customer))
	if fault != nil {
		return nil, fault
	}
	c.setText("receipt_email", &intent.ReceiptEmail)
	c.setText("setup_future_usage", &intent.SetupFutureUsage)
	fault = t.pay(intent, payment{
		method: method, offSession: c.boolean("off_session", false), returnURL: c.returnURL(), authenticated: intent.private.Authenticated,
	})
	return intent, fault
}

func cancelPaymentIntent(t *transaction, c call) (any, *apiError) {
	found, fault := t.paymentIntentOf(c)
	switch {
	case fault != nil:
		return nil, fault
	case found.Status == "succeeded" || found.Status == "canceled":
		return nil, found.unexpected("cancel")
	case found.private.Invoice != "":
		return nil, refused("", "You cannot cancel this PaymentIntent because it belongs to an invoice. You should void the invoice instead.")
	case t.isOpenCheckout(found.private.Checkout):
		return nil, refused("", "You cannot cancel this PaymentIntent because it belongs to a Checkout Session. You should expire the Checkout Session instead.")
	}
	return t.cancelIntent(c.id(), c.text("cancellation_reason")), nil
}

func (t *transaction) cancelIntent(id, reason string) *paymentIntent {
	changed := edit[*paymentIntent](t, id)
	if changed.AmountCapturable > 0 {
		t.release(changed, "charge.refunded")
	}
	changed.Status, changed.CanceledAt, changed.CancellationReason, changed.NextAction = "canceled", moment(t.now), text(reason), nil
	t.emit("payment_intent.canceled", changed)
	return changed
}

func listPaymentIntents(t *transaction, c call) (any, *apiError) {
	found := all[*paymentIntent](t)
	if id := c.text("customer"); id != "" {
		found = with[*paymentIntent](t, "customer", id)
	}
	return page(t, "/v1/payment_intents", c, found, func(p *paymentIntent) bool { return c.within("created", p.Created) })
}
