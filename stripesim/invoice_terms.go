package stripesim

// This file is what of an invoice may be changed, and until when.

// maxDaysUntilDue bounds how long a payer may take.
const maxDaysUntilDue = 365 * 5

// draftOnly are the parameters that only a draft takes.
var draftOnly = []string{
	"automatically_finalizes_at", "collection_method", "days_until_due", "description", "discounts", "due_date", "effective_at", "footer",
}

func updateInvoice(t *transaction, c call) (any, *apiError) {
	before, fault := one[*invoice](t, c)
	if fault != nil {
		return nil, fault
	}
	if before.Status != "draft" {
		for _, name := range draftOnly {
			if c.has(name) {
				return nil, invalid(name, "invoice_not_editable", "This invoice is not editable because it has been finalized.")
			}
		}
	}
	changed := edit[*invoice](t, c.id())
	if fault := changed.set(t, c); fault != nil {
		return nil, fault
	}
	t.changed("invoice.updated", before, changed)
	return changed, nil
}

// set takes over what a request may say at creation and later.
func (i *invoice) set(t *transaction, c call) *apiError {
	c.setText("description", &i.Description)
	c.setText("footer", &i.Footer)
	c.setText("default_payment_method", &i.DefaultPaymentMethod)
	if id := c.text("default_payment_method"); id != "" {
		if fault := t.ownedPaymentMethod(id, i.Customer, "default_payment_method"); fault != nil {
			return fault
		}
	}
	if c.has("effective_at") {
		i.EffectiveAt = moment(c.integer("effective_at", 0))
	}
	if fault := i.setDueDate(c); fault != nil {
		return fault
	}
	if fault := i.setDiscounts(t, c.form); fault != nil {
		return fault
	}
	if fault := i.setAdvance(t, c); fault != nil {
		return fault
	}
	merged, fault := i.Metadata.merge(c.form)
	i.Metadata = merged
	return fault
}

// setDueDate says by when an invoice that is sent is to be paid. One that is
// charged has no such date.
func (i *invoice) setDueDate(c call) *apiError {
	i.CollectionMethod = c.word("collection_method", i.CollectionMethod)
	if i.CollectionMethod == "charge_automatically" {
		for _, name := range []string{"days_until_due", "due_date"} {
			if c.has(name) {
				return invalid(name, "", "You can only specify "+name+" if the invoice's collection_method is send_invoice.")
			}
		}
		i.DueDate = 0
		return nil
	}
	switch {
	case c.has("days_until_due") && c.has("due_date"):
		return invalid("due_date", "parameters_exclusive", "You may only specify one of these parameters: days_until_due, due_date.")
	case c.has("days_until_due"):
		i.DueDate = moment(i.Created + c.integer("days_until_due", 0)*day)
	case c.has("due_date"):
		if i.DueDate = moment(c.integer("due_date", 0)); int64(i.DueDate) < i.Created {
			return invalid("due_date", "", "Invalid timestamp: the due date must be in the future.")
		}
	case i.DueDate == 0:
		return invalid("days_until_due", "parameter_missing", "If collection_method is send_invoice, you must specify days_until_due or due_date.")
	}
	return nil
}

// setAdvance says whether a draft is finalized, and an open invoice paid,
// without a call.
func (i *invoice) setAdvance(t *transaction, c call) *apiError {
	if i.Status != "draft" && i.Status != "open" {
		if c.boolean("auto_advance", false) {
			return invalid("auto_advance", "invoice_not_editable", "This invoice cannot advance: it is "+i.Status+".")
		}
		return nil
	}
	c.setBoolean("auto_advance", &i.AutoAdvance)
	at := c.integer("automatically_finalizes_at", int64(i.AutomaticallyFinalizesAt))
	switch {
	case i.Status == "open":
		return nil
	case c.has("automatically_finalizes_at") && !i.AutoAdvance:
		return invalid("automatically_finalizes_at", "", "You can only specify automatically_finalizes_at if auto_advance is true.")
	case c.has("automatically_finalizes_at") && at <= t.now:
		return invalid("automatically_finalizes_at", "", "Invalid timestamp: must be in the future.")
	case !i.AutoAdvance:
		at = 0
	case at == 0:
		at = t.now + draftTime
	}
	i.AutomaticallyFinalizesAt = moment(at)
	return nil
}
