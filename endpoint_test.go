package payments_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/numerai-app/payments"
	"github.com/numerai-app/payments/internal/outbound"
	"github.com/numerai-app/payments/internal/storetest"
)

// host is a host application: it takes messages, or answers as it is told.
type host struct {
	url string

	mu     sync.Mutex
	status int // zero: 204
	posts  []post
}

// post is one message that came to a host.
type post struct {
	header http.Header
	body   []byte
}

func newHost(t *testing.T) *host {
	t.Helper()
	h := new(host)
	server := httptest.NewServer(http.HandlerFunc(h.take))
	t.Cleanup(server.Close)
	h.url = server.URL
	return h
}

func (h *host) take(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.posts = append(h.posts, post{r.Header, body})
	if h.status == 0 {
		h.status = http.StatusNoContent
	}
	w.WriteHeader(h.status)
}

// answers sets the status of all answers to come.
func (h *host) answers(status int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.status = status
}

// heard lists what came since the last time, and checks each with the secret.
func (h *host) heard(t *testing.T, secret string) []post {
	t.Helper()
	h.mu.Lock()
	defer h.mu.Unlock()
	posts := h.posts
	h.posts = nil
	for _, p := range posts {
		if err := verify(t, p, secret); err != nil {
			t.Errorf("the host does not believe %s: %v", p.body, err)
		}
	}
	return posts
}

func verify(t *testing.T, p post, secret string) error {
	t.Helper()
	webhook, err := standardwebhooks.NewWebhook(secret)
	if err != nil {
		t.Fatal(err)
	}
	return webhook.Verify(p.body, p.header)
}

// teller is a service that has something to tell, and its clock.
type teller struct {
	*payments.Service
	store payments.Store

	mu  sync.Mutex
	now time.Time
}

