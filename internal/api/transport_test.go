package api_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/numerai-app/payments"
	"github.com/numerai-app/payments/internal/api"
	"github.com/numerai-app/payments/internal/storetest"
	"github.com/numerai-app/payments/stripesim"
)

func TestRequestIDs(t *testing.T) {
	t.Parallel()
	b := setup(t, options{})
	for _, r := range []request{
		{path: "config/"},
		{path: "nothing/"},
		{path: "subscription-status/"},
		{path: "webhook/", body: "{}"},
		{path: "/healthz"},
		{path: "/openapi.json"},
		{method: http.MethodPut, path: "plans/"},
		{path: "create-subscription/", user: "42", body: "{}"},
		{path: "create-subscription/", user: "42", body: "{}", header: []string{"Content-Type", "text/plain"}},
		{method: http.MethodOptions, path: "plans/", header: []string{"Origin", origin, "Access-Control-Request-Method", "GET"}},
	} {
		given := r
		for _, kept := range []string{"a", "A-Za_z0.9", strings.Repeat("x", 64)} {
			given.header = append([]string{"X-Request-Id", kept}, r.header...)
			if a := b.call(t, given); a.header.Get("X-Request-Id") != kept || a.json["request_id"] != nil && a.json["request_id"] != kept {
				t.Errorf("%s: %q became %q, %v", r.path, kept, a.header.Get("X-Request-Id"), a.json["request_id"])
			}
		}
		for _, replaced := range []string{"", "two words", "ü", strings.Repeat("x", 65), "a<script>"} {
			given.header = append([]string{"X-Request-Id", replaced}, r.header...)
			if a := b.call(t, given); a.header.Get("X-Request-Id") == replaced || len(a.header.Values("X-Request-Id")) != 1 {
				t.Errorf("%s: %q is kept", r.path, replaced)
			}
		}
	}
}

func TestCORS(t *testing.T) {
	t.Parallel()
	b := setup(t, options{})
	preflight := request{method: http.MethodOptions, path: "create-subscription/", header: []string{"Origin", origin, "Access-Control-Request-Method", "POST"}}
	a := b.call(t, preflight)
	if a.status != http.StatusNoContent || a.header.Get("Access-Control-Allow-Origin") != origin ||
		!strings.Contains(a.header.Get("Access-Control-Allow-Methods"), "POST") {
		t.Errorf("preflight is %d %v", a.status, a.header)
	}
	for _, name := range []string{"Authorization", "Content-Type", "Idempotency-Key", "X-Request-Id"} {
		if !strings.Contains(a.header.Get("Access-Control-Allow-Headers"), name) {
			t.Errorf("the preflight does not allow %s", name)
		}
	}
	for _, path := range []string{"config/", "subscription-status/", "nothing/"} {
		a := b.call(t, request{path: path, header: []string{"Origin", origin}})
		if a.header.Get("Access-Control-Allow-Origin") != origin || !strings.Contains(a.header.Get("Access-Control-Expose-Headers"), "Retry-After") {
			t.Errorf("%s: %v", path, a.header)
		}
	}
	for _, other := range []string{"https://evil.example", "null", origin + ".evil.example", "http://app.example.com", ""} {
		for _, r := range []request{preflight, {path: "config/", header: []string{"Origin", other}}} {
			r.header = append(r.header, "Origin", other)
			a := b.call(t, r)
			if a.header.Get("Access-Control-Allow-Origin") != "" || a.header.Get("Access-Control-Allow-Credentials") != "" {
				t.Errorf("%q is allowed: %v", other, a.header)
			}
			if !strings.Contains(strings.Join(a.header.Values("Vary"), ","), "Origin") {
				t.Errorf("%q: Vary is %q", other, a.header.Values("Vary"))
			}
		}
	}
	if a.header.Get("Access-Control-Allow-Credentials") != "" {
		t.Error("cookies are allowed")
	}
}

