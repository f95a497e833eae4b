package stripesim

func updateSubscription(t *transaction, c call) (any, *apiError) {
	found, fault := one[*subscription](t, c)
	if fault != nil {
		return nil, fault
	}
	return t.update(found, c)
}

// update changes a subscription as a request wants.
func (t *transaction) update(found *subscription, c call) (*subscription, *apiError) {
	if fault := found.mayChange(c); fault != nil {
		return nil, fault
	}
	before, s := found.clone(), edit[*subscription](t, found.ID)
	t.held = s.ID
	if c.has("items") || c.has("trial_end") || c.has("billing_cycle_anchor") {
		t.dropPendingUpdate(s)
	}
	if fault := s.set(t, c); fault != nil {
		return nil, fault
	}
	if fault := s.setPause(t, c); fault != nil {
		return nil, fault
	}
	if fault := t.bill(s, c); fault != nil {
		return nil, fault
	}
	if s.CancelAtPeriodEnd {
		s.CancelAt = moment(s.period().End)
	}
	t.changed("customer.subscription.updated", before, s)
	return s, nil
}

// mayChange refuses what the present status does not allow.
func (s *subscription) mayChange(c call) *apiError {
	if s.ended() && !c.hasOnly("metadata", "cancellation_details", "expand") {
		return refused("", "A canceled subscription can only update its cancellation_details and metadata.")
	}
	if s.Schedule != "" && (c.has("cancel_at") || c.has("cancel_at_period_end")) {
		return refused("", "The subscription is managed by the subscription schedule `"+string(s.Schedule)+"`, and updating any cancelation behavior directly is not allowed. Please update the schedule instead.")
	}
	if s.Status == "incomplete" && !c.hasOnly("metadata", "default_payment_method", "payment_settings", "description", "expand", "off_session") {
		return refused("", "This subscription cannot be changed while it is incomplete: only its metadata and its default payment method may be.")
	}
	return c.checkPending()
}

func (s *subscription) setPause(t *transaction, c call) *apiError {
	if !c.has("pause_collection") {
		return nil
	}
	s.PauseCollection = nil
	if given := c.form.form("pause_collection"); given != nil {
		resumes := given.integer("resumes_at", 0)
		if resumes != 0 && resumes <= t.now {
			return invalid("pause_collection[resumes_at]", "", "Invalid timestamp: must be in the future.")
		}
		s.PauseCollection = &pauseCollection{given.text("behavior"), moment(resumes)}
	}
	return nil
}

// howPaid is how a change that is billed now is to be paid.
type howPaid struct {
	behaviour  string
	offSession bool
}

func (c call) howPaid() howPaid {
	return howPaid{c.word("payment_behavior", "allow_incomplete"), c.boolean("off_session", false)}
}

// billNow makes an invoice of what waits and of some lines, and tries to be
// paid. old is the subscription before the change that is billed.
func (t *transaction) billNow(s, old *subscription, lines []invoiceLine, how howPaid) *apiError {
	pending, claim := t.takePending(s)
	lines = append(pending, lines...)
	if len(lines) == 0 {
		return nil
	}
	i := t.newInvoice(s, billing{reason: "subscription_update", lines: lines, from: s.period().Start, to: t.now})
	claim(i)
	s.LatestInvoice = text(i.ID)
	if how.behaviour == "pending_if_incomplete" {
		i.AutoAdvance = false // it is tried once; who wants the update pays it
	}
	fault := t.collect(i, collectBy{wait: how.behaviour == "default_incomplete", offSession: how.offSession})
	if fault != nil && (how.behaviour == "error_if_incomplete" || !fault.commits && t.request != "") {
		fault.commits = false
		return fault
	}
	switch {
	case i.Status != "open" || s.ended():
	case how.behaviour == "pending_if_incomplete":
		t.postpone(s, old, i)
	default:
		s.Status = "past_due"
	}
	return nil
}

// cancelSubscription ends a subscription now, and bills what is left if that
// is wanted.
func cancelSubscription(t *transaction, c call) (any, *apiError) {
	found, fault := one[*subscription](t, c)
	if fault == nil && found.ended() {
		fault = missing(subscriptionKind, c.id(), "id").notFound()
	}
	if fault != nil {
		return nil, fault
	}
	s := edit[*subscription](t, c.id())
	t.held = s.ID
	details := c.form.form("cancellation_details")
	details.setText("comment", &s.CancellationDetails.Comment)
	details.setText("feedback", &s.CancellationDetails.Feedback)
	return s, t.cancel(s, c.boolean("prorate", false), c.boolean("invoice_now", false))
}

// cancel ends a subscription now. What is left of its periods may be given
// back, and what waits may be billed; else it is billed when the period would
// have ended.
func (t *transaction) cancel(s *subscription, prorate, invoiceNow bool) *apiError {
	if prorate && s.Status != "trialing" && s.Status != "incomplete" {
		t.prorate(s, s, removals(cloneItems(s)), t.now)
	}
	if invoiceNow {
		if fault := t.billNow(s, s, nil, call{}.howPaid()); fault != nil {
			return fault
		}
	}
	t.endSubscription(s.ID, "cancellation_requested")
	if len(t.pendingOf(s.ID, s.Currency))+len(t.pendingOf(s.Customer, s.Currency)) > 0 {
		s.private.RestAt = max(s.period().End, t.now)
	}
	return nil
}
