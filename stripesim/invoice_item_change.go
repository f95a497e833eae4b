package stripesim

import (
	"fmt"
	"math/big"
	"slices"
	"strconv"
)

// This file is how invoice items are made, changed and deleted by hand.

func createInvoiceItem(t *transaction, c call) (any, *apiError) {
	made, fault := t.newInvoiceItem(c.form)
	if fault != nil || made.Invoice == "" {
		return made, fault
	}
	t.reline(string(made.Invoice), func(lines []invoiceLine) []invoiceLine {
		return append(lines, made.line(t, t.newID("il_1", 23)))
	})
	return made, nil
}

// newInvoiceItem makes what a request asks for. Its line on a draft is left to
// the caller.
func (t *transaction) newInvoiceItem(given form) (*invoiceItem, *apiError) {
	made := &invoiceItem{
		header: header{ID: t.newID("ii_1", 23), Object: invoiceItemKind}, Discountable: true, Quantity: 1, QuantityDecimal: "1",
	}
	cus, fault := t.setPlace(made, given)
	if fault != nil {
		return nil, fault
	}
	made.Customer, made.Date, made.Period = cus.ID, t.now, period{t.now, t.now}
	if !given.has("amount") && !given.has("pricing") && !given.has("price_data") && !given.has("unit_amount_decimal") {
		return nil, invalid("amount", "parameter_missing", "You must specify one of amount, pricing[price], price_data or unit_amount_decimal.")
	}
	if fault := t.setItemCurrency(made, cus, given); fault != nil {
		return nil, fault
	}
	if fault := made.set(t, given); fault != nil {
		return nil, fault
	}
	t.create(made)
	t.emit("invoiceitem.created", made)
	return made, nil
}

// setPlace says what a new invoice item is billed with: a draft, the next
// invoice of a subscription, or the customer's next.
func (t *transaction) setPlace(made *invoiceItem, given form) (*customer, *apiError) {
	owner := given.text("customer")
	if id := given.text("subscription"); id != "" {
		s, fault := named[*subscription](t, id, "subscription")
		switch {
		case fault != nil:
			return nil, fault
		case s.ended():
			return nil, invalid("subscription", "", "You cannot add an invoice item to a subscription that has ended.")
		case owner != "" && owner != s.Customer:
			return nil, invalid("subscription", "", "The subscription "+id+" does not belong to the customer "+owner+".")
		}
		owner, made.Currency = s.Customer, s.Currency
		made.Parent = &invoiceItemParent{Type: "subscription_details", SubscriptionDetails: invoiceItemPlan{Subscription: id}}
	}
	if id := given.text("invoice"); id != "" {
		i, fault := named[*invoice](t, id, "invoice")
		switch {
		case fault != nil:
			return nil, fault
		case i.Status != "draft":
			return nil, invalid("invoice", "invoice_not_editable", "This invoice is no longer editable.")
		case owner != "" && owner != i.Customer:
			return nil, invalid("invoice", "", "The invoice "+id+" does not belong to the customer "+owner+".")
		case made.Parent != nil && made.subscription() != i.private.Subscription:
			return nil, invalid("subscription", "", "The subscription of the invoice item must be that of the invoice.")
		case len(i.Lines.Data) >= maxInvoiceItems:
			return nil, invalid("invoice", "", "An invoice can have up to 250 invoice items.")
		}
		owner, made.Currency, made.Invoice = i.Customer, i.Currency, text(id)
	}
	if owner == "" {
		return nil, missingParam("customer")
	}
	return t.livingCustomer(owner, "customer")
}

// setItemCurrency takes the currency of the invoice or the subscription, the
// one that is asked for, or the customer's.
func (t *transaction) setItemCurrency(made *invoiceItem, cus *customer, given form) *apiError {
	asked := given.text("currency")
	if id := given.form("pricing").text("price"); id != "" && asked == "" {
		if chosen := get[*price](t, id); chosen != nil {
			asked = chosen.Currency
			for _, expected := range []string{made.Currency, string(cus.Currency)} {
				if chosen.in(expected) != nil {
					asked = expected
					break
				}
			}
		}
	}
	if asked == "" {
		asked = given.form("price_data").text("currency")
	}
	if made.Currency == "" {
		currency, fault := t.invoiceCurrency(nil, cus, asked)
		made.Currency = currency
		return fault
	}
	if asked == "" {
		return nil
	}
	currency, fault := readCurrency(asked)
	if fault == nil && currency != made.Currency {
		fault = invalid("currency", "", "The currency of the invoice item must be "+made.Currency+".")
	}
	return fault
}

