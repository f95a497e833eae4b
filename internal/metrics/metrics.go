// Package metrics counts what the service does, for Prometheus.
//
// [Metrics] is a payments.Observer, and takes what the API and the way to
// Stripe tell of each request and call. What waits is looked up at each scrape,
// in the process and in the database ([Metrics.Watch]).
//
// Labels have few values each: types of events that are not used count as
// "other", paths as what they are patterns of, and no id is ever one.
package metrics

import (
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/numerai-app/payments"
)

// Config is what the metrics are told of the program.
type Config struct {
	// EventTypes are those types of Stripe's events that are told apart.
	EventTypes []string
	// Version, Commit and StripeAPIVersion say what runs.
	Version, Commit, StripeAPIVersion string
	// Now is the clock of the service's records. Default: time.Now.
	Now func() time.Time
}

// Metrics are those of one process. Make them with [New].
type Metrics struct {
	registry *prometheus.Registry
	now      func() time.Time
	types    map[string]bool

	received, repeated, handled *prometheus.CounterVec
	lag                         *prometheus.HistogramVec
	lastWebhook                 prometheus.Gauge
	batchEvents                 prometheus.Histogram
	batchDuration               *prometheus.HistogramVec
	reads, deliveries           *prometheus.CounterVec
	jobs, requests, calls       *prometheus.HistogramVec
}

var _ payments.Observer = (*Metrics)(nil)

// The bounds of the histograms. Stripe's time has whole seconds, and a poll
// after an outage may find what is days old.
var (
	lagBounds      = []float64{1, 2, 3, 5, 10, 30, 60, 300, 1800, 3600, 6 * 3600, 24 * 3600, 3 * 24 * 3600}
	batchBounds    = []float64{1, 2, 4, 8, 16, 32, 64}
	durationBounds = []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60}
)

// New makes metrics that say zero.
func New(c Config) *Metrics {
	m := &Metrics{registry: prometheus.NewRegistry(), now: c.Now, types: map[string]bool{}}
	if m.now == nil {
		m.now = time.Now
	}
	for _, kind := range c.EventTypes {
		m.types[kind] = true
	}
	m.countEvents()
	m.countWork()
	m.registry.MustRegister(
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "payments_build_info", Help: "Always 1; the labels say what runs.",
			ConstLabels: prometheus.Labels{"version": c.Version, "commit": c.Commit, "stripe_api_version": c.StripeAPIVersion},
		}, func() float64 { return 1 }),
	)
	return m
}

func (m *Metrics) countEvents() {
	m.received = m.counter("payments_events_received_total",
		"Events of Stripe's that came, also those that were stored before.", "source", "type")
	m.repeated = m.counter("payments_events_duplicate_total",
		"Events that came and had been stored before.", "source")
	m.handled = m.counter("payments_events_handled_total",
		"What became of events: applied, stale, refreshed, ignored, failed, or deferred, which are handled again.", "source", "type", "outcome")
	m.lag = m.histogram("payments_event_lag_seconds",
		"Time from when Stripe made an event, in whole seconds, until it was on disk here.", lagBounds, "source")
	m.lastWebhook = prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "payments_webhook_last_timestamp_seconds", Help: "When a webhook last brought an event to this process; 0: not yet.",
	})
	m.batchEvents = prometheus.NewHistogram(prometheus.HistogramOpts{
		Name: "payments_batch_events", Help: "Events that were written in one transaction.", Buckets: batchBounds,
	})
	m.registry.MustRegister(m.lastWebhook, m.batchEvents)
	m.batchDuration = m.histogram("payments_batch_duration_seconds",
		"Time that a transaction of events took, its repetitions included.", durationBounds, "result")
}

func (m *Metrics) countWork() {
	m.reads = m.counter("payments_stripe_reads_total",
		"Objects read from Stripe because no event could say what is true, by what for.", "reason", "result")
	m.deliveries = m.counter("payments_outbound_attempts_total",
		"Attempts to bring an outbound event to an endpoint.", "result")
	m.jobs = m.histogram("payments_job_duration_seconds",
		"Time that jobs took.", durationBounds, "kind", "result")
	m.requests = m.histogram("payments_http_request_duration_seconds",
		"Time until a request was answered.", durationBounds, "route", "method", "status")
	m.calls = m.histogram("payments_stripe_call_duration_seconds",
		"Time that each try of a call to Stripe took.", durationBounds, "resource", "method", "status")
}

