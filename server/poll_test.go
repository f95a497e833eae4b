package server_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/numerai-app/payments"
	"github.com/numerai-app/payments/internal/storetest"
	"github.com/numerai-app/payments/server"
)

func noWebhooks(*testBundle) string { return "" }

// poll reads Stripe's list of events to its end.
func (b *testBundle) poll(t *testing.T) {
	t.Helper()
	for {
		err := b.service.Payments().Work(t.Context(), payments.PollEvents{}, payments.Attempt{Number: 1, Last: true})
		var more *payments.SnoozeError
		if err == nil {
			return
		} else if !errors.As(err, &more) {
			t.Fatal(err)
		}
	}
}

// ready is the answer to /readyz.
func (b *testBundle) ready(t *testing.T) (code int, answer struct {
	Checks    map[string]string
	Freshness map[string]*time.Time
},
) {
	t.Helper()
	recorder := httptest.NewRecorder()
	b.service.Handler().ServeHTTP(recorder, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/readyz", http.NoBody))
	if err := json.Unmarshal(recorder.Body.Bytes(), &answer); err != nil {
		t.Fatalf("readyz: %s: %v", recorder.Body, err)
	}
	return recorder.Code, answer
}

// TestWithoutWebhooks checks that a service to which no webhook ever comes
// hears of everything all the same.
func TestWithoutWebhooks(t *testing.T) {
	t.Parallel()
	for name, database := range map[string]func(testing.TB) string{"SQLite": storetest.SQLiteURL, "PostgreSQL": storetest.PostgresURL} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b, config, listener := prepare(t, database(t), noWebhooks)
			config.WebhooksOff = true
			b.start(t, config, listener)
			b.eventually(t, "the first poll", func() bool { code, _ := b.ready(t); return code == http.StatusOK })
			_, created, _ := b.subscribe(t, "42", visa("premium"))
			b.eventually(t, "the events", func() bool {
				events, err := b.service.Payments().Events(t.Context(), payments.EventFilter{Type: "invoice.paid"})
				return err == nil && len(events) == 1 && events[0].Status == payments.EventProcessed && events[0].Source == payments.SourcePoll
			})
			want(t, "history", b.history(t, "42"), []string{"invoice 1999 usd paid"})
			b.stripe(t, http.MethodDelete, "/v1/subscriptions/"+created["stripe_subscription_id"].(string), "")
			b.eventually(t, "the end", func() bool { return b.status(t, "42") == "premium=false plan=free reason=canceled" })
			code, _, _ := b.call(t, "42", http.MethodPost, "webhook/", map[string]any{})
			want(t, "webhook/", code, http.StatusNotFound)
			want(t, "documented webhook/", b.documents(t, apiPath+"webhook/"), false)
		})
	}
}

func (b *testBundle) documents(t *testing.T, path string) bool {
	t.Helper()
	recorder := httptest.NewRecorder()
	b.service.Handler().ServeHTTP(recorder, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/openapi.json", http.NoBody))
	var document struct{ Paths map[string]json.RawMessage }
	if err := json.Unmarshal(recorder.Body.Bytes(), &document); err != nil {
		t.Fatal(err)
	}
	_, found := document.Paths[path]
	return found
}

// TestWebhooksFailForHours checks that what happened while Stripe's webhooks
// went nowhere is caught up with by the next poll.
func TestWebhooksFailForHours(t *testing.T) {
	t.Parallel()
	for name, database := range map[string]func(testing.TB) string{"SQLite": storetest.SQLiteURL, "PostgreSQL": storetest.PostgresURL} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b, config, listener := prepare(t, database(t), func(*testBundle) string { return "http://127.0.0.1:1/webhook" })
			b.start(t, config, listener)
			_, created, _ := b.subscribe(t, "1", visa("premium"))
			b.subscribe(t, "2", visa("basic"))
			customer := b.stripe(t, http.MethodPost, "/v1/customers", "metadata[user_id]=3")["id"].(string)
			method := b.stripe(t, http.MethodPost, "/v1/payment_methods/pm_card_visa/attach", "customer="+customer)["id"].(string)
			b.stripe(t, http.MethodPost, "/v1/subscriptions", "customer="+customer+"&default_payment_method="+method+"&metadata[user_id]=3&items[0][price]="+config.Plans[2].Prices[0])
			for range 6 {
				if err := b.sim.Advance(t.Context(), time.Hour); err != nil {
					t.Fatal(err)
				}
			}
			b.stripe(t, http.MethodDelete, "/v1/subscriptions/"+created["stripe_subscription_id"].(string), "")
			want(t, "before the poll", b.status(t, "1"), "premium=true plan=premium reason=active")
			want(t, "before the poll", b.status(t, "3"), "premium=false plan=free reason=none")
			b.poll(t)
			want(t, "the canceled one", b.status(t, "1"), "premium=false plan=free reason=canceled")
			want(t, "the other", b.status(t, "2"), "premium=true plan=basic reason=active")
			b.eventually(t, "the one made elsewhere", func() bool { return b.status(t, "3") == "premium=true plan=elite reason=active" })
			b.eventually(t, "no event pending", func() bool {
				pending, err := b.service.Payments().Events(t.Context(), payments.EventFilter{Status: payments.EventPending})
				return err == nil && len(pending) == 0
			})
			want(t, "history", b.history(t, "3"), []string{"invoice 2999 usd paid"})
		})
	}
}

