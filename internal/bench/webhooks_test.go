package bench_test

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/numerai-app/payments"
	"github.com/numerai-app/payments/internal/postgrestest"
	"github.com/numerai-app/payments/internal/store"
)

// The size of a measurement: the events of one round, and how many rounds each
// side has, in turns. What is reported is the median.
const (
	roundEvents = 8000
	rounds      = 3
	users       = 1000
)

// BenchmarkWebhooksPostgreSQL sends webhooks to the server, each stored and
// applied before it is answered, and compares with pgbench on the same cluster.
func BenchmarkWebhooksPostgreSQL(b *testing.B) {
	for _, connections := range []int{1, 16, 64} {
		b.Run(strconv.Itoa(connections), func(b *testing.B) {
			cluster := postgrestest.Durable(b)
			prepare(b, cluster.URL())
			events := newMaker(b, users)
			beside := newPgbench(b, cluster, events.body())
			server := serve(b, cluster.URL())
			compare(b, sides{
				requests: roundEvents,
				server:   func() time.Duration { return drive(b, server.Host, connections, events.requests(roundEvents)) },
				other:    func() float64 { return beside.run(b, connections, roundEvents) },
				pids:     []int{os.Getpid(), server.Pid()}, database: cluster.Pid(b),
			})
		})
	}
}

// sides are what is compared.
type sides struct {
	requests int                  // how many the server gets in a round
	server   func() time.Duration // sends them
	other    func() float64       // the rate of the other side, per second
	pids     []int                // of the load and the server
	database int                  // the process that started those of the database; 0: none
}

// compare measures both sides in turns.
func compare(b *testing.B, s sides) {
	b.Helper()
	var others, ratios []float64
	s.measure(b, func(rate float64) {
		others = append(others, s.other())
		ratios = append(ratios, rate/others[len(others)-1])
	})
	b.ReportMetric(median(others), "other/s")
	b.ReportMetric(median(ratios), "ratio")
}

// alone measures the server only.
func alone(b *testing.B, s sides) {
	b.Helper()
	s.measure(b, func(float64) {})
}

// measure has the server warm up and then work for some rounds, and tells each
// rate.
func (s sides) measure(b *testing.B, measured func(rate float64)) {
	b.Helper()
	s.server()
	var rates []float64
	var spent [3]time.Duration
	for range rounds {
		before := s.spent(b)
		took := s.server()
		for i, after := range s.spent(b) {
			spent[i] += after - before[i]
		}
		rates = append(rates, float64(s.requests)/took.Seconds())
		measured(rates[len(rates)-1])
	}
	b.ReportMetric(0, "ns/op") // says nothing here
	b.ReportMetric(median(rates), "requests/s")
	for i, name := range []string{"driver-µs/request", "server-µs/request", "database-µs/request"} {
		b.ReportMetric(float64(spent[i].Microseconds())/float64(rounds*s.requests), name)
	}
}

func (s sides) spent(b *testing.B) (spent [3]time.Duration) {
	b.Helper()
	for i, pid := range s.pids {
		spent[i] = processorTime(b, pid, false)
	}
	if s.database != 0 {
		spent[2] = processorTime(b, s.database, true)
	}
	return spent
}

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[len(sorted)/2]
}

// prepare brings a database to the schema and to the state of one in use: its
// users are known, and Stripe's events were polled a moment ago.
func prepare(b *testing.B, database string) {
	b.Helper()
	prepareUsers(b, database, users)
}

func prepareUsers(b *testing.B, database string, users int) {
	b.Helper()
	s, err := store.Open(b.Context(), database, store.Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	if err := s.Migrate(b.Context()); err != nil {
		b.Fatal(err)
	}
	now := time.Now().UTC()
	err = s.Update(b.Context(), func(tx payments.Tx) error {
		for i := range users {
			err := tx.PutCustomer(b.Context(), payments.Customer{
				User: payments.User{ID: fmt.Sprint(i)}, StripeCustomerID: fmt.Sprint("cus_", i), Plan: "free", CreatedAt: now, UpdatedAt: now,
			})
			if err != nil {
				return err
			}
		}
		return tx.PutEventPoll(b.Context(), payments.EventPoll{Runs: 1, HeadAt: now, Reached: now, PolledAt: now, OverdueAt: now})
	})
	if err != nil {
		b.Fatal(err)
	}
}
