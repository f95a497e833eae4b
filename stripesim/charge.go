package stripesim

import "cmp"

const chargeKind = "charge"

// charge is one movement of money, or the try of one.
type charge struct {
	header
	Livemode                      no                       `json:"livemode"`
	Amount                        int64                    `json:"amount"`
	AmountCaptured                int64                    `json:"amount_captured"`
	AmountRefunded                int64                    `json:"amount_refunded"`
	Application                   null                     `json:"application"`
	ApplicationFee                null                     `json:"application_fee"`
	ApplicationFeeAmount          null                     `json:"application_fee_amount"`
	BalanceTransaction            text                     `json:"balance_transaction"` // null until it is booked
	BillingDetails                interned[billingDetails] `json:"billing_details"`
	CalculatedStatementDescriptor string                   `json:"calculated_statement_descriptor"`
	Captured                      bool                     `json:"captured"`
	Created                       int64                    `json:"created"`
	Currency                      string                   `json:"currency"`
	Customer                      text                     `json:"customer"`
	Description                   text                     `json:"description"`
	Destination                   null                     `json:"destination"`
	Dispute                       text                     `json:"dispute"`
	Disputed                      bool                     `json:"disputed"`
	FailureBalanceTransaction     null                     `json:"failure_balance_transaction"`
	FailureCode                   text                     `json:"failure_code"`
	FailureMessage                text                     `json:"failure_message"`
	FraudDetails                  emptyHash                `json:"fraud_details"`
	Metadata                      metadata                 `json:"metadata"`
	OnBehalfOf                    null                     `json:"on_behalf_of"`
	Order                         null                     `json:"order"`
	Outcome                       interned[outcome]        `json:"outcome"`
	Paid                          bool                     `json:"paid"`
	PaymentIntent                 text                     `json:"payment_intent"`
	PaymentMethod                 text                     `json:"payment_method"`
	PaymentMethodDetails          interned[chargeMethod]   `json:"payment_method_details"`
	RadarOptions                  emptyHash                `json:"radar_options"`
	ReceiptEmail                  text                     `json:"receipt_email"`
	ReceiptNumber                 null                     `json:"receipt_number"`
	ReceiptURL                    text                     `json:"receipt_url"`
	Refunded                      bool                     `json:"refunded"`
	Review                        null                     `json:"review"`
	Shipping                      null                     `json:"shipping"`
	Source                        null                     `json:"source"`
	SourceTransfer                null                     `json:"source_transfer"`
	StatementDescriptor           null                     `json:"statement_descriptor"`
	StatementDescriptorSuffix     null                     `json:"statement_descriptor_suffix"`
	Status                        string                   `json:"status"`
	TransferData                  null                     `json:"transfer_data"`
	TransferGroup                 null                     `json:"transfer_group"`

	private chargePrivate
}

type chargePrivate struct {
	// BookedAt is when the money will be booked. 0: it is, or never will be.
	BookedAt int64 `json:"booked_at,omitempty"`
}

type outcome struct {
	AdviceCode         text   `json:"advice_code"`
	NetworkAdviceCode  null   `json:"network_advice_code"`
	NetworkDeclineCode null   `json:"network_decline_code"`
	NetworkStatus      string `json:"network_status"`
	Reason             text   `json:"reason"`
	RiskLevel          string `json:"risk_level"`
	RiskScore          int64  `json:"risk_score"`
	SellerMessage      string `json:"seller_message"`
	Type               string `json:"type"`
}

type chargeMethod struct {
	Card chargeCard `json:"card"`
	Type string     `json:"type"`
}

type chargeCard struct {
	AmountAuthorized  sum        `json:"amount_authorized"`
	AuthorizationCode null       `json:"authorization_code"`
	Brand             string     `json:"brand"`
	CaptureBefore     int64      `json:"capture_before,omitempty"`
	Checks            cardChecks `json:"checks"`
	Country           string     `json:"country"`
	ExpMonth          int64      `json:"exp_month"`
	ExpYear           int64      `json:"exp_year"`
	Fingerprint       string     `json:"fingerprint"`
	Funding           string     `json:"funding"`
	Installments      null       `json:"installments"`
	Last4             string     `json:"last4"`
	Mandate           null       `json:"mandate"`
	Network           string     `json:"network"`
	NetworkToken      null       `json:"network_token"`
	RegulatedStatus   string     `json:"regulated_status"`
	ThreeDSecure      null       `json:"three_d_secure"`
	Wallet            null       `json:"wallet"`
}

func (*charge) kind() string    { return chargeKind }
func (c *charge) clone() object { changed := *c; return &changed }
func (c *charge) hidden() any   { return &c.private }
func (c *charge) due() int64    { return c.private.BookedAt }
func (c *charge) indexes() []indexed {
	return c.Metadata.indexes(indexed{"customer", string(c.Customer)}, indexed{"payment_intent", string(c.PaymentIntent)})
}

