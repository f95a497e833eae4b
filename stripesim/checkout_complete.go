package stripesim

import (
	"cmp"
	"fmt"
	"net/http"
	"strings"
)

// Payer is what someone enters on the page of a Checkout session.
type Payer struct {
	// PaymentMethod is a pm_card_… token, the number of a test card, or the id
	// of a payment method of the session's customer. Empty: none is given, where
	// nothing has to be paid.
	PaymentMethod string `json:"payment_method"`
	// Email and Name are needed unless the session knows the customer.
	Email string `json:"email"`
	Name  string `json:"name"`
	// PromotionCode is the word of a promotion code, where the session takes one.
	PromotionCode string `json:"promotion_code"`
}

// CheckoutResult is what comes of a try to complete a Checkout session.
type CheckoutResult struct {
	// Session is as it is then, as decoded JSON: complete, or still open.
	Session map[string]any `json:"session"`
	// Redirect is where the payer is sent when the session is complete.
	Redirect string `json:"redirect,omitempty"`
	// Decline is the error that the bank's refusal gave, as decoded JSON.
	Decline map[string]any `json:"decline,omitempty"`
	// Authenticate is the intent that waits for the bank's step, which
	// [Simulator.Authenticate] and [Simulator.AuthenticateSetup] play.
	Authenticate string `json:"authenticate,omitempty"`
}

// CompleteCheckout plays a payer who fills in the page of a Checkout session
// and pays. A card that is declined leaves the session open, which the result
// tells. An unknown session, one that is not open, and what the page would not
// accept are errors.
func (s *Simulator) CompleteCheckout(sessionID string, by Payer) (CheckoutResult, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t, session, err := s.openCheckout(sessionID)
	if err != nil {
		return CheckoutResult{}, err
	}
	fault := t.tryCheckout(session, by)
	if fault != nil && !fault.commits {
		return CheckoutResult{}, fmt.Errorf("stripesim: %s", fault.message)
	}
	if err := s.commit(t, line{}); err != nil {
		return CheckoutResult{}, fmt.Errorf("stripesim: keep the payment: %w", err)
	}
	result := CheckoutResult{Authenticate: session.waitsFor(t)}
	if result.Session, err = toTree(t.shown(session)); err != nil {
		return result, err
	}
	if fault != nil {
		result.Decline, err = toTree(fault.details())
	}
	if session.Status == "complete" {
		result.Redirect = strings.ReplaceAll(cmp.Or(string(session.SuccessURL), session.ReturnURL), "{CHECKOUT_SESSION_ID}", session.ID)
	}
	return result, err
}

// AbandonCheckout lets a Checkout session expire as if its time were over, and
// returns it, as decoded JSON. An unknown session, or one that is not open, is
// an error.
func (s *Simulator) AbandonCheckout(sessionID string) (map[string]any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t, session, err := s.openCheckout(sessionID)
	if err != nil {
		return nil, err
	}
	session = t.expireCheckout(session.ID)
	if err := s.commit(t, line{}); err != nil {
		return nil, fmt.Errorf("stripesim: keep the session: %w", err)
	}
	return toTree(session)
}

func (s *Simulator) controlCheckout(_ *http.Request, id string, body []byte) (any, error) {
	var by Payer
	if err := decodeControl(body, &by); err != nil {
		return nil, err
	}
	return s.CompleteCheckout(id, by)
}

func (s *Simulator) controlAbandon(_ *http.Request, id string, _ []byte) (any, error) {
	return s.AbandonCheckout(id)
}

// openCheckout begins what a payer does in an open session.
func (s *Simulator) openCheckout(sessionID string) (*transaction, *checkoutSession, error) {
	t := s.begin(s.now().Unix())
	found := get[*checkoutSession](t, sessionID)
	if found == nil {
		return nil, nil, fmt.Errorf("stripesim: there is no Checkout session %s", sessionID)
	}
	if found.Status != "open" {
		return nil, nil, fmt.Errorf("stripesim: Checkout session %s is %s", sessionID, found.Status)
	}
	t.enterClock(found.clock)
	return t, edit[*checkoutSession](t, sessionID), nil
}

