package stripesim

// resumeSubscription takes up a subscription that was paused at the end of its
// trial: it is active at once where nothing is to be paid, else when the
// invoice is paid.
func resumeSubscription(t *transaction, c call) (any, *apiError) {
	found, fault := one[*subscription](t, c)
	if fault == nil && found.Status != "paused" {
		fault = refused("", "The subscription cannot be resumed because it is not paused.")
	}
	if fault == nil && c.has("proration_date") && c.word("billing_cycle_anchor", "now") == "now" {
		fault = invalid("proration_date", "", "You can only set proration_date when billing_cycle_anchor is unchanged.")
	}
	if fault != nil {
		return nil, fault
	}
	before, s := found.clone(), edit[*subscription](t, c.id())
	t.held = s.ID
	lines, fault := t.resumedLines(s, c)
	if fault != nil {
		return nil, fault
	}
	pending, claim := t.takePending(s)
	if lines != nil || c.text("proration_behavior") == "always_invoice" && len(pending) > 0 {
		i := t.newInvoice(s, billing{reason: "subscription_update", lines: append(pending, lines...), from: t.now, to: t.now})
		claim(i)
		s.LatestInvoice = text(i.ID)
		if fault := t.collect(i, collectBy{}); fault != nil && !fault.commits {
			return nil, fault
		}
		if i.Status == "open" {
			s.private.ResumeBy = t.now + incompleteTime
			t.changed("customer.subscription.updated", before, s)
			return s, nil
		}
	}
	s.Status = "active"
	t.changed("customer.subscription.updated", before, s)
	t.emit("customer.subscription.resumed", s)
	return s, nil
}

// resumedLines begins the period of a subscription that is resumed, and returns
// what is to be billed at once for it.
func (t *transaction) resumedLines(s *subscription, c call) ([]invoiceLine, *apiError) {
	if c.word("billing_cycle_anchor", "now") == "now" {
		s.restartCycle(t.now)
		return t.periodLines(s, s.Items.Data), nil
	}
	items := cloneItems(s)
	for i := range items {
		p := items[i].Price.Recurring.around(s.cycle(), t.now)
		items[i].CurrentPeriodStart, items[i].CurrentPeriodEnd = p.Start, p.End
	}
	s.Items.Data = items
	at, fault := s.prorationDate(t, c)
	if fault != nil || c.text("proration_behavior") == "none" {
		return nil, fault
	}
	for _, item := range items {
		t.charge(s, item, at)
	}
	return nil, nil
}

// endResumption gives up to resume a subscription whose invoice nobody paid: it
// stays paused.
func (t *transaction) endResumption(s *subscription) {
	s.private.ResumeBy = 0
	if i := get[*invoice](t, string(s.LatestInvoice)); i != nil && i.Status == "open" {
		t.void(i.ID)
	}
}
