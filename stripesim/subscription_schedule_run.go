package stripesim

import "slices"

// This file is what time does to schedules, and what schedules do to their
// subscriptions.

// workSchedule is the clock's work on a schedule.
func (t *transaction) workSchedule(id string) {
	before, s := get[*subscriptionSchedule](t, id), edit[*subscriptionSchedule](t, id)
	before = before.clone().(*subscriptionSchedule)
	switch {
	case s.Status == "not_started":
		if fault := t.startSchedule(s); fault != nil {
			t.endSchedule(id, "canceled", "subscription_schedule.aborted")
			return
		}
		t.changed("subscription_schedule.updated", before, s)
	case t.now < s.CurrentPhase.EndDate:
		t.announceEnd(s)
	case s.phaseAt(t.now) != nil:
		phase := s.phaseAt(t.now)
		s.CurrentPhase = &phaseSpan{phase.EndDate, phase.StartDate}
		t.changed("subscription_schedule.updated", before, s)
		if fault := t.followSchedule(s, phase, phase.ProrationBehavior); fault != nil {
			t.sim.config.Logger.Warn("a phase of a schedule could not begin", "schedule", s.ID, "error", fault.message)
		}
		t.held = ""
		if s.due() <= t.now {
			t.announceEnd(s)
		}
	case s.EndBehavior == "cancel":
		subscriptionID := string(s.Subscription)
		edit[*subscription](t, subscriptionID).Schedule = ""
		t.endSchedule(id, "completed", "subscription_schedule.completed")
		t.endSubscription(subscriptionID, "cancellation_requested")
	default:
		t.releaseSchedule(id, false)
	}
}

func (t *transaction) announceEnd(s *subscriptionSchedule) {
	s.private.Warned = true
	t.emit("subscription_schedule.expiring", s)
}

// scheduleIsDue says whether the schedule of a subscription has to act before it.
func (t *transaction) scheduleIsDue(s *subscription) bool {
	schedule := get[*subscriptionSchedule](t, string(s.Schedule))
	return schedule != nil && schedule.Status == "active" && schedule.CurrentPhase.EndDate <= t.now
}

// startSchedule makes the subscription of a schedule's first phase. It is
// active at once; its first invoice stays a draft for an hour.
func (t *transaction) startSchedule(schedule *subscriptionSchedule) *apiError {
	phase := schedule.Phases[0]
	items := make([]any, 0, len(phase.Items))
	for _, item := range phase.Items {
		items = append(items, t.phaseItemForm(schedule, item, nil))
	}
	owner := discounted{customer: schedule.Customer, currency: phase.Currency, cost: phase.cost(t)}
	wanted := form{
		"items": items, "metadata": metadataForm(phase.Metadata), "currency": phase.Currency, "discounts": t.discountForms(phase.Discounts, nil, owner),
		"add_invoice_items": t.additions(schedule, &phase),
	}
	if phase.TrialEnd != 0 {
		wanted["trial_end"] = int64(phase.TrialEnd)
	}
	s, fault := t.newSubscription(get[*customer](t, schedule.Customer), call{form: wanted})
	if fault != nil {
		return fault
	}
	s.BillingMode, s.Schedule = schedule.BillingMode, text(schedule.ID)
	s.takeSettings(schedule, &phase)
	if s.Status == "incomplete" {
		s.Status = "active"
	}
	if schedule.EndBehavior == "cancel" {
		s.CancelAt = moment(schedule.end())
	}
	s.trimPeriods()
	t.create(s)
	created := t.emit("customer.subscription.created", s)
	if fault := t.addInvoiceItems(s, call{form: wanted}); fault != nil {
		return fault
	}
	pending, claim := t.takePending(s)
	i := t.newInvoice(s, billing{reason: "subscription_create", lines: append(pending, t.periodLines(s, s.Items.Data)...), from: t.now, to: t.now})
	claim(i)
	i.AutomaticallyFinalizesAt = moment(t.now + draftTime)
	s.LatestInvoice = text(i.ID)
	t.snapshot(created, s)
	for _, e := range t.events {
		if e.Type == "invoice.created" {
			t.snapshot(e, i)
		}
	}
	schedule.Status, schedule.Subscription, schedule.CurrentPhase = "active", text(s.ID), &phaseSpan{phase.EndDate, phase.StartDate}
	return nil
}

// phaseItemForm is a phase's item as a request would say it, with what the
// subscription's item has. Its price may have been archived since.
func (t *transaction) phaseItemForm(schedule *subscriptionSchedule, i phaseItem, present []string) form {
	billed := get[*price](t, i.Price).in(schedule.Phases[0].Currency)
	owner := discounted{customer: schedule.Customer, currency: billed.Currency, cost: billed.amount(i.Quantity)}
	return form{
		"price": i.Price, "quantity": i.Quantity, "metadata": metadataForm(i.Metadata), "scheduled": true,
		"discounts": t.discountForms(i.Discounts, present, owner),
	}
}

func metadataForm(m metadata) form {
	said := form{}
	for name, value := range m {
		said[name] = value
	}
	return said
}

// takeSettings takes over what a phase says beside its items, or else the
// schedule.
func (s *subscription) takeSettings(schedule *subscriptionSchedule, phase *schedulePhase) {
	if method := cmpText(phase.DefaultPaymentMethod, schedule.DefaultSettings.DefaultPaymentMethod); method != "" {
		s.DefaultPaymentMethod = method
	}
	if description := cmpText(phase.Description, schedule.DefaultSettings.Description); description != "" {
		s.Description = description
	}
}

