package storetest

import (
	"context"
	"testing"

	"github.com/numerai-app/payments"
)

func checkEventPoll(t *testing.T, s payments.Store) {
	view(t, s, func(ctx context.Context, tx payments.Tx) error {
		_, err := tx.EventPoll(ctx)
		isKind(t, err, payments.ErrNotFound)
		return nil
	})
	whole := payments.EventPoll{
		Runs: 3, Anchor: "evt_1", Head: "evt_2", HeadAt: at(1), Next: "evt_3", Reached: at(2), PolledAt: at(3),
		Reread: true, RereadAfter: "cus_1", OverdueAt: at(4),
	}
	for _, poll := range []payments.EventPoll{{}, whole, {Runs: 4}} {
		update(t, s, func(ctx context.Context, tx payments.Tx) error { return tx.PutEventPoll(ctx, poll) })
		view(t, s, func(ctx context.Context, tx payments.Tx) error {
			got, err := tx.EventPoll(ctx)
			equal(t, "the poll", got, poll)
			return err
		})
	}
}

func checkCustomerPages(t *testing.T, s payments.Store) {
	for _, id := range []string{"3", "1", "2"} {
		putUser(t, s, id)
	}
	update(t, s, func(ctx context.Context, tx payments.Tx) error {
		nobody := someUser("0")
		nobody.StripeCustomerID = ""
		return tx.PutCustomer(ctx, nobody)
	})
	view(t, s, func(ctx context.Context, tx payments.Tx) error {
		got, err := tx.CustomersAfter(ctx, "", 2)
		equal(t, "the first page", got, []payments.Customer{someUser("1"), someUser("2")})
		if err != nil {
			return err
		}
		got, err = tx.CustomersAfter(ctx, "cus_2", 2)
		equal(t, "the second page", got, []payments.Customer{someUser("3")})
		return err
	})
}

func checkOverdue(t *testing.T, s payments.Store) {
	putUser(t, s, "u")
	rows := map[string]payments.Subscription{}
	update(t, s, func(ctx context.Context, tx payments.Tx) error {
		for id, end := range map[string]int{"sub_1": 10, "sub_2": 5, "sub_3": 5, "sub_4": 20, "sub_ended": 1, "sub_paused": 1, "sub_none": 0} {
			x := someSubscription(id, "u")
			x.Status, x.CurrentPeriodEnd = payments.StatusActive, pointer(at(end))
			switch id {
			case "sub_ended":
				x.Status = payments.StatusCanceled
			case "sub_paused":
				x.Status = payments.StatusPaused
			case "sub_none":
				x.CurrentPeriodEnd = nil
			}
			rows[id] = x
			if err := tx.PutSubscription(ctx, x); err != nil {
				return err
			}
		}
		return nil
	})
	view(t, s, func(ctx context.Context, tx payments.Tx) error {
		got, err := tx.OverdueSubscriptions(ctx, at(20), payments.Subscription{}, 2)
		equal(t, "the first page", got, []payments.Subscription{rows["sub_2"], rows["sub_3"]})
		if err != nil {
			return err
		}
		got, err = tx.OverdueSubscriptions(ctx, at(20), rows["sub_2"], 9)
		equal(t, "after the first", got, []payments.Subscription{rows["sub_3"], rows["sub_1"]})
		return err
	})
}