// set takes over what a request may say at creation and later.
func (i *invoiceItem) set(t *transaction, given form) *apiError {
	if fault := i.setAmount(t, given); fault != nil {
		return fault
	}
	given.setText("description", &i.Description)
	if given.has("period") {
		i.Period = period{Start: given.form("period").integer("start", 0), End: given.form("period").integer("end", 0)}
		if i.Period.End < i.Period.Start {
			return invalid("period[end]", "", "The end of the period must not be before its start.")
		}
	}
	if i.Proration && given.boolean("discountable", false) {
		return invalid("discountable", "", "Prorations cannot be discountable.")
	}
	given.setBoolean("discountable", &i.Discountable)
	if fault := i.setDiscounts(t, given); fault != nil {
		return fault
	}
	merged, fault := i.Metadata.merge(given)
	i.Metadata = merged
	return fault
}

// setAmount reads what an item costs: an amount for all of it, or a price of
// one and a quantity.
func (i *invoiceItem) setAmount(t *transaction, given form) *apiError {
	var chosen []string
	for _, name := range []string{"amount", "price_data", "pricing", "unit_amount_decimal"} {
		if given.has(name) {
			chosen = append(chosen, name)
		}
	}
	switch {
	case len(chosen) > 1:
		return invalid(chosen[1], "parameters_exclusive", "You may only specify one of these parameters: "+sentence(chosen)+".")
	case given.has("amount") && given.has("quantity"):
		return invalid("quantity", "parameters_exclusive", "You may only specify one of these parameters: amount, quantity.")
	case len(chosen) == 0 && !given.has("quantity"):
		return nil
	}
	i.Quantity = given.integer("quantity", i.Quantity)
	var fault *apiError
	switch {
	case given.has("amount"):
		i.Quantity = 1
		i.Pricing, fault = t.pricingOfAmount(i, strconv.FormatInt(given.integer("amount", 0), 10), "amount")
	case given.has("unit_amount_decimal"):
		i.Pricing, fault = t.pricingOfAmount(i, given.text("unit_amount_decimal"), "unit_amount_decimal")
	case given.has("price_data"):
		i.Pricing, fault = t.pricingOfData(i, given.form("price_data"))
	case given.has("pricing"):
		i.Pricing, fault = t.pricingByID(i, given.form("pricing"))
	}
	if fault != nil {
		return fault
	}
	i.QuantityDecimal = fmt.Sprint(i.Quantity)
	i.Amount = get[*price](t, i.Pricing.PriceDetails.Price).in(i.Currency).amount(i.Quantity)
	if i.Amount > maxAmount || i.Amount < -maxAmount {
		return invalid(append(chosen, "quantity")[0], "amount_too_large", "Amount must be no more than "+formatAmount(maxAmount, i.Currency))
	}
	i.NetAmount = i.Amount
	i.Discountable = i.Discountable && i.Amount >= 0
	return nil
}

// pricingByID is that of a price that is asked for by its id. One that was asked
// for ahead of its time may have been archived since.
func (t *transaction) pricingByID(i *invoiceItem, given form) (pricing, *apiError) {
	chosen, fault := named[*price](t, given.text("price"), "pricing[price]")
	switch {
	case fault != nil:
		return pricing{}, fault
	case chosen.Type != "one_time":
		return pricing{}, invalid("pricing[price]", "", "The price specified is set to `type=recurring` but this field only accepts prices with `type=one_time`.")
	case !chosen.Active && !given.boolean("scheduled", false):
		return pricing{}, invalid("pricing[price]", "", "The price specified is inactive. This field only accepts active prices.")
	case chosen.in(i.Currency) == nil:
		return pricing{}, otherCurrency(chosen, i.Currency, "pricing[price]")
	}
	if i.Description == "" {
		i.Description = text(get[*product](t, chosen.Product).Name)
	}
	return pricingOf(chosen.in(i.Currency)), nil
}

