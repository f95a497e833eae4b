package stripesim

// This file is how invoices are collected: by themselves when their time has
// come, by a call, or by the payer.

// collectBy says how an invoice that is due now is paid.
type collectBy struct {
	// wait leaves the payment to the payer.
	wait       bool
	offSession bool
}

// methodFor is the payment method that pays an invoice without being named, or
// nil.
func (t *transaction) methodFor(i *invoice) *paymentMethod {
	if i.DefaultPaymentMethod != "" {
		return get[*paymentMethod](t, string(i.DefaultPaymentMethod))
	}
	if s := get[*subscription](t, i.private.Subscription); s != nil && s.DefaultPaymentMethod != "" {
		return get[*paymentMethod](t, string(s.DefaultPaymentMethod))
	}
	if id := get[*customer](t, i.Customer).InvoiceSettings.DefaultPaymentMethod; id != "" {
		return get[*paymentMethod](t, string(id))
	}
	return nil
}

// collect finalizes an invoice and tries to pay it now. The refusal says why it
// is not paid; the invoice then waits. One that is to be sent stays a draft for
// its hour.
func (t *transaction) collect(i *invoice, by collectBy) *apiError {
	if i.isSent() {
		i.AutomaticallyFinalizesAt = moment(t.now + draftTime)
		return nil
	}
	method := t.methodFor(i)
	i = t.finalize(i.ID)
	if i.Status == "paid" {
		return nil
	}
	intent := edit[*paymentIntent](t, i.private.Intent)
	if by.wait {
		if method != nil {
			intent.PaymentMethod, intent.Status = text(method.ID), "requires_confirmation"
			t.snapshot(t.events[len(t.events)-1], intent) // it was made so
		}
		return nil
	}
	if method == nil {
		return invalid("", "resource_missing", "This customer has no attached payment source or default payment method. Please consider adding a default payment method. For more information, visit https://stripe.com/docs/billing/subscriptions/payment-methods-setting.")
	}
	fault := t.pay(intent, payment{method: method, offSession: by.offSession})
	if fault == nil && intent.Status == "requires_action" {
		fault = needsAction("subscription_payment_intent_requires_action", "Payment for this subscription requires additional user action before it can be completed successfully. Payment can be completed using the PaymentIntent associated with subscription.latest_invoice.", intent)
	}
	return fault
}

func needsAction(code, message string, intent *paymentIntent) *apiError {
	return &apiError{status: 402, kind: cardError, code: code, message: message, intent: intent, commits: true, executed: true}
}

// workInvoice is the clock's work on an invoice: a draft is finalized, and what
// is open is tried to be paid.
func (t *transaction) workInvoice(id string) {
	t.automatic = true
	i := edit[*invoice](t, id)
	if i.Status == "draft" {
		i.WebhooksDeliveredAt = moment(t.now)
		if i = t.finalize(id); i.Status == "paid" || t.endPaused(i) {
			return
		}
		if i.isSent() {
			t.emit("invoice.sent", i)
			return
		}
	} else if i.isSent() {
		t.remind(i)
		return
	}
	i.NextPaymentAttempt = 0
	intent, method := edit[*paymentIntent](t, i.private.Intent), t.methodFor(i)
	if method == nil || intent.Status == "requires_action" || triedInVain(intent, method) {
		t.invoiceFailed(intent)
		return
	}
	t.pay(intent, payment{method: method, offSession: true})
}

// endPaused does with an invoice what a paused collection wants, and says
// whether that was something.
func (t *transaction) endPaused(i *invoice) bool {
	s := get[*subscription](t, i.private.Subscription)
	if s == nil || s.PauseCollection == nil {
		return false
	}
	switch s.PauseCollection.Behavior {
	case "void":
		t.void(i.ID)
		return true
	case "mark_uncollectible":
		t.giveUp(i.ID)
		return true
	}
	return false
}

// triedInVain says whether a payment method was refused for good.
func triedInVain(intent *paymentIntent, method *paymentMethod) bool {
	last := intent.LastPaymentError
	return last != nil && last.PaymentMethod != nil && last.PaymentMethod.ID == method.ID &&
		(hardDeclines[last.DeclineCode] || hardDeclines[last.Code])
}

