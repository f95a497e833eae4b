package stripesim

import (
	"strings"
	"time"
)

// card is a test card: what it is, and how it behaves.
type card struct {
	brand, last4 string
	// attachFails: the card cannot be attached to a customer. Every charge of
	// a card with a code fails.
	attachFails                bool
	code, declineCode, message string
	// authenticate: the payer has to take the bank's step on every payment.
	authenticate bool
	// refund is how a refund begins: succeeded, pending, or failed later.
	refund string
}

func declining(last4, code, declineCode, message string) card {
	return card{brand: "visa", last4: last4, attachFails: true, code: code, declineCode: declineCode, message: message}
}

const (
	declinedText = "Your card was declined."
	detachedText = "The provided PaymentMethod was previously used with a PaymentIntent without Customer attachment, shared with a connected account without Customer attachment, or was detached from a Customer. It may not be used again."
)

// testCards are Stripe's, by the id of their payment method
// (https://docs.stripe.com/testing).
var testCards = map[string]card{
	"pm_card_visa":               {brand: "visa", last4: "4242"},
	"pm_card_mastercard":         {brand: "mastercard", last4: "4444"},
	"pm_card_amex":               {brand: "amex", last4: "0005"},
	"pm_card_bypassPending":      {brand: "visa", last4: "0077"},
	"pm_card_chargeCustomerFail": {brand: "visa", last4: "0341", code: "card_declined", declineCode: "generic_decline", message: declinedText},

	"pm_card_visa_chargeDeclined":                      declining("0002", "card_declined", "generic_decline", declinedText),
	"pm_card_visa_chargeDeclinedInsufficientFunds":     declining("9995", "card_declined", "insufficient_funds", "Your card has insufficient funds."),
	"pm_card_visa_chargeDeclinedLostCard":              declining("9987", "card_declined", "lost_card", declinedText),
	"pm_card_visa_chargeDeclinedStolenCard":            declining("9979", "card_declined", "stolen_card", declinedText),
	"pm_card_chargeDeclinedExpiredCard":                declining("0069", "expired_card", "expired_card", "Your card has expired."),
	"pm_card_chargeDeclinedIncorrectCvc":               declining("0127", "incorrect_cvc", "incorrect_cvc", "Your card's security code is incorrect."),
	"pm_card_chargeDeclinedProcessingError":            declining("0119", "processing_error", "processing_error", "An error occurred while processing your card. Try again in a little bit."),
	"pm_card_visa_chargeDeclinedVelocityLimitExceeded": declining("6975", "card_declined", "card_velocity_exceeded", declinedText),

	"pm_card_authenticationRequired":        {brand: "visa", last4: "3184", authenticate: true},
	"pm_card_threeDSecure2Required":         {brand: "visa", last4: "3220", authenticate: true},
	"pm_card_authenticationRequiredOnSetup": {brand: "visa", last4: "3155", authenticate: true},
	"pm_card_authenticationRequiredChargeDeclinedInsufficientFunds": {
		brand: "visa", last4: "3178", authenticate: true, code: "card_declined", declineCode: "insufficient_funds", message: "Your card has insufficient funds.",
	},
	"pm_card_authenticationRequiredSetupForOffSession": {brand: "visa", last4: "0446"},
	"pm_card_pendingRefund":                            {brand: "visa", last4: "7726", refund: "pending"},
	"pm_card_refundFail":                               {brand: "visa", last4: "5126", refund: "failed"},
}

// testNumbers are the same cards by their number.
var testNumbers = map[string]string{
	"4242424242424242": "pm_card_visa", "5555555555554444": "pm_card_mastercard", "378282246310005": "pm_card_amex",
	"4000000000000341": "pm_card_chargeCustomerFail", "4000000000000002": "pm_card_visa_chargeDeclined",
	"4000000000009995": "pm_card_visa_chargeDeclinedInsufficientFunds", "4000002760003184": "pm_card_authenticationRequired",
	"4000000000003220": "pm_card_threeDSecure2Required", "4000000000000077": "pm_card_bypassPending",
	"4000000000009987": "pm_card_visa_chargeDeclinedLostCard", "4000000000009979": "pm_card_visa_chargeDeclinedStolenCard",
	"4000000000000069": "pm_card_chargeDeclinedExpiredCard", "4000000000000127": "pm_card_chargeDeclinedIncorrectCvc",
	"4000000000000119": "pm_card_chargeDeclinedProcessingError", "4000000000006975": "pm_card_visa_chargeDeclinedVelocityLimitExceeded",
	"4000002500003155": "pm_card_authenticationRequiredOnSetup", "4000003800000446": "pm_card_authenticationRequiredSetupForOffSession",
	"4000008260003178": "pm_card_authenticationRequiredChargeDeclinedInsufficientFunds",
	"4000000000007726": "pm_card_pendingRefund", "4000000000005126": "pm_card_refundFail",
}

