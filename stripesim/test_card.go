package stripesim

import (
	"cmp"
	"slices"
)

// testCard is one of Stripe's test cards: what it is, and how it behaves.
type testCard struct {
	token  string // the id of its payment method, pm_card_…
	name   string // stands for the token where there is none
	number string
	brand  string
	// country and funding are US and credit if they are empty.
	country, funding string
	// checks are those that do not end as usual.
	checks cardChecks
	// risk is how risky Stripe finds a charge of it, if it is not normal.
	risk string
	// refusal is why every charge of it is declined. The zero value: none is.
	refusal refusal
	// unattachable says that already attaching it to a customer is declined.
	unattachable bool
	authenticate authenticationNeed
	// refund is how a refund to it goes: at once, first pending, or failing later.
	refund refundWay
	// objection is the dispute that follows a charge of it.
	objection objection
	// availableAtOnce says that its money may be paid out at once.
	availableAtOnce bool
	// blocked says that it is Stripe that refuses, not the bank.
	blocked bool
}

// refusal is what a bank says when it declines.
type refusal struct {
	code        string
	declineCode string
	message     string
	param       string
}

type authenticationNeed int

// The zero value never asks for the payer.
const (
	// alwaysAuthenticates: the payer has to take the bank's step each time.
	alwaysAuthenticates authenticationNeed = iota + 1
	// authenticatesOnce: until it was set up for payments without the payer.
	authenticatesOnce
	// authenticatesOnSession: set up already, so only where the payer is there.
	authenticatesOnSession
)

type refundWay int

const (
	refundsAtOnce refundWay = iota
	refundsPending
	refundsFail
)

func declines(token, number, code, declineCode, message string) testCard {
	return testCard{
		token: token, number: number, brand: "visa", unattachable: true,
		refusal: refusal{code: code, declineCode: declineCode, message: message},
	}
}

// blockedCard is one that Stripe itself finds too risky.
func blockedCard(token, number string) testCard {
	return testCard{
		token: token, number: number, brand: "visa", unattachable: true, blocked: true,
		refusal: refusal{code: "card_declined", declineCode: "fraudulent", message: wasDeclined},
	}
}

const (
	wasDeclined   = "Your card was declined."
	tooLittle     = "Your card has insufficient funds."
	needsBankStep = "Your card was declined. This transaction requires authentication."
)

