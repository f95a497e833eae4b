package payments_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/numerai-app/payments"
)

// watched notes what is committed, by whichever process, and what is wrong with
// it: some promises hold at every commit, not only in the end.
type watched struct {
	rule payments.Rule
	now  func() time.Time

	mu     sync.Mutex
	faults []string
	told   []payments.OutboundEvent
	// journal is what every commit did.
	journal []string
}

// store is a store all of whose commits are watched.
func (w *watched) store(s payments.Store) payments.Store { return &watchedStore{s, w} }

type watchedStore struct {
	payments.Store
	watch *watched
}

// Update implements [payments.Store].
func (s *watchedStore) Update(ctx context.Context, fn func(payments.Tx) error) error {
	var tx *watchedTx
	err := s.Store.Update(ctx, func(inner payments.Tx) error {
		tx = &watchedTx{journal: journal{Tx: inner}, before: map[string]payments.Customer{}}
		if err := fn(tx); err != nil {
			return err
		}
		return tx.check(ctx, s.watch)
	})
	if err == nil {
		s.watch.mu.Lock()
		defer s.watch.mu.Unlock()
		s.watch.faults = append(s.watch.faults, tx.faults...)
		s.watch.told = append(s.watch.told, tx.told...)
		s.watch.journal = append(append(s.watch.journal, tx.lines...), "committed")
	}
	return err
}

// watchedTx notes whose premium may change, and what it was.
type watchedTx struct {
	journal
	before map[string]payments.Customer
	told   []payments.OutboundEvent
	faults []string
}

// touch notes a user before the first change of what is the user's.
func (t *watchedTx) touch(ctx context.Context, userID string) error {
	if _, known := t.before[userID]; known || userID == "" {
		return nil
	}
	customer, err := t.Tx.Customer(ctx, userID)
	if errors.Is(err, payments.ErrNotFound) {
		customer, err = payments.Customer{Plan: payments.FreePlan}, nil
	}
	t.before[userID] = customer
	return err
}

// PutCustomer implements [payments.Tx].
func (t *watchedTx) PutCustomer(ctx context.Context, c payments.Customer) error {
	if err := t.touch(ctx, c.ID); err != nil {
		return err
	}
	return t.journal.PutCustomer(ctx, c)
}

// PutSubscription implements [payments.Tx].
func (t *watchedTx) PutSubscription(ctx context.Context, s payments.Subscription) error {
	if err := t.touch(ctx, s.UserID); err != nil {
		return err
	}
	return t.journal.PutSubscription(ctx, s)
}

// InsertOutbound implements [payments.Tx].
func (t *watchedTx) InsertOutbound(ctx context.Context, e payments.OutboundEvent) error {
	t.told = append(t.told, e)
	return t.Tx.InsertOutbound(ctx, e)
}

// outboundData is what the checks read of outbound events.
type outboundData struct {
	outboundPremium

	StripeSubscriptionID  string `json:"stripe_subscription_id"`
	StripePaymentIntentID string `json:"stripe_payment_intent_id"`
	AmountRefunded        int64  `json:"amount_refunded"`
}

// outboundPremium is what a host keeps of a user's premium.
type outboundPremium struct {
	IsPremium    bool       `json:"is_premium"`
	Plan         string     `json:"plan"`
	PremiumUntil *time.Time `json:"premium_until"`
}

func premiumOf(c payments.Customer) outboundPremium {
	return outboundPremium{c.IsPremium, c.Plan, c.PremiumUntil}
}

// check looks at the users whom the transaction changed, just before its commit.
func (t *watchedTx) check(ctx context.Context, w *watched) error {
	for userID, before := range t.before {
		after, err := t.Tx.Customer(ctx, userID)
		if err != nil {
			return err
		}
		subscriptions, err := t.Tx.SubscriptionsOf(ctx, userID)
		if err != nil {
			return err
		}
		grants, err := t.Tx.GrantsOf(ctx, userID)
		if err != nil {
			return err
		}
		premium := w.rule.Premium(subscriptions, grants, w.now())
		if diff := cmp.Diff(outboundPremium{premium.IsPremium, premium.Plan, premium.Until}, premiumOf(after)); diff != "" {
			t.fault("%s is stored with another premium than the rule's (-rule +stored):\n%s", userID, diff)
		}
		if err := t.checkTold(userID, before, after); err != nil {
			return err
		}
	}
	return nil
}

// checkTold: what the host is told of a user's premium leads from what it was
// to what it is, each step a change.
func (t *watchedTx) checkTold(userID string, before, after payments.Customer) error {
	heard := premiumOf(before)
	for _, event := range t.told {
		if event.Type != payments.OutboundPremiumChanged || event.UserID != userID {
			continue
		}
		var data outboundData
		if err := json.Unmarshal(event.Data, &data); err != nil {
			return err
		}
		if cmp.Equal(data.outboundPremium, heard) {
			t.fault("%s is told a change of premium that is none: %s", userID, event.Data)
		}
		heard = data.outboundPremium
	}
	if diff := cmp.Diff(premiumOf(after), heard); diff != "" {
		t.fault("the host is left with another premium of %s than is stored (-stored +told):\n%s", userID, diff)
	}
	return nil
}

func (t *watchedTx) fault(format string, args ...any) {
	t.faults = append(t.faults, fmt.Sprintf(format, args...))
}

// checkTold compares all that the host was told with where it ended.
func (w *watched) checkTold(t *testing.T, state modelState) {
	t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, fault := range w.faults {
		t.Errorf("invariant 6, premium equals the rule at every commit: %s", fault)
	}
	count := map[payments.OutboundType]map[string]int{}
	refunded := map[string]int64{}
	for _, event := range w.told {
		var data outboundData
		if err := json.Unmarshal(event.Data, &data); err != nil {
			t.Fatal(err)
		}
		if count[event.Type] == nil {
			count[event.Type] = map[string]int{}
		}
		count[event.Type][data.StripeSubscriptionID+data.StripePaymentIntentID]++ // only one of them is there
		if event.Type == payments.OutboundPaymentRefunded {
			if data.AmountRefunded <= refunded[data.StripePaymentIntentID] {
				t.Errorf("invariant 2, exactly one effect: a refund of %s is told twice", data.StripePaymentIntentID)
			}
			refunded[data.StripePaymentIntentID] = data.AmountRefunded
		}
	}
	once := func(kind payments.OutboundType, id string, happened bool) {
		t.Helper()
		if want := map[bool]int{true: 1, false: 0}[happened]; count[kind][id] != want {
			t.Errorf("invariant 2, exactly one effect: %s of %s is told %d times, want %d", kind, id, count[kind][id], want)
		}
	}
	for id, payment := range state.Payments {
		paid := slices.Contains([]payments.PaymentStatus{payments.PaymentSucceeded, payments.PaymentRefunded, payments.PaymentPartiallyRefunded}, payment.Status)
		once(payments.OutboundPaymentSucceeded, id, paid)
		if payment.AmountRefunded != refunded[id] {
			t.Errorf("%d of %s went back, the host was told of %d", payment.AmountRefunded, id, refunded[id])
		}
	}
	for _, subscriptions := range state.Subscriptions {
		for _, s := range subscriptions {
			once(payments.OutboundSubscriptionEnded, s.StripeSubscriptionID, s.Status.Ended())
			works := s.Status == payments.StatusActive || s.Status == payments.StatusTrialing
			if works && count[payments.OutboundSubscriptionActivated][s.StripeSubscriptionID] == 0 {
				t.Errorf("%s is %s, and the host was never told", s.StripeSubscriptionID, s.Status)
			}
		}
	}
}
