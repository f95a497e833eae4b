package stripesim

import (
	"container/heap"
	"context"
	"errors"
	"fmt"
	"time"
)

const (
	hour = int64(3600)
	day  = 24 * hour

	// incompleteTime is how long a first invoice may stay unpaid.
	incompleteTime = 23 * hour
	// draftTime is how long the invoice of a renewal stays a draft.
	draftTime = hour
	// trialWarningTime is how long before its end a trial is announced to end.
	trialWarningTime = 3 * day
	// refundTime is how long refunds of the test cards take that do not settle
	// at once.
	refundTime = int64(60)

	// maxAdvance bounds one move of the clock.
	maxAdvance = 5 * 366 * 24 * time.Hour

	// tickTime is how often, in real time, the clock looks for what is due.
	tickTime = time.Second
	// forgetTicks is how many ticks apart it forgets what is past its time.
	forgetTicks = 600
)

// dueItem says when the clock has something to do with an object.
type dueItem struct {
	at     int64
	serial int64 // the older object goes first
	key    key
}

// dueQueue orders what is due. It is derived from the objects: an item whose
// object has another due time by now is stale and is passed over.
type dueQueue struct{ items []dueItem }

// Len implements [heap.Interface].
func (q *dueQueue) Len() int { return len(q.items) }

// Less implements [heap.Interface].
func (q *dueQueue) Less(i, j int) bool {
	a, b := q.items[i], q.items[j]
	return a.at < b.at || a.at == b.at && a.serial < b.serial
}

// Swap implements [heap.Interface].
func (q *dueQueue) Swap(i, j int) { q.items[i], q.items[j] = q.items[j], q.items[i] }

// Push implements [heap.Interface].
func (q *dueQueue) Push(item any) { q.items = append(q.items, item.(dueItem)) }

// Pop implements [heap.Interface].
func (q *dueQueue) Pop() any {
	last := len(q.items) - 1
	item := q.items[last]
	q.items = q.items[:last]
	return item
}

func (q *dueQueue) add(item dueItem) { heap.Push(q, item) }

// dueBy is what is to be done by a test clock, or by the simulator's.
func (s *state) dueBy(clock string) *dueQueue {
	queue := s.due[clock]
	if queue == nil {
		queue = &dueQueue{}
		s.due[clock] = queue
	}
	return queue
}

// nextDue takes the first thing that is due by a clock up to a time.
func (s *state) nextDue(clock string, until int64) (dueItem, bool) {
	queue := s.dueBy(clock)
	for len(queue.items) > 0 && queue.items[0].at <= until {
		item := heap.Pop(queue).(dueItem)
		if r := s.row(item.key); r != nil && r.object.due() == item.at {
			return item, true
		}
	}
	return dueItem{}, false
}

// Now is the simulator's time, in UTC.
func (s *Simulator) Now() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now()
}

func (s *Simulator) now() time.Time { return s.state.clockAt(s.config.Now()) }

// Advance moves the simulator's clock forward by d and does, in the order of
// time, what Stripe would have done meanwhile. Moving it back, or by more than
// five years at once, is an error, and so is a ctx that ends: the clock then
// stands where the work has come to.
func (s *Simulator) Advance(ctx context.Context, d time.Duration) error {
	if d < 0 || d > maxAdvance {
		return errors.New("stripesim: the clock moves forward only, and five years at once at most")
	}
	target := s.Now().Add(d)
	if err := s.workUntil(ctx, target); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.keepClock(s.move(target))
}

// workUntil does what is due up to a time of the simulator's clock.
func (s *Simulator) workUntil(ctx context.Context, until time.Time) error {
	for {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("stripesim: the clock's work was stopped: %w", err)
		}
		more, err := s.workOnce(until)
		if err != nil || !more {
			return err
		}
	}
}

// workOnce does the first thing that is due, with the clock moved there.
func (s *Simulator) workOnce(until time.Time) (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	item, found := s.state.nextDue("", until.Unix())
	if !found {
		return false, nil
	}
	// Work that is late, since the simulator did not run, is done at its time.
	t := s.begin(max(item.at, s.state.latest))
	t.work(item.key)
	if err := s.commit(t, s.move(time.Unix(item.at, 0))); err != nil {
		s.state.dueBy("").add(item)
		return false, fmt.Errorf("stripesim: keep the clock's work: %w", err)
	}
	if r := s.state.row(item.key); r != nil && r.object.due() == item.at {
		return false, fmt.Errorf("stripesim: the clock's work on %s %s does not end", item.key.Kind, item.key.ID)
	}
	return true, nil
}

// work does what is due of one object.
func (t *transaction) work(k key) {
	switch k.Kind {
	case refundKind:
		t.settleRefund(k.ID)
	case invoiceKind:
		t.workInvoice(k.ID)
	case discountKind:
		t.workDiscount(k.ID)
	case subscriptionKind:
		t.workSubscription(k.ID)
	case chargeKind:
		t.bookCharge(k.ID)
	case paymentIntentKind:
		t.expireAuthorization(k.ID)
	case disputeKind:
		t.workDispute(k.ID)
	case checkoutSessionKind:
		t.expireCheckout(k.ID)
	case subscriptionScheduleKind:
		t.workSchedule(k.ID)
	case testClockKind:
		t.endTestClock(get[*testClock](t, k.ID))
	}
}

func (s *Simulator) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.state.forgetOld(s.config.Now())
}

// tick does what is due by the simulator's clock, until ctx is done.
func (s *Simulator) tick(ctx context.Context) {
	s.nudgeClocks() // an advance may have been cut off
	ticker := time.NewTicker(tickTime)
	defer ticker.Stop()
	for ticks := 1; ; ticks++ {
		select {
		case <-ctx.Done():
			return
		case <-s.clocksNudged:
			if err := s.advanceTestClocks(ctx); err != nil && ctx.Err() == nil {
				s.config.Logger.ErrorContext(ctx, "the work of a test clock failed", "error", err)
			}
		case <-ticker.C:
			if ticks%forgetTicks == 0 {
				s.forget()
			}
			if err := s.workUntil(ctx, s.Now()); err != nil && ctx.Err() == nil {
				s.config.Logger.ErrorContext(ctx, "the clock's work failed", "error", err)
			}
		}
	}
}