// waitsFor is the intent of the session that waits for the bank's step.
func (s *checkoutSession) waitsFor(t *transaction) string {
	if s.Status != "open" {
		return ""
	}
	if intent := get[*paymentIntent](t, s.private.Intent); intent != nil && intent.Status == "requires_action" {
		return intent.ID
	}
	if intent := get[*setupIntent](t, s.private.Setup); intent != nil && intent.Status == "requires_action" {
		return intent.ID
	}
	return ""
}

// tryCheckout pays, or leaves the card, and completes the session with that.
func (t *transaction) tryCheckout(s *checkoutSession, by Payer) *apiError {
	if fault := t.identify(s, by); fault != nil {
		return fault
	}
	if by.PromotionCode != "" {
		if fault := t.enterCode(s, by.PromotionCode); fault != nil {
			return fault
		}
	}
	due := int64(0)
	switch s.Mode {
	case "payment":
		due = *s.AmountTotal
	case "subscription":
		first, fault := s.rehearse(t)
		if fault != nil {
			return fault
		}
		due = first.AmountDue
	}
	if by.PaymentMethod == "" {
		if s.Mode == "setup" || due > 0 || s.PaymentMethodCollection == "always" {
			return invalid("payment_method", "parameter_missing", "The session needs a payment method.")
		}
		return t.completeCheckout(s, nil, nil)
	}
	method, fault := t.enterMethod(by.PaymentMethod, s.payer(), billingDetails{Email: s.CustomerDetails.Email, Name: s.CustomerDetails.Name})
	if fault != nil {
		return fault
	}
	if due > 0 {
		return t.pay(t.checkoutIntent(s, due), payment{method: method})
	}
	if s.Mode == "payment" {
		return t.completeCheckout(s, nil, nil)
	}
	intent := t.checkoutSetup(s)
	_, fault = t.confirmSetup(intent, call{form: form{"payment_method": method.ID}})
	return fault
}

// identify makes the customer, where the session makes one, and notes who pays.
func (t *transaction) identify(s *checkoutSession, by Payer) *apiError {
	details := checkoutCustomer{Email: cmp.Or(s.CustomerEmail, text(by.Email)), Name: text(by.Name), TaxExempt: "none", TaxIDs: []string{}}
	if s.Customer != "" {
		cus, fault := t.livingCustomer(string(s.Customer), "customer")
		if fault != nil {
			return fault
		}
		if cus.Email == "" && by.Email != "" {
			told := edit[*customer](t, cus.ID)
			told.Email = text(by.Email)
			t.changed("customer.updated", cus, told)
		}
		details.Email, details.Name = cmp.Or(cus.Email, details.Email), cmp.Or(details.Name, cus.Name)
		details.Address, details.Phone, details.TaxExempt = cus.Address, cus.Phone, cus.TaxExempt
	}
	if details.Email == "" && s.Mode != "setup" {
		return invalid("email", "parameter_missing", "The session needs the payer's e-mail address.")
	}
	s.CustomerDetails = &details
	if s.payer() != "" || s.CustomerCreation != "always" {
		return nil
	}
	about := form{}
	for name, value := range map[string]text{"email": details.Email, "name": details.Name} {
		if value != "" {
			about[name] = string(value)
		}
	}
	made, fault := createCustomer(t, call{form: about})
	if fault == nil {
		s.private.Payer = made.(*customer).ID
	}
	return fault
}

// enterMethod is the payment method that somebody enters on a page: the id of
// one, or the number of a card.
func (t *transaction) enterMethod(entered, customerID string, by billingDetails) (*paymentMethod, *apiError) {
	if strings.HasPrefix(entered, "pm_") {
		return t.payablePaymentMethod(entered, customerID)
	}
	chosen, fault := chooseCard(form{"number": entered})
	if fault != nil {
		return nil, fault
	}
	made := t.newPaymentMethod(chosen)
	made.BillingDetails = intern(by)
	t.create(made)
	return made, nil
}

