package payments

import (
	"context"
	"fmt"
	"time"
)

const (
	// rereadBatches bounds the customers that one run asks for, of which each
	// takes several calls: news come first.
	rereadBatches = 3
	// overdueAfter is how long after its period a subscription is asked for,
	// and the time between two times. Stripe renews within an hour or so.
	overdueAfter = time.Hour
)

// rereadCustomers asks for the known customers, some in each run, where events
// may have been missed for good.
func (r *pollRun) rereadCustomers(ctx context.Context) error {
	for batch := 0; r.Reread && batch < rereadBatches; batch++ {
		var page []Customer
		err := r.store.Update(ctx, func(tx Tx) (err error) {
			if page, err = tx.CustomersAfter(ctx, r.RereadAfter, sweepBatch); err != nil {
				return err
			}
			for _, customer := range page {
				wish := Refresh{Ref: Ref{KindCustomer, customer.StripeCustomerID}, Reason: wishMissed}
				if err := r.wish(ctx, tx, wish, 0); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return fmt.Errorf("ask for the known customers: %w", err)
		}
		if r.Reread = len(page) == sweepBatch; r.Reread {
			r.RereadAfter = page[len(page)-1].StripeCustomerID
		}
	}
	return nil
}

// rereadOverdue asks once an hour for the subscriptions whose period ended
// more than an hour ago: news of what followed should have come.
func (r *pollRun) rereadOverdue(ctx context.Context) error {
	now := r.now()
	if now.Sub(r.OverdueAt) < overdueAfter {
		return nil
	}
	var after Subscription
	for range sweepBatches {
		var page []Subscription
		err := r.store.Update(ctx, func(tx Tx) (err error) {
			if page, err = tx.OverdueSubscriptions(ctx, now.Add(-overdueAfter), after, sweepBatch); err != nil {
				return err
			}
			for _, subscription := range page {
				wish := Refresh{Ref: Ref{KindSubscription, subscription.StripeSubscriptionID}, Reason: wishOverdue}
				if err := r.wish(ctx, tx, wish, 0); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return fmt.Errorf("ask for subscriptions whose period is over: %w", err)
		}
		if len(page) < sweepBatch {
			break
		}
		after = page[len(page)-1]
	}
	r.OverdueAt = now
	return nil
}
