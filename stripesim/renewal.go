package stripesim

import "slices"

// This file is what time does to subscriptions, and what the payment of their
// invoices does.

// maxCauses is how many things may be due of a subscription at one moment.
const maxCauses = 6

// workSubscription is the clock's work on a subscription: what is due at the
// moment for which it was called, after what its schedule wants then.
func (t *transaction) workSubscription(id string) {
	if t.scheduleIsDue(get[*subscription](t, id)) {
		t.workSchedule(string(get[*subscription](t, id).Schedule))
	}
	s := edit[*subscription](t, id)
	at := s.due()
	for range maxCauses {
		if at == 0 || at > t.now || s.due() != at {
			return
		}
		t.workSubscriptionOnce(s)
	}
}

// workSubscriptionOnce does the first thing that is due.
func (t *transaction) workSubscriptionOnce(s *subscription) {
	before := s.clone()
	switch {
	case s.ended():
		t.billRest(s)
		return
	case s.Status == "incomplete":
		t.expire(s)
		return
	case s.PendingUpdate != nil && s.PendingUpdate.ExpiresAt <= t.now:
		t.expirePendingUpdate(s, before)
		return
	case s.Status == "paused" && s.private.ResumeBy > 0 && s.private.ResumeBy <= t.now:
		t.endResumption(s)
		return
	case s.CancelAt > 0 && int64(s.CancelAt) <= t.now:
		t.endAsScheduled(s)
		return
	case s.PauseCollection != nil && s.PauseCollection.ResumesAt > 0 && int64(s.PauseCollection.ResumesAt) <= t.now:
		s.PauseCollection = nil
	case s.announcedAt() > 0 && s.announcedAt() <= t.now:
		t.announce(s)
		return
	case s.Status == "trialing" && !s.private.Warned:
		s.private.Warned = true
		t.emit("customer.subscription.trial_will_end", s)
		return
	case s.Status == "trialing" && !t.endTrial(s):
		return
	default:
		t.renew(s, before)
		return
	}
	t.changed("customer.subscription.updated", before, s)
}

// expire ends a subscription whose first invoice nobody paid.
func (t *transaction) expire(s *subscription) {
	before := s.clone()
	s.Status, s.EndedAt = "incomplete_expired", moment(t.now)
	t.changed("customer.subscription.updated", before, s)
	if i := get[*invoice](t, string(s.LatestInvoice)); i.Status == "open" {
		t.void(i.ID)
	}
}

// endTrial does what is to be done at the end of a trial without a payment
// method, and says whether the subscription goes on.
func (t *transaction) endTrial(s *subscription) bool {
	hasMethod := s.DefaultPaymentMethod != "" || get[*customer](t, s.Customer).InvoiceSettings.DefaultPaymentMethod != ""
	ending := s.TrialSettings.EndBehavior.MissingPaymentMethod
	switch {
	case hasMethod || ending == "create_invoice" || s.CollectionMethod == "send_invoice":
		return true
	case ending == "pause":
		s.Status = "paused"
		t.emit("customer.subscription.paused", s)
	default:
		t.endSubscription(s.ID, "cancellation_requested")
	}
	return false
}

// renew begins the next period with a draft invoice, which is finalized and
// paid an hour later.
func (t *transaction) renew(s *subscription, before object) {
	if s.Status == "trialing" {
		s.Status = "active"
	}
	renewed, last := s.renewItems(t.now)
	if s.private.FreeUntilAnchor {
		s.private.FreeUntilAnchor = false
		t.changed("customer.subscription.updated", before, s)
		return
	}
	pending, claim := t.takePending(s)
	mark := len(t.events)
	i := t.newInvoice(s, billing{reason: "subscription_cycle", lines: append(pending, t.periodLines(s, renewed)...), from: last.Start, to: last.End})
	claim(i)
	s.LatestInvoice = text(i.ID)
	if s.Status == "unpaid" || s.PauseCollection != nil && s.PauseCollection.Behavior == "keep_as_draft" {
		i.AutoAdvance = false
	} else {
		i.AutomaticallyFinalizesAt = moment(t.now + draftTime)
	}
	// The news of the new period comes before that of its invoice.
	t.snapshot(t.events[mark], i)
	t.changed("customer.subscription.updated", before, s)
	end := len(t.events) - 1
	t.events = slices.Insert(t.events[:end:end], mark, t.events[end])
}

// endAsScheduled ends a subscription at the time that was asked for; what waits
// to be billed is billed.
func (t *transaction) endAsScheduled(s *subscription) {
	t.endSubscription(s.ID, "cancellation_requested")
	t.billRest(s)
}

