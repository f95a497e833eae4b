package stripesim

// inlinePrice declares the price that a request brings along in place of the id
// of one. Only a recurring one may have an interval.
func inlinePrice(isRecurring bool) field {
	fields := shape{
		"currency": aText().must(), "product": aText().must(), "tax_behavior": aWord("exclusive", "inclusive", "unspecified"),
		"unit_amount": anInteger(0, maxAmount), "unit_amount_decimal": aText(),
	}
	if isRecurring {
		fields["recurring"] = aHash(shape{
			"interval": aWord("day", "month", "week", "year").must(), "interval_count": anInteger(1, longestInterval["day"]),
		}).must()
	}
	return aHash(fields)
}

// givenPrice is the price that a request names, or brings along: such a one is
// made, and is for this use only, so it is not active. Nil: there is none.
func (t *transaction) givenPrice(given form, name string) (*price, *apiError) {
	data, id := given.form("price_data"), given.text("price")
	switch {
	case data != nil && id != "":
		return nil, invalid(paramName(name, "price_data"), "parameters_exclusive", "You may only specify one of these parameters: price, price_data.")
	case id != "":
		return named[*price](t, id, paramName(name, "price"))
	case data == nil:
		return nil, nil
	}
	made, fault := t.makeInlinePrice(data)
	if fault != nil {
		fault.param = paramName(paramName(name, "price_data"), fault.param)
		return nil, fault
	}
	t.create(made)
	t.emit("price.created", made)
	return made, nil
}

func (t *transaction) makeInlinePrice(data form) (*price, *apiError) {
	currency, fault := readCurrency(data.text("currency"))
	if fault != nil {
		return nil, fault
	}
	if _, fault := named[*product](t, data.text("product"), "product"); fault != nil {
		return nil, fault
	}
	made := &price{
		header: header{ID: t.newID("price_1", 23), Object: priceKind}, BillingScheme: "per_unit", Created: t.now, Currency: currency,
		Product: data.text("product"), TaxBehavior: data.word("tax_behavior", "unspecified"), Type: "one_time",
	}
	if fault := made.setAmount(call{form: data}); fault != nil {
		return nil, fault
	}
	return made, made.setRecurring(data.form("recurring"))
}
