package stripesim

import (
	"math/big"
	"slices"
)

// This file is how much discounts take off.

// discountAmount is what one discount takes off a line or an invoice.
type discountAmount struct {
	Amount   int64  `json:"amount"`
	Discount string `json:"discount"`
}

// pretaxCredit says the same where Stripe also tells of credit grants.
type pretaxCredit struct {
	Amount   int64  `json:"amount"`
	Discount string `json:"discount"`
	Type     string `json:"type"`
}

func pretaxCredits(amounts []discountAmount) array[pretaxCredit] {
	credits := make(array[pretaxCredit], len(amounts))
	for i, off := range amounts {
		credits[i] = pretaxCredit{off.Amount, off.Discount, "discount"}
	}
	return credits
}

// sumOff adds up what discounts take off.
func sumOff(amounts []discountAmount) (sum int64) {
	for _, off := range amounts {
		sum += off.Amount
	}
	return sum
}

// split divides an amount by weights, which it must not exceed together. Each
// part is rounded down to a step and the last one gets the remainder; what would
// be more than its weight goes to those before it.
func split(amount int64, weights []int64, step int64) []int64 {
	total := new(big.Int)
	for _, weight := range weights {
		total.Add(total, big.NewInt(weight))
	}
	parts := make([]int64, len(weights))
	if total.Sign() == 0 {
		return parts
	}
	left := amount
	for i, weight := range weights {
		part := new(big.Int).Mul(big.NewInt(amount), big.NewInt(weight))
		parts[i] = part.Quo(part, total).Int64() / step * step
		left -= parts[i]
	}
	for i := len(parts) - 1; i >= 0 && left > 0; i-- {
		more := min(left, weights[i]-parts[i])
		parts[i] += more
		left -= more
	}
	return parts
}

// off is what a discount takes off some amounts: a percentage of each, or its
// amount, divided by their weights. It takes no more than there is, and leaves
// what can be charged.
func (d *discount) off(amounts []int64, currency string) []int64 {
	if d.private.PercentOff == "" {
		var all int64
		for _, amount := range amounts {
			all += amount
		}
		return split(min(roundMoney(big.NewRat(d.private.AmountOff, 1), currency), all), amounts, stepOf(currency))
	}
	percent, _ := new(big.Rat).SetString(d.private.PercentOff)
	percent.Quo(percent, big.NewRat(100, 1))
	parts := make([]int64, len(amounts))
	for i, amount := range amounts {
		parts[i] = min(amount, roundMoney(new(big.Rat).Mul(new(big.Rat).SetInt64(amount), percent), currency))
	}
	return parts
}

// present are those of some discounts that take something off now.
func (t *transaction) present(ids []string) (found []string) {
	for _, id := range ids {
		if d := get[*discount](t, id); !d.private.Gone && (d.End == 0 || t.now < int64(d.End)) {
			found = append(found, id)
		}
	}
	return found
}

// discountLines takes the discounts of lines off them, then those of all of
// them, each of what the ones before it left. What a line and all of them have
// counts once.
func (t *transaction) discountLines(lines []invoiceLine, common []string) {
	var own []string
	inherits := func(id string) bool { return slices.Contains(common, id) }
	for at := range lines {
		line := &lines[at]
		line.DiscountAmounts = slices.DeleteFunc(slices.Clone(line.DiscountAmounts), func(off discountAmount) bool {
			return line.Discountable || off.Amount == 0
		})
		for _, id := range line.Discounts {
			if !slices.Contains(own, id) {
				own = append(own, id)
			}
		}
	}
	for _, id := range own {
		t.discountSome(lines, id, func(line *invoiceLine) bool { return inherits(id) || slices.Contains(line.Discounts, id) })
	}
	for _, id := range common {
		if !slices.Contains(own, id) {
			t.discountSome(lines, id, func(*invoiceLine) bool { return true })
		}
	}
	for at := range lines {
		lines[at].PretaxCreditAmounts = pretaxCredits(lines[at].DiscountAmounts)
	}
}

