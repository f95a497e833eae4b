package stripesim

import (
	"strconv"
	"strings"
)

// maxAddedItems is how many invoice items a request may add to a subscription.
const maxAddedItems = 20

// addedItemFields are the parameters of what a subscription bills once, with
// its next invoice.
func addedItemFields() field {
	bound := func(types ...string) field {
		return aHash(shape{"timestamp": aTime(), "type": aWord(types...).must()}).must()
	}
	return aList(aHash(shape{
		"discountable": aBoolean(), "discounts": aList(discountRow()), "metadata": aMetadata(), "price": aText(), "price_data": inlinePrice(false),
		"period":   aHash(shape{"end": bound("min_item_period_end", "timestamp"), "start": bound("max_item_period_start", "now", "timestamp")}),
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
			wanted["pricing"] = form{"price": one.text("price")}
		}
		if _, fault := t.newInvoiceItem(wanted); fault != nil {
			fault.param = strings.Replace(fault.param, "pricing[price]", "price", 1)
			head, rest, nested := strings.Cut(fault.param, "[")
			fault.param = paramName(name, head)
			if nested {
				fault.param += "[" + rest
			}
			return fault
		}
	}
	return nil
}

// addedPeriod is the time that an added item is for: the subscription's period,
// where the request does not say otherwise.
func (s *subscription) addedPeriod(t *transaction, given form) (period, *apiError) {
	span := s.period()
	start, end := given.form("start"), given.form("end")
	for _, name := range []string{"start", "end"} {
		if bound := given.form(name); bound.has("timestamp") != (bound.text("type") == "timestamp") {
			return span, invalid("period]["+name+"][timestamp", "", "A timestamp goes with the type `timestamp`, and only with it.")
		}
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
