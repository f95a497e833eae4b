package stripesim

// This file is how invoices begin: as drafts, for a subscription or by hand.

// maxInvoiceItems is how many invoice items one invoice may have.
const maxInvoiceItems = 250

// billing is what an invoice is made of.
type billing struct {
	reason string
	lines  []invoiceLine
	// from and to are the period that the invoice looks back on.
	from, to int64
}

// draft is an invoice of a customer that is not stored yet.
func (t *transaction) draft(customerID, currency string, b billing) *invoice {
	cus := get[*customer](t, customerID)
	made := &invoice{
		header: header{ID: t.newID("in_1", 23), Object: invoiceKind}, AccountCountry: "US", AccountName: "Simulator",
		BillingReason: b.reason, CollectionMethod: "charge_automatically", Created: t.now, Currency: currency, Customer: cus.ID,
		CustomerAddress: cus.Address, CustomerEmail: cus.Email, CustomerName: cus.Name, CustomerPhone: cus.Phone,
		CustomerShipping: cus.Shipping, CustomerTaxExempt: cus.TaxExempt, Footer: cus.InvoiceSettings.Footer,
		PeriodEnd: b.to, PeriodStart: b.from, StartingBalance: cus.Balance, Status: "draft",
	}
	made.setLines(t, b.lines)
	return made
}

// setLines makes lines those of a draft, and adds them up.
func (i *invoice) setLines(t *transaction, lines []invoiceLine) {
	for at := range lines {
		lines[at].Invoice = i.ID
	}
	i.Lines = invoiceLines{"list", lines, false, "/v1/invoices/" + i.ID + "/lines"}
	t.addUp(i)
}

// newInvoice makes the draft of an invoice for a subscription.
func (t *transaction) newInvoice(s *subscription, b billing) *invoice {
	made := t.draft(s.Customer, s.Currency, b)
	made.AutoAdvance, made.CollectionMethod = true, s.CollectionMethod
	if s.DaysUntilDue != nil {
		made.DueDate = moment(t.now + *s.DaysUntilDue*day)
	}
	made.belongTo(t, s)
	s.noteDebits(made)
	t.create(made)
	t.emit("invoice.created", made)
	t.useUp(s, made)
	return made
}

// belongTo makes an invoice one of a subscription, with its discounts.
func (i *invoice) belongTo(t *transaction, s *subscription) {
	i.Parent = &invoiceParent{Type: "subscription_details", SubscriptionDetails: &invoiceParentPlan{s.Metadata, s.ID}}
	i.private.Subscription, i.Discounts = s.ID, t.present(s.Discounts)
	t.addUp(i)
}

// invoiceTerms are the parameters that creation and update share.
func invoiceTerms() shape {
	return shape{
		"auto_advance": aBoolean(), "automatically_finalizes_at": aTime(), "collection_method": aWord("charge_automatically", "send_invoice"),
		"days_until_due": anInteger(0, maxDaysUntilDue), "default_payment_method": aText().orEmpty(), "description": aText().orEmpty(),
		"discounts": discountFields(),
		"due_date":  aTime(), "effective_at": aTime().orEmpty(), "footer": aText().orEmpty(), "metadata": aMetadata(),
	}
}

func createInvoice(t *transaction, c call) (any, *apiError) {
	s, cus, fault := t.invoiced(c)
	if fault == nil && s != nil && s.ended() {
		fault = refused("", "You cannot create an invoice for a subscription that has ended.")
	}
	if fault != nil {
		return nil, fault
	}
	currency, fault := t.invoiceCurrency(s, cus, c.text("currency"))
	if fault != nil {
		return nil, fault
	}
	include := c.word("pending_invoice_items_behavior", "exclude") == "include"
	bill := billing{reason: "manual", from: t.now, to: t.now}
	var items []*invoiceItem
	switch {
	case s != nil:
		bill.reason, bill.from = "subscription_update", s.period().Start
		if include = !c.has("pending_invoice_items_behavior") || include; include {
			items = t.pendingOf(s.ID, currency)
		}
		if len(items) == 0 {
			return nil, refused("invoice_no_subscription_line_items", "Nothing to invoice for subscription")
		}
	case include:
		items = t.pendingOf(cus.ID, currency)
	}
	bill.lines = t.linesOf(items)
	made := t.draft(cus.ID, currency, bill)
	if s != nil {
		made.belongTo(t, s)
	}
	if fault := made.set(t, c); fault != nil {
		return nil, fault
	}
	t.create(made)
	t.claim(items, made)
	t.emit("invoice.created", made)
	if s != nil {
		before, changed := s.clone(), edit[*subscription](t, s.ID)
		t.useUp(changed, made)
		t.changed("customer.subscription.updated", before, changed)
	}
	return made, nil
}

// invoiced are the subscription, if there is one, and the customer of a new
// invoice.
func (t *transaction) invoiced(c call) (*subscription, *customer, *apiError) {
	id, param := c.text("customer"), "customer"
	var s *subscription
	if c.has("subscription") {
		var fault *apiError
		if s, fault = named[*subscription](t, c.text("subscription"), "subscription"); fault != nil {
			return nil, nil, fault
		}
		if id != "" && id != s.Customer {
			return nil, nil, invalid("subscription", "", "The subscription "+s.ID+" does not belong to the customer "+id+".")
		}
		id = s.Customer
	}
	if id == "" {
		return nil, nil, missingParam(param)
	}
	cus, fault := t.livingCustomer(id, param)
	return s, cus, fault
}

// invoiceCurrency is that of the subscription, or the one that is asked for, or
// the customer's.
func (t *transaction) invoiceCurrency(s *subscription, cus *customer, asked string) (string, *apiError) {
	expected := ""
	switch {
	case s != nil:
		expected = s.Currency
	case t.isBilled(cus):
		expected = string(cus.Currency)
	}
	if asked == "" {
		for _, currency := range []string{expected, string(cus.Currency), accountCurrency} {
			if currency != "" {
				return currency, nil
			}
		}
	}
	currency, fault := readCurrency(asked)
	if fault == nil && expected != "" && expected != currency {
		fault = invalid("currency", "", "You cannot combine currencies on a single customer. This customer has an active subscription with currency "+expected+".")
	}
	return currency, fault
}

// deleteInvoice forgets a draft that was made by hand; what it was to bill
// waits for another invoice.
func deleteInvoice(t *transaction, c call) (any, *apiError) {
	gone, fault := one[*invoice](t, c)
	switch {
	case fault != nil:
		return nil, fault
	case gone.Status != "draft":
		return nil, refused("invoice_not_editable", "You can only delete draft invoices. This invoice isn't a draft.")
	case gone.private.Subscription != "":
		return nil, refused("", "You cannot delete an invoice that belongs to a subscription. You can void it once it is finalized.")
	}
	for _, item := range related[*invoiceItem](t, "invoice", gone.ID) {
		edit[*invoiceItem](t, item.ID).Invoice = ""
	}
	t.emit("invoice.deleted", gone)
	t.remove(gone)
	return deletedObject{gone.ID, invoiceKind, true}, nil
}
