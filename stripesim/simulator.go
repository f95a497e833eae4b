package stripesim

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// APIVersion is the version of Stripe's API in which answers are given.
const APIVersion = "2026-03-25.dahlia"

// Config is what a simulator may be told. The zero value keeps everything in memory.
type Config struct {
	// Dir is where the state is kept. Empty: in memory only.
	Dir string
	// Now is real time. Default: time.Now.
	Now func() time.Time
	// Logger is told what people should know. Default: nobody is.
	Logger *slog.Logger
	// HTTPClient delivers webhooks. Default: one with a timeout of 10 seconds.
	HTTPClient *http.Client
	// RetrySchedule is how long after each failed delivery the next one
	// follows; after the last, the event is not delivered any more. Default:
	// 1, 5, 30 seconds, 5 minutes, 1 hour.
	RetrySchedule []time.Duration
	// FinalAction is what becomes of a subscription whose renewal was not paid
	// after the last retry: cancel, unpaid or past_due. Default: cancel.
	FinalAction string
}

// Simulator is an offline Stripe. It is safe for concurrent use.
type Simulator struct {
	config Config
	log    *slog.Logger

	mu          sync.Mutex // guards all below
	state       *state
	journal     *journal
	idempotency map[string]*remembered
	faults      []*Fault

	deliveries *deliveries
	stop       context.CancelFunc
	running    sync.WaitGroup
}

var defaultRetrySchedule = []time.Duration{
	time.Second, 5 * time.Second, 30 * time.Second, 5 * time.Minute, time.Hour,
}

const (
	maxBody     = 1 << 20
	tickTime    = time.Second
	deliverTime = 10 * time.Second
)

// New makes a simulator, with the state that it finds in Dir.
func New(c Config) (*Simulator, error) {
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.HTTPClient == nil {
		c.HTTPClient = &http.Client{Timeout: deliverTime}
	}
	if c.RetrySchedule == nil {
		c.RetrySchedule = defaultRetrySchedule
	}
	if c.FinalAction == "" {
		c.FinalAction = "cancel"
	}
	if !slices.Contains([]string{"cancel", "unpaid", "past_due"}, c.FinalAction) {
		return nil, fmt.Errorf("stripesim: the final action is cancel, unpaid or past_due, not %q", c.FinalAction)
	}
	s := &Simulator{config: c, log: c.Logger}
	var err error
	if s.state, s.idempotency, s.journal, err = openState(c.Dir); err != nil {
		return nil, fmt.Errorf("stripesim: open the state: %w", err)
	}
	s.forgetKeys()
	ctx, stop := context.WithCancel(context.Background())
	s.stop = stop
	s.deliveries = newDeliveries(s)
	for _, pending := range s.state.pendingDeliveries() {
		s.deliveries.add(pending)
	}
	s.running.Go(func() { s.deliveries.run(ctx) })
	s.running.Go(func() { s.tick(ctx) })
	return s, nil
}

// tick does what is due by the simulator's clock.
func (s *Simulator) tick(ctx context.Context) {
	ticker := time.NewTicker(tickTime)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			if err := s.catchUp(ctx); err != nil {
				s.log.ErrorContext(ctx, "the clock's work failed", "error", err)
			}
		}
	}
}

// Close stops deliveries and closes the journal. What was not delivered yet is
// delivered by the next simulator on the same folder.
func (s *Simulator) Close(context.Context) error {
	s.stop()
	s.running.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.journal.close()
}

// Now is the simulator's time.
func (s *Simulator) Now() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now()
}

func (s *Simulator) now() time.Time { return s.config.Now().Add(s.state.offset).UTC() }

