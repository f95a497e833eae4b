package stripesim

import (
	"context"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	random "math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// APIVersion is the version of Stripe's API in which answers are given,
// whichever the Stripe-Version header of a request names.
const APIVersion = "2026-03-25.dahlia"

// Config is what a simulator may be told. The zero value is one in memory, at
// real time, that accepts any test key.
type Config struct {
	// Dir is the folder where the state is kept; it is made where it is
	// missing. Empty: in memory only. Two simulators must not share one.
	Dir string
	// Now is real time, to which the simulator's clock adds its own offset.
	// Default: time.Now.
	Now func() time.Time
	// Seed makes a run repeat: the same calls in the same order get the same
	// ids and secrets, and meet the same trouble. Zero: each run is another.
	Seed uint64
	// Random is where ids and secrets come from. Default: Seed.
	Random io.Reader
	// Trouble is trouble that comes by chance, from the start on.
	Trouble Trouble
	// RateLimit is how many requests a second each key may make; those beyond
	// are answered 429, as Stripe does. Zero: any number.
	RateLimit int
	// Logger is told of failed deliveries and of trouble with the folder.
	// Default: nobody is.
	Logger *slog.Logger
	// HTTPClient delivers webhooks; redirects are never followed. Default: one
	// with a timeout of 10 seconds.
	HTTPClient *http.Client
	// SecretKey is the only secret key that is accepted. Empty: every key that
	// begins with sk_test_ or rk_test_ is.
	SecretKey string
	// RetrySchedule is how long after each failed delivery of an event the next
	// one follows, in real time; after the last the event is given up. Default:
	// 1, 5 and 30 seconds, 5 minutes, 1 hour.
	RetrySchedule []time.Duration
	// PaymentRetries is how long after each failed payment of a renewal the
	// next one follows, in the simulator's time. Default: 3, 5 and 7 days.
	PaymentRetries []time.Duration
	// FinalAction is what becomes of a subscription whose renewal was not paid
	// after the last retry: cancel, unpaid or past_due. Default: cancel.
	FinalAction string
	// DueWarning is how long before its due date an invoice that was sent is
	// announced to be due. Default: 3 days. Negative: never.
	DueWarning time.Duration
	// UpcomingNotice is how long before the end of a period its invoice is
	// announced, if the period is longer than that. Default: 7 days. Negative:
	// never.
	UpcomingNotice time.Duration
}

// Simulator is an offline Stripe. It is safe for concurrent use. Close it when
// it is no longer needed.
type Simulator struct {
	config Config

	mu       sync.Mutex // guards all below, up to the blank line
	state    *state
	journal  *journal
	inFlight map[string]bool // idempotency keys
	faults   []*Fault
	trouble  Trouble
	rate     rateLimit
	ids      io.Reader       // where ids and secrets come from
	chance   *random.ChaCha8 // where trouble comes from

	clocksNudged chan struct{} // a test clock was told to advance

	sender  *sender
	stop    context.CancelFunc
	running sync.WaitGroup
}

const (
	maxBody     = 1 << 20
	deliverTime = 10 * time.Second
)

// New makes a simulator, with the state that it finds in Dir, and starts what
// it does by itself: the clock's work and the delivery of events. An unknown
// FinalAction or a folder that cannot be read or written is an error.
func New(c Config) (*Simulator, error) {
	c = withDefaults(c)
	if !slices.Contains([]string{"cancel", "unpaid", "past_due"}, c.FinalAction) {
		return nil, fmt.Errorf("stripesim: the final action is cancel, unpaid or past_due, not %q", c.FinalAction)
	}
	trouble, err := c.Trouble.checked()
	if err != nil {
		return nil, err
	}
	kept, journal, err := openState(c.Dir, c.Now)
	if err != nil {
		return nil, fmt.Errorf("stripesim: open the state in %s: %w", c.Dir, err)
	}
	s := &Simulator{config: c, state: kept, journal: journal, inFlight: map[string]bool{}, trouble: trouble, clocksNudged: make(chan struct{}, 1)}
	s.reseed()
	s.sender = newSender(s)
	for _, d := range kept.deliveries {
		s.sender.add([]delivery{d})
	}
	ctx, stop := context.WithCancel(context.Background())
	s.stop = stop
	s.running.Go(func() { s.sender.run(ctx) })
	s.running.Go(func() { s.tick(ctx) })
	return s, nil
}

func withDefaults(c Config) Config {
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	client := http.Client{Timeout: deliverTime}
	if c.HTTPClient != nil {
		client = *c.HTTPClient
	}
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	c.HTTPClient = &client
	if c.RetrySchedule == nil {
		c.RetrySchedule = []time.Duration{time.Second, 5 * time.Second, 30 * time.Second, 5 * time.Minute, time.Hour}
	}
	if c.PaymentRetries == nil {
		const day = 24 * time.Hour
		c.PaymentRetries = []time.Duration{3 * day, 5 * day, 7 * day}
	}
	if c.DueWarning == 0 {
		const day = 24 * time.Hour
		c.DueWarning = 3 * day
	}
	if c.UpcomingNotice == 0 {
		const week = 7 * 24 * time.Hour
		c.UpcomingNotice = week
	}
	if c.FinalAction == "" {
		c.FinalAction = "cancel"
	}
	return c
}

// Close stops the clock's work and the deliveries, waits for those under way,
// and closes the journal. What was not delivered yet is delivered by the next
// simulator on the same folder. A ctx that ends first is an error, and leaves
// the journal to be closed by the operating system.
func (s *Simulator) Close(ctx context.Context) error {
	s.stop()
	stopped := make(chan struct{})
	go func() {
		s.running.Wait()
		close(stopped)
	}()
	select {
	case <-stopped:
	case <-ctx.Done():
		return fmt.Errorf("stripesim: close: %w", ctx.Err())
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.journal.close(); err != nil {
		return fmt.Errorf("stripesim: close the journal: %w", err)
	}
	return nil
}

// Reset forgets all objects, events, deliveries, idempotency keys and faults,
// sets the clock back to real time, and begins with the seed anew. Trouble by
// chance stays.
func (s *Simulator) Reset() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.state, s.faults = newState(), nil
	s.reseed()
	s.sender.forget()
	if err := s.journal.rewrite(s.state); err != nil {
		return fmt.Errorf("stripesim: empty the journal: %w", err)
	}
	return nil
}

// request is one call of the API while it is answered.
type request struct {
	*http.Request
	id       string // the Request-Id
	key      string // the idempotency key, for a POST
	body     []byte
	public   bool   // made with a publishable key
	account  string // what the key stands for in the memory of idempotency keys
	received *node
	call     call
	route    *operation
}

// answer is what a call is answered with.
type answer struct {
	status   int
	body     []byte
	replayed bool
}

// ServeHTTP answers a call: Stripe's API under /v1/, control under /_sim/.
func (s *Simulator) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		status := http.StatusBadRequest
		if tooLarge := new(http.MaxBytesError); errors.As(err, &tooLarge) {
			status = http.StatusRequestEntityTooLarge
		}
		s.write(w, failure(&apiError{status: status, kind: invalidRequestError, message: "The request could not be read, or is larger than 1 MiB."}))
		return
	}
	s.mu.Lock()
	id, now := "req_"+s.randomText(14), s.now()
	s.mu.Unlock()
	w.Header().Set("Date", now.Format(http.TimeFormat))
	if strings.HasPrefix(r.URL.Path, "/_sim/") {
		s.control(w, r, body)
		return
	}
	w.Header().Set("Request-Id", id)
	w.Header().Set("Stripe-Version", APIVersion)
	call := &request{Request: r, id: id, body: body}
	if r.Method == http.MethodPost {
		call.key = r.Header.Get("Idempotency-Key")
	}
	if key := r.Header.Get("Idempotency-Key"); key != "" {
		w.Header().Set("Idempotency-Key", key)
	}
	s.serve(w, call)
}

