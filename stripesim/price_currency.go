package stripesim

import "slices"

// This file is prices that have an amount of their own in several currencies.

// currencyOption is what a price is in another currency than its own.
type currencyOption struct {
	CustomUnitAmount  null        `json:"custom_unit_amount"`
	TaxBehavior       string      `json:"tax_behavior"`
	Tiers             []priceTier `json:"tiers,omitempty"` // never shown
	UnitAmount        *int64      `json:"unit_amount"`
	UnitAmountDecimal text        `json:"unit_amount_decimal"`
}

// currencyOptionFields are the parameters of a price's other currencies.
func currencyOptionFields() field {
	return aMapOf(aHash(shape{
		"tax_behavior": aWord("exclusive", "inclusive", "unspecified"), "tiers": tierFields()["tiers"],
		"unit_amount": anInteger(0, maxAmount), "unit_amount_decimal": aText(),
	}))
}

// setOptions takes over what a request says of other currencies. One that is
// there already is replaced.
func (p *price) setOptions(c call) *apiError {
	given := c.form.form("currency_options")
	if given == nil {
		return nil
	}
	options := map[string]currencyOption{}
	for currency, option := range p.private.Options {
		options[currency] = option
	}
	for _, currency := range sortedNames(given) {
		name := paramName("currency_options", currency)
		code, fault := readCurrency(currency)
		switch {
		case fault != nil:
			return fault.of(name)
		case code == p.Currency:
			return invalid(name, "", "The currency options of a price are for other currencies than its own, which is "+p.Currency+".")
		}
		option, fault := p.readOption(given.form(currency))
		if fault != nil {
			return fault.under(name)
		}
		options[code] = option
	}
	p.private.Options = options
	return nil
}

// readOption reads what the price is in another currency, by the scheme that it
// has.
func (p *price) readOption(given form) (currencyOption, *apiError) {
	read := *p
	read.Tiers, read.UnitAmount, read.UnitAmountDecimal = nil, nil, ""
	read.TaxBehavior = given.word("tax_behavior", "unspecified")
	if p.BillingScheme != "tiered" {
		if given.has("tiers") {
			return currencyOption{}, invalid("tiers", "", "You may only specify `tiers` when `billing_scheme=tiered`.")
		}
		fault := read.setAmount(call{form: given})
		return read.option(), fault
	}
	for _, name := range []string{"unit_amount", "unit_amount_decimal"} {
		if given.has(name) {
			return currencyOption{}, invalid(name, "", "You may not specify `"+name+"` when `billing_scheme=tiered`.")
		}
	}
	if !given.has("tiers") {
		return currencyOption{}, missingParam("tiers")
	}
	if fault := read.setTiers(given.forms("tiers")); fault != nil {
		return currencyOption{}, fault
	}
	endsAlike := func(a, b priceTier) bool {
		return (a.UpTo == nil) == (b.UpTo == nil) && (a.UpTo == nil || *a.UpTo == *b.UpTo)
	}
	if !slices.EqualFunc(read.Tiers, p.Tiers, endsAlike) {
		return currencyOption{}, invalid("tiers", "", "The tiers of all currencies of a price must have the same values of `up_to`.")
	}
	return read.option(), nil
}

// option is the price as one of its currencies.
func (p *price) option() currencyOption {
	return currencyOption{TaxBehavior: p.TaxBehavior, Tiers: p.Tiers, UnitAmount: p.UnitAmount, UnitAmountDecimal: p.UnitAmountDecimal}
}

// in is the price in a currency. Nil: it has none there.
func (p *price) in(currency string) *price {
	if currency == p.Currency {
		return p
	}
	option, found := p.private.Options[currency]
	if !found {
		return nil
	}
	there := *p
	there.private = pricePrivate{}
	there.Currency, there.TaxBehavior = currency, option.TaxBehavior
	there.Tiers, there.UnitAmount, there.UnitAmountDecimal = option.Tiers, option.UnitAmount, option.UnitAmountDecimal
	return &there
}

// shownOptions are all currencies of the price as they go over the wire.
func (p *price) shownOptions() tree {
	shown := tree{}
	for currency, option := range p.private.Options {
		option.Tiers = nil
		shown[currency] = option
	}
	own := p.option()
	own.Tiers = nil
	shown[p.Currency] = own
	return shown
}

// otherCurrency refuses a price that has no amount in the currency that is
// expected.
func otherCurrency(p *price, expected, param string) *apiError {
	return invalid(param, "", "The price specified only supports `"+p.Currency+"`. This doesn't match the expected currency: `"+expected+"`.")
}
