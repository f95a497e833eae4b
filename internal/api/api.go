package api

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"path"
	"regexp"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/numerai-app/payments"
)

// Prefix is where the API lives.
const Prefix = "/api/v1/payments/"

// Config is what the API needs.
type Config struct {
	// Service does the work. Required.
	Service *payments.Service
	// Tokens checks users' tokens. Required.
	Tokens *Tokens
	// PublishableKey is given to front ends.
	PublishableKey string
	// PublicURL is the base of links, without a last slash.
	PublicURL string
	// WebhooksOff leaves out webhook/.
	WebhooksOff bool
	// CORSOrigins are the browser origins that may call.
	CORSOrigins []string
	// OnRequest is told of each request that was answered, with its context.
	// Default: nobody is.
	OnRequest func(context.Context, Request)
	// Logger is told of requests (debug) and of failures. Default: nobody is.
	Logger *slog.Logger
}

// server is the API's handler.
type server struct {
	Config
	mux  *http.ServeMux
	huma huma.API
}

// New makes the API's handler.
func New(c Config) (http.Handler, error) {
	if c.Service == nil || c.Tokens == nil {
		return nil, errors.New("api: no Service or no Tokens")
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.OnRequest == nil {
		c.OnRequest = func(context.Context, Request) {}
	}
	c.PublicURL = strings.TrimSuffix(c.PublicURL, "/")
	setUpHuma()
	s := &server{Config: c, mux: http.NewServeMux()}
	s.huma = humago.New(s.mux, documentConfig(c.PublicURL))
	s.registerSubscriptions()
	s.registerCatalog()
	s.registerEndpoints()
	s.registerEvents()
	if !c.WebhooksOff {
		s.mux.HandleFunc("POST "+Prefix+"webhook", s.webhook)
	}
	health := HealthHandler(c.Service)
	s.mux.Handle("GET /healthz", health)
	s.mux.Handle("GET /readyz", health)
	document, err := s.document()
	if err != nil {
		return nil, fmt.Errorf("api: write the OpenAPI document: %w", err)
	}
	s.mux.HandleFunc("GET /openapi.json", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/openapi+json")
		_, _ = w.Write(document)
	})
	return s.identify(s.recover(s.cors(http.HandlerFunc(s.route)))), nil
}

// route cuts off the last slash, takes the body, and answers in the contract's
// way what no handler takes.
func (s *server) route(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Cache-Control", "no-store")
	at := r.URL.Path
	if len(at) > 1 {
		at = strings.TrimSuffix(at, "/")
	}
	if path.Clean(at) != at || !isText(at) { // the mux would redirect it; no name has a NUL in it
		writeProblem(w, r, nothingHere())
		return
	}
	r = r.Clone(r.Context())
	r.URL.Path, r.URL.RawPath = at, ""
	handler, pattern := s.mux.Handler(r)
	if pattern == "" {
		s.refuse(w, r, handler)
		return
	}
	if status, ok := w.(*statusWriter); ok {
		status.pattern = pattern
	}
	if at != Prefix+"webhook" { // whose body stays as it came
		p := checkQuery(r)
		if p == nil {
			p = takeBody(w, r)
		}
		if p != nil {
			writeProblem(w, r, p)
			return
		}
	}
	s.mux.ServeHTTP(w, r)
}

// refuse turns the mux's plain 404 and 405 into problems.
func (s *server) refuse(w http.ResponseWriter, r *http.Request, handler http.Handler) {
	probe := &headerProbe{header: http.Header{}}
	handler.ServeHTTP(probe, r)
	if allow := probe.header.Get("Allow"); allow != "" {
		w.Header().Set("Allow", allow)
		writeProblem(w, r, newProblem(http.StatusMethodNotAllowed, "method_not_allowed", "This path does not take "+r.Method+". It takes "+allow+"."))
		return
	}
	writeProblem(w, r, nothingHere())
}

func nothingHere() *problem {
	return newProblem(http.StatusNotFound, payments.CodeNotFound, "There is nothing at this path.")
}

// headerProbe keeps the headers of an answer and drops the rest.
type headerProbe struct{ header http.Header }

