package stripesim

import "fmt"

// apiError is a refusal as Stripe words it.
type apiError struct {
	status      int
	kind        string // type in the body
	code        string
	declineCode string
	param       string
	message     string
	intent      object // payment_intent in the body
	// keep commits what the request changed although it is refused: a charge
	// that was declined happened.
	keep bool
}

func (e *apiError) body() object {
	inner := object{"type": e.kind, "message": e.message}
	for name, value := range map[string]string{"code": e.code, "decline_code": e.declineCode, "param": e.param} {
		if value != "" {
			inner[name] = value
		}
	}
	if e.code != "" {
		inner["doc_url"] = "https://stripe.com/docs/error-codes/" + e.code
	}
	if e.intent != nil {
		inner["payment_intent"] = visible(e.intent)
	}
	return object{"error": inner}
}

func invalidRequest(param, message string) *apiError {
	return &apiError{status: 400, kind: "invalid_request_error", param: param, message: message}
}

func invalidParam(param, code, message string) *apiError {
	return &apiError{status: 400, kind: "invalid_request_error", param: param, code: code, message: message}
}

func missing(kind, id, param string) *apiError {
	return &apiError{
		status: 404, kind: "invalid_request_error", code: "resource_missing", param: param,
		message: fmt.Sprintf("No such %s: '%s'", kind, id),
	}
}

func cardDeclined(c card) *apiError {
	return &apiError{
		status: 402, kind: "card_error", code: c.code, declineCode: c.declineCode, message: c.message,
	}
}

func missingParam(name string) *apiError {
	return invalidParam(name, "parameter_missing", "Missing required param: "+name+".")
}
