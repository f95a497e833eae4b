package stripesim

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"
)

// PortalAct is what a customer does in the portal.
type PortalAct struct {
	// Action is cancel, renew (a cancellation is taken back), update (another
	// price, or quantity), update_payment_method or update_customer.
	Action string `json:"action"`
	// Subscription is the one that is meant. Empty: that of the session's flow,
	// or the only one that the customer has.
	Subscription string `json:"subscription"`
	// Feedback and Comment say why it is canceled, where the portal asks for it.
	Feedback string `json:"feedback"`
	Comment  string `json:"comment"`
	// Price and Quantity are what it is updated to. Empty and zero: as before.
	Price    string `json:"price"`
	Quantity int64  `json:"quantity"`
	// PaymentMethod is a pm_card_… token, the number of a test card, or the id of
	// a payment method of the customer. It becomes the customer's default, or,
	// where Subscription is set, that of the subscription.
	PaymentMethod string `json:"payment_method"`
	// Email, Name and Phone are what the customer becomes. Empty: as before.
	Email string `json:"email"`
	Name  string `json:"name"`
	Phone string `json:"phone"`
}

// PortalResult is what comes of an act in the portal.
type PortalResult struct {
	// Subscription and Customer are as they are then, as decoded JSON.
	Subscription map[string]any `json:"subscription,omitempty"`
	Customer     map[string]any `json:"customer"`
	// Redirect is where the customer is sent.
	Redirect string `json:"redirect,omitempty"`
	// Decline is the error that the bank's refusal gave, as decoded JSON.
	Decline map[string]any `json:"decline,omitempty"`
	// Authenticate is the setup intent that waits for the bank's step, which
	// [Simulator.AuthenticateSetup] plays.
	Authenticate string `json:"authenticate,omitempty"`
}

// portalVisit is a customer at work in the portal.
type portalVisit struct {
	*transaction
	session  *portalSession
	features *portalFeatures
	customer *customer
	target   *subscription // nil: none is meant
	waitsFor string        // the setup intent that waits for the bank's step
}

// ActInPortal plays a customer who does something on the page of a portal
// session. A card that is declined changes nothing, which the result tells. An
// unknown session, and what its configuration, its flow or the page does not
// allow, are errors.
func (s *Simulator) ActInPortal(sessionID string, act PortalAct) (PortalResult, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.begin(s.now().Unix())
	session := get[*portalSession](t, sessionID)
	if session == nil {
		return PortalResult{}, fmt.Errorf("stripesim: there is no portal session %s", sessionID)
	}
	t.enterClock(session.clock)
	visit := &portalVisit{transaction: t, session: session, features: &get[*portalConfiguration](t, session.Configuration).Features}
	fault := visit.do(act)
	if fault != nil && fault.kind != cardError {
		return PortalResult{}, fmt.Errorf("stripesim: %s", fault.message)
	}
	if fault != nil && !fault.commits {
		t = s.begin(t.begun)
	}
	if err := s.commit(t, line{}); err != nil {
		return PortalResult{}, fmt.Errorf("stripesim: keep what the customer did: %w", err)
	}
	return visit.result(t, fault)
}

func (s *Simulator) controlPortal(_ *http.Request, id string, body []byte) (any, error) {
	var act PortalAct
	if err := decodeControl(body, &act); err != nil {
		return nil, err
	}
	return s.ActInPortal(id, act)
}

// result tells what came of it.
func (v *portalVisit) result(t *transaction, fault *apiError) (PortalResult, error) {
	done, err := PortalResult{Authenticate: v.waitsFor}, error(nil)
	if done.Customer, err = toTree(get[*customer](t, v.session.Customer)); err != nil {
		return done, err
	}
	if v.target != nil {
		if done.Subscription, err = toTree(get[*subscription](t, v.target.ID)); err != nil {
			return done, err
		}
	}
	if fault != nil {
		done.Decline, err = toTree(fault.details())
		return done, err
	}
	if v.waitsFor == "" {
		done.Redirect = v.session.redirect()
	}
	return done, nil
}

// redirect is where the customer goes when all is done.
func (p *portalSession) redirect() string {
	if p.Flow != nil && p.Flow.AfterCompletion.Redirect != nil {
		return p.Flow.AfterCompletion.Redirect.ReturnURL
	}
	return string(p.ReturnURL)
}

// portalActs are what customers can do, with the flow that is for it.
var portalActs = map[string]struct {
	flows []string
	do    func(*portalVisit, PortalAct) *apiError
}{
	"cancel":                {[]string{"subscription_cancel"}, (*portalVisit).cancel},
	"renew":                 {nil, (*portalVisit).renew},
	"update":                {[]string{"subscription_update", "subscription_update_confirm"}, (*portalVisit).update},
	"update_payment_method": {[]string{"payment_method_update"}, (*portalVisit).updatePaymentMethod},
	"update_customer":       {nil, (*portalVisit).updateCustomer},
}

func (v *portalVisit) do(act PortalAct) *apiError {
	known, ok := portalActs[act.Action]
	if !ok {
		return invalid("action", "", "The action is "+sentence(sortedNames(portalActs))+", not "+act.Action+".")
	}
	var fault *apiError
	if v.customer, fault = v.livingCustomer(v.session.Customer, "customer"); fault != nil {
		return fault
	}
	if flow := v.session.Flow; flow != nil && !slices.Contains(known.flows, flow.Type) {
		return refused("", "The session is for "+flow.Type+" only.")
	}
	if fault := v.aim(act); fault != nil {
		return fault
	}
	return known.do(v, act)
}

// aim finds the subscription that is meant.
func (v *portalVisit) aim(act PortalAct) *apiError {
	meant := act.Subscription
	if flow := v.session.Flow; flow != nil {
		if only := flow.subscription(); only != "" && meant != "" && meant != only {
			return refused("", "The session is for the subscription "+only+" only.")
		}
		meant = cmp.Or(meant, flow.subscription())
	}
	if meant == "" {
		if act.Action == "update_payment_method" || act.Action == "update_customer" {
			return nil
		}
		var living []*subscription
		for _, one := range related[*subscription](v.transaction, "customer", v.customer.ID) {
			if !one.ended() {
				living = append(living, one)
			}
		}
		if len(living) != 1 {
			return refused("", fmt.Sprintf("The customer has %d subscriptions: say which.", len(living)))
		}
		meant = living[0].ID
	}
	var fault *apiError
	v.target, fault = v.flowTarget(form{"subscription": meant}, v.customer, "subscription")
	return fault
}

// subscription is the one that a flow is about. Empty: none.
func (p *portalFlow) subscription() string {
	switch {
	case p.SubscriptionCancel != nil:
		return p.SubscriptionCancel.Subscription
	case p.SubscriptionUpdate != nil:
		return p.SubscriptionUpdate.Subscription
	case p.SubscriptionUpdateConfirm != nil:
		return p.SubscriptionUpdateConfirm.Subscription
	}
	return ""
}
