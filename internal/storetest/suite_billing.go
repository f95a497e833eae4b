package storetest

import (
	"context"
	"fmt"
	"math"
	"sync"
	"testing"
	"time"

	"github.com/numerai-app/payments"
)

// someSubscription is a subscription whose fields are all set.
func someSubscription(stripeID, userID string) payments.Subscription {
	return payments.Subscription{
		ID: "psub_" + stripeID, StripeSubscriptionID: stripeID, StripeCustomerID: "cus_" + userID, UserID: userID,
		Plan: "pro", PlanVersion: payments.Version{Stage: 2, AsOf: at(-1), Growth: 3}, Unmapped: true,
		Price: "price_1", Quantity: math.MaxInt64, Status: payments.StatusPastDue,
		CurrentPeriodStart: pointer(at(1)), CurrentPeriodEnd: pointer(at(2)), CancelAtPeriodEnd: true,
		CancelAt: pointer(at(3)), CanceledAt: pointer(at(4)), EndedAt: pointer(at(5)),
		TrialStart: pointer(at(6)), TrialEnd: pointer(at(7)), PauseBehavior: "void", PauseResumesAt: pointer(at(8)),
		LatestInvoice: "in_1", UnpaidSince: pointer(at(9)),
		Version: payments.Version{Stage: 1, AsOf: at(-2), Growth: math.MinInt64}, CreatedAt: at(0), UpdatedAt: at(10),
	}
}

func checkSubscriptions(t *testing.T, s payments.Store) {
	putUser(t, s, "u")
	full := someSubscription("sub_b", "u")
	bare := payments.Subscription{
		ID: "psub_bare", StripeSubscriptionID: "sub_c", UserID: "u", Status: payments.StatusActive,
		Version: payments.Version{AsOf: at(0)}, CreatedAt: at(-5), UpdatedAt: at(0),
	}
	sameAge := someSubscription("sub_a", "u")
	update(t, s, func(ctx context.Context, tx payments.Tx) error {
		for _, x := range []payments.Subscription{full, bare, sameAge} {
			if err := tx.PutSubscription(ctx, x); err != nil {
				return err
			}
		}
		return nil
	})
	view(t, s, func(ctx context.Context, tx payments.Tx) error {
		got, err := tx.SubscriptionsOf(ctx, "u")
		equal(t, "a user's subscriptions by creation, then id", got, []payments.Subscription{bare, sameAge, full})
		if err != nil {
			return err
		}
		none, err := tx.SubscriptionsOf(ctx, "nobody")
		if len(none) != 0 {
			t.Errorf("nobody has %d subscriptions", len(none))
		}
		return err
	})
	for range 2 { // the connection is as good as new after it
		standing, err := s.Standing(t.Context(), "u")
		equal(t, "a user's standing", standing, payments.Standing{Subscriptions: []payments.Subscription{bare, sameAge, full}, Grants: []payments.Grant{}})
		if err != nil {
			t.Fatal(err)
		}
	}
	// Another id for the same Stripe id: the first one stays.
	changed := bare
	changed.ID, changed.StripeSubscriptionID, changed.CreatedAt = "psub_other", "sub_b", at(0)
	update(t, s, func(ctx context.Context, tx payments.Tx) error { return tx.PutSubscription(ctx, changed) })
	changed.ID = full.ID
	view(t, s, func(ctx context.Context, tx payments.Tx) error {
		got, err := tx.Subscription(ctx, "sub_b")
		equal(t, "a changed subscription", got, changed)
		return err
	})
	// Our own id is unique too.
	thief := someSubscription("sub_z", "u")
	thief.ID = full.ID
	isKind(t, s.Update(t.Context(), func(tx payments.Tx) error { return tx.PutSubscription(t.Context(), thief) }), payments.ErrConflict)
	// Rows of one transaction come in any order, but a user there must be.
	update(t, s, func(ctx context.Context, tx payments.Tx) error {
		if err := tx.PutSubscription(ctx, someSubscription("sub_early", "new")); err != nil {
			return err
		}
		return tx.PutCustomer(ctx, someUser("new"))
	})
	if err := s.Update(t.Context(), func(tx payments.Tx) error {
		return tx.PutSubscription(t.Context(), someSubscription("sub_lost", "nobody"))
	}); err == nil {
		t.Error("a subscription of nobody was stored")
	}
}

