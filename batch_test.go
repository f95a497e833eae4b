package payments_test

import (
	"fmt"
	"os"
	"sync"
	"testing"

	"github.com/numerai-app/payments"
	"github.com/numerai-app/payments/internal/storetest"
)

// TestPoisonInABatch sends many events at once, each twice, and one in ten of
// them cannot be applied, since what is stored of its invoice is damaged.
func TestPoisonInABatch(t *testing.T) {
	t.Parallel()
	shape, err := os.ReadFile("testdata/bench/invoice.json")
	if err != nil {
		t.Fatal(err)
	}
	const events = 100
	storetest.Each(t, func(t *testing.T, store payments.Store) {
		service := recordedService(t, store)
		err := store.Update(t.Context(), func(tx payments.Tx) error {
			for i := range events {
				customer := payments.Customer{User: payments.User{ID: fmt.Sprint(i)}, StripeCustomerID: fmt.Sprint("cus_", i), Plan: "free", CreatedAt: noon, UpdatedAt: noon}
				if err := tx.PutCustomer(t.Context(), customer); err != nil {
					return err
				}
				if i%10 > 0 {
					continue
				}
				damaged := payments.StoredObject{Ref: payments.Ref{Kind: payments.KindInvoice, ID: fmt.Sprint("in_", 2*i)}, UserID: customer.ID, Data: []byte("{")}
				if err := tx.PutObject(t.Context(), damaged); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		var sent sync.WaitGroup
		for i := range 2 * events {
			sent.Go(func() {
				body := benchEvent(shape, 2*(i%events), events)
				if err := service.ReceiveEvent(t.Context(), []byte(body), signed([]byte(body))); err != nil {
					t.Errorf("event %d: %v", i%events, err)
				}
			})
		}
		sent.Wait()
		for status, want := range map[payments.EventStatus]int{payments.EventProcessed: events - events/10, payments.EventPending: events / 10} {
			found, err := service.Events(t.Context(), payments.EventFilter{Status: status, Limit: 2 * events})
			if err != nil {
				t.Fatal(err)
			}
			if len(found) != want {
				t.Errorf("%d events are %s, want %d", len(found), status, want)
			}
			for _, event := range found {
				if (status == payments.EventPending) != (event.Error != "") {
					t.Errorf("%s is %s with the error %q", event.ID, status, event.Error)
				}
			}
		}
		for i := range events {
			entries, err := service.BillingHistory(t.Context(), payments.BillingHistoryParams{UserID: fmt.Sprint(i)})
			if want := min(i%10, 1); err != nil || entries.Count != want {
				t.Errorf("user %d has %d entries, want %d: %v", i, entries.Count, want, err)
			}
		}
	})
}
