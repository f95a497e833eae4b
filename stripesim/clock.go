package stripesim

import (
	"context"
	"errors"
	"fmt"
	"time"
)

const (
	incompleteTime   = 23 * hour
	draftTime        = hour
	trialWarningTime = 3 * day
	refundTime       = 60
	// maxAdvance bounds one move of the clock: five years.
	maxAdvance = 5 * 366 * 24 * time.Hour
)

// dueAt is when the clock has something to do with an object, in seconds since
// 1970; 0 is never.
func dueAt(o object) int64 {
	switch o.text("object") {
	case "subscription":
		return subscriptionDueAt(o)
	case "invoice":
		switch o.text("status") {
		case "draft":
			return o.integer("automatically_finalizes_at")
		case "open":
			return o.integer("next_payment_attempt")
		}
	case "refund":
		if o.text("_later") != "" {
			return o.integer("created") + refundTime
		}
	}
	return 0
}

func subscriptionDueAt(o object) int64 {
	if ended(o) || o.text("status") == "paused" {
		return 0
	}
	if o.text("status") == "incomplete" {
		return o.integer("created") + incompleteTime
	}
	at := o.integer("_period_end")
	if end := o.integer("cancel_at"); end > 0 {
		at = min(at, end)
	}
	if resumes := o.object("pause_collection").integer("resumes_at"); resumes > 0 {
		at = min(at, resumes)
	}
	if o.text("status") == "trialing" && !o.boolean("_warned") {
		at = min(at, max(o.integer("trial_end")-trialWarningTime, o.integer("created")+1))
	}
	return at
}

var errClockRange = errors.New("stripesim: the clock goes forward only, five years at once at most")

// Advance moves the simulator's clock forward and does, in order, what Stripe
// would have done meanwhile. Zero does what is due now. It refuses to go back,
// and to go more than five years at once; when ctx ends it stops where it is.
func (s *Simulator) Advance(ctx context.Context, d time.Duration) error {
	if d < 0 || d > maxAdvance {
		return errClockRange
	}
	s.mu.Lock()
	target := s.now().Add(d)
	s.mu.Unlock()
	for {
		more, err := s.step(target)
		if err != nil {
			return err
		}
		if !more {
			break
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.setClock(target)
}

func (s *Simulator) advanceSeconds(ctx context.Context, seconds int64) error {
	if seconds < 0 || seconds > int64(maxAdvance/time.Second) {
		return errClockRange
	}
	return s.Advance(ctx, time.Duration(seconds)*time.Second)
}

// catchUp does what is due by now.
func (s *Simulator) catchUp(ctx context.Context) error {
	for ctx.Err() == nil {
		more, err := s.step(s.Now())
		if err != nil || !more {
			return err
		}
	}
	return nil
}

// step does the first thing that is due by then, with the clock moved there.
func (s *Simulator) step(limit time.Time) (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	first, at := "", limit.Unix()+1
	for id, due := range s.state.due {
		if due < at || due == at && id < first {
			first, at = id, due
		}
	}
	if first == "" {
		return false, nil
	}
	if moment := time.Unix(at, 0); moment.After(s.now()) {
		if err := s.setClock(moment); err != nil {
			return false, err
		}
	}
	t := s.begin("", "")
	t.automatic = true
	t.work(t.get(first))
	if err := s.commit(t); err != nil {
		return false, fmt.Errorf("stripesim: store the clock's work: %w", err)
	}
	return true, nil
}

// setClock moves the clock. The caller holds the lock.
func (s *Simulator) setClock(to time.Time) error {
	offset := to.Sub(s.config.Now())
	if offset <= s.state.offset {
		return nil
	}
	line := record{Offset: &offset}
	if err := s.journal.append(line); err != nil {
		return err
	}
	s.state.replay(line)
	return nil
}

// work does what is due of one object.
func (t *transaction) work(o object) {
	id := o.text("id")
	switch o.text("object") {
	case "refund":
		t.settleRefund(id)
	case "invoice":
		t.workInvoice(o)
	case "subscription":
		t.workSubscription(id)
	}
}

func (t *transaction) workInvoice(invoice object) {
	id := invoice.text("id")
	subscription := t.get(invoice.text("_subscription"))
	if invoice.text("status") == "draft" {
		if subscription.text("status") == "unpaid" || ended(subscription) {
			t.edit(id)["automatically_finalizes_at"] = nil
			return
		}
		invoice = t.finalizeInvoice(id)
		if invoice.text("status") == "paid" {
			return
		}
		switch subscription.object("pause_collection").text("behavior") {
		case "void":
			t.void(id)
			return
		case "mark_uncollectible":
			t.giveUpInvoice(id)
			return
		}
	}
	invoice = t.edit(id)
	invoice["next_payment_attempt"] = nil
	intent := t.edit(invoice.text("_intent"))
	method := t.methodFor(invoice)
	if method == nil || refusedForGood(intent, method) {
		t.invoiceFailed(intent)
		return
	}
	t.pay(intent, method, true)
}

// refusedForGood says that the bank will not change its mind about a card, so
// that it is not asked again until there is another one.
func refusedForGood(intent, method object) bool {
	last := intent.object("last_payment_error")
	return last.text("decline_code") == "authentication_required" && last.object("payment_method").text("id") == method.text("id")
}

func (t *transaction) workSubscription(id string) {
	subscription := t.edit(id)
	before := cloneObject(subscription)
	switch {
	case subscription.text("status") == "incomplete":
		subscription["status"], subscription["ended_at"] = "incomplete_expired", t.time
		t.updated("customer.subscription.updated", before, subscription)
		if invoice := t.get(subscription.text("latest_invoice")); invoice.text("status") == "open" {
			t.void(invoice.text("id"))
		}
	case subscription.integer("cancel_at") > 0 && subscription.integer("cancel_at") <= t.time:
		t.endSubscription(id, "cancellation_requested")
	case subscription.object("pause_collection").integer("resumes_at") > 0 && subscription.object("pause_collection").integer("resumes_at") <= t.time:
		subscription["pause_collection"] = nil
		t.updated("customer.subscription.updated", before, subscription)
	case subscription.text("status") == "trialing" && !subscription.boolean("_warned"):
		subscription["_warned"] = true
		t.emit("customer.subscription.trial_will_end", subscription, nil)
	default:
		t.renew(subscription, before)
	}
}

// renew begins the next period with a draft invoice, which is finalized and
// paid an hour later.
func (t *transaction) renew(subscription, before object) {
	if subscription.text("status") == "trialing" {
		subscription["status"] = "active"
	}
	price := subscription.rows("items")[0].object("price")
	start := subscription.integer("_period_end")
	t.setPeriod(subscription, start, addInterval(start, subscription.integer("billing_cycle_anchor"), price))
	invoice := t.newInvoice(subscription, "subscription_cycle", false)
	subscription["latest_invoice"] = invoice["id"]
	if subscription.object("pause_collection").text("behavior") != "keep_as_draft" {
		invoice["automatically_finalizes_at"] = t.time + draftTime
	}
	t.updated("customer.subscription.updated", before, subscription)
}