// billRest bills what still waits of a subscription that has ended.
func (t *transaction) billRest(s *subscription) {
	s.private.RestAt = 0
	pending, claim := t.takePending(s)
	if len(pending) == 0 || get[*customer](t, s.Customer).private.Deleted {
		return
	}
	i := t.newInvoice(s, billing{reason: "subscription_cycle", lines: pending, from: s.period().Start, to: s.period().End})
	claim(i)
	i.AutomaticallyFinalizesAt = moment(t.now + draftTime)
}

// endSubscription ends a subscription now. What is not paid yet stays, but is
// no longer collected.
func (t *transaction) endSubscription(id, reason string) *subscription {
	s := edit[*subscription](t, id)
	t.dropPendingUpdate(s)
	s.Status, s.EndedAt = "canceled", moment(t.now)
	if s.CanceledAt == 0 {
		s.CanceledAt = moment(t.now)
	}
	s.CancellationDetails.Reason = text(reason)
	t.emit("customer.subscription.deleted", s)
	for _, i := range related[*invoice](t, "subscription", id) {
		if i.Status == "open" || i.Status == "draft" {
			before, stopped := i.clone(), edit[*invoice](t, i.ID)
			stopped.AutoAdvance, stopped.NextPaymentAttempt, stopped.AutomaticallyFinalizesAt = false, 0, 0
			t.changed("invoice.updated", before, stopped)
		}
	}
	t.subscriptionEnded(s)
	return s
}

// subscriptionPaid is what a settled invoice means for its subscription.
func (t *transaction) subscriptionPaid(i *invoice) {
	found := get[*subscription](t, i.private.Subscription)
	if found == nil || found.ended() {
		return
	}
	before, s := found.clone(), edit[*subscription](t, found.ID)
	switch {
	case s.waitsFor(i) && i.Status == "paid":
		s.applyPendingUpdate()
		t.emit("customer.subscription.pending_update_applied", s)
	case s.waitsFor(i):
		s.PendingUpdate, s.private.Postponed = nil, nil
	case s.Status == "past_due" && t.isLatestFinalized(s, i):
		s.Status = "active"
	case string(s.LatestInvoice) == i.ID:
		switch s.Status {
		case "incomplete":
			if i.Status == "paid" {
				s.Status = "active"
			}
		case "unpaid":
			if i.Status == "paid" {
				s.Status = "active"
			}
		case "paused":
			s.Status, s.private.ResumeBy = "active", 0
		}
	}
	if s.PaymentSettings.SaveDefaultPaymentMethod == "on_subscription" && i.private.Intent != "" {
		if intent := get[*paymentIntent](t, i.private.Intent); intent.Status == "succeeded" {
			s.DefaultPaymentMethod = intent.PaymentMethod
		}
	}
	if t.held == s.ID {
		return
	}
	t.changed("customer.subscription.updated", before, s)
	if found.Status == "paused" && s.Status == "active" {
		t.emit("customer.subscription.resumed", s)
	}
}

// isLatestFinalized says whether an invoice is the one that decides about a
// subscription that is past due: the latest that is not a draft.
func (t *transaction) isLatestFinalized(s *subscription, i *invoice) bool {
	if string(s.LatestInvoice) == i.ID {
		return true
	}
	if latest := get[*invoice](t, string(s.LatestInvoice)); latest == nil || latest.Status != "draft" {
		return false
	}
	for _, other := range slices.Backward(related[*invoice](t, "subscription", s.ID)) {
		if other.Status != "draft" {
			return other.ID == i.ID
		}
	}
	return false
}

// subscriptionUnpaid is what a failed payment means for the subscription: it is
// past due, or, when it was the last try, what the settings want. A first
// invoice leaves it incomplete.
func (t *transaction) subscriptionUnpaid(i *invoice, last bool) {
	found := get[*subscription](t, i.private.Subscription)
	if found == nil || found.ended() || found.Status == "incomplete" || found.Status == "paused" || found.waitsFor(i) || string(found.LatestInvoice) != i.ID && !last {
		return
	}
	if t.held == found.ID && !last {
		return // the call that bills decides
	}
	before, s := found.clone(), edit[*subscription](t, found.ID)
	if s.Status == "active" || s.Status == "trialing" {
		s.Status = "past_due"
	}
	if last {
		switch t.sim.config.FinalAction {
		case "cancel":
			t.endSubscription(s.ID, "payment_failed")
			return
		case "unpaid":
			s.Status = "unpaid"
		}
	}
	if t.held != s.ID {
		t.changed("customer.subscription.updated", before, s)
	}
}