// checkStandings: whoever asks at the same time, each gets what is the user's.
func checkStandings(t *testing.T, s payments.Store) {
	const users = 20
	want := map[string]payments.Standing{"nobody": {Subscriptions: []payments.Subscription{}, Grants: []payments.Grant{}}}
	update(t, s, func(ctx context.Context, tx payments.Tx) error {
		for i := range users {
			id := fmt.Sprintf("u-%d", i)
			first, second := someSubscription("sub_a-"+id, id), someSubscription("sub_b-"+id, id)
			want[id] = payments.Standing{Subscriptions: []payments.Subscription{first, second}, Grants: []payments.Grant{}}
			if err := tx.PutCustomer(ctx, someUser(id)); err != nil {
				return err
			}
			for _, subscription := range []payments.Subscription{second, first} {
				if err := tx.PutSubscription(ctx, subscription); err != nil {
					return err
				}
			}
		}
		return nil
	})
	var asked sync.WaitGroup
	for range 5 {
		for id, standing := range want {
			asked.Go(func() {
				got, err := s.Standing(t.Context(), id)
				if err != nil {
					t.Errorf("%s: %v", id, err)
				}
				equal(t, "the standing of "+id, got, standing)
			})
		}
		asked.Go(func() { // may be refused, and must not fail the others
			if got, err := s.Standing(t.Context(), "nul \x00"); err == nil && len(got.Subscriptions) > 0 {
				t.Errorf("a user that cannot be has %+v", got)
			}
		})
	}
	asked.Wait()
}

func checkUnmapped(t *testing.T, s payments.Store) {
	putUser(t, s, "u")
	var all []payments.Subscription
	update(t, s, func(ctx context.Context, tx payments.Tx) error {
		for _, id := range []string{"sub_3", "sub_1", "sub_2", "sub_mapped", "sub_ended"} {
			x := someSubscription(id, "u")
			x.Unmapped = id != "sub_mapped"
			if id == "sub_ended" {
				x.Status = payments.StatusCanceled
			}
			all = append(all, x)
			if err := tx.PutSubscription(ctx, x); err != nil {
				return err
			}
		}
		return nil
	})
	view(t, s, func(ctx context.Context, tx payments.Tx) error {
		got, err := tx.UnmappedSubscriptions(ctx, "", 2)
		equal(t, "the first page", got, []payments.Subscription{all[1], all[2]})
		if err != nil {
			return err
		}
		got, err = tx.UnmappedSubscriptions(ctx, "sub_2", 2)
		equal(t, "the second page", got, []payments.Subscription{all[0]})
		return err
	})
}

func someObject(kind payments.ObjectKind, id string) payments.StoredObject {
	return payments.StoredObject{
		Ref: payments.Ref{Kind: kind, ID: id}, UserID: "u",
		Version: payments.Version{Stage: 3, AsOf: at(1), Growth: 7}, Status: "open", Customer: "cus_1", Subscription: "sub_1",
		Invoice: "in_1", PaymentIntent: "pi_1", Charge: "ch_1", Data: []byte(`{"id": "x",  "spaces stay":1}`),
	}
}

