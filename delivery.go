package payments

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Delivery is an outbound event on its way to one endpoint.
type Delivery struct {
	EndpointID string         `json:"endpoint_id"`
	EventID    string         `json:"event_id"`
	Type       OutboundType   `json:"type"`
	Status     DeliveryStatus `json:"status"`
	// Round counts replays: a job of an earlier round has nothing to do.
	Round int `json:"-"`
	// Attempts counts the tries of this round.
	Attempts int `json:"attempts"`
	// ResponseStatus is the HTTP status of the last answer; 0: none came.
	ResponseStatus int `json:"response_status"`
	// Error says why the last attempt failed; empty: it did not.
	Error         string     `json:"error"`
	NextAttemptAt *time.Time `json:"next_attempt_at"`
	AttemptedAt   *time.Time `json:"attempted_at"`
	CreatedAt     time.Time  `json:"created_at"`
}

// DeliveryStatus is how far a delivery has come.
type DeliveryStatus string

// The statuses of a delivery.
const (
	// DeliveryPending: it will be tried, or tried again.
	DeliveryPending DeliveryStatus = "pending"
	// DeliveryDelivered: the endpoint answered 2xx.
	DeliveryDelivered DeliveryStatus = "delivered"
	// DeliveryFailed: given up. A replay tries again.
	DeliveryFailed DeliveryStatus = "failed"
)

// DeliveryFilter selects deliveries to one endpoint.
type DeliveryFilter struct {
	EndpointID string
	Status     DeliveryStatus // empty: all
	// Before is the id of an event: only deliveries of events before it.
	Before string
	// Since leaves out what was made before then.
	Since time.Time
	Limit int // 0: 50
}

// Messenger brings messages to the endpoints of host applications.
type Messenger interface {
	// Post sends a message once, and returns the HTTP status of the answer.
	// An error says in a few words why there was none, and holds no secret.
	Post(ctx context.Context, m Message) (status int, err error)
}

// Message is what a [Messenger] sends.
type Message struct {
	URL string
	// ID is the same at every attempt, so that the host can tell what it knows.
	ID string
	// Secrets sign it, each with a signature of its own.
	Secrets []string
	Body    []byte // JSON
}

const (
	// maxDeliveryAttempts, with the pauses between them, is about three days.
	maxDeliveryAttempts = 15
	minDeliveryPause    = 5 * time.Second
	maxDeliveryPause    = 12 * time.Hour
	// restAfter is the number of failures in a row after which an endpoint
	// rests: all its deliveries wait, and one after the other finds out
	// whether it is back.
	restAfter = 3
	maxRest   = time.Hour
	// disableAfter is how long an endpoint may fail without one success.
	disableAfter = 5 * 24 * time.Hour
	// maxLines is how many deliveries a process makes to one endpoint at a
	// time. The others wait for linePatience, which is enough where the host
	// answers, and then let go of their worker for busyPause or some more.
	maxLines     = 2
	linePatience = 300 * time.Millisecond
	busyPause    = 2 * time.Second
	// maxDeliveryError is how much of an error is kept, in bytes.
	maxDeliveryError = 200
)

// sendTo stores the delivery of an event to an endpoint, with its job.
func (a *Administration) sendTo(ctx context.Context, tx Tx, d Delivery) error {
	now := a.now()
	d.Status, d.Attempts, d.NextAttemptAt = DeliveryPending, 0, &now
	if err := tx.PutDelivery(ctx, d); err != nil {
		return err
	}
	return tx.Enqueue(ctx, DeliverOutbound{EndpointID: d.EndpointID, EventID: d.EventID, Round: d.Round}, 0)
}

