package stripesim

import "strings"

// This file is what a phase bills once, with the next invoice after its start.

// phaseAddition is one invoice item that a phase adds.
type phaseAddition struct {
	Discountable *bool                `json:"discountable"`
	Discounts    array[phaseDiscount] `json:"discounts"`
	Metadata     metadata             `json:"metadata"`
	Period       additionPeriod       `json:"period"`
	Price        string               `json:"price"`
	Quantity     int64                `json:"quantity"`
	TaxRates     emptyList            `json:"tax_rates"`
}

type additionPeriod struct {
	End   additionBound `json:"end"`
	Start additionBound `json:"start"`
}

type additionBound struct {
	Timestamp int64  `json:"timestamp,omitempty"`
	Type      string `json:"type"`
}

// readAdditions reads what a phase adds.
func (t *transaction) readAdditions(s *subscriptionSchedule, phase *schedulePhase, given form, name string) *apiError {
	rows := given.forms("add_invoice_items")
	if len(rows) > maxAddedItems {
		return invalid(paramName(name, "add_invoice_items"), "", "You may add up to 20 invoice items.")
	}
	for i, one := range rows {
		added, fault := t.readAddition(s, phase, one, additionName(name, i))
		if fault != nil {
			return fault
		}
		phase.AddInvoiceItems = append(phase.AddInvoiceItems, added)
	}
	return nil
}

func (t *transaction) readAddition(s *subscriptionSchedule, phase *schedulePhase, given form, name string) (phaseAddition, *apiError) {
	added := phaseAddition{Quantity: given.integer("quantity", 1), Period: additionPeriod{additionBound{Type: "min_item_period_end"}, additionBound{Type: "max_item_period_start"}}}
	chosen, fault := t.givenPrice(given, name)
	if chosen == nil && fault == nil {
		fault = invalid(paramName(name, "price"), "parameter_missing", "You must specify one of price or price_data.")
	}
	if fault != nil {
		return added, fault
	}
	item := &invoiceItem{Currency: phase.Currency}
	if _, fault := t.pricingByID(item, form{"price": chosen.ID, "scheduled": given.has("price_data")}); fault != nil {
		fault.param = paramName(name, "price")
		return added, fault
	}
	added.Price = chosen.ID
	if given.has("discountable") {
		may := given.boolean("discountable", true)
		added.Discountable = &may
	}
	if added.Metadata, fault = added.Metadata.merge(given); fault != nil {
		return added, fault
	}
	if bounds := given.form("period"); bounds != nil {
		if fault := checkBounds(bounds); fault != nil {
			fault.param = paramName(name, fault.param)
			return added, fault
		}
		start, end := bounds.form("start"), bounds.form("end")
		added.Period = additionPeriod{
			End: additionBound{end.integer("timestamp", 0), end.text("type")}, Start: additionBound{start.integer("timestamp", 0), start.text("type")},
		}
	}
	added.Discounts, fault = t.readPhaseDiscounts(s, given, discounted{currency: phase.Currency, cost: chosen.in(phase.Currency).amount(added.Quantity)}, name)
	return added, fault
}

// additions are what a phase adds, as a request for its subscription would say
// it.
func (t *transaction) additions(s *subscriptionSchedule, phase *schedulePhase) []any {
	forms := make([]any, 0, len(phase.AddInvoiceItems))
	for _, added := range phase.AddInvoiceItems {
		owner := discounted{customer: s.Customer, currency: phase.Currency, cost: get[*price](t, added.Price).in(phase.Currency).amount(added.Quantity)}
		one := form{
			"price": added.Price, "quantity": added.Quantity, "metadata": metadataForm(added.Metadata), "scheduled": true,
			"discounts": t.discountForms(added.Discounts, nil, owner),
			"period":    form{"start": added.Period.Start.form(phase), "end": added.Period.End.form(phase)},
		}
		if added.Discountable != nil {
			one["discountable"] = *added.Discountable
		}
		forms = append(forms, one)
	}
	return forms
}

// form is a bound as a request would say it: that of a phase is a time.
func (b additionBound) form(phase *schedulePhase) form {
	at := b.Timestamp
	switch b.Type {
	case "phase_start":
		at = phase.StartDate
	case "phase_end":
		at = phase.EndDate
	}
	if at == 0 {
		return form{"type": b.Type}
	}
	return form{"type": "timestamp", "timestamp": at}
}

// underRow names the parameter of a refusal of an added item where it stands in
// the request.
func (e *apiError) underRow(name string) *apiError {
	e.param = strings.Replace(e.param, "pricing[price]", "price", 1)
	return e.under(name)
}

func (p *schedulePhase) withoutAdditions() *schedulePhase {
	begun := *p
	begun.AddInvoiceItems = nil
	return &begun
}