// checkoutIntent is the payment intent of a session: one for all tries.
func (t *transaction) checkoutIntent(s *checkoutSession, due int64) *paymentIntent {
	if s.private.Intent != "" {
		intent := edit[*paymentIntent](t, s.private.Intent)
		intent.Amount = due
		return intent
	}
	intent := t.newPaymentIntent(due, string(s.Currency), s.payer())
	intent.private.Checkout, s.private.Intent = s.ID, intent.ID
	if s.Mode == "subscription" {
		intent.Description, intent.SetupFutureUsage = "Subscription creation", "off_session"
	} else {
		s.PaymentIntent = text(intent.ID)
		s.describeIntent(intent)
	}
	t.emit("payment_intent.created", intent)
	return intent
}

// describeIntent takes over what the session was told of its payment intent.
func (s *checkoutSession) describeIntent(intent *paymentIntent) {
	c, fault := callOf("POST /v1/checkout/sessions", "mode=payment&"+s.private.IntentData)
	if fault != nil {
		panic("stripesim: read the parameters of " + s.ID + ": " + fault.message)
	}
	data := c.form.form("payment_intent_data")
	data.setText("description", &intent.Description)
	data.setText("receipt_email", &intent.ReceiptEmail)
	data.setText("setup_future_usage", &intent.SetupFutureUsage)
	intent.CaptureMethod = data.word("capture_method", intent.CaptureMethod)
	intent.Metadata, _ = intent.Metadata.merge(data) // it was checked before
}

// checkoutSetup is the setup intent of a session that has nothing to be paid yet.
func (t *transaction) checkoutSetup(s *checkoutSession) *setupIntent {
	if s.private.Setup != "" {
		intent := edit[*setupIntent](t, s.private.Setup)
		intent.Customer = text(s.payer())
		return intent
	}
	intent := t.newSetupIntent(s.payer())
	intent.private.Checkout, s.private.Setup = s.ID, intent.ID
	t.emit("setup_intent.created", intent)
	return intent
}

// checkoutPaid is what a payment intent's success means for its session.
func (t *transaction) checkoutPaid(intent *paymentIntent) *apiError {
	if intent.private.Checkout == "" {
		return nil
	}
	s := edit[*checkoutSession](t, intent.private.Checkout)
	return t.completeCheckout(s, get[*paymentMethod](t, string(intent.PaymentMethod)), intent)
}

// checkoutSetUp is the same for a setup intent.
func (t *transaction) checkoutSetUp(intent *setupIntent) *apiError {
	if intent.private.Checkout == "" {
		return nil
	}
	s := edit[*checkoutSession](t, intent.private.Checkout)
	return t.completeCheckout(s, get[*paymentMethod](t, string(intent.PaymentMethod)), nil)
}

// completeCheckout makes what the session is for, and closes it. The method and
// the intent are nil where nothing was asked for or paid.
func (t *transaction) completeCheckout(s *checkoutSession, method *paymentMethod, paid *paymentIntent) *apiError {
	var fault *apiError
	switch s.Mode {
	case "subscription":
		fault = t.subscribeInCheckout(s, method, paid)
	case "payment":
		fault = t.redeemOnce(s)
	}
	if fault != nil {
		return fault
	}
	s.Status, s.URL, s.Customer = "complete", "", text(s.payer())
	if paid != nil && paid.Status == "succeeded" {
		s.PaymentStatus = "paid"
	}
	t.emit("checkout.session.completed", s)
	return nil
}

// subscribeInCheckout makes the session's subscription, whose first invoice is
// paid already.
func (t *transaction) subscribeInCheckout(s *checkoutSession, method *paymentMethod, paid *paymentIntent) *apiError {
	more := form{}
	if method != nil {
		more["default_payment_method"] = method.ID
	}
	t.prepaid = paid
	started, fault := s.subscribe(t, s.payer(), more)
	if fault != nil {
		return fault
	}
	s.Subscription, s.Invoice = text(started.ID), started.LatestInvoice
	return nil
}

// finalizePaid opens the invoice of a subscription that was paid for already,
// and settles it with that payment.
func (t *transaction) finalizePaid(i *invoice) *invoice {
	intent := t.prepaid
	t.prepaid = nil
	intent.private.Invoice, i.private.Intent = i.ID, intent.ID
	t.newInvoicePayment(i, intent)
	t.emit("invoice.finalized", i)
	t.invoicePaid(intent)
	return i
}
