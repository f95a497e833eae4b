package stripesim

import "fmt"

func createRefund(t *transaction, _ []string, p params) (any, *apiError) {
	charge, fault := t.refundable(p)
	if fault != nil {
		return nil, fault
	}
	left := charge.integer("amount") - charge.integer("amount_refunded")
	amount := p.integer("amount", left)
	switch {
	case left == 0:
		return nil, invalidParam("", "charge_already_refunded", "Charge "+charge.text("id")+" has already been refunded.")
	case amount < 1:
		return nil, invalidParam("amount", "parameter_invalid_integer", "Invalid positive integer")
	case amount > left:
		return nil, invalidParam("amount", "", fmt.Sprintf("Refund amount (%d) is greater than unrefunded amount on charge (%d)", amount, left))
	}
	reason, fault := p.oneOf("reason", "", "duplicate", "fraudulent", "requested_by_customer")
	if fault != nil {
		return nil, fault
	}
	behaviour := testCards[t.get(charge.text("payment_method")).text("_card")].refund
	refund := object{
		"id": newID("re_3"), "object": "refund", "amount": amount, "balance_transaction": nil, "charge": charge["id"],
		"created": t.time, "currency": charge["currency"], "destination_details": object{"type": "card", "card": object{"type": "refund"}},
		"metadata": object{}, "payment_intent": charge["payment_intent"], "reason": orNull(reason), "receipt_number": nil,
		"source_transfer_reversal": nil, "status": "succeeded", "transfer_reversal": nil, "_later": behaviour,
	}
	if behaviour == "pending" {
		refund["status"] = "pending"
	}
	if fault := setMetadata(refund, p); fault != nil {
		return nil, fault
	}
	t.put(refund)
	charge = t.edit(charge.text("id"))
	before := cloneObject(charge)
	charge["amount_refunded"] = charge.integer("amount_refunded") + amount
	charge["refunded"] = charge.integer("amount_refunded") == charge.integer("amount")
	t.emit("refund.created", refund, nil)
	t.emit("charge.refunded", charge, changes(before, charge))
	return refund, nil
}

func (t *transaction) refundable(p params) (object, *apiError) {
	id := p.text("charge")
	if intentID := p.text("payment_intent"); intentID != "" {
		intent, fault := t.find("payment_intent", intentID, "payment_intent")
		if fault != nil {
			return nil, fault
		}
		if id = intent.text("latest_charge"); id == "" || intent.text("status") != "succeeded" {
			return nil, invalidParam("payment_intent", "", "This PaymentIntent ("+intentID+") does not have a successful charge to refund.")
		}
	}
	if id == "" {
		return nil, invalidRequest("", "One of the following params should be provided for this request: payment_intent or charge.")
	}
	charge, fault := t.find("charge", id, "charge")
	if fault == nil && charge.text("status") != "succeeded" {
		fault = invalidParam("charge", "", "This charge did not succeed, so there is nothing to refund.")
	}
	return charge, fault
}

// settleRefund is what becomes of a refund later: pending ones succeed, those
// of one test card fail.
func (t *transaction) settleRefund(id string) {
	refund := t.edit(id)
	before := cloneObject(refund)
	later := refund.text("_later")
	refund["_later"] = ""
	if later == "pending" {
		refund["status"] = "succeeded"
		t.updated("refund.updated", before, refund)
		return
	}
	refund["status"], refund["failure_reason"] = "failed", "unknown"
	charge := t.edit(refund.text("charge"))
	charge["amount_refunded"], charge["refunded"] = charge.integer("amount_refunded")-refund.integer("amount"), false
	t.updated("refund.updated", before, refund)
	t.emit("refund.failed", refund, nil)
}

func listRefunds(t *transaction, _ []string, p params) (any, *apiError) {
	fields := map[string]string{"charge": "charge", "payment_intent": "payment_intent"}
	return t.list(listing{kind: "refund", url: "/v1/refunds", fields: fields}, p)
}