// ServeHTTP answers a call: Stripe's API under /v1/, control under /_sim/.
func (s *Simulator) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		status, message := http.StatusBadRequest, "The request could not be read."
		if tooLarge := (*http.MaxBytesError)(nil); errors.As(err, &tooLarge) {
			status, message = http.StatusRequestEntityTooLarge, "The request is too large."
		}
		s.write(w, status, invalidRequest("", message).body())
		return
	}
	w.Header().Set("Request-Id", "req_"+rand.Text()[:14])
	w.Header().Set("Stripe-Version", APIVersion)
	w.Header().Set("Date", s.Now().Format(http.TimeFormat))
	if strings.HasPrefix(r.URL.Path, "/_sim/") {
		s.control(w, r, body)
		return
	}
	fault := s.takeFault(r)
	if fault != nil && fault.instead(w, r) {
		return
	}
	status, answer := s.answer(w, r, body, fault)
	if fault != nil && fault.Kind == "lost" {
		panic(http.ErrAbortHandler)
	}
	s.write(w, status, answer)
}

func (s *Simulator) write(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(body); err != nil {
		s.log.Debug("an answer could not be written", "error", err)
	}
}

// answer does one call of the API.
func (s *Simulator) answer(w http.ResponseWriter, r *http.Request, body []byte, trouble *Fault) (int, any) {
	public, fault := authenticate(r)
	if fault != nil {
		return fault.status, fault.body()
	}
	match, known := findRoute(r.Method, r.URL.Path)
	if !known {
		message := fmt.Sprintf("Unrecognized request URL (%s: %s). If Stripe has it, the simulator has not.", r.Method, r.URL.Path)
		return http.StatusNotFound, (&apiError{kind: "invalid_request_error", message: message}).body()
	}
	raw, fault := rawParams(r, body)
	var p params
	if fault == nil {
		p, fault = parseForm(raw)
	}
	if fault == nil {
		fault = match.route.schema.check(p)
	}
	if fault == nil && public && !match.public(p) {
		fault = &apiError{status: 403, kind: "invalid_request_error", code: "secret_key_required", message: "This API call cannot be made with a publishable API key."}
	}
	if fault != nil {
		return fault.status, fault.body()
	}
	// A slow answer is slow while it holds its idempotency key.
	do := func(asked *remembered) (int, any) {
		trouble.wait(r)
		return s.perform(match, p, w.Header().Get("Request-Id"), asked)
	}
	key := r.Header.Get("Idempotency-Key")
	if r.Method != http.MethodPost || key == "" {
		return do(nil)
	}
	return s.once(w, r, key, raw, do)
}

// rawParams are the parameters of a request as they were sent: in the query,
// and in the body of a POST.
func rawParams(r *http.Request, body []byte) (string, *apiError) {
	if r.Method != http.MethodPost || len(body) == 0 {
		return r.URL.RawQuery, nil
	}
	kind, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";")
	if kind != "" && !strings.EqualFold(strings.TrimSpace(kind), "application/x-www-form-urlencoded") {
		return "", invalidRequest("", "Invalid request (check that your POST content type is application/x-www-form-urlencoded).")
	}
	return strings.Trim(r.URL.RawQuery+"&"+string(body), "&"), nil
}

// perform runs one operation as a transaction. What it answers is stored with
// it for the idempotency key that asked, if any: Stripe keeps what was done and
// what the bank refused, not what was wrong with the request.
func (s *Simulator) perform(match match, p params, request string, asked *remembered) (int, any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	key := ""
	if asked != nil {
		key = asked.key
	}
	t := s.begin(request, key)
	result, fault := match.route.do(t, match.args, p)
	var answer any
	status := http.StatusOK
	if fault == nil {
		answer, fault = t.expand(result, p.texts("expand"))
	}
	if fault != nil {
		status, answer = fault.status, fault.body()
		if !fault.keep {
			t = s.begin(request, key)
		}
	}
	if asked != nil && (fault == nil || status == http.StatusPaymentRequired) {
		body, err := json.Marshal(answer)
		if err != nil {
			s.log.Error("an answer could not be kept", "error", err)
		} else {
			asked.running, asked.status, asked.body = false, status, body
			t.answered = asked
		}
	}
	if err := s.commit(t); err != nil {
		s.log.Error("a transaction could not be stored", "error", err)
		if asked != nil {
			asked.running = true
		}
		return http.StatusInternalServerError, (&apiError{kind: "api_error", message: "The simulator could not store its state."}).body()
	}
	return status, answer
}

