package payments

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// SubscriptionStatus is Stripe's status of a subscription.
type SubscriptionStatus string

// The statuses of a subscription; canceled and incomplete_expired are final.
const (
	StatusIncomplete        SubscriptionStatus = "incomplete"
	StatusIncompleteExpired SubscriptionStatus = "incomplete_expired"
	StatusTrialing          SubscriptionStatus = "trialing"
	StatusActive            SubscriptionStatus = "active"
	StatusPastDue           SubscriptionStatus = "past_due"
	StatusUnpaid            SubscriptionStatus = "unpaid"
	StatusPaused            SubscriptionStatus = "paused"
	StatusCanceled          SubscriptionStatus = "canceled"
)

// Ended says whether the subscription is over for good.
func (s SubscriptionStatus) Ended() bool {
	return s == StatusCanceled || s == StatusIncompleteExpired
}

// Occupies says whether a subscription of that status stands in the way of
// another: it is live, and not one whose first payment is still missing.
func (s SubscriptionStatus) Occupies() bool {
	return !s.Ended() && s != StatusIncomplete
}

// Subscription is a user's subscription as Stripe last told it. Rows are never
// deleted. Times are Stripe's, in UTC; nil is Stripe's null.
type Subscription struct {
	ID                   string // ours, psub_…
	StripeSubscriptionID string
	StripeCustomerID     string
	UserID               string

	// Plan is what the newest snapshot with a known price said; empty where
	// no price was ever known. PlanVersion is that snapshot's: the plan has a
	// clock of its own, since a price that no plan names leaves it alone.
	Plan        string
	PlanVersion Version
	// Unmapped marks a subscription whose present price no plan names.
	Unmapped bool

	Price              string
	Quantity           int64
	Status             SubscriptionStatus
	CurrentPeriodStart *time.Time
	CurrentPeriodEnd   *time.Time
	CancelAtPeriodEnd  bool
	CancelAt           *time.Time
	CanceledAt         *time.Time
	EndedAt            *time.Time
	TrialStart         *time.Time
	TrialEnd           *time.Time
	PauseBehavior      string
	PauseResumesAt     *time.Time
	LatestInvoice      string
	// UnpaidSince is when the oldest open invoice was finalized, or is due if
	// that is later; nil without one. Grace begins there.
	UnpaidSince *time.Time

	Version   Version
	CreatedAt time.Time // Stripe's
	UpdatedAt time.Time // ours: when the row last changed
}

// SubscriptionState is the answer to "what has this user paid for": the
// premium rule's answer, and the subscription it speaks of.
type SubscriptionState struct {
	Premium
	// HasSubscription: one that has not ended.
	HasSubscription bool
	// Subscription is the live one of the highest rank, else the one that
	// ended last, else nil.
	Subscription *Subscription
	// AsOf is when Stripe last said so; nil where it never spoke.
	AsOf *time.Time
}

// SubscriptionStatus answers for one user, from the database alone. A user
// never seen has no subscription and the reason "none".
func (s *Service) SubscriptionStatus(ctx context.Context, userID string) (SubscriptionState, error) {
	if faults := (User{ID: userID}).validate(); faults != nil {
		return SubscriptionState{}, invalid(faults...)
	}
	standing, err := s.store.Standing(ctx, userID)
	if err != nil {
		return SubscriptionState{}, fmt.Errorf("read the subscriptions: %w", err)
	}
	state := SubscriptionState{
		Premium:      s.rule.Premium(standing.Subscriptions, standing.Grants, s.now()),
		Subscription: s.rule.shown(standing.Subscriptions),
	}
	if shown := state.Subscription; shown != nil {
		state.HasSubscription = !shown.Status.Ended()
		asOf := shown.Version.AsOf
		state.AsOf = &asOf
	}
	return state, nil
}

// shown picks the subscription that answers speak of: the live one of the
// highest rank, else the one that ended last, else nil.
func (r Rule) shown(subscriptions []Subscription) *Subscription {
	if len(subscriptions) == 0 {
		return nil
	}
	best := slices.MaxFunc(subscriptions, func(a, b Subscription) int {
		if live := compareBool(!a.Status.Ended(), !b.Status.Ended()); live != 0 {
			return live
		}
		if a.Status.Ended() {
			return compareTimes(a.EndedAt, b.EndedAt)
		}
		return r.compareLive(a, b)
	})
	return &best
}