// TestReadiness checks what /readyz tells of the poll, and when it is no more
// than that.
func TestReadiness(t *testing.T) {
	t.Parallel()
	for name, off := range map[string]bool{"webhooks": false, "no webhooks": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b, config, listener := prepare(t, storetest.SQLiteURL(t), func(*testBundle) string { return "http://127.0.0.1:1/webhook" })
			if err := listener.Close(); err != nil {
				t.Fatal(err)
			}
			config.WebhooksOff = off
			var err error
			if b.service, err = server.New(t.Context(), config); err != nil { // nothing runs, so nothing polls
				t.Fatal(err)
			}
			t.Cleanup(func() {
				if err := errors.Join(b.sim.Close(context.WithoutCancel(t.Context())), b.service.Close()); err != nil {
					t.Error(err)
				}
			})
			stale := func(what string) {
				t.Helper()
				code, answer := b.ready(t)
				wanted, check := http.StatusOK, "ok"
				if off {
					wanted, check = http.StatusServiceUnavailable, "were not polled lately"
				}
				want(t, what, code, wanted)
				want(t, what, answer.Checks, map[string]string{"database": "ok", "events": check})
			}
			stale("before the first poll")
			b.poll(t)
			code, answer := b.ready(t)
			want(t, "after a poll", code, http.StatusOK)
			if answer.Freshness["polled_at"] == nil || answer.Freshness["reached"] != nil {
				t.Errorf("freshness of an account without events: %v", answer.Freshness)
			}
			customer := b.stripe(t, http.MethodPost, "/v1/customers", "")["id"].(string)
			b.stripe(t, http.MethodDelete, "/v1/customers/"+customer, "")
			b.poll(t)
			if _, answer = b.ready(t); answer.Freshness["reached"] == nil || b.sim.Now().Sub(*answer.Freshness["reached"]) > time.Minute {
				t.Errorf("freshness after an event: %v", answer.Freshness)
			}
			if err := b.sim.Advance(t.Context(), 6*time.Minute); err != nil {
				t.Fatal(err)
			}
			stale("six minutes later")
		})
	}
}

// TestOneOfTwoPolls checks that of two servers on one database only one polls.
func TestOneOfTwoPolls(t *testing.T) {
	t.Parallel()
	database := storetest.PostgresURL(t)
	b, config, listener := prepare(t, database, noWebhooks)
	target, err := url.Parse(b.simURL)
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var polls []time.Time
	forward := httputil.NewSingleHostReverseProxy(target)
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/v1/events" { // one to a poll, as there are none
			mu.Lock()
			polls = append(polls, time.Now())
			mu.Unlock()
		}
		forward.ServeHTTP(w, r)
	}))
	t.Cleanup(api.Close)
	config.WebhooksOff, config.StripeAPIBase = true, api.URL
	b.start(t, config, listener)
	second, err := server.New(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	var jobs sync.WaitGroup
	jobs.Go(func() {
		if err := second.Run(ctx); err != nil {
			t.Errorf("run the jobs: %v", err)
		}
	})
	t.Cleanup(func() {
		stop()
		jobs.Wait()
		if err := second.Close(); err != nil {
			t.Error(err)
		}
	})
	const count = 4
	b.eventually(t, "some polls", func() bool {
		mu.Lock()
		defer mu.Unlock()
		return len(polls) >= count
	})
	if took := polls[count-1].Sub(polls[0]); took < (count-2)*payments.PollOnlyInterval {
		t.Errorf("%d polls within %s: more than one every %s", count, took, payments.PollOnlyInterval)
	}
}
