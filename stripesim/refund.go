package stripesim

import "fmt"

const refundKind = "refund"

// refund is money that goes back.
type refund struct {
	header
	Amount                 int64             `json:"amount"`
	BalanceTransaction     text              `json:"balance_transaction"`
	Charge                 string            `json:"charge"`
	Created                int64             `json:"created"`
	Currency               string            `json:"currency"`
	DestinationDetails     refundDestination `json:"destination_details"`
	FailureEntry           string            `json:"failure_balance_transaction,omitempty"`
	FailureReason          string            `json:"failure_reason,omitempty"`
	Metadata               metadata          `json:"metadata"`
	PaymentIntent          text              `json:"payment_intent"`
	PendingReason          string            `json:"pending_reason,omitempty"`
	Reason                 text              `json:"reason"`
	ReceiptNumber          null              `json:"receipt_number"`
	SourceTransferReversal null              `json:"source_transfer_reversal"`
	Status                 string            `json:"status"`
	TransferReversal       null              `json:"transfer_reversal"`

	private refundPrivate
}

type refundPrivate struct {
	// Unsettled is how the refund goes on later; 0 is not at all.
	Unsettled refundWay `json:"unsettled,omitempty"`
}

type refundDestination struct {
	Card refundCard `json:"card"`
	Type string     `json:"type"`
}

type refundCard struct {
	ReferenceStatus string `json:"reference_status"`
	ReferenceType   string `json:"reference_type"`
	Type            string `json:"type"`
}

func (*refund) kind() string    { return refundKind }
func (r *refund) clone() object { c := *r; return &c }
func (r *refund) hidden() any   { return &r.private }
func (r *refund) indexes() []indexed {
	return []indexed{{"charge", r.Charge}, {"payment_intent", string(r.PaymentIntent)}}
}

func (r *refund) due() int64 {
	if r.private.Unsettled == refundsAtOnce {
		return 0
	}
	return r.Created + refundTime
}

func refundOperations() []operation {
	return []operation{
		{method: "POST", path: "/v1/refunds", do: createRefund, fields: shape{
			"amount": anInteger(1, maxAmount), "charge": aText(), "metadata": aMetadata(), "payment_intent": aText(),
			"reason": aWord("duplicate", "fraudulent", "requested_by_customer"),
		}},
		{method: "GET", path: "/v1/refunds", do: listRefunds, fields: pageFields(shape{"charge": aText(), "created": aRange(), "payment_intent": aText()})},
		{method: "GET", path: "/v1/refunds/{}", do: retrieve[*refund]},
		{method: "POST", path: "/v1/refunds/{}", do: updateRefund, fields: shape{"metadata": aMetadata()}},
	}
}

func createRefund(t *transaction, c call) (any, *apiError) {
	from, fault := t.refundable(c)
	if fault != nil {
		return nil, fault
	}
	left := from.Amount - from.AmountRefunded
	amount := c.integer("amount", left)
	switch {
	case left == 0:
		return nil, refused("charge_already_refunded", "Charge "+from.ID+" has already been refunded.")
	case amount > left:
		fault := refused("", fmt.Sprintf("Refund amount (%s) is greater than unrefunded amount on charge (%s)", formatAmount(amount, from.Currency), formatAmount(left, from.Currency)))
		fault.param = "amount"
		return nil, fault
	}
	way := get[*paymentMethod](t, string(from.PaymentMethod)).testCard().refund
	made := &refund{
		header: header{ID: t.newID("re_3", 23), Object: refundKind}, Amount: amount, Charge: from.ID, Created: t.now, Currency: from.Currency,
		DestinationDetails: refundDestination{Type: "card", Card: refundCard{"pending", "acquirer_reference_number", "refund"}},
		PaymentIntent:      from.PaymentIntent, Reason: text(c.text("reason")), Status: "succeeded", private: refundPrivate{way},
	}
	if way == refundsPending {
		made.Status, made.PendingReason = "pending", "processing"
	}
	if made.Metadata, fault = made.Metadata.merge(c.form); fault != nil {
		return nil, fault
	}
	t.create(made)
	made.BalanceTransaction = text(t.book(booking{
		amount: -amount, currency: made.Currency, kind: "refund", category: "refund", source: made.ID, description: "REFUND FOR CHARGE",
	}).ID)
	changed := edit[*charge](t, from.ID)
	changed.AmountRefunded += amount
	changed.Refunded = changed.AmountRefunded == changed.Amount
	t.emit("refund.created", made)
	t.changed("charge.refunded", from, changed)
	if changed.Refunded {
		t.heedWarnings(changed)
	}
	return made, nil
}

