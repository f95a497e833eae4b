package stripesim

import (
	"fmt"
)

const setupIntentKind = "setup_intent"

// setupIntent is the wish to keep a payment method for later payments.
type setupIntent struct {
	header
	Livemode                          no                 `json:"livemode"`
	Application                       null               `json:"application"`
	AutomaticPaymentMethods           *automaticPayments `json:"automatic_payment_methods"`
	CancellationReason                text               `json:"cancellation_reason"`
	ClientSecret                      string             `json:"client_secret"`
	Created                           int64              `json:"created"`
	Customer                          text               `json:"customer"`
	CustomerAccount                   null               `json:"customer_account"`
	Description                       text               `json:"description"`
	ExcludedPaymentMethodTypes        null               `json:"excluded_payment_method_types"`
	FlowDirections                    null               `json:"flow_directions"`
	LastSetupError                    *errorDetails      `json:"last_setup_error"`
	LatestAttempt                     null               `json:"latest_attempt"`
	Mandate                           null               `json:"mandate"`
	Metadata                          metadata           `json:"metadata"`
	NextAction                        *nextAction        `json:"next_action"`
	OnBehalfOf                        null               `json:"on_behalf_of"`
	PaymentMethod                     text               `json:"payment_method"`
	PaymentMethodConfigurationDetails null               `json:"payment_method_configuration_details"`
	PaymentMethodOptions              emptyHash          `json:"payment_method_options"`
	PaymentMethodTypes                []string           `json:"payment_method_types"`
	SingleUseMandate                  null               `json:"single_use_mandate"`
	Status                            string             `json:"status"`
	Usage                             string             `json:"usage"`

	private setupIntentPrivate
}

type setupIntentPrivate struct {
	Checkout string `json:"checkout,omitempty"` // the session that it is of
	// Portal is the portal's session that it is of, Subscription the one whose
	// default it sets up there. Empty: the customer's.
	Portal       string `json:"portal,omitempty"`
	Subscription string `json:"subscription,omitempty"`
}

func (*setupIntent) kind() string    { return setupIntentKind }
func (s *setupIntent) clone() object { c := *s; return &c }
func (s *setupIntent) hidden() any   { return &s.private }
func (s *setupIntent) indexes() []indexed {
	return []indexed{{"customer", string(s.Customer)}}
}

func setupIntentOperations() []operation {
	return []operation{
		{method: "POST", path: "/v1/setup_intents", do: createSetupIntent, fields: shape{
			"automatic_payment_methods": automaticMethods(), "confirm": aBoolean(), "customer": aText(), "description": aText(),
			"metadata": aMetadata(), "payment_method": aText(), "payment_method_types": aList(aWord("card")), "return_url": aText(), "use_stripe_sdk": aBoolean(),
			"usage": aWord("off_session", "on_session"),
		}},
		{method: "GET", path: "/v1/setup_intents", do: listSetupIntents, fields: pageFields(shape{"created": aRange(), "customer": aText(), "payment_method": aText()})},
		{method: "GET", path: "/v1/setup_intents/{}", do: retrieveSetupIntent, browser: true},
		{method: "POST", path: "/v1/setup_intents/{}", do: updateSetupIntent, fields: shape{
			"description": aText().orEmpty(), "metadata": aMetadata(), "payment_method": aText(),
		}},
		{method: "POST", path: "/v1/setup_intents/{}/confirm", do: confirmSetupIntent, browser: true, fields: shape{
			"payment_method": aText(), "return_url": aText(), "use_stripe_sdk": aBoolean(),
		}},
		{method: "POST", path: "/v1/setup_intents/{}/cancel", do: cancelSetupIntent, fields: shape{
			"cancellation_reason": aWord("abandoned", "duplicate", "requested_by_customer"),
		}},
	}
}

func (t *transaction) newSetupIntent(customerID string) *setupIntent {
	id := t.newID("seti_1", 23)
	made := &setupIntent{
		header: header{ID: id, Object: setupIntentKind}, ClientSecret: id + "_secret_" + t.newID("", 24), Created: t.now,
		Customer: text(customerID), PaymentMethodTypes: []string{"card"}, Status: "requires_payment_method", Usage: "off_session",
	}
	t.create(made)
	return made
}

func createSetupIntent(t *transaction, c call) (any, *apiError) {
	if id := c.text("customer"); id != "" {
		if _, fault := t.livingCustomer(id, "customer"); fault != nil {
			return nil, fault
		}
	}
	if fault := c.checkConfirm(); fault != nil {
		return nil, fault
	}
	made := t.newSetupIntent(c.text("customer"))
	var fault *apiError
	if made.AutomaticPaymentMethods, fault = c.automaticPayments(); fault != nil {
		return nil, fault
	}
	made.Usage = c.word("usage", made.Usage)
	if fault := made.set(t, c); fault != nil {
		return nil, fault
	}
	t.emit("setup_intent.created", made)
	if !c.boolean("confirm", false) {
		return made, nil
	}
	return t.confirmSetup(made, c)
}

