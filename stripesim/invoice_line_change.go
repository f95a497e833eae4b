package stripesim

import (
	"maps"
	"slices"
	"strconv"
)

// This file is how the lines of a draft are added, changed and removed by hand.

// lineTerms are the parameters of a line that is added or changed.
func lineTerms() shape {
	terms := itemTerms().with(shape{"price_data": inlinePrice(false)})
	terms["price_data"].fields["product"] = aText()
	delete(terms, "unit_amount_decimal")
	return terms
}

func invoiceLineOperations() []operation {
	lines := func(fields shape) shape {
		return shape{"invoice_metadata": aMetadata(), "lines": aList(aHash(fields)).must()}
	}
	return []operation{
		{method: "GET", path: "/v1/invoices/{}/lines", do: listInvoiceLines, fields: pageFields(nil)},
		{method: "POST", path: "/v1/invoices/{}/lines/{}", do: updateInvoiceLine, fields: lineTerms()},
		{method: "POST", path: "/v1/invoices/{}/add_lines", do: addInvoiceLines, fields: lines(lineTerms().with(shape{"invoice_item": aText()}))},
		{method: "POST", path: "/v1/invoices/{}/update_lines", do: updateInvoiceLines, fields: lines(lineTerms().with(shape{"id": aText().must()}))},
		{method: "POST", path: "/v1/invoices/{}/remove_lines", do: removeInvoiceLines, fields: lines(shape{
			"behavior": aWord("delete", "unassign").must(), "id": aText().must(),
		})},
	}
}

// changeLine does to the lines of a draft what one element of a request asks.
type changeLine func(t *transaction, i *invoice, lines []invoiceLine, given form) ([]invoiceLine, *apiError)

// changeDraft changes the lines of the draft that the path names, and adds it
// up.
func (t *transaction) changeDraft(c call, change func(*invoice, []invoiceLine) ([]invoiceLine, *apiError)) (*invoice, *apiError) {
	before, fault := one[*invoice](t, c)
	if fault == nil && before.Status != "draft" {
		fault = refused("invoice_not_editable", "This invoice is not editable because it has been finalized.")
	}
	if fault != nil {
		return nil, fault
	}
	i := edit[*invoice](t, before.ID)
	lines, fault := change(i, slices.Clone(i.Lines.Data))
	if fault != nil {
		return nil, fault
	}
	if len(lines) > maxInvoiceItems {
		return nil, invalid("lines", "", "An invoice can have up to 250 invoice items.")
	}
	i.setLines(t, lines)
	t.correctDebits(i)
	t.changed("invoice.updated", before, i)
	return i, nil
}

// changeLines goes through the elements of a request.
func (t *transaction) changeLines(c call, change changeLine) (*invoice, *apiError) {
	return t.changeDraft(c, func(i *invoice, lines []invoiceLine) ([]invoiceLine, *apiError) {
		var fault *apiError
		for at, given := range c.forms("lines") {
			if lines, fault = change(t, i, lines, given); fault != nil {
				return nil, fault.under(paramName("lines", strconv.Itoa(at)))
			}
		}
		if c.has("invoice_metadata") {
			i.Metadata, fault = i.Metadata.merge(form{"metadata": c.form["invoice_metadata"]})
		}
		return lines, fault
	})
}

func addInvoiceLines(t *transaction, c call) (any, *apiError) { return t.changeLines(c, addLine) }

