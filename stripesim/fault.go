package stripesim

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"
)

// Fault is trouble for the next requests that it fits.
type Fault struct {
	// Method and Path choose requests: the method, and how the path begins.
	// Empty: any.
	Method string `json:"method"`
	Path   string `json:"path"`
	// Count is how many requests it meets. Zero: one.
	Count int `json:"count"`
	// Kind is what happens: rate_limit, global_concurrency, endpoint_rate,
	// endpoint_concurrency, resource_specific and lock_timeout (429, with
	// Stripe's reason), error (500 as JSON), html (502 as HTML) and cut (the
	// connection ends) before anything is done; lost (the connection ends) and
	// timeout (no answer comes until the caller gives up, for a minute at most)
	// after all was done; delay.
	Kind string `json:"kind"`
	// DelayMillis is how long delay takes, in milliseconds, a minute at most;
	// it also goes before any other kind.
	DelayMillis int64 `json:"delay_ms"`
}

// faultKinds are the kinds that a [Fault] may have.
var faultKinds = []string{
	"rate_limit", "global_concurrency", "endpoint_rate", "endpoint_concurrency", "resource_specific", "lock_timeout", "error", "html", "cut", "lost", "timeout", "delay",
}

// limitReasons are what Stripe says of each kind of too many requests.
var limitReasons = map[string]string{
	"rate_limit": "global-rate", "global_concurrency": "global-concurrency", "endpoint_rate": "endpoint-rate",
	"endpoint_concurrency": "endpoint-concurrency", "resource_specific": "resource-specific",
}

const (
	// maxDelay bounds a delay.
	maxDelay = time.Minute
	// maxFaults bounds the faults that wait.
	maxFaults = 1000
)

var errTooManyFaults = errors.New("stripesim: too many faults are waiting")

// AddFault makes trouble for requests to the API. An unknown kind, or a negative
// number, is an error. Faults are forgotten when the simulator is closed.
func (s *Simulator) AddFault(f Fault) error {
	if !slices.Contains(faultKinds, f.Kind) {
		return fmt.Errorf("stripesim: the kind of a fault is %s, not %q", sentence(faultKinds), f.Kind)
	}
	if f.Count < 0 || f.DelayMillis < 0 {
		return errors.New("stripesim: a fault has a negative number")
	}
	f.Count = max(f.Count, 1)
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.faults) >= maxFaults {
		return errTooManyFaults
	}
	s.faults = append(s.faults, &f)
	return nil
}

// ClearFaults ends all trouble, that of deliveries and that by chance too.
func (s *Simulator) ClearFaults() {
	s.mu.Lock()
	s.faults, s.trouble = nil, Trouble{}
	s.mu.Unlock()
	s.sender.mu.Lock()
	defer s.sender.mu.Unlock()
	s.sender.faults = nil
}

// takeFault finds the trouble that a request meets. Nil: none.
func (s *Simulator) takeFault(r *request) *Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, f := range s.faults {
		if f.Method != "" && f.Method != r.Method || !strings.HasPrefix(r.URL.Path, f.Path) {
			continue
		}
		f.Count--
		if f.Count == 0 {
			s.faults = slices.Delete(s.faults, i, i+1)
		}
		met := *f
		return &met
	}
	return s.chanceFault(r)
}

// before does what happens instead of the work, and says whether it did.
func (f *Fault) before(w http.ResponseWriter, r *request) bool {
	if f == nil {
		return false
	}
	wait(r.Request, time.Duration(min(f.DelayMillis, maxDelay.Milliseconds()))*time.Millisecond)
	refusal := &apiError{status: http.StatusTooManyRequests, kind: invalidRequestError, code: f.Kind}
	switch f.Kind {
	case "rate_limit", "global_concurrency", "endpoint_rate", "endpoint_concurrency", "resource_specific":
		refusal.code = "rate_limit"
		w.Header().Set("Stripe-Rate-Limited-Reason", limitReasons[f.Kind])
		w.Header().Set("Stripe-Should-Retry", "false")
		refusal.message = "Request rate limit exceeded. Learn more about rate limits here https://stripe.com/docs/rate-limits."
	case "lock_timeout":
		refusal.message = "This object cannot be accessed right now because another API request or Stripe process is currently accessing it. If you see this error intermittently, retry the request."
	case "error":
		refusal = &apiError{status: http.StatusInternalServerError, kind: internalError, message: "An unknown error occurred."}
	case "html":
		w.Header().Set("Content-Type", "text/html")
		w.WriteHeader(http.StatusBadGateway)
		_, _ = io.WriteString(w, "<html><body><h1>502 Bad Gateway</h1></body></html>\n")
		return true
	case "cut":
		panic(http.ErrAbortHandler)
	default:
		return false
	}
	given := r.failure(refusal)
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(given.status)
	_, _ = w.Write(given.body)
	return true
}