func checkObjects(t *testing.T, s payments.Store) {
	intent := someObject(payments.KindPaymentIntent, "pi_1")
	charge := someObject(payments.KindCharge, "ch_1")
	refund := someObject(payments.KindRefund, "re_1")
	refund.Invoice = ""
	lone := payments.StoredObject{Ref: payments.Ref{Kind: payments.KindCustomer, ID: "cus_9"}, Data: []byte("{}")}
	objects := []payments.StoredObject{refund, intent, charge, lone}
	update(t, s, func(ctx context.Context, tx payments.Tx) error {
		for _, o := range objects {
			if err := tx.PutObject(ctx, o); err != nil {
				return err
			}
		}
		return nil
	})
	view(t, s, func(ctx context.Context, tx payments.Tx) error {
		got, err := tx.Object(ctx, "cus_9")
		equal(t, "an object with nothing known of it", got, lone)
		if err != nil {
			return err
		}
		if !got.AsOf.IsZero() {
			t.Errorf("no time at all came back as %v", got.AsOf)
		}
		for name, find := range map[string]func(context.Context, string) ([]payments.StoredObject, error){
			"pi_1": tx.ObjectsByPaymentIntent, "ch_1": tx.ObjectsByCharge,
		} {
			list, err := find(ctx, name)
			equal(t, "the objects of "+name, list, []payments.StoredObject{charge, intent, refund})
			if err != nil {
				return err
			}
			if list, err = find(ctx, ""); len(list) != 0 || err != nil {
				t.Errorf("objects without a link are found by none: %v, %v", list, err)
			}
		}
		list, err := tx.ObjectsByInvoice(ctx, "in_1")
		equal(t, "the objects of in_1", list, []payments.StoredObject{charge, intent})
		return err
	})
	intent.Status, intent.Growth, intent.AsOf, intent.Data = "succeeded", 8, at(5), []byte("{}")
	update(t, s, func(ctx context.Context, tx payments.Tx) error { return tx.PutObject(ctx, intent) })
	view(t, s, func(ctx context.Context, tx payments.Tx) error {
		got, err := tx.Object(ctx, "pi_1")
		equal(t, "a changed object", got, intent)
		return err
	})
}

func checkOpenInvoices(t *testing.T, s payments.Store) {
	open := someObject(payments.KindInvoice, "in_2")
	older := someObject(payments.KindInvoice, "in_1")
	paid := someObject(payments.KindInvoice, "in_3")
	paid.Status = "paid"
	other := someObject(payments.KindInvoice, "in_4")
	other.Subscription = "sub_2"
	link := someObject(payments.KindInvoicePayment, "inpay_1") // open too, and no invoice
	update(t, s, func(ctx context.Context, tx payments.Tx) error {
		for _, o := range []payments.StoredObject{open, older, paid, other, link} {
			if err := tx.PutObject(ctx, o); err != nil {
				return err
			}
		}
		return nil
	})
	view(t, s, func(ctx context.Context, tx payments.Tx) error {
		got, err := tx.OpenInvoices(ctx, "sub_1")
		equal(t, "the open invoices", got, []payments.StoredObject{older, open})
		return err
	})
}

func checkPayments(t *testing.T, s payments.Store) {
	putUser(t, s, "u")
	full := payments.Payment{
		ID: "ppay_1", StripePaymentIntentID: "pi_1", StripeChargeID: "ch_1", UserID: "u",
		StripeSubscriptionID: "sub_1", StripeInvoiceID: "in_1", Amount: math.MaxInt64, AmountRefunded: 5, Currency: "eur",
		Status: payments.PaymentPartiallyRefunded, FailureCode: "card_declined", DeclineCode: "generic_decline",
		Description: "für Zoë", Metadata: map[string]string{"order": "7", "nul": "a\x00b", "": "empty"},
		CreatedAt: at(1), UpdatedAt: at(2),
	}
	bare := payments.Payment{ID: "ppay_2", StripePaymentIntentID: "pi_2", UserID: "u", Status: payments.PaymentPending, CreatedAt: at(0), UpdatedAt: at(0)}
	bare3 := payments.Payment{ID: "ppay_3", StripePaymentIntentID: "pi_3", UserID: "u", Status: payments.PaymentPending, CreatedAt: at(0), UpdatedAt: at(0)}
	update(t, s, func(ctx context.Context, tx payments.Tx) error {
		for _, p := range []payments.Payment{full, bare, bare3} { // two without a charge do not collide
			if err := tx.PutPayment(ctx, p); err != nil {
				return err
			}
		}
		return nil
	})
	view(t, s, func(ctx context.Context, tx payments.Tx) error {
		got, err := tx.Payment(ctx, "pi_1")
		equal(t, "a payment with all fields", got, full)
		if err != nil {
			return err
		}
		got, err = tx.Payment(ctx, "pi_2")
		equal(t, "a payment with no fields", got, bare)
		return err
	})
	changed := bare
	changed.ID, changed.StripeChargeID, changed.Status = "ppay_other", "ch_2", payments.PaymentSucceeded
	update(t, s, func(ctx context.Context, tx payments.Tx) error { return tx.PutPayment(ctx, changed) })
	changed.ID = bare.ID
	view(t, s, func(ctx context.Context, tx payments.Tx) error {
		got, err := tx.Payment(ctx, "pi_2")
		equal(t, "a changed payment", got, changed)
		return err
	})
	thief := changed
	thief.ID, thief.StripePaymentIntentID = "ppay_4", "pi_4"
	isKind(t, s.Update(t.Context(), func(tx payments.Tx) error { return tx.PutPayment(t.Context(), thief) }), payments.ErrConflict)
}