// deliverOutbound tries once to bring an event to an endpoint. A failure is
// recorded, not returned: when to try again is said by the delivery, and the
// job waits for that long.
func (s *Service) deliverOutbound(ctx context.Context, job DeliverOutbound) error {
	if s.messenger == nil {
		return &SnoozeError{For: maxRest} // for a process that has one
	}
	var endpoint Endpoint
	var delivery Delivery
	var event OutboundEvent
	err := s.store.View(ctx, func(tx Tx) (err error) {
		if delivery, err = tx.Delivery(ctx, job.EndpointID, job.EventID); err != nil {
			return err
		}
		if endpoint, err = tx.Endpoint(ctx, job.EndpointID); err != nil {
			return err
		}
		event, err = tx.Outbound(ctx, job.EventID)
		return err
	})
	switch {
	case isNotFound(err): // the endpoint was deleted
		return nil
	case err != nil:
		return fmt.Errorf("read the delivery: %w", err)
	case !delivery.waitsFor(job):
		return nil
	case endpoint.DisabledAt != nil:
		return s.settleDelivery(ctx, job, answer{problem: "the endpoint is disabled: " + endpoint.DisabledReason, final: true})
	}
	if now := s.now(); endpoint.RestsUntil != nil && now.Before(*endpoint.RestsUntil) {
		rest := endpoint.RestsUntil.Sub(now)
		return &SnoozeError{For: spread(rest, rest+rest/2, job.EventID)}
	}
	body, err := event.message()
	if err != nil {
		return err
	}
	release, free := s.lines.take(ctx, job.EndpointID)
	if !free {
		return &SnoozeError{For: spread(busyPause, 2*busyPause, job.EventID)}
	}
	defer release()
	status, err := s.messenger.Post(ctx, Message{URL: endpoint.URL, ID: event.ID, Secrets: endpoint.secrets(s.now()), Body: body})
	if ctx.Err() != nil {
		return fmt.Errorf("deliver %s to %s: %w", job.EventID, job.EndpointID, ctx.Err()) // we stopped, not the host
	}
	return s.settleDelivery(ctx, job, answerOf(status, err))
}

// waitsFor says whether the delivery still has a job to do.
func (d *Delivery) waitsFor(job DeliverOutbound) bool {
	return d.Status == DeliveryPending && d.Round == job.Round
}

// message is the event as hosts get it.
func (e *OutboundEvent) message() ([]byte, error) {
	body, err := json.Marshal(struct {
		Type      OutboundType    `json:"type"`
		Timestamp time.Time       `json:"timestamp"`
		Data      json.RawMessage `json:"data"`
	}{e.Type, e.CreatedAt, e.Data})
	if err != nil {
		return nil, fmt.Errorf("encode %s: %w", e.ID, err)
	}
	return body, nil
}

// answer is what came of an attempt.
type answer struct {
	status  int
	problem string // empty: it was delivered
	gone    bool
	final   bool // nothing was tried, and nothing will be
}

func answerOf(status int, err error) answer {
	switch {
	case err != nil:
		return answer{status: status, problem: err.Error()}
	case status >= 200 && status < 300:
		return answer{status: status}
	case status >= 300 && status < 400:
		return answer{status: status, problem: fmt.Sprintf("answered %d: redirects are not followed", status)}
	}
	problem := strings.TrimSpace(fmt.Sprintf("answered %d %s", status, http.StatusText(status)))
	return answer{status: status, problem: problem, gone: status == http.StatusGone}
}

// settleDelivery records what came of an attempt. If there is to be another,
// it returns a [*SnoozeError].
func (s *Service) settleDelivery(ctx context.Context, job DeliverOutbound, a answer) error {
	var delivery Delivery
	var endpoint Endpoint
	var recorded, disabled bool
	err := s.store.Update(ctx, func(tx Tx) (err error) {
		recorded, disabled = false, false
		if delivery, err = tx.Delivery(ctx, job.EndpointID, job.EventID); err != nil {
			return err
		}
		if endpoint, err = tx.Endpoint(ctx, job.EndpointID); err != nil || !delivery.waitsFor(job) {
			return err
		}
		now, wasEnabled := s.now(), endpoint.DisabledAt == nil
		if endpoint.heard(a, now) {
			if err := tx.PutEndpoint(ctx, endpoint); err != nil {
				return err
			}
		}
		recorded, disabled = true, endpoint.DisabledAt != nil && wasEnabled
		delivery.tried(a, now, endpoint.DisabledAt != nil)
		return tx.PutDelivery(ctx, delivery)
	})
	switch {
	case isNotFound(err):
		return nil
	case err != nil:
		return fmt.Errorf("record the delivery: %w", err)
	case !recorded: // it was replayed meanwhile
		return nil
	}
	s.observer.DeliveryTried(delivery.Status)
	if disabled {
		s.log.WarnContext(ctx, "an endpoint was disabled", "endpoint", endpoint.ID, "reason", endpoint.DisabledReason)
	}
	switch {
	case delivery.Status == DeliveryFailed:
		s.log.WarnContext(ctx, "an outbound event was given up", "endpoint", delivery.EndpointID, "event", delivery.EventID, "error", delivery.Error)
	case delivery.waitsFor(job):
		return &SnoozeError{For: delivery.NextAttemptAt.Sub(*delivery.AttemptedAt)}
	}
	return nil
}

