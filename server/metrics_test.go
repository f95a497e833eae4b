package server_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"github.com/numerai-app/payments"
	"github.com/numerai-app/payments/internal/storetest"
)

// scraped are the samples of a scrape, by name and labels as they are shown.
type scraped map[string]float64

func (b *testBundle) scrape(t testing.TB) (scraped, string) {
	t.Helper()
	operators := httptest.NewServer(b.service.OpsHandler())
	defer operators.Close()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, operators.URL+"/metrics", http.NoBody)
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
		t.Fatalf("scrape: %d %v", response.StatusCode, err)
	}
	samples := scraped{}
	for line := range strings.Lines(string(body)) {
		at := strings.LastIndex(line, " ")
		if value, err := strconv.ParseFloat(strings.TrimSpace(line[at+1:]), 64); err == nil && line[0] != '#' {
			samples[line[:at]] = value
		}
	}
	return samples, string(body)
}

// sum adds up the samples of a name that have all these labels.
func (s scraped) sum(name string, labels ...string) (total float64) {
	for sample, value := range s {
		found, its, _ := strings.Cut(sample, "{")
		if found != name {
			continue
		}
		has := true
		for _, label := range labels {
			has = has && strings.Contains(its, label)
		}
		if has {
			total += value
		}
	}
	return total
}

// settled is how many events came to an end.
func (s scraped) settled(labels ...string) float64 {
	const name = "payments_events_handled_total"
	return s.sum(name, labels...) - s.sum(name, append(labels, `outcome="deferred"`)...)
}

// trail is every event that is stored.
func (b *testBundle) trail(t testing.TB) []payments.Event {
	t.Helper()
	events, err := b.service.Payments().Events(t.Context(), payments.EventFilter{Limit: 1000})
	if err != nil {
		t.Fatal(err)
	}
	return events
}

// webhook sends a body as Stripe would, at the address where it would.
func (b *testBundle) webhook(t *testing.T, secret string, body []byte) {
	t.Helper()
	sent := strconv.FormatInt(time.Now().Unix(), 10)
	mac := hmac.New(sha256.New, []byte(secret))
	_, _ = fmt.Fprintf(mac, "%s.%s", sent, body)
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, b.url+apiPath+"webhook/", strings.NewReader(string(body)))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Stripe-Signature", "t="+sent+",v1="+hex.EncodeToString(mac.Sum(nil)))
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	want(t, "answer to the webhook", response.StatusCode, http.StatusOK)
}

// strangeEvent is a well-formed event about nothing that is known.
func strangeEvent(id, kind string) []byte {
	return fmt.Appendf(nil, `{"id":%q,"object":"event","api_version":"2025-03-31.basil","created":%d,"livemode":false,"type":%q,`+
		`"data":{"object":{"object":"invoice"}}}`, id, time.Now().Unix(), kind)
}

