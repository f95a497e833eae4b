package stripesim

import (
	"encoding/json"
	"maps"
	"time"
)

const disputeKind = "dispute"

const (
	// disputeTime is how many days there are to answer a dispute.
	disputeTime = 8 * 24 * time.Hour
	// verdictTime is how long the bank thinks about the evidence of a test.
	verdictTime = int64(5)
	// disputeFee is what a dispute costs, in the smallest unit.
	disputeFee = 1500
)

// dispute is a payer's objection to a charge: the bank has taken the money
// back, or, in an inquiry, only asks.
type dispute struct {
	header
	Livemode                 no              `json:"livemode"`
	Amount                   int64           `json:"amount"`
	BalanceTransactions      []*balanceEntry `json:"balance_transactions"`
	Charge                   string          `json:"charge"`
	Created                  int64           `json:"created"`
	Currency                 string          `json:"currency"`
	EnhancedEligibilityTypes emptyList       `json:"enhanced_eligibility_types"`
	Evidence                 evidence        `json:"evidence"`
	EvidenceDetails          evidenceDetails `json:"evidence_details"`
	IsChargeRefundable       bool            `json:"is_charge_refundable"`
	Metadata                 metadata        `json:"metadata"`
	PaymentIntent            text            `json:"payment_intent"`
	PaymentMethodDetails     disputeMethod   `json:"payment_method_details"`
	Reason                   string          `json:"reason"`
	Status                   string          `json:"status"`

	private disputePrivate
}

type disputePrivate struct {
	// Verdict is the evidence on which the bank decides at VerdictAt.
	Verdict   string `json:"verdict,omitempty"`
	VerdictAt int64  `json:"verdict_at,omitempty"`
}

type evidenceDetails struct {
	DueBy               moment    `json:"due_by"`
	EnhancedEligibility emptyHash `json:"enhanced_eligibility"`
	HasEvidence         bool      `json:"has_evidence"`
	PastDue             bool      `json:"past_due"`
	SubmissionCount     int64     `json:"submission_count"`
}

type disputeMethod struct {
	Card disputeCard `json:"card"`
	Type string      `json:"type"`
}

type disputeCard struct {
	Brand             string `json:"brand"`
	CaseType          string `json:"case_type"`
	Network           string `json:"network"`
	NetworkReasonCode string `json:"network_reason_code"`
}

// evidence is what was said against a dispute, by the names of its fields. It
// is never changed once a dispute has it.
type evidence map[string]string

// evidenceTexts are the fields of evidence that are texts, evidenceFiles those
// that are files.
var (
	evidenceTexts = []string{
		"access_activity_log", "billing_address", "cancellation_policy_disclosure", "cancellation_rebuttal", "customer_email_address",
		"customer_name", "customer_purchase_ip", "duplicate_charge_explanation", "duplicate_charge_id", "product_description",
		"refund_policy_disclosure", "refund_refusal_explanation", "service_date", "shipping_address", "shipping_carrier", "shipping_date",
		"shipping_tracking_number", "uncategorized_text",
	}
	evidenceFiles = []string{
		"cancellation_policy", "customer_communication", "customer_signature", "duplicate_charge_documentation", "receipt", "refund_policy",
		"service_documentation", "shipping_documentation", "uncategorized_file",
	}
)

// MarshalJSON implements [json.Marshaler]: all fields are there, null where
// nothing was said.
func (e evidence) MarshalJSON() ([]byte, error) {
	shown := map[string]any{"enhanced_evidence": struct{}{}}
	for _, name := range evidenceTexts {
		shown[name] = text(e[name])
	}
	for _, name := range evidenceFiles {
		shown[name] = nil
	}
	return json.Marshal(shown)
}

// UnmarshalJSON implements [json.Unmarshaler].
func (e *evidence) UnmarshalJSON(encoded []byte) error {
	var fields map[string]any
	if err := json.Unmarshal(encoded, &fields); err != nil {
		return err
	}
	*e = evidence{}
	for name, value := range fields {
		if said, ok := value.(string); ok {
			(*e)[name] = said
		}
	}
	return nil
}