// heard notes on the endpoint what came of an attempt, and says whether that
// changed it. Success after success changes nothing.
func (e *Endpoint) heard(a answer, now time.Time) (changed bool) {
	switch {
	case a.final:
		return false
	case a.problem == "":
		changed = e.Failures > 0
		e.forgive()
		return changed
	}
	e.Failures++
	if e.FailingSince == nil {
		e.FailingSince = &now
	}
	if e.Failures >= restAfter {
		until := now.Add(growing(e.Failures-restAfter, maxRest))
		e.RestsUntil = &until
	}
	switch {
	case e.DisabledAt != nil:
	case a.gone:
		e.disable(now, disabledGone)
	case now.Sub(*e.FailingSince) >= disableAfter:
		e.disable(now, disabledFailing)
	}
	return true
}

// tried notes an attempt on the delivery.
func (d *Delivery) tried(a answer, now time.Time, disabled bool) {
	d.ResponseStatus, d.Error, d.NextAttemptAt = a.status, bounded(a.problem), nil
	if !a.final {
		d.Attempts++
		d.AttemptedAt = &now
	}
	switch {
	case a.problem == "":
		d.Status = DeliveryDelivered
	case disabled || d.Attempts >= maxDeliveryAttempts:
		d.Status = DeliveryFailed
	default:
		pause := growing(d.Attempts-1, maxDeliveryPause)
		next := now.Add(spread(pause*3/4, pause*5/4, d.EndpointID, d.EventID, strconv.Itoa(d.Attempts)))
		d.NextAttemptAt = &next
	}
}

// bounded is an error as it is stored.
func bounded(problem string) string {
	problem = strings.ReplaceAll(problem, "\x00", "")
	return strings.ToValidUTF8(problem[:min(len(problem), maxDeliveryError)], "")
}

// growing is minDeliveryPause, three times as long each time, up to a bound.
func growing(times int, bound time.Duration) time.Duration {
	pause := minDeliveryPause
	for range min(times, 20) { // 5 s × 3^20 does not overflow
		pause *= 3
	}
	return min(pause, bound)
}

// spread is a time between two, which depends on the words: deliveries that
// failed together do not come back together, and yet every run is alike.
func spread(least, most time.Duration, words ...string) time.Duration {
	hash := fnv.New64a()
	for _, word := range words {
		_, _ = hash.Write([]byte(word)) // never fails
	}
	const steps = 1 << 10
	return (least + (most-least)/steps*time.Duration(hash.Sum64()%steps)).Truncate(time.Millisecond)
}

// lines are those of a process to each endpoint, so that one that does not
// answer keeps no more than its share of the workers.
type lines struct {
	mu   sync.Mutex
	open map[string]*line
}

// line is the way to one endpoint.
type line struct {
	busy  chan struct{} // full: every line is taken
	users int           // who has one or waits for one
}

// take takes a line; if none is free it waits a moment for one. Whoever got it
// releases it.
func (l *lines) take(ctx context.Context, endpointID string) (release func(), free bool) {
	taken := l.enter(endpointID)
	patience := time.NewTimer(linePatience)
	defer patience.Stop()
	select {
	case taken.busy <- struct{}{}:
		return func() {
			<-taken.busy
			l.leave(endpointID, taken)
		}, true
	case <-patience.C:
	case <-ctx.Done():
	}
	l.leave(endpointID, taken)
	return nil, false
}

func (l *lines) enter(endpointID string) *line {
	l.mu.Lock()
	defer l.mu.Unlock()
	known := l.open[endpointID]
	if known == nil {
		known = &line{busy: make(chan struct{}, maxLines)}
		if l.open == nil {
			l.open = map[string]*line{}
		}
		l.open[endpointID] = known
	}
	known.users++
	return known
}

func (l *lines) leave(endpointID string, known *line) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if known.users--; known.users == 0 {
		delete(l.open, endpointID)
	}
}

const (
	defaultDeliveries = 50
	maxDeliveries     = 1000
	// replayBatch is how many deliveries one transaction of a replay takes.
	replayBatch = 100
)

