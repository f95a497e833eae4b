package stripesim_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/numerai-app/payments/stripesim"
)

func TestCards(t *testing.T) {
	t.Parallel()
	w := newWorld(t, stripesim.Config{})
	for card, want := range map[string]string{
		"pm_card_mastercard_debit": "mastercard debit US 8210", "pm_card_gb": "visa credit GB 0000", "pm_card_gb_mastercard": "mastercard credit GB 4449",
		"pm_card_jcb": "jcb credit JP 0505", "pm_card_th_debit": "visa debit TH 0008", "2223003122003222": "mastercard credit US 3222",
		"tok_de": "visa credit DE 0016", "tok_visa": "visa credit US 4242", "371449635398431": "amex credit US 8431",
	} {
		got := w.newMethod(card, "")
		if have := strings.Join([]string{got.text("card.brand"), got.text("card.funding"), got.text("card.country"), got.text("card.last4")}, " "); have != want {
			t.Errorf("%s is %s, want %s", card, have, want)
		}
	}
	// What a charge of each card comes to, with the payer there.
	for card, want := range map[string]map[string]any{
		"pm_card_riskLevelElevated":                        {"outcome.risk_level": "elevated", "status": "succeeded"},
		"pm_card_riskLevelHighest":                         {"outcome.type": "blocked", "outcome.risk_level": "highest", "status": "failed"},
		"pm_card_cvcCheckFail":                             {"payment_method_details.card.checks.cvc_check": "fail", "status": "succeeded"},
		"pm_card_avsFail":                                  {"payment_method_details.card.checks.address_line1_check": "fail", "payment_method_details.card.checks.address_postal_code_check": "fail"},
		"pm_card_visa_chargeDeclinedVelocityLimitExceeded": {"failure_code": "card_declined", "outcome.reason": "card_velocity_exceeded"},
		"pm_card_chargeDeclinedFraudulent":                 {"outcome.type": "blocked", "failure_code": "card_declined"},
		"pm_card_threeDSecureOptional":                     {"status": "succeeded"},
	} {
		w.call(http.MethodPost, "/v1/payment_intents", "amount=500&currency=usd&confirm=true&payment_method="+card)
		wantAll(t, card, w.get("/v1/charges?limit=1").rows()[0], want)
	}
	intent := w.post("/v1/payment_intents", "amount=500&currency=usd&confirm=true&payment_method=pm_card_threeDSecureRequiredChargeDeclined")
	wantAll(t, "asked", intent.object, map[string]any{"status": "requires_action"})
	after := w.post("/_sim/payment_intents/"+intent.text("id")+"/authenticate", "")
	wantAll(t, "declined then", after.object, map[string]any{"status": "requires_payment_method", "last_payment_error.code": "card_declined"})
}

// newMethod makes a payment method of a number, a token, or a pm_card_….
func (w *world) newMethod(card, more string) answer {
	w.t.Helper()
	switch {
	case strings.HasPrefix(card, "pm_"):
		return w.get("/v1/payment_methods/" + card)
	case strings.HasPrefix(card, "tok_"):
		return w.post("/v1/payment_methods", "type=card&card[token]="+card+more)
	}
	return w.post("/v1/payment_methods", "type=card&card[exp_month]=12&card[exp_year]=40&card[number]="+card+more)
}

func TestCardIsRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t, stripesim.Config{})
	for _, c := range []struct {
		entered, code, param string
		status               int
	}{
		{"card[number]=4242424242424242", "parameter_missing", "card[exp_month]", 400},
		{"card[number]=4242424242424242&card[exp_month]=13&card[exp_year]=40", "invalid_expiry_month", "exp_month", 402},
		{"card[number]=4242424242424242&card[exp_month]=12&card[exp_year]=2012", "invalid_expiry_year", "exp_year", 402},
		{"card[number]=4242424242424242&card[exp_month]=12&card[exp_year]=40&card[cvc]=99", "invalid_cvc", "cvc", 402},
		{"card[number]=378282246310005&card[exp_month]=12&card[exp_year]=40&card[cvc]=123", "invalid_cvc", "cvc", 402},
		{"card[token]=tok_nobody", "resource_missing", "card[token]", 400},
	} {
		got := w.call(http.MethodPost, "/v1/payment_methods", "type=card&"+c.entered)
		if got.status != c.status || got.text("error.code") != c.code || got.text("error.param") != c.param {
			t.Errorf("%s: %d %v", c.entered, got.status, got.at("error"))
		}
	}
	loose := w.newMethod("4242424242424242", "&billing_details[address][postal_code]=12345")
	wantAll(t, "checks", loose.object, map[string]any{"card.checks.address_postal_code_check": "pass", "card.checks.address_line1_check": nil})
	if got := w.call(http.MethodPost, "/v1/payment_methods/"+loose.text("id"), "card[exp_month]=1"); got.status != http.StatusBadRequest {
		t.Errorf("a card that is nobody's was changed: %d", got.status)
	}
	ada, bo := w.newCustomer(""), w.newCustomer("")
	mine := w.attach("pm_card_visa", ada)
	wantAll(t, "changed", w.post("/v1/payment_methods/"+mine, "card[exp_month]=1&card[exp_year]=2044").object, map[string]any{"card.exp_year": 2044})
	if got := w.call(http.MethodPost, "/v1/setup_intents", "confirm=true&customer="+bo+"&payment_method="+mine); got.status != http.StatusBadRequest {
		t.Errorf("a card of another customer was set up: %d", got.status)
	}
	start := w.newest()
	w.post("/v1/payment_methods/"+mine+"/detach", "")
	if got := w.call(http.MethodPost, "/v1/payment_methods/"+mine+"/attach", "customer="+ada); got.status != http.StatusBadRequest {
		t.Errorf("a detached card was attached again: %d", got.status)
	}
	if diff := cmp.Diff([]string{"payment_method.detached"}, types(w.eventsSince(start))); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
}