func TestHealth(t *testing.T) {
	t.Parallel()
	s := storetest.SQLite(t)
	b := setup(t, options{store: s})
	b.call(t, request{path: "/healthz"}).expect(t, http.StatusOK, "status")
	b.call(t, request{path: "/readyz/"}).expect(t, http.StatusOK, "status", "checks", "freshness")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	b.call(t, request{path: "/healthz/"}).expect(t, http.StatusOK, "status")
	if a := b.call(t, request{path: "/readyz"}); a.status != http.StatusServiceUnavailable || a.json["status"] != "unavailable" {
		t.Errorf("without a database: %d %s", a.status, a.raw)
	}
}

// lockedStore is a database that does not answer, as the store tells it.
type lockedStore struct{ payments.Store }

func (lockedStore) View(context.Context, func(payments.Tx) error) error { return errLocked }

func (lockedStore) Standing(context.Context, string) (payments.Standing, error) {
	return payments.Standing{}, errLocked
}

var errLocked = &payments.Error{
	Kind: payments.ErrUnavailable, Code: payments.CodeInternal, RetryAfter: 1500 * time.Millisecond,
	Message: "The database does not answer just now.", Err: errors.New("SQLITE_BUSY"),
}

func TestDatabaseIsAway(t *testing.T) {
	t.Parallel()
	b := setup(t, options{store: lockedStore{storetest.SQLite(t)}})
	for _, r := range []request{
		{path: "subscription-status/", user: "42"},
		{path: "billing-history/", user: "42"},
		{path: "create-subscription/", user: "42", body: visa},
		{path: "billing-history/", header: []string{"Authorization", bearer + "payments_service_x", "X-User-Id", "42"}},
	} {
		a := b.call(t, r)
		a.expectProblem(t, http.StatusServiceUnavailable, "internal")
		if a.header.Get("Retry-After") != "2" || strings.Contains(a.raw, "SQLITE") {
			t.Errorf("%s: %v %s", r.path, a.header, a.raw)
		}
	}
}

func TestStripeIsAway(t *testing.T) {
	t.Parallel()
	b := setup(t, options{})
	if err := b.sim.AddFault(stripesim.Fault{Kind: "error", Path: "/v1/", Count: 1000}); err != nil {
		t.Fatal(err)
	}
	calls := []request{{path: "plans/"}, {path: "create-subscription/", user: "42", body: visa}}
	for _, r := range calls {
		a := b.call(t, r)
		a.expectProblem(t, http.StatusServiceUnavailable, "stripe_unavailable")
		if a.header.Get("Retry-After") != "5" || strings.Contains(a.raw, "unknown error") {
			t.Errorf("%s: %v %s", r.path, a.header, a.raw)
		}
	}
	b.sim.ClearFaults()
	b.subscribe(t, "42", visa).expect(t, http.StatusCreated, createdMembers...)
	b.stripe.Close()
	b.subscribe(t, "43", visa).expectProblem(t, http.StatusServiceUnavailable, "stripe_unavailable")
}

