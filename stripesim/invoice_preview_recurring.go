package stripesim

// This file is previews of what recurs: what a period costs in the long run,
// without single items, prorations, trials, credits and discounts that end.

// recurringInvoice bills a whole period of a subscription as if nothing but its
// items were there. Nil: the subscription does not go on.
func (t *transaction) recurringInvoice(s *subscription) *invoice {
	if s == nil || s.ended() || s.CancelAt > 0 {
		return nil
	}
	lasting := s.clone().(*subscription)
	lasting.Status, lasting.Discounts = "active", t.lasting(s.Discounts)
	lasting.Items.Data = cloneItems(s)
	for i := range lasting.Items.Data {
		item := &lasting.Items.Data[i]
		span := item.Price.Recurring.around(s.cycle(), item.CurrentPeriodEnd)
		item.CurrentPeriodStart, item.CurrentPeriodEnd = span.Start, span.End
		item.Discounts = t.lasting(item.Discounts)
	}
	edit[*customer](t, s.Customer).Balance = 0
	at := lasting.period()
	made := t.draft(s.Customer, s.Currency, billing{lines: t.periodLines(lasting, lasting.Items.Data), from: at.Start, to: at.Start})
	made.CollectionMethod = s.CollectionMethod
	made.belongTo(t, lasting)
	t.create(made)
	return made
}

// lasting are those of some discounts that never end.
func (t *transaction) lasting(ids []string) (found []string) {
	for _, id := range t.present(ids) {
		if get[*discount](t, id).private.Duration == "forever" {
			found = append(found, id)
		}
	}
	return found
}