// TestMetrics tells a story and looks whether the numbers tell the same.
func TestMetrics(t *testing.T) {
	t.Parallel()
	for name, database := range map[string]func(testing.TB) string{"SQLite": storetest.SQLiteURL, "PostgreSQL": storetest.PostgresURL} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b, config, listener := prepare(t, database(t), func(b *testBundle) string { return b.url + apiPath + "webhook/" })
			config.Version, config.Commit = "v9.8.7", "c0ffee"
			b.start(t, config, listener)
			told := b.host(t)
			b.subscribe(t, "somebody", visa("premium"))
			b.call(t, "somebody", http.MethodGet, "nothing-here/", nil)
			b.settle(t)

			service, secret := b.service.Payments(), config.StripeWebhookSecrets[0]
			known, err := service.Events(t.Context(), payments.EventFilter{Type: "invoice.paid"})
			if err != nil || len(known) != 1 {
				t.Fatalf("events: %v, %v", known, err)
			}
			again, err := service.Event(t.Context(), known[0].ID)
			if err != nil {
				t.Fatal(err)
			}
			b.eventually(t, "the poll, to which all that was sent comes again", func() bool {
				now, _ := b.scrape(t)
				return now["payments_poll_completed_timestamp_seconds"] > 0
			})
			before, _ := b.scrape(t)
			b.webhook(t, secret, again.Payload)
			b.webhook(t, secret, strangeEvent("evt_strange", "a.type.of.tomorrow"))
			b.webhook(t, secret, strangeEvent("evt_poison", "invoice.voided"))
			b.eventually(t, "deliveries and all that is counted just after a commit", func() bool {
				now, _ := b.scrape(t)
				return now["payments_outbound_deliveries_waiting"] == 0 &&
					now.sum("payments_outbound_attempts_total") >= float64(len(told)) && now.settled() >= float64(len(b.trail(t))-1)
			})
			b.checkStory(t, before, len(told))

			if err := service.Work(t.Context(), payments.RetryEvent{EventID: "evt_poison"}, payments.Attempt{Number: 12, Last: true}); err == nil {
				t.Fatal("an event without an id of its object was applied")
			}
			now, _ := b.scrape(t)
			want(t, "failed", now.sum("payments_events_handled_total", `type="invoice.voided"`, `outcome="failed"`), 1)
			want(t, "failed on show", now[`payments_events_unsettled{status="failed"}`], 1)
			want(t, "pending", now[`payments_events_unsettled{status="pending"}`], 0)
			want(t, "age", now["payments_events_oldest_pending_age_seconds"], 0)
		})
	}
}

// checkStory checks the numbers while one event is poisoned and all else is
// settled.
func (b *testBundle) checkStory(t *testing.T, before scraped, told int) {
	t.Helper()
	now, body := b.scrape(t)
	stored := float64(len(b.trail(t)))
	duplicates := now.sum("payments_events_duplicate_total")
	want(t, "duplicates", duplicates-before.sum("payments_events_duplicate_total"), 1)
	want(t, "received", now.sum("payments_events_received_total"), stored+duplicates)
	want(t, "lags", now.sum("payments_event_lag_seconds_count"), stored)
	want(t, "settled", now.settled(), stored-1)
	want(t, "ignored", now.sum("payments_events_handled_total", `type="other"`, `outcome="ignored"`), 1)
	want(t, "subscription", now.settled(`type="customer.subscription.created"`), 1)
	if now.sum("payments_events_handled_total", `type="invoice.voided"`, `outcome="deferred"`) < 1 {
		t.Error("the poisoned event was not deferred")
	}
	if now.sum("payments_batch_events_sum") < stored-1 {
		t.Errorf("batches of %v events in all, of %v that are stored", now.sum("payments_batch_events_sum"), stored)
	}
	want(t, "pending", now[`payments_events_unsettled{status="pending"}`], 1)
	want(t, "intake", now["payments_intake_events"]+now["payments_intake_bytes"], 0)
	want(t, "requests", now.sum("payments_http_request_duration_seconds_count", `route="create-subscription"`, `method="POST"`, `status="201"`), 1)
	want(t, "requests to nowhere", now.sum("payments_http_request_duration_seconds_count", `route="other"`, `method="other"`, `status="404"`), 1)
	want(t, "subscriptions made", now.sum("payments_stripe_call_duration_seconds_count", `resource="subscriptions"`, `method="POST"`, `status="200"`), 1)
	want(t, "messages", now.sum("payments_outbound_attempts_total", `result="delivered"`), float64(told))
	want(t, "build", now.sum("payments_build_info", `version="v9.8.7"`, `commit="c0ffee"`), 1)
	if now.sum("payments_job_duration_seconds_count", `kind="poll_events"`, `result="ok"`) < 1 || now["go_goroutines"] < 1 {
		t.Error("neither polls nor goroutines")
	}
	for _, id := range []string{"somebody", `"cus_`, `"sub_`, `"evt_`, `"pi_`, `"pep_`, "tomorrow", "nothing-here"} {
		if strings.Contains(body, id) {
			t.Errorf("%q is in the metrics", id)
		}
	}
	problems, err := promlint.New(strings.NewReader(body)).Lint()
	if err != nil {
		t.Fatal(err)
	}
	for _, problem := range problems {
		t.Errorf("%s: %s", problem.Metric, problem.Text)
	}
}
