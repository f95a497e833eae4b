package stripesim

// The evidence texts by which a test decides what becomes of a dispute.
const (
	winningEvidence    = "winning_evidence"
	losingEvidence     = "losing_evidence"
	escalatingEvidence = "escalate_inquiry_evidence"
)

// workDispute is the clock's work on a dispute: the bank's verdict, or the end
// of the time to answer.
func (t *transaction) workDispute(id string) {
	d := edit[*dispute](t, id)
	verdict := d.private.Verdict
	d.private.Verdict, d.private.VerdictAt = "", 0
	switch {
	case verdict == "":
		t.lose(id, true)
	case verdict == winningEvidence && !d.isInquiry():
		t.win(id)
	case verdict == escalatingEvidence && d.isInquiry():
		t.escalate(id)
	default:
		t.lose(id, false)
	}
}

// win closes a dispute and gives the money back, but not the fee.
func (t *transaction) win(id string) {
	won := edit[*dispute](t, id)
	before := won.clone()
	won.Status, won.IsChargeRefundable = "won", true
	t.changed("charge.dispute.closed", before, won)
	before = won.clone()
	entry := t.book(booking{
		amount: won.Amount, currency: won.Currency, kind: "adjustment", category: "dispute_reversal", source: id,
		description: text("Chargeback reversal for " + won.Charge),
	})
	won.BalanceTransactions = append([]*balanceEntry{entry}, won.BalanceTransactions...)
	t.changed("charge.dispute.funds_reinstated", before, won)
}

// lose closes a dispute, which may be that it was not answered in time; that
// of an inquiry costs nothing.
func (t *transaction) lose(id string, pastDue bool) *dispute {
	lost := edit[*dispute](t, id)
	before := lost.clone()
	lost.private.Verdict, lost.private.VerdictAt = "", 0
	lost.EvidenceDetails.PastDue = pastDue
	lost.Status = map[bool]string{true: "warning_closed", false: "lost"}[lost.isInquiry()]
	t.changed("charge.dispute.closed", before, lost)
	return lost
}

// escalate makes a dispute of an inquiry, which has to be answered anew.
func (t *transaction) escalate(id string) {
	d := edit[*dispute](t, id)
	before := d.clone()
	d.Status, d.IsChargeRefundable, d.PaymentMethodDetails.Card.CaseType = "needs_response", false, "chargeback"
	d.EvidenceDetails.DueBy = endOfDay(t.now + int64(disputeTime.Seconds()))
	t.withdraw(d)
	t.changed("charge.dispute.updated", before, d)
	t.emit("charge.dispute.funds_withdrawn", d)
}
