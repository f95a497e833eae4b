package metrics_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/numerai-app/payments"
	"github.com/numerai-app/payments/internal/metrics"
)

var now = time.Unix(1_800_000_000, 500_000_000)

// source is a service in which a little waits.
type source struct{ fault error }

func (s source) Backlog(ctx context.Context) (payments.Backlog, error) {
	if _, bounded := ctx.Deadline(); !bounded {
		return payments.Backlog{}, errors.New("a scrape may take forever")
	}
	return payments.Backlog{
		PendingEvents: 4, FailedEvents: 1, OldestPending: now.Add(-90 * time.Second), Reads: 3, Deliveries: 2, Unmapped: 1,
	}, s.fault
}

func (s source) Freshness(context.Context) (payments.Freshness, error) {
	return payments.Freshness{PolledAt: now.Add(-10 * time.Second)}, nil
}

func (s source) IntakeLoad() payments.IntakeLoad { return payments.IntakeLoad{Events: 5, Bytes: 6000} }

// all are metrics of which each has been told something.
func all(fault error) *metrics.Metrics {
	m := metrics.New(metrics.Config{
		EventTypes: []string{"invoice.paid"}, Version: "v1.2.3", Commit: "abc", StripeAPIVersion: "2026-01-01",
		Now: func() time.Time { return now },
	})
	m.Watch(source{fault}, func() int { return 7 })
	event := payments.Event{Type: "invoice.paid", Source: payments.SourceWebhook}
	unknown := payments.Event{Type: "a.type.of.tomorrow", Source: payments.SourcePoll}
	m.EventReceived(event)
	m.EventReceived(event)
	m.EventReceived(unknown)
	m.EventRepeated(event)
	m.EventStored(event, 4*time.Second)
	m.EventStored(unknown, -time.Second)
	m.EventHandled(event, payments.OutcomeApplied)
	m.EventHandled(unknown, payments.OutcomeIgnored)
	m.BatchBegan(3)(nil)
	m.JobBegan("sweep")(&payments.SnoozeError{})
	m.ObjectRead("tie", nil)
	m.ObjectRead("tie", payments.NotFound("in_1"))
	m.ObjectRead("owner", payments.ErrUnavailable)
	m.ObjectRead("owner", errors.New("broken"))
	m.DeliveryTried(payments.DeliveryDelivered)
	m.DeliveryTried(payments.DeliveryPending)
	m.DeliveryTried(payments.DeliveryFailed)
	m.Request(metrics.Exchange{Path: "plans", Method: http.MethodGet, Status: http.StatusOK, Took: time.Millisecond})
	m.Call(metrics.Exchange{Path: "subscriptions", Method: http.MethodGet, Took: time.Second})
	return m
}

func TestNamesFollowPrometheus(t *testing.T) {
	t.Parallel()
	problems, err := testutil.GatherAndLint(all(nil).Gatherer())
	if err != nil {
		t.Fatal(err)
	}
	for _, problem := range problems {
		t.Errorf("%s: %s", problem.Metric, problem.Text)
	}
}

// TestAllIsDocumented compares what is shown with docs/metrics.md.
func TestAllIsDocumented(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../docs/metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	families, err := all(nil).Gatherer().Gather()
	if err != nil {
		t.Fatal(err)
	}
	shown := map[string]bool{}
	for _, family := range families {
		if name := family.GetName(); strings.HasPrefix(name, "payments_") {
			shown[name] = true
		}
	}
	documented := map[string]bool{}
	for _, name := range regexp.MustCompile(`payments_\w+`).FindAllString(string(text), -1) {
		documented[name] = true
	}
	if diff := cmp.Diff(shown, documented); diff != "" {
		t.Errorf("metrics (-shown +documented):\n%s", diff)
	}
}

