package server_test

import (
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	trace "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/numerai-app/payments"
	"github.com/numerai-app/payments/internal/storetest"
)

// spans collects what a collector is sent.
type spans struct {
	mu   sync.Mutex
	sent []*trace.Span
}

// ServeHTTP takes traces as OTLP over HTTP has them.
func (s *spans) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var request collector.ExportTraceServiceRequest
	body, err := io.ReadAll(r.Body)
	if err != nil || r.URL.Path != "/v1/traces" || proto.Unmarshal(body, &request) != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, resource := range request.GetResourceSpans() {
		for _, scope := range resource.GetScopeSpans() {
			s.sent = append(s.sent, scope.GetSpans()...)
		}
	}
}

func (s *spans) all() []*trace.Span {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.sent)
}

// find is the first span of that name, in that trace if one is named.
func (s *spans) find(name, traceID string) *trace.Span {
	all := s.all()
	if i := slices.IndexFunc(all, func(span *trace.Span) bool {
		return span.GetName() == name && (traceID == "" || fmt.Sprintf("%x", span.GetTraceId()) == traceID)
	}); i >= 0 {
		return all[i]
	}
	return nil
}

// lockedBuffer keeps what several write.
type lockedBuffer struct {
	mu   sync.Mutex
	text strings.Builder
}

// Write implements [io.Writer].
func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// TestTraces subscribes a user, and looks for the spans of it: each edge has
// its own, in the trace that the caller named, and none tells who it is about.
func TestTraces(t *testing.T) {
	t.Parallel()
	sent := new(spans)
	endpoint := httptest.NewServer(sent)
	t.Cleanup(endpoint.Close)
	b, config, listener := prepare(t, storetest.SQLiteURL(t), func(b *testBundle) string { return b.url + apiPath + "webhook/" })
	var logged lockedBuffer
	config.TracesEndpoint, config.Logger = endpoint.URL, slog.New(slog.NewJSONHandler(&logged, &slog.HandlerOptions{Level: slog.LevelDebug}))
	b.start(t, config, listener)
	const user, traceID = "ada-lovelace", "4bf92f3577b34da6a3ce929d0e0e4736"
	code, created, _ := b.call(t, user, http.MethodPost, "create-subscription/", visa("premium"), "Traceparent", "00-"+traceID+"-00f067aa0ba902b7-01")
	want(t, "answer", code, http.StatusCreated)
	b.eventually(t, "premium", func() bool { return strings.HasPrefix(b.status(t, user), "premium=true") })
	names := []string{
		"POST create-subscription", "POST webhook", "stripe POST /v1/subscriptions",
		"stripe POST /v1/payment_methods/{id}/attach", "database update", "job " + payments.Sweep{}.Kind(),
	}
	b.eventually(t, "the spans", func() bool {
		return !slices.ContainsFunc(names, func(name string) bool { return sent.find(name, "") == nil })
	})
	request, call := sent.find(names[0], traceID), sent.find(names[2], traceID)
	if request == nil || call == nil || string(call.GetParentSpanId()) != string(request.GetSpanId()) {
		t.Errorf("the call to Stripe is no part of the request in the caller's trace: %v, %v", request, call)
	}
	if !strings.Contains(logged.String(), `"trace_id":"`+traceID+`"`) {
		t.Error("no line of the log names the trace")
	}
	for _, span := range sent.all() {
		told := span.String()
		for _, secret := range []string{user, secretKey, jwtSecret, created["stripe_subscription_id"].(string), "cus_", "pm_card"} {
			if strings.Contains(told, secret) {
				t.Errorf("a span tells %q: %s", secret, told)
			}
		}
	}
}

// TestTracesToNobody: a collector that is not there holds up nothing.
func TestTracesToNobody(t *testing.T) {
	t.Parallel()
	b, config, listener := prepare(t, storetest.SQLiteURL(t), func(b *testBundle) string { return b.url + apiPath + "webhook/" })
	config.TracesEndpoint = "http://127.0.0.1:1"
	b.start(t, config, listener)
	code, _, _ := b.call(t, "user", http.MethodPost, "create-subscription/", visa("premium"))
	want(t, "answer", code, http.StatusCreated)
}
