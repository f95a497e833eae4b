package storetest

import (
	"context"
	"strconv"
	"testing"

	"github.com/numerai-app/payments"
)

func checkBacklog(t *testing.T, s payments.Store) {
	waits := func(what string, want payments.Backlog) {
		t.Helper()
		view(t, s, func(ctx context.Context, tx payments.Tx) error {
			got, err := tx.Backlog(ctx)
			equal(t, what, got, want)
			return err
		})
	}
	waits("of an empty store", payments.Backlog{})
	update(t, s, func(ctx context.Context, tx payments.Tx) error {
		statuses := []payments.EventStatus{
			payments.EventProcessed, payments.EventFailed, payments.EventPending, payments.EventPending, payments.EventIgnored,
		}
		for i, status := range statuses {
			event := someEvent("evt_" + strconv.Itoa(i))
			event.Status, event.ReceivedAt = status, at(i)
			if _, err := tx.InsertEvents(ctx, []payments.Event{event}); err != nil {
				return err
			}
		}
		if err := tx.PutEndpoint(ctx, someEndpoint("pep_1", 0)); err != nil {
			return err
		}
		for i, status := range []payments.DeliveryStatus{payments.DeliveryPending, payments.DeliveryDelivered, payments.DeliveryFailed} {
			if err := tx.PutDelivery(ctx, payments.Delivery{EndpointID: "pep_1", EventID: "pevt_" + strconv.Itoa(i), Status: status, CreatedAt: at(0)}); err != nil {
				return err
			}
		}
		if err := tx.PutCustomer(ctx, someUser("u")); err != nil {
			return err
		}
		for i, status := range []payments.SubscriptionStatus{payments.StatusActive, payments.StatusPastDue, payments.StatusCanceled} {
			unmapped := someSubscription("sub_"+strconv.Itoa(i), "u")
			unmapped.Status, unmapped.Unmapped = status, i != 1
			if err := tx.PutSubscription(ctx, unmapped); err != nil {
				return err
			}
		}
		wish := payments.Refresh{Ref: payments.Ref{Kind: payments.KindInvoice, ID: "in_1"}, Wishes: 1, DueAt: at(9)}
		return tx.PutRefresh(ctx, wish)
	})
	waits("of each kind", payments.Backlog{PendingEvents: 2, FailedEvents: 1, OldestPending: at(2), Reads: 1, Deliveries: 1, Unmapped: 1})
}