func (*dispute) kind() string    { return disputeKind }
func (d *dispute) clone() object { c := *d; return &c }
func (d *dispute) hidden() any   { return &d.private }
func (d *dispute) indexes() []indexed {
	return []indexed{{"charge", d.Charge}, {"payment_intent", string(d.PaymentIntent)}}
}

func (d *dispute) due() int64 {
	switch {
	case d.private.VerdictAt > 0:
		return d.private.VerdictAt
	case d.Status == "needs_response" || d.Status == "warning_needs_response":
		return int64(d.EvidenceDetails.DueBy)
	}
	return 0
}

func (d *dispute) isInquiry() bool {
	return d.Status == "warning_needs_response" || d.Status == "warning_under_review"
}

func (d *dispute) isClosed() bool {
	return d.Status == "won" || d.Status == "lost" || d.Status == "warning_closed"
}

func disputeOperations() []operation {
	const longestEvidence = 20000
	said := shape{}
	for _, name := range evidenceTexts {
		said[name] = aText().upTo(longestEvidence).orEmpty()
	}
	return []operation{
		{method: "GET", path: "/v1/disputes", do: listDisputes, fields: pageFields(shape{
			"charge": aText(), "created": aRange(), "payment_intent": aText(),
		})},
		{method: "GET", path: "/v1/disputes/{}", do: retrieveDispute},
		{method: "POST", path: "/v1/disputes/{}", do: updateDispute, fields: shape{
			"evidence": aHash(said), "metadata": aMetadata(), "submit": aBoolean(),
		}},
		{method: "POST", path: "/v1/disputes/{}/close", do: closeDispute},
	}
}

// objection is the dispute that a test card leads to.
type objection struct {
	reason string
	code   string // of the card's network
	// inquiry says that the bank only asks.
	inquiry bool
	// twice says that there are two disputes, each of a half.
	twice bool
	// warning says that there is no dispute, but an early fraud warning.
	warning bool
}

// dispute is what follows a charge whose card is one that leads to disputes.
func (t *transaction) dispute(c *charge, o objection) {
	amount := c.AmountCaptured
	switch {
	case o.warning:
		t.warn(c)
	case o.twice:
		t.contest(c, o, amount/2)
		t.contest(c, o, amount-amount/2)
	case o.reason != "":
		t.contest(c, o, amount)
	}
}

// contest opens a dispute of a charge, or of a part of it.
func (t *transaction) contest(c *charge, o objection, amount int64) {
	paidBy := c.PaymentMethodDetails.part().Card
	made := &dispute{
		header: header{ID: t.newID("du_1", 23), Object: disputeKind}, Amount: amount, BalanceTransactions: []*balanceEntry{},
		Charge: c.ID, Created: t.now, Currency: c.Currency, PaymentIntent: c.PaymentIntent, Reason: o.reason, Status: "needs_response",
		EvidenceDetails: evidenceDetails{DueBy: endOfDay(t.now + int64(disputeTime/time.Second))},
		PaymentMethodDetails: disputeMethod{Type: "card", Card: disputeCard{
			Brand: paidBy.Brand, CaseType: "chargeback", Network: paidBy.Network, NetworkReasonCode: o.code,
		}},
	}
	c.Disputed, c.Dispute = true, text(made.ID)
	if o.inquiry {
		made.Status, made.IsChargeRefundable, made.PaymentMethodDetails.Card.CaseType = "warning_needs_response", true, "inquiry"
	}
	t.create(made)
	if o.inquiry {
		t.emit("charge.dispute.created", made)
		return
	}
	t.withdraw(made)
	t.emit("charge.dispute.created", made)
	t.emit("charge.dispute.funds_withdrawn", made)
}

func endOfDay(at int64) moment { return moment(at - at%day + day - 1) }

