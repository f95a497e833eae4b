package stripesim

import "fmt"

// payment is one try to pay a payment intent.
type payment struct {
	method *paymentMethod
	// offSession says that the payer is not there to take the bank's step.
	offSession bool
	// authenticated says that the payer has just taken it.
	authenticated bool
	returnURL     string
}

// needsBankStep says whether the bank asks for the payer.
func (p payment) needsBankStep() bool {
	if p.authenticated {
		return false
	}
	switch p.method.testCard().authenticate {
	case alwaysAuthenticates:
		return true
	case authenticatesOnce:
		return !p.method.private.SetUp
	case authenticatesOnSession:
		return !p.offSession
	}
	return false
}

// pay tries to pay an intent, which the caller has for editing: it succeeds,
// waits for the bank's step, or is declined, which the refusal says.
func (t *transaction) pay(intent *paymentIntent, p payment) *apiError {
	intent.PaymentMethod = text(p.method.ID)
	if p.needsBankStep() {
		if p.offSession {
			return t.decline(intent, p.method, refusal{code: "authentication_required", declineCode: "authentication_required", message: needsBankStep})
		}
		intent.Status, intent.NextAction = "requires_action", bankStep(p.returnURL)
		t.emit("payment_intent.requires_action", intent)
		t.invoiceNeedsAction(intent)
		return nil
	}
	if why := p.method.testCard().refusal; why.code != "" {
		return t.decline(intent, p.method, why)
	}
	if fault := t.keepPaymentMethod(intent, p); fault != nil {
		return fault
	}
	made := t.newCharge(intent, p.method)
	made.settle(t.now, p.method.testCard().risk)
	intent.LatestCharge, intent.NextAction, intent.LastPaymentError = text(made.ID), nil, nil
	if intent.CaptureMethod == "manual" {
		t.authorize(intent, made)
		return t.checkoutPaid(intent)
	}
	intent.Status, intent.AmountReceived = "succeeded", intent.Amount
	if i := get[*invoice](t, intent.private.Invoice); i != nil && i.BillingReason == "subscription_create" && !t.automatic { // the payer confirms
		t.emit("payment_intent.succeeded", intent)
		t.emit("charge.succeeded", made)
	} else {
		t.emit("charge.succeeded", made)
		t.emit("payment_intent.succeeded", intent)
	}
	t.invoicePaid(intent)
	if fault := t.checkoutPaid(intent); fault != nil {
		return fault
	}
	t.dispute(made, p.method.testCard().objection)
	return nil
}

// keepPaymentMethod attaches a payment method that is to be used again.
func (t *transaction) keepPaymentMethod(intent *paymentIntent, p payment) *apiError {
	if intent.SetupFutureUsage == "" {
		return nil
	}
	if p.authenticated && !p.method.private.SetUp {
		edit[*paymentMethod](t, p.method.ID).private.SetUp = true
	}
	if intent.Customer == "" {
		return nil
	}
	_, fault := t.attach(p.method.ID, string(intent.Customer))
	return fault
}

// decline notes a charge that failed, and returns the refusal that says so.
func (t *transaction) decline(intent *paymentIntent, method *paymentMethod, why refusal) *apiError {
	made := t.newCharge(intent, method)
	made.fail(why, method.testCard().blocked)
	fault := declined(why)
	fault.charge, fault.method = made.ID, method
	details := fault.details()
	intent.Status, intent.PaymentMethod, intent.LatestCharge = "requires_payment_method", "", text(made.ID)
	intent.NextAction, intent.LastPaymentError = nil, &details
	t.emit("charge.failed", made)
	t.emit("payment_intent.payment_failed", intent)
	t.invoiceFailed(intent)
	return &apiError{
		status: fault.status, kind: fault.kind, code: fault.code, declineCode: fault.declineCode, adviceCode: fault.adviceCode, message: fault.message,
		charge: made.ID, intent: intent, commits: true, executed: true,
	}
}

// failAuthentication is what it means that the payer did not take the bank's
// step: nothing was charged.
func (t *transaction) failAuthentication(intent *paymentIntent, method *paymentMethod) {
	fault := declined(failedAuthentication("payment_intent"))
	fault.method = method
	details := fault.details()
	intent.Status, intent.PaymentMethod, intent.NextAction, intent.LastPaymentError = "requires_payment_method", "", nil, &details
	t.emit("payment_intent.payment_failed", intent)
	t.invoiceFailed(intent)
}

// Authenticate plays the bank's step on a payment intent that waits for it: the
// payer passes or fails. It returns the intent as it is then, as decoded JSON.
// An unknown intent, or one that does not wait, is an error.
func (s *Simulator) Authenticate(intentID string, succeed bool) (map[string]any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.begin(s.now().Unix())
	found := get[*paymentIntent](t, intentID)
	if found == nil {
		return nil, fmt.Errorf("stripesim: there is no payment intent %s", intentID)
	}
	if found.Status != "requires_action" {
		return nil, fmt.Errorf("stripesim: payment intent %s does not wait for the bank's step: it is %s", intentID, found.Status)
	}
	t.enterClock(found.clock)
	intent, method := edit[*paymentIntent](t, intentID), get[*paymentMethod](t, string(found.PaymentMethod))
	switch {
	case succeed && intent.ConfirmationMethod == "manual":
		intent.Status, intent.NextAction, intent.private.Authenticated = "requires_confirmation", nil, true
	case succeed:
		if fault := t.pay(intent, payment{method: method, authenticated: true}); fault != nil && !fault.commits {
			return nil, fmt.Errorf("stripesim: %s", fault.message)
		}
	default:
		t.failAuthentication(intent, method)
	}
	if err := s.commit(t, line{}); err != nil {
		return nil, fmt.Errorf("stripesim: keep the bank's step: %w", err)
	}
	return toTree(intent)
}

// AuthenticateSetup is [Simulator.Authenticate] for a setup intent.
func (s *Simulator) AuthenticateSetup(intentID string, succeed bool) (map[string]any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.begin(s.now().Unix())
	found := get[*setupIntent](t, intentID)
	if found == nil {
		return nil, fmt.Errorf("stripesim: there is no setup intent %s", intentID)
	}
	if found.Status != "requires_action" {
		return nil, fmt.Errorf("stripesim: setup intent %s does not wait for the bank's step: it is %s", intentID, found.Status)
	}
	t.enterClock(found.clock)
	intent := edit[*setupIntent](t, intentID)
	if !succeed {
		t.failSetup(intent, get[*paymentMethod](t, string(intent.PaymentMethod)), failedAuthentication("setup_intent"))
	} else if fault := t.succeedSetup(intent); fault != nil {
		return nil, fmt.Errorf("stripesim: %s", fault.message)
	}
	if err := s.commit(t, line{}); err != nil {
		return nil, fmt.Errorf("stripesim: keep the bank's step: %w", err)
	}
	return toTree(intent)
}

func failedAuthentication(kind string) refusal {
	return refusal{
		code:    kind + "_authentication_failure",
		message: "We are unable to authenticate your payment method. Please choose a different payment method and try again.",
	}
}
