package api

import (
	"encoding/json"
	"errors"
	"math"
	"net/http"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/numerai-app/payments"
)

// problem is an error as RFC 9457 has it, with the contract's own members.
type problem struct {
	Type         string                `json:"type" doc:"Always about:blank: the code tells." example:"about:blank"`
	Title        string                `json:"title" doc:"The status in words." example:"Bad Request"`
	Status       int                   `json:"status" doc:"The HTTP status." example:"400"`
	Detail       string                `json:"detail" doc:"One sentence that may be shown to people."`
	Code         string                `json:"code" doc:"A stable word for programs." example:"invalid_request"`
	Text         string                `json:"error" doc:"The same sentence as detail."`
	Errors       []payments.FieldError `json:"errors" nullable:"false" doc:"What is wrong with which field; empty where no field is."`
	RequestID    string                `json:"request_id" doc:"The id of the request, as in the X-Request-Id header."`
	DeclineCode  string                `json:"decline_code,omitempty" doc:"Why the bank refused the card (card_declined)."`
	ClientSecret string                `json:"client_secret,omitempty" doc:"With it the browser takes the bank's step (authentication_required)."`

	header http.Header
}

// Error is the sentence.
func (p *problem) Error() string { return p.Detail }

// GetStatus is the HTTP status.
func (p *problem) GetStatus() int { return p.Status }

// GetHeaders are the headers that go with it.
func (p *problem) GetHeaders() http.Header { return p.header }

// ContentType is that of a problem.
func (p *problem) ContentType(string) string { return "application/problem+json" }

func newProblem(status int, code, detail string) *problem {
	return &problem{
		Type: "about:blank", Title: http.StatusText(status), Status: status, Detail: detail, Text: detail, Code: code,
		Errors: []payments.FieldError{}, header: http.Header{},
	}
}

func internalProblem() *problem {
	return newProblem(http.StatusInternalServerError, payments.CodeInternal, "Something went wrong on our side.")
}

func tooLarge(detail string) *problem {
	return newProblem(http.StatusRequestEntityTooLarge, payments.CodePayloadTooLarge, detail)
}

// statuses is the one table from kinds of errors to HTTP.
var statuses = []struct {
	kind   error
	status int
}{
	{payments.ErrInvalid, http.StatusBadRequest},
	{payments.ErrUnauthenticated, http.StatusUnauthorized},
	{payments.ErrForbidden, http.StatusForbidden},
	{payments.ErrNotFound, http.StatusNotFound},
	{payments.ErrConflict, http.StatusConflict},
	{payments.ErrDeclined, http.StatusPaymentRequired},
	{payments.ErrActionRequired, http.StatusPaymentRequired},
	{payments.ErrRateLimited, http.StatusTooManyRequests},
	{payments.ErrUnavailable, http.StatusServiceUnavailable},
}

// problemOf turns an error of the service into a problem. Anything that is not
// meant for people is a 500 without a reason.
func problemOf(err error) *problem {
	var told *payments.Error
	if !errors.As(err, &told) {
		return internalProblem()
	}
	status := http.StatusInternalServerError
	for _, entry := range statuses {
		if errors.Is(told.Kind, entry.kind) {
			status = entry.status
		}
	}
	if status == http.StatusInternalServerError {
		return internalProblem()
	}
	if told.Code == payments.CodePayloadTooLarge {
		status = http.StatusRequestEntityTooLarge
	}
	p := newProblem(status, told.Code, told.Message)
	p.DeclineCode, p.ClientSecret = told.DeclineCode, told.ClientSecret
	if told.Fields != nil {
		p.Errors = told.Fields
	}
	if told.RetryAfter > 0 {
		p.header.Set("Retry-After", strconv.Itoa(max(1, int(math.Ceil(told.RetryAfter.Seconds())))))
	}
	if told.Replayed {
		p.header.Set("Idempotent-Replayed", "true")
	}
	if status == http.StatusUnauthorized {
		p.header.Set("WWW-Authenticate", "Bearer")
	}
	return p
}

// humaProblem turns what huma finds wrong with a request's shape into a
// problem: 400, naming the fields.
func humaProblem(status int, message string, errs []error) *problem {
	switch status {
	case http.StatusUnprocessableEntity, http.StatusBadRequest:
	case http.StatusRequestEntityTooLarge:
		return tooLarge("A request has 64 KiB at most.")
	default:
		if status >= http.StatusInternalServerError {
			return internalProblem()
		}
		return newProblem(status, payments.CodeInvalidRequest, message)
	}
	p := newProblem(http.StatusBadRequest, payments.CodeInvalidRequest, "The request is not valid.")
	for _, err := range errs {
		var tooLong *http.MaxBytesError
		if errors.As(err, &tooLong) {
			return tooLarge("A request has 64 KiB at most.")
		}
		var detail huma.ErrorDetailer
		if !errors.As(err, &detail) {
			continue
		}
		d := detail.ErrorDetail()
		field := strings.TrimPrefix(strings.TrimPrefix(strings.TrimPrefix(d.Location, "body"), "."), "query.")
		field = strings.TrimPrefix(field, "header.")
		p.Errors = append(p.Errors, payments.FieldError{Field: field, Message: fieldMessage(d.Message)})
	}
	if len(p.Errors) == 0 {
		p.Detail = "The body is not JSON."
	} else {
		p.Detail = strings.TrimSpace(p.Errors[0].Field + ": " + p.Errors[0].Message)
	}
	p.Text = p.Detail
	return p
}

// fieldMessage is huma's finding as a sentence.
func fieldMessage(text string) string {
	if text == "" {
		return "This is not valid."
	}
	return strings.ToUpper(text[:1]) + text[1:] + "."
}

// writeProblem answers with a problem outside of huma.
func writeProblem(w http.ResponseWriter, r *http.Request, p *problem) {
	p.RequestID = requestID(r.Context())
	for name, values := range p.header {
		w.Header()[name] = values
	}
	w.Header().Set("Content-Type", p.ContentType(""))
	w.WriteHeader(p.Status)
	_ = json.NewEncoder(w).Encode(p)
}
