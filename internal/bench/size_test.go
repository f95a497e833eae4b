package bench_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/numerai-app/payments/internal/postgrestest"
)

// BenchmarkMemory tells what the server has in memory after many events of many
// users: PAYMENTS_BENCH_EVENTS of them, of a tenth as many users; 100,000
// unless it says otherwise.
func BenchmarkMemory(b *testing.B) {
	const connections, chunk = 16, 10_000
	total := 100_000
	if text := os.Getenv("PAYMENTS_BENCH_EVENTS"); text != "" {
		if total = number(text); total < chunk {
			b.Fatalf("PAYMENTS_BENCH_EVENTS is a number from %d, not %q", chunk, text)
		}
	}
	cluster := postgrestest.Durable(b)
	prepareUsers(b, cluster.URL(), total/10)
	events, server := newMaker(b, total/10), serve(b, cluster.URL())
	var took time.Duration
	for range total / chunk {
		took += drive(b, server.Host, connections, events.requests(chunk))
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(float64(total), "events")
	b.ReportMetric(float64(total)/took.Seconds(), "events/s")
	b.ReportMetric(float64(residentMemory(b, server.Pid()))/(1<<20), "MiB")
}

// BenchmarkStart tells how long it takes from the start of the program until it
// accepts requests, on a schema that is current.
func BenchmarkStart(b *testing.B) {
	for name, database := range map[string]func() string{
		"SQLite":     func() string { return "sqlite:" + filepath.Join(b.TempDir(), "payments.db") },
		"PostgreSQL": func() string { return postgrestest.Durable(b).URL() },
	} {
		b.Run(name, func(b *testing.B) {
			url := database()
			prepare(b, url)
			var times []float64
			for b.Loop() {
				server := serve(b, url)
				times = append(times, float64(server.Started.Milliseconds()))
				server.Stop()
			}
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(median(times), "ms")
		})
	}
}

// fill puts that many rows into each table that an event leads to. The keys are
// in no order, so that all of each index is in use.
const fill = `
	INSERT INTO users (id, email, name, stripe_customer_id, test_clock, is_premium, plan, created_at, updated_at)
	SELECT 'u' || md5(n::text), '', '', 'cus_' || md5(n::text), '', true, 'premium', now(), now() FROM generate_series(1, %[1]d) n;
	INSERT INTO subscriptions (id, stripe_subscription_id, stripe_customer_id, user_id, plan, plan_stage, plan_growth, unmapped, price, quantity,
		status, current_period_end, cancel_at_period_end, pause_behavior, latest_invoice, stage, as_of, growth, created_at, updated_at)
	SELECT 's' || md5(n::text), 'sub_' || md5(n::text), 'cus_' || md5(n::text), 'u' || md5(n::text), 'premium', 0, 0, false, 'price_premium', 1,
		'active', now() + interval '1 month', false, '', '', 0, now(), 0, now(), now() FROM generate_series(1, %[1]d) n;
	INSERT INTO stripe_objects (id, kind, user_id, stage, as_of, growth, status, customer, subscription, invoice, payment_intent, charge, data)
	SELECT 'in_' || md5(n::text), 'invoice', 'u' || md5(n::text), 4, now(), 0, 'paid', 'cus_' || md5(n::text), 'sub_' || md5(n::text),
		'', 'pi_' || md5(n::text), 'ch_' || md5(n::text), '{}' FROM generate_series(1, %[1]d) n;
	INSERT INTO billing_history (id, kind, source, user_id, stripe_subscription_id, stripe_payment_intent_id, amount, currency, description, status,
		invoice_url, invoice_pdf, created_at, updated_at)
	SELECT 'b' || md5(n::text), 'invoice', 'in_' || md5(n::text), 'u' || md5(n::text), 'sub_' || md5(n::text), 'pi_' || md5(n::text), 1999, 'usd', '', 'paid',
		'', '', now(), now() FROM generate_series(1, %[1]d) n;
	INSERT INTO webhook_events (id, type, api_version, livemode, account, object_kind, object_id, customer_id, created, received_at, status, reason,
		attempts, error, processed_at, source, waits_for)
	SELECT 'evt_' || md5(n::text), 'invoice.paid', '', false, '', 'invoice', 'in_' || md5(n::text), 'cus_' || md5(n::text), now(), now(), 'processed', '',
		1, '', now(), 'webhook', '' FROM generate_series(1, %[1]d) n;
	INSERT INTO webhook_payloads (event_id, received_at, payload)
	SELECT 'evt_' || md5(n::text), now(), '{}' FROM generate_series(1, %[1]d) n;`

// BenchmarkGrowth tells what an event costs, in time of the processors, as the
// tables grow.
func BenchmarkGrowth(b *testing.B) {
	const connections = 16
	for _, rows := range []int{10_000, 100_000, 1_000_000} {
		b.Run(strconv.Itoa(rows), func(b *testing.B) {
			cluster := postgrestest.Durable(b)
			prepare(b, cluster.URL())
			conn, err := pgx.Connect(b.Context(), cluster.URL())
			if err != nil {
				b.Fatal(err)
			}
			defer conn.Close(b.Context())
			for _, statement := range []string{fmt.Sprintf(fill, rows), "VACUUM ANALYZE", "CHECKPOINT"} {
				if _, err := conn.Exec(b.Context(), statement); err != nil {
					b.Fatal(err)
				}
			}
			events, server := newMaker(b, users), serve(b, cluster.URL())
			alone(b, sides{
				requests: roundEvents,
				server:   func() time.Duration { return drive(b, server.Host, connections, events.requests(roundEvents)) },
				pids:     []int{os.Getpid(), server.Pid()}, database: cluster.Pid(b),
			})
		})
	}
}