// attempted counts a try to pay: the first of any kind, later those that Stripe
// makes by itself.
func (t *transaction) attempted(i *invoice) {
	if i.AttemptCount == 0 || t.automatic {
		i.AttemptCount++
	}
	i.Attempted = true
}

// settle marks an open invoice paid.
func (t *transaction) settle(i *invoice) {
	i.Status, i.AutoAdvance, i.NextPaymentAttempt = "paid", false, 0
	i.AmountPaid, i.AmountRemaining, i.StatusTransitions.PaidAt = i.AmountDue, 0, moment(t.now)
	t.emit("invoice.paid", i)
	if !i.private.OutOfBand {
		t.emit("invoice.payment_succeeded", i)
	}
	t.subscriptionPaid(i)
	t.setDelinquent(i.Customer, false)
}

// invoicePaid is what a payment intent's success means for its invoice.
func (t *transaction) invoicePaid(intent *paymentIntent) {
	if intent.private.Invoice == "" {
		return
	}
	i := edit[*invoice](t, intent.private.Invoice)
	t.attempted(i)
	t.settle(i)
	t.payInvoicePayment(intent)
}

// invoiceFailed is what a refused payment means for the invoice: the next try,
// or, after the last, the end that the settings want.
func (t *transaction) invoiceFailed(intent *paymentIntent) {
	if intent.private.Invoice == "" {
		return
	}
	i := edit[*invoice](t, intent.private.Invoice)
	again := i.AttemptCount > 0 && !t.automatic
	t.attempted(i)
	last := false
	s := get[*subscription](t, i.private.Subscription)
	isFirst := i.BillingReason == "subscription_create" && s != nil && s.Status == "incomplete"
	if !isFirst && i.AutoAdvance && !again {
		retries := t.sim.config.PaymentRetries
		if tries := int(i.AttemptCount); tries <= len(retries) {
			i.NextPaymentAttempt = t.after(retries[tries-1])
		} else {
			i.NextPaymentAttempt, last = 0, true
		}
	}
	if last := intent.LastPaymentError; last != nil && last.Code == "authentication_required" {
		t.emit("invoice.payment_action_required", i)
	}
	t.emit("invoice.payment_failed", i)
	t.subscriptionUnpaid(i, last)
	if t.automatic {
		t.setDelinquent(i.Customer, true)
	}
}

// invoiceNeedsAction is what the bank's wish for the payer means for the invoice.
func (t *transaction) invoiceNeedsAction(intent *paymentIntent) {
	if intent.private.Invoice == "" {
		return
	}
	i := edit[*invoice](t, intent.private.Invoice)
	t.attempted(i)
	t.emit("invoice.payment_action_required", i)
	t.subscriptionUnpaid(i, false)
}

func payInvoice(t *transaction, c call) (any, *apiError) {
	found, fault := one[*invoice](t, c)
	if fault != nil {
		return nil, fault
	}
	switch found.Status {
	case "paid":
		return nil, refused("", "Invoice is already paid")
	case "void":
		return nil, refused("", "This invoice can no longer be paid because it is void.")
	case "draft":
		t.finalize(c.id())
	}
	i := edit[*invoice](t, c.id())
	method := t.methodFor(i)
	if id := c.text("payment_method"); id != "" {
		if fault := t.ownedPaymentMethod(id, i.Customer, "payment_method"); fault != nil {
			return nil, fault
		}
		method = get[*paymentMethod](t, id)
	}
	offSession := c.boolean("off_session", true)
	switch {
	case c.boolean("paid_out_of_band", false) && i.Status != "paid":
		i.private.OutOfBand, i.AmountPaidOffStripe = true, i.AmountDue
		t.settle(i)
		t.abandon(i, "")
		return i, nil
	case i.Status == "paid":
		return i, nil
	case method == nil:
		return nil, refused("", "Cannot charge a customer that has no active card")
	}
	intent := edit[*paymentIntent](t, i.private.Intent)
	if fault := t.pay(intent, payment{method: method, offSession: offSession}); fault != nil {
		return nil, fault
	}
	if intent.Status == "requires_action" {
		return nil, needsAction("invoice_payment_intent_requires_action", "This payment requires additional user action before it can be completed successfully. Payment can be completed using the PaymentIntent associated with the invoice.", intent)
	}
	return i, nil
}
