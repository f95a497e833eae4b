package stripesim

import (
	"fmt"
	"maps"
	random "math/rand/v2"
	"slices"
	"time"
)

// Trouble is trouble that stays, and comes by chance: how often requests and
// deliveries meet it. The zero value is none. With [Config.Seed] the same calls
// meet the same trouble.
type Trouble struct {
	// Requests is how often a request meets each kind of [Fault], as in
	// {"error": 0.01, "lost": 0.02}. A request meets one kind at most, so all
	// rates together are 1 at most.
	Requests map[string]float64 `json:"requests,omitempty"`
	// Deliveries is how often the first delivery of an event meets each kind of
	// [DeliveryFault], from 0 to 1. It may meet several.
	Deliveries map[string]float64 `json:"deliveries,omitempty"`
	// DelayMillis is how long what is delayed waits at most, in milliseconds.
	// Zero: 1000.
	DelayMillis int64 `json:"delay_ms,omitempty"`
	// WindowMillis is the time, in milliseconds, within which the deliveries
	// that meet reorder arrive in any order. Zero: 1000.
	WindowMillis int64 `json:"window_ms,omitempty"`
}

const defaultTroubleMillis = 1000

// checked is the trouble with its defaults and with maps of its own, or says
// what is wrong with it.
func (t Trouble) checked() (Trouble, error) {
	sum, err := checkRates(t.Requests, faultKinds)
	if err != nil {
		return t, err
	}
	if sum > 1 {
		return t, fmt.Errorf("stripesim: the rates of trouble with requests are %g together, more than 1", sum)
	}
	if _, err := checkRates(t.Deliveries, deliveryFaultKinds); err != nil {
		return t, err
	}
	for _, millis := range []*int64{&t.DelayMillis, &t.WindowMillis} {
		if *millis < 0 || *millis > maxDelay.Milliseconds() {
			return t, fmt.Errorf("stripesim: trouble takes from 0 to %d milliseconds, not %d", maxDelay.Milliseconds(), *millis)
		}
		if *millis == 0 {
			*millis = defaultTroubleMillis
		}
	}
	t.Requests, t.Deliveries = maps.Clone(t.Requests), maps.Clone(t.Deliveries)
	return t, nil
}

// Validate says what is wrong with it, as [New] and [Simulator.SetTrouble] do.
func (t Trouble) Validate() error {
	_, err := t.checked()
	return err
}

// checkRates is the sum of rates by kind.
func checkRates(rates map[string]float64, kinds []string) (float64, error) {
	sum := 0.0
	for _, kind := range slices.Sorted(maps.Keys(rates)) {
		rate := rates[kind]
		if !slices.Contains(kinds, kind) {
			return 0, fmt.Errorf("stripesim: the kind of trouble is %s, not %q", sentence(kinds), kind)
		}
		if !(rate >= 0 && rate <= 1) {
			return 0, fmt.Errorf("stripesim: the rate of %s is from 0 to 1, not %g", kind, rate)
		}
		sum += rate
	}
	return sum, nil
}

// SetTrouble replaces the trouble that comes by chance; the zero value ends it.
// An unknown kind, or a rate or time out of its range, is an error.
func (s *Simulator) SetTrouble(t Trouble) error {
	checked, err := t.checked()
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.trouble = checked
	return nil
}

// Trouble is the trouble that comes by chance.
func (s *Simulator) Trouble() Trouble {
	s.mu.Lock()
	defer s.mu.Unlock()
	shown := s.trouble
	shown.Requests, shown.Deliveries = maps.Clone(shown.Requests), maps.Clone(shown.Deliveries)
	return shown
}

// chanceFault is the trouble that a request meets by chance: that of its
// idempotency key, or of its operation, so that what other requests do
// meanwhile does not matter. Nil: none. The caller holds the lock.
func (s *Simulator) chanceFault(r *request) *Fault {
	if len(s.trouble.Requests) == 0 {
		return nil
	}
	name := r.Method + " " + r.URL.Path
	if o, _, found := findOperation(r.Method, r.URL.Path); found {
		name = r.Method + " " + o.path
	}
	if r.key != "" {
		name = r.key
	}
	chance := s.chanceFor(name)
	drawn := chance.Float64()
	for _, kind := range faultKinds {
		rate := s.trouble.Requests[kind]
		if drawn < rate {
			f := &Fault{Kind: kind}
			if kind == "delay" {
				f.DelayMillis = int64(chance.Float64() * float64(s.trouble.DelayMillis))
			}
			return f
		}
		drawn -= rate
	}
	return nil
}

// chanceDelivery changes a new delivery, of an event of a type to an address, by
// the trouble that it meets by chance. The caller holds the lock.
func (s *Simulator) chanceDelivery(d *delivery, kind, address string) {
	if len(s.trouble.Deliveries) == 0 {
		return
	}
	chance := s.chanceFor(kind + " " + address)
	for _, kind := range deliveryFaultKinds {
		rate := s.trouble.Deliveries[kind]
		if rate == 0 || chance.Float64() >= rate {
			continue
		}
		switch kind {
		case "drop":
			d.GivenUp = true
		case "duplicate":
			d.again = true
		case "delay":
			d.At = d.At.Add(upTo(chance, s.trouble.DelayMillis))
		case "reorder":
			d.At = d.At.Add(upTo(chance, s.trouble.WindowMillis))
		}
	}
}

// upTo is a time up to that many milliseconds, by chance.
func upTo(chance *random.Rand, millis int64) time.Duration {
	return time.Duration(chance.Float64() * float64(millis) * float64(time.Millisecond))
}