// set takes over what a request may say at creation and later.
func (s *setupIntent) set(t *transaction, c call) *apiError {
	c.setText("description", &s.Description)
	if id := c.text("payment_method"); id != "" {
		method, fault := t.usablePaymentMethod(id, "payment_method")
		if fault != nil {
			return fault
		}
		if method.Customer != "" && method.Customer != s.Customer {
			return invalid("payment_method", "", "The provided PaymentMethod "+id+" belongs to another Customer. Please include its Customer in the `customer` parameter on the SetupIntent.")
		}
		s.PaymentMethod, s.Status = text(method.ID), "requires_confirmation"
	}
	merged, fault := s.Metadata.merge(c.form)
	s.Metadata = merged
	return fault
}

func retrieveSetupIntent(t *transaction, c call) (any, *apiError) {
	found, fault := one[*setupIntent](t, c)
	if fault == nil && c.has("client_secret") && !sameSecret(c.text("client_secret"), found.ClientSecret) {
		fault = missing(setupIntentKind, c.id(), "intent").notFound()
	}
	return found, fault
}

func updateSetupIntent(t *transaction, c call) (any, *apiError) {
	found, fault := one[*setupIntent](t, c)
	if fault == nil && (found.Status == "succeeded" || found.Status == "canceled") && c.has("payment_method") {
		fault = found.unexpected("update")
	}
	if fault != nil {
		return nil, fault
	}
	changed := edit[*setupIntent](t, c.id())
	return changed, changed.set(t, c)
}

func (s *setupIntent) unexpected(verb string) *apiError {
	fault := refused("setup_intent_unexpected_state", fmt.Sprintf("You cannot %s this SetupIntent because it has a status of %s.", verb, s.Status))
	fault.setup = s
	return fault
}

func confirmSetupIntent(t *transaction, c call) (any, *apiError) {
	if _, fault := retrieveSetupIntent(t, c); fault != nil {
		return nil, fault
	}
	return t.confirmSetup(edit[*setupIntent](t, c.id()), c)
}

func (t *transaction) confirmSetup(s *setupIntent, c call) (any, *apiError) {
	if s.Status == "succeeded" || s.Status == "canceled" {
		return nil, s.unexpected("confirm")
	}
	if c.has("payment_method") {
		if fault := s.set(t, call{form: form{"payment_method": c.text("payment_method")}}); fault != nil {
			return nil, fault
		}
	}
	if s.PaymentMethod == "" {
		return nil, invalid("payment_method", "parameter_missing", "You cannot confirm this SetupIntent because it's missing a payment method. Update the SetupIntent with a payment method and then confirm it again.")
	}
	method, step := get[*paymentMethod](t, string(s.PaymentMethod)), bankStep(c.returnURL())
	switch known := method.testCard(); {
	case known.unattachable:
		return nil, t.failSetup(s, method, known.refusal)
	case known.authenticate == alwaysAuthenticates || known.authenticate == authenticatesOnce:
		s.Status, s.NextAction = "requires_action", step
		t.emit("setup_intent.requires_action", s)
		return s, nil
	}
	return s, t.succeedSetup(s)
}

func (t *transaction) succeedSetup(s *setupIntent) *apiError {
	method := edit[*paymentMethod](t, string(s.PaymentMethod))
	method.private.SetUp = true
	if s.Customer != "" {
		if _, fault := t.attach(method.ID, string(s.Customer)); fault != nil {
			return fault
		}
	}
	s.Status, s.NextAction, s.LastSetupError = "succeeded", nil, nil
	t.emit("setup_intent.succeeded", s)
	for _, sub := range related[*subscription](t, "pending_setup_intent", s.ID) {
		changed := edit[*subscription](t, sub.ID)
		changed.PendingSetupIntent, changed.DefaultPaymentMethod = "", s.PaymentMethod
		t.changed("customer.subscription.updated", sub, changed)
	}
	if fault := t.portalSetUp(s); fault != nil {
		return fault
	}
	return t.checkoutSetUp(s)
}

func (t *transaction) failSetup(s *setupIntent, method *paymentMethod, why refusal) *apiError {
	fault := declined(why)
	fault.method = method
	details := fault.details()
	s.Status, s.PaymentMethod, s.NextAction, s.LastSetupError = "requires_payment_method", "", nil, &details
	t.emit("setup_intent.setup_failed", s)
	fault.setup, fault.commits = s, true
	return fault
}

func cancelSetupIntent(t *transaction, c call) (any, *apiError) {
	found, fault := one[*setupIntent](t, c)
	if fault == nil && (found.Status == "succeeded" || found.Status == "canceled") {
		fault = found.unexpected("cancel")
	}
	if fault == nil && t.isOpenCheckout(found.private.Checkout) {
		fault = refused("", "You cannot cancel this SetupIntent because it belongs to a Checkout Session. You should expire the Checkout Session instead.")
	}
	if fault != nil {
		return nil, fault
	}
	return t.cancelSetup(c.id(), c.text("cancellation_reason")), nil
}

func (t *transaction) cancelSetup(id, reason string) *setupIntent {
	changed := edit[*setupIntent](t, id)
	changed.Status, changed.CancellationReason, changed.NextAction = "canceled", text(reason), nil
	t.emit("setup_intent.canceled", changed)
	return changed
}

func listSetupIntents(t *transaction, c call) (any, *apiError) {
	found := all[*setupIntent](t)
	if id := c.text("customer"); id != "" {
		found = with[*setupIntent](t, "customer", id)
	}
	return page(t, "/v1/setup_intents", c, found, func(s *setupIntent) bool {
		return c.within("created", s.Created) && c.word("payment_method", string(s.PaymentMethod)) == string(s.PaymentMethod)
	})
}
