package stripesim

import (
	"strconv"
)

// checkoutItem is what is sold in a session: a price and how many of it.
type checkoutItem struct {
	ID          string   `json:"id"`
	Price       string   `json:"price"`
	Quantity    int64    `json:"quantity"`
	Subtotal    int64    `json:"subtotal"`
	Total       int64    `json:"total"`
	Description string   `json:"description"`
	Metadata    metadata `json:"metadata"`
}

// checkoutLine is a checkoutItem as it goes over the wire.
type checkoutLine struct {
	ID                 string   `json:"id"`
	Object             string   `json:"object"`
	AdjustableQuantity null     `json:"adjustable_quantity"`
	AmountDiscount     int64    `json:"amount_discount"`
	AmountSubtotal     int64    `json:"amount_subtotal"`
	AmountTax          zero     `json:"amount_tax"`
	AmountTotal        int64    `json:"amount_total"`
	Currency           string   `json:"currency"`
	Description        string   `json:"description"`
	Metadata           metadata `json:"metadata"`
	Price              any      `json:"price"`
	Quantity           int64    `json:"quantity"`
}

// maxCheckoutItems is how many of them a session may have; a subscription has
// its own limit.
const maxCheckoutItems = 100

func checkoutItemFields() field {
	return aList(aHash(shape{
		"metadata": aMetadata(), "price": aText(), "quantity": anInteger(0, 999999), "price_data": aHash(shape{
			"currency": aText().must(), "product": aText(), "product_data": aHash(shape{
				"description": aText(), "images": aList(aText()), "metadata": aMetadata(), "name": aText().must(), "tax_code": aText(), "unit_label": aText(),
			}),
			"recurring":    aHash(shape{"interval": aWord("day", "month", "week", "year").must(), "interval_count": anInteger(1, 1095)}),
			"tax_behavior": aWord("exclusive", "inclusive", "unspecified"), "unit_amount": anInteger(0, maxAmount), "unit_amount_decimal": aText(),
		}),
	}))
}

// readCheckoutItems are the line items that a request sends, with a price made
// for those that bring the data of one.
func (t *transaction) readCheckoutItems(c call) ([]checkoutItem, *apiError) {
	given := c.forms("line_items")
	if len(given) > maxCheckoutItems {
		return nil, invalid("line_items", "", "You may pass at most 100 line items.")
	}
	items := make([]checkoutItem, len(given))
	for i, one := range given {
		name := "line_items[" + strconv.Itoa(i) + "]"
		chosen, fault := t.checkoutPrice(one, name)
		switch {
		case fault != nil:
			return nil, fault
		case !one.has("quantity"):
			return nil, invalid(name+"[quantity]", "parameter_missing", "Quantity is required. Add `quantity` to `"+name+"`")
		case one.integer("quantity", 0) == 0:
			return nil, invalid(name+"[quantity]", "parameter_invalid_integer", "This value must be greater than or equal to 1.")
		}
		items[i] = checkoutItem{
			ID: t.newID("li_1", 23), Price: chosen.ID, Quantity: one.integer("quantity", 1), Description: get[*product](t, chosen.Product).Name,
		}
		if items[i].Metadata, fault = items[i].Metadata.merge(one); fault != nil {
			return nil, fault
		}
	}
	return items, nil
}

// checkoutPrice is the price of one line item.
func (t *transaction) checkoutPrice(item form, name string) (*price, *apiError) {
	data := item.form("price_data")
	switch {
	case data != nil && item.has("price"):
		return nil, invalid(name, "parameters_exclusive", "You may only specify one of these parameters: price, price_data.")
	case data != nil:
		made, fault := createPrice(t, call{form: data})
		if fault != nil {
			return nil, fault.under(name + "[price_data]")
		}
		return made.(*price), nil
	case !item.has("price"):
		return nil, missingParam(name + "[price]")
	}
	chosen, fault := named[*price](t, item.text("price"), name+"[price]")
	if fault == nil && !chosen.Active {
		fault = invalid(name+"[price]", "", "The price specified is inactive. This field only accepts active prices.")
	}
	return chosen, fault
}

// shownItems are a session's line items as they go over the wire.
func (s *checkoutSession) shownItems(t *transaction) []checkoutLine {
	lines := make([]checkoutLine, len(s.private.Items))
	for i, item := range s.private.Items {
		lines[i] = checkoutLine{
			ID: item.ID, Object: "item", AmountDiscount: item.Subtotal - item.Total, AmountSubtotal: item.Subtotal, AmountTotal: item.Total,
			Currency: string(s.Currency), Description: item.Description, Metadata: item.Metadata, Price: t.shown(get[*price](t, item.Price)),
			Quantity: item.Quantity,
		}
	}
	return lines
}

func listCheckoutItems(t *transaction, c call) (any, *apiError) {
	s, fault := one[*checkoutSession](t, c)
	if fault != nil {
		return nil, fault
	}
	return pageOfParts("/v1/checkout/sessions/"+s.ID+"/line_items", "line item", c, s.shownItems(t), func(l checkoutLine) string { return l.ID })
}