func (p *headerProbe) Header() http.Header         { return p.header }
func (p *headerProbe) Write(b []byte) (int, error) { return len(b), nil }
func (p *headerProbe) WriteHeader(int)             {}

type contextKey int

const (
	requestIDKey contextKey = iota
	callerKey
)

var requestIDPattern = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)

// identify gives every request an id: the caller's own, or a new one. It logs
// and counts the request when it is answered.
func (s *server) identify(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id := r.Header.Get("X-Request-Id")
		if !requestIDPattern.MatchString(id) {
			id = rand.Text()
		}
		w.Header().Set("X-Request-Id", id)
		start := time.Now()
		status := &statusWriter{ResponseWriter: w}
		next.ServeHTTP(status, r.WithContext(context.WithValue(r.Context(), requestIDKey, id)))
		took := time.Since(start)
		s.Logger.DebugContext(r.Context(), "request", "method", r.Method, "path", r.URL.Path,
			"status", status.code, "duration", took, "request_id", id)
		s.OnRequest(r.Context(), status.request(took))
	})
}

// statusWriter remembers the status of an answer, and which handler gave it.
type statusWriter struct {
	http.ResponseWriter
	code    int
	pattern string // empty: none
}

func (w *statusWriter) WriteHeader(code int) {
	if w.code == 0 {
		w.code = code
	}
	w.ResponseWriter.WriteHeader(code)
}

func (w *statusWriter) Write(b []byte) (int, error) {
	if w.code == 0 {
		w.code = http.StatusOK
	}
	return w.ResponseWriter.Write(b)
}

// Unwrap lets http.ResponseController reach the connection.
func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// recover turns a panic into a 500.
func (s *server) recover(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			fault := recover()
			if fault == nil {
				return
			}
			if fault == http.ErrAbortHandler { //nolint:errorlint // a panic's value, compared as net/http does
				panic(fault)
			}
			s.Logger.ErrorContext(r.Context(), "panic", "fault", fault, "stack", string(debug.Stack()), "request_id", requestID(r.Context()))
			if status, ok := w.(*statusWriter); ok && status.code != 0 {
				panic(http.ErrAbortHandler) // half an answer must not pass for a whole one
			}
			writeProblem(w, r, internalProblem())
		}()
		next.ServeHTTP(w, r)
	})
}

// cors lets the configured origins, and no others, call from a browser.
func (s *server) cors(next http.Handler) http.Handler {
	allowed := map[string]bool{}
	for _, origin := range s.CORSOrigins {
		allowed[origin] = true
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Add("Vary", "Origin")
		origin := r.Header.Get("Origin")
		if !allowed[origin] {
			next.ServeHTTP(w, r)
			return
		}
		w.Header().Set("Access-Control-Allow-Origin", origin)
		w.Header().Set("Access-Control-Expose-Headers", "X-Request-Id, Idempotent-Replayed, Retry-After")
		if r.Method != http.MethodOptions || r.Header.Get("Access-Control-Request-Method") == "" {
			next.ServeHTTP(w, r)
			return
		}
		w.Header().Set("Access-Control-Allow-Methods", "GET, POST")
		w.Header().Set("Access-Control-Allow-Headers", "Authorization, Content-Type, Idempotency-Key, X-Request-Id")
		w.Header().Set("Access-Control-Max-Age", "600")
		w.WriteHeader(http.StatusNoContent)
	})
}

func requestID(ctx context.Context) string {
	id, _ := ctx.Value(requestIDKey).(string)
	return id
}

// huma's maker of errors, and whether "Plan" is "plan", are variables of the
// process.
var setUpHuma = sync.OnceFunc(func() {
	huma.ValidateStrictCasing = true
	huma.NewError = func(status int, message string, errs ...error) huma.StatusError {
		return humaProblem(status, message, errs)
	}
	huma.NewErrorWithContext = func(ctx huma.Context, status int, message string, errs ...error) huma.StatusError {
		p := humaProblem(status, message, errs)
		if ctx != nil {
			p.RequestID = requestID(ctx.Context())
		}
		return p
	}
})
