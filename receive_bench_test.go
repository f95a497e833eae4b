package payments_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/numerai-app/payments"
	"github.com/numerai-app/payments/internal/store"
	"github.com/numerai-app/payments/internal/storetest"
	"github.com/numerai-app/payments/internal/stripe"
)

// BenchmarkReceive measures the path of a webhook without HTTP: verify, store
// and apply in one durable transaction. Half of the events update a
// subscription, half are paid invoices; each is some 4 KB.
func BenchmarkReceive(b *testing.B) {
	engines := []struct {
		name string
		open func(testing.TB) *store.Store
	}{{"SQLite", storetest.SQLite}, {"PostgreSQL", storetest.Postgres}}
	for _, engine := range engines {
		for _, parallel := range []int{1, 16} {
			b.Run(fmt.Sprintf("%s/%d", engine.name, parallel), func(b *testing.B) {
				benchmarkReceive(b, []payments.Store{engine.open(b)}, parallel)
			})
		}
	}
}

// BenchmarkProcesses is BenchmarkReceive over several processes on one
// database, each with connections and batches of its own. What gets in each
// other's way is repeated; refused are the events that were answered 503.
func BenchmarkProcesses(b *testing.B) {
	for _, processes := range []int{1, 2, 4} {
		for _, parallel := range []int{16, 64} {
			b.Run(fmt.Sprintf("%dx%d", processes, parallel/processes), func(b *testing.B) {
				var stores []payments.Store
				for _, s := range storetest.Shared(b, storetest.Postgres(b), processes) {
					stores = append(stores, s)
				}
				benchmarkReceive(b, stores, parallel)
			})
		}
	}
}

func benchmarkReceive(b *testing.B, stores []payments.Store, parallel int) {
	client, err := stripe.New(stripe.Config{SecretKey: "sk_test_bench", WebhookSecrets: []string{webhookSecret}, APIBase: "http://127.0.0.1:1"})
	if err != nil {
		b.Fatal(err)
	}
	var services []*payments.Service
	for _, opened := range stores {
		service, err := payments.New(payments.Config{Store: opened, Stripe: client, Plans: rule(b, 0).Plans})
		if err != nil {
			b.Fatal(err)
		}
		services = append(services, service)
	}
	const users = 1000
	err = stores[0].Update(b.Context(), func(tx payments.Tx) error {
		for i := range users {
			customer := payments.Customer{User: payments.User{ID: fmt.Sprint(i)}, StripeCustomerID: fmt.Sprint("cus_", i), Plan: "free", CreatedAt: noon, UpdatedAt: noon}
			if err := tx.PutCustomer(b.Context(), customer); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		b.Fatal(err)
	}
	shapes := [2][]byte{}
	for i, file := range []string{"subscription", "invoice"} {
		if shapes[i], err = os.ReadFile("testdata/bench/" + file + ".json"); err != nil {
			b.Fatal(err)
		}
	}
	// The events are made and signed beside the work, so a little of that counts.
	next := make(chan [2]string, 1024)
	go func() {
		defer close(next)
		for i := range b.N {
			body := benchEvent(shapes[i%2], i, users)
			next <- [2]string{body, signed([]byte(body))}
		}
	}()
	b.ReportAllocs()
	b.ResetTimer()
	done := make(chan error, parallel)
	var refused atomic.Int64
	for i := range parallel {
		go func() {
			for event := range next {
				err := services[i%len(services)].ReceiveEvent(b.Context(), []byte(event[0]), event[1])
				switch {
				case errors.Is(err, payments.ErrUnavailable):
					refused.Add(1)
				case err != nil:
					done <- err
					return
				}
			}
			done <- nil
		}()
	}
	for range parallel {
		if err := <-done; err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
	b.ReportMetric(float64(refused.Load())/float64(b.N), "refused/event")
}

// benchEvent fills a shape in: {N} is the event's number, {U} the user's, {T}
// a time that only goes up.
func benchEvent(shape []byte, i, users int) string {
	at := fmt.Sprint(1_790_000_000 + i)
	replaced := strings.NewReplacer("{N}", fmt.Sprint(i), "{U}", fmt.Sprint(i/2%users), "{T}", at, "{E}", fmt.Sprint(1_790_000_000+i+30*int(24*time.Hour/time.Second)))
	return replaced.Replace(string(bytes.TrimSpace(shape)))
}
