package stripesim

import (
	"errors"
	"fmt"
	"math"
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
	// Count is how many requests it meets. Zero means one.
	Count int `json:"count"`
	// Kind is what happens: rate_limit and lock_timeout (429), error (500 as
	// JSON), html (502 as HTML), cut (the connection ends before anything is
	// done), lost (it ends after all was done), delay.
	Kind string `json:"kind"`
	// DelayMillis is how long delay takes, in milliseconds, a minute at most;
	// it also goes before any other kind. A request that is delayed holds its
	// idempotency key, so that another with that key is answered 409.
	DelayMillis int64 `json:"delay_ms"`
}

// maxDelay bounds a delay.
const maxDelay = time.Minute

// AddFault makes trouble. An unknown kind is an error.
func (s *Simulator) AddFault(f Fault) error {
	switch f.Kind {
	case "rate_limit", "lock_timeout", "error", "html", "cut", "lost", "delay":
	default:
		return fmt.Errorf("stripesim: unknown kind of fault %q", f.Kind)
	}
	if f.Count < 0 || f.DelayMillis < 0 {
		return errors.New("stripesim: a fault's count and delay are not negative")
	}
	f.Count = max(f.Count, 1)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = append(s.faults, &f)
	return nil
}

// ClearFaults ends all trouble with requests.
func (s *Simulator) ClearFaults() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = nil
}

// takeFault finds the trouble that a request meets, if any.
func (s *Simulator) takeFault(r *http.Request) *Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = slices.DeleteFunc(s.faults, func(f *Fault) bool { return f.Count == 0 })
	for _, f := range s.faults {
		if (f.Method == "" || f.Method == r.Method) && strings.HasPrefix(r.URL.Path, f.Path) {
			f.Count--
			return f
		}
	}
	return nil
}

// wait is the delay that a request meets, if any.
func (f *Fault) wait(r *http.Request) {
	if f == nil || f.DelayMillis == 0 {
		return
	}
	timer := time.NewTimer(min(time.Duration(f.DelayMillis)*time.Millisecond, maxDelay))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-r.Context().Done():
	}
}

// instead does what happens instead of the work; it says whether it did.
func (f *Fault) instead(w http.ResponseWriter, r *http.Request) bool {
	if f.Kind == "delay" || f.Kind == "lost" {
		return false
	}
	f.wait(r)
	body := ""
	status := http.StatusTooManyRequests
	switch f.Kind {
	case "rate_limit":
		w.Header().Set("Stripe-Rate-Limited-Reason", "global-rate")
		body = `{"error":{"type":"invalid_request_error","code":"rate_limit","message":"Request rate limit exceeded."}}`
	case "lock_timeout":
		body = `{"error":{"type":"invalid_request_error","code":"lock_timeout","message":"This object cannot be accessed right now because another API request or Stripe process is currently accessing it."}}`
	case "error":
		status, body = http.StatusInternalServerError, `{"error":{"type":"api_error","message":"An unknown error occurred."}}`
	case "html":
		w.Header().Set("Content-Type", "text/html")
		w.WriteHeader(http.StatusBadGateway)
		fmt.Fprint(w, "<html><body><h1>502 Bad Gateway</h1></body></html>")
		return true
	case "cut":
		panic(http.ErrAbortHandler)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	fmt.Fprint(w, body)
	return true
}

// DeliveryFault is trouble for the next deliveries of events.
type DeliveryFault struct {
	// Count is how many deliveries it meets. Zero means one.
	Count int `json:"count"`
	// Kind is what happens: drop (never delivered), duplicate, delay.
	Kind string `json:"kind"`
	// DelayMillis is how long delay takes, in milliseconds.
	DelayMillis int64 `json:"delay_ms"`
}

// AddDeliveryFault makes trouble with deliveries. An unknown kind is an error.
func (s *Simulator) AddDeliveryFault(f DeliveryFault) error {
	if f.Kind != "drop" && f.Kind != "duplicate" && f.Kind != "delay" {
		return fmt.Errorf("stripesim: unknown kind of delivery fault %q", f.Kind)
	}
	if f.Count < 0 || f.DelayMillis < 0 || f.DelayMillis > math.MaxInt64/int64(time.Millisecond) {
		return errors.New("stripesim: a delivery fault's count and delay are not negative, and the delay is not endless")
	}
	f.Count = max(f.Count, 1)
	s.deliveries.mu.Lock()
	defer s.deliveries.mu.Unlock()
	s.deliveries.faults = append(s.deliveries.faults, f)
	return nil
}

// PauseDeliveries holds events back, or lets them go again.
func (s *Simulator) PauseDeliveries(paused bool) {
	s.deliveries.mu.Lock()
	s.deliveries.paused = paused
	s.deliveries.mu.Unlock()
	s.deliveries.nudge()
}

// trouble is what a delivery meets; a duplicate is queued beside it. The caller
// holds the lock.
func (d *deliveries) trouble(one *delivery) {
	if len(d.faults) == 0 {
		return
	}
	f := &d.faults[0]
	switch f.Kind {
	case "drop":
		one.dropped = true
	case "duplicate":
		d.queue = append(d.queue, *one)
	case "delay":
		one.at = one.at.Add(time.Duration(f.DelayMillis) * time.Millisecond)
	}
	if f.Count--; f.Count == 0 {
		d.faults = d.faults[1:]
	}
}
