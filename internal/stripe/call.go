package stripe

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/numerai-app/payments"
	stripego "github.com/stripe/stripe-go/v85"
	"github.com/stripe/stripe-go/v85/form"
)

// maxAnswerSize bounds the body of an answer. The largest that we ask for, a
// page of 100 expanded objects, has some hundred kilobytes.
const maxAnswerSize = 16 << 20

// maxKeyLength is the longest idempotency key that Stripe takes.
const maxKeyLength = 255

// request is one call to Stripe.
type request struct {
	method string
	path   string
	// key is the idempotency key of a write; empty: one of its own, so that
	// at least its repetitions count as one.
	key string
	// params are the SDK's; nil: none.
	params any
}

// answer is what Stripe answered.
type answer struct {
	body []byte
	// asOf is a moment at which it was surely true.
	asOf time.Time
	// replayed marks the answer of an earlier request with the same key.
	replayed bool
}

// news are the objects of an answer whose body is one object.
func (a answer) news(kind payments.ObjectKind) (payments.News, error) {
	o, err := a.object(string(kind))
	if err != nil {
		return payments.News{}, err
	}
	objects, err := normaliseAs(kind, o)
	if err != nil {
		return payments.News{}, fmt.Errorf("read Stripe's answer: %w", err)
	}
	return payments.News{AsOf: a.asOf, Read: true, Objects: objects}, nil
}

func (a answer) object(kind string) (object, error) {
	o, err := parseObject(kind, a.body)
	if err != nil {
		return object{}, fmt.Errorf("read Stripe's answer: %w", err)
	}
	return o, nil
}

// pathOf is the path of an object: every segment after the first is an id,
// which is escaped, and refused where it would lead to another path.
func pathOf(collection string, id string, action ...string) (string, error) {
	if !validID(id) {
		return "", fmt.Errorf("%q cannot be an id of Stripe's", id)
	}
	return "/v1/" + collection + "/" + url.PathEscape(id) + strings.Join(append([]string{""}, action...), "/"), nil
}

// validID says whether the text can be an id at Stripe. Prices may have any
// text for an id, so little is refused.
func validID(id string) bool {
	return id != "" && id != "." && id != ".." && len(id) <= maxIDLength &&
		!strings.ContainsFunc(id, func(r rune) bool { return r < ' ' || r == 0x7f || r == '/' })
}

// call makes a request and repeats it as the policy says. Its errors are the
// domain's where the domain has one.
func (c *Client) call(ctx context.Context, r request) (answer, error) {
	var body form.Values
	if r.params != nil {
		form.AppendTo(&body, r.params)
	}
	encoded := []byte(body.Encode())
	if r.key == "" && r.method != http.MethodGet {
		r.key = stripego.NewIdempotencyKey()
	}
	if len(r.key) > maxKeyLength {
		return answer{}, fmt.Errorf("%s %s: the idempotency key is longer than %d bytes", r.method, r.path, maxKeyLength)
	}
	var got answer
	err := c.retry.do(ctx, c.turn, func(ctx context.Context, attempt int) (err error) {
		got, err = c.try(ctx, r, encoded, attempt)
		return err
	})
	if err != nil {
		return answer{}, fmt.Errorf("%s %s: %w", r.method, r.path, domainError(err))
	}
	return got, nil
}

// get reads the object at a path.
func (c *Client) get(ctx context.Context, path string, params any) (answer, error) {
	return c.call(ctx, request{method: http.MethodGet, path: path, params: params})
}

// try makes a request once.
func (c *Client) try(ctx context.Context, r request, encoded []byte, attempt int) (answer, error) {
	params := &stripego.Params{Context: ctx}
	if r.key != "" {
		params.IdempotencyKey = &r.key
	}
	var raw rawAnswer
	began := c.now()
	err := c.backend.CallRaw(r.method, r.path, c.key, encoded, params, &raw)
	took := c.now().Sub(began)
	if err != nil {
		err = c.callError(err)
		c.tell(r, statusOf(err), took)
		c.log.DebugContext(ctx, "call to Stripe failed",
			"method", r.method, "path", r.path, "attempt", attempt, "took", took, "error", err)
		return answer{}, err
	}
	response := raw.LastResponse
	c.tell(r, response.StatusCode, took)
	c.log.DebugContext(ctx, "called Stripe", "method", r.method, "path", r.path, "attempt", attempt,
		"took", took, "status", response.StatusCode, "request_id", response.RequestID)
	date, err := http.ParseTime(response.Header.Get("Date"))
	if err != nil {
		return answer{}, errors.New("the answer has no Date header, so it cannot be ordered among the events")
	}
	return answer{
		body:     response.RawJSON,
		asOf:     date.Add(-took).UTC().Truncate(time.Second),
		replayed: response.Header.Get("Idempotent-Replayed") == "true",
	}, nil
}