// testCards are Stripe's (https://docs.stripe.com/testing).
var testCards = slices.Concat(brandCards, cardsOfCountries(), checkCards, []testCard{
	{token: "pm_card_bypassPending", number: "4000000000000077", brand: "visa", availableAtOnce: true},
	{token: "pm_card_bypassPendingInternational", number: "4000003720000278", brand: "visa", country: "IE", availableAtOnce: true},
	{
		token: "pm_card_chargeCustomerFail", number: "4000000000000341", brand: "visa",
		refusal: refusal{code: "card_declined", declineCode: "generic_decline", message: wasDeclined},
	},

	declines("pm_card_visa_chargeDeclined", "4000000000000002", "card_declined", "generic_decline", wasDeclined),
	declines("pm_card_chargeDeclined", "4000000000000002", "card_declined", "generic_decline", wasDeclined),
	declines("pm_card_visa_chargeDeclinedInsufficientFunds", "4000000000009995", "card_declined", "insufficient_funds", tooLittle),
	declines("pm_card_chargeDeclinedInsufficientFunds", "4000000000009995", "card_declined", "insufficient_funds", tooLittle),
	declines("pm_card_visa_chargeDeclinedLostCard", "4000000000009987", "card_declined", "lost_card", wasDeclined),
	declines("pm_card_visa_chargeDeclinedStolenCard", "4000000000009979", "card_declined", "stolen_card", wasDeclined),
	declines("pm_card_chargeDeclinedExpiredCard", "4000000000000069", "expired_card", "expired_card", "Your card has expired."),
	declines("pm_card_chargeDeclinedIncorrectCvc", "4000000000000127", "incorrect_cvc", "incorrect_cvc", "Your card's security code is incorrect."),
	declines("pm_card_chargeDeclinedProcessingError", "4000000000000119", "processing_error", "processing_error", "An error occurred while processing your card. Try again in a little bit."),
	declines("pm_card_visa_chargeDeclinedVelocityLimitExceeded", "4000000000006975", "card_declined", "card_velocity_exceeded", "Your card was declined for making repeated attempts too frequently or exceeding its amount limit."),
	blockedCard("pm_card_radarBlock", "4100000000000019"),
	blockedCard("pm_card_chargeDeclinedFraudulent", "4100000000000019"),
	blockedCard("pm_card_riskLevelHighest", "4000000000004954"),
	{token: "pm_card_riskLevelElevated", number: "4000000000009235", brand: "visa", risk: "elevated"},

	{token: "pm_card_authenticationRequired", number: "4000002760003184", brand: "visa", authenticate: alwaysAuthenticates},
	{token: "pm_card_authenticationRequiredOnSetup", number: "4000002500003155", brand: "visa", authenticate: authenticatesOnce},
	{token: "pm_card_authenticationRequiredSetupForOffSession", number: "4000003800000446", brand: "visa", authenticate: authenticatesOnSession},
	{
		token: "pm_card_authenticationRequiredChargeDeclinedInsufficientFunds", number: "4000008260003178", brand: "visa", authenticate: alwaysAuthenticates,
		refusal: refusal{code: "card_declined", declineCode: "insufficient_funds", message: tooLittle},
	},
	{token: "pm_card_threeDSecure2Required", number: "4000000000003220", brand: "visa", authenticate: alwaysAuthenticates},
	{token: "pm_card_threeDSecureRequired", number: "4000000000003063", brand: "visa", authenticate: alwaysAuthenticates},
	{
		token: "pm_card_threeDSecureRequiredChargeDeclined", number: "4000008400001629", brand: "visa", authenticate: alwaysAuthenticates,
		refusal: refusal{code: "card_declined", declineCode: "generic_decline", message: wasDeclined},
	},
	{
		token: "pm_card_threeDSecureRequiredProcessingError", number: "4000008400001280", brand: "visa",
		refusal: refusal{code: "card_declined", declineCode: "generic_decline", message: wasDeclined},
	},
	{token: "pm_card_threeDSecureOptional", number: "4000000000003055", brand: "visa"},
	{token: "pm_card_threeDSecureOptionalProcessingError", number: "4000000000003097", brand: "visa"},

	{token: "pm_card_createDispute", number: "4000000000000259", brand: "visa", objection: objection{reason: "fraudulent", code: "10.4"}},
	{
		token: "pm_card_createDisputeProductNotReceived", number: "4000000000002685", brand: "visa",
		objection: objection{reason: "product_not_received", code: "13.1"},
	},
	{
		token: "pm_card_createDisputeInquiry", number: "4000000000001976", brand: "visa",
		objection: objection{reason: "fraudulent", code: "10", inquiry: true},
	},
	{
		token: "pm_card_createMultipleDisputes", number: "4000000404000079", brand: "visa",
		objection: objection{reason: "fraudulent", code: "10.4", twice: true},
	},
	{token: "pm_card_createIssuerFraudRecord", number: "4000000000005423", brand: "visa", objection: objection{warning: true}},

	{token: "pm_card_pendingRefund", number: "4000000000007726", brand: "visa", refund: refundsPending},
	{token: "pm_card_refundFail", number: "4000000000005126", brand: "visa", refund: refundsFail},
})

// hardDeclines are the reasons after which a renewal is not charged again
// until there is another payment method.
var hardDeclines = map[string]bool{
	"incorrect_number": true, "lost_card": true, "pickup_card": true, "stolen_card": true, "revocation_of_authorization": true,
	"revocation_of_all_authorizations": true, "authentication_required": true, "highest_risk_level": true, "transaction_not_allowed": true,
}

// key names a card among all of them.
func (c testCard) key() string { return cmp.Or(c.token, c.name) }

// The cards by key and by number; of several with a number, the first.
var (
	cardsByKey    = map[string]testCard{}
	cardsByNumber = map[string]testCard{}
)

func init() {
	for _, c := range slices.Backward(testCards) {
		cardsByKey[c.key()], cardsByNumber[c.number] = c, c
	}
}

func cardByToken(token string) (testCard, bool) {
	found, ok := cardsByKey[token]
	return found, ok && found.token != ""
}

func cardByNumber(number string) (testCard, bool) {
	found, ok := cardsByNumber[number]
	return found, ok
}

// isLuhn checks the digits of a card's number.
func isLuhn(number string) bool {
	sum := 0
	for i := range len(number) {
		digit := int(number[len(number)-1-i]) - '0'
		if digit < 0 || digit > 9 {
			return false
		}
		if i%2 == 1 {
			if digit *= 2; digit > 9 {
				digit -= 9
			}
		}
		sum += digit
	}
	return len(number) >= 12 && sum%10 == 0
}
