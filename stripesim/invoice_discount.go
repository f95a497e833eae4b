package stripesim

import "slices"

// This file is the discounts that invoices and their lines have of their own,
// beside those of subscriptions. They last as long as the invoice does.

// setDiscounts makes the discounts of a draft what a request says. One for a
// subscription has the subscription's, unless the request says otherwise.
func (i *invoice) setDiscounts(t *transaction, given form) *apiError {
	if !given.has("discounts") {
		return nil
	}
	owner := discounted{customer: i.Customer, currency: i.Currency, cost: i.Subtotal, invoice: i.ID, above: t.discountsAbove(i.private.Subscription, "")}
	wanted, fault := t.setDiscounts(given, i.Discounts, owner, "discounts")
	if fault != nil {
		return fault
	}
	i.Discounts = wanted
	t.addUp(i)
	t.correctDebits(i)
	return nil
}

// discountsAbove are those of a subscription, all of them or of one of its items
// too, which what is billed for it may have.
func (t *transaction) discountsAbove(subscriptionID, itemID string) []string {
	s := get[*subscription](t, subscriptionID)
	if s == nil {
		return nil
	}
	above := t.present(s.Discounts)
	for _, item := range s.Items.Data {
		if item.ID == itemID {
			above = append(above, t.present(item.Discounts)...)
		}
	}
	return above
}

// setDiscounts makes the discounts of an invoice item what a request says.
func (i *invoiceItem) setDiscounts(t *transaction, given form) (fault *apiError) {
	above := t.discountsAbove(i.subscription(), "")
	if on := get[*invoice](t, string(i.Invoice)); on != nil {
		above = append(above, on.Discounts...)
	}
	owner := discounted{customer: i.Customer, currency: i.Currency, cost: i.Amount, invoiceItem: i.ID, above: above}
	i.Discounts, fault = t.setDiscounts(given, i.Discounts, owner, "discounts")
	return fault
}

// setDiscounts makes the discounts of a line that bills a period of a
// subscription what a request says.
func (l *invoiceLine) setDiscounts(t *transaction, i *invoice, given form) (fault *apiError) {
	above := t.discountsAbove(i.private.Subscription, l.Parent.SubscriptionItemDetails.SubscriptionItem)
	owner := discounted{customer: i.Customer, currency: i.Currency, cost: l.Amount, invoiceItem: l.ID, above: append(above, i.Discounts...)}
	l.Discounts, fault = t.setDiscounts(given, l.Discounts, owner, "discounts")
	return fault
}

// correctDebits makes what credits are taken from agree with what a draft now
// takes off the periods that it bills.
func (t *transaction) correctDebits(i *invoice) {
	found := get[*subscription](t, i.private.Subscription)
	if found == nil || !slices.ContainsFunc(found.private.Debits, func(d debit) bool { return d.Invoice == i.ID }) {
		return
	}
	s := edit[*subscription](t, found.ID)
	debits := slices.Clone(s.private.Debits)
	for at, d := range debits {
		for _, line := range i.Lines.Data {
			if d.Invoice == i.ID && d.Line == line.ID {
				debits[at].Off = line.DiscountAmounts
			}
		}
	}
	s.private.Debits = debits
}