// What Stripe says to developers is for the log.
func TestTextsForDevelopersStayInTheLog(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	b := setup(t, options{
		logger:    slog.New(slog.NewTextHandler(&log, nil)),
		transport: answering(http.StatusBadRequest, `{"error":{"type":"invalid_request_error","message":"Look, developer: No such price"}}`),
	})
	for _, r := range []request{{path: "plans/"}, {path: "create-subscription/", user: "42", body: visa}} {
		a := b.call(t, r)
		a.expectProblem(t, http.StatusInternalServerError, "internal")
		if strings.Contains(a.raw, "developer") || strings.Contains(a.raw, "price") {
			t.Errorf("%s: %s", r.path, a.raw)
		}
	}
	if !strings.Contains(log.String(), "Look, developer") {
		t.Errorf("the log does not say why: %s", log.String())
	}
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func answering(status int, body string) http.RoundTripper {
	return roundTripper(func(r *http.Request) (*http.Response, error) {
		return &http.Response{
			StatusCode: status, Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(strings.NewReader(body)), Request: r,
		}, nil
	})
}

func TestPanics(t *testing.T) {
	t.Parallel()
	b := setup(t, options{transport: roundTripper(func(*http.Request) (*http.Response, error) { panic("a secret of the inside") })})
	a := b.call(t, request{path: "plans/"})
	a.expectProblem(t, http.StatusInternalServerError, "internal")
	if strings.Contains(a.raw, "secret") {
		t.Errorf("answered %s", a.raw)
	}
	b.call(t, request{path: "config/"}).expect(t, http.StatusOK, "publishable_key")
}

// brokenWriter loses its connection after the head of the answer.
type brokenWriter struct{ http.ResponseWriter }

func (brokenWriter) Write([]byte) (int, error) { panic("the inside broke") }

// Half an answer must not pass for a whole one.
func TestPanicInTheMiddleOfAnAnswer(t *testing.T) {
	t.Parallel()
	b := setup(t, options{})
	defer func() {
		if fault, ok := recover().(error); !ok || !errors.Is(fault, http.ErrAbortHandler) {
			t.Errorf("the panic became %v", fault)
		}
	}()
	b.handler.ServeHTTP(brokenWriter{httptest.NewRecorder()}, b.newRequest(t, request{path: "config/"}))
}

// deadlineWriter remembers how long the connection may be read from.
type deadlineWriter struct {
	*httptest.ResponseRecorder
	deadlines []time.Time
}

func (w *deadlineWriter) SetReadDeadline(at time.Time) error {
	w.deadlines = append(w.deadlines, at)
	return nil
}

// A deadline that outlives the body would end the request in the middle of the
// work: the server reads ahead to learn whether the caller is still there.
func TestOnlyTheBodyHasADeadline(t *testing.T) {
	t.Parallel()
	b := setup(t, options{})
	for _, r := range []request{{path: "create-subscription/", user: "42", body: visa}, {path: "webhook/", body: "{}"}, {path: "plans/"}} {
		w := &deadlineWriter{ResponseRecorder: httptest.NewRecorder()}
		b.handler.ServeHTTP(w, b.newRequest(t, r))
		if len(w.deadlines) < 2 || w.deadlines[0].IsZero() || !w.deadlines[len(w.deadlines)-1].IsZero() {
			t.Errorf("%s: deadlines are %v", r.path, w.deadlines)
		}
	}
}

func TestBodyThatBreaksOff(t *testing.T) {
	t.Parallel()
	b := setup(t, options{})
	for _, path := range []string{"create-subscription/", "webhook/"} {
		sent := b.newRequest(t, request{path: path, user: "42", body: visa})
		sent.Body = io.NopCloser(io.MultiReader(strings.NewReader(`{"plan"`), brokenReader{}))
		w := httptest.NewRecorder()
		b.handler.ServeHTTP(w, sent)
		if w.Code != http.StatusBadRequest || !strings.Contains(w.Body.String(), "invalid_request") {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
	}
}

type brokenReader struct{}

func (brokenReader) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

func TestAnotherRequestIsInProgress(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := storetest.SQLite(t)
		plans, err := payments.NewPlans([]payments.Plan{{ID: "premium", Prices: []string{"price_1"}}})
		if err != nil {
			t.Fatal(err)
		}
		service, err := payments.New(payments.Config{Store: s, Stripe: newClient(t, "http://stripe.invalid", nil), Plans: plans})
		if err != nil {
			t.Fatal(err)
		}
		handler := newHandler(t, service, options{})
		now := time.Now()
		err = s.Update(t.Context(), func(tx payments.Tx) error {
			return tx.InsertOperation(t.Context(), payments.Operation{
				ID: "pop_1", UserID: "42", Kind: "create_subscription", RequestHash: "x", Request: []byte("{}"), Open: true,
				Lease: "another", LeaseUntil: now.Add(time.Minute), CreatedAt: now,
			})
		})
		if err != nil {
			t.Fatal(err)
		}
		sent := httptest.NewRequest(http.MethodPost, api.Prefix+"create-subscription/", strings.NewReader(`{"plan":"premium"}`))
		sent.Header.Set("Content-Type", "application/json")
		sent.Header.Set("Authorization", bearer+token(t, "42"))
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, sent)
		if w.Code != http.StatusConflict || !strings.Contains(w.Body.String(), `"in_progress"`) || w.Header().Get("Retry-After") != "1" {
			t.Errorf("answered %d %v %s", w.Code, w.Header(), w.Body)
		}
		if waited := time.Since(now); waited > 10*time.Second {
			t.Errorf("waited %v", waited)
		}
	})
}
