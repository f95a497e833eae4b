package stripesim

// This file is what becomes of invoices that are sent and not charged.

// isSent says whether the payer is sent the invoice, and pays when they like.
func (i *invoice) isSent() bool { return i.CollectionMethod == "send_invoice" }

// reminder is when the clock has news of an open invoice that was sent: that it
// will be due, then that it is overdue. Zero: none.
func (i *invoice) reminder() int64 {
	if !i.isSent() || i.private.Overdue {
		return 0
	}
	if i.private.RemindAt > 0 {
		return i.private.RemindAt
	}
	return int64(i.DueDate)
}

// planReminder notes when an invoice that is opened will be announced to be
// due, if that is not past.
func (t *transaction) planReminder(i *invoice) {
	warning := int64(t.sim.config.DueWarning.Seconds())
	if at := int64(i.DueDate) - warning; i.isSent() && warning >= 0 && at > t.now {
		i.private.RemindAt = at
	}
}

// remind is the clock's work on an open invoice that was sent. Overdue, it
// makes its subscription past due.
func (t *transaction) remind(i *invoice) {
	if i.private.RemindAt > 0 {
		i.private.RemindAt = 0
		t.emit("invoice.will_be_due", i)
		return
	}
	i.private.Overdue = true
	t.emit("invoice.overdue", i)
	t.subscriptionUnpaid(i, false)
	t.setDelinquent(i.Customer, true)
}

// sendInvoice tells the payer of an invoice; a draft is finalized first.
func sendInvoice(t *transaction, c call) (any, *apiError) {
	found, fault := one[*invoice](t, c)
	switch {
	case fault != nil:
		return nil, fault
	case !found.isSent():
		return nil, refused("", "You can only manually send an invoice if its collection method is 'send_invoice'.")
	case found.CustomerEmail == "":
		return nil, refused("", "The customer must have an email address to be sent an invoice.")
	case found.Status == "void" || found.Status == "uncollectible":
		return nil, refused("", "You cannot send an invoice that is "+found.Status+".")
	}
	i := edit[*invoice](t, c.id())
	if i.Status == "draft" {
		t.finalize(i.ID)
	}
	t.emit("invoice.sent", i)
	return i, nil
}