// withdraw takes the disputed money, and the fee.
func (t *transaction) withdraw(d *dispute) {
	entry := t.book(booking{
		amount: -d.Amount, fee: disputeFee, currency: d.Currency, kind: "adjustment", category: "dispute", source: d.ID,
		description: text("Chargeback withdrawal for " + d.Charge), feeFor: "Dispute fee",
	})
	d.BalanceTransactions = append([]*balanceEntry{entry}, d.BalanceTransactions...)
}

// withEntries is the dispute as it goes over the wire, its bookings as they
// are now.
func (d *dispute) withEntries(now int64) *dispute {
	shown := *d
	shown.BalanceTransactions = make([]*balanceEntry, len(d.BalanceTransactions))
	for i, entry := range d.BalanceTransactions {
		shown.BalanceTransactions[i] = entry.atTime(now)
	}
	return &shown
}

func retrieveDispute(t *transaction, c call) (any, *apiError) { return t.disputeOf(c) }

func (t *transaction) disputeOf(c call) (*dispute, *apiError) {
	found, fault := named[*dispute](t, c.id(), "dispute")
	if fault != nil {
		return nil, fault.notFound()
	}
	return found, nil
}

// openDispute is the dispute of a call, which must not be closed.
func (t *transaction) openDispute(c call) (*dispute, *apiError) {
	found, fault := t.disputeOf(c)
	if fault == nil && found.isClosed() {
		fault = refused("", "This dispute is already closed")
	}
	return found, fault
}

func updateDispute(t *transaction, c call) (any, *apiError) {
	before, fault := t.openDispute(c)
	if fault != nil {
		return nil, fault
	}
	changed := edit[*dispute](t, c.id())
	if changed.Metadata, fault = changed.Metadata.merge(c.form); fault != nil {
		return nil, fault
	}
	if fault := changed.say(c.form.form("evidence")); fault != nil {
		return nil, fault
	}
	if c.boolean("submit", c.has("evidence")) {
		t.submit(changed)
	}
	t.changed("charge.dispute.updated", before, changed)
	return changed, nil
}

// say takes over evidence; what is sent empty is taken back.
func (d *dispute) say(given form) *apiError {
	const mostEvidence = 150000
	said, size := maps.Clone(d.Evidence), 0
	if said == nil {
		said = evidence{}
	}
	for name := range given {
		if said[name] = given.text(name); said[name] == "" {
			delete(said, name)
		}
	}
	for _, one := range said {
		size += len(one)
	}
	if size > mostEvidence {
		return invalid("evidence", "", "The combined character count of all evidence fields can be at most 150,000.")
	}
	d.Evidence, d.EvidenceDetails.HasEvidence = said, len(said) > 0
	return nil
}

// submit sends the evidence to the bank.
func (t *transaction) submit(d *dispute) {
	d.EvidenceDetails.SubmissionCount++
	d.Status = map[bool]string{true: "warning_under_review", false: "under_review"}[d.isInquiry()]
	switch said := d.Evidence["uncategorized_text"]; said {
	case winningEvidence, losingEvidence, escalatingEvidence:
		d.private.Verdict, d.private.VerdictAt = said, t.now+verdictTime
	}
}

func closeDispute(t *transaction, c call) (any, *apiError) {
	if _, fault := t.openDispute(c); fault != nil {
		return nil, fault
	}
	return t.lose(c.id(), false), nil
}

func listDisputes(t *transaction, c call) (any, *apiError) {
	found := all[*dispute](t)
	switch {
	case c.has("charge"):
		found = with[*dispute](t, "charge", c.text("charge"))
	case c.has("payment_intent"):
		found = with[*dispute](t, "payment_intent", c.text("payment_intent"))
	}
	return page(t, "/v1/disputes", c, found, func(d *dispute) bool {
		return c.within("created", d.Created) && c.word("payment_intent", string(d.PaymentIntent)) == string(d.PaymentIntent)
	})
}