// serve answers a call of the API, through the trouble that it meets.
func (s *Simulator) serve(w http.ResponseWriter, r *request) {
	if fault := s.authenticate(r); fault != nil {
		s.write(w, failure(fault))
		return
	}
	release, fault := s.claim(r)
	if fault != nil {
		s.write(w, failure(fault))
		return
	}
	defer release()
	trouble := s.limited(r.account)
	if trouble == nil {
		trouble = s.takeFault(r.Request)
	}
	if trouble.before(w, r.Request) {
		return
	}
	given := s.answer(r)
	trouble.after(r.Request)
	if given.replayed {
		w.Header().Set("Idempotent-Replayed", "true")
	}
	s.write(w, given)
}

func (s *Simulator) write(w http.ResponseWriter, a answer) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(a.status)
	if _, err := w.Write(a.body); err != nil {
		s.config.Logger.Debug("an answer could not be written", "error", err)
	}
}

// failure is a refusal as an answer.
func failure(e *apiError) answer {
	body, err := json.MarshalIndent(e.body(), "", "  ")
	if err != nil {
		return answer{status: http.StatusInternalServerError}
	}
	return answer{status: e.status, body: append(body, '\n')}
}

// authenticate checks the key of a request: Bearer, or the user of Basic.
func (s *Simulator) authenticate(r *request) *apiError {
	given, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !ok {
		given, _, _ = r.BasicAuth()
	}
	unauthorized := &apiError{status: http.StatusUnauthorized, kind: invalidRequestError}
	if given == "" {
		unauthorized.message = "You did not provide an API key. You need to provide your API key in the Authorization header, using Bearer auth (e.g. 'Authorization: Bearer YOUR_SECRET_KEY'). See https://stripe.com/docs/api#authentication for details, or we can help at https://support.stripe.com/."
		return unauthorized
	}
	r.account = digest(given)
	r.public = strings.HasPrefix(given, "pk_test_")
	secret := strings.HasPrefix(given, "sk_test_") || strings.HasPrefix(given, "rk_test_")
	if s.config.SecretKey != "" {
		secret = subtle.ConstantTimeCompare([]byte(given), []byte(s.config.SecretKey)) == 1
	}
	if !r.public && !secret {
		unauthorized.message = "Invalid API Key provided: " + masked(given)
		return unauthorized
	}
	return nil
}