func newTeller(t *testing.T, store payments.Store) *teller {
	t.Helper()
	s := &teller{store: store, now: time.Date(2026, time.March, 1, 12, 0, 0, 0, time.UTC)}
	plans, err := payments.NewPlans([]payments.Plan{{ID: "premium", Prices: []string{"price_1"}}})
	if err != nil {
		t.Fatal(err)
	}
	s.Service, err = payments.New(payments.Config{
		Store: store, Stripe: noStripe{}, Plans: plans, Messenger: outbound.New(outbound.Config{}), Now: s.clock,
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// noStripe is never called here.
type noStripe struct{ payments.Stripe }

func (s *teller) clock() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now
}

func (s *teller) pass(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now = s.now.Add(d)
}

func (s *teller) endpoint(t *testing.T, url string, types ...payments.OutboundType) payments.Endpoint {
	t.Helper()
	endpoint, err := s.CreateEndpoint(t.Context(), payments.CreateEndpointParams{URL: url, Types: types})
	if err != nil {
		t.Fatal(err)
	}
	return endpoint
}

// premiumEnds makes a user whose premium runs out now, which is news.
func (s *teller) premiumEnds(t *testing.T, user string) {
	t.Helper()
	now := s.clock()
	err := s.store.Update(t.Context(), func(tx payments.Tx) error {
		return tx.PutCustomer(t.Context(), payments.Customer{
			User: payments.User{ID: user}, IsPremium: true, Plan: "premium", PremiumUntil: &now, RecheckAt: &now, CreatedAt: now, UpdatedAt: now,
		})
	})
	if err == nil {
		err = s.Work(t.Context(), payments.Sweep{}, payments.Attempt{Number: 1})
	}
	if err != nil {
		t.Fatal(err)
	}
}

func (s *teller) deliveries(t *testing.T, endpoint payments.Endpoint, status payments.DeliveryStatus) []payments.Delivery {
	t.Helper()
	list, err := s.Deliveries(t.Context(), payments.DeliveryFilter{EndpointID: endpoint.ID, Status: status, Limit: 1000})
	if err != nil {
		t.Fatal(err)
	}
	slices.Reverse(list)
	return list
}

// deliver does the job of a delivery and returns how long it has to wait.
func (s *teller) deliver(t *testing.T, d payments.Delivery) time.Duration {
	t.Helper()
	err := s.Work(t.Context(), payments.DeliverOutbound{EndpointID: d.EndpointID, EventID: d.EventID, Round: d.Round}, payments.Attempt{Number: 1})
	var snooze *payments.SnoozeError
	if err != nil && !errors.As(err, &snooze) {
		t.Fatal(err)
	}
	if snooze != nil {
		return snooze.For
	}
	return 0
}

// deliverAll does all jobs that an endpoint waits for, once.
func (s *teller) deliverAll(t *testing.T, endpoint payments.Endpoint) {
	t.Helper()
	for _, d := range s.deliveries(t, endpoint, payments.DeliveryPending) {
		s.deliver(t, d)
	}
}

func (s *teller) reload(t *testing.T, endpoint payments.Endpoint) payments.Endpoint {
	t.Helper()
	known, err := s.Endpoint(t.Context(), endpoint.ID)
	if err != nil {
		t.Fatal(err)
	}
	return known
}

// A host that was down hears what happened meanwhile, under the same id at
// each attempt.
func TestHostIsDownThenUp(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, store payments.Store) {
		s, h := newTeller(t, store), newHost(t)
		endpoint := s.endpoint(t, h.url)
		h.answers(http.StatusInternalServerError)
		s.premiumEnds(t, "ada")
		pending := s.deliveries(t, endpoint, payments.DeliveryPending)
		if len(pending) != 1 || pending[0].Type != payments.OutboundPremiumChanged || pending[0].Attempts != 0 {
			t.Fatalf("deliveries are %+v", pending)
		}
		wait := s.deliver(t, pending[0])
		if wait < 3*time.Second || wait > 7*time.Second {
			t.Errorf("the first wait is %s", wait)
		}
		failed := s.deliveries(t, endpoint, "")[0]
		if failed.Status != payments.DeliveryPending || failed.Attempts != 1 || failed.ResponseStatus != 500 ||
			failed.Error != "answered 500 Internal Server Error" || !failed.NextAttemptAt.Equal(s.clock().Add(wait)) {
			t.Errorf("after the first attempt: %+v", failed)
		}
		if e := s.reload(t, endpoint); e.Failures != 1 || e.FailingSince == nil || !e.FailingSince.Equal(s.clock()) {
			t.Errorf("the endpoint is %+v", e)
		}
		s.pass(wait)
		h.answers(http.StatusOK)
		if wait := s.deliver(t, failed); wait != 0 {
			t.Errorf("delivered, and waits for %s", wait)
		}
		done := s.deliveries(t, endpoint, payments.DeliveryDelivered)
		if len(done) != 1 || done[0].Attempts != 2 || done[0].ResponseStatus != 200 || done[0].Error != "" || done[0].NextAttemptAt != nil {
			t.Errorf("delivered: %+v", done)
		}
		if e := s.reload(t, endpoint); e.Failures != 0 || e.FailingSince != nil {
			t.Errorf("the endpoint is %+v", e)
		}
		s.deliver(t, failed) // a job that is done twice
		posts := h.heard(t, endpoint.Secret)
		if len(posts) != 2 || posts[0].header.Get("Webhook-Id") != failed.EventID || posts[1].header.Get("Webhook-Id") != failed.EventID {
			t.Fatalf("the host heard %+v", posts)
		}
		var got, want any
		if err := json.Unmarshal(posts[1].body, &got); err != nil {
			t.Fatal(err)
		}
		_ = json.Unmarshal([]byte(`{"type":"premium.changed","timestamp":"2026-03-01T12:00:00Z",
			"data":{"user_id":"ada","is_premium":false,"plan":"free","premium_until":null,"reason":"none"}}`), &want)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("the message (-want +got):\n%s", diff)
		}
	})
}

