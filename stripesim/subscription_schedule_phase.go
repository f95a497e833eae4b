package stripesim

import (
	"slices"
	"strconv"
	"strings"
)

// phaseFields are the parameters of a phase; an update also says when it starts.
func phaseFields(isUpdate bool) shape {
	fields := shape{
		"add_invoice_items":    addedItemFields("max_item_period_start", "phase_start", "min_item_period_end", "phase_end"),
		"billing_cycle_anchor": aWord("automatic", "phase_start"),
		"collection_method":    aWord("charge_automatically", "send_invoice"), "default_payment_method": aText(),
		"description": aText().upTo(500).orEmpty(), "discounts": discountFields(),
		"duration": aHash(shape{"interval": aWord("day", "month", "week", "year").must(), "interval_count": anInteger(1, longestInterval["day"])}),
		"end_date": aTime("now"), "items": aList(aHash(itemFields())).must(), "metadata": aMetadata(),
		"proration_behavior": aWord("always_invoice", "create_prorations", "none"),
		"trial":              aBoolean(), "trial_end": aTime(),
	}
	if isUpdate {
		fields["start_date"] = aTime("now")
	} else {
		fields["currency"], fields["end_date"] = aText(), aTime()
	}
	return fields
}

// readPhases reads the phases of a call, which follow each other from a start.
func (t *transaction) readPhases(s *subscriptionSchedule, c call, start int64) ([]schedulePhase, *apiError) {
	var phases []schedulePhase
	for i, given := range c.forms("phases") {
		name := paramName("phases", strconv.Itoa(i))
		phase, fault := t.readPhase(s, given, name, start)
		if fault != nil {
			return nil, fault
		}
		if given.has("start_date") && given.moment("start_date", t.now) != start {
			return nil, invalid(paramName(name, "start_date"), "", "The start date of a phase must be the end date of the one before.")
		}
		if i > 0 && phase.Currency != phases[0].Currency {
			return nil, invalid(paramName(name, "items"), "", "All phases of a subscription schedule must have the same currency.")
		}
		phases, start = append(phases, phase), phase.EndDate
	}
	ahead := slices.DeleteFunc(slices.Clone(phases), func(p schedulePhase) bool { return p.EndDate <= t.now })
	if len(ahead) > maxPhases {
		return nil, invalid("phases", "", "Subscription schedules can have up to 10 current and future phases.")
	}
	return phases, nil
}

// moment is a time that a request gives, where now may stand for the present.
func (f form) moment(name string, now int64) int64 {
	if f.text(name) == "now" {
		return now
	}
	return f.integer(name, 0)
}

func (t *transaction) readPhase(s *subscriptionSchedule, given form, name string, start int64) (schedulePhase, *apiError) {
	phase := schedulePhase{
		BillingCycleAnchor: text(given.text("billing_cycle_anchor")), StartDate: start, Description: text(given.text("description")),
		ProrationBehavior: given.word("proration_behavior", "create_prorations"), DefaultPaymentMethod: text(given.text("default_payment_method")),
		CollectionMethod: text(given.text("collection_method")),
	}
	if phase.CollectionMethod == "send_invoice" {
		return phase, unsupported(paramName(name, "collection_method"), "invoices that are sent")
	}
	if id := string(phase.DefaultPaymentMethod); id != "" {
		if fault := t.ownedPaymentMethod(id, s.Customer, paramName(name, "default_payment_method")); fault != nil {
			return phase, fault
		}
	}
	var fault *apiError
	if phase.Metadata, fault = phase.Metadata.merge(given); fault != nil {
		return phase, fault
	}
	every, fault := t.readPhaseItems(s, &phase, given, paramName(name, "items"))
	if fault != nil {
		return phase, fault
	}
	owner := discounted{currency: phase.Currency, cost: phase.cost(t)}
	if phase.Discounts, fault = t.readPhaseDiscounts(s, given, owner, name); fault != nil {
		return phase, fault
	}
	if fault := t.readAdditions(s, &phase, given, name); fault != nil {
		return phase, fault
	}
	return phase, phase.setSpan(given, name, every, t.now)
}

