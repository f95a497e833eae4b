package stripesim

const invoiceKind = "invoice"

// invoice is a bill for a period of a subscription, or for a change of it.
type invoice struct {
	header
	Livemode                     no                    `json:"livemode"`
	AccountCountry               string                `json:"account_country"`
	AccountName                  string                `json:"account_name"`
	AccountTaxIDs                null                  `json:"account_tax_ids"`
	AmountDue                    int64                 `json:"amount_due"`
	AmountOverpaid               zero                  `json:"amount_overpaid"`
	AmountPaid                   int64                 `json:"amount_paid"`
	AmountPaidOffStripe          int64                 `json:"amount_paid_off_stripe"`
	AmountRemaining              int64                 `json:"amount_remaining"`
	AmountShipping               zero                  `json:"amount_shipping"`
	Application                  null                  `json:"application"`
	AttemptCount                 int64                 `json:"attempt_count"`
	Attempted                    bool                  `json:"attempted"`
	AutoAdvance                  bool                  `json:"auto_advance"`
	AutomaticTax                 invoiceTax            `json:"automatic_tax"`
	AutomaticallyFinalizesAt     moment                `json:"automatically_finalizes_at"`
	BillingReason                string                `json:"billing_reason"`
	CollectionMethod             string                `json:"collection_method"`
	Created                      int64                 `json:"created"`
	Currency                     string                `json:"currency"`
	CustomFields                 null                  `json:"custom_fields"`
	Customer                     string                `json:"customer"`
	CustomerAccount              null                  `json:"customer_account"`
	CustomerAddress              *address              `json:"customer_address"`
	CustomerEmail                text                  `json:"customer_email"`
	CustomerName                 text                  `json:"customer_name"`
	CustomerPhone                text                  `json:"customer_phone"`
	CustomerShipping             *shipping             `json:"customer_shipping"`
	CustomerTaxExempt            string                `json:"customer_tax_exempt"`
	CustomerTaxIDs               emptyList             `json:"customer_tax_ids"`
	DefaultPaymentMethod         text                  `json:"default_payment_method"`
	DefaultSource                null                  `json:"default_source"`
	DefaultTaxRates              emptyList             `json:"default_tax_rates"`
	Description                  text                  `json:"description"`
	Discounts                    array[string]         `json:"discounts"`
	DueDate                      moment                `json:"due_date"`
	EffectiveAt                  moment                `json:"effective_at"`
	EndingBalance                *int64                `json:"ending_balance"`
	Footer                       text                  `json:"footer"`
	FromInvoice                  null                  `json:"from_invoice"`
	HostedInvoiceURL             text                  `json:"hosted_invoice_url"`
	InvoicePDF                   text                  `json:"invoice_pdf"`
	Issuer                       issuer                `json:"issuer"`
	LastFinalizationError        null                  `json:"last_finalization_error"`
	LatestRevision               null                  `json:"latest_revision"`
	Lines                        invoiceLines          `json:"lines"`
	Metadata                     metadata              `json:"metadata"`
	NextPaymentAttempt           moment                `json:"next_payment_attempt"`
	Number                       text                  `json:"number"`
	OnBehalfOf                   null                  `json:"on_behalf_of"`
	Parent                       *invoiceParent        `json:"parent"`
	PaymentSettings              invoicePaySettings    `json:"payment_settings"`
	PeriodEnd                    int64                 `json:"period_end"`
	PeriodStart                  int64                 `json:"period_start"`
	PostPaymentCreditNotesAmount zero                  `json:"post_payment_credit_notes_amount"`
	PrePaymentCreditNotesAmount  zero                  `json:"pre_payment_credit_notes_amount"`
	ReceiptNumber                null                  `json:"receipt_number"`
	Rendering                    null                  `json:"rendering"`
	ShippingCost                 null                  `json:"shipping_cost"`
	ShippingDetails              null                  `json:"shipping_details"`
	StartingBalance              int64                 `json:"starting_balance"`
	StatementDescriptor          null                  `json:"statement_descriptor"`
	Status                       string                `json:"status"`
	StatusTransitions            invoiceTransitions    `json:"status_transitions"`
	Subtotal                     int64                 `json:"subtotal"`
	SubtotalExcludingTax         int64                 `json:"subtotal_excluding_tax"`
	TestClock                    text                  `json:"test_clock"`
	Total                        int64                 `json:"total"`
	TotalDiscountAmounts         array[discountAmount] `json:"total_discount_amounts"`
	TotalExcludingTax            int64                 `json:"total_excluding_tax"`
	TotalPretaxCreditAmounts     array[pretaxCredit]   `json:"total_pretax_credit_amounts"`
	TotalTaxes                   emptyList             `json:"total_taxes"`
	WebhooksDeliveredAt          moment                `json:"webhooks_delivered_at"`

	private invoicePrivate
}

