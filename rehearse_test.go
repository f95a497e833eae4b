package payments_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/numerai-app/payments"
	"github.com/numerai-app/payments/internal/storetest"
)

// guardedStore notes what would leave a transaction: jobs, outbound events and
// deliveries.
type guardedStore struct {
	payments.Store
	left []string
}

func (s *guardedStore) Update(ctx context.Context, fn func(payments.Tx) error) error {
	return s.Store.Update(ctx, func(tx payments.Tx) error { return fn(&guardedTx{tx, s}) })
}

type guardedTx struct {
	payments.Tx
	guard *guardedStore
}

func (t *guardedTx) Enqueue(ctx context.Context, job payments.Job, after time.Duration) error {
	t.guard.left = append(t.guard.left, job.Kind())
	return t.Tx.Enqueue(ctx, job, after)
}

func (t *guardedTx) InsertOutbound(ctx context.Context, e payments.OutboundEvent) error {
	t.guard.left = append(t.guard.left, string(e.Type))
	return t.Tx.InsertOutbound(ctx, e)
}

func (t *guardedTx) PutDelivery(ctx context.Context, d payments.Delivery) error {
	t.guard.left = append(t.guard.left, "delivery")
	return t.Tx.PutDelivery(ctx, d)
}

// keep stores an event in the audit trail as one that failed.
func (l *life) keep(t *testing.T, s payments.Store, e lifeEvent) {
	t.Helper()
	event, err := newClient(t, l.url).VerifyEvent(e.shapes[1], signed(e.shapes[1]))
	if err != nil {
		t.Fatal(err)
	}
	event.Payload, event.ReceivedAt, event.Source = e.shapes[1], l.sim.Now(), payments.SourceWebhook
	event.Status, event.Error, event.Attempts = payments.EventFailed, "a bug since mended", payments.MaxAttempts
	err = s.Update(t.Context(), func(tx payments.Tx) error {
		_, err := tx.InsertEvents(t.Context(), []payments.Event{event})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestRehearsalsComeTrue rehearses each event of random lives before it is
// replayed. A rehearsal leaves everything as it was; the replay then changes
// rows only where the rehearsal said so, brings the event as far as it said,
// and tells the host what it said.
func TestRehearsalsComeTrue(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, store payments.Store) {
		l := playLife(t, rand.New(rand.NewPCG(4, 7)))
		guarded := &guardedStore{Store: store}
		s := l.with(t, payments.Config{Store: guarded}, l.url)
		endpoint := payments.CreateEndpointParams{URL: "https://app.example.com/hooks"}
		if _, err := s.CreateEndpoint(t.Context(), endpoint); err != nil {
			t.Fatal(err)
		}
		changed := 0
		for _, e := range l.events {
			l.keep(t, store, e)
			before, wished := l.rows(t, store), wishes(t, store)
			guarded.left = nil
			rehearsal, err := s.RehearseEvent(t.Context(), e.id)
			if err != nil || rehearsal.Error != "" {
				t.Fatalf("rehearse %s: %v %s", e.id, err, rehearsal.Error)
			}
			if len(guarded.left) > 0 {
				t.Errorf("the rehearsal of %s let out %v", e.id, guarded.left)
			}
			if diff := cmp.Diff(before, l.rows(t, store)) + cmp.Diff(wished, wishes(t, store)); diff != "" {
				t.Fatalf("the rehearsal of %s changed:\n%s", e.id, diff)
			}
			if event := stored(t, s, e.id); event.Status != payments.EventFailed || event.Attempts != payments.MaxAttempts {
				t.Fatalf("the rehearsal of %s changed it to %+v", e.id, event)
			}
			if _, err := s.ReplayEvent(t.Context(), e.id); err != nil {
				t.Fatal(err)
			}
			guarded.left = nil
			if err := s.Work(t.Context(), payments.RetryEvent{EventID: e.id}, payments.Attempt{Number: 1}); err != nil {
				t.Fatal(err)
			}
			if event := stored(t, s, e.id); event.Status != rehearsal.Becomes || event.Reason != rehearsal.Reason {
				t.Errorf("%s is %s %q, the rehearsal said %s %q", e.id, event.Status, event.Reason, rehearsal.Becomes, rehearsal.Reason)
			}
			for _, id := range rehearsal.Reads {
				if wishes(t, store)[id].Wishes == 0 {
					t.Errorf("%s asks for no read of %s", e.id, id)
				}
			}
			after := l.rows(t, store)
			if same := cmp.Equal(before, after); same != (len(rehearsal.Changes) == 0) {
				t.Errorf("%s changes nothing: %t, but the rehearsal said %+v", e.id, same, rehearsal.Changes)
			}
			checkRehearsal(t, after, rehearsal)
			for _, kind := range rehearsal.Outbound {
				if !slices.Contains(guarded.left, string(kind)) {
					t.Errorf("%s told the host %v, not %s", e.id, guarded.left, kind)
				}
			}
			changed += len(rehearsal.Changes)
			again, err := s.RehearseEvent(t.Context(), e.id)
			if err != nil || len(again.Changes)+len(again.Outbound) > 0 {
				t.Errorf("%s once more would change %+v, %v", e.id, again, err)
			}
		}
		if changed < 10 {
			t.Errorf("all the lives changed %d rows", changed)
		}
	})
}

func stored(t *testing.T, s modelService, id string) payments.Event {
	t.Helper()
	event, err := s.Event(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return event
}

// wishes are those to read from Stripe, by object.
func wishes(t *testing.T, store payments.Store) map[string]payments.Refresh {
	t.Helper()
	byID := map[string]payments.Refresh{}
	err := store.View(t.Context(), func(tx payments.Tx) error {
		list, err := tx.DueRefreshes(t.Context(), time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC), 1000)
		for _, wish := range list {
			byID[wish.ID] = wish
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return byID
}

// trailRows are the rows that a replay may change.
type trailRows struct {
	Customers     map[string]payments.Customer
	Subscriptions map[string]payments.Subscription
	Payments      map[string]payments.Payment
	History       map[string]payments.BillingEntry // by source
}

// rows reads them, without the times of our own at which they were written.
func (l *life) rows(t *testing.T, store payments.Store) trailRows {
	t.Helper()
	rows := trailRows{
		map[string]payments.Customer{},
		map[string]payments.Subscription{},
		map[string]payments.Payment{},
		map[string]payments.BillingEntry{},
	}
	intents := l.call(t, "GET", "/v1/payment_intents", "limit=100")["data"].([]any)
	err := store.View(t.Context(), func(tx payments.Tx) error {
		for _, user := range l.users {
			customer, err := tx.Customer(t.Context(), user)
			if errors.Is(err, payments.ErrNotFound) {
				continue
			}
			customer.UpdatedAt, customer.RecheckAt = time.Time{}, nil
			rows.Customers[user] = customer
			subscriptions, err := tx.SubscriptionsOf(t.Context(), user)
			if err != nil {
				return err
			}
			for _, s := range subscriptions {
				s.UpdatedAt = time.Time{}
				s.Version, s.PlanVersion = payments.Version{AsOf: s.Version.AsOf}, payments.Version{}
				rows.Subscriptions[s.StripeSubscriptionID] = s
			}
			entries, _, err := tx.BillingHistory(t.Context(), user, 0, 100)
			if err != nil {
				return err
			}
			for _, entry := range entries {
				entry.UpdatedAt = time.Time{}
				rows.History[entry.Source] = entry
			}
		}
		for _, row := range intents {
			id := row.(map[string]any)["id"].(string)
			payment, err := tx.Payment(t.Context(), id)
			switch {
			case errors.Is(err, payments.ErrNotFound):
				continue
			case err != nil:
				return err
			}
			payment.UpdatedAt = time.Time{}
			rows.Payments[id] = payment
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

// checkRehearsal compares some of what was said with what is.
func checkRehearsal(t *testing.T, after trailRows, r payments.Rehearsal) {
	t.Helper()
	for _, change := range r.Changes {
		for _, field := range change.Fields {
			var got any
			switch change.Record + "." + field.Name {
			case "user.is_premium":
				got = after.Customers[change.ID].IsPremium
			case "subscription.status":
				got = after.Subscriptions[change.ID].Status
			case "payment.status":
				got = after.Payments[change.ID].Status
			case "payment.amount_refunded":
				got = after.Payments[change.ID].AmountRefunded
			case "billing_history.status":
				if change.Action == "deleted" {
					continue
				}
				got = after.History[change.ID].Status
			default:
				continue
			}
			if got != field.After || got == field.Before {
				t.Errorf("%s: %s.%s of %s is %v, the rehearsal said from %v to %v",
					r.Event.ID, change.Record, field.Name, change.ID, got, field.Before, field.After)
			}
		}
	}
}

// TestRehearsalOfPoison checks that an event that cannot be applied is said to
// be one.
func TestRehearsalOfPoison(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, store payments.Store) {
		s := someLife(t).service(t, store)
		poison := payments.Event{
			ID: "evt_poison", Type: "invoice.paid", Status: payments.EventFailed, Source: payments.SourcePoll, ReceivedAt: time.Now(),
			Payload: []byte(`{"id":"evt_poison","object":"event","type":"invoice.paid","data":{"object":{"object":"invoice"}}}`),
		}
		err := store.Update(t.Context(), func(tx payments.Tx) error {
			_, err := tx.InsertEvents(t.Context(), []payments.Event{poison})
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		got, err := s.RehearseEvent(t.Context(), "evt_poison")
		if err != nil || got.Error == "" || got.Becomes != payments.EventPending || len(got.Changes) > 0 {
			t.Errorf("rehearsed %+v, %v; want its fault", got, err)
		}
		if _, err := s.RehearseEvent(t.Context(), "evt_none"); !errors.Is(err, payments.ErrNotFound) {
			t.Errorf("an event that is none: %v, want ErrNotFound", err)
		}
	})
}
