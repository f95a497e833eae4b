package stripesim

// This file is when subscriptions end, and what a part of a period costs that
// is cut off by an end.

// setEnd schedules a cancellation, or takes it back.
func (s *subscription) setEnd(t *transaction, c call) *apiError {
	if c.has("cancel_at") && c.has("cancel_at_period_end") && !c.cleared("cancel_at") {
		return invalid("cancel_at", "parameters_exclusive", "You may only specify one of these parameters: cancel_at, cancel_at_period_end.")
	}
	at, given := int64(0), c.has("cancel_at") || c.has("cancel_at_period_end")
	atEnd := c.boolean("cancel_at_period_end", false)
	switch {
	case !given:
		return nil
	case atEnd, c.text("cancel_at") == "min_period_end":
		at = s.period().End
	case c.text("cancel_at") == "max_period_end":
		at = s.lastPeriodEnd()
	default:
		if at = c.integer("cancel_at", 0); at != 0 && at <= t.now {
			return invalid("cancel_at", "", "The subscription cannot be canceled in the past.")
		}
	}
	if moment(at) != s.CancelAt || s.CancelAtPeriodEnd != atEnd {
		s.CanceledAt, s.CancellationDetails.Reason = 0, ""
		if at != 0 {
			s.CanceledAt, s.CancellationDetails.Reason = moment(t.now), "cancellation_requested"
		}
	}
	s.CancelAt, s.CancelAtPeriodEnd = moment(at), atEnd
	return nil
}

// periodEnd is when a period ends that begins at a time: at the next boundary,
// or where the subscription is to end before.
func (s *subscription) periodEnd(r *recurring, start int64) int64 {
	end := r.around(s.cycle(), start).End
	if at := int64(s.CancelAt); at > start && at < end && !s.CancelAtPeriodEnd {
		return at
	}
	return end
}

// trimPeriods ends the present periods where the subscription is to end, or at
// their boundary where it is not any more.
func (s *subscription) trimPeriods() {
	if s.inTrial() || s.Status == "paused" {
		return
	}
	items := cloneItems(s)
	for i := range items {
		items[i].CurrentPeriodEnd = s.periodEnd(items[i].Price.Recurring, items[i].CurrentPeriodStart)
	}
	s.Items.Data = items
}

// moveEnds moves the ends of the present periods to where the subscription is
// to end now, and notes what that gives back or costs. It says whether anything
// was noted.
func (t *transaction) moveEnds(s *subscription, behaviour string) bool {
	before := s.clone().(*subscription)
	s.trimPeriods()
	noted := false
	for i, was := range before.Items.Data {
		is := s.Items.Data[i]
		switch {
		case behaviour == "none":
		case is.CurrentPeriodEnd < was.CurrentPeriodEnd:
			t.credit(s, before, was, is.CurrentPeriodEnd)
			noted = true
		case is.CurrentPeriodEnd > was.CurrentPeriodEnd:
			t.charge(s, is, was.CurrentPeriodEnd)
			noted = true
		}
	}
	return noted
}

// migrateSubscription changes a subscription to flexible billing mode, from
// which there is no way back.
func migrateSubscription(t *transaction, c call) (any, *apiError) {
	found, fault := one[*subscription](t, c)
	if fault == nil && found.ended() {
		fault = refused("", "A canceled subscription can only update its cancellation_details and metadata.")
	}
	if fault == nil && found.BillingMode.Type == "flexible" {
		fault = refused("", "The subscription already has the billing mode flexible.")
	}
	if fault != nil {
		return nil, fault
	}
	before, s := found.clone(), edit[*subscription](t, found.ID)
	s.BillingMode = readBillingMode(c.form.form("billing_mode"))
	s.BillingMode.UpdatedAt = t.now
	t.changed("customer.subscription.updated", before, s)
	return s, nil
}