type invoicePrivate struct {
	Subscription string `json:"subscription,omitempty"`
	Intent       string `json:"intent,omitempty"`
	OutOfBand    bool   `json:"out_of_band,omitempty"`
	// RemindAt is when an invoice that was sent is announced to be due.
	RemindAt int64 `json:"remind_at,omitempty"`
	// Overdue says that it was announced to be overdue.
	Overdue bool `json:"overdue,omitempty"`
}

type invoiceTax struct {
	DisabledReason null `json:"disabled_reason"`
	Enabled        no   `json:"enabled"`
	Liability      null `json:"liability"`
	Provider       null `json:"provider"`
	Status         null `json:"status"`
}

// issuer is who bills: always the account itself.
type issuer struct {
	Type self `json:"type"`
}

type invoiceParent struct {
	QuoteDetails        null               `json:"quote_details"`
	SubscriptionDetails *invoiceParentPlan `json:"subscription_details"`
	Type                string             `json:"type"`
}

type invoiceParentPlan struct {
	Metadata     metadata `json:"metadata"`
	Subscription string   `json:"subscription"`
}

type invoicePaySettings struct {
	DefaultMandate       null `json:"default_mandate"`
	PaymentMethodOptions null `json:"payment_method_options"`
	PaymentMethodTypes   null `json:"payment_method_types"`
}

type invoiceTransitions struct {
	FinalizedAt           moment `json:"finalized_at"`
	MarkedUncollectibleAt moment `json:"marked_uncollectible_at"`
	PaidAt                moment `json:"paid_at"`
	VoidedAt              moment `json:"voided_at"`
}

func (*invoice) kind() string      { return invoiceKind }
func (i *invoice) clone() object   { c := *i; return &c }
func (i *invoice) hidden() any     { return &i.private }
func (i *invoice) onClock(id text) { i.TestClock = id }
func (i *invoice) indexes() []indexed {
	return i.Metadata.indexes(indexed{"customer", i.Customer}, indexed{"subscription", i.private.Subscription})
}

func (i *invoice) due() int64 {
	switch {
	case i.Status == "open" && i.isSent():
		return i.reminder()
	case !i.AutoAdvance:
		return 0
	case i.Status == "draft":
		return int64(i.AutomaticallyFinalizesAt)
	case i.Status == "open":
		return int64(i.NextPaymentAttempt)
	}
	return 0
}

func invoiceOperations() []operation {
	return []operation{
		previewOperation(),
		{method: "POST", path: "/v1/invoices", do: createInvoice, fields: invoiceTerms().with(shape{
			"currency": aText(), "customer": aText(), "subscription": aText(),
			"pending_invoice_items_behavior": aWord("exclude", "include"),
		})},
		{method: "GET", path: "/v1/invoices", do: listInvoices, fields: pageFields(shape{
			"collection_method": aWord("charge_automatically", "send_invoice"), "created": aRange(), "customer": aText(), "due_date": aRange(),
			"status": aWord("draft", "open", "paid", "uncollectible", "void"), "subscription": aText(),
		})},
		{method: "GET", path: "/v1/invoices/{}", do: retrieve[*invoice]},
		{method: "POST", path: "/v1/invoices/{}", do: updateInvoice, fields: invoiceTerms()},
		{method: "DELETE", path: "/v1/invoices/{}", do: deleteInvoice},
		{method: "POST", path: "/v1/invoices/{}/send", do: sendInvoice},
		{method: "POST", path: "/v1/invoices/{}/finalize", do: finalizeInvoice, fields: shape{"auto_advance": aBoolean()}},
		{method: "POST", path: "/v1/invoices/{}/pay", do: payInvoice, fields: shape{
			"off_session": aBoolean(), "paid_out_of_band": aBoolean(), "payment_method": aText(),
		}},
		{method: "POST", path: "/v1/invoices/{}/void", do: voidInvoice},
		{method: "POST", path: "/v1/invoices/{}/mark_uncollectible", do: markInvoiceUncollectible},
	}
}

// paymentDescriptions say what a payment is for, by the reason of its invoice.
var paymentDescriptions = map[string]text{
	"manual": "Payment for Invoice", "subscription_create": "Subscription creation", "subscription_cycle": "Subscription update",
	"subscription_update": "Subscription update",
}