// masked shows enough of a key to recognise it.
func masked(key string) string {
	if len(key) < 16 {
		return strings.Repeat("*", len(key))
	}
	return key[:8] + strings.Repeat("*", 8) + key[len(key)-4:]
}

// answer does one call, or repeats what an idempotency key stands for.
func (s *Simulator) answer(r *request) answer {
	if fault := r.read(); fault != nil {
		return failure(fault)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if saved, fault := s.remembered(r); fault != nil {
		return failure(fault)
	} else if saved != nil {
		return *saved
	}
	decoded, fault := decodeForm(r.received, r.route.fields)
	if fault != nil {
		return failure(r.route.judge(fault))
	}
	r.call.form = decoded
	return s.perform(r)
}

// read finds the operation that a request means, and its parameters.
func (r *request) read() *apiError {
	if version := r.Header.Get("Stripe-Version"); version != "" && !slices.Contains(versions, version) {
		return noVersion("", version)
	}
	var found bool
	if r.route, r.call.ids, found = findOperation(r.Method, r.URL.Path); !found {
		return &apiError{
			status: http.StatusNotFound, kind: invalidRequestError,
			message: fmt.Sprintf("Unrecognized request URL (%s: %s). Please see https://stripe.com/docs or we can help at https://support.stripe.com/.", r.Method, r.URL.Path),
		}
	}
	var fault *apiError
	if r.received, fault = parseForm(r.parameters()); fault != nil {
		return fault
	}
	if r.public && (!r.route.browser || len(r.call.ids) > 0 && r.received.children["client_secret"] == nil) {
		return &apiError{
			status: http.StatusForbidden, kind: invalidRequestError, code: "secret_key_required",
			message: "This API call cannot be made with a publishable API key. Please use a secret API key. You can find a list of your API keys at https://dashboard.stripe.com/account/apikeys.",
		}
	}
	return nil
}

// parameters are those of the query and of the body.
func (r *request) parameters() string {
	if len(r.body) == 0 || r.URL.RawQuery == "" {
		return r.URL.RawQuery + string(r.body)
	}
	return r.URL.RawQuery + "&" + string(r.body)
}

// perform runs one operation as a transaction. The caller holds the lock.
func (s *Simulator) perform(r *request) answer {
	t := s.begin(s.now().Unix())
	t.request, t.idempotencyKey = r.id, r.Header.Get("Idempotency-Key")
	result, fault := r.route.do(t, r.call)
	var given answer
	if fault != nil {
		given = failure(fault)
	} else if given, fault = t.show(result, r.call.texts("expand")); fault != nil {
		return failure(fault)
	}
	if fault == nil && len(t.order)+len(t.gone) > 0 && t.isAdvancing() {
		fault = refused("", "Test clock advancement underway - cannot perform modifications.")
		given = failure(fault)
	}
	if fault != nil && !fault.commits {
		t = s.begin(t.begun)
	}
	var kept line
	if fault == nil || fault.executed {
		kept.Answer = s.remember(r, given)
	}
	if len(t.order)+len(t.gone) == 0 && kept.Answer == nil {
		return given
	}
	if err := s.commit(t, kept); err != nil {
		s.config.Logger.Error("a transaction could not be kept", "error", err)
		return failure(&apiError{status: http.StatusInternalServerError, kind: internalError, message: "The simulator could not keep its state."})
	}
	return given
}
