package stripesim

import (
	"math/big"
	"slices"
)

// debit is what an item was billed for some time, or will be with the next
// invoice. In flexible billing mode it is what credits are taken from.
type debit struct {
	Item   string `json:"item"`
	Amount int64  `json:"amount"`
	// Off is what discounts took off the amount.
	Off  []discountAmount `json:"off,omitempty"`
	From int64            `json:"from"`
	To   int64            `json:"to"`
	// Until is the end of what was not credited yet.
	Until int64 `json:"until"`
	// Invoice and Line say where it was billed; an InvoiceItem says where it is
	// noted to be.
	Invoice     string `json:"invoice,omitempty"`
	Line        string `json:"line,omitempty"`
	InvoiceItem string `json:"invoice_item,omitempty"`
}

// rest is the amount for the time from at on that was not credited yet.
func (d debit) rest(at int64, currency string) int64 {
	if d.Until <= at || d.To <= d.From {
		return 0
	}
	return roundMoney(new(big.Rat).Mul(d.left(at), new(big.Rat).SetInt64(d.Amount)), currency)
}

// left is the part of the debit that was not credited yet, from a time on.
func (d debit) left(at int64) *big.Rat { return big.NewRat(d.Until-max(at, d.From), d.To-d.From) }

// noteDebits remembers what an invoice bills for the periods of items.
func (s *subscription) noteDebits(i *invoice) {
	for _, line := range i.Lines.Data {
		of := line.Parent.SubscriptionItemDetails
		if of == nil || of.SubscriptionItem == "" || of.InvoiceItem != "" || line.Amount <= 0 {
			continue
		}
		s.forgetDebits(of.SubscriptionItem, line.Period.Start)
		s.addDebit(debit{
			Item: of.SubscriptionItem, Amount: line.Amount, Off: line.DiscountAmounts, From: line.Period.Start, To: line.Period.End, Until: line.Period.End,
			Invoice: i.ID, Line: line.ID,
		})
	}
}

func (s *subscription) addDebit(d debit) {
	s.private.Debits = append(slices.Clone(s.private.Debits), d)
}

// forgetDebits drops the debits of an item that end by a time.
func (s *subscription) forgetDebits(item string, by int64) {
	s.private.Debits = slices.DeleteFunc(slices.Clone(s.private.Debits), func(d debit) bool { return d.Item == item && d.Until <= by })
}

// debitsOf are those of an item that reach beyond a time.
func (s *subscription) debitsOf(item string, at int64) []debit {
	var found []debit
	for _, d := range s.private.Debits {
		if d.Item == item && d.Until > at {
			found = append(found, d)
		}
	}
	return found
}

// prorate notes credits and charges for what changes in the middle of a period:
// the share of the time from at on, second by second. old is the subscription
// before the change. Each amount is rounded by itself, half away from zero.
func (t *transaction) prorate(s, old *subscription, changes []itemChange, at int64) {
	for _, change := range changes {
		if change.unbilled() {
			continue
		}
		if change.before != nil {
			t.credit(s, old, *change.before, at)
		}
		if change.after != nil {
			t.charge(s, *change.after, at)
		}
	}
}

// credit gives back what an item was billed for the time from at on: in
// flexible billing mode what was really billed, in classic what it costs.
func (t *transaction) credit(s, old *subscription, item subscriptionItem, at int64) {
	debits := s.debitsOf(item.ID, at)
	defer s.uncredited(item.ID, at)
	if s.BillingMode.Type == "classic" {
		made := t.newProration(s, item, -old.partAmount(item, at), period{item.CurrentPeriodEnd, at})
		made.takeOff(s, offShare(t.itemOff(old, item), new(big.Rat).Neg(old.intern(item, at)), s.Currency))
		if len(debits) > 0 {
			made.credits(debits[len(debits)-1])
		}
		t.emit("invoiceitem.created", made)
		return
	}
	for _, d := range debits {
		if amount := d.rest(at, s.Currency); amount != 0 {
			made := t.newProration(s, item, -amount, period{d.Until, max(at, d.From)})
			made.takeOff(s, offShare(d.Off, new(big.Rat).Neg(d.left(at)), s.Currency))
			made.credits(d)
			t.emit("invoiceitem.created", made)
		}
	}
}

// uncredited cuts the debits of an item at a time: what is after it was given
// back.
func (s *subscription) uncredited(item string, at int64) {
	left := slices.Clone(s.private.Debits)
	for i := range left {
		if left[i].Item == item {
			left[i].Until = min(left[i].Until, at)
		}
	}
	s.private.Debits = slices.DeleteFunc(left, func(d debit) bool { return d.Until <= d.From })
}

// charge bills an item for what is left of its period from at on.
func (t *transaction) charge(s *subscription, item subscriptionItem, at int64) {
	made := t.newProration(s, item, s.partAmount(item, at), period{item.CurrentPeriodEnd, at})
	gross, off := made.Amount, offShare(t.itemOff(s, item), s.intern(item, at), s.Currency)
	made.takeOff(s, off)
	if gross > 0 {
		s.addDebit(debit{Item: item.ID, Amount: gross, Off: off, From: at, To: item.CurrentPeriodEnd, Until: item.CurrentPeriodEnd, InvoiceItem: made.ID})
	}
	t.emit("invoiceitem.created", made)
}

// partAmount is what an item costs from a time to the end of its period.
func (s *subscription) partAmount(item subscriptionItem, from int64) int64 {
	return roundMoney(new(big.Rat).Mul(item.Price.exactAmount(item.Quantity), s.intern(item, from)), s.Currency)
}

// share is the part of a whole period that is left of an item's present one
// from a time on.
func (s *subscription) intern(item subscriptionItem, from int64) *big.Rat {
	end := item.CurrentPeriodEnd
	whole := item.Price.Recurring.around(s.cycle(), end-1)
	if from >= end {
		return new(big.Rat)
	}
	return big.NewRat(end-from, whole.End-whole.Start)
}

// credits says which debit a proration gives back.
func (i *invoiceItem) credits(d debit) {
	i.ProrationDetails.CreditedItems = &creditedDebit{Type: "invoice_item", InvoiceItem: text(d.InvoiceItem)}
	if d.Line != "" {
		i.ProrationDetails.CreditedItems = &creditedDebit{
			Type: "invoice_line_items", InvoiceLineItems: &creditedItems{d.Invoice, []string{d.Line}},
		}
	}
}

// unbilled says whether a change leaves price and quantity as they are.
func (c itemChange) unbilled() bool {
	return c.before != nil && c.after != nil && c.before.Price.ID == c.after.Price.ID && c.before.Quantity == c.after.Quantity
}