func (m *Metrics) counter(name, help string, labels ...string) *prometheus.CounterVec {
	counter := prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
	m.registry.MustRegister(counter)
	return counter
}

func (m *Metrics) histogram(name, help string, bounds []float64, labels ...string) *prometheus.HistogramVec {
	histogram := prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: name, Help: help, Buckets: bounds}, labels)
	m.registry.MustRegister(histogram)
	return histogram
}

// maxScrapes is how many scrapes are answered at a time: each looks into the
// database.
const maxScrapes = 2

// Handler answers scrapes. A metric that cannot be found out is left out, the
// others are there.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{
		ErrorHandling: promhttp.ContinueOnError, MaxRequestsInFlight: maxScrapes,
	})
}

// Gatherer is what Handler shows, for tests.
func (m *Metrics) Gatherer() prometheus.Gatherer { return m.registry }

// typeLabel is the type of an event, or "other" for one that is not used.
func (m *Metrics) typeLabel(kind string) string {
	if m.types[kind] {
		return kind
	}
	return "other"
}

// EventReceived implements [payments.Observer].
func (m *Metrics) EventReceived(e payments.Event) {
	m.received.WithLabelValues(string(e.Source), m.typeLabel(e.Type)).Inc()
	if e.Source == payments.SourceWebhook {
		m.lastWebhook.Set(seconds(m.now()))
	}
}

// EventStored implements [payments.Observer].
func (m *Metrics) EventStored(e payments.Event, lag time.Duration) {
	m.lag.WithLabelValues(string(e.Source)).Observe(max(lag, 0).Seconds())
}

// EventRepeated implements [payments.Observer].
func (m *Metrics) EventRepeated(e payments.Event) { m.repeated.WithLabelValues(string(e.Source)).Inc() }

// EventHandled implements [payments.Observer].
func (m *Metrics) EventHandled(e payments.Event, outcome payments.Outcome) {
	m.handled.WithLabelValues(string(e.Source), m.typeLabel(e.Type), string(outcome)).Inc()
}

// BatchBegan implements [payments.Observer].
func (m *Metrics) BatchBegan(events int) (ended func(error)) {
	m.batchEvents.Observe(float64(events))
	began := time.Now()
	return func(err error) { m.batchDuration.WithLabelValues(result(err)).Observe(time.Since(began).Seconds()) }
}

// ObjectRead implements [payments.Observer].
func (m *Metrics) ObjectRead(reason string, err error) {
	m.reads.WithLabelValues(reason, result(err)).Inc()
}

// JobBegan implements [payments.Observer].
func (m *Metrics) JobBegan(kind string) (ended func(error)) {
	began := time.Now()
	return func(err error) { m.jobs.WithLabelValues(kind, result(err)).Observe(time.Since(began).Seconds()) }
}

// DeliveryTried implements [payments.Observer].
func (m *Metrics) DeliveryTried(status payments.DeliveryStatus) {
	word := map[payments.DeliveryStatus]string{
		payments.DeliveryDelivered: "delivered", payments.DeliveryPending: "failed", payments.DeliveryFailed: "given_up",
	}[status]
	m.deliveries.WithLabelValues(word).Inc()
}

// result is a word for how something ended.
func result(err error) string {
	var snooze *payments.SnoozeError
	switch {
	case err == nil:
		return "ok"
	case errors.As(err, &snooze):
		return "waits"
	case errors.Is(err, payments.ErrNotFound):
		return "gone"
	case errors.Is(err, payments.ErrUnavailable):
		return "unavailable"
	}
	return "failed"
}

// Exchange is a request that was answered, here or at Stripe.
type Exchange struct {
	// Path is the pattern of the path here, or the kind of object at Stripe.
	Path, Method string
	// Status is the answer's; 0: none came.
	Status int
	Took   time.Duration
}

// Request counts a request to the API.
func (m *Metrics) Request(e Exchange) { observe(m.requests, e) }

// Call counts a try of a call to Stripe.
func (m *Metrics) Call(e Exchange) { observe(m.calls, e) }

func observe(h *prometheus.HistogramVec, e Exchange) {
	status := "none"
	if e.Status != 0 {
		status = strconv.Itoa(e.Status)
	}
	h.WithLabelValues(e.Path, e.Method, status).Observe(e.Took.Seconds())
}

func seconds(t time.Time) float64 { return float64(t.UnixMilli()) / 1000 }