// pricingOfData is that of a price that the request brings along.
func (t *transaction) pricingOfData(i *invoiceItem, data form) (pricing, *apiError) {
	if data.text("currency") != i.Currency {
		return pricing{}, invalid("price_data[currency]", "", "The currency of the price must be "+i.Currency+".")
	}
	if !data.has("product") {
		return pricing{}, missingParam("price_data[product]")
	}
	made, fault := t.makeInlinePrice(data)
	if fault != nil {
		fault.param = paramName("price_data", fault.param)
		return pricing{}, fault
	}
	t.create(made)
	t.emit("price.created", made)
	if i.Description == "" {
		i.Description = text(get[*product](t, made.Product).Name)
	}
	return pricingOf(made), nil
}

// pricingOfAmount is that of a price and a product for this once, which nothing
// else may use.
func (t *transaction) pricingOfAmount(i *invoiceItem, decimal, param string) (pricing, *apiError) {
	const longest = 24
	rate, ok := new(big.Rat).SetString(decimal)
	if !ok || len(decimal) > longest || new(big.Rat).Abs(rate).Cmp(big.NewRat(maxAmount, 1)) > 0 {
		return pricing{}, invalid(param, "parameter_invalid_decimal", "Invalid decimal: "+decimal)
	}
	sold := &product{
		header: header{ID: t.newID("prod_", 14), Object: productKind}, Created: t.now, Images: []string{}, Name: "Invoice item",
		Type: "service", Updated: t.now,
	}
	made := &price{
		header: header{ID: t.newID("price_1", 23), Object: priceKind}, BillingScheme: "per_unit", Created: t.now, Currency: i.Currency,
		Product: sold.ID, TaxBehavior: "unspecified", Type: "one_time", UnitAmountDecimal: text(decimal),
	}
	if rate.IsInt() {
		whole := rate.Num().Int64()
		made.UnitAmount = &whole
	}
	t.create(sold)
	t.create(made)
	return pricingOf(made), nil
}

// editableItem is the invoice item that a call may still change.
func editableItem(t *transaction, id string) (*invoiceItem, *apiError) {
	found, fault := addressed[*invoiceItem](t, id)
	if fault == nil && found.Invoice != "" && get[*invoice](t, string(found.Invoice)).Status != "draft" {
		fault = refused("invoice_not_editable", "This invoice item is on an invoice that is no longer editable.")
	}
	return found, fault
}

func updateInvoiceItem(t *transaction, c call) (any, *apiError) {
	if _, fault := editableItem(t, c.id()); fault != nil {
		return nil, fault
	}
	changed := edit[*invoiceItem](t, c.id())
	if fault := changed.set(t, c.form); fault != nil {
		return nil, fault
	}
	if changed.Invoice != "" {
		t.reline(string(changed.Invoice), func(lines []invoiceLine) []invoiceLine { return changed.replaceLine(t, lines) })
	}
	return changed, nil
}

// replaceLine bills an item anew where it is billed already.
func (i *invoiceItem) replaceLine(t *transaction, lines []invoiceLine) []invoiceLine {
	for at := range lines {
		if lines[at].item() == i.ID {
			lines[at] = i.line(t, lines[at].ID)
		}
	}
	return lines
}

func deleteInvoiceItem(t *transaction, c call) (any, *apiError) {
	gone, fault := editableItem(t, c.id())
	if fault != nil {
		return nil, fault
	}
	t.emit("invoiceitem.deleted", gone)
	t.remove(gone)
	if gone.Invoice != "" {
		t.reline(string(gone.Invoice), gone.removeLine)
	}
	return deletedObject{gone.ID, invoiceItemKind, true}, nil
}

func (i *invoiceItem) removeLine(lines []invoiceLine) []invoiceLine {
	return slices.DeleteFunc(lines, func(l invoiceLine) bool { return l.item() == i.ID })
}

// reline changes the lines of a draft.
func (t *transaction) reline(invoiceID string, change func([]invoiceLine) []invoiceLine) {
	before := get[*invoice](t, invoiceID).clone()
	i := edit[*invoice](t, invoiceID)
	i.setLines(t, change(slices.Clone(i.Lines.Data)))
	t.changed("invoice.updated", before, i)
}
