package stripesim

import (
	"fmt"
	"net/url"
	"slices"
)

// This file is what each act in the portal changes.

// cancel ends the subscription, at once or with its last period. In the
// flexible billing mode that end is a time.
func (v *portalVisit) cancel(act PortalAct) *apiError {
	by := v.features.SubscriptionCancel
	asked := url.Values{}
	switch {
	case !by.Enabled:
		return disabledFlow("subscription", "canceled", "subscription cancel")
	case v.target.CancelAt > 0:
		return refused("", "The subscription "+v.target.ID+" is already set to be canceled.")
	case (act.Feedback != "" || act.Comment != "") && !by.CancellationReason.Enabled:
		return refused("", "The portal configuration does not ask why a subscription is canceled.")
	case act.Feedback != "" && !slices.Contains(by.CancellationReason.Options, act.Feedback):
		return refused("", "The portal configuration does not offer the reason "+act.Feedback+".")
	}
	for name, said := range map[string]string{"feedback": act.Feedback, "comment": act.Comment} {
		if said != "" {
			asked.Set("cancellation_details["+name+"]", said)
		}
	}
	if by.Mode == "immediately" {
		asked.Set("prorate", fmt.Sprint(by.ProrationBehavior != "none"))
		asked.Set("invoice_now", fmt.Sprint(by.ProrationBehavior == "always_invoice"))
		return v.call("DELETE /v1/subscriptions/{}", asked)
	}
	if v.target.BillingMode.Type == "flexible" {
		asked.Set("cancel_at", "max_period_end")
	} else {
		asked.Set("cancel_at_period_end", "true")
	}
	return v.call("POST /v1/subscriptions/{}", asked)
}

// renew takes a cancellation back.
func (v *portalVisit) renew(PortalAct) *apiError {
	switch {
	case !v.features.SubscriptionCancel.Enabled:
		return disabledFlow("subscription", "renewed", "subscription cancel")
	case v.target.CancelAt == 0:
		return refused("", "The subscription "+v.target.ID+" is not set to be canceled.")
	}
	return v.call("POST /v1/subscriptions/{}", url.Values{
		"cancel_at": {""}, "cancellation_details[comment]": {""}, "cancellation_details[feedback]": {""},
	})
}

// call does to the subscription what an operation of the API does.
func (v *portalVisit) call(operation string, asked url.Values) *apiError {
	c, fault := callOf(operation, asked.Encode())
	if fault != nil {
		return fault
	}
	c.ids = []string{v.target.ID}
	_, fault = operations[operation].do(v.transaction, c)
	return fault
}

// update switches the subscription to another price or quantity. A payment that
// is due for it and declined leaves it as it was.
func (v *portalVisit) update(act PortalAct) *apiError {
	by := v.features.SubscriptionUpdate
	switch {
	case !by.Enabled:
		return disabledFlow("subscription", "updated", "subscription update")
	case v.target.Schedule != "":
		return refused("", "The subscription is managed by the subscription schedule `"+string(v.target.Schedule)+"`, and cannot be updated in the portal.")
	case len(v.target.Items.Data) != 1:
		return refused("", "A subscription of several prices cannot be updated in the portal.")
	}
	if flow := v.session.Flow; flow != nil && flow.SubscriptionUpdateConfirm != nil {
		if act.Price != "" || act.Quantity != 0 {
			return refused("", "The session's update is fixed: it is confirmed as it is.")
		}
		act.confirm(flow.SubscriptionUpdateConfirm)
	}
	item := v.target.Items.Data[0]
	chosen, quantity, fault := v.choose(item, act)
	if fault != nil {
		return fault
	}
	if by.ScheduleAtPeriodEnd.holds(item, chosen, quantity) {
		return v.schedule(item, chosen, quantity)
	}
	asked := url.Values{
		"items[0][id]": {item.ID}, "items[0][price]": {chosen.ID}, "items[0][quantity]": {fmt.Sprint(quantity)},
		"proration_behavior": {by.ProrationBehavior}, "payment_behavior": {"error_if_incomplete"},
	}
	if by.BillingCycleAnchor != "" {
		asked.Set("billing_cycle_anchor", string(by.BillingCycleAnchor))
	}
	if v.target.Status == "trialing" && by.TrialUpdateBehavior == "end_trial" {
		asked.Set("trial_end", "now")
	}
	return v.call("POST /v1/subscriptions/{}", asked)
}

// confirm takes over the update that the customer is asked to confirm.
func (a *PortalAct) confirm(by *portalConfirm) {
	for _, item := range by.Items {
		a.Price = string(item.Price)
		if item.Quantity != nil {
			a.Quantity = *item.Quantity
		}
	}
}

// choose checks a price and a quantity against what the portal offers.
func (v *portalVisit) choose(item subscriptionItem, act PortalAct) (*price, int64, *apiError) {
	by := v.features.SubscriptionUpdate
	chosen, quantity := item.Price, item.Quantity
	if act.Price != "" && act.Price != chosen.ID {
		if !slices.Contains(by.DefaultAllowedUpdates, "price") || !by.offers(act.Price) {
			return nil, 0, refused("", "The portal configuration does not offer the price "+act.Price+".")
		}
		chosen = get[*price](v.transaction, act.Price)
	}
	if act.Quantity != 0 && act.Quantity != quantity {
		if quantity = act.Quantity; !slices.Contains(by.DefaultAllowedUpdates, "quantity") || !by.adjusts(chosen.Product, quantity) {
			return nil, 0, refused("", fmt.Sprintf("The portal configuration does not offer the quantity %d.", quantity))
		}
	}
	if chosen.ID == item.Price.ID && quantity == item.Quantity {
		return nil, 0, refused("", "There is nothing to update.")
	}
	return chosen, quantity, nil
}

