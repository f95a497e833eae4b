package storetest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/numerai-app/payments"
)

// checkRecall lets updates read, write and foresee at random, and then holds
// what each of them sees against what the next transaction sees: a store may
// remember what it read, but must never give out what is not so any more.
func checkRecall(t *testing.T, s payments.Store) {
	for _, user := range recallUsers {
		putUser(t, s, user)
	}
	rapid.Check(t, func(r *rapid.T) {
		for range rapid.IntRange(1, 4).Draw(r, "updates") {
			steps := rapid.SliceOfN(rapid.Custom(drawStep), 1, 12).Draw(r, "steps")
			var inside []any
			err := s.Update(t.Context(), func(tx payments.Tx) (err error) {
				for _, step := range steps {
					if err := step.do(t.Context(), tx); err != nil && !errors.Is(err, payments.ErrNotFound) {
						return fmt.Errorf("%s: %w", step.name, err)
					}
				}
				inside, err = everything(t.Context(), tx)
				return err
			})
			if err != nil {
				r.Fatal(err)
			}
			var outside []any
			err = s.View(t.Context(), func(tx payments.Tx) (err error) {
				outside, err = everything(t.Context(), tx)
				return err
			})
			if err != nil {
				r.Fatal(err)
			}
			if diff := cmp.Diff(outside, inside, cmp.Comparer(sameTime)); diff != "" {
				r.Fatalf("after %v an update saw something else than is so (-so +seen):\n%s", steps, diff)
			}
		}
	})
}

// recallStep is something that an update does.
type recallStep struct {
	name string
	do   func(context.Context, payments.Tx) error
}

func (s recallStep) String() string { return s.name }

// The rows are few, so that the steps meet.
var (
	recallUsers = []string{"u0", "u1"}
	recallIDs   = []string{"x0", "x1", "x2"}
	recallKinds = []payments.ObjectKind{payments.KindInvoice, payments.KindPaymentIntent, payments.KindCharge, payments.KindSubscription, payments.KindCustomer}
)

func drawStep(r *rapid.T) recallStep {
	user, id := rapid.SampledFrom(recallUsers).Draw(r, "user"), rapid.SampledFrom(recallIDs).Draw(r, "id")
	other := rapid.SampledFrom(append(recallIDs, "")).Draw(r, "other")
	second := rapid.IntRange(0, 3).Draw(r, "second")
	steps := map[string]func(context.Context, payments.Tx) error{
		"everything is read": func(ctx context.Context, tx payments.Tx) error { _, err := everything(ctx, tx); return err },
		"foresee": func(ctx context.Context, tx payments.Tx) error {
			var refs []payments.Ref
			for _, kind := range recallKinds {
				refs = append(refs, payments.Ref{Kind: kind, ID: id}, payments.Ref{Kind: kind, ID: other}, payments.Ref{Kind: kind, ID: "cus_" + user})
			}
			return tx.Foresee(ctx, []string{"evt_" + id, "evt_" + other}, refs)
		},
		"a user": func(ctx context.Context, tx payments.Tx) error {
			c := someUser(user)
			c.Email, c.StripeCustomerID = other, "cus_"+user
			if second == 0 {
				c.StripeCustomerID = ""
			}
			return tx.PutCustomer(ctx, c)
		},
		"a subscription": func(ctx context.Context, tx payments.Tx) error {
			s := someSubscription(id, user)
			s.ID, s.CreatedAt, s.LatestInvoice = fmt.Sprint("sub_", id, second), at(second), other
			return tx.PutSubscription(ctx, s)
		},
		"an object": func(ctx context.Context, tx payments.Tx) error {
			o := someObject([]payments.ObjectKind{payments.KindInvoice, payments.KindCharge}[second%2], id)
			o.Invoice, o.PaymentIntent, o.Charge, o.Subscription, o.Status = other, other, other, other, []string{"open", "paid"}[second/2]
			return tx.PutObject(ctx, o)
		},
		"a payment": func(ctx context.Context, tx payments.Tx) error {
			return tx.PutPayment(ctx, payments.Payment{
				ID: fmt.Sprint("pay_", id, second), StripePaymentIntentID: id, UserID: user, Amount: int64(second), Currency: "usd",
				Status: payments.PaymentPending, Description: other, CreatedAt: now, UpdatedAt: now,
			})
		},
		"a wish": func(ctx context.Context, tx payments.Tx) error {
			return tx.PutRefresh(ctx, payments.Refresh{
				Ref: payments.Ref{Kind: payments.KindInvoice, ID: id}, Wishes: int64(second), Reason: other, DueAt: at(second), Queued: second == 0,
			})
		},
		"a wish is withdrawn": func(ctx context.Context, tx payments.Tx) error { return tx.CancelRefresh(ctx, id, other) },
		"a wish is done": func(ctx context.Context, tx payments.Tx) error {
			_, err := tx.DeleteRefresh(ctx, id, int64(second))
			return err
		},
		"an event waits": func(ctx context.Context, tx payments.Tx) error {
			e := someEvent("evt_" + id)
			if _, err := tx.InsertEvents(ctx, []payments.Event{e}); err != nil {
				return err
			}
			e.Status, e.WaitsFor = payments.EventPending, other
			if second == 0 {
				e.Status, e.WaitsFor = payments.EventProcessed, ""
			}
			return tx.PutEvent(ctx, e)
		},
	}
	name := rapid.SampledFrom(slices.Sorted(maps.Keys(steps))).Draw(r, "step")
	return recallStep{fmt.Sprintf("%s (%s, %s, %q, %d)", name, user, id, other, second), steps[name]}
}

// everything is all that an update may remember.
func everything(ctx context.Context, tx payments.Tx) ([]any, error) {
	var seen []any
	var failed error
	see := func(value any, err error) {
		if errors.Is(err, payments.ErrNotFound) {
			value, err = err.Error(), nil
		}
		seen, failed = append(seen, value), errors.Join(failed, err)
	}
	for _, user := range recallUsers {
		customer, err := tx.Customer(ctx, user)
		see(customer, err)
		customer, err = tx.CustomerByStripeID(ctx, "cus_"+user)
		see(customer, err)
		subscriptions, err := tx.SubscriptionsOf(ctx, user)
		see(subscriptions, err)
		grants, err := tx.GrantsOf(ctx, user)
		see(grants, err)
	}
	for _, id := range recallIDs {
		subscription, err := tx.Subscription(ctx, id)
		see(subscription, err)
		object, err := tx.Object(ctx, id)
		see(object, err)
		for _, list := range []func(context.Context, string) ([]payments.StoredObject, error){
			tx.ObjectsByInvoice, tx.ObjectsByPaymentIntent, tx.ObjectsByCharge, tx.OpenInvoices,
		} {
			objects, err := list(ctx, id)
			see(objects, err)
		}
		payment, err := tx.Payment(ctx, id)
		see(payment, err)
		refresh, err := tx.Refresh(ctx, id)
		see(refresh, err)
		waiting, err := tx.EventsWaitingFor(ctx, id)
		see(waiting, err)
	}
	return seen, failed
}
