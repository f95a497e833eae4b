package stripesim

import (
	"cmp"
	"strings"
	"time"
)

// This file is how a card is entered: its number, its expiry, and the checks
// that the bank makes of it.

// chooseCard finds the test card of a number or a token.
func chooseCard(details form) (testCard, *apiError) {
	if token := details.text("token"); token != "" {
		chosen, ok := cardByToken("pm_card_" + strings.TrimPrefix(token, "tok_"))
		if !ok {
			return chosen, missing("token", token, "card[token]")
		}
		return chosen, nil
	}
	number := strings.NewReplacer(" ", "", "-", "").Replace(details.text("number"))
	if number == "" {
		return testCard{}, missingParam("card[number]")
	}
	if chosen, ok := cardByNumber(number); ok {
		return chosen, nil
	}
	if isLuhn(number) {
		return testCard{}, declined(refusal{
			code: "card_declined", declineCode: "test_mode_live_card", param: "number",
			message: "Your card was declined. Your request was in test mode, but used a non test card. For a list of valid test cards, visit: https://stripe.com/docs/testing.",
		})
	}
	return testCard{}, declined(refusal{code: "incorrect_number", param: "number", message: "Your card number is incorrect."})
}

// setCard takes over the expiry of a card, and refuses one that cannot be.
func (m *paymentMethod) setCard(t *transaction, details form) *apiError {
	if details.has("number") {
		for _, name := range []string{"exp_month", "exp_year"} {
			if !details.has(name) {
				return missingParam("card[" + name + "]")
			}
		}
	}
	changed := m.Card.part()
	changed.ExpMonth = details.integer("exp_month", changed.ExpMonth)
	changed.ExpYear = details.integer("exp_year", changed.ExpYear)
	const century = 100
	if changed.ExpYear < century {
		changed.ExpYear += 20 * century
	}
	m.Card = intern(changed)
	return changed.invalidity(time.Unix(t.now, 0).UTC(), details.text("cvc"))
}

// invalidity is what is wrong with a card as it was entered.
func (c *card) invalidity(now time.Time, cvc string) *apiError {
	const longestValid = 50 // years
	year, month := int64(now.Year()), int64(now.Month())
	digits := map[bool]int{true: 4, false: 3}[c.Brand == "amex"]
	switch {
	case c.ExpMonth < 1 || c.ExpMonth > 12:
		return declined(refusal{code: "invalid_expiry_month", param: "exp_month", message: "Your card's expiration month is invalid."})
	case c.ExpYear < year || c.ExpYear > year+longestValid:
		return declined(refusal{code: "invalid_expiry_year", param: "exp_year", message: "Your card's expiration year is invalid."})
	case c.ExpYear == year && c.ExpMonth < month:
		return declined(refusal{code: "invalid_expiry_month", param: "exp_month", message: "Your card's expiration month is invalid."})
	case cvc != "" && (len(cvc) != digits || strings.Trim(cvc, "0123456789") != ""):
		return declined(refusal{code: "invalid_cvc", param: "cvc", message: "Your card's security code is invalid."})
	}
	return nil
}

// check is what the bank's checks of a card and an address come to.
func (c testCard) check(at address) cardChecks {
	checks := cardChecks{
		AddressLine1Check: c.checks.AddressLine1Check, AddressPostalCodeCheck: c.checks.AddressPostalCodeCheck,
		CVCCheck: cmp.Or(c.checks.CVCCheck, "pass"),
	}
	if at.Line1 != "" {
		checks.AddressLine1Check = cmp.Or(checks.AddressLine1Check, "pass")
	}
	if at.PostalCode != "" {
		checks.AddressPostalCodeCheck = cmp.Or(checks.AddressPostalCodeCheck, "pass")
	}
	return checks
}