// schedule lets the update wait for the end of the period.
func (v *portalVisit) schedule(item subscriptionItem, chosen *price, quantity int64) *apiError {
	const create, update = "POST /v1/subscription_schedules", "POST /v1/subscription_schedules/{}"
	c, fault := callOf(create, url.Values{"from_subscription": {v.target.ID}}.Encode())
	if fault != nil {
		return fault
	}
	made, fault := createSubscriptionSchedule(v.transaction, c)
	if fault != nil {
		return fault
	}
	plan, phase := made.(*subscriptionSchedule), made.(*subscriptionSchedule).Phases[0]
	asked := url.Values{
		"end_behavior": {"release"}, "proration_behavior": {"none"},
		"phases[0][start_date]": {fmt.Sprint(phase.StartDate)}, "phases[0][end_date]": {fmt.Sprint(phase.EndDate)},
		"phases[0][items][0][price]": {item.Price.ID}, "phases[0][items][0][quantity]": {fmt.Sprint(item.Quantity)},
		"phases[1][items][0][price]": {chosen.ID}, "phases[1][items][0][quantity]": {fmt.Sprint(quantity)},
		"phases[1][proration_behavior]": {"none"},
	}
	asked.Set("phases[1][duration][interval]", chosen.Recurring.Interval)
	asked.Set("phases[1][duration][interval_count]", fmt.Sprint(chosen.Recurring.IntervalCount))
	if v.target.Status == "trialing" {
		asked.Set("phases[0][trial_end]", fmt.Sprint(int64(v.target.TrialEnd)))
	}
	if c, fault = callOf(update, asked.Encode()); fault != nil {
		return fault
	}
	c.ids = []string{plan.ID}
	_, fault = updateSubscriptionSchedule(v.transaction, c)
	return fault
}

// adjusts says whether customers may choose a quantity of a product.
func (p *portalUpdate) adjusts(product string, quantity int64) bool {
	for _, one := range p.Products {
		by := one.AdjustableQuantity
		if one.Product == product && by.Enabled && quantity >= by.Minimum && (by.Maximum == nil || quantity <= *by.Maximum) {
			return true
		}
	}
	return false
}

// holds says whether an update has to wait for the end of the period.
func (p portalSchedule) holds(item subscriptionItem, chosen *price, quantity int64) bool {
	for _, one := range p.Conditions {
		before, after := item.Price.Recurring, chosen.Recurring
		switch one.Type {
		case "decreasing_item_amount":
			if chosen.amount(quantity) < item.Price.amount(item.Quantity) {
				return true
			}
		case "shortening_interval":
			if after.next(0, 0) < before.next(0, 0) {
				return true
			}
		}
	}
	return false
}

// updatePaymentMethod sets a card up and makes it the default.
func (v *portalVisit) updatePaymentMethod(act PortalAct) *apiError {
	switch {
	case !v.features.PaymentMethodUpdate.Enabled:
		return disabledFlow("payment method", "updated", "payment method update")
	case act.PaymentMethod == "":
		return missingParam("payment_method")
	}
	method, fault := v.enterMethod(act.PaymentMethod, v.customer.ID, billingDetails{Email: v.customer.Email, Name: v.customer.Name})
	if fault != nil {
		return fault
	}
	intent := v.newSetupIntent(v.customer.ID)
	intent.private.Portal = v.session.ID
	if v.target != nil {
		intent.private.Subscription = v.target.ID
	}
	v.emit("setup_intent.created", intent)
	if _, fault = v.confirmSetup(intent, call{form: form{"payment_method": method.ID}}); intent.Status == "requires_action" {
		v.waitsFor = intent.ID
	}
	return fault
}

// portalSetUp makes the card of a setup intent the default that the customer
// chose in the portal.
func (t *transaction) portalSetUp(intent *setupIntent) *apiError {
	if intent.private.Portal == "" {
		return nil
	}
	method := string(intent.PaymentMethod)
	if id := intent.private.Subscription; id != "" {
		_, fault := updateSubscription(t, call{form: form{"default_payment_method": method}, ids: []string{id}})
		return fault
	}
	_, fault := updateCustomer(t, call{form: form{"invoice_settings": form{"default_payment_method": method}}, ids: []string{string(intent.Customer)}})
	return fault
}

// updateCustomer changes what the portal lets customers say of themselves.
func (v *portalVisit) updateCustomer(act PortalAct) *apiError {
	by := v.features.CustomerUpdate
	if !by.Enabled {
		return disabledFlow("customer", "updated", "customer update")
	}
	asked := form{}
	for name, said := range map[string]string{"email": act.Email, "name": act.Name, "phone": act.Phone} {
		if said == "" {
			continue
		}
		if !slices.Contains(by.AllowedUpdates, name) {
			return refused("", "The portal configuration does not let customers change their "+name+".")
		}
		asked[name] = said
	}
	_, fault := updateCustomer(v.transaction, call{form: asked, ids: []string{v.customer.ID}})
	return fault
}
