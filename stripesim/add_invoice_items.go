package stripesim

import "strconv"

// maxAddedItems is how many invoice items a request may add to a subscription.
const maxAddedItems = 20

// addedItemFields are the parameters of what a subscription bills once, with
// its next invoice. A time may stand for the bounds of its period, or a word:
// two for the start, then those for the end.
func addedItemFields(first, second string, ends ...string) field {
	bound := func(types ...string) field {
		return aHash(shape{"timestamp": aTime(), "type": aWord(types...).must()}).must()
	}
	return aList(aHash(shape{
		"discountable": aBoolean(), "discounts": aList(discountRow()), "metadata": aMetadata(), "price": aText(), "price_data": inlinePrice(false),
		"period":   aHash(shape{"end": bound(append(ends, "timestamp")...), "start": bound(first, second, "timestamp")}),
		"quantity": anInteger(0, maxQuantity),
	}))
}

// addInvoiceItems makes what a request adds to the next invoice.
func (t *transaction) addInvoiceItems(s *subscription, c call) *apiError {
	given := c.forms("add_invoice_items")
	if len(given) > maxAddedItems {
		return invalid("add_invoice_items", "", "You may add up to 20 invoice items.")
	}
	for i, one := range given {
		name := paramName("add_invoice_items", strconv.Itoa(i))
		if one.has("price") == one.has("price_data") {
			return invalid(paramName(name, "price"), "parameter_missing", "You must specify one of price or price_data.")
		}
		span, fault := s.addedPeriod(t, one.form("period"))
		if fault != nil {
			fault.param = paramName(name, fault.param)
			return fault
		}
		wanted := form{"subscription": s.ID, "period": form{"start": span.Start, "end": span.End}}
		for _, same := range []string{"discountable", "discounts", "metadata", "price_data", "quantity"} {
			if one.has(same) {
				wanted[same] = one[same]
			}
		}
		if one.has("price") {
			wanted["pricing"] = one.only("price", "scheduled")
		}
		if _, fault := t.newInvoiceItem(wanted); fault != nil {
			return fault.underRow(name)
		}
	}
	return nil
}

// addedPeriod is the time that an added item is for: the subscription's period,
// where the request does not say otherwise.
func (s *subscription) addedPeriod(t *transaction, given form) (period, *apiError) {
	span := s.periodToBill(t.now)
	start, end := given.form("start"), given.form("end")
	if fault := checkBounds(given); fault != nil {
		return span, fault
	}
	switch start.text("type") {
	case "now":
		span.Start = t.now
	case "timestamp":
		span.Start = start.integer("timestamp", 0)
	}
	if end.text("type") == "timestamp" {
		span.End = end.integer("timestamp", 0)
	}
	return span, nil
}

// checkBounds refuses a time where a word says it, and a word without its time.
func checkBounds(given form) *apiError {
	for _, name := range []string{"start", "end"} {
		if bound := given.form(name); bound.has("timestamp") != (bound.text("type") == "timestamp") {
			return invalid("period]["+name+"][timestamp", "", "A timestamp goes with the type `timestamp`, and only with it.")
		}
	}
	return nil
}

// periodToBill is the present period, or the next where that is over by a time.
func (s *subscription) periodToBill(now int64) period {
	span := s.period()
	if span.End > now {
		return span
	}
	next := period{Start: span.End}
	for _, item := range s.Items.Data {
		if end := s.periodEnd(item.Price.Recurring, span.End); next.End == 0 || end < next.End {
			next.End = end
		}
	}
	return next
}
