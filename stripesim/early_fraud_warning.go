package stripesim

const earlyFraudWarningKind = "radar.early_fraud_warning"

// earlyFraudWarning is a bank's word that a charge was likely a fraud, before
// there is a dispute.
type earlyFraudWarning struct {
	header
	Livemode      no     `json:"livemode"`
	Actionable    bool   `json:"actionable"`
	Charge        string `json:"charge"`
	Created       int64  `json:"created"`
	FraudType     string `json:"fraud_type"`
	PaymentIntent text   `json:"payment_intent,omitempty"`
}

func (*earlyFraudWarning) kind() string    { return earlyFraudWarningKind }
func (w *earlyFraudWarning) clone() object { c := *w; return &c }
func (w *earlyFraudWarning) indexes() []indexed {
	return []indexed{{"charge", w.Charge}, {"payment_intent", string(w.PaymentIntent)}}
}

func earlyFraudWarningOperations() []operation {
	const path = "/v1/radar/early_fraud_warnings"
	return []operation{
		{method: "GET", path: path, do: listEarlyFraudWarnings, fields: pageFields(shape{
			"charge": aText(), "created": aRange(), "payment_intent": aText(),
		})},
		{method: "GET", path: path + "/{}", do: retrieve[*earlyFraudWarning]},
	}
}

// warn makes the warning of a charge whose card is one that does.
func (t *transaction) warn(c *charge) {
	made := &earlyFraudWarning{
		header: header{ID: t.newID("issfr_1", 23), Object: earlyFraudWarningKind}, Actionable: true, Charge: c.ID, Created: t.now,
		FraudType: "misc", PaymentIntent: c.PaymentIntent,
	}
	t.create(made)
	t.emit("radar.early_fraud_warning.created", made)
}

// heedWarnings ends what is to be done about the warnings of a charge that was
// given back.
func (t *transaction) heedWarnings(c *charge) {
	for _, before := range related[*earlyFraudWarning](t, "charge", c.ID) {
		if before.Actionable {
			changed := edit[*earlyFraudWarning](t, before.ID)
			changed.Actionable = false
			t.changed("radar.early_fraud_warning.updated", before, changed)
		}
	}
}

func listEarlyFraudWarnings(t *transaction, c call) (any, *apiError) {
	found := all[*earlyFraudWarning](t)
	switch {
	case c.has("charge"):
		found = with[*earlyFraudWarning](t, "charge", c.text("charge"))
	case c.has("payment_intent"):
		found = with[*earlyFraudWarning](t, "payment_intent", c.text("payment_intent"))
	}
	return page(t, "/v1/radar/early_fraud_warnings", c, found, func(w *earlyFraudWarning) bool {
		return c.within("created", w.Created) && c.word("payment_intent", string(w.PaymentIntent)) == string(w.PaymentIntent)
	})
}
