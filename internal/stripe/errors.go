package stripe

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strings"

	"github.com/numerai-app/payments"
	stripego "github.com/stripe/stripe-go/v85"
)

// apiError is an error that Stripe answered, without what must not be logged:
// the SDK's own carries whole payment intents, with their client secrets.
type apiError struct {
	status      int
	kind        stripego.ErrorType
	code        stripego.ErrorCode
	declineCode stripego.DeclineCode
	param       string
	message     string // for card holders only where kind is card_error
	requestID   string
	// clientSecret of the payment intent, when the payer has to act.
	clientSecret string
	// shouldRetry is Stripe's own opinion: "true", "false" or none.
	shouldRetry string
	replayed    bool
}

// Error tells logs what Stripe said.
func (e *apiError) Error() string {
	text := fmt.Sprintf("Stripe answered %d %s", e.status, e.kind)
	for _, detail := range []struct{ name, value string }{
		{"code", string(e.code)},
		{"decline_code", string(e.declineCode)},
		{"param", e.param},
		{"request", e.requestID},
		{"message", e.message},
	} {
		if detail.value != "" {
			text += fmt.Sprintf(" %s=%q", detail.name, detail.value)
		}
	}
	return text
}

// errUnusable is an answer that is not Stripe's, such as a proxy's page.
var errUnusable = errors.New("the answer is not Stripe's JSON")

// callError makes an SDK error safe to log, and tells Stripe's answers from
// the lack of one.
func (c *Client) callError(err error) error {
	var answered *stripego.Error
	if errors.As(err, &answered) {
		return newAPIError(answered)
	}
	var transport *url.Error
	var network net.Error
	switch {
	case errors.As(err, &transport):
		// Its text has the URL; the cause is enough, and knows no parameters.
		return fmt.Errorf("no answer from Stripe: %w", transport.Err)
	case errors.As(err, &network), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, errAnswerTooLarge),
		errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("no whole answer from Stripe: %w", err)
	}
	return errUnusable // the SDK's text would quote the body
}

func newAPIError(e *stripego.Error) *apiError {
	result := &apiError{
		status: e.HTTPStatusCode, kind: e.Type, code: e.Code, declineCode: e.DeclineCode,
		param: e.Param, message: e.Msg, requestID: e.RequestID,
	}
	if e.PaymentIntent != nil {
		result.clientSecret = e.PaymentIntent.ClientSecret
	}
	if e.LastResponse != nil {
		result.shouldRetry = e.LastResponse.Header.Get("Stripe-Should-Retry")
		result.replayed = e.LastResponse.Header.Get("Idempotent-Replayed") == "true"
	}
	return result
}

// isTransient says whether the answer is about Stripe's own state rather than
// about the request: the outcome is open, and another try may do better.
func (e *apiError) isTransient() bool {
	switch e.status {
	case http.StatusTooManyRequests, http.StatusFailedDependency:
		return true
	case http.StatusConflict:
		return e.code == stripego.ErrorCodeIdempotencyKeyInUse || e.code == stripego.ErrorCodeLockTimeout || e.shouldRetry == "true"
	}
	return e.status >= http.StatusInternalServerError
}

// repeatable says whether a call is worth repeating.
func repeatable(err error) bool {
	var e *apiError
	if !errors.As(err, &e) {
		return !errors.Is(err, errRedirect) && !errors.Is(err, errAnswerTooLarge)
	}
	// A replayed failure would only be replayed again.
	return e.shouldRetry != "false" && !e.replayed && e.isTransient()
}

// domainError is what an error of a call means to the domain.
func domainError(err error) error {
	var e *apiError
	switch {
	case !errors.As(err, &e), e.isTransient():
		unavailable := payments.StripeUnavailable(err)
		unavailable.Replayed = e != nil && e.replayed
		return unavailable
	case e.needsAction():
		return &payments.Error{
			Kind: payments.ErrActionRequired, Code: payments.CodeAuthenticationRequired,
			Message:      "The bank asks for one more step to confirm this payment.",
			ClientSecret: e.clientSecret, Err: e,
		}
	case e.kind == stripego.ErrorTypeCard:
		declined := payments.Declined(string(e.code), string(e.declineCode), e.message)
		declined.Err = e
		return declined
	case e.status == http.StatusUnauthorized:
		return fmt.Errorf("the secret key is not accepted by Stripe (request %s)", e.requestID)
	case e.status == http.StatusForbidden:
		return forbidden(e)
	case e.aboutPaymentMethod():
		return invalidPaymentMethod(e)
	case e.code == stripego.ErrorCodeResourceMissing && (e.status == http.StatusNotFound || e.param == "customer"):
		missing := payments.NotFound("such object at Stripe")
		missing.Err = e
		return missing
	}
	return e
}

func (e *apiError) needsAction() bool {
	switch e.code {
	case stripego.ErrorCodeAuthenticationRequired, stripego.ErrorCodeInvoicePaymentIntentRequiresAction,
		stripego.ErrorCodePaymentIntentActionRequired, "subscription_payment_intent_requires_action":
		return true
	}
	return e.declineCode == stripego.DeclineCodeAuthenticationRequired
}

// permission finds the name of the permission that a restricted key lacks.
var permission = regexp.MustCompile(`rak_[a-z_]+`)

func forbidden(e *apiError) error {
	if name := permission.FindString(e.message); name != "" {
		return fmt.Errorf("the secret key of Stripe lacks the permission %s (request %s)", name, e.requestID)
	}
	return fmt.Errorf("the secret key of Stripe lacks a permission for this call (request %s)", e.requestID)
}

// aboutPaymentMethod says whether the payment method that the caller named is
// what is wrong. Parameters that Stripe does not know are our own mistake.
func (e *apiError) aboutPaymentMethod() bool {
	if e.status != http.StatusBadRequest && e.status != http.StatusNotFound ||
		strings.HasPrefix(string(e.code), "parameter_") {
		return false
	}
	return e.param == "payment_method" || e.param == "default_payment_method" ||
		e.code == stripego.ErrorCodePaymentMethodUnexpectedState
}

func invalidPaymentMethod(cause error) *payments.Error {
	const message = "This payment method does not exist or cannot be used for this customer."
	return &payments.Error{
		Kind: payments.ErrInvalid, Code: payments.CodeInvalidRequest, Message: message,
		Fields: []payments.FieldError{{Field: "payment_method_id", Message: message}}, Err: cause,
	}
}

func isNotFound(err error) bool { return errors.Is(err, payments.ErrNotFound) }

// isRefused says whether Stripe refused a request for the state of the object
// that it is about, rather than for the card or for its own troubles.
func isRefused(err error) bool {
	var e *apiError
	return errors.As(err, &e) && (e.status == http.StatusBadRequest || e.status == http.StatusNotFound)
}
