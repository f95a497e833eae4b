package payments_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/numerai-app/payments"
)

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func at(hours int) *time.Time {
	t := noon.Add(time.Duration(hours) * time.Hour)
	return &t
}

func rule(t testing.TB, grace time.Duration) payments.Rule {
	t.Helper()
	plans, err := payments.NewPlans([]payments.Plan{
		{ID: "basic", Rank: 1, Prices: []string{"price_basic"}},
		{ID: "premium", Rank: 2, Prices: []string{"price_premium"}},
		{ID: "elite", Rank: 3, Prices: []string{"price_elite"}},
		{ID: "supporter", Rank: 0, Prices: []string{"price_supporter"}, NotPremium: true},
	})
	if err != nil {
		t.Fatal(err)
	}
	return payments.Rule{Plans: plans, GracePeriod: grace}
}

func TestPremium(t *testing.T) {
	t.Parallel()
	type subscription = payments.Subscription
	const grace = 48 * time.Hour
	active := subscription{StripeSubscriptionID: "sub_1", Plan: "premium", Status: payments.StatusActive, CurrentPeriodStart: at(-24), CurrentPeriodEnd: at(24)}
	with := func(change func(*subscription)) subscription {
		s := active
		change(&s)
		return s
	}
	pastDue := func(since *time.Time) subscription {
		return with(func(s *subscription) { s.Status, s.UnpaidSince = payments.StatusPastDue, since })
	}
	free := func(reason payments.Reason) payments.Premium {
		return payments.Premium{Plan: "free", Reason: reason}
	}
	tests := map[string]struct {
		subscriptions []subscription
		grants        []payments.Grant
		want          payments.Premium
	}{
		"nobody": {want: free("none")},
		"active, with the grace that would follow": {
			subscriptions: []subscription{active},
			want:          payments.Premium{IsPremium: true, Plan: "premium", Until: at(72), Reason: "active"},
		},
		"trialing": {
			subscriptions: []subscription{with(func(s *subscription) { s.Status = payments.StatusTrialing })},
			want:          payments.Premium{IsPremium: true, Plan: "premium", Until: at(72), Reason: "trialing"},
		},
		"active after its period while the renewal is being paid": {
			subscriptions: []subscription{with(func(s *subscription) { s.CurrentPeriodEnd = at(-100) })},
			want:          payments.Premium{IsPremium: true, Plan: "premium", Until: at(-52), Reason: "active"},
		},
		"canceled at the end of the period": {
			subscriptions: []subscription{with(func(s *subscription) { s.CancelAtPeriodEnd = true })},
			want:          payments.Premium{IsPremium: true, Plan: "premium", Until: at(24), Reason: "active"},
		},
		"canceled at a date": {
			subscriptions: []subscription{with(func(s *subscription) { s.CancelAt = at(5) })},
			want:          payments.Premium{IsPremium: true, Plan: "premium", Until: at(5), Reason: "active"},
		},
		"past due within grace": {
			subscriptions: []subscription{pastDue(at(-47))},
			want:          payments.Premium{IsPremium: true, Plan: "premium", Until: at(1), Reason: "grace", RecheckAt: at(1)},
		},
		"past due at the end of grace":             {subscriptions: []subscription{pastDue(at(-48))}, want: free("past_due")},
		"past due with no open invoice known":      {subscriptions: []subscription{pastDue(nil)}, want: payments.Premium{IsPremium: true, Plan: "premium", Until: at(24), Reason: "grace", RecheckAt: at(24)}},
		"incomplete":                               {subscriptions: []subscription{with(func(s *subscription) { s.Status = payments.StatusIncomplete })}, want: free("incomplete")},
		"incomplete_expired is as if it never was": {subscriptions: []subscription{with(func(s *subscription) { s.Status = payments.StatusIncompleteExpired })}, want: free("none")},
		"unpaid":   {subscriptions: []subscription{with(func(s *subscription) { s.Status = payments.StatusUnpaid })}, want: free("unpaid")},
		"paused":   {subscriptions: []subscription{with(func(s *subscription) { s.Status = payments.StatusPaused })}, want: free("paused")},
		"canceled": {subscriptions: []subscription{with(func(s *subscription) { s.Status = payments.StatusCanceled })}, want: free("canceled")},
		"paused collection changes nothing": {
			subscriptions: []subscription{with(func(s *subscription) { s.PauseBehavior = "void" })},
			want:          payments.Premium{IsPremium: true, Plan: "premium", Until: at(72), Reason: "active"},
		},
		"a price that no plan ever named": {
			subscriptions: []subscription{with(func(s *subscription) { s.Plan, s.Unmapped = "", true })},
			want:          free("unmapped"),
		},
		"a price that no plan names keeps the last known plan": {
			subscriptions: []subscription{with(func(s *subscription) { s.Unmapped = true })},
			want:          payments.Premium{IsPremium: true, Plan: "premium", Until: at(72), Reason: "active"},
		},
		"a plan without premium": {
			subscriptions: []subscription{with(func(s *subscription) { s.Plan = "supporter" })},
			want:          free("active"),
		},
		"the highest rank names the plan, the last to end the date": {
			subscriptions: []subscription{
				with(func(s *subscription) { s.StripeSubscriptionID, s.Plan, s.CurrentPeriodEnd = "sub_2", "elite", at(1) }),
				active,
			},
			want: payments.Premium{IsPremium: true, Plan: "elite", Until: at(72), Reason: "active"},
		},
		"an old one's end does not take a new one's access": {
			subscriptions: []subscription{with(func(s *subscription) { s.Status, s.EndedAt = payments.StatusCanceled, at(0) }), active},
			want:          payments.Premium{IsPremium: true, Plan: "premium", Until: at(72), Reason: "active"},
		},
		"a grant that lasts": {
			grants: []payments.Grant{{Plan: "elite", Until: at(3)}},
			want:   payments.Premium{IsPremium: true, Plan: "elite", Until: at(3), Reason: "granted", RecheckAt: at(3)},
		},
		"a grant without an end": {
			subscriptions: []subscription{active},
			grants:        []payments.Grant{{Plan: "elite"}},
			want:          payments.Premium{IsPremium: true, Plan: "elite", Reason: "granted"},
		},
		"a grant that is over": {grants: []payments.Grant{{Plan: "elite", Until: at(0)}}, want: free("none")},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := rule(t, grace).Premium(tt.subscriptions, tt.grants, noon)
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("premium (-want +got):\n%s", diff)
			}
		})
	}
}

