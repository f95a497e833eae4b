package stripesim

import "maps"

// This file is previews of what schedules bill next: of one that there is, as it
// is or changed, or of one to begin.

// previewSchedule is the next invoice of a schedule.
func (t *transaction) previewSchedule(c call) (*invoice, *customer, *apiError) {
	for _, name := range []string{"subscription", "subscription_details"} {
		if c.has(name) {
			return nil, nil, invalid(name, "", "You cannot set `"+name+"` together with `schedule` or `schedule_details`.")
		}
	}
	cus, s, fault := t.plannedFor(c)
	if fault != nil {
		return nil, nil, fault
	}
	if fault := t.addPreviewItems(s, cus, c); fault != nil {
		return nil, nil, fault
	}
	mark := len(t.order)
	schedule, fault := t.tryPlan(cus, c)
	if fault != nil {
		return nil, nil, fault
	}
	if c.text("preview_mode") == "recurring" {
		begun := t.begunBy(schedule)
		if begun != nil {
			fault = edit[*subscription](t, begun.ID).setDiscounts(t, c)
		}
		return t.recurringInvoice(begun), cus, fault
	}
	made := t.nextInvoice(string(schedule.Subscription), schedule.ID, mark)
	switch {
	case made == nil || !c.has("discounts"):
	case made.Status != "draft":
		fault = unsupported("discounts", "discounts of a preview of what a phase bills at once")
	default:
		fault = made.setDiscounts(t, c.form) // whatever its phase has
	}
	return made, cus, fault
}

// begunBy is the subscription of a schedule, as it is once it has begun.
func (t *transaction) begunBy(schedule *subscriptionSchedule) *subscription {
	if schedule.Status == "not_started" {
		t.now = schedule.due()
		t.workSchedule(schedule.ID)
	}
	return get[*subscription](t, string(get[*subscriptionSchedule](t, schedule.ID).Subscription))
}

// plannedFor are the customer of a schedule, and its subscription once it has
// begun.
func (t *transaction) plannedFor(c call) (*customer, *subscription, *apiError) {
	id := c.text("customer")
	if !c.has("schedule") {
		if id == "" {
			return nil, nil, missingParam("customer")
		}
		cus, fault := t.livingCustomer(id, "customer")
		return cus, nil, fault
	}
	found, fault := named[*subscriptionSchedule](t, c.text("schedule"), "schedule")
	switch {
	case fault != nil:
		return nil, nil, fault
	case id != "" && id != found.Customer:
		return nil, nil, invalid("schedule", "", "The schedule "+found.ID+" does not belong to the customer "+id+".")
	}
	cus, fault := t.livingCustomer(found.Customer, "customer")
	return cus, get[*subscription](t, string(found.Subscription)), fault
}

// tryPlan does to a schedule what the preview is to show: it is changed, or
// made.
func (t *transaction) tryPlan(cus *customer, c call) (*subscriptionSchedule, *apiError) {
	details := c.form.form("schedule_details")
	var result any
	var fault *apiError
	switch {
	case !c.has("schedule"):
		asked := maps.Clone(details)
		delete(asked, "proration_behavior") // it is about a change
		asked["customer"], asked["start_date"] = cus.ID, "now"
		if phases := details.forms("phases"); len(phases) > 0 && phases[0].has("start_date") {
			asked["start_date"] = phases[0].value("start_date")
		}
		result, fault = createSubscriptionSchedule(t, call{form: asked})
	case len(details) == 0:
		return get[*subscriptionSchedule](t, c.text("schedule")), nil
	case details.has("billing_mode"):
		fault = invalid("billing_mode", "", "The billing mode of a schedule cannot be changed.")
	default:
		result, fault = updateSubscriptionSchedule(t, call{form: details, ids: []string{c.text("schedule")}})
	}
	if fault != nil {
		return nil, fault.under("schedule_details")
	}
	return result.(*subscriptionSchedule), nil
}
