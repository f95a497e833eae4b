package api

import (
	"cmp"
	"encoding/json"
	"errors"
	"math"
	"net/http"
	"regexp"
	"slices"
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
	if status >= http.StatusInternalServerError {
		return internalProblem()
	}
	var findings []payments.FieldError
	for _, err := range errs {
		var detailer huma.ErrorDetailer
		if errors.As(err, &detailer) {
			findings = append(findings, fieldError(detailer.ErrorDetail()))
		}
	}
	// huma finds unknown members in the order of a map.
	slices.SortStableFunc(findings, func(a, b payments.FieldError) int { return cmp.Compare(a.Field, b.Field) })
	p := newProblem(http.StatusBadRequest, payments.CodeInvalidRequest, sentence(message))
	for i, finding := range findings[:min(len(findings), maxFindings)] {
		if len(finding.Field) > maxFieldName {
			finding.Field = strings.ToValidUTF8(finding.Field[:maxFieldName], "") + "…"
		}
		if i == 0 {
			p.Detail = strings.TrimPrefix(finding.Field+": "+finding.Message, ": ")
		}
		if finding.Field != "" {
			p.Errors = append(p.Errors, finding)
		}
	}
	p.Text = p.Detail
	return p
}

const (
	// maxFindings is how many of a request's faults are told.
	maxFindings = 20
	// maxFieldName is how much of the name of a field is told, in bytes.
	maxFieldName = 100
)

// findingOfProperty is how a finding about a whole object names the property
// that it means.
var findingOfProperty = regexp.MustCompile(`^expected (?:required )?property (\S+) to be `)

// fieldError is a finding of huma's. One about the body as a whole has no field.
func fieldError(d *huma.ErrorDetail) payments.FieldError {
	_, field, _ := strings.Cut(d.Location, ".")
	message := d.Message
	if parts := findingOfProperty.FindStringSubmatch(message); parts != nil {
		field = strings.TrimPrefix(field+"."+parts[1], ".")
		message = "expected to be " + message[len(parts[0]):]
	}
	return payments.FieldError{Field: field, Message: sentence(message)}
}

func sentence(text string) string {
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
