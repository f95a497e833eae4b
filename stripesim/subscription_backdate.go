package stripesim

import (
	"fmt"
	"math/big"
	"time"
)

// This file is subscriptions that began before they were made: their first
// invoice bills the time that is over too.

// readStart is since when a new subscription counts.
func (s *subscription) readStart(t *transaction, c call) *apiError {
	s.StartDate = c.integer("backdate_start_date", t.now)
	if s.StartDate > t.now {
		return invalid("backdate_start_date", "", "backdate_start_date must be in the past.")
	}
	return nil
}

// billsPast says whether time that is over is billed. Without prorations it is
// only remembered.
func (s *subscription) billsPast(now int64, c call) bool {
	return s.StartDate < now && c.text("proration_behavior") != "none"
}

// reachBack makes the present periods those that would be the present ones, had
// the subscription been there from its start on.
func (s *subscription) reachBack(now int64) {
	items := cloneItems(s)
	for i := range items {
		items[i].CurrentPeriodStart = max(items[i].Price.Recurring.around(s.cycle(), now).Start, s.StartDate)
	}
	s.Items.Data = items
}

// firstLines bill the first period of a new subscription, and what is over by
// then: period by period, or in classic billing mode all at once.
func (t *transaction) firstLines(s *subscription, c call) ([]invoiceLine, *apiError) {
	if !s.billsPast(t.now, c) {
		return t.periodLines(s, s.Items.Data), nil
	}
	var lines []invoiceLine
	for _, item := range s.Items.Data {
		switch {
		case s.BillingMode.Type != "classic":
			lines = append(append(lines, t.pastLines(s, item)...), t.itemLines(s, item)...)
		case s.Status != "trialing" && s.BillingCycleAnchor > t.now:
			lines = append(lines, t.pastLine(s, item, item.CurrentPeriodEnd))
		default:
			lines = append(append(lines, t.pastLine(s, item, t.now)), t.itemLines(s, item)...)
		}
		if len(lines) > maxInvoiceItems {
			return nil, invalid("backdate_start_date", "", "An invoice can have up to 250 line items, and the time since backdate_start_date makes more.")
		}
	}
	return lines, nil
}

// pastLines bill an item for each of its periods that is over.
func (t *transaction) pastLines(s *subscription, item subscriptionItem) (lines []invoiceLine) {
	begun := s.clone().(*subscription)
	begun.Status = "active" // a trial begins only now
	until := item.CurrentPeriodStart
	for at := s.StartDate; at < until && len(lines) <= maxInvoiceItems; at = item.CurrentPeriodEnd {
		item.CurrentPeriodStart, item.CurrentPeriodEnd = at, min(item.Price.Recurring.around(s.cycle(), at).End, until)
		lines = append(lines, t.itemLines(begun, item)...)
	}
	return lines
}

// pastLine bills an item from the start of its subscription to a time, as if its
// periods were counted from there.
func (t *transaction) pastLine(s *subscription, item subscriptionItem, until int64) invoiceLine {
	every, intervals := item.Price.Recurring, int64(0)
	whole := every.around(newCycle(s.StartDate), s.StartDate)
	for ; whole.End <= until; intervals++ {
		whole = every.around(newCycle(s.StartDate), whole.End)
	}
	elapsed := new(big.Rat).Add(big.NewRat(intervals, 1), big.NewRat(until-whole.Start, whole.End-whole.Start))
	amount := roundMoney(elapsed.Mul(elapsed, item.Price.exactAmount(item.Quantity)), s.Currency)
	item.CurrentPeriodStart, item.CurrentPeriodEnd = s.StartDate, until
	billed := item.Price
	line := t.itemLine(s, item, portion{quantity: item.Quantity, unit: billed.UnitAmountDecimal, amount: big.NewRat(amount, 1)},
		fmt.Sprintf("Time on %d × %s until %s", item.Quantity, get[*product](t, billed.Product).Name, dayOf(until)))
	line.Parent.SubscriptionItemDetails.Proration = true
	return line
}

// dayOf writes the day of a time.
func dayOf(at int64) string { return time.Unix(at, 0).UTC().Format("2 Jan 2006") }
