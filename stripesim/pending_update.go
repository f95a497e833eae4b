package stripesim

// pendingUpdate is a change of a subscription that waits for its payment.
type pendingUpdate struct {
	BillingCycleAnchor moment             `json:"billing_cycle_anchor"`
	Discounts          emptyList          `json:"discounts"`
	ExpiresAt          int64              `json:"expires_at"`
	SubscriptionItems  []subscriptionItem `json:"subscription_items"` // null: they stay
	TrialEnd           moment             `json:"trial_end"`
	TrialFromPlan      null               `json:"trial_from_plan"`
}

// postponed is what becomes of a subscription when its pending update is paid.
type postponed struct {
	Invoice      string             `json:"invoice"`
	Items        []subscriptionItem `json:"items"`
	Anchor       int64              `json:"anchor"`
	AnchorConfig *anchorConfig      `json:"anchor_config,omitempty"`
	Status       string             `json:"status"`
	TrialStart   moment             `json:"trial_start,omitempty"`
	TrialEnd     moment             `json:"trial_end,omitempty"`
	Debits       []debit            `json:"debits,omitempty"`
}

// mayPend are the parameters that may go with a pending update.
var mayPend = map[string]bool{
	"add_invoice_items": true, "billing_cycle_anchor": true, "expand": true, "items": true, "off_session": true, "payment_behavior": true,
	"proration_behavior": true, "proration_date": true, "trial_end": true,
}

// itemMayPend are those that an item of it may have.
var itemMayPend = map[string]bool{"id": true, "price": true, "price_data": true, "quantity": true}

// checkPending refuses what may not go with a pending update.
func (c call) checkPending() *apiError {
	if c.text("payment_behavior") != "pending_if_incomplete" {
		return nil
	}
	refuse := func(param string) *apiError {
		return invalid(param, "", "You cannot set "+param+" when payment_behavior is pending_if_incomplete.")
	}
	for _, name := range sortedNames(c.form) {
		if !mayPend[name] {
			return refuse(name)
		}
	}
	for _, item := range c.forms("items") {
		for _, name := range sortedNames(item) {
			if !itemMayPend[name] {
				return refuse("items[" + name + "]")
			}
		}
	}
	return nil
}

// postpone takes back a change whose invoice is not paid, until it is.
func (t *transaction) postpone(s, old *subscription, i *invoice) {
	wait := &pendingUpdate{ExpiresAt: min(t.now+incompleteTime, old.period().End)}
	if !sameItems(s.Items.Data, old.Items.Data) {
		wait.SubscriptionItems = s.Items.Data
	}
	if s.BillingCycleAnchor != old.BillingCycleAnchor {
		wait.BillingCycleAnchor = moment(s.BillingCycleAnchor)
	}
	if s.TrialEnd != old.TrialEnd {
		wait.TrialEnd = s.TrialEnd
	}
	s.private.Postponed = &postponed{
		Invoice: i.ID, Items: s.Items.Data, Anchor: s.BillingCycleAnchor, AnchorConfig: s.BillingCycleAnchorConfig, Status: s.Status,
		TrialStart: s.TrialStart, TrialEnd: s.TrialEnd, Debits: s.private.Debits,
	}
	s.PendingUpdate, s.Items = wait, old.Items
	s.BillingCycleAnchor, s.BillingCycleAnchorConfig, s.Status = old.BillingCycleAnchor, old.BillingCycleAnchorConfig, old.Status
	s.TrialStart, s.TrialEnd, s.private.Debits, s.private.Warned = old.TrialStart, old.TrialEnd, old.private.Debits, old.private.Warned
}

func sameItems(a, b []subscriptionItem) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i].ID != b[i].ID || a[i].Price.ID != b[i].Price.ID || a[i].Quantity != b[i].Quantity {
			return false
		}
	}
	return true
}

// waitsFor says whether the subscription has a pending update that an invoice
// is to pay.
func (s *subscription) waitsFor(i *invoice) bool {
	return s.private.Postponed != nil && s.private.Postponed.Invoice == i.ID
}

// applyPendingUpdate makes a pending update true.
func (s *subscription) applyPendingUpdate() {
	to := s.private.Postponed
	s.Items.Data, s.BillingCycleAnchor, s.BillingCycleAnchorConfig, s.Status = to.Items, to.Anchor, to.AnchorConfig, to.Status
	s.TrialStart, s.TrialEnd, s.private.Debits = to.TrialStart, to.TrialEnd, to.Debits
	s.PendingUpdate, s.private.Postponed = nil, nil
}

// dropPendingUpdate forgets a pending update, and voids its invoice.
func (t *transaction) dropPendingUpdate(s *subscription) {
	if s.private.Postponed == nil {
		return
	}
	invoiceID := s.private.Postponed.Invoice
	s.PendingUpdate, s.private.Postponed = nil, nil
	if i := get[*invoice](t, invoiceID); i.Status == "open" {
		t.void(i.ID)
	}
}

// expirePendingUpdate ends a pending update that nobody paid in time.
func (t *transaction) expirePendingUpdate(s *subscription, before object) {
	after := s.clone().(*subscription)
	after.PendingUpdate, after.private.Postponed = nil, nil
	t.emit("customer.subscription.pending_update_expired", after)
	t.changed("customer.subscription.updated", before, after)
	t.dropPendingUpdate(s)
}

// pendingUpdateGone forgets a pending update whose invoice will not be paid any
// more.
func (t *transaction) pendingUpdateGone(i *invoice) {
	found := get[*subscription](t, i.private.Subscription)
	if found == nil || !found.waitsFor(i) {
		return
	}
	before, s := found.clone(), edit[*subscription](t, found.ID)
	s.PendingUpdate, s.private.Postponed = nil, nil
	if t.held != s.ID {
		t.changed("customer.subscription.updated", before, s)
	}
}
