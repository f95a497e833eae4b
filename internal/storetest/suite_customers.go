package storetest

import (
	"context"
	"testing"
	"time"

	"github.com/numerai-app/payments"
)

func checkCustomers(t *testing.T, s payments.Store) {
	full := someUser("42")
	bare := payments.Customer{User: payments.User{ID: "bare"}, Plan: "free", CreatedAt: at(0), UpdatedAt: at(0)}
	bare2 := payments.Customer{User: payments.User{ID: "bare too"}, Plan: "free", CreatedAt: at(0), UpdatedAt: at(0)}
	update(t, s, func(ctx context.Context, tx payments.Tx) error {
		for _, c := range []payments.Customer{full, bare, bare2} { // two without a Stripe customer do not collide
			if err := tx.PutCustomer(ctx, c); err != nil {
				return err
			}
		}
		return nil
	})
	changed := full
	changed.Plan, changed.IsPremium, changed.PremiumUntil, changed.RecheckAt, changed.TestClock = "free", false, nil, nil, ""
	changed.UpdatedAt = at(99)
	view(t, s, func(ctx context.Context, tx payments.Tx) error {
		got, err := tx.Customer(ctx, "42")
		equal(t, "a user with all fields", got, full)
		if zone := got.CreatedAt.Location(); zone != time.UTC {
			t.Errorf("a time is read in %s, want UTC", zone)
		}
		if zone := got.PremiumUntil.Location(); zone != time.UTC {
			t.Errorf("an optional time is read in %s, want UTC", zone)
		}
		if err != nil {
			return err
		}
		if got, err = tx.Customer(ctx, "bare"); err != nil {
			return err
		}
		equal(t, "a user with no fields", got, bare)
		got, err = tx.CustomerByStripeID(ctx, "cus_42")
		equal(t, "a user by customer", got, full)
		return err
	})
	update(t, s, func(ctx context.Context, tx payments.Tx) error { return tx.PutCustomer(ctx, changed) })
	view(t, s, func(ctx context.Context, tx payments.Tx) error {
		got, err := tx.Customer(ctx, "42")
		equal(t, "a changed user", got, changed)
		return err
	})
}

func checkCustomerConflict(t *testing.T, s payments.Store) {
	putUser(t, s, "a")
	thief := someUser("b")
	thief.StripeCustomerID = "cus_a"
	err := s.Update(t.Context(), func(tx payments.Tx) error { return tx.PutCustomer(t.Context(), thief) })
	isKind(t, err, payments.ErrConflict)
	view(t, s, func(ctx context.Context, tx payments.Tx) error {
		_, err := tx.Customer(ctx, "b")
		isKind(t, err, payments.ErrNotFound)
		return nil
	})
}

func checkRechecks(t *testing.T, s payments.Store) {
	update(t, s, func(ctx context.Context, tx payments.Tx) error {
		for id, recheck := range map[string]*time.Time{"late": pointer(at(3)), "due": pointer(at(2)), "early": pointer(at(-9)), "never": nil} {
			c := someUser(id)
			c.RecheckAt = recheck
			if err := tx.PutCustomer(ctx, c); err != nil {
				return err
			}
		}
		return nil
	})
	view(t, s, func(ctx context.Context, tx payments.Tx) error {
		got, err := tx.DueRechecks(ctx, at(2), 10)
		equal(t, "the users due", got, []string{"early", "due"})
		if err != nil {
			return err
		}
		got, err = tx.DueRechecks(ctx, at(2), 1)
		equal(t, "one user due", got, []string{"early"})
		return err
	})
}

func checkKeys(t *testing.T, s payments.Store) {
	first := payments.Key{ID: "pkey_2", Role: payments.RoleAdmin, Name: "ops", Hash: "aa", CreatedAt: at(0)}
	second := payments.Key{ID: "pkey_1", Role: payments.RoleService, Hash: "bb", CreatedAt: at(1), RevokedAt: pointer(at(5))}
	update(t, s, func(ctx context.Context, tx payments.Tx) error {
		if err := tx.PutKey(ctx, second); err != nil {
			return err
		}
		return tx.PutKey(ctx, first)
	})
	first.RevokedAt = pointer(at(9))
	update(t, s, func(ctx context.Context, tx payments.Tx) error { return tx.PutKey(ctx, first) })
	view(t, s, func(ctx context.Context, tx payments.Tx) error {
		got, err := tx.Keys(ctx)
		equal(t, "the keys", got, []payments.Key{first, second})
		if err != nil {
			return err
		}
		key, err := tx.KeyByHash(ctx, "bb")
		equal(t, "a key by hash", key, second)
		return err
	})
	copied := payments.Key{ID: "pkey_3", Role: payments.RoleAdmin, Hash: "aa", CreatedAt: at(2)}
	isKind(t, s.Update(t.Context(), func(tx payments.Tx) error { return tx.PutKey(t.Context(), copied) }), payments.ErrConflict)
}
