package stripesim

const invoicePaymentKind = "invoice_payment"

// invoicePayment links an invoice and the payment intent that pays it.
type invoicePayment struct {
	header
	Livemode          no                        `json:"livemode"`
	AmountPaid        *int64                    `json:"amount_paid"` // null until it is paid
	AmountRequested   int64                     `json:"amount_requested"`
	Created           int64                     `json:"created"`
	Currency          string                    `json:"currency"`
	Invoice           string                    `json:"invoice"`
	IsDefault         bool                      `json:"is_default"`
	Payment           associatedPayment         `json:"payment"`
	Status            string                    `json:"status"`
	StatusTransitions invoicePaymentTransitions `json:"status_transitions"`
}

type associatedPayment struct {
	PaymentIntent string `json:"payment_intent"`
	Type          string `json:"type"`
}

type invoicePaymentTransitions struct {
	CanceledAt moment `json:"canceled_at"`
	PaidAt     moment `json:"paid_at"`
}

func (*invoicePayment) kind() string    { return invoicePaymentKind }
func (p *invoicePayment) clone() object { c := *p; return &c }
func (p *invoicePayment) indexes() []indexed {
	return []indexed{{"invoice", p.Invoice}, {"payment_intent", p.Payment.PaymentIntent}}
}

func invoicePaymentOperations() []operation {
	return []operation{
		{method: "GET", path: "/v1/invoice_payments", do: listInvoicePayments, fields: pageFields(shape{
			"created": aRange(), "invoice": aText(), "status": aWord("canceled", "open", "paid"),
			"payment": aHash(shape{"payment_intent": aText(), "type": aWord("payment_intent", "payment_record").must()}),
		})},
		{method: "GET", path: "/v1/invoice_payments/{}", do: retrieve[*invoicePayment]},
	}
}

func (t *transaction) newInvoicePayment(i *invoice, intent *paymentIntent) {
	t.create(&invoicePayment{
		header: header{ID: t.newID("inpay_1", 23), Object: invoicePaymentKind}, AmountRequested: i.AmountDue, Created: t.now,
		Currency: i.Currency, Invoice: i.ID, IsDefault: true, Payment: associatedPayment{intent.ID, "payment_intent"}, Status: "open",
	})
}

// payInvoicePayment notes that an intent has paid its part of an invoice.
func (t *transaction) payInvoicePayment(intent *paymentIntent) {
	for _, p := range related[*invoicePayment](t, "payment_intent", intent.ID) {
		paid, amount := edit[*invoicePayment](t, p.ID), intent.Amount
		paid.Status, paid.AmountPaid, paid.StatusTransitions.PaidAt = "paid", &amount, moment(t.now)
		t.emit("invoice_payment.paid", paid)
	}
}

func listInvoicePayments(t *transaction, c call) (any, *apiError) {
	found := all[*invoicePayment](t)
	wanted := c.form.form("payment")
	switch {
	case c.has("invoice"):
		found = with[*invoicePayment](t, "invoice", c.text("invoice"))
	case wanted.has("payment_intent"):
		found = with[*invoicePayment](t, "payment_intent", wanted.text("payment_intent"))
	}
	return page(t, "/v1/invoice_payments", c, found, func(p *invoicePayment) bool {
		return c.within("created", p.Created) && c.word("status", p.Status) == p.Status &&
			wanted.word("payment_intent", p.Payment.PaymentIntent) == p.Payment.PaymentIntent &&
			wanted.word("type", p.Payment.Type) == p.Payment.Type
	})
}