// TestPremiumLaws checks what must hold whatever a user has: the order of rows
// does not matter, and only time's named moment changes the answer.
func TestPremiumLaws(t *testing.T) {
	t.Parallel()
	r := rule(t, 48*time.Hour)
	statuses := []payments.SubscriptionStatus{
		payments.StatusIncomplete, payments.StatusIncompleteExpired, payments.StatusTrialing, payments.StatusActive,
		payments.StatusPastDue, payments.StatusUnpaid, payments.StatusPaused, payments.StatusCanceled,
	}
	moment := rapid.Custom(func(t *rapid.T) *time.Time {
		if rapid.Bool().Draw(t, "null") {
			return nil
		}
		return at(rapid.IntRange(-100, 100).Draw(t, "hours"))
	})
	subscription := rapid.Custom(func(t *rapid.T) payments.Subscription {
		return payments.Subscription{
			StripeSubscriptionID: rapid.StringMatching(`sub_[a-z]{6}`).Draw(t, "id"),
			Plan:                 rapid.SampledFrom([]string{"", "basic", "premium", "elite", "supporter", "gone"}).Draw(t, "plan"),
			Status:               rapid.SampledFrom(statuses).Draw(t, "status"),
			CurrentPeriodStart:   moment.Draw(t, "start"), CurrentPeriodEnd: moment.Draw(t, "end"),
			CancelAt: moment.Draw(t, "cancel at"), CancelAtPeriodEnd: rapid.Bool().Draw(t, "cancel at period end"),
			UnpaidSince: moment.Draw(t, "unpaid since"), EndedAt: moment.Draw(t, "ended"),
		}
	})
	grant := rapid.Custom(func(t *rapid.T) payments.Grant {
		return payments.Grant{Plan: rapid.SampledFrom([]string{"basic", "elite"}).Draw(t, "plan"), Until: moment.Draw(t, "until")}
	})
	rapid.Check(t, func(t *rapid.T) {
		subscriptions := rapid.SliceOfNDistinct(subscription, 0, 4, func(s payments.Subscription) string { return s.StripeSubscriptionID }).Draw(t, "subscriptions")
		grants := rapid.SliceOfN(grant, 0, 2).Draw(t, "grants")
		answer := r.Premium(subscriptions, grants, noon)

		shuffled := rapid.Permutation(subscriptions).Draw(t, "shuffled")
		if again := r.Premium(shuffled, rapid.Permutation(grants).Draw(t, "grants shuffled"), noon); again.IsPremium != answer.IsPremium || !cmp.Equal(again.Until, answer.Until) {
			t.Fatalf("the order of rows changes the answer: %+v and %+v", answer, again)
		}
		if answer.IsPremium == (answer.Plan == payments.FreePlan) {
			t.Fatalf("is_premium %v with the plan %q", answer.IsPremium, answer.Plan)
		}
		if answer.RecheckAt != nil && !answer.RecheckAt.After(noon) {
			t.Fatalf("recheck at %s, which is not after now", answer.RecheckAt)
		}
		later := noon.Add(time.Duration(rapid.IntRange(1, 200).Draw(t, "later")) * time.Hour)
		if answer.RecheckAt != nil && !later.Before(*answer.RecheckAt) {
			later = answer.RecheckAt.Add(-time.Second)
		}
		if changed := r.Premium(subscriptions, grants, later); changed.IsPremium != answer.IsPremium || changed.Plan != answer.Plan {
			t.Fatalf("time alone changed %+v to %+v before %v", answer, changed, answer.RecheckAt)
		}
	})
}
