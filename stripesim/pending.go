package stripesim

import "slices"

// This file is how invoice items become lines of invoices.

// pendingOf lists what waits for an invoice of a subscription, or of a customer
// whatever it is for, in a currency, oldest first.
func (t *transaction) pendingOf(owner, currency string) []*invoiceItem {
	items := slices.DeleteFunc(related[*invoiceItem](t, "pending", owner), func(item *invoiceItem) bool { return item.Currency != currency })
	return items[:min(len(items), maxInvoiceItems)]
}

// takePending turns what waits for a subscription's next invoice into lines,
// which claim puts on that invoice.
func (t *transaction) takePending(s *subscription) (lines []invoiceLine, claim func(*invoice)) {
	items := append(t.pendingOf(s.ID, s.Currency), t.pendingOf(s.Customer, s.Currency)...)
	slices.SortFunc(items, func(a, b *invoiceItem) int { return int(a.serial - b.serial) })
	return t.linesOf(items), func(i *invoice) { t.claim(items, i) }
}

// claim notes on which invoice items are billed.
func (t *transaction) claim(items []*invoiceItem, i *invoice) {
	for _, item := range items {
		edit[*invoiceItem](t, item.ID).Invoice = text(i.ID)
	}
}

func (t *transaction) linesOf(items []*invoiceItem) []invoiceLine {
	lines := make([]invoiceLine, 0, len(items))
	for _, item := range items {
		lines = append(lines, item.line(t, t.newID("il_1", 23)))
	}
	return lines
}

// line bills an invoice item. That of a change of a subscription names the
// subscription's item.
func (i *invoiceItem) line(t *transaction, id string) invoiceLine {
	line := invoiceLine{
		ID: id, Object: "line_item", Amount: i.Amount, Currency: i.Currency, Description: i.Description, Discountable: i.Discountable,
		Metadata: i.Metadata, Period: i.Period, Pricing: i.Pricing, Quantity: i.Quantity, QuantityDecimal: i.QuantityDecimal,
		Subscription: text(i.subscription()), Subtotal: i.Amount,
		DiscountAmounts: i.ProrationDetails.DiscountAmounts, Discounts: t.present(i.Discounts),
	}
	if i.Parent != nil && i.Parent.SubscriptionDetails.SubscriptionItem != "" {
		line.Parent = lineParent{Type: "subscription_item_details", SubscriptionItemDetails: &lineItemDetails{
			InvoiceItem: text(i.ID), Proration: i.Proration, Subscription: i.subscription(),
			SubscriptionItem: i.Parent.SubscriptionDetails.SubscriptionItem,
		}}
		if credited := i.ProrationDetails.CreditedItems; credited != nil {
			line.Parent.SubscriptionItemDetails.ProrationDetails.CreditedItems = credited.InvoiceLineItems
		}
		return line
	}
	line.Parent = lineParent{Type: "invoice_item_details", InvoiceItemDetails: &lineInvoiceItem{
		InvoiceItem: i.ID, Proration: i.Proration, Subscription: text(i.subscription()),
	}}
	return line
}

// item is the invoice item that a line bills. Empty: it bills a period of a
// subscription.
func (l *invoiceLine) item() string {
	switch {
	case l.Parent.InvoiceItemDetails != nil:
		return l.Parent.InvoiceItemDetails.InvoiceItem
	case l.Parent.SubscriptionItemDetails != nil:
		return string(l.Parent.SubscriptionItemDetails.InvoiceItem)
	}
	return ""
}
