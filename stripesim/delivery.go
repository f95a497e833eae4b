package stripesim

import (
	"bytes"
	"cmp"
	"container/heap"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"
)

// deliveryKey is one event for one endpoint.
type deliveryKey struct {
	Event    string `json:"event"`
	Endpoint string `json:"endpoint"`
}

// delivery is an event that an endpoint has not taken yet.
type delivery struct {
	deliveryKey
	At      time.Time `json:"at"` // real time of the next attempt
	Attempt int       `json:"attempt,omitempty"`
	GivenUp bool      `json:"given_up,omitempty"`

	again bool  // it is delivered twice
	order int64 // of its arrival
}

// address makes the deliveries of a transaction's events: one for each
// endpoint that wants the event.
func (t *transaction) address() []delivery {
	if len(t.events) == 0 {
		return nil
	}
	endpoints := all[*webhookEndpoint](t)
	if len(endpoints) == 0 {
		return nil
	}
	now := t.sim.config.Now().UTC()
	var made []delivery
	for _, e := range t.events {
		for _, r := range endpoints {
			endpoint := get[*webhookEndpoint](t, r.object.head().ID)
			if endpoint.Status != "enabled" || !matchesAny(endpoint.EnabledEvents, e.Type) {
				continue
			}
			e.PendingWebhooks++
			d := delivery{deliveryKey: deliveryKey{e.ID, endpoint.ID}, At: now}
			t.sim.sender.trouble(&d)
			t.sim.chanceDelivery(&d, e.Type, endpoint.URL)
			made = append(made, d)
		}
	}
	return made
}

// sender delivers events to webhook endpoints, again and again until they are
// taken or given up.
type sender struct {
	sim  *Simulator
	wake chan struct{}

	mu      sync.Mutex // taken after the simulator's, never before
	queue   deliveryQueue
	arrived int64
	paused  bool
	// pausedUntil is the real time until which nothing is delivered.
	pausedUntil time.Time
	faults      []DeliveryFault
}

// deliverers is how many deliveries are under way at once.
const deliverers = 8

func newSender(s *Simulator) *sender { return &sender{sim: s, wake: make(chan struct{}, 1)} }

// deliveryQueue orders deliveries by the time at which they are due.
type deliveryQueue []delivery

// Len implements [heap.Interface].
func (q deliveryQueue) Len() int { return len(q) }

// Less implements [heap.Interface].
func (q deliveryQueue) Less(i, j int) bool {
	return cmp.Or(q[i].At.Compare(q[j].At), cmp.Compare(q[i].order, q[j].order)) < 0
}

// Swap implements [heap.Interface].
func (q deliveryQueue) Swap(i, j int) { q[i], q[j] = q[j], q[i] }

// Push implements [heap.Interface].
func (q *deliveryQueue) Push(d any) { *q = append(*q, d.(delivery)) }

// Pop implements [heap.Interface].
func (q *deliveryQueue) Pop() any {
	last := len(*q) - 1
	d := (*q)[last]
	*q = (*q)[:last]
	return d
}

func (s *sender) add(deliveries []delivery) {
	if len(deliveries) == 0 {
		return
	}
	s.mu.Lock()
	for _, d := range deliveries {
		if d.GivenUp {
			continue
		}
		s.push(d)
		if d.again {
			s.push(d)
		}
	}
	s.mu.Unlock()
	s.nudge()
}

func (s *sender) push(d delivery) {
	s.arrived++
	d.order, d.again = s.arrived, false
	heap.Push(&s.queue, d)
}

// nudge makes run look at the queue.
func (s *sender) nudge() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

func (s *sender) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.queue, s.faults, s.paused, s.pausedUntil = nil, nil, false, time.Time{}
}

// run delivers what is due until ctx is done, and waits for what is under way.
func (s *sender) run(ctx context.Context) {
	slots := make(chan struct{}, deliverers)
	var underWay sync.WaitGroup
	defer underWay.Wait()
	for {
		d, wait, found := s.next()
		if !found {
			timer := time.NewTimer(wait)
			select {
			case <-ctx.Done():
				timer.Stop()
				return
			case <-s.wake:
				timer.Stop()
			case <-timer.C:
			}
			continue
		}
		select {
		case <-ctx.Done():
			return
		case slots <- struct{}{}:
		}
		underWay.Go(func() {
			defer func() { <-slots }()
			s.deliver(ctx, d)
		})
	}
}

