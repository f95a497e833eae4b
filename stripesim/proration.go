package stripesim

import "math/big"

// prorate notes credits and charges for what changes in the middle of a period:
// the share of rest in whole, second by second. Each amount is rounded by
// itself, half away from zero.
func (t *transaction) prorate(s *subscription, changes []itemChange, rest, whole period) {
	if rest.End <= rest.Start || whole.End <= whole.Start {
		return
	}
	share := big.NewRat(rest.End-rest.Start, whole.End-whole.Start)
	part := func(item subscriptionItem) int64 {
		full := new(big.Rat).Mul(item.Price.rate(), big.NewRat(item.Quantity, 1))
		return roundRat(full.Mul(full, share))
	}
	for _, change := range changes {
		if change.unbilled() {
			continue
		}
		if change.before != nil {
			t.newProration(s, *change.before, -part(*change.before), rest)
		}
		if change.after != nil {
			t.newProration(s, *change.after, part(*change.after), rest)
		}
	}
}

// unbilled says whether a change leaves price and quantity as they are.
func (c itemChange) unbilled() bool {
	return c.before != nil && c.after != nil && c.before.Price.ID == c.after.Price.ID && c.before.Quantity == c.after.Quantity
}
