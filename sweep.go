package payments

import (
	"context"
	"errors"
	"fmt"
	"time"
)

const (
	// sweepBatch is how many rows one transaction of a sweep takes.
	sweepBatch = 100
	// sweepBatches bounds a sweep; the next one goes on.
	sweepBatches = 100
	// operationRetention is how long an answer is kept for its idempotency
	// key. Stripe keeps its own as long.
	operationRetention = 24 * time.Hour
)

// sweep does what time alone makes necessary.
func (s *Service) sweep(ctx context.Context) error {
	return errors.Join(
		s.inBatches(ctx, s.queueDueRefreshes),
		s.inBatches(ctx, s.recheckPremium),
		s.inBatches(ctx, func(ctx context.Context, tx Tx) (int, error) {
			return tx.DeleteOperations(ctx, s.now().Add(-operationRetention), sweepBatch)
		}),
	)
}

// inBatches runs step in a transaction each until it has nothing left to do.
func (s *Service) inBatches(ctx context.Context, step func(context.Context, Tx) (int, error)) error {
	for range sweepBatches {
		done := 0
		err := s.store.Update(ctx, func(tx Tx) (err error) {
			done, err = step(ctx, tx)
			return err
		})
		if err != nil {
			return fmt.Errorf("sweep: %w", err)
		}
		if done < sweepBatch {
			return nil
		}
	}
	return nil
}

// queueDueRefreshes asks for the reads whose patience is over.
func (s *Service) queueDueRefreshes(ctx context.Context, tx Tx) (int, error) {
	due, err := tx.DueRefreshes(ctx, s.now(), sweepBatch)
	if err != nil {
		return 0, err
	}
	for _, wish := range due {
		if err := s.queue(ctx, tx, wish); err != nil {
			return 0, err
		}
	}
	return len(due), nil
}

// recheckPremium applies the premium rule where time alone changed its answer.
func (s *Service) recheckPremium(ctx context.Context, tx Tx) (int, error) {
	users, err := tx.DueRechecks(ctx, s.now(), sweepBatch)
	if err != nil {
		return 0, err
	}
	for _, userID := range users {
		if err := s.settlePremium(ctx, tx, userID); err != nil {
			return 0, err
		}
	}
	return len(users), nil
}

// AdoptPlans asks for the subscriptions whose price no plan named, and now one
// does. It is called when a process starts, since only then plans change.
func (s *Service) AdoptPlans(ctx context.Context) error {
	after := ""
	for {
		var page []Subscription
		err := s.store.Update(ctx, func(tx Tx) (err error) {
			if page, err = tx.UnmappedSubscriptions(ctx, after, sweepBatch); err != nil {
				return err
			}
			for _, subscription := range page {
				if _, ok := s.rule.Plans.ByPrice(subscription.Price); !ok {
					continue
				}
				wish := Refresh{Ref: Ref{KindSubscription, subscription.StripeSubscriptionID}, Reason: wishMapped}
				if err := s.wish(ctx, tx, wish, 0); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return fmt.Errorf("look for subscriptions whose price has a plan now: %w", err)
		}
		if len(page) < sweepBatch {
			return nil
		}
		after = page[len(page)-1].StripeSubscriptionID
	}
}
