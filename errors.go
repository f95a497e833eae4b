package payments

import (
	"errors"
	"fmt"
	"time"
)

// The kinds of failure. Every error that a [Service] returns on purpose is an
// [*Error] of one of these kinds, so callers ask with errors.Is; anything else
// is internal, and its text is for logs only.
var (
	// ErrInvalid: the request or its data is wrong, and sending it again will not help.
	ErrInvalid = errors.New("invalid")
	// ErrUnauthenticated: nobody, or nobody known, is asking.
	ErrUnauthenticated = errors.New("unauthenticated")
	// ErrForbidden: the asker is known and may not do this.
	ErrForbidden = errors.New("forbidden")
	// ErrNotFound: what was asked for does not exist, or is somebody else's.
	ErrNotFound = errors.New("not found")
	// ErrConflict: the state of things, or another request under way, forbids it.
	ErrConflict = errors.New("conflict")
	// ErrDeclined: the bank refused the card. Another card may work.
	ErrDeclined = errors.New("declined")
	// ErrActionRequired: the payer has to take a step with the bank first.
	ErrActionRequired = errors.New("action required")
	// ErrRateLimited: too many tries; RetryAfter says when to come back.
	ErrRateLimited = errors.New("rate limited")
	// ErrUnavailable: something that is needed does not answer. Sending the
	// same request again later is safe and may work.
	ErrUnavailable = errors.New("unavailable")
)

// The stable words by which programs tell failures apart (contract of the HTTP API).
const (
	CodeAlreadySubscribed      = "already_subscribed"
	CodeAuthenticationRequired = "authentication_required"
	CodeCardDeclined           = "card_declined"
	CodeEndpointDisabled       = "endpoint_disabled"
	CodeForbidden              = "forbidden"
	CodeIdempotencyConflict    = "idempotency_conflict"
	CodeInProgress             = "in_progress"
	CodeInternal               = "internal"
	CodeInvalidRequest         = "invalid_request"
	CodeNotFound               = "not_found"
	CodePayloadTooLarge        = "payload_too_large"
	CodePlanUnknown            = "plan_unknown"
	CodeRateLimited            = "rate_limited"
	CodeStripeUnavailable      = "stripe_unavailable"
	CodeTooManyEndpoints       = "too_many_endpoints"
	CodeUnauthenticated        = "unauthenticated"
)

// Error is a failure with a kind for programs, a sentence for people and a
// cause for logs. Only Kind and Message are always set.
type Error struct {
	// Kind is one of the sentinels above; errors.Is finds it.
	Kind error
	// Code is the contract's stable word for it.
	Code string
	// Message is one sentence that may be shown to the person who asked.
	Message string
	// Fields names what is wrong with each field of the request.
	Fields []FieldError
	// DeclineCode is Stripe's reason for a refused card, made safe to show:
	// lost, stolen and fraudulent cards say generic_decline.
	DeclineCode string
	// ClientSecret lets the browser take the bank's step (ErrActionRequired).
	ClientSecret string
	// RetryAfter is how long to wait before trying again; zero: not said.
	RetryAfter time.Duration
	// Replayed says that this is the stored answer to an earlier request.
	Replayed bool
	// Err is the cause. It is logged and never shown.
	Err error
}

// FieldError says what is wrong with one field of a request.
type FieldError struct {
	Field   string `json:"field"`
	Message string `json:"message"`
}

// Error is the sentence and its cause, for logs.
func (e *Error) Error() string {
	if e.Err != nil {
		return fmt.Sprintf("%s: %v", e.Message, e.Err)
	}
	return e.Message
}

// Unwrap gives the kind and the cause to errors.Is and errors.As.
func (e *Error) Unwrap() []error {
	if e.Err != nil {
		return []error{e.Kind, e.Err}
	}
	return []error{e.Kind}
}

// invalid is an ErrInvalid about the given fields.
func invalid(fields ...FieldError) *Error {
	message := "The request is not valid."
	if len(fields) == 1 {
		message = fields[0].Message
	}
	return &Error{Kind: ErrInvalid, Code: CodeInvalidRequest, Message: message, Fields: fields}
}

// NotFound is the error of a row or an object that does not exist; what names
// it in a few words, such as "event evt_1".
func NotFound(what string) *Error {
	return &Error{Kind: ErrNotFound, Code: CodeNotFound, Message: "There is no " + what + "."}
}

// StripeUnavailable is the error of a call to Stripe that got no usable
// answer: whether it took effect is unknown.
func StripeUnavailable(cause error) *Error {
	return &Error{
		Kind: ErrUnavailable, Code: CodeStripeUnavailable, RetryAfter: stripeRetryAfter, Err: cause,
		Message: "The payment provider does not answer just now. Please try again shortly.",
	}
}

// Declined is the error of a refused card, made from what Stripe says of it:
// the error's code, its decline code (may be empty) and its text for the card
// holder. Who holds a lost, stolen or fraudulent card is not told so
// (https://docs.stripe.com/declines/codes).
func Declined(code, declineCode, message string) *Error {
	if declineCode == "" {
		declineCode = code
	}
	switch declineCode {
	case "", CodeCardDeclined, "lost_card", "stolen_card", "pickup_card", "restricted_card", "fraudulent",
		"merchant_blacklist", "security_violation", "highest_risk_level":
		declineCode, message = "generic_decline", ""
	}
	if message == "" {
		message = "Your card was declined."
	}
	return &Error{Kind: ErrDeclined, Code: CodeCardDeclined, Message: message, DeclineCode: declineCode}
}

// stripeRetryAfter is what a caller is told to wait after Stripe did not answer.
const stripeRetryAfter = 5 * time.Second
