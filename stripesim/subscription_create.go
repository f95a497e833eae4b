package stripesim

import (
	"cmp"
	"fmt"
	"slices"
)

func createSubscription(t *transaction, c call) (any, *apiError) {
	cus, fault := t.livingCustomer(c.text("customer"), "customer")
	if fault != nil {
		return nil, fault
	}
	if c.text("payment_behavior") == "pending_if_incomplete" {
		return nil, invalid("payment_behavior", "", "pending_if_incomplete may only be used when a subscription is updated.")
	}
	if fault := t.maySubscribe(cus); fault != nil {
		return nil, fault
	}
	s, fault := t.newSubscription(cus, c)
	if fault != nil {
		return nil, fault
	}
	t.create(s)
	t.held = s.ID
	created := t.emit("customer.subscription.created", s)
	if fault := t.addInvoiceItems(s, c); fault != nil {
		return nil, fault
	}
	if fault := t.start(s, c); fault != nil {
		return nil, fault
	}
	if s.Status == "trialing" && int64(s.TrialEnd)-t.now <= trialWarningTime {
		s.private.Warned = true
		t.emit("customer.subscription.trial_will_end", s)
	}
	// The snapshot is of the end of the request: active already, with a good card.
	t.snapshot(created, s)
	if s.Status == "active" {
		t.orderOfSuccess()
	}
	return s, nil
}

// successOrder is the order in which the events of a subscription come whose
// first invoice was paid at once.
var successOrder = []string{
	"payment_method.attached", "charge.succeeded", "customer.updated", "customer.discount.created", "customer.subscription.created",
	"payment_intent.succeeded", "payment_intent.created", "invoice.created", "customer.discount.deleted", "invoice.finalized", "invoice.paid", "invoice.payment_succeeded", "invoice_payment.paid",
	"charge.dispute.created", "charge.dispute.funds_withdrawn",
}

func (t *transaction) orderOfSuccess() {
	slices.SortStableFunc(t.events, func(a, b *event) int {
		return slices.Index(successOrder, a.Type) - slices.Index(successOrder, b.Type)
	})
}

// newSubscription is a subscription with its items and first period, not
// stored and not billed yet.
func (t *transaction) newSubscription(cus *customer, c call) (*subscription, *apiError) {
	s := &subscription{
		header: header{ID: t.newID("sub_1", 23), Object: subscriptionKind}, BillingCycleAnchor: t.now,
		BillingMode: readBillingMode(c.form.form("billing_mode")), CollectionMethod: "charge_automatically", Created: t.now,
		Customer: cus.ID, Status: "incomplete",
		PaymentSettings: paymentSettings{SaveDefaultPaymentMethod: "off"}, TrialSettings: trialSettings{trialEnd{"create_invoice"}},
	}
	if c.has("currency") {
		var fault *apiError
		if s.Currency, fault = t.invoiceCurrency(nil, cus, c.text("currency")); fault != nil {
			return nil, fault
		}
	}
	s.private.Notice = int64(t.sim.config.UpcomingNotice.Seconds())
	if s.Currency == "" && t.isBilled(cus) {
		s.Currency = string(cus.Currency)
	}
	if fault := s.readStart(t, c); fault != nil {
		return nil, fault
	}
	if _, fault := s.setItems(t, c); fault != nil {
		return nil, fault
	}
	if fault := s.setDiscounts(t, c); fault != nil {
		return nil, fault
	}
	trialEnd, fault := t.readTrial(c)
	if fault != nil {
		return nil, fault
	}
	anchor, fault := s.readAnchor(t, c, trialEnd)
	if fault != nil {
		return nil, fault
	}
	s.BillingCycleAnchor = cmp.Or(anchor, trialEnd, t.now)
	s.private.FreeUntilAnchor = c.text("proration_behavior") == "none" && anchor > max(t.now, trialEnd)
	if trialEnd > t.now {
		s.Status, s.TrialStart, s.TrialEnd = "trialing", moment(t.now), moment(trialEnd)
		s.setPeriod(period{Start: t.now, End: trialEnd})
	} else {
		s.beginPeriods(t.now)
		if s.billsPast(t.now, c) && s.BillingMode.Type == "flexible" {
			s.reachBack(t.now)
		}
	}
	if fault := s.set(t, c); fault != nil {
		return nil, fault
	}
	s.trimPeriods()
	return s, nil
}