// Attempts go on for about three days, and a replay begins anew.
func TestGivenUpAndReplayed(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, store payments.Store) {
		s, h := newTeller(t, store), newHost(t)
		endpoint := s.endpoint(t, h.url)
		h.answers(http.StatusServiceUnavailable)
		s.premiumEnds(t, "ada")
		start := s.clock()
		d := s.deliveries(t, endpoint, "")[0]
		for wait := time.Duration(1); wait > 0; {
			wait = s.deliver(t, d)
			s.pass(wait)
			if s.clock().Sub(start) > 6*24*time.Hour {
				t.Fatal("attempts never end")
			}
		}
		if took := s.clock().Sub(start); took < 60*time.Hour || took > 96*time.Hour {
			t.Errorf("given up after %s, want about three days", took)
		}
		posts := h.heard(t, endpoint.Secret)
		d = s.deliveries(t, endpoint, payments.DeliveryFailed)[0]
		if d.Attempts != len(posts) || len(posts) != 15 || d.NextAttemptAt != nil {
			t.Errorf("%d posts, the delivery is %+v", len(posts), d)
		}
		h.answers(http.StatusOK)
		s.pass(time.Hour)
		if n, err := s.ReplayFailed(t.Context(), endpoint.ID, s.clock()); n != 0 || err != nil {
			t.Errorf("replayed %d that were made later: %v", n, err)
		}
		if n, err := s.ReplayFailed(t.Context(), endpoint.ID, time.Time{}); n != 1 || err != nil {
			t.Errorf("replayed %d: %v", n, err)
		}
		s.deliver(t, d) // the job of the first round has nothing to do
		if got := h.heard(t, endpoint.Secret); len(got) != 0 {
			t.Errorf("an old job delivered %s", got)
		}
		s.deliverAll(t, endpoint)
		if got := h.heard(t, endpoint.Secret); len(got) != 1 || got[0].header.Get("Webhook-Id") != d.EventID {
			t.Errorf("the replay brought %+v", got)
		}
		if d := s.deliveries(t, endpoint, payments.DeliveryDelivered)[0]; d.Attempts != 1 {
			t.Errorf("after the replay: %+v", d)
		}
		// What was delivered goes again, and to an endpoint that is new.
		late := s.endpoint(t, h.url)
		for _, e := range []payments.Endpoint{endpoint, late} {
			if err := s.ReplayDelivery(t.Context(), e.ID, d.EventID); err != nil {
				t.Fatal(err)
			}
			s.deliverAll(t, e)
			if got := h.heard(t, e.Secret); len(got) != 1 || got[0].header.Get("Webhook-Id") != d.EventID {
				t.Errorf("the replay brought %+v", got)
			}
		}
		for _, ids := range [][2]string{{"pep_none", d.EventID}, {late.ID, "pevt_none"}} {
			if err := s.ReplayDelivery(t.Context(), ids[0], ids[1]); !errors.Is(err, payments.ErrNotFound) {
				t.Errorf("replay of %v: %v", ids, err)
			}
		}
	})
}

func TestEndpointIsGone(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, store payments.Store) {
		s, h := newTeller(t, store), newHost(t)
		endpoint := s.endpoint(t, h.url)
		h.answers(http.StatusGone)
		s.premiumEnds(t, "ada")
		s.premiumEnds(t, "bob")
		s.deliverAll(t, endpoint)
		failed := s.deliveries(t, endpoint, payments.DeliveryFailed)
		if len(failed) != 2 || failed[0].ResponseStatus != 410 || failed[1].Attempts != 0 {
			t.Errorf("failed: %+v", failed)
		}
		if posts := h.heard(t, endpoint.Secret); len(posts) != 1 {
			t.Errorf("%d posts, want the one that was answered 410", len(posts))
		}
		gone := s.reload(t, endpoint)
		if gone.DisabledAt == nil || !strings.Contains(gone.DisabledReason, "410") {
			t.Errorf("the endpoint is %+v", gone)
		}
		s.premiumEnds(t, "eve")
		if all := s.deliveries(t, endpoint, ""); len(all) != 2 {
			t.Errorf("a disabled endpoint is to hear: %+v", all)
		}
		if _, err := s.ReplayFailed(t.Context(), endpoint.ID, time.Time{}); !errors.Is(err, payments.ErrConflict) {
			t.Errorf("a replay to a disabled endpoint: %v", err)
		}
		h.answers(http.StatusOK)
		enabled := true
		if _, err := s.UpdateEndpoint(t.Context(), endpoint.ID, payments.UpdateEndpointParams{Enabled: &enabled}); err != nil {
			t.Fatal(err)
		}
		if n, err := s.ReplayFailed(t.Context(), endpoint.ID, time.Time{}); n != 2 || err != nil {
			t.Errorf("replayed %d: %v", n, err)
		}
		s.deliverAll(t, endpoint)
		if posts := h.heard(t, endpoint.Secret); len(posts) != 2 {
			t.Errorf("%d posts after the replay", len(posts))
		}
	})
}