// authenticate checks the key of a request: Bearer, or the user of Basic.
func authenticate(r *http.Request) (public bool, fault *apiError) {
	key, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !ok {
		key, _, _ = r.BasicAuth()
	}
	switch {
	case key == "":
		return false, &apiError{status: 401, kind: "invalid_request_error", message: "You did not provide an API key. You need to provide your API key in the Authorization header, using Bearer auth (e.g. 'Authorization: Bearer YOUR_SECRET_KEY')."}
	case strings.HasPrefix(key, "sk_test_"), strings.HasPrefix(key, "rk_test_"):
		return false, nil
	case strings.HasPrefix(key, "pk_test_"):
		return true, nil
	}
	return false, &apiError{status: 401, kind: "invalid_request_error", code: "api_key_invalid", message: "Invalid API Key provided. The simulator takes keys that begin with sk_test_ or rk_test_."}
}

// remembered is what an idempotency key stands for.
type remembered struct {
	key     string
	request string
	running bool
	at      time.Time
	status  int
	body    []byte
}

const idempotencyMemory = 24 * time.Hour

// once answers a request with an idempotency key: the first time by doing it,
// then by what was answered the first time.
func (s *Simulator) once(w http.ResponseWriter, r *http.Request, key, raw string, do func(*remembered) (int, any)) (int, any) {
	if len(key) > 255 {
		fault := &apiError{status: 400, kind: "idempotency_error", message: "Idempotency keys have 255 characters at most."}
		return fault.status, fault.body()
	}
	request := r.Method + " " + r.URL.Path + "\n" + raw
	s.mu.Lock()
	before := s.idempotency[key]
	if before != nil && !before.running && s.config.Now().Sub(before.at) > idempotencyMemory {
		before = nil
	}
	switch {
	case before == nil:
		before = &remembered{key: key, request: request, running: true, at: s.config.Now()}
		s.idempotency[key] = before
		s.mu.Unlock()
	case before.running:
		s.mu.Unlock()
		fault := &apiError{status: 409, kind: "idempotency_error", code: "idempotency_key_in_use", message: "There is currently another in-progress request using this Idempotency Key. Please try again later."}
		return fault.status, fault.body()
	case before.request != request:
		s.mu.Unlock()
		fault := &apiError{status: 400, kind: "idempotency_error", message: "Keys for idempotent requests can only be used with the same parameters they were first used with. Try using a key other than '" + key + "' if you meant to execute a different request."}
		return fault.status, fault.body()
	default:
		s.mu.Unlock()
		w.Header().Set("Idempotency-Key", key)
		w.Header().Set("Idempotent-Replayed", "true")
		return before.status, json.RawMessage(before.body)
	}
	w.Header().Set("Idempotency-Key", key)
	defer func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if before.running && s.idempotency[key] == before {
			delete(s.idempotency, key)
		}
	}()
	return do(before)
}

// forgetKeys drops the idempotency keys that are older than their time. The
// caller holds the lock.
func (s *Simulator) forgetKeys() {
	now := s.config.Now()
	for key, kept := range s.idempotency {
		if !kept.running && now.Sub(kept.at) > idempotencyMemory {
			delete(s.idempotency, key)
		}
	}
}

// reset forgets everything.
func (s *Simulator) reset() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.state, s.idempotency, s.faults = newState(), map[string]*remembered{}, nil
	s.deliveries.forget()
	return s.journal.rewrite(s.state, s.idempotency)
}

// decodeControl reads the JSON body of a control call.
func decodeControl(body []byte, into any) error {
	if len(bytes.TrimSpace(body)) == 0 {
		return nil
	}
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(into); err != nil {
		return fmt.Errorf("read the body: %w", err)
	}
	if decoder.More() {
		return errors.New("the body has more than one JSON value")
	}
	return nil
}