// maxSubscriptions is how many subscriptions a customer may have that live, or
// are scheduled.
const maxSubscriptions = 500

// maySubscribe refuses a customer one more subscription than there may be.
func (t *transaction) maySubscribe(cus *customer) *apiError {
	count := 0
	for _, s := range related[*subscription](t, "customer", cus.ID) {
		if !s.ended() {
			count++
		}
	}
	for _, s := range related[*subscriptionSchedule](t, "customer", cus.ID) {
		if s.Status == "not_started" {
			count++
		}
	}
	if count < maxSubscriptions {
		return nil
	}
	return refused("customer_max_subscriptions", fmt.Sprintf("Customer %s already has the maximum of %d current subscriptions.", cus.ID, maxSubscriptions))
}

// isBilled says whether a customer has a live subscription, which fixes the
// currency.
func (t *transaction) isBilled(cus *customer) bool {
	return slices.ContainsFunc(related[*subscription](t, "customer", cus.ID), func(s *subscription) bool { return !s.ended() })
}

func billingModeFields() field {
	return aHash(shape{
		"flexible": aHash(shape{"proration_discounts": aWord("included", "itemized")}), "type": aWord("classic", "flexible").must(),
	})
}

func readBillingMode(f form) billingMode {
	if f.word("type", "flexible") == "classic" {
		return billingMode{Type: "classic"}
	}
	return billingMode{Flexible: &flexibleBilling{f.form("flexible").word("proration_discounts", "included")}, Type: "flexible"}
}

// readTrial is when a new subscription's trial ends. Zero: it has none.
func (t *transaction) readTrial(c call) (int64, *apiError) {
	if c.has("trial_end") && c.has("trial_period_days") {
		return 0, invalid("trial_end", "parameters_exclusive", "You may only specify one of these parameters: trial_end, trial_period_days.")
	}
	if days := c.integer("trial_period_days", 0); days > 0 {
		return t.now + days*day, nil
	}
	end := c.integer("trial_end", 0)
	switch {
	case end == 0:
		return 0, nil
	case end <= t.now:
		return 0, invalid("trial_end", "", "Invalid timestamp: must be an integer Unix timestamp in the future.")
	case end > t.now+maxTrial*day:
		return 0, invalid("trial_end", "", "Trials can be at most two years long.")
	}
	return end, nil
}

// start bills the first period and tries to be paid.
func (t *transaction) start(s *subscription, c call) *apiError {
	if s.Status != "trialing" && s.private.FreeUntilAnchor {
		s.Status, s.private.FreeUntilAnchor = "active", false
		return nil
	}
	lines, fault := t.firstLines(s, c)
	if fault != nil {
		return fault
	}
	pending, claim := t.takePending(s)
	i := t.newInvoice(s, billing{reason: "subscription_create", lines: append(pending, lines...), from: t.now, to: t.now})
	claim(i)
	s.LatestInvoice = text(i.ID)
	method := t.methodFor(i)
	behaviour := c.word("payment_behavior", "allow_incomplete")
	fault = t.collect(i, collectBy{wait: behaviour == "default_incomplete", offSession: c.boolean("off_session", false)})
	if fault != nil && (behaviour == "error_if_incomplete" || !fault.commits) {
		fault.commits = false
		return fault
	}
	switch {
	case s.Status == "trialing" && method == nil && !i.isSent():
		t.askForPaymentMethod(s)
	case s.Status == "incomplete" && (i.Status == "paid" || i.isSent()):
		s.Status = "active"
	}
	return nil
}

// askForPaymentMethod lets the payer leave a card for the end of the trial.
func (t *transaction) askForPaymentMethod(s *subscription) {
	intent := t.newSetupIntent(s.Customer)
	s.PendingSetupIntent = text(intent.ID)
	t.emit("setup_intent.created", intent)
}