// An endpoint that fails for five days on end is disabled; until then it rests
// between attempts, and whatever waits for it waits too.
func TestEndpointFailsForDays(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, store payments.Store) {
		s, h := newTeller(t, store), newHost(t)
		endpoint := s.endpoint(t, h.url)
		h.answers(http.StatusBadGateway)
		for i := range 10 {
			s.premiumEnds(t, fmt.Sprint("user", i))
		}
		s.deliverAll(t, endpoint)
		if posts := h.heard(t, endpoint.Secret); len(posts) != 3 {
			t.Errorf("%d posts before it rests, want 3", len(posts))
		}
		resting := s.reload(t, endpoint)
		if resting.RestsUntil == nil || !resting.RestsUntil.After(s.clock()) {
			t.Fatalf("the endpoint is %+v", resting)
		}
		waiting := s.deliveries(t, endpoint, payments.DeliveryPending)[9]
		if wait := s.deliver(t, waiting); wait < resting.RestsUntil.Sub(s.clock()) || waiting.Attempts != 0 {
			t.Errorf("waits for %s until the end of the rest, %+v", wait, waiting)
		}
		for day := range 7 {
			if e := s.reload(t, endpoint); (e.DisabledAt != nil) != (day > 5) {
				t.Fatalf("on day %d it is %+v", day, e)
			}
			s.premiumEnds(t, fmt.Sprint("day", day))
			s.deliverAll(t, endpoint)
			s.pass(24 * time.Hour)
		}
		if e := s.reload(t, endpoint); !strings.Contains(e.DisabledReason, "five days") {
			t.Errorf("the endpoint is %+v", e)
		}
	})
}

// While a secret changes both sign, then the new one alone.
func TestSecretsRotate(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, store payments.Store) {
		s, h := newTeller(t, store), newHost(t)
		endpoint := s.endpoint(t, h.url)
		rotate := func(overlap time.Duration) payments.Endpoint {
			t.Helper()
			rotated, err := s.RotateEndpointSecret(t.Context(), endpoint.ID, overlap)
			if err != nil {
				t.Fatal(err)
			}
			return rotated
		}
		expect := func(what string, good map[string]bool) {
			t.Helper()
			s.premiumEnds(t, what)
			s.deliverAll(t, endpoint)
			h.mu.Lock()
			defer h.mu.Unlock()
			if len(h.posts) != 1 {
				t.Fatalf("%s: %d posts", what, len(h.posts))
			}
			for secret, want := range good {
				if err := verify(t, h.posts[0], secret); (err == nil) != want {
					t.Errorf("%s: verified with %v, want %t", what, err, want)
				}
			}
			h.posts = nil
		}
		second := rotate(24 * time.Hour)
		expect("both", map[string]bool{endpoint.Secret: true, second.Secret: true})
		s.pass(24 * time.Hour)
		expect("the new one", map[string]bool{endpoint.Secret: false, second.Secret: true})
		third := rotate(0)
		expect("at once", map[string]bool{second.Secret: false, third.Secret: true})
		for _, overlap := range []time.Duration{-1, 169 * time.Hour} {
			if _, err := s.RotateEndpointSecret(t.Context(), endpoint.ID, overlap); !errors.Is(err, payments.ErrInvalid) {
				t.Errorf("an overlap of %s: %v", overlap, err)
			}
		}
	})
}

// An endpoint hears what it asked for, from its creation on.
func TestEndpointsHearTheirTypes(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, store payments.Store) {
		s, h := newTeller(t, store), newHost(t)
		s.premiumEnds(t, "before")
		all := s.endpoint(t, h.url)
		some := s.endpoint(t, h.url, payments.OutboundPremiumChanged, payments.OutboundPaymentFailed, payments.OutboundPremiumChanged)
		other := s.endpoint(t, h.url, payments.OutboundPaymentFailed)
		s.premiumEnds(t, "ada")
		for _, c := range []struct {
			endpoint payments.Endpoint
			want     int
		}{{all, 1}, {some, 1}, {other, 0}} {
			if got := s.deliveries(t, c.endpoint, ""); len(got) != c.want {
				t.Errorf("%v is to hear %+v", c.endpoint.Types, got)
			}
		}
		want := []payments.OutboundType{payments.OutboundPaymentFailed, payments.OutboundPremiumChanged}
		if diff := cmp.Diff(want, some.Types); diff != "" {
			t.Errorf("the types (-want +got):\n%s", diff)
		}
		left := s.deliveries(t, all, "")[0]
		if err := s.DeleteEndpoint(t.Context(), all.ID); err != nil {
			t.Fatal(err)
		}
		if wait := s.deliver(t, left); wait != 0 || len(h.heard(t, all.Secret)) != 0 {
			t.Error("an endpoint that was deleted heard something")
		}
		if err := s.DeleteEndpoint(t.Context(), all.ID); !errors.Is(err, payments.ErrNotFound) {
			t.Errorf("deleted twice: %v", err)
		}
	})
}