// next takes the first delivery that is due, or says how long there is none.
func (s *sender) next() (delivery, time.Duration, bool) {
	const longest = time.Minute
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.paused || len(s.queue) == 0 {
		return delivery{}, longest, false
	}
	due := s.queue[0].At
	if s.pausedUntil.After(due) {
		due = s.pausedUntil
	}
	if wait := due.Sub(s.sim.config.Now()); wait > 0 {
		return delivery{}, min(wait, longest), false
	}
	return heap.Pop(&s.queue).(delivery), 0, true
}

// errUnwanted says that an endpoint or event is gone, or the endpoint disabled.
var errUnwanted = errors.New("the endpoint takes no events any more")

// deliver sends one event to one endpoint and plans the next attempt.
func (s *sender) deliver(ctx context.Context, d delivery) {
	err := s.send(ctx, d.deliveryKey)
	if ctx.Err() != nil {
		return // it stays in the journal
	}
	if err == nil {
		s.note(line{Delivered: []deliveryKey{d.deliveryKey}}, d.deliveryKey)
		return
	}
	schedule := s.sim.config.RetrySchedule
	if d.GivenUp = errors.Is(err, errUnwanted) || d.Attempt >= len(schedule); !d.GivenUp {
		d.At = s.sim.config.Now().UTC().Add(schedule[d.Attempt])
		d.Attempt++
	}
	s.sim.config.Logger.WarnContext(ctx, "an event could not be delivered", "event", d.Event, "endpoint", d.Endpoint, "given_up", d.GivenUp, "error", err)
	if s.note(line{Deliveries: []delivery{d}}, d.deliveryKey) {
		s.add([]delivery{d})
	}
}

// note keeps what became of a delivery, and says whether it was still waited
// for. What the journal does not take did not happen: a delivery is then made
// again by the next simulator on the same folder.
func (s *sender) note(l line, k deliveryKey) bool {
	s.sim.mu.Lock()
	defer s.sim.mu.Unlock()
	if _, waiting := s.sim.state.deliveries[k]; !waiting {
		return false
	}
	if err := s.sim.journal.append(l); err != nil {
		s.sim.config.Logger.Error("a delivery could not be noted", "error", err)
		return true
	}
	s.sim.state.apply(l)
	return true
}

// send posts an event to an endpoint, signed with real time. Anything but 2xx
// is an error, a redirect too.
func (s *sender) send(ctx context.Context, k deliveryKey) error {
	request, err := s.request(ctx, k)
	if err != nil {
		return err
	}
	response, err := s.sim.config.HTTPClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if _, err := io.Copy(io.Discard, io.LimitReader(response.Body, 1<<16)); err != nil {
		return err
	}
	if response.StatusCode < 200 || response.StatusCode > 299 {
		return fmt.Errorf("the endpoint answered %d", response.StatusCode)
	}
	return nil
}

func (s *sender) request(ctx context.Context, k deliveryKey) (*http.Request, error) {
	s.sim.mu.Lock()
	defer s.sim.mu.Unlock()
	t := s.sim.begin(s.sim.now().Unix())
	endpoint, e := get[*webhookEndpoint](t, k.Endpoint), get[*event](t, k.Event)
	if endpoint == nil || e == nil || endpoint.Status != "enabled" {
		return nil, errUnwanted
	}
	rendered, err := t.render(e, endpoint.APIVersion)
	if err != nil {
		return nil, fmt.Errorf("render %s: %w", e.ID, err)
	}
	body, err := json.MarshalIndent(rendered, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("encode %s: %w", e.ID, err)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, endpoint.URL, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("make the request: %w", err)
	}
	now := s.sim.config.Now()
	request.Header.Set("Content-Type", "application/json; charset=utf-8")
	request.Header.Set("User-Agent", "Stripe/1.0 (+https://stripe.com/docs/webhooks)")
	request.Header.Set("Stripe-Signature", signature(body, now, endpoint.secrets(now)))
	return request, nil
}

// signature is the Stripe-Signature header: the time, a MAC under each secret,
// and a v0 that receivers have to pass over.
func signature(body []byte, at time.Time, secrets []string) string {
	parts := []string{fmt.Sprintf("t=%d", at.Unix())}
	for _, secret := range secrets {
		mac := hmac.New(sha256.New, []byte(secret))
		fmt.Fprintf(mac, "%d.", at.Unix())
		mac.Write(body)
		parts = append(parts, "v1="+hex.EncodeToString(mac.Sum(nil)))
	}
	return strings.Join(append(parts, "v0="+digest(parts[0])), ",")
}
