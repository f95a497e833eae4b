package stripesim

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"
)

const maxBody = 1 << 20

// request is one call of the API while it is answered.
type request struct {
	*http.Request
	id       string // the Request-Id
	at       time.Time
	key      string // the idempotency key, for a POST
	body     []byte
	public   bool   // made with a publishable key
	asked    string // a digest of what it asks, if it has such a key
	account  string // what the key stands for in the memory of idempotency keys
	received *node
	call     call
	route    *operation
}

// answer is what a call is answered with.
type answer struct {
	status int
	body   []byte
	// original is the id of the request that an idempotency key stands for.
	original string
}

// ServeHTTP answers a call: Stripe's API under /v1/, control under /_sim/.
func (s *Simulator) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, bodyBound(r)))
	s.mu.Lock()
	call := &request{Request: r, id: "req_" + s.randomText(14), at: s.now(), body: body}
	s.mu.Unlock()
	w.Header().Set("Date", call.at.Format(http.TimeFormat))
	if err != nil {
		status := http.StatusBadRequest
		if tooLarge := new(http.MaxBytesError); errors.As(err, &tooLarge) {
			status = http.StatusRequestEntityTooLarge
		}
		s.write(w, call.failure(&apiError{status: status, kind: invalidRequestError, message: fmt.Sprintf("The request could not be read, or is larger than %d MiB.", bodyBound(r)>>20)}))
		return
	}
	if strings.HasPrefix(r.URL.Path, "/_sim/") {
		asked := r.WithContext(r.Context())
		asked.Body = io.NopCloser(bytes.NewReader(body))
		s.control.ServeHTTP(w, asked)
		return
	}
	w.Header().Set("Request-Id", call.id)
	w.Header().Set("Stripe-Version", APIVersion)
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
		s.write(w, r.failure(fault))
		return
	}
	release, fault := s.claim(r)
	if fault != nil {
		s.write(w, r.failure(fault))
		return
	}
	defer release()
	trouble := s.limited(r.account)
	if trouble == nil {
		trouble = s.takeFault(r)
	}
	if trouble.before(w, r) {
		return
	}
	given := s.answer(r)
	trouble.after(r.Request)
	given.mark(w.Header(), r.id)
	s.write(w, given)
}

func (s *Simulator) write(w http.ResponseWriter, a answer) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(a.status)
	if _, err := w.Write(a.body); err != nil {
		s.config.Logger.Debug("an answer could not be written", "error", err)
	}
}

// mark says in the headers of an answer what its idempotency key stands for.
func (a answer) mark(headers http.Header, id string) {
	if a.original == "" {
		return
	}
	headers.Set("Original-Request", a.original)
	headers.Set("Stripe-Should-Retry", "false")
	if a.original != id {
		headers.Set("Idempotent-Replayed", "true")
	}
}

// failure is a refusal as an answer.
func (r *request) failure(e *apiError) answer {
	body, err := json.MarshalIndent(e.body(r), "", "  ")
	if err != nil {
		return answer{status: http.StatusInternalServerError}
	}
	return answer{status: e.status, body: append(body, '\n')}
}

// answer does one call, or repeats what an idempotency key stands for.
func (s *Simulator) answer(r *request) answer {
	if fault := r.read(); fault != nil {
		return r.failure(fault)
	}
	decoded, wrong := decodeForm(r.received, r.route.fields)
	r.call.form = decoded
	if r.key != "" {
		r.asked = r.digest()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if saved, fault := s.remembered(r); fault != nil {
		return r.failure(fault)
	} else if saved != nil {
		return *saved
	}
	if wrong != nil {
		return r.failure(r.route.judge(wrong))
	}
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
		given = r.failure(fault)
	} else if given, fault = t.show(result, r.call.texts("expand")); fault != nil {
		return r.failure(fault)
	}
	if fault == nil && len(t.order)+len(t.gone) > 0 && t.isAdvancing() {
		fault = refused("", "Test clock advancement underway - cannot perform modifications.")
		given = r.failure(fault)
	}
	if fault != nil && !fault.commits {
		t = s.begin(t.begun)
	}
	if fault == nil && s.served != nil {
		s.served(r, result)
	}
	var kept line
	if fault == nil || fault.executed {
		kept.Answer = s.remember(r, &given)
	}
	if len(t.order)+len(t.gone) == 0 && kept.Answer == nil {
		return given
	}
	if err := s.commit(t, kept); err != nil {
		s.config.Logger.Error("a transaction could not be kept", "error", err)
		return r.failure(&apiError{status: http.StatusInternalServerError, kind: internalError, message: "The simulator could not keep its state."})
	}
	return given
}