// after does what happens to the answer of work that is done.
func (f *Fault) after(r *http.Request) {
	switch {
	case f == nil:
		return
	case f.Kind == "timeout":
		wait(r, maxDelay)
	case f.Kind != "lost":
		return
	}
	panic(http.ErrAbortHandler)
}

// wait passes time until the caller gives up.
func wait(r *http.Request, d time.Duration) {
	if d == 0 {
		return
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-r.Context().Done():
	}
}

// DeliveryFault is trouble for the next deliveries of events.
type DeliveryFault struct {
	// Count is how many deliveries it meets. Zero: one.
	Count int `json:"count"`
	// Kind is what happens: drop (it is never delivered), duplicate (it is
	// delivered twice), delay, reorder (the deliveries that it meets are
	// delivered in the reverse order).
	Kind string `json:"kind"`
	// DelayMillis is how long delay takes, in milliseconds; for reorder, how
	// far apart the deliveries are then. Zero: 100.
	DelayMillis int64 `json:"delay_ms"`
}

var deliveryFaultKinds = []string{"drop", "duplicate", "delay", "reorder"}

const defaultDelayMillis = 100

// AddDeliveryFault makes trouble for deliveries of events that are not made
// yet; retries meet none. An unknown kind, or a negative number, is an error.
func (s *Simulator) AddDeliveryFault(f DeliveryFault) error {
	if !slices.Contains(deliveryFaultKinds, f.Kind) {
		return fmt.Errorf("stripesim: the kind of a delivery's fault is %s, not %q", sentence(deliveryFaultKinds), f.Kind)
	}
	if f.Count < 0 || f.DelayMillis < 0 {
		return errors.New("stripesim: a fault has a negative number")
	}
	f.Count = max(f.Count, 1)
	if f.DelayMillis == 0 {
		f.DelayMillis = defaultDelayMillis
	}
	s.sender.mu.Lock()
	defer s.sender.mu.Unlock()
	if len(s.sender.faults) >= maxFaults {
		return errTooManyFaults
	}
	s.sender.faults = append(s.sender.faults, f)
	return nil
}

// PauseDeliveries holds events back, or lets them go again.
func (s *Simulator) PauseDeliveries(paused bool) { s.pauseDeliveries(paused, time.Time{}) }

// PauseDeliveriesFor holds events back for a while of real time.
func (s *Simulator) PauseDeliveriesFor(d time.Duration) {
	s.pauseDeliveries(false, s.config.Now().Add(d))
}

func (s *Simulator) pauseDeliveries(paused bool, until time.Time) {
	s.sender.mu.Lock()
	s.sender.paused, s.sender.pausedUntil = paused, until
	s.sender.mu.Unlock()
	s.sender.nudge()
}

// trouble changes a new delivery by the trouble that it meets.
func (s *sender) trouble(d *delivery) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.faults) == 0 {
		return
	}
	f := &s.faults[0]
	f.Count--
	delay := time.Duration(f.DelayMillis) * time.Millisecond
	switch f.Kind {
	case "drop":
		d.GivenUp = true
	case "duplicate":
		d.again = true
	case "delay":
		d.At = d.At.Add(delay)
	case "reorder":
		d.At = d.At.Add(time.Duration(f.Count+1) * delay)
	}
	if f.Count == 0 {
		s.faults = s.faults[1:]
	}
}