func (t *transaction) newMethod(token string) object {
	c := testCards[token]
	method := object{
		"id": newID("pm_1"), "object": "payment_method", "allow_redisplay": "unspecified",
		"billing_details": object{"address": object{"city": nil, "country": nil, "line1": nil, "line2": nil, "postal_code": nil, "state": nil}, "email": nil, "name": nil, "phone": nil, "tax_id": nil},
		"card": object{
			"brand": c.brand, "checks": object{"address_line1_check": nil, "address_postal_code_check": nil, "cvc_check": "pass"},
			"country": "US", "display_brand": c.brand, "exp_month": int64(8), "exp_year": int64(2034), "fingerprint": token[len("pm_card_"):] + "fingerprint",
			"funding": "credit", "generated_from": nil, "last4": c.last4, "networks": object{"available": []any{c.brand}, "preferred": nil},
			"regulated_status": "unregulated", "three_d_secure_usage": object{"supported": true}, "wallet": nil,
		},
		"created": t.time, "customer": nil, "customer_account": nil, "livemode": false, "metadata": object{}, "type": "card", "_card": token,
	}
	t.put(method)
	return method
}

// method finds a payment method; Stripe's test tokens make a new one.
func (t *transaction) method(id, param string) (object, *apiError) {
	if _, ok := testCards[id]; ok {
		return t.newMethod(id), nil
	}
	method, fault := t.find("payment_method", id, param)
	if fault != nil {
		fault.message = "No such PaymentMethod: '" + id + "'"
		return nil, fault
	}
	return method, nil
}

func createPaymentMethod(t *transaction, _ []string, p params) (any, *apiError) {
	if fault := p.required("type"); fault != nil {
		return nil, fault
	}
	if p.text("type") != "card" {
		return nil, invalidParam("type", "", "The simulator knows payment methods of type card only.")
	}
	details := p.tree("card")
	token := details.text("token")
	if number := strings.ReplaceAll(details.text("number"), " ", ""); number != "" {
		if token = testNumbers[number]; token == "" {
			return nil, &apiError{status: 402, kind: "card_error", code: "incorrect_number", param: "number", message: "Your card number is incorrect."}
		}
	}
	if token == "tok_visa" || token == "" {
		token = "pm_card_visa"
	}
	if _, ok := testCards[token]; !ok {
		return nil, missing("token", token, "card[token]")
	}
	method := t.newMethod(token)
	month, year := details.integer("exp_month", 8), details.integer("exp_year", 2034)
	switch {
	case month < 1 || month > 12:
		return nil, &apiError{status: 402, kind: "card_error", code: "invalid_expiry_month", param: "exp_month", message: "Your card's expiration month is invalid."}
	case year < int64(time.Unix(t.time, 0).UTC().Year()) || year > 2200:
		return nil, &apiError{status: 402, kind: "card_error", code: "invalid_expiry_year", param: "exp_year", message: "Your card's expiration year is invalid."}
	}
	method.object("card")["exp_month"], method.object("card")["exp_year"] = month, year
	for name, value := range p.tree("billing_details") {
		method.object("billing_details")[name] = orNull(value.(string))
	}
	return method, setMetadata(method, p)
}

func attachPaymentMethod(t *transaction, args []string, p params) (any, *apiError) {
	if fault := p.required("customer"); fault != nil {
		return nil, fault
	}
	customer, fault := t.liveCustomer(p.text("customer"), "customer")
	if fault != nil {
		return nil, fault
	}
	method, fault := t.method(args[0], "payment_method")
	if fault != nil {
		return nil, fault
	}
	id := customer.text("id")
	switch {
	case method.text("customer") == id:
		return method, nil
	case method.text("customer") != "":
		return nil, invalidParam("payment_method", "", "The payment method you provided has already been attached to a customer.")
	case method.boolean("_detached"):
		return nil, invalidParam("payment_method", "", detachedText)
	}
	if c := testCards[method.text("_card")]; c.attachFails {
		return nil, cardDeclined(c)
	}
	method = t.edit(method.text("id"))
	method["customer"] = id
	t.emit("payment_method.attached", method, nil)
	return method, nil
}

func detachPaymentMethod(t *transaction, args []string, _ params) (any, *apiError) {
	if _, fault := t.find("payment_method", args[0], "payment_method"); fault != nil {
		return nil, fault
	}
	method := t.edit(args[0])
	if method.text("customer") == "" {
		return nil, invalidParam("payment_method", "", "The payment method you provided is not attached to a customer so detachment is impossible.")
	}
	before := cloneObject(method)
	method["customer"], method["_detached"] = nil, true
	t.emit("payment_method.detached", method, changes(before, method))
	return method, nil
}

func listPaymentMethods(t *transaction, _ []string, p params) (any, *apiError) {
	return t.list(listing{
		kind: "payment_method", url: "/v1/payment_methods", fields: map[string]string{"customer": "customer", "type": "type"},
	}, p)
}

func listCustomerMethods(t *transaction, args []string, p params) (any, *apiError) {
	if _, fault := t.liveCustomer(args[0], "customer"); fault != nil {
		return nil, fault
	}
	return t.page("/v1/customers/"+args[0]+"/payment_methods", p, t.state.indexes[index{"payment_method", "customer", args[0]}], func(o object) bool {
		return p.text("type") == "" || p.text("type") == o.text("type")
	})
}