// Deliveries lists the deliveries to an endpoint, newest event first. An
// unknown endpoint is ErrNotFound.
func (a *Administration) Deliveries(ctx context.Context, filter DeliveryFilter) (deliveries []Delivery, err error) {
	switch filter.Status {
	case "", DeliveryPending, DeliveryDelivered, DeliveryFailed:
	default:
		return nil, invalid(FieldError{"status", "A status is pending, delivered or failed."})
	}
	if filter.Limit < 0 || filter.Limit > maxDeliveries {
		return nil, invalid(FieldError{"limit", "A list has 1 to 1000 deliveries."})
	}
	filter.Limit = cmp.Or(filter.Limit, defaultDeliveries)
	err = a.store.View(ctx, func(tx Tx) error {
		if _, err := tx.Endpoint(ctx, filter.EndpointID); err != nil {
			return err
		}
		deliveries, err = tx.Deliveries(ctx, filter)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list the deliveries: %w", err)
	}
	return deliveries, nil
}

// ReplayParams says what to deliver again: one of the two.
type ReplayParams struct {
	// EventID names one event, whatever became of it.
	EventID string
	// FailedSince means all that was given up and was made since then.
	FailedSince *time.Time
}

// Replay does what [Administration.ReplayDelivery] or
// [Administration.ReplayFailed] does, and says how many deliveries are on
// their way again.
func (a *Administration) Replay(ctx context.Context, endpointID string, p ReplayParams) (int, error) {
	switch {
	case (p.EventID == "") == (p.FailedSince == nil):
		return 0, invalid(FieldError{"event_id", "Name one event by event_id, or all that failed by failed_since."})
	case p.FailedSince != nil:
		return a.ReplayFailed(ctx, endpointID, *p.FailedSince)
	}
	return 1, a.ReplayDelivery(ctx, endpointID, p.EventID)
}

// ReplayDelivery delivers an event to an endpoint again, or for the first time
// if it was not meant for it, whatever became of it before. An unknown event or
// endpoint is ErrNotFound; an endpoint that is disabled is ErrConflict.
func (a *Administration) ReplayDelivery(ctx context.Context, endpointID, eventID string) error {
	err := a.store.Update(ctx, func(tx Tx) error {
		if err := a.checkReplay(ctx, tx, endpointID); err != nil {
			return err
		}
		event, err := tx.Outbound(ctx, eventID)
		if err != nil {
			return err
		}
		delivery, err := tx.Delivery(ctx, endpointID, eventID)
		switch {
		case isNotFound(err):
			delivery = Delivery{EndpointID: endpointID, EventID: eventID, Type: event.Type, CreatedAt: a.now()}
		case err != nil:
			return err
		}
		delivery.Round++
		return a.sendTo(ctx, tx, delivery)
	})
	if err != nil {
		return fmt.Errorf("replay %s to %s: %w", eventID, endpointID, err)
	}
	return nil
}

// ReplayFailed delivers again what was given up and was made since then, and
// says how much that is. An unknown endpoint is ErrNotFound; one that is
// disabled is ErrConflict.
func (a *Administration) ReplayFailed(ctx context.Context, endpointID string, since time.Time) (int, error) {
	failed := DeliveryFilter{EndpointID: endpointID, Status: DeliveryFailed, Since: since, Limit: replayBatch}
	for total := 0; ; {
		batch, next := 0, ""
		err := a.store.Update(ctx, func(tx Tx) error {
			if err := a.checkReplay(ctx, tx, endpointID); err != nil {
				return err
			}
			page, err := tx.Deliveries(ctx, failed)
			if err != nil {
				return err
			}
			for _, delivery := range page {
				delivery.Round++
				if err := a.sendTo(ctx, tx, delivery); err != nil {
					return err
				}
			}
			if batch = len(page); batch > 0 {
				next = page[batch-1].EventID
			}
			return nil
		})
		if err != nil {
			return total, fmt.Errorf("replay what failed for %s: %w", endpointID, err)
		}
		total += batch
		if batch < replayBatch {
			return total, nil
		}
		failed.Before = next
	}
}

func (a *Administration) checkReplay(ctx context.Context, tx Tx, endpointID string) error {
	endpoint, err := tx.Endpoint(ctx, endpointID)
	if err != nil {
		return err
	}
	if endpoint.DisabledAt != nil {
		return &Error{Kind: ErrConflict, Code: CodeEndpointDisabled, Message: "This endpoint is disabled: " + endpoint.DisabledReason + ". Enable it first."}
	}
	return nil
}
