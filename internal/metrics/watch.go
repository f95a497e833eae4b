package metrics

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/numerai-app/payments"
)

// Source is what is looked at when a scrape asks. *payments.Service is one.
type Source interface {
	// Backlog says what waits in the database.
	Backlog(ctx context.Context) (payments.Backlog, error)
	// Freshness says how far Stripe's list of events was read.
	Freshness(ctx context.Context) (payments.Freshness, error)
	// IntakeLoad says what waits in the process.
	IntakeLoad() payments.IntakeLoad
}

// lookTime bounds what a scrape asks of the database.
const lookTime = 2 * time.Second

// watcher looks at what waits whenever somebody scrapes.
type watcher struct {
	source  Source
	now     func() time.Time
	waiting func() int // calls of Stripe that wait for their turn

	failures prometheus.Counter
}

var (
	describeIntakeEvents = describe("payments_intake_events", "Events that wait in this process to be written.")
	describeIntakeBytes  = describe("payments_intake_bytes", "Size of the events that wait in this process to be written.")
	describeWaitingCalls = describe("payments_stripe_calls_waiting", "Calls to Stripe that this process holds back to keep to its rate.")
	describeUnsettled    = describe("payments_events_unsettled", "Events in the database that are pending or have failed; 10000 means that many or more.", "status")
	describeOldest       = describe("payments_events_oldest_pending_age_seconds", "How long the oldest pending event in the database has waited; 0: none does.")
	describeReads        = describe("payments_stripe_reads_waiting", "Objects that are to be read from Stripe; 10000 means that many or more.")
	describeDeliveries   = describe("payments_outbound_deliveries_waiting", "Outbound events on their way to an endpoint; 10000 means that many or more.")
	describeUnmapped     = describe("payments_subscriptions_unmapped", "Live subscriptions whose price no plan names; 10000 means that many or more.")
	describePolled       = describe("payments_poll_completed_timestamp_seconds", "When Stripe's list of events was last read to its end; 0: never.")
	describeReached      = describe("payments_poll_reached_timestamp_seconds", "When the newest event that a poll has seen was made, by Stripe's clock; 0: there was none.")
)

func describe(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc(name, help, labels, nil)
}

// Watch shows what waits in the service, and how many calls wait for their turn
// at Stripe. It is called once.
func (m *Metrics) Watch(source Source, waitingCalls func() int) {
	m.registry.MustRegister(&watcher{
		source: source, now: m.now, waiting: waitingCalls,
		failures: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "payments_scrape_failures_total", Help: "Scrapes at which the database did not say in time what waits.",
		}),
	})
}

// Describe implements [prometheus.Collector].
func (w *watcher) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		describeIntakeEvents, describeIntakeBytes, describeWaitingCalls, describeUnsettled, describeOldest,
		describeReads, describeDeliveries, describeUnmapped, describePolled, describeReached,
	} {
		to <- d
	}
	w.failures.Describe(to)
}

// Collect implements [prometheus.Collector]. What the database does not say in
// time is left out.
func (w *watcher) Collect(to chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, value float64, labels ...string) {
		to <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value, labels...)
	}
	load := w.source.IntakeLoad()
	gauge(describeIntakeEvents, float64(load.Events))
	gauge(describeIntakeBytes, float64(load.Bytes))
	gauge(describeWaitingCalls, float64(w.waiting()))
	defer w.failures.Collect(to)
	ctx, cancel := context.WithTimeout(context.Background(), lookTime)
	defer cancel()
	backlog, err := w.source.Backlog(ctx)
	if err != nil {
		w.failures.Inc()
		return
	}
	known, err := w.source.Freshness(ctx)
	if err != nil {
		w.failures.Inc()
		return
	}
	gauge(describeUnsettled, float64(backlog.PendingEvents), string(payments.EventPending))
	gauge(describeUnsettled, float64(backlog.FailedEvents), string(payments.EventFailed))
	gauge(describeOldest, w.ageOf(backlog.OldestPending).Seconds())
	gauge(describeReads, float64(backlog.Reads))
	gauge(describeDeliveries, float64(backlog.Deliveries))
	gauge(describeUnmapped, float64(backlog.Unmapped))
	gauge(describePolled, orZero(known.PolledAt))
	gauge(describeReached, orZero(known.Reached))
}

func (w *watcher) ageOf(t time.Time) time.Duration {
	if t.IsZero() {
		return 0
	}
	return max(w.now().Sub(t), 0)
}

// orZero is a time in seconds; 0 where there is none.
func orZero(t time.Time) float64 {
	if t.IsZero() {
		return 0
	}
	return seconds(t)
}