// readPhaseItems reads the items of a phase, and returns how often the first of
// them is billed.
func (t *transaction) readPhaseItems(s *subscriptionSchedule, phase *schedulePhase, given form, name string) (*recurring, *apiError) {
	trial := &subscription{BillingMode: s.BillingMode}
	if len(s.Phases) > 0 {
		trial.Currency = s.Phases[0].Currency
	}
	if given.has("currency") {
		currency, fault := readCurrency(given.text("currency"))
		if fault != nil {
			return nil, fault.under(strings.TrimSuffix(name, "[items]"))
		}
		trial.Currency = currency
	}
	var items []subscriptionItem
	for i, one := range given.forms("items") {
		item := subscriptionItem{Quantity: 1}
		at := paramName(name, strconv.Itoa(i))
		if fault := trial.setItem(t, &item, one, at); fault != nil {
			return nil, fault
		}
		read, fault := t.readPhaseItem(s, item, one, at)
		if fault != nil {
			return nil, fault
		}
		items, phase.Items = append(items, item), append(phase.Items, read)
	}
	if fault := trial.checkItems(items); fault != nil {
		fault.param = name
		return nil, fault
	}
	phase.Currency = trial.Currency
	return items[0].Price.Recurring, nil
}

// setSpan sets when a phase ends: at a time, after a duration, or after one
// period.
func (p *schedulePhase) setSpan(given form, name string, every *recurring, now int64) *apiError {
	if given.has("end_date") && given.has("duration") {
		return invalid(paramName(name, "duration"), "parameters_exclusive", "You may only specify one of these parameters: end_date, duration.")
	}
	if length := given.form("duration"); length != nil {
		every = &recurring{Interval: length.text("interval"), IntervalCount: length.integer("interval_count", 1)}
	}
	p.EndDate = every.boundary(newCycle(p.StartDate), 1)
	if given.has("end_date") {
		p.EndDate = given.moment("end_date", now)
	}
	if p.EndDate <= p.StartDate {
		return invalid(paramName(name, "end_date"), "", "The end date of a phase must be after its start date.")
	}
	switch {
	case given.has("trial") && given.has("trial_end"):
		return invalid(paramName(name, "trial_end"), "parameters_exclusive", "You may only specify one of these parameters: trial, trial_end.")
	case given.boolean("trial", false):
		p.TrialEnd = moment(p.EndDate)
	case given.has("trial_end"):
		p.TrialEnd = moment(given.integer("trial_end", 0))
	}
	if p.TrialEnd != 0 && (int64(p.TrialEnd) <= p.StartDate || int64(p.TrialEnd) > p.EndDate) {
		return invalid(paramName(name, "trial_end"), "", "The trial of a phase must end within the phase.")
	}
	return nil
}

// setPhases replaces the present and the future phases; what is over stays.
func (t *transaction) setPhases(s *subscriptionSchedule, c call) *apiError {
	given := c.forms("phases")
	if len(given) == 0 {
		return missingParam("phases")
	}
	start, kept := s.Phases[0].StartDate, 0
	if s.CurrentPhase != nil {
		start = s.CurrentPhase.StartDate
	}
	if given[0].has("start_date") {
		wanted := given[0].moment("start_date", t.now)
		if s.Status == "not_started" && wanted >= t.now {
			start = wanted
		}
		if slices.ContainsFunc(s.Phases, func(p schedulePhase) bool { return p.StartDate == wanted && wanted < start }) {
			start = wanted // a phase that is over is told again
		}
		if wanted != start {
			return invalid("phases[0][start_date]", "", "You can not modify the start date of the current phase.")
		}
	}
	for kept < len(s.Phases) && s.Phases[kept].EndDate <= start {
		kept++
	}
	phases, fault := t.readPhases(s, c, start)
	if fault != nil {
		return fault
	}
	s.Phases, s.private.Warned = append(slices.Clone(s.Phases[:kept]), phases...), false
	if s.Status == "not_started" {
		if start <= t.now {
			return t.startSchedule(s)
		}
		return nil
	}
	present := s.phaseAt(t.now)
	if present == nil {
		return invalid("phases", "", "The phases of an active subscription schedule must not have ended.")
	}
	s.CurrentPhase = &phaseSpan{present.EndDate, present.StartDate}
	return nil
}

// phaseAt is the phase that holds a time, or nil.
func (s *subscriptionSchedule) phaseAt(at int64) *schedulePhase {
	for i, phase := range s.Phases {
		if phase.StartDate <= at && at < phase.EndDate {
			return &s.Phases[i]
		}
	}
	return nil
}
