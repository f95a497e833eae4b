package stripesim

import (
	"fmt"
	"net/http"
	"strings"
)

// apiError is a refusal as Stripe words it.
type apiError struct {
	status      int
	kind        string // type in the body
	code        string
	declineCode string
	adviceCode  text // what may be done after a refusal by the bank
	param       string
	message     string
	// word is one that a parameter may not have here.
	word   string
	charge string
	intent *paymentIntent
	setup  *setupIntent
	method *paymentMethod
	// commits says that what the request did stays although it is refused: a
	// charge that was declined happened.
	commits bool
	// executed says that the refusal came from the state of things and not from
	// the wording of the request, so that an idempotency key repeats it.
	executed bool
}

const (
	invalidRequestError = "invalid_request_error"
	cardError           = "card_error"
	idempotencyError    = "idempotency_error"
	internalError       = "api_error"
)

// errorBody is the answer that says a refusal.
type errorBody struct {
	Error errorDetails `json:"error"`
}

type errorDetails struct {
	AdviceCode    text           `json:"advice_code,omitempty"`
	Charge        string         `json:"charge,omitempty"`
	Code          string         `json:"code,omitempty"`
	DeclineCode   string         `json:"decline_code,omitempty"`
	DocURL        string         `json:"doc_url,omitempty"`
	Message       string         `json:"message"`
	Param         string         `json:"param,omitempty"`
	PaymentIntent *paymentIntent `json:"payment_intent,omitempty"`
	PaymentMethod *paymentMethod `json:"payment_method,omitempty"`
	MethodType    string         `json:"payment_method_type,omitempty"`
	RequestLogURL string         `json:"request_log_url,omitempty"`
	SetupIntent   *setupIntent   `json:"setup_intent,omitempty"`
	Type          string         `json:"type"`
}

// body is the refusal as the answer to a request.
func (e *apiError) body(r *request) errorBody {
	details := e.details()
	if e.status != http.StatusUnauthorized {
		details.RequestLogURL = fmt.Sprintf("https://dashboard.stripe.com/test/logs/%s?t=%d", r.id, r.at.Unix())
	}
	return errorBody{details}
}

func (e *apiError) details() errorDetails {
	methodType := ""
	if e.method != nil {
		methodType = e.method.Type
	}
	return errorDetails{
		AdviceCode: e.adviceCode, MethodType: methodType, Charge: e.charge, Code: e.code, DeclineCode: e.declineCode, DocURL: docURL(e.code), Message: e.message,
		Param: e.param, PaymentIntent: e.intent, PaymentMethod: e.method, SetupIntent: e.setup, Type: e.kind,
	}
}

func docURL(code string) string {
	if code == "" {
		return ""
	}
	return "https://stripe.com/docs/error-codes/" + strings.ReplaceAll(code, "_", "-")
}

// invalid refuses a parameter.
func invalid(param, code, message string) *apiError {
	return &apiError{status: http.StatusBadRequest, kind: invalidRequestError, param: param, code: code, message: message}
}

// refused says that the state of things does not allow a call.
func refused(code, message string) *apiError {
	return &apiError{status: http.StatusBadRequest, kind: invalidRequestError, code: code, message: message, executed: true}
}

// unsupported refuses what Stripe can do and the simulator cannot, rather than
// ignoring it.
func unsupported(param, what string) *apiError {
	return invalid(param, "", "The simulator does not support "+what+".")
}

// missingParam refuses a request without a parameter that it needs.
func missingParam(param string) *apiError {
	return invalid(param, "parameter_missing", "Missing required param: "+param+".")
}

// nouns are the names that Stripe's messages give to kinds of objects, where
// these differ from the kind.
var nouns = map[string]string{
	"payment_method":      "PaymentMethod",
	promotionCodeKind:     "promotion code",
	"invoiceitem":         "invoice item",
	testClockKind:         "test clock",
	earlyFraudWarningKind: "early fraud warning",
}

// missing says that there is no object of that id: 404 where the path names
// it, 400 where a parameter does.
func missing(kind, id, param string) *apiError {
	noun := nouns[kind]
	if noun == "" {
		noun = kind
	}
	return &apiError{
		status: http.StatusBadRequest, kind: invalidRequestError, code: "resource_missing", param: param,
		message: fmt.Sprintf("No such %s: '%s'", noun, id),
	}
}

func (e *apiError) notFound() *apiError {
	e.status = http.StatusNotFound
	return e
}

// declined is the refusal by a card's bank.
func declined(c refusal) *apiError {
	advice := text("")
	if c.declineCode != "" {
		advice = adviceOf(c)
	}
	return &apiError{
		status: http.StatusPaymentRequired, kind: cardError, code: c.code, declineCode: c.declineCode, adviceCode: advice,
		message: c.message, param: c.param, executed: true,
	}
}