// A delivery that is cut off by a shutdown is no failure of the host's.
func TestShutdownIsNoFailure(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, store payments.Store) {
		s, came := newTeller(t, store), make(chan struct{})
		silent := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			close(came)
			<-r.Context().Done()
		}))
		t.Cleanup(silent.Close)
		endpoint := s.endpoint(t, silent.URL)
		s.premiumEnds(t, "ada")
		d := s.deliveries(t, endpoint, "")[0]
		ctx, stop := context.WithCancel(t.Context())
		go func() {
			<-came
			stop()
		}()
		err := s.Work(ctx, payments.DeliverOutbound{EndpointID: d.EndpointID, EventID: d.EventID}, payments.Attempt{Number: 1})
		if !errors.Is(err, context.Canceled) {
			t.Errorf("the job ended with %v", err)
		}
		if got := s.deliveries(t, endpoint, "")[0]; got.Attempts != 0 || s.reload(t, endpoint).Failures != 0 {
			t.Errorf("the delivery is %+v", got)
		}
	})
}

func TestEndpointsThatAreNone(t *testing.T) {
	t.Parallel()
	s := newTeller(t, storetest.SQLite(t))
	for _, c := range []struct {
		p     payments.CreateEndpointParams
		field string
	}{
		{payments.CreateEndpointParams{}, "url"},
		{payments.CreateEndpointParams{URL: "app.example.com/hooks"}, "url"},
		{payments.CreateEndpointParams{URL: "ftp://app.example.com"}, "url"},
		{payments.CreateEndpointParams{URL: "https://:443/hooks"}, "url"},
		{payments.CreateEndpointParams{URL: "https:app.example.com"}, "url"},
		{payments.CreateEndpointParams{URL: "https://user:secret@app.example.com"}, "url"},
		{payments.CreateEndpointParams{URL: "https://app.example.com/#part"}, "url"},
		{payments.CreateEndpointParams{URL: "https://app.example.com/\n"}, "url"},
		{payments.CreateEndpointParams{URL: "https://app.example.com/" + strings.Repeat("x", 2000)}, "url"},
		{payments.CreateEndpointParams{URL: "https://app.example.com", Description: strings.Repeat("x", 501)}, "description"},
		{payments.CreateEndpointParams{URL: "https://app.example.com", Types: []payments.OutboundType{"charge.succeeded"}}, "types"},
	} {
		_, err := s.CreateEndpoint(t.Context(), c.p)
		var told *payments.Error
		if !errors.As(err, &told) || !errors.Is(err, payments.ErrInvalid) || len(told.Fields) != 1 || told.Fields[0].Field != c.field {
			t.Errorf("%+v: %v, want a fault of %s", c.p, err, c.field)
		}
	}
	for range payments.MaxEndpoints {
		s.endpoint(t, "http://localhost:8000/hooks?token=t")
	}
	if _, err := s.CreateEndpoint(t.Context(), payments.CreateEndpointParams{URL: "http://localhost"}); !errors.Is(err, payments.ErrConflict) {
		t.Errorf("one endpoint too many: %v", err)
	}
	wrong := "nowhere"
	if _, err := s.UpdateEndpoint(t.Context(), "pep_none", payments.UpdateEndpointParams{}); !errors.Is(err, payments.ErrNotFound) {
		t.Errorf("a change of none: %v", err)
	}
	list, err := s.Endpoints(t.Context())
	if err != nil || len(list) != payments.MaxEndpoints {
		t.Fatalf("%d endpoints, %v", len(list), err)
	}
	if _, err := s.UpdateEndpoint(t.Context(), list[0].ID, payments.UpdateEndpointParams{URL: &wrong}); !errors.Is(err, payments.ErrInvalid) {
		t.Errorf("a wrong change: %v", err)
	}
	if got := s.reload(t, list[0]); got.URL == wrong {
		t.Error("the wrong change was stored")
	}
	if _, err := s.Deliveries(t.Context(), payments.DeliveryFilter{EndpointID: list[0].ID, Status: "lost"}); !errors.Is(err, payments.ErrInvalid) {
		t.Errorf("a wrong status: %v", err)
	}
	if _, err := s.Deliveries(t.Context(), payments.DeliveryFilter{EndpointID: "pep_none"}); !errors.Is(err, payments.ErrNotFound) {
		t.Errorf("deliveries to none: %v", err)
	}
}