func TestWhatIsCounted(t *testing.T) {
	t.Parallel()
	const want = `
# HELP payments_build_info Always 1; the labels say what runs.
# TYPE payments_build_info gauge
payments_build_info{commit="abc",stripe_api_version="2026-01-01",version="v1.2.3"} 1
# HELP payments_events_duplicate_total Events that came and had been stored before.
# TYPE payments_events_duplicate_total counter
payments_events_duplicate_total{source="webhook"} 1
# HELP payments_events_handled_total What became of events: applied, stale, refreshed, ignored, failed, or deferred, which are handled again.
# TYPE payments_events_handled_total counter
payments_events_handled_total{outcome="applied",source="webhook",type="invoice.paid"} 1
payments_events_handled_total{outcome="ignored",source="poll",type="other"} 1
# HELP payments_events_oldest_pending_age_seconds How long the oldest pending event in the database has waited; 0: none does.
# TYPE payments_events_oldest_pending_age_seconds gauge
payments_events_oldest_pending_age_seconds 90
# HELP payments_events_received_total Events of Stripe's that came, also those that were stored before.
# TYPE payments_events_received_total counter
payments_events_received_total{source="poll",type="other"} 1
payments_events_received_total{source="webhook",type="invoice.paid"} 2
# HELP payments_events_unsettled Events in the database that are pending or have failed; 10000 means that many or more.
# TYPE payments_events_unsettled gauge
payments_events_unsettled{status="failed"} 1
payments_events_unsettled{status="pending"} 4
# HELP payments_intake_bytes Size of the events that wait in this process to be written.
# TYPE payments_intake_bytes gauge
payments_intake_bytes 6000
# HELP payments_intake_events Events that wait in this process to be written.
# TYPE payments_intake_events gauge
payments_intake_events 5
# HELP payments_outbound_attempts_total Attempts to bring an outbound event to an endpoint.
# TYPE payments_outbound_attempts_total counter
payments_outbound_attempts_total{result="delivered"} 1
payments_outbound_attempts_total{result="failed"} 1
payments_outbound_attempts_total{result="given_up"} 1
# HELP payments_outbound_deliveries_waiting Outbound events on their way to an endpoint; 10000 means that many or more.
# TYPE payments_outbound_deliveries_waiting gauge
payments_outbound_deliveries_waiting 2
# HELP payments_poll_completed_timestamp_seconds When Stripe's list of events was last read to its end; 0: never.
# TYPE payments_poll_completed_timestamp_seconds gauge
payments_poll_completed_timestamp_seconds 1.7999999905e+09
# HELP payments_poll_reached_timestamp_seconds When the newest event that a poll has seen was made, by Stripe's clock; 0: there was none.
# TYPE payments_poll_reached_timestamp_seconds gauge
payments_poll_reached_timestamp_seconds 0
# HELP payments_scrape_failures_total Scrapes at which the database did not say in time what waits.
# TYPE payments_scrape_failures_total counter
payments_scrape_failures_total 0
# HELP payments_stripe_calls_waiting Calls to Stripe that this process holds back to keep to its rate.
# TYPE payments_stripe_calls_waiting gauge
payments_stripe_calls_waiting 7
# HELP payments_stripe_reads_total Objects read from Stripe because no event could say what is true, by what for.
# TYPE payments_stripe_reads_total counter
payments_stripe_reads_total{reason="owner",result="failed"} 1
payments_stripe_reads_total{reason="owner",result="unavailable"} 1
payments_stripe_reads_total{reason="tie",result="gone"} 1
payments_stripe_reads_total{reason="tie",result="ok"} 1
# HELP payments_stripe_reads_waiting Objects that are to be read from Stripe; 10000 means that many or more.
# TYPE payments_stripe_reads_waiting gauge
payments_stripe_reads_waiting 3
# HELP payments_subscriptions_unmapped Live subscriptions whose price no plan names; 10000 means that many or more.
# TYPE payments_subscriptions_unmapped gauge
payments_subscriptions_unmapped 1
# HELP payments_webhook_last_timestamp_seconds When a webhook last brought an event to this process; 0: not yet.
# TYPE payments_webhook_last_timestamp_seconds gauge
payments_webhook_last_timestamp_seconds 1.8000000005e+09
`
	var names []string // the histograms hold durations, which no test can know
	for line := range strings.Lines(want) {
		if fields := strings.Fields(line); len(fields) > 2 && fields[1] == "TYPE" {
			names = append(names, fields[2])
		}
	}
	if err := testutil.GatherAndCompare(all(nil).Gatherer(), strings.NewReader(want), names...); err != nil {
		t.Error(err)
	}
}

func TestHistograms(t *testing.T) {
	t.Parallel()
	body := scrape(t, all(nil))
	for _, line := range []string{
		`payments_event_lag_seconds_bucket{source="webhook",le="3"} 0`,
		`payments_event_lag_seconds_bucket{source="webhook",le="5"} 1`,
		`payments_event_lag_seconds_sum{source="poll"} 0`,
		`payments_batch_events_sum 3`,
		`payments_batch_duration_seconds_count{result="ok"} 1`,
		`payments_job_duration_seconds_count{kind="sweep",result="waits"} 1`,
		`payments_http_request_duration_seconds_bucket{method="GET",route="plans",status="200",le="0.001"} 1`,
		`payments_stripe_call_duration_seconds_sum{method="GET",resource="subscriptions",status="none"} 1`,
	} {
		if !strings.Contains(body, line+"\n") {
			t.Errorf("not shown: %s", line)
		}
	}
}

// TestWithoutDatabase checks that what the process knows is shown also while
// the database does not answer.
func TestWithoutDatabase(t *testing.T) {
	t.Parallel()
	body := scrape(t, all(payments.ErrUnavailable))
	for line, shown := range map[string]bool{
		"payments_scrape_failures_total 1\n":                  true,
		"payments_intake_events 5\n":                          true,
		"payments_events_duplicate_total{source=\"webhook\"}": true,
		"payments_events_unsettled":                           false,
		"payments_events_oldest_pending_age_seconds":          false,
	} {
		if strings.Contains(body, line) != shown {
			t.Errorf("%q shown: %v, want %v", line, !shown, shown)
		}
	}
}

func scrape(t *testing.T, m *metrics.Metrics) string {
	t.Helper()
	server := httptest.NewServer(m.Handler())
	defer server.Close()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("%d: %v", response.StatusCode, err)
	}
	return string(body)
}