func checkBillingHistory(t *testing.T, s payments.Store) {
	putUser(t, s, "u")
	putUser(t, s, "other")
	entry := func(id string, created time.Time) payments.BillingEntry {
		return payments.BillingEntry{
			ID: "pbil_" + id, Kind: payments.BillingInvoice, Source: "in_" + id, UserID: "u", StripeSubscriptionID: "sub_1",
			StripePaymentIntentID: "pi_" + id, Amount: -999, Currency: "usd", Description: "Pro", Status: payments.BillingPaid,
			InvoiceURL: "https://example.com/" + id, InvoicePDF: "https://example.com/pdf", PeriodStart: pointer(at(1)),
			PeriodEnd: pointer(at(2)), CreatedAt: created, UpdatedAt: at(3),
		}
	}
	half := now.Truncate(time.Second) // a whole second sorts before its fractions
	oldest, a, b, newest := entry("z", half), entry("a", half.Add(time.Millisecond)), entry("b", half.Add(time.Millisecond)), entry("c", half.Add(20*time.Millisecond))
	refund := entry("z", half.Add(-time.Hour))
	refund.ID, refund.Kind, refund.PeriodStart, refund.PeriodEnd = "pbil_r", payments.BillingRefund, nil, nil
	foreign := entry("foreign", half)
	foreign.UserID = "other"
	update(t, s, func(ctx context.Context, tx payments.Tx) error {
		for _, e := range []payments.BillingEntry{b, oldest, newest, a, refund, foreign} {
			if err := tx.PutBillingEntry(ctx, e); err != nil {
				return err
			}
		}
		return nil
	})
	page := func(what string, offset, limit, count int, want []payments.BillingEntry) {
		t.Helper()
		view(t, s, func(ctx context.Context, tx payments.Tx) error {
			got, all, err := tx.BillingHistory(ctx, "u", offset, limit)
			equal(t, what, got, want)
			if all != count {
				t.Errorf("%s: %d entries in all, want %d", what, all, count)
			}
			return err
		})
	}
	page("newest first, then by id", 0, 10, 5, []payments.BillingEntry{newest, b, a, oldest, refund})
	page("the second page", 2, 2, 5, []payments.BillingEntry{a, oldest})
	page("past the end", 10, 2, 5, nil)
	view(t, s, func(ctx context.Context, tx payments.Tx) error {
		got, err := tx.BillingEntry(ctx, payments.BillingRefund, "in_z")
		equal(t, "one entry", got, refund)
		if err != nil {
			return err
		}
		_, err = tx.BillingEntry(ctx, payments.BillingRefund, "in_a")
		isKind(t, err, payments.ErrNotFound)
		return nil
	})
	changed := oldest
	changed.ID, changed.Status, changed.PeriodEnd = "pbil_new", payments.BillingVoid, nil
	update(t, s, func(ctx context.Context, tx payments.Tx) error {
		if err := tx.PutBillingEntry(ctx, changed); err != nil {
			return err
		}
		if err := tx.DeleteBillingEntry(ctx, payments.BillingRefund, "in_z"); err != nil {
			return err
		}
		return tx.DeleteBillingEntry(ctx, payments.BillingDispute, "none")
	})
	changed.ID = oldest.ID
	page("after a change and a deletion", 3, 10, 4, []payments.BillingEntry{changed})
}