func cmpText(first, second text) text {
	if first != "" {
		return first
	}
	return second
}

// followSchedule makes the subscription of a schedule what a phase wants, or,
// without a phase, takes over only when it is to end.
func (t *transaction) followSchedule(schedule *subscriptionSchedule, phase *schedulePhase, behaviour string) *apiError {
	found := get[*subscription](t, string(schedule.Subscription))
	if found == nil || found.ended() {
		return nil
	}
	before, s := found.clone(), edit[*subscription](t, found.ID)
	t.held = s.ID
	s.CancelAt, s.CancelAtPeriodEnd = 0, false
	if schedule.EndBehavior == "cancel" {
		s.CancelAt = moment(schedule.end())
	}
	if phase != nil {
		t.dropPendingUpdate(s)
		s.takeSettings(schedule, phase)
		var fault *apiError
		if s.Metadata, fault = s.Metadata.merge(form{"metadata": metadataForm(phase.Metadata)}); fault != nil {
			return fault
		}
		if fault := t.bill(s, t.phaseCall(s, schedule, phase, behaviour)); fault != nil {
			return fault
		}
	}
	t.changed("customer.subscription.updated", before, s)
	return nil
}

// phaseCall is the update of a subscription that a phase stands for.
func (t *transaction) phaseCall(s *subscription, schedule *subscriptionSchedule, phase *schedulePhase, behaviour string) call {
	owner := discounted{customer: schedule.Customer, currency: phase.Currency, cost: phase.cost(t)}
	wanted := form{
		"items": t.itemsFor(s, schedule, phase), "proration_behavior": behaviour,
		"discounts": t.discountForms(phase.Discounts, s.Discounts, owner), "add_invoice_items": t.additions(schedule, phase),
	}
	if anchor := cmpText(phase.BillingCycleAnchor, text(schedule.DefaultSettings.BillingCycleAnchor)); anchor == "phase_start" && phase.StartDate == t.now {
		wanted["billing_cycle_anchor"] = "now"
	}
	if int64(phase.TrialEnd) > t.now && phase.TrialEnd != s.TrialEnd {
		wanted["trial_end"] = int64(phase.TrialEnd)
	}
	return call{form: wanted}
}

// itemsFor are the changes that lead to the items of a phase: an item keeps its
// price, or else takes one that no other item has.
func (t *transaction) itemsFor(s *subscription, schedule *subscriptionSchedule, phase *schedulePhase) []any {
	left := cloneItems(s)
	keeps := func(item subscriptionItem) bool {
		return slices.ContainsFunc(phase.Items, func(wanted phaseItem) bool { return wanted.Price == item.Price.ID })
	}
	var changes []any
	for _, wanted := range phase.Items {
		at := slices.IndexFunc(left, func(item subscriptionItem) bool { return item.Price.ID == wanted.Price })
		if at < 0 {
			at = slices.IndexFunc(left, func(item subscriptionItem) bool { return !keeps(item) })
		}
		if at < 0 {
			changes = append(changes, t.phaseItemForm(schedule, wanted, nil))
			continue
		}
		change := t.phaseItemForm(schedule, wanted, left[at].Discounts)
		change["id"] = left[at].ID
		left = slices.Delete(left, at, at+1)
		changes = append(changes, change)
	}
	for _, item := range left {
		changes = append(changes, form{"id": item.ID, "deleted": true})
	}
	return changes
}

// endSchedule ends a schedule; what becomes of its subscription is another
// matter.
func (t *transaction) endSchedule(id, status, event string) *subscriptionSchedule {
	s := edit[*subscriptionSchedule](t, id)
	s.Status, s.CurrentPhase = status, nil
	if status == "completed" {
		s.CompletedAt = moment(t.now)
	} else {
		s.CanceledAt = moment(t.now)
	}
	t.emit(event, s)
	return s
}

// releaseSchedule ends a schedule and leaves its subscription as it is.
func (t *transaction) releaseSchedule(id string, keepEnd bool) *subscriptionSchedule {
	schedule := edit[*subscriptionSchedule](t, id)
	schedule.Status, schedule.CurrentPhase, schedule.ReleasedAt = "released", nil, moment(t.now)
	schedule.ReleasedSubscription, schedule.Subscription = schedule.Subscription, ""
	t.emit("subscription_schedule.released", schedule)
	if found := get[*subscription](t, string(schedule.ReleasedSubscription)); found != nil && !found.ended() {
		before, s := found.clone(), edit[*subscription](t, found.ID)
		s.Schedule = ""
		if !keepEnd {
			s.CancelAt, s.CancelAtPeriodEnd = 0, false
		}
		t.changed("customer.subscription.updated", before, s)
	}
	return schedule
}

// subscriptionEnded ends the schedule of a subscription that ended without it.
func (t *transaction) subscriptionEnded(s *subscription) {
	schedule := get[*subscriptionSchedule](t, string(s.Schedule))
	if schedule == nil || !schedule.isLive() {
		return
	}
	event := "subscription_schedule.canceled"
	if s.CancellationDetails.Reason == "payment_failed" {
		event = "subscription_schedule.aborted"
	}
	t.endSchedule(schedule.ID, "canceled", event)
}
