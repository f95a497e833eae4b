package stripesim

import (
	"fmt"
	"math/big"
	"strconv"
)

// This file is prices that depend on the quantity.

// priceTier is what units cost up to a quantity.
type priceTier struct {
	FlatAmount        *int64 `json:"flat_amount"`
	FlatAmountDecimal text   `json:"flat_amount_decimal"`
	UnitAmount        *int64 `json:"unit_amount"`
	UnitAmountDecimal text   `json:"unit_amount_decimal"`
	UpTo              *int64 `json:"up_to"` // null: no end
}

// transformQuantity says how many units are one that is billed.
type transformQuantity struct {
	DivideBy int64  `json:"divide_by"`
	Round    string `json:"round"`
}

// maxTiers is how many a price may have.
const maxTiers = 100

// tierFields are the parameters of prices that depend on the quantity.
func tierFields() shape {
	return shape{
		"tiers": aList(aHash(shape{
			"flat_amount": anInteger(0, maxAmount), "flat_amount_decimal": aText(), "unit_amount": anInteger(0, maxAmount),
			"unit_amount_decimal": aText(), "up_to": aTime("inf").must(),
		})),
		"tiers_mode":         aWord("graduated", "volume"),
		"transform_quantity": aHash(shape{"divide_by": anInteger(1, maxQuantity).must(), "round": aWord("down", "up").must()}),
	}
}

// setScheme reads what units cost: all the same, or by tiers.
func (p *price) setScheme(c call) *apiError {
	if given := c.form.form("transform_quantity"); given != nil {
		p.TransformQuantity = &transformQuantity{given.integer("divide_by", 1), given.text("round")}
	}
	if c.word("billing_scheme", "per_unit") == "per_unit" {
		for _, name := range []string{"tiers", "tiers_mode"} {
			if c.has(name) {
				return invalid(name, "", "You may only specify `"+name+"` when `billing_scheme=tiered`.")
			}
		}
		return p.setAmount(c)
	}
	for _, name := range []string{"transform_quantity", "unit_amount", "unit_amount_decimal"} {
		if c.has(name) {
			return invalid(name, "", "You may not specify `"+name+"` when `billing_scheme=tiered`.")
		}
	}
	for _, name := range []string{"tiers", "tiers_mode"} {
		if !c.has(name) {
			return missingParam(name)
		}
	}
	p.BillingScheme, p.TiersMode = "tiered", text(c.text("tiers_mode"))
	return p.setTiers(c.forms("tiers"))
}

// setTiers reads the tiers: each ends above the one before it, and the last one
// does not end.
func (p *price) setTiers(given []form) *apiError {
	if len(given) > maxTiers {
		return invalid("tiers", "", "A price can have up to 100 tiers.")
	}
	last := int64(0)
	for i, f := range given {
		name := paramName("tiers", strconv.Itoa(i))
		tier, fault := readTier(f, name)
		if fault != nil {
			return fault
		}
		switch {
		case i == len(given)-1 && tier.UpTo != nil:
			return invalid(paramName(name, "up_to"), "", "The last tier must define `up_to` as `inf`.")
		case i < len(given)-1 && (tier.UpTo == nil || *tier.UpTo <= last):
			return invalid(paramName(name, "up_to"), "", "`up_to` must be greater than that of the tier before.")
		case tier.UpTo != nil:
			last = *tier.UpTo
		}
		p.Tiers = append(p.Tiers, tier)
	}
	return nil
}

func readTier(f form, name string) (priceTier, *apiError) {
	var tier priceTier
	if tier.UpTo = f.optional("up_to"); tier.UpTo != nil && *tier.UpTo < 1 {
		return tier, invalid(paramName(name, "up_to"), "parameter_invalid_integer", "This value must be greater than or equal to 1.")
	}
	var fault *apiError
	if tier.UnitAmount, tier.UnitAmountDecimal, fault = readAmount(f, "unit_amount"); fault != nil {
		return tier, fault.of(paramName(name, fault.param))
	}
	if tier.FlatAmount, tier.FlatAmountDecimal, fault = readAmount(f, "flat_amount"); fault != nil {
		return tier, fault.of(paramName(name, fault.param))
	}
	if tier.UnitAmountDecimal == "" && tier.FlatAmountDecimal == "" {
		return tier, missingParam(paramName(name, "unit_amount"))
	}
	return tier, nil
}

// portion is a part of a quantity, and what it costs.
type portion struct {
	quantity int64
	unit     text // the amount of one
	amount   *big.Rat
	tier     int // from one on; zero: the price has no tiers
	flat     bool
}

// portions are what a quantity is billed as: in graduated tiers each part by
// itself, by volume all of it at the tier that it reaches, and apart from that
// what a tier costs as a whole.
func (p *price) portions(quantity int64) []portion {
	if p.TiersMode == "" {
		return []portion{{quantity: quantity, unit: p.UnitAmountDecimal, amount: times(p.UnitAmountDecimal, p.billed(quantity))}}
	}
	var parts []portion
	from := int64(0)
	for i, tier := range p.Tiers {
		isLast := tier.UpTo == nil || quantity <= *tier.UpTo
		part := quantity
		if p.TiersMode == "graduated" {
			if part -= from; !isLast {
				part = *tier.UpTo - from
			}
		}
		if isLast || p.TiersMode == "graduated" {
			parts = append(parts, tier.portions(i+1, part)...)
		}
		if isLast {
			break
		}
		from = *tier.UpTo
	}
	return parts
}

func (t priceTier) portions(number int, quantity int64) (parts []portion) {
	if t.UnitAmountDecimal != "" {
		parts = append(parts, portion{quantity: quantity, unit: t.UnitAmountDecimal, amount: times(t.UnitAmountDecimal, quantity), tier: number})
	}
	if t.FlatAmountDecimal != "" {
		parts = append(parts, portion{unit: t.FlatAmountDecimal, amount: times(t.FlatAmountDecimal, 1), tier: number, flat: true})
	}
	return parts
}

// billed is how many units a quantity is billed as.
func (p *price) billed(quantity int64) int64 {
	by := p.TransformQuantity
	if by == nil {
		return quantity
	}
	units := quantity / by.DivideBy
	if by.Round == "up" && quantity%by.DivideBy > 0 {
		units++
	}
	return units
}

// times is so many of a decimal amount.
func times(decimal text, quantity int64) *big.Rat {
	amount, ok := new(big.Rat).SetString(string(decimal))
	if !ok {
		return new(big.Rat)
	}
	return amount.Mul(amount, new(big.Rat).SetInt64(quantity))
}

// describe says what a portion costs, as invoices write it.
func (p portion) describe(of *price, name string) string {
	at := formatAmount(roundRat(times(p.unit, 1)), of.Currency)
	switch {
	case p.flat:
		return fmt.Sprintf("%s (Tier %d flat fee at %s / %s)", name, p.tier, at, of.Recurring)
	case p.tier > 0:
		return fmt.Sprintf("%d × %s (Tier %d at %s / %s)", p.quantity, name, p.tier, at, of.Recurring)
	case of.TransformQuantity != nil:
		at += fmt.Sprintf(" per %d", of.TransformQuantity.DivideBy)
	}
	return fmt.Sprintf("%d × %s (at %s / %s)", p.quantity, name, at, of.Recurring)
}

// withoutTiers is the price as it goes over the wire.
func (p *price) withoutTiers() *price {
	shown := *p
	shown.Tiers = nil
	return &shown
}
