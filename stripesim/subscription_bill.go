package stripesim

// This file is what a change of a subscription costs, and when that is billed.

// bill changes items and trial, and bills the change as the request wants.
func (t *transaction) bill(s *subscription, c call) *apiError {
	old, how := s.clone().(*subscription), c.howPaid()
	lines, isNow, fault := t.applyChange(s, old, c)
	if fault == nil {
		fault = t.addInvoiceItems(s, c)
	}
	if fault != nil || !isNow {
		return fault
	}
	return t.billNow(s, old, lines, how)
}

// applyChange changes items and trial, and says whether that is billed now, with
// which lines beside the prorations that it notes.
func (t *transaction) applyChange(s, old *subscription, c call) (lines []invoiceLine, isNow bool, fault *apiError) {
	changes, fault := s.setItems(t, c)
	if fault != nil {
		return nil, false, fault
	}
	if fault := s.setDiscounts(t, c); fault != nil {
		return nil, false, fault
	}
	at, fault := old.prorationDate(t, c)
	if fault != nil {
		return nil, false, fault
	}
	trial, fault := t.setTrial(s, c)
	if fault != nil {
		return nil, false, fault
	}
	if s.Status == "trialing" && c.text("billing_cycle_anchor") == "now" {
		return nil, false, invalid("billing_cycle_anchor", "", "You cannot set billing_cycle_anchor to now while the subscription is trialing: end the trial with trial_end=now.")
	}
	behaviour := c.word("proration_behavior", "create_prorations")
	restarts := trial == trialBegins || trial == trialEnds || trial == sameTrial && s.restarts(old, c)
	switch {
	case trial == otherTrialEnd:
		return nil, false, nil
	case trial == sameTrial && old.period().End <= t.now:
		// The renewal that comes now bills the new items.
		if restarts {
			s.BillingCycleAnchor, s.BillingCycleAnchorConfig = t.now, nil
		}
		return nil, false, nil
	case !restarts:
		if behaviour != "none" && s.Status != "trialing" {
			t.prorate(s, old, changes, at)
		}
		cut := t.moveEnds(s, behaviour)
		return nil, behaviour == "always_invoice" && (len(changes) > 0 || cut), nil
	}
	if behaviour != "none" && old.Status != "trialing" {
		t.prorate(s, old, removals(old.Items.Data), at)
	}
	s.private.Debits = nil
	if trial != trialBegins {
		s.restartCycle(t.now)
	}
	return t.periodLines(s, s.Items.Data), true, nil
}

// removals are the changes that take all items away.
func removals(items []subscriptionItem) []itemChange {
	changes := make([]itemChange, len(items))
	for i := range items {
		changes[i].before = &items[i]
	}
	return changes
}

// prorationDate is the time from which on a change counts.
func (s *subscription) prorationDate(t *transaction, c call) (int64, *apiError) {
	if !c.has("proration_date") {
		return t.now, nil
	}
	date := c.integer("proration_date", 0)
	if span := s.period(); date < span.Start || date > span.End {
		return 0, invalid("proration_date", "", "Cannot specify proration_date outside of current subscription period.")
	}
	return date, nil
}

// restarts says whether a change begins a new period now: it is asked for, all
// intervals are others, or what was free is not free any more.
func (s *subscription) restarts(old *subscription, c call) bool {
	if s.Status == "trialing" || c.text("billing_cycle_anchor") == "unchanged" {
		return false
	}
	return c.text("billing_cycle_anchor") == "now" || !s.sharesInterval(old) || old.isFree() && !s.isFree()
}

// sharesInterval says whether some item has an interval that one of the other
// subscription has.
func (s *subscription) sharesInterval(other *subscription) bool {
	for _, one := range s.Items.Data {
		for _, two := range other.Items.Data {
			if one.Price.Recurring.sameAs(two.Price.Recurring) {
				return true
			}
		}
	}
	return false
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

// trialChange is what a request does to the trial of a subscription.
type trialChange int

const (
	sameTrial trialChange = iota
	trialBegins
	otherTrialEnd
	trialEnds
)

// setTrial begins a trial, moves its end, or ends it now.
func (t *transaction) setTrial(s *subscription, c call) (trialChange, *apiError) {
	if !c.has("trial_end") {
		return sameTrial, nil
	}
	if c.text("trial_end") == "now" {
		if s.Status != "trialing" {
			return sameTrial, nil
		}
		if !s.private.Warned {
			s.private.Warned = true
			// It is told first, so it shows what was true before this change.
			t.emit("customer.subscription.trial_will_end", t.state.row(keyOf(s)).object)
		}
		s.TrialEnd, s.Status = moment(t.now), "active"
		return trialEnds, nil
	}
	end, fault := t.readTrial(c)
	if fault != nil {
		return sameTrial, fault
	}
	change, start := otherTrialEnd, s.period().Start
	if s.Status != "trialing" {
		change, start = trialBegins, t.now
		// In classic billing mode the first trial stays the one that is told.
		if s.TrialStart == 0 || s.BillingMode.Type == "flexible" {
			s.TrialStart = moment(t.now)
		}
		s.Status = "trialing"
	}
	s.TrialEnd, s.BillingCycleAnchor, s.BillingCycleAnchorConfig = moment(end), end, nil
	s.private.Warned = false
	s.setPeriod(period{Start: start, End: end})
	return change, nil
}