// refundable is the charge that a request wants to refund.
func (t *transaction) refundable(c call) (*charge, *apiError) {
	id := c.text("charge")
	if intentID := c.text("payment_intent"); intentID != "" {
		intent, fault := named[*paymentIntent](t, intentID, "payment_intent")
		if fault != nil {
			return nil, fault
		}
		if intent.Status == "requires_capture" {
			return nil, refused("", "This PaymentIntent ("+intentID+") was not captured. You must cancel the PaymentIntent to release its funds.")
		}
		if intent.Status != "succeeded" {
			return nil, refused("", "This PaymentIntent ("+intentID+") does not have a successful charge to refund.")
		}
		if id != "" && id != string(intent.LatestCharge) {
			return nil, invalid("charge", "", "The charge does not belong to the payment intent.")
		}
		id = string(intent.LatestCharge)
	}
	if id == "" {
		return nil, invalid("", "parameter_missing", "One of the following params should be provided for this request: payment_intent or charge.")
	}
	found, fault := named[*charge](t, id, "charge")
	switch {
	case fault != nil:
	case found.Status != "succeeded":
		fault = refused("charge_not_refundable", "This charge did not succeed, so there is nothing to refund.")
	case !t.mayRefund(found):
		fault = refused("charge_disputed", "Charge "+found.ID+" has been charged back; cannot issue a refund.")
	}
	return found, fault
}

// mayRefund says that no dispute has taken a charge's money already.
func (t *transaction) mayRefund(c *charge) bool {
	for _, d := range related[*dispute](t, "charge", c.ID) {
		if !d.IsChargeRefundable {
			return false
		}
	}
	return true
}

// settleRefund is what becomes of a refund later: a pending one succeeds, that
// of one test card fails and the money is the account's again.
func (t *transaction) settleRefund(id string) {
	before := get[*refund](t, id)
	changed := edit[*refund](t, id)
	changed.private.Unsettled = refundsAtOnce
	if before.private.Unsettled == refundsPending {
		changed.Status, changed.PendingReason = "succeeded", ""
		t.refundChanged(before, changed)
		return
	}
	changed.Status, changed.FailureReason = "failed", "unknown"
	changed.FailureEntry = t.book(booking{
		amount: changed.Amount, currency: changed.Currency, kind: "refund_failure", category: "refund_failure", source: id, description: "REFUND FAILURE",
	}).ID
	from := get[*charge](t, changed.Charge)
	restored := edit[*charge](t, changed.Charge)
	restored.AmountRefunded -= changed.Amount
	restored.Refunded = false
	t.refundChanged(before, changed)
	t.emit("refund.failed", changed)
	t.changed("charge.updated", from, restored)
}

// refundChanged tells of a change by the event of refunds and by the older one
// of charges.
func (t *transaction) refundChanged(before, after *refund) {
	t.changed("refund.updated", before, after)
	t.changed("charge.refund.updated", before, after)
}

func updateRefund(t *transaction, c call) (any, *apiError) {
	before, fault := one[*refund](t, c)
	if fault != nil {
		return nil, fault
	}
	changed := edit[*refund](t, c.id())
	if changed.Metadata, fault = changed.Metadata.merge(c.form); fault != nil {
		return nil, fault
	}
	t.refundChanged(before, changed)
	return changed, nil
}

func listRefunds(t *transaction, c call) (any, *apiError) {
	found := all[*refund](t)
	switch {
	case c.has("charge"):
		found = with[*refund](t, "charge", c.text("charge"))
	case c.has("payment_intent"):
		found = with[*refund](t, "payment_intent", c.text("payment_intent"))
	}
	return page(t, "/v1/refunds", c, found, func(r *refund) bool {
		return c.within("created", r.Created) && c.word("payment_intent", string(r.PaymentIntent)) == string(r.PaymentIntent)
	})
}
