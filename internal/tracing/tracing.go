// Package tracing sends traces to a collector by OpenTelemetry, for operators who
// look for where the time of one request went.
//
// A [Tracing] wraps the edges of the program, one decorator each: the requests
// that it answers ([Tracing.Handler]), its transactions ([Tracing.Store]), its
// calls to Stripe ([Tracing.Transport]), its jobs ([Tracing.Jobs]) and the
// messages to the host ([Tracing.Messenger]). What is between knows nothing of
// it. A span has words of which there are few, and statuses: no id of a user, no
// body, no query, no key. Stripe and the host are not told of traces.
package tracing

import (
	"context"
	"fmt"
	"log/slog"
	"net/url"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// Config says where traces go.
type Config struct {
	// Endpoint is the collector's base URL for OTLP over HTTP, such as
	// http://localhost:4318. Empty: no traces. All else is read from OpenTelemetry's own
	// variables, such as OTEL_SERVICE_NAME, OTEL_TRACES_SAMPLER and
	// OTEL_EXPORTER_OTLP_HEADERS.
	Endpoint string
	// Version is that of the program.
	Version string
	// Logger is told when the collector does not take the spans, once a minute
	// at most. Required.
	Logger *slog.Logger
}

// Tracing makes the spans of one process. A nil one makes none, at no cost.
type Tracing struct {
	provider *sdktrace.TracerProvider
	tracer   trace.Tracer
}

// incoming reads the trace that a request is part of.
var incoming = propagation.TraceContext{}

// New makes a Tracing, which has to be closed. It does not wait for the
// collector. Without an endpoint the Tracing is nil.
func New(ctx context.Context, c Config) (*Tracing, error) {
	if c.Endpoint == "" {
		return nil, nil //nolint:nilnil // a nil Tracing is one that is off
	}
	address, err := url.JoinPath(c.Endpoint, "v1", "traces")
	if err != nil {
		return nil, fmt.Errorf("read the address for traces: %w", err)
	}
	exporter, err := otlptracehttp.New(ctx, otlptracehttp.WithEndpointURL(address))
	if err != nil {
		return nil, fmt.Errorf("prepare to send traces: %w", err)
	}
	described, err := resource.New(ctx, resource.WithTelemetrySDK(),
		resource.WithAttributes(attribute.String("service.name", "payments"), attribute.String("service.version", c.Version)),
		resource.WithFromEnv())
	if err != nil {
		return nil, fmt.Errorf("describe the program to the collector: %w", err)
	}
	otel.SetErrorHandler(&seldom{log: c.Logger})
	provider := sdktrace.NewTracerProvider(sdktrace.WithBatcher(exporter), sdktrace.WithResource(described))
	return &Tracing{provider, provider.Tracer("github.com/numerai-app/payments")}, nil
}

// Close sends what is left, for as long as ctx lasts.
func (t *Tracing) Close(ctx context.Context) error {
	if t == nil {
		return nil
	}
	if err := t.provider.Shutdown(ctx); err != nil {
		return fmt.Errorf("send the last traces: %w", err)
	}
	return nil
}

// seldom is told by OpenTelemetry what goes wrong, which may be much of the same.
type seldom struct {
	log  *slog.Logger
	last atomic.Int64 // Unix seconds
}

// seldomTime is the time between two lines in the log.
const seldomTime = time.Minute

// Handle implements [otel.ErrorHandler].
func (s *seldom) Handle(err error) {
	now, last := time.Now(), s.last.Load()
	if now.Sub(time.Unix(last, 0)) >= seldomTime && s.last.CompareAndSwap(last, now.Unix()) {
		s.log.Warn("traces could not be sent", "error", err)
	}
}

// end ends a span, with what went wrong. The text of an error may speak of a
// user, so only its kind is told.
func end(span trace.Span, failed bool, kind string) {
	if failed {
		span.SetStatus(codes.Error, kind)
	}
	span.End()
}

// Logger adds the id of the trace to what is logged within one.
func (t *Tracing) Logger(log *slog.Logger) *slog.Logger {
	if t == nil {
		return log
	}
	return slog.New(logHandler{log.Handler()})
}

type logHandler struct{ slog.Handler }

// Handle implements [slog.Handler].
func (h logHandler) Handle(ctx context.Context, record slog.Record) error {
	if span := trace.SpanContextFromContext(ctx); span.IsSampled() {
		record.AddAttrs(slog.String("trace_id", span.TraceID().String()))
	}
	return h.Handler.Handle(ctx, record)
}

// WithAttrs implements [slog.Handler].
func (h logHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return logHandler{h.Handler.WithAttrs(attrs)}
}

// WithGroup implements [slog.Handler].
func (h logHandler) WithGroup(name string) slog.Handler { return logHandler{h.Handler.WithGroup(name)} }
