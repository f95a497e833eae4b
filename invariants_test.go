package payments_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"

	"github.com/numerai-app/payments"
	"github.com/numerai-app/payments/internal/stripe"
)

// What must hold in the end of every history, by the number and the words of
// design §2 of what the project promises. Invariants 2, 3, 7 and 8 also follow
// from the comparison with a delivery in order, and 6 is watched at each commit.

// checkInvariants checks them of what one installation has made of a history.
func (l *life) checkInvariants(t *testing.T, s modelService, state modelState) {
	t.Helper()
	l.checkNothingLost(t, s)
	l.checkOneRowPerMovement(t, state)
	l.checkPremium(t, state)
	if state.Pending != 0 {
		t.Errorf("invariant 7, what comes too early is completed: %d events are still pending", state.Pending)
	}
	l.checkPoison(t, s)
}

func (l *life) checkNothingLost(t *testing.T, s modelService) {
	t.Helper()
	for _, event := range l.events {
		if !slices.Contains(stripe.PolledEventTypes(), event.kind()) {
			continue // a poll does not ask for it
		}
		kept, err := s.Event(t.Context(), event.id)
		if err != nil || kept.Status != payments.EventProcessed && kept.Status != payments.EventIgnored {
			t.Errorf("invariant 1, nothing acknowledged is lost: %s (%s) is %q: %s %v", event.id, event.kind(), kept.Status, kept.Error, err)
		}
	}
}

// kind is the type of an event.
func (e lifeEvent) kind() string {
	var envelope struct {
		Type string `json:"type"`
	}
	if json.Unmarshal(e.shapes[0], &envelope) != nil {
		return ""
	}
	return envelope.Type
}

func (l *life) checkOneRowPerMovement(t *testing.T, state modelState) {
	t.Helper()
	const promise = "invariant 4, one row per movement of money"
	got, seen := map[payments.BillingKind]int{}, map[string]bool{}
	for user, entries := range state.History {
		for _, entry := range entries {
			if key := fmt.Sprint(entry.Kind, entry.Source); seen[key] {
				t.Errorf("%s: %s is twice in the history of %s", promise, entry.Source, user)
			} else {
				seen[key] = true
			}
			kind := entry.Kind
			if kind == payments.BillingInvoice || kind == payments.BillingPayment {
				if kind = payments.BillingPayment; entry.Status != payments.BillingPaid || entry.Amount <= 0 {
					continue
				}
			}
			got[kind]++
		}
	}
	want := map[payments.BillingKind]int{
		payments.BillingRefund:  len(l.objects(t, "/v1/refunds")),
		payments.BillingDispute: len(l.objects(t, "/v1/disputes")),
	}
	for _, charge := range l.objects(t, "/v1/charges") {
		if charge["status"] == "succeeded" {
			want[payments.BillingPayment]++
		}
	}
	for kind, count := range want {
		if got[kind] != count {
			t.Errorf("%s: %d rows of %s, at Stripe %d: %+v", promise, got[kind], kind, count, state.History)
		}
	}
}

// checkPremium: what is stored of a user is what the rule says of what Stripe
// has now.
func (l *life) checkPremium(t *testing.T, state modelState) {
	t.Helper()
	plans := l.plans(t)
	for user, subscriptions := range state.Subscriptions {
		stored := state.Customers[user]
		want := payments.Rule{Plans: plans}.Premium(subscriptions, nil, l.sim.Now())
		if stored.IsPremium != want.IsPremium || stored.Plan != want.Plan {
			t.Errorf("invariant 6, premium equals the rule: %s has %v of %q, want %v of %q", user, stored.IsPremium, stored.Plan, want.IsPremium, want.Plan)
		}
	}
}

// checkPoison: events that cannot be read are on record, and fail in the end.
func (l *life) checkPoison(t *testing.T, s modelService) {
	t.Helper()
	const promise = "invariant 9, a poisoned event harms only itself"
	for _, id := range l.poison {
		kept, err := s.Event(t.Context(), id)
		if err != nil || kept.Status != payments.EventPending {
			t.Errorf("%s: %s is %q before its last try: %v", promise, id, kept.Status, err)
		}
		if err := s.Work(t.Context(), payments.RetryEvent{EventID: id}, payments.Attempt{Number: payments.MaxAttempts, Last: true}); err == nil {
			t.Errorf("%s: the last try of %s went well", promise, id)
		}
		if kept, err = s.Event(t.Context(), id); err != nil || kept.Status != payments.EventFailed || kept.Error == "" {
			t.Errorf("%s: %s is %q in the end, with the error %q: %v", promise, id, kept.Status, kept.Error, err)
		}
	}
}