// addLine bills an invoice item that waits, or makes one.
func addLine(t *transaction, i *invoice, lines []invoiceLine, given form) ([]invoiceLine, *apiError) {
	id := given.text("invoice_item")
	if id == "" {
		asked := maps.Clone(given)
		asked["invoice"] = i.ID
		made, fault := t.newInvoiceItem(asked)
		if fault != nil {
			return nil, fault
		}
		return append(lines, made.line(t, t.newID("il_1", 23))), nil
	}
	waiting, fault := named[*invoiceItem](t, id, "invoice_item")
	switch {
	case fault != nil:
		return nil, fault
	case waiting.Invoice != "":
		return nil, invalid("invoice_item", "", "The invoice item "+id+" is on an invoice already.")
	case waiting.Customer != i.Customer || waiting.Currency != i.Currency:
		return nil, invalid("invoice_item", "", "The invoice item "+id+" has another customer or currency than the invoice.")
	case waiting.subscription() != "" && waiting.subscription() != i.private.Subscription:
		return nil, invalid("invoice_item", "", "The invoice item "+id+" belongs to another subscription than the invoice.")
	}
	item := edit[*invoiceItem](t, id)
	item.Invoice = text(i.ID)
	fault = item.set(t, given)
	return append(lines, item.line(t, t.newID("il_1", 23))), fault
}

func updateInvoiceLines(t *transaction, c call) (any, *apiError) { return t.changeLines(c, setLine) }

// setLine changes a line, and the invoice item that it bills.
func setLine(t *transaction, i *invoice, lines []invoiceLine, given form) ([]invoiceLine, *apiError) {
	at := slices.IndexFunc(lines, func(l invoiceLine) bool { return l.ID == given.text("id") })
	if at < 0 {
		return nil, missing("line item", given.text("id"), "id")
	}
	if id := lines[at].item(); id != "" {
		item := edit[*invoiceItem](t, id)
		if fault := item.set(t, given); fault != nil {
			return nil, fault
		}
		return item.replaceLine(t, lines), nil
	}
	for _, name := range []string{"amount", "price_data", "pricing", "quantity"} {
		if given.has(name) {
			return nil, invalid(name, "", "The line bills a period of a subscription, so its "+name+" cannot be changed.")
		}
	}
	given.setText("description", &lines[at].Description)
	given.setBoolean("discountable", &lines[at].Discountable)
	if fault := lines[at].setDiscounts(t, i, given); fault != nil {
		return nil, fault
	}
	if span := given.form("period"); span != nil {
		lines[at].Period = period{Start: span.integer("start", 0), End: span.integer("end", 0)}
	}
	merged, fault := lines[at].Metadata.merge(given)
	lines[at].Metadata = merged
	return lines, fault
}

// updateInvoiceLine changes one line, and answers with it.
func updateInvoiceLine(t *transaction, c call) (any, *apiError) {
	at := -1
	i, fault := t.changeDraft(c, func(i *invoice, lines []invoiceLine) ([]invoiceLine, *apiError) {
		if at = slices.IndexFunc(lines, func(l invoiceLine) bool { return l.ID == c.ids[1] }); at < 0 {
			return nil, missing("line item", c.ids[1], "id").notFound()
		}
		given := maps.Clone(c.form)
		given["id"] = c.ids[1]
		return setLine(t, i, lines, given)
	})
	if fault != nil {
		return nil, fault
	}
	return i.Lines.Data[at], nil
}

func removeInvoiceLines(t *transaction, c call) (any, *apiError) {
	return t.changeLines(c, removeLine)
}

// removeLine takes a line off; what it billed is deleted, or waits again.
func removeLine(t *transaction, _ *invoice, lines []invoiceLine, given form) ([]invoiceLine, *apiError) {
	at := slices.IndexFunc(lines, func(l invoiceLine) bool { return l.ID == given.text("id") })
	if at < 0 {
		return nil, missing("line item", given.text("id"), "id")
	}
	id := lines[at].item()
	switch {
	case id == "":
		return nil, invalid("id", "", "The line bills a period of a subscription, so it cannot be removed.")
	case given.text("behavior") == "unassign":
		edit[*invoiceItem](t, id).Invoice = ""
	default:
		gone := get[*invoiceItem](t, id)
		t.emit("invoiceitem.deleted", gone)
		t.remove(gone)
	}
	return slices.Delete(lines, at, at+1), nil
}