// discountSome takes one discount off the lines that it is for. A line that
// cannot be discounted says that nothing was taken off it.
func (t *transaction) discountSome(lines []invoiceLine, id string, has func(*invoiceLine) bool) {
	d := get[*discount](t, id)
	var chosen []*invoiceLine
	var left []int64
	for at := range lines {
		line := &lines[at]
		if !has(line) {
			continue
		}
		if !line.Discountable {
			if !slices.ContainsFunc(line.DiscountAmounts, func(off discountAmount) bool { return off.Discount == id }) {
				line.DiscountAmounts = append(line.DiscountAmounts, discountAmount{0, id})
			}
			continue
		}
		if d.isFor(line.Pricing.PriceDetails.Product) {
			chosen, left = append(chosen, line), append(left, max(line.Amount-sumOff(line.DiscountAmounts), 0))
		}
	}
	if len(chosen) == 0 {
		return
	}
	for i, part := range d.off(left, chosen[0].Currency) {
		chosen[i].DiscountAmounts = append(chosen[i].DiscountAmounts, discountAmount{part, id})
	}
}

// addUp takes the discounts of a draft and of its lines off, and adds up its
// sums. It may be done again whenever lines or discounts change.
func (t *transaction) addUp(i *invoice) {
	lines := slices.Clone(i.Lines.Data)
	t.discountLines(lines, i.Discounts)
	i.Lines.Data, i.TotalDiscountAmounts = lines, nil
	var gross, ofLines, ofAll int64
	for _, line := range lines {
		gross += line.Amount
		for _, off := range line.DiscountAmounts {
			if slices.Contains(line.Discounts, off.Discount) || get[*discount](t, off.Discount).SubscriptionItem != "" {
				ofLines += off.Amount
			} else {
				ofAll += off.Amount
			}
			i.addTotalDiscount(off)
		}
	}
	i.TotalPretaxCreditAmounts = pretaxCredits(i.TotalDiscountAmounts)
	i.Subtotal = gross - ofLines
	i.SubtotalExcludingTax, i.Total = i.Subtotal, i.Subtotal-ofAll
	i.TotalExcludingTax, i.AmountDue = i.Total, max(i.Total, 0)
	i.AmountRemaining = i.AmountDue
}

// addTotalDiscount counts what a discount took off one line.
func (i *invoice) addTotalDiscount(off discountAmount) {
	at := slices.IndexFunc(i.TotalDiscountAmounts, func(all discountAmount) bool { return all.Discount == off.Discount })
	if at < 0 {
		i.TotalDiscountAmounts = append(i.TotalDiscountAmounts, off)
		return
	}
	i.TotalDiscountAmounts[at].Amount += off.Amount
}

// offShare is the part of what discounts take off a whole period that falls on
// a share of it.
func offShare(whole []discountAmount, share *big.Rat, currency string) []discountAmount {
	parts := make([]discountAmount, len(whole))
	for i, off := range whole {
		parts[i] = discountAmount{roundMoney(new(big.Rat).Mul(new(big.Rat).SetInt64(off.Amount), share), currency), off.Discount}
	}
	return parts
}

// itemOff is what the discounts of a subscription take off a whole period of
// one of its items, as it is billed with the others.
func (t *transaction) itemOff(s *subscription, item subscriptionItem) []discountAmount {
	if len(s.Discounts) == 0 && len(item.Discounts) == 0 {
		return nil
	}
	items := s.Items.Data
	if !slices.ContainsFunc(items, func(one subscriptionItem) bool { return one.ID == item.ID }) {
		items = append(slices.Clone(items), item)
	}
	lines, at := make([]invoiceLine, len(items)), 0
	for i, one := range items {
		if one.ID == item.ID {
			one, at = item, i
		}
		lines[i] = invoiceLine{
			Amount: one.Price.amount(one.Quantity), Currency: s.Currency, Discountable: true, Discounts: t.present(one.Discounts), Pricing: pricingOf(one.Price),
		}
	}
	t.discountLines(lines, t.present(s.Discounts))
	return lines[at].DiscountAmounts
}

// takeOff takes discounts off a proration: its amount is what is left, or,
// itemized, says what was taken off beside it.
func (i *invoiceItem) takeOff(s *subscription, off []discountAmount) {
	i.NetAmount = i.Amount - sumOff(off)
	i.ProrationDetails.DiscountAmounts = off
	if flexible := s.BillingMode.Flexible; flexible != nil && flexible.ProrationDiscounts == "itemized" {
		return
	}
	i.Amount = i.NetAmount
	i.ProrationDetails.DiscountAmounts = offShare(off, new(big.Rat), i.Currency)
}
