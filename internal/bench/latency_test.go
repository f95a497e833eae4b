package bench_test

import (
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/numerai-app/payments/internal/postgrestest"
)

// BenchmarkLatency sends webhooks at half of the rate that the server can take,
// evenly, and tells how long they take from when each was due to be sent.
func BenchmarkLatency(b *testing.B) {
	const connections = 64
	cluster := postgrestest.Durable(b)
	prepare(b, cluster.URL())
	events, server := newMaker(b, users), serve(b, cluster.URL())
	drive(b, server.Host, connections, events.requests(roundEvents)) // warms up
	took := drive(b, server.Host, connections, events.requests(roundEvents))
	pause := 2 * took / roundEvents
	waits := sendEvenly(b, server.Host, connections, pause, events.requests(roundEvents))
	slices.Sort(waits)
	milliseconds := func(percent int) float64 {
		return float64(waits[(len(waits)-1)*percent/100].Microseconds()) / 1000
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(float64(time.Second/pause), "events/s")
	b.ReportMetric(milliseconds(50), "p50-ms")
	b.ReportMetric(milliseconds(99), "p99-ms")
	b.ReportMetric(milliseconds(99)/milliseconds(50), "p99/p50")
}

// sendEvenly sends a request each time that a pause is over, over the first
// connection that is free, and returns how long each took from when it was due:
// what waits for a connection is late as well.
func sendEvenly(b *testing.B, host string, connections int, pause time.Duration, requests [][]byte) []time.Duration {
	b.Helper()
	began := time.Now()
	due := func(i int) time.Time { return began.Add(time.Duration(i) * pause) }
	next := make(chan int, len(requests))
	go func() {
		defer close(next)
		for i := range requests {
			<-time.After(time.Until(due(i)))
			next <- i
		}
	}()
	var mu sync.Mutex
	var waits []time.Duration
	done := make(chan error, connections)
	for range connections {
		go func() {
			current := -1
			done <- talk(b, host, func() []byte {
				if current >= 0 {
					mu.Lock()
					waits = append(waits, time.Since(due(current)))
					mu.Unlock()
				}
				var more bool
				if current, more = <-next; !more {
					return nil
				}
				return requests[current]
			})
		}()
	}
	for range connections {
		if err := <-done; err != nil {
			b.Fatal(err)
		}
	}
	return waits
}
