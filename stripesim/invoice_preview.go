package stripesim

import (
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// This file is previews: an invoice is made by the very calls and the very work
// of the clock that would make it, in a transaction that is thrown away.

// preview is an invoice that was never made. It shows all its lines, since it
// cannot be asked for more of them. What it names is in the transaction.
type preview struct {
	*invoice
	scratch *transaction
}

func previewOperation() operation {
	items := itemFields().with(shape{"deleted": aBoolean(), "id": aText()})
	added := itemTerms().with(shape{"currency": aText(), "invoiceitem": aText(), "price": aText(), "unit_amount": anInteger(-maxAmount, maxAmount)})
	delete(added, "pricing")
	return operation{method: "POST", path: "/v1/invoices/create_preview", do: createPreview, fields: shape{
		"currency": aText(), "customer": aText(), "discounts": discountFields(), "invoice_items": aList(aHash(added)),
		"preview_mode": aWord("next", "recurring"), "schedule": aText(), "subscription": aText(),
		"schedule_details": aHash(shape{
			"billing_mode": billingModeFields(), "end_behavior": aWord("cancel", "release"), "phases": aList(aHash(phaseFields(true))),
			"proration_behavior": aWord("always_invoice", "create_prorations", "none"),
		}),
		"subscription_details": aHash(shape{
			"billing_cycle_anchor": aTime("now", "unchanged"), "billing_mode": billingModeFields(),
			"cancel_at": aTime("min_period_end", "max_period_end").orEmpty(), "cancel_at_period_end": aBoolean(), "cancel_now": aBoolean(),
			"items": aList(aHash(items)), "proration_behavior": aWord("always_invoice", "create_prorations", "none"), "proration_date": aTime(),
			"resume_at": aWord("now"), "start_date": aTime(), "trial_end": aTime("now"),
		}),
	}}
}

func createPreview(t *transaction, c call) (any, *apiError) {
	scratch := t.sim.begin(t.begun)
	show := scratch.previewSubscription
	if c.has("schedule") || c.has("schedule_details") {
		show = scratch.previewSchedule
	}
	made, cus, fault := show(c)
	if fault != nil {
		return nil, fault
	}
	if made == nil {
		return nil, &apiError{
			status: http.StatusNotFound, kind: invalidRequestError, code: "invoice_upcoming_none",
			message: "No upcoming invoices for customer: " + cus.ID,
		}
	}
	return scratch.preview(made), nil
}

// previewSubscription is the next invoice of a subscription, or of a customer
// without one.
func (t *transaction) previewSubscription(c call) (*invoice, *customer, *apiError) {
	s, cus, fault := t.previewed(c)
	if fault != nil {
		return nil, nil, fault
	}
	if fault := t.addPreviewItems(s, cus, c); fault != nil {
		return nil, nil, fault
	}
	details := c.form.form("subscription_details")
	if s != nil && c.has("discounts") && !isUpdate(details) {
		if fault := edit[*subscription](t, s.ID).setDiscounts(t, c); fault != nil {
			return nil, nil, fault
		}
	}
	mark := len(t.order)
	if len(details) > 0 {
		if s, fault = t.tryChange(s, cus, details, c.only("currency", "discounts")); fault != nil {
			return nil, nil, fault
		}
	}
	made, fault := t.wanted(s, cus, mark, c)
	return made, cus, fault
}

// isUpdate says whether details are those of an update, which takes discounts
// too.
func isUpdate(details form) bool {
	return len(details) > 0 && !details.boolean("cancel_now", false) && details.text("resume_at") != "now"
}

// previewed are the subscription whose next invoice is asked for, and the
// customer. Without either named or items to begin one with, it is the
// customer's subscription that is billed next. Nil: there is none.
func (t *transaction) previewed(c call) (*subscription, *customer, *apiError) {
	if !c.has("customer") && !c.has("subscription") {
		return nil, nil, missingParam("customer")
	}
	s, cus, fault := t.invoiced(c)
	if fault != nil || s != nil || c.form.form("subscription_details").has("items") {
		return s, cus, fault
	}
	for _, one := range related[*subscription](t, "customer", cus.ID) {
		if !one.ended() && one.due() > 0 && (s == nil || one.period().End < s.period().End) {
			s = one
		}
	}
	return s, cus, nil
}

// wanted is the invoice that a preview shows: the next one, or what recurs.
func (t *transaction) wanted(s *subscription, cus *customer, mark int, c call) (*invoice, *apiError) {
	switch {
	case c.text("preview_mode") == "recurring":
		return t.recurringInvoice(s), nil
	case s == nil:
		return t.pendingInvoice(cus, c)
	}
	return t.nextInvoice(s.ID, "", mark), nil
}

// only are some parameters of a request.
func (f form) only(names ...string) form {
	kept := form{}
	for _, name := range names {
		if f.has(name) {
			kept[name] = f[name]
		}
	}
	return kept
}

// addPreviewItems makes the invoice items of a request, which must be in a
// currency that the customer can have.
func (t *transaction) addPreviewItems(s *subscription, cus *customer, c call) *apiError {
	if asked := c.text("currency"); asked != "" {
		if _, fault := t.invoiceCurrency(s, cus, asked); fault != nil {
			return fault
		}
	}
	for i, given := range c.forms("invoice_items") {
		if fault := t.addPreviewItem(s, cus, given); fault != nil {
			return fault.under(paramName("invoice_items", strconv.Itoa(i)))
		}
	}
	return nil
}

// addPreviewItem makes an invoice item that the preview is to have, or changes
// one that waits.
func (t *transaction) addPreviewItem(s *subscription, cus *customer, given form) *apiError {
	if id := given.text("invoiceitem"); id != "" {
		waiting, fault := named[*invoiceItem](t, id, "invoiceitem")
		if fault == nil && (waiting.Customer != cus.ID || waiting.Invoice != "") {
			fault = missing(invoiceItemKind, id, "invoiceitem")
		}
		if fault != nil {
			return fault
		}
		return edit[*invoiceItem](t, id).set(t, previewItem(given))
	}
	item := previewItem(given)
	item["customer"] = cus.ID
	if s != nil {
		item["subscription"] = s.ID
	}
	_, fault := t.newInvoiceItem(item)
	if fault != nil && fault.param == "pricing[price]" {
		fault.param = "price"
	}
	return fault
}

// previewItem is an invoice item of a preview as the calls of invoice items have
// it.
func previewItem(given form) form {
	item := maps.Clone(given)
	delete(item, "invoiceitem")
	if id := given.text("price"); id != "" {
		delete(item, "price")
		item["pricing"] = form{"price": id}
	}
	if given.has("unit_amount") {
		delete(item, "unit_amount")
		item["unit_amount_decimal"] = strconv.FormatInt(given.integer("unit_amount", 0), 10)
	}
	return item
}

// tryChange does to a subscription what the preview is to show: it begins,
// changes, is resumed, or ends now. beside is what the request says of it outside
// of its details.
func (t *transaction) tryChange(s *subscription, cus *customer, details, beside form) (*subscription, *apiError) {
	if fault := checkPreviewed(details); fault != nil {
		return nil, fault.under("subscription_details")
	}
	asked := maps.Clone(details)
	asked["payment_behavior"] = "default_incomplete"
	var result any
	var fault *apiError
	switch {
	case s != nil && (details.has("billing_mode") || details.has("start_date")):
		name := sortedNames(details.only("billing_mode", "start_date"))[0]
		fault = invalid(name, "", "The "+name+" of a subscription that there is cannot be changed.")
	case s == nil:
		asked["customer"] = cus.ID
		maps.Copy(asked, beside)
		if details.has("start_date") {
			asked["backdate_start_date"] = details.value("start_date")
		}
		result, fault = createSubscription(t, call{form: asked})
	case details.boolean("cancel_now", false):
		asked["prorate"], asked["invoice_now"] = details.text("proration_behavior") != "none", true
		result, fault = cancelSubscription(t, call{form: asked, ids: []string{s.ID}})
	case details.text("resume_at") == "now":
		result, fault = resumeSubscription(t, call{form: asked, ids: []string{s.ID}})
	default:
		if _, isTime := details.value("billing_cycle_anchor").(int64); isTime {
			return nil, invalid("subscription_details[billing_cycle_anchor]", "", "The billing cycle anchor of a subscription can only be now or unchanged.")
		}
		maps.Copy(asked, beside.only("discounts"))
		result, fault = updateSubscription(t, call{form: asked, ids: []string{s.ID}})
	}
	changed, _ := result.(*subscription)
	if fault != nil && !strings.HasPrefix(fault.param, "discounts[") {
		if fault.param == "backdate_start_date" {
			fault.param = "start_date"
		}
		fault = fault.under("subscription_details")
	}
	return changed, fault
}

// checkPreviewed refuses what does not go with an end now or with a resumption.
func checkPreviewed(details form) *apiError {
	var only []string
	var with string
	switch {
	case details.boolean("cancel_now", false):
		only, with = []string{"cancel_now", "proration_behavior"}, "cancel_now"
	case details.text("resume_at") != "":
		only, with = []string{"billing_cycle_anchor", "cancel_now", "proration_behavior", "proration_date", "resume_at"}, "resume_at"
	default:
		return nil
	}
	for _, name := range sortedNames(details) {
		if !slices.Contains(only, name) {
			return unsupported(name, name+" together with "+with)
		}
	}
	return nil
}

// maxPreviewWork bounds how much the clock does before the next invoice.
const maxPreviewWork = 20

// nextInvoice is the first invoice that was made since the mark, or the one that
// the clock makes next, of a subscription or a schedule. Nil: there will be none.
func (t *transaction) nextInvoice(subscriptionID, scheduleID string, mark int) *invoice {
	made := t.invoiceSince(mark)
	t.held = ""
	for range maxPreviewWork {
		if s := get[*subscription](t, subscriptionID); s != nil {
			edit[*subscription](t, s.ID).neverAnnounce()
			scheduleID = string(s.Schedule)
		}
		next, at := t.nextWork(subscriptionID, scheduleID)
		if made != nil || at == 0 {
			break
		}
		t.now = max(t.now, at)
		t.work(next)
		if schedule := get[*subscriptionSchedule](t, scheduleID); schedule != nil && schedule.Subscription != "" {
			subscriptionID = string(schedule.Subscription)
		}
		made = t.invoiceSince(mark)
	}
	return made
}

// nextWork is what the clock does next to a subscription and its schedule.
func (t *transaction) nextWork(subscriptionID, scheduleID string) (next key, at int64) {
	if s := get[*subscription](t, subscriptionID); s != nil {
		next, at = keyOf(s), s.due()
	}
	if schedule := get[*subscriptionSchedule](t, scheduleID); schedule != nil && schedule.due() > 0 && (at == 0 || schedule.due() < at) {
		next, at = keyOf(schedule), schedule.due()
	}
	return next, at
}

// pendingInvoice bills what waits for a customer without a subscription.
func (t *transaction) pendingInvoice(cus *customer, c call) (*invoice, *apiError) {
	currency, fault := t.invoiceCurrency(nil, cus, c.text("currency"))
	items := t.pendingOf(cus.ID, currency)
	if fault != nil || len(items) == 0 {
		return nil, fault
	}
	made := t.draft(cus.ID, currency, billing{reason: "manual", lines: t.linesOf(items), from: t.now, to: t.now})
	fault = made.setDiscounts(t, c.form)
	t.create(made)
	return made, fault
}

// invoiceSince is the first invoice that the transaction made after a number of
// writes.
func (t *transaction) invoiceSince(mark int) *invoice {
	for _, k := range t.order[min(mark, len(t.order)):] {
		if k.Kind == invoiceKind && t.state.row(k) == nil {
			return t.writes[k].(*invoice)
		}
	}
	return nil
}

// preview shows an invoice as one that is to come, with what of it would be due.
func (t *transaction) preview(made *invoice) preview {
	shown := *edit[*invoice](t, made.ID)
	if shown.Status == "draft" {
		t.balance(&shown)
	}
	shown.ID = t.newID("upcoming_in_1", 23)
	shown.BillingReason, shown.Status, shown.Number, shown.private = "upcoming", "draft", "", invoicePrivate{}
	shown.HostedInvoiceURL, shown.InvoicePDF, shown.EffectiveAt, shown.StatusTransitions = "", "", 0, invoiceTransitions{}
	shown.AmountPaid, shown.AmountRemaining, shown.AttemptCount, shown.Attempted = 0, shown.AmountDue, 0, false
	shown.AutoAdvance, shown.AutomaticallyFinalizesAt, shown.NextPaymentAttempt = true, 0, 0
	if !shown.isSent() {
		shown.NextPaymentAttempt = moment(shown.Created + draftTime)
	}
	lines := slices.Clone(shown.Lines.Data)
	for i := range lines {
		lines[i].Invoice, lines[i].ID = shown.ID, "il_tmp_"+strings.TrimPrefix(lines[i].ID, "il_")
	}
	shown.Lines = invoiceLines{"list", lines, false, "/v1/invoices/" + shown.ID + "/lines"}
	return preview{&shown, t}
}

// under names the parameter of a refusal where it stands in another request.
func (e *apiError) under(prefix string) *apiError {
	if e.param == "" {
		return e
	}
	head, rest, nested := strings.Cut(e.param, "[")
	e.param = paramName(prefix, head)
	if nested {
		e.param += "[" + rest
	}
	return e
}