// Call is one try of a call to Stripe, as it is told to those who count.
type Call struct {
	// Resource is the first word of the path, such as subscriptions.
	Resource, Method string
	// Status is the answer's; 0: none came.
	Status int
	Took   time.Duration
}

// tell tells of a try that ended.
func (c *Client) tell(r request, status int, took time.Duration) {
	resource, _, _ := strings.Cut(strings.TrimPrefix(r.path, "/v1/"), "/")
	c.onCall(Call{Resource: resource, Method: r.method, Status: status, Took: took})
}

// statusOf is the status with which Stripe refused; 0: it did not answer.
func statusOf(err error) int {
	var refused *apiError
	if errors.As(err, &refused) {
		return refused.status
	}
	return 0
}

// rawAnswer lets the SDK keep an answer's bytes and headers and decode nothing.
type rawAnswer struct{ stripego.APIResource }

// UnmarshalJSON leaves the body alone.
func (*rawAnswer) UnmarshalJSON([]byte) error { return nil }

// maxPages bounds the pages that are read of one list.
const maxPages = 20

// pageSize is the most that Stripe gives on a page.
const pageSize = 100

// list reads the pages of a list, calling each with every element. newParams
// makes the parameters of the page that follows the object with that id, or of
// the first where it is empty. It returns the moment at which the first page
// was true: the others are later.
func (c *Client) list(ctx context.Context, path string, newParams func(page stripego.ListParams) any, each func(object) error) (time.Time, error) {
	var asOf time.Time
	after := ""
	for range maxPages {
		page := stripego.ListParams{Limit: stripego.Int64(pageSize)}
		if after != "" {
			page.StartingAfter = &after
		}
		got, err := c.get(ctx, path, newParams(page))
		if err != nil {
			return time.Time{}, err
		}
		if asOf.IsZero() {
			asOf = got.asOf
		}
		o, err := got.object("list")
		if err != nil {
			return time.Time{}, err
		}
		elements := o.elements("data")
		more := o.flag("has_more")
		for _, element := range elements {
			if err := each(element); err != nil {
				return time.Time{}, err
			}
			after = element.id()
		}
		if *o.err != nil {
			return time.Time{}, fmt.Errorf("read Stripe's list %s: %w", path, *o.err)
		}
		if !more || len(elements) == 0 {
			return asOf, nil
		}
	}
	return time.Time{}, fmt.Errorf("read Stripe's list %s: more than %d pages", path, maxPages)
}

// maxIdleConnections is how many connections to Stripe are kept open.
const maxIdleConnections = 32

// boundedClient is the client with what we demand of it: no redirect, which
// would carry the key elsewhere, and no endless body. The timeout is each
// call's own.
func boundedClient(base *http.Client, wrap func(http.RoundTripper) http.RoundTripper) *http.Client {
	client := http.Client{}
	if base != nil {
		client = *base
	}
	client.Timeout = 0
	if client.Transport == nil {
		client.Transport = http.DefaultTransport
	}
	if shared, ok := client.Transport.(*http.Transport); ok && shared == http.DefaultTransport {
		own := shared.Clone()
		own.MaxIdleConnsPerHost = maxIdleConnections
		client.Transport = own
	}
	if wrap != nil {
		client.Transport = wrap(client.Transport)
	}
	client.Transport = boundedTransport{client.Transport}
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return errRedirect }
	return &client
}

var (
	errRedirect       = errors.New("the API of Stripe does not redirect: is its address right?")
	errAnswerTooLarge = fmt.Errorf("the answer has more than %d bytes", maxAnswerSize)
)

type boundedTransport struct{ http.RoundTripper }

// RoundTrip makes the request and bounds the body of its answer.
func (t boundedTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	response, err := t.RoundTripper.RoundTrip(r)
	if err == nil {
		response.Body = &boundedBody{ReadCloser: response.Body, left: maxAnswerSize}
	}
	return response, err
}

type boundedBody struct {
	io.ReadCloser
	left int
}

// Read reads until the bound, and past it fails.
func (b *boundedBody) Read(p []byte) (int, error) {
	if b.left < 0 {
		return 0, errAnswerTooLarge
	}
	n, err := b.ReadCloser.Read(p[:min(len(p), b.left+1)])
	b.left -= n
	if b.left < 0 {
		return n, errAnswerTooLarge
	}
	return n, err
}
