package stripesim

import "slices"

func updateSubscription(t *transaction, c call) (any, *apiError) {
	found, fault := one[*subscription](t, c)
	if fault == nil {
		fault = found.mayChange(c)
	}
	if fault != nil {
		return nil, fault
	}
	before, s := found.clone(), edit[*subscription](t, c.id())
	t.held = s.ID
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
	if s.ended() {
		return refused("", "A canceled subscription can only update its cancellation_details and metadata.")
	}
	if s.Status == "incomplete" {
		for name := range c.form {
			if !slices.Contains([]string{"metadata", "default_payment_method", "payment_settings", "description", "expand", "off_session"}, name) {
				return refused("", "This subscription cannot be changed while it is incomplete: only its metadata and its default payment method may be.")
			}
		}
	}
	if c.text("payment_behavior") == "pending_if_incomplete" {
		return unsupported("payment_behavior", "pending updates")
	}
	return nil
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

// bill changes items and trial, and bills the change as the request wants.
func (t *transaction) bill(s *subscription, c call) *apiError {
	old := *s
	changes, fault := s.setItems(t, c)
	if fault != nil {
		return fault
	}
	now := t.now
	if date := c.integer("proration_date", 0); date != 0 {
		if span := old.period(); date < span.Start || date > span.End {
			return invalid("proration_date", "", "Cannot specify proration_date outside of current subscription period.")
		}
		now = date
	}
	endsTrial, fault := t.setTrial(s, c)
	if fault != nil {
		return fault
	}
	behaviour := c.word("proration_behavior", "create_prorations")
	restart := endsTrial || s.Status != "trialing" && (c.text("billing_cycle_anchor") == "now" || !sameInterval(old, *s) || old.isFree() && !s.isFree())
	if !restart {
		if behaviour != "none" && s.Status != "trialing" {
			t.prorate(s, changes, period{Start: now, End: old.period().End}, old.period())
		}
		if behaviour != "always_invoice" || len(changes) == 0 {
			return nil
		}
		return t.billNow(s, nil, c)
	}
	if behaviour != "none" && old.Status != "trialing" {
		for i := range old.Items.Data {
			t.prorate(s, []itemChange{{before: &old.Items.Data[i]}}, period{Start: now, End: old.period().End}, old.period())
		}
	}
	s.BillingCycleAnchor = t.now
	s.setPeriod(period{Start: t.now, End: s.Items.Data[0].Price.Recurring.next(t.now, t.now)})
	return t.billNow(s, t.periodLines(s), c)
}

// setTrial changes the end of a trial, and says whether that is now.
func (t *transaction) setTrial(s *subscription, c call) (endsNow bool, fault *apiError) {
	if !c.has("trial_end") {
		return false, nil
	}
	if c.text("trial_end") == "now" {
		if s.Status != "trialing" {
			return false, nil
		}
		s.TrialEnd, s.Status = moment(t.now), "active"
		if !s.private.Warned {
			s.private.Warned = true
			t.emit("customer.subscription.trial_will_end", s)
		}
		return true, nil
	}
	if s.Status != "trialing" {
		return false, unsupported("trial_end", "a trial that begins in the middle of a subscription")
	}
	end, fault := t.readTrial(c)
	if fault != nil {
		return false, fault
	}
	s.TrialEnd, s.BillingCycleAnchor = moment(end), end
	s.private.Warned = false
	s.setPeriod(period{Start: s.period().Start, End: end})
	return false, nil
}

func sameInterval(a, b subscription) bool {
	x, y := a.Items.Data[0].Price.Recurring, b.Items.Data[0].Price.Recurring
	return x.Interval == y.Interval && x.IntervalCount == y.IntervalCount
}

// isFree says whether a period costs nothing.
func (s *subscription) isFree() bool {
	for _, item := range s.Items.Data {
		if item.Price.amount(item.Quantity) != 0 {
			return false
		}
	}
	return true
}

// billNow makes an invoice of what waits and of some lines, and tries to be
// paid.
func (t *transaction) billNow(s *subscription, lines []invoiceLine, c call) *apiError {
	pending, claim := t.takePending(s)
	lines = append(pending, lines...)
	if len(lines) == 0 {
		return nil
	}
	i := t.newInvoice(s, billing{reason: "subscription_update", lines: lines, from: s.period().Start, to: t.now})
	claim(i)
	s.LatestInvoice = text(i.ID)
	behaviour := c.word("payment_behavior", "allow_incomplete")
	fault := t.collect(i, collectBy{wait: behaviour == "default_incomplete", offSession: c.boolean("off_session", false)})
	if fault != nil && (behaviour == "error_if_incomplete" || !fault.commits) {
		fault.commits = false
		return fault
	}
	if i.Status == "open" && !s.ended() {
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
	if c.boolean("prorate", false) && s.Status != "trialing" && s.Status != "incomplete" {
		span := s.period()
		for i := range s.Items.Data {
			t.prorate(s, []itemChange{{before: &s.Items.Data[i]}}, period{Start: t.now, End: span.End}, span)
		}
	}
	if c.boolean("invoice_now", false) {
		if fault := t.billNow(s, nil, c); fault != nil {
			return nil, fault
		}
	}
	return t.endSubscription(s.ID, "cancellation_requested"), nil
}

// resumeSubscription takes up a subscription that was paused at the end of its
// trial: it is active once the invoice of a new period is paid.
func resumeSubscription(t *transaction, c call) (any, *apiError) {
	found, fault := one[*subscription](t, c)
	if fault == nil && found.Status != "paused" {
		fault = refused("", "The subscription cannot be resumed because it is not paused.")
	}
	if fault != nil {
		return nil, fault
	}
	s := edit[*subscription](t, c.id())
	t.held = s.ID
	s.BillingCycleAnchor = t.now
	s.setPeriod(period{Start: t.now, End: s.Items.Data[0].Price.Recurring.next(t.now, t.now)})
	i := t.newInvoice(s, billing{reason: "subscription_update", lines: t.periodLines(s), from: t.now, to: t.now})
	s.LatestInvoice = text(i.ID)
	if fault := t.collect(i, collectBy{}); fault != nil && !fault.commits {
		return nil, fault
	}
	if i.Status == "paid" {
		s.Status = "active"
		t.emit("customer.subscription.resumed", s)
	}
	return s, nil
}
