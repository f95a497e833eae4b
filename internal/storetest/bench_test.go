package storetest_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/numerai-app/payments"
	"github.com/numerai-app/payments/internal/store"
	"github.com/numerai-app/payments/internal/storetest"
)

// eventsPerUpdate is the size of a batch of events as they come in together.
const eventsPerUpdate = 8

// BenchmarkUpdate is the path of events through the database: a batch is
// stored, each one looked at and written to what it is about. The metric that
// counts is events/s.
func BenchmarkUpdate(b *testing.B) {
	eachBench(b, func(b *testing.B, s *store.Store) {
		for round := 0; b.Loop(); round++ {
			if err := s.Update(b.Context(), func(tx payments.Tx) error { return batch(b, tx, round) }); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(b.N*eventsPerUpdate)/b.Elapsed().Seconds(), "events/s")
	})
}

// BenchmarkView is the path of the question whether a user is premium, from
// many connections at once.
func BenchmarkView(b *testing.B) {
	eachBench(b, func(b *testing.B, s *store.Store) {
		if err := s.Update(b.Context(), func(tx payments.Tx) error { return batch(b, tx, 0) }); err != nil {
			b.Fatal(err)
		}
		b.SetParallelism(8)
		b.RunParallel(func(p *testing.PB) {
			for p.Next() {
				err := s.View(b.Context(), func(tx payments.Tx) error {
					if _, err := tx.SubscriptionsOf(b.Context(), "user 0 0"); err != nil {
						return err
					}
					_, err := tx.GrantsOf(b.Context(), "user 0 0")
					return err
				})
				if err != nil {
					b.Error(err)
				}
			}
		})
		b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "views/s")
	})
}

func eachBench(b *testing.B, run func(b *testing.B, s *store.Store)) {
	b.Run("sqlite", func(b *testing.B) { run(b, storetest.SQLite(b)) })
	b.Run("postgres", func(b *testing.B) { run(b, storetest.Postgres(b)) })
}

func batch(b *testing.B, tx payments.Tx, round int) error {
	ctx, now := b.Context(), time.Unix(1_800_000_000, 0)
	events := make([]payments.Event, eventsPerUpdate)
	for i := range events {
		id := fmt.Sprint(round, " ", i)
		events[i] = payments.Event{
			ID: "evt_" + id, Type: "customer.subscription.updated", ObjectKind: payments.KindSubscription, ObjectID: "sub_" + id,
			CustomerID: "cus_" + id, Created: now, ReceivedAt: now, Status: payments.EventProcessed, Source: payments.SourceWebhook,
			Payload: make([]byte, 4096),
		}
	}
	if _, err := tx.InsertEvents(ctx, events); err != nil {
		return err
	}
	for i := range events {
		if err := applyOne(b, tx, fmt.Sprint(round, " ", i), now); err != nil {
			return err
		}
	}
	return nil
}

func applyOne(b *testing.B, tx payments.Tx, id string, now time.Time) error {
	ctx := b.Context()
	if _, err := tx.CustomerByStripeID(ctx, "cus_"+id); err == nil {
		return fmt.Errorf("cus_%s is there", id)
	}
	if _, err := tx.Subscription(ctx, "sub_"+id); err == nil {
		return fmt.Errorf("sub_%s is there", id)
	}
	user := payments.Customer{User: payments.User{ID: "user " + id}, StripeCustomerID: "cus_" + id, CreatedAt: now, UpdatedAt: now}
	if err := tx.PutCustomer(ctx, user); err != nil {
		return err
	}
	subscription := payments.Subscription{
		ID: "psub_" + id, StripeSubscriptionID: "sub_" + id, UserID: "user " + id, Status: payments.StatusActive,
		Plan: "pro", Quantity: 1, Version: payments.Version{AsOf: now}, CreatedAt: now, UpdatedAt: now,
	}
	if err := tx.PutSubscription(ctx, subscription); err != nil {
		return err
	}
	if _, err := tx.SubscriptionsOf(ctx, "user "+id); err != nil {
		return err
	}
	if _, err := tx.GrantsOf(ctx, "user "+id); err != nil {
		return err
	}
	if err := tx.PutCustomer(ctx, user); err != nil {
		return err
	}
	if err := tx.InsertOutbound(ctx, payments.OutboundEvent{ID: "pevt_" + id, Type: "premium.changed", Data: []byte("{}"), CreatedAt: now}); err != nil {
		return err
	}
	return tx.PutEvent(ctx, payments.Event{ID: "evt_" + id, Status: payments.EventProcessed, Attempts: 1, ProcessedAt: &now, Source: payments.SourceWebhook})
}