func chargeOperations() []operation {
	return []operation{
		{method: "GET", path: "/v1/charges", do: listCharges, fields: pageFields(shape{
			"created": aRange(), "customer": aText(), "payment_intent": aText(),
		})},
		{method: "GET", path: "/v1/charges/{}", do: retrieve[*charge]},
		{method: "POST", path: "/v1/charges/{}", do: updateCharge, fields: shape{"description": aText().orEmpty(), "metadata": aMetadata()}},
		{method: "GET", path: "/v1/charges/{}/refunds", do: listChargeRefunds, fields: pageFields(nil)},
	}
}

func (t *transaction) newCharge(intent *paymentIntent, method *paymentMethod) *charge {
	known := method.Card.part()
	made := &charge{
		header: header{ID: t.newID("ch_3", 23), Object: chargeKind}, Amount: intent.Amount, BillingDetails: method.BillingDetails,
		CalculatedStatementDescriptor: "SIMULATOR", Created: t.now, Currency: intent.Currency, Customer: intent.Customer,
		Description: intent.Description, Metadata: intent.Metadata, PaymentIntent: text(intent.ID), PaymentMethod: text(method.ID),
		PaymentMethodDetails: intern(chargeMethod{Type: "card", Card: chargeCard{
			Brand: known.Brand, Checks: known.Checks, Country: known.Country, ExpMonth: known.ExpMonth, ExpYear: known.ExpYear,
			Fingerprint: known.Fingerprint, Funding: known.Funding, Last4: known.Last4, Network: known.Brand, RegulatedStatus: known.RegulatedStatus,
		}}),
		ReceiptEmail: intent.ReceiptEmail,
	}
	t.create(made)
	return made
}

const (
	normalRisk  = 12
	highestRisk = 95
)

// riskScores are the scores of the levels of risk at which a charge is let pass.
var riskScores = map[string]int64{"": normalRisk, "elevated": 65}

// settle is what the bank's consent makes of a charge.
func (c *charge) settle(now int64, risk string) {
	c.Status, c.Paid, c.Captured, c.AmountCaptured = "succeeded", true, true, c.Amount
	method := c.PaymentMethodDetails.part()
	method.Card.AmountAuthorized = sum(c.Amount)
	c.PaymentMethodDetails = intern(method)
	c.private.BookedAt = now + bookTime
	c.ReceiptURL = text("https://pay.stripe.com/receipts/simulator/" + c.ID)
	c.Outcome = intern(outcome{
		NetworkStatus: "approved_by_network", RiskLevel: cmp.Or(risk, "normal"), RiskScore: riskScores[risk], SellerMessage: "Payment complete.", Type: "authorized",
	})
}

// fail is what a refusal makes of a charge.
func (c *charge) fail(why refusal, blocked bool) {
	c.Status, c.FailureCode, c.FailureMessage = "failed", text(why.code), text(why.message)
	reason := why.declineCode
	if reason == "" {
		reason = why.code
	}
	c.Outcome = intern(outcome{
		AdviceCode: adviceOf(why), NetworkStatus: "declined_by_network", Reason: text(reason), RiskLevel: "normal", RiskScore: normalRisk,
		SellerMessage: "The bank did not return any further details with this decline.", Type: "issuer_declined",
	})
	if blocked {
		c.Outcome = intern(outcome{
			NetworkStatus: "not_sent_to_network", Reason: "highest_risk_level", RiskLevel: "highest", RiskScore: highestRisk,
			SellerMessage: "Stripe blocked this payment as too risky.", Type: "blocked",
		})
	}
}

// adviceOf is what may be done after a refusal.
func adviceOf(why refusal) text {
	switch {
	case hardDeclines[why.declineCode] && why.declineCode != "authentication_required" || why.declineCode == "test_mode_live_card":
		return "do_not_try_again"
	case why.code == "incorrect_cvc" || why.code == "expired_card":
		return "confirm_card_data"
	}
	return "try_again_later"
}

func updateCharge(t *transaction, c call) (any, *apiError) {
	before, fault := one[*charge](t, c)
	if fault != nil {
		return nil, fault
	}
	changed := edit[*charge](t, c.id())
	c.setText("description", &changed.Description)
	if changed.Metadata, fault = changed.Metadata.merge(c.form); fault != nil {
		return nil, fault
	}
	t.changed("charge.updated", before, changed)
	return changed, nil
}

func listCharges(t *transaction, c call) (any, *apiError) {
	found := all[*charge](t)
	switch {
	case c.has("payment_intent"):
		found = with[*charge](t, "payment_intent", c.text("payment_intent"))
	case c.has("customer"):
		found = with[*charge](t, "customer", c.text("customer"))
	}
	return page(t, "/v1/charges", c, found, func(one *charge) bool {
		return c.within("created", one.Created) && c.word("customer", string(one.Customer)) == string(one.Customer)
	})
}

func listChargeRefunds(t *transaction, c call) (any, *apiError) {
	if _, fault := one[*charge](t, c); fault != nil {
		return nil, fault
	}
	return page[*refund](t, "/v1/charges/"+c.id()+"/refunds", c, with[*refund](t, "charge", c.id()), nil)
}
