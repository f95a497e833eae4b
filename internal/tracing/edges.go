package tracing

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"github.com/numerai-app/payments"
)

// Handler makes a span of each request, in the trace that the caller names.
// [Answered] completes it.
func (t *Tracing) Handler(next http.Handler) http.Handler {
	if t == nil {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx := incoming.Extract(r.Context(), propagation.HeaderCarrier(r.Header))
		ctx, span := t.tracer.Start(ctx, "request", trace.WithSpanKind(trace.SpanKindServer))
		defer span.End()
		next.ServeHTTP(w, r.WithContext(ctx))
	})
}

// Answered says which route a request took, and with which status it was
// answered.
func Answered(ctx context.Context, method, route string, status int) {
	span := trace.SpanFromContext(ctx)
	span.SetName(method + " " + route)
	span.SetAttributes(attribute.String("http.request.method", method), attribute.String("http.route", route),
		attribute.Int("http.response.status_code", status))
	if status >= http.StatusInternalServerError {
		span.SetStatus(codes.Error, http.StatusText(status))
	}
}

// Transport makes a span of each try of a call to Stripe.
func (t *Tracing) Transport(next http.RoundTripper) http.RoundTripper {
	if t == nil {
		return next
	}
	return &transport{t, next}
}

type transport struct {
	*Tracing
	next http.RoundTripper
}

// RoundTrip implements [http.RoundTripper].
func (t *transport) RoundTrip(r *http.Request) (*http.Response, error) {
	path := pathOf(r.URL.Path)
	ctx, span := t.tracer.Start(r.Context(), "stripe "+r.Method+" "+path, trace.WithSpanKind(trace.SpanKindClient),
		trace.WithAttributes(attribute.String("http.request.method", r.Method), attribute.String("url.template", path)))
	response, err := t.next.RoundTrip(r.WithContext(ctx))
	if err != nil {
		end(span, true, "no answer")
		return nil, err
	}
	span.SetAttributes(attribute.Int("http.response.status_code", response.StatusCode),
		attribute.String("stripe.request_id", response.Header.Get("Request-Id")))
	end(span, response.StatusCode >= http.StatusBadRequest, http.StatusText(response.StatusCode))
	return response, nil
}

// pathOf is a path of Stripe's API without ids: they come after the collection.
func pathOf(path string) string {
	parts := strings.Split(path, "/")
	for i := 3; i < len(parts); i += 2 {
		parts[i] = "{id}"
	}
	return strings.Join(parts, "/")
}

// Messenger makes a span of each try to bring a message to the host.
func (t *Tracing) Messenger(next payments.Messenger) payments.Messenger {
	if t == nil {
		return next
	}
	return &messenger{t, next}
}

type messenger struct {
	*Tracing
	next payments.Messenger
}

// Post implements [payments.Messenger].
func (m *messenger) Post(ctx context.Context, message payments.Message) (int, error) {
	ctx, span := m.tracer.Start(ctx, "outbound POST", trace.WithSpanKind(trace.SpanKindClient),
		trace.WithAttributes(attribute.String("payments.outbound_event", message.ID)))
	status, err := m.next.Post(ctx, message)
	span.SetAttributes(attribute.Int("http.response.status_code", status))
	end(span, err != nil || status >= http.StatusMultipleChoices, "not taken")
	return status, err
}

// Store makes a span of each transaction, tries and all. One batch of events is
// one transaction, in the trace of the request that wrote it.
func (t *Tracing) Store(next payments.Store) payments.Store {
	if t == nil {
		return next
	}
	return &store{next, t}
}

type store struct {
	payments.Store
	tracing *Tracing
}

// View implements [payments.Store].
func (s *store) View(ctx context.Context, fn func(payments.Tx) error) error {
	return s.transact(ctx, "database view", func(ctx context.Context) error { return s.Store.View(ctx, fn) })
}

// Update implements [payments.Store].
func (s *store) Update(ctx context.Context, fn func(payments.Tx) error) error {
	return s.transact(ctx, "database update", func(ctx context.Context) error { return s.Store.Update(ctx, fn) })
}

// Standing implements [payments.Store].
func (s *store) Standing(ctx context.Context, userID string) (standing payments.Standing, err error) {
	err = s.transact(ctx, "database standing", func(ctx context.Context) error {
		standing, err = s.Store.Standing(ctx, userID)
		return err
	})
	return standing, err
}

func (s *store) transact(ctx context.Context, name string, do func(context.Context) error) error {
	ctx, span := s.tracing.tracer.Start(ctx, name)
	err := do(ctx)
	end(span, errors.Is(err, payments.ErrUnavailable), "no answer")
	return err
}

// Jobs makes a span of each run of a job that is worked by that configuration.
func (t *Tracing) Jobs(config *river.Config) *river.Config {
	if t != nil {
		config.Middleware = append(config.Middleware, &job{Tracing: t})
	}
	return config
}

type job struct {
	river.WorkerMiddlewareDefaults
	*Tracing
}

// Work implements [rivertype.WorkerMiddleware].
func (j *job) Work(ctx context.Context, row *rivertype.JobRow, inner func(context.Context) error) error {
	ctx, span := j.tracer.Start(ctx, "job "+row.Kind, trace.WithAttributes(attribute.Int("payments.attempt", row.Attempt)))
	err := inner(ctx)
	var snooze *river.JobSnoozeError
	end(span, err != nil && !errors.As(err, &snooze), "failed")
	return err
}