// finalize opens a draft: from then on it cannot be changed, and waits for its
// payment. One of nothing is paid by that.
func (t *transaction) finalize(id string) *invoice {
	i := edit[*invoice](t, id)
	t.balance(i)
	i.Status, i.StatusTransitions.FinalizedAt = "open", moment(t.now)
	if i.EffectiveAt == 0 {
		i.EffectiveAt = moment(t.now)
	}
	t.planReminder(i)
	i.AutomaticallyFinalizesAt = 0
	i.HostedInvoiceURL = text("https://invoice.stripe.com/i/simulator/" + id)
	i.InvoicePDF = text("https://pay.stripe.com/invoice/simulator/" + id + "/pdf")
	if s := get[*subscription](t, i.private.Subscription); s != nil {
		i.Parent = &invoiceParent{Type: "subscription_details", SubscriptionDetails: &invoiceParentPlan{s.Metadata, s.ID}}
	}
	if i.AmountDue == 0 {
		t.emit("invoice.finalized", i)
		i.Attempted = true
		t.settle(i)
		return i
	}
	if t.prepaid != nil {
		return t.finalizePaid(i)
	}
	intent := t.newPaymentIntent(i.AmountDue, i.Currency, i.Customer)
	intent.private.Invoice, intent.Description = id, paymentDescriptions[i.BillingReason]
	if i.private.Subscription != "" {
		intent.SetupFutureUsage = "off_session"
	}
	i.private.Intent = intent.ID
	t.newInvoicePayment(i, intent)
	t.emit("invoice.finalized", i)
	t.emit("payment_intent.created", intent)
	return i
}

func finalizeInvoice(t *transaction, c call) (any, *apiError) {
	found, fault := one[*invoice](t, c)
	if fault != nil {
		return nil, fault
	}
	if found.Status != "draft" {
		return nil, refused("invoice_not_editable", "This invoice is already finalized, you can't re-finalize a non-draft invoice.")
	}
	mark := len(t.events)
	i := t.finalize(c.id())
	if i.Status != "open" {
		return i, nil
	}
	if i.AutoAdvance = c.boolean("auto_advance", i.AutoAdvance); i.AutoAdvance && !i.isSent() {
		i.NextPaymentAttempt = moment(t.now + draftTime)
	}
	for _, e := range t.events[mark:] {
		if e.Type == "invoice.finalized" {
			t.snapshot(e, i)
		}
	}
	return i, nil
}

func voidInvoice(t *transaction, c call) (any, *apiError) {
	found, fault := one[*invoice](t, c)
	if fault != nil {
		return nil, fault
	}
	if found.Status != "open" && found.Status != "uncollectible" {
		return nil, refused("", "You can only pass in open or uncollectible invoices. This invoice isn't open or uncollectible.")
	}
	return t.void(c.id()), nil
}

// void makes an invoice as if it had never been.
func (t *transaction) void(id string) *invoice {
	i := edit[*invoice](t, id)
	i.Status, i.AutoAdvance, i.NextPaymentAttempt, i.StatusTransitions.VoidedAt = "void", false, 0, moment(t.now)
	t.emit("invoice.voided", i)
	t.abandon(i, "void_invoice")
	t.pendingUpdateGone(i)
	t.giveBalanceBack(i)
	return i
}

// abandon cancels the payment that an invoice waited for.
func (t *transaction) abandon(i *invoice, reason string) {
	if i.private.Intent == "" {
		return
	}
	if intent := get[*paymentIntent](t, i.private.Intent); intent.Status != "canceled" && intent.Status != "succeeded" {
		t.cancelIntent(intent.ID, reason)
	}
	for _, p := range related[*invoicePayment](t, "invoice", i.ID) {
		if p.Status == "open" {
			canceled := edit[*invoicePayment](t, p.ID)
			canceled.Status, canceled.StatusTransitions.CanceledAt = "canceled", moment(t.now)
		}
	}
}

func markInvoiceUncollectible(t *transaction, c call) (any, *apiError) {
	found, fault := one[*invoice](t, c)
	if fault != nil {
		return nil, fault
	}
	if found.Status != "open" {
		return nil, refused("", "You can only pass in open invoices. This invoice isn't open.")
	}
	i := t.giveUp(c.id())
	t.setDelinquent(i.Customer, false)
	return i, nil
}

// giveUp marks an open invoice uncollectible.
func (t *transaction) giveUp(id string) *invoice {
	i := edit[*invoice](t, id)
	i.Status, i.AutoAdvance, i.NextPaymentAttempt, i.StatusTransitions.MarkedUncollectibleAt = "uncollectible", false, 0, moment(t.now)
	t.emit("invoice.marked_uncollectible", i)
	t.subscriptionPaid(i)
	return i
}

func listInvoices(t *transaction, c call) (any, *apiError) {
	found := all[*invoice](t)
	switch {
	case c.has("subscription"):
		found = with[*invoice](t, "subscription", c.text("subscription"))
	case c.has("customer"):
		found = with[*invoice](t, "customer", c.text("customer"))
	}
	return page(t, "/v1/invoices", c, found, func(i *invoice) bool {
		return c.within("created", i.Created) && c.within("due_date", int64(i.DueDate)) && c.word("customer", i.Customer) == i.Customer &&
			c.word("status", i.Status) == i.Status && c.word("collection_method", i.CollectionMethod) == i.CollectionMethod
	})
}
