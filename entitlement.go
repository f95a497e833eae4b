package payments

import (
	"cmp"
	"time"
)

// Reason says in one stable word why a user is premium, or is not.
type Reason string

// The reasons.
const (
	ReasonActive     Reason = "active"
	ReasonTrialing   Reason = "trialing"
	ReasonGrace      Reason = "grace"
	ReasonGranted    Reason = "granted"
	ReasonNone       Reason = "none"
	ReasonUnmapped   Reason = "unmapped"
	ReasonIncomplete Reason = "incomplete"
	ReasonPastDue    Reason = "past_due"
	ReasonUnpaid     Reason = "unpaid"
	ReasonPaused     Reason = "paused"
	ReasonCanceled   Reason = "canceled"
)

// Grant is access given by an administrator, which Stripe does not know of.
type Grant struct {
	ID     string
	UserID string
	Plan   string
	// Until is when it ends; nil: when it is taken back.
	Until *time.Time
	// GrantedBy and Note say who gave it and why.
	GrantedBy string
	Note      string
	CreatedAt time.Time
}

// Premium is the answer of the premium rule.
type Premium struct {
	IsPremium bool
	// Plan is that of the highest rank that gives access; "free" without premium.
	Plan string
	// Until is when access would end if nothing more happened; nil where
	// nothing is known to end it, and without premium.
	Until  *time.Time
	Reason Reason
	// RecheckAt is when time alone changes the answer; nil: never.
	RecheckAt *time.Time
}

// Rule is what the premium rule needs beside a user's own rows.
type Rule struct {
	Plans Plans
	// GracePeriod is how long past_due keeps premium after the first failure.
	GracePeriod time.Duration
}

// Premium says whether somebody with these subscriptions and grants is premium
// at now. It is the only place that decides it, and depends on nothing else.
func (r Rule) Premium(subscriptions []Subscription, grants []Grant, now time.Time) Premium {
	answer := Premium{Plan: FreePlan, Reason: ReasonNone}
	for _, s := range subscriptions {
		if a, ok := r.access(s, now); ok {
			answer = r.widen(answer, a)
		}
	}
	for _, g := range grants {
		if g.Until == nil || now.Before(*g.Until) {
			answer = r.widen(answer, access{plan: g.Plan, reason: ReasonGranted, until: g.Until, over: g.Until})
		}
	}
	if !answer.IsPremium {
		answer.Reason = r.refusal(subscriptions)
	}
	return answer
}

// access is one source of premium.
type access struct {
	plan   string
	reason Reason
	until  *time.Time
	// over is when time alone ends it; nil where Stripe has to say so first,
	// as with the date of a scheduled cancellation.
	over *time.Time
}

// access says what one subscription gives at now.
func (r Rule) access(s Subscription, now time.Time) (access, bool) {
	if s.Plan == "" {
		return access{}, false
	}
	if plan, ok := r.Plans.ByID(s.Plan); ok && plan.NotPremium {
		return access{}, false
	}
	a := access{plan: s.Plan}
	switch s.Status {
	case StatusActive, StatusTrialing:
		a.reason = Reason(s.Status)
		if s.CurrentPeriodEnd != nil {
			a.until = addTime(*s.CurrentPeriodEnd, r.GracePeriod)
		}
	case StatusPastDue:
		start := cmp.Or(s.UnpaidSince, s.CurrentPeriodStart)
		if start == nil || !now.Before(start.Add(r.GracePeriod)) {
			return access{}, false
		}
		a.reason, a.over = ReasonGrace, addTime(*start, r.GracePeriod)
		a.until = a.over
	default:
		return access{}, false
	}
	if end := scheduledEnd(s); end != nil && (a.until == nil || end.Before(*a.until)) {
		a.until = end
	}
	return a, true
}

// scheduledEnd is when a scheduled cancellation ends the subscription. Stripe
// says it in cancel_at or in cancel_at_period_end.
func scheduledEnd(s Subscription) *time.Time {
	switch {
	case s.CancelAt != nil:
		return s.CancelAt
	case s.CancelAtPeriodEnd:
		return s.CurrentPeriodEnd
	}
	return nil
}

// widen adds one source of premium to the answer: the highest rank names the
// plan and the reason, and access ends when the last source does.
func (r Rule) widen(p Premium, a access) Premium {
	better := !p.IsPremium || r.Plans.rank(a.plan) > r.Plans.rank(p.Plan)
	switch {
	case !p.IsPremium:
		p.Until = a.until
	case p.Until != nil && (a.until == nil || a.until.After(*p.Until)):
		p.Until = a.until
	}
	if better {
		p.Plan, p.Reason = a.plan, a.reason
	}
	p.IsPremium = true
	if a.over != nil && (p.RecheckAt == nil || a.over.Before(*p.RecheckAt)) {
		p.RecheckAt = a.over
	}
	return p
}

// refusal is the reason of somebody without premium: that of the subscription
// which answers speak of.
func (r Rule) refusal(subscriptions []Subscription) Reason {
	s := r.shown(subscriptions)
	if s == nil || s.Status == StatusIncompleteExpired {
		return ReasonNone
	}
	switch s.Status {
	case StatusActive, StatusTrialing, StatusPastDue:
		if s.Plan == "" {
			return ReasonUnmapped
		}
	}
	return Reason(s.Status)
}

// compareLive orders live subscriptions: by the rank of the plan, then by how
// good their status is, then by age, then by id, so that the answer never
// depends on the order of rows.
func (r Rule) compareLive(a, b Subscription) int {
	return cmp.Or(
		cmp.Compare(r.Plans.rank(a.Plan), r.Plans.rank(b.Plan)),
		compareBool(a.Status.Occupies(), b.Status.Occupies()),
		a.CreatedAt.Compare(b.CreatedAt),
		cmp.Compare(a.StripeSubscriptionID, b.StripeSubscriptionID),
	)
}

func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return 1
	}
	return -1
}

// compareTimes orders times with nil before all others.
func compareTimes(a, b *time.Time) int {
	if a == nil || b == nil {
		return compareBool(a != nil, b != nil)
	}
	return a.Compare(*b)
}

func addTime(t time.Time, d time.Duration) *time.Time {
	t = t.Add(d)
	return &t
}
