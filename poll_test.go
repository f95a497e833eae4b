package payments_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/numerai-app/payments"
	"github.com/numerai-app/payments/internal/storetest"
)

// poll polls until the end of Stripe's list and does the reading that is asked
// for. It returns how many runs that took.
func (l *life) poll(t *testing.T, s modelService) (runs int) {
	t.Helper()
	for runs = 1; ; runs++ {
		err := s.Work(t.Context(), payments.PollEvents{}, payments.Attempt{Number: 1, Last: true})
		var more *payments.SnoozeError
		if err == nil {
			l.deliver(t, s, nil)
			return runs
		} else if !errors.As(err, &more) {
			t.Fatal(err)
		}
	}
}

// subscribed is a user with a subscription that was paid, of which nobody told.
func (l *life) subscribed(t *testing.T, user string) (subscription string) {
	t.Helper()
	l.users = append(l.users, user)
	customer := l.call(t, "POST", "/v1/customers", "metadata[user_id]="+user)["id"].(string)
	method := l.call(t, "POST", "/v1/payment_methods/pm_card_visa/attach", "customer="+customer)["id"].(string)
	return l.call(t, "POST", "/v1/subscriptions", "customer="+customer+"&items[0][price]="+l.prices[0]+"&default_payment_method="+method)["id"].(string)
}

// listProxy is a way to Stripe that meddles with the list of events.
type listProxy struct {
	url string

	mu       sync.Mutex
	limit    string // of a page; empty: as asked
	hidden   string // events with this text in them are not visible yet
	gone     bool   // no event is known by its id any more
	requests []url.Values
	fail     func(query url.Values) bool
}

func newListProxy(t *testing.T, base string) *listProxy {
	t.Helper()
	target, err := url.Parse(base)
	if err != nil {
		t.Fatal(err)
	}
	p := &listProxy{}
	forward := httputil.NewSingleHostReverseProxy(target)
	forward.ModifyResponse = p.hide
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/v1/events" {
			if refused := p.pass(r); refused != 0 {
				w.Header().Set("Content-Type", "application/json")
				w.WriteHeader(refused)
				_, _ = io.WriteString(w, `{"error":{"type":"invalid_request_error","code":"resource_missing","param":"ending_before"}}`)
				return
			}
		}
		forward.ServeHTTP(w, r)
	}))
	t.Cleanup(api.Close)
	p.url = api.URL
	return p
}

// pass notes a request and says with which status it is refused, if any.
func (p *listProxy) pass(r *http.Request) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	query := r.URL.Query()
	p.requests = append(p.requests, query)
	if p.limit != "" && query.Get("limit") == "100" {
		query.Set("limit", p.limit)
		r.URL.RawQuery = query.Encode()
	}
	switch {
	case p.fail != nil && p.fail(query):
		return http.StatusServiceUnavailable
	case p.gone && query.Has("ending_before"):
		return http.StatusBadRequest
	}
	return 0
}

func (p *listProxy) hide(r *http.Response) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if r.Request.URL.Path != "/v1/events" || p.hidden == "" || r.StatusCode != http.StatusOK {
		return nil
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return err
	}
	var list map[string]json.RawMessage
	var all, visible []json.RawMessage
	if err := errors.Join(json.Unmarshal(body, &list), json.Unmarshal(list["data"], &all)); err != nil {
		return err
	}
	for _, event := range all {
		if !bytes.Contains(event, []byte(p.hidden)) {
			visible = append(visible, event)
		}
	}
	if list["data"], err = json.Marshal(append([]json.RawMessage{}, visible...)); err != nil {
		return err
	}
	if body, err = json.Marshal(list); err != nil {
		return err
	}
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	r.Header.Del("Content-Length")
	return nil
}

// set changes how it meddles.
func (p *listProxy) set(change func(p *listProxy)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	change(p)
}

// sources counts the stored events by how they arrived.
func sources(t *testing.T, s modelService) map[payments.EventSource]int {
	t.Helper()
	events, err := s.Events(t.Context(), payments.EventFilter{Limit: 1000})
	if err != nil {
		t.Fatal(err)
	}
	count := map[payments.EventSource]int{}
	for _, event := range events {
		count[event.Source]++
	}
	return count
}

// TestPollAlone plays random lives of which no webhook tells: polling every ten
// days ends in the same state as hearing each event at once.
func TestPollAlone(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, store payments.Store) {
		for seed := range uint64(3) {
			l := newLife(t, rand.New(rand.NewPCG(seed, 11)))
			proxy := newListProxy(t, l.url)
			proxy.limit = "7"
			polled := l.via(t, storetest.Another(t, store), proxy.url, 0)
			l.days = func() { l.poll(t, polled) }
			for _, user := range []string{"user0", "user1"} {
				l.users = append(l.users, user)
				l.playUser(t, user)
			}
			l.await(t)
			l.poll(t, polled)
			l.days = nil
			got := l.state(t, polled)
			l.checkAgainstStripe(t, got)
			told := l.service(t, storetest.Another(t, store))
			l.deliver(t, told, l.events)
			if diff := cmp.Diff(l.state(t, told), got, withoutOurOwn...); diff != "" {
				t.Errorf("seed %d ends in another state (-told +polled):\n%s", seed, diff)
			}
			if count := sources(t, polled); count[payments.SourceWebhook] > 0 || count[payments.SourcePoll] == 0 {
				t.Errorf("events by their sources: %v", count)
			}
		}
	})
}

// TestPollSeesLateEvents checks that an event that becomes visible behind one
// that was listed is received, and that what is listed twice counts once.
func TestPollSeesLateEvents(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, store payments.Store) {
		l := someLife(t)
		proxy := newListProxy(t, l.url)
		s := l.via(t, store, proxy.url, 0)
		l.subscribed(t, "early")
		l.poll(t, s)
		known := sources(t, s)
		proxy.set(func(p *listProxy) { p.hidden = `"invoice.paid"` })
		l.subscribed(t, "late")
		l.poll(t, s)
		l.advance(t, time.Minute)
		proxy.set(func(p *listProxy) { p.hidden = "" })
		l.poll(t, s)
		l.advance(t, time.Minute)
		l.poll(t, s)
		if got := sources(t, s); got[payments.SourcePoll] != 2*known[payments.SourcePoll] {
			t.Errorf("%d events, after %d for the same history", got[payments.SourcePoll], known[payments.SourcePoll])
		}
		if events := typed(t, s, "invoice.paid"); len(events) != 2 {
			t.Errorf("%d of two paid invoices were heard of", len(events))
		}
		l.checkAgainstStripe(t, l.state(t, s))
	})
}

func typed(t *testing.T, s modelService, name string) []payments.Event {
	t.Helper()
	events, err := s.Events(t.Context(), payments.EventFilter{Type: name, Limit: 1000})
	if err != nil {
		t.Fatal(err)
	}
	return events
}

// TestPollAfterALongGap checks that after more than Stripe's 30 days the
// objects of the known customers are read: their events are gone.
func TestPollAfterALongGap(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, store payments.Store) {
		l := someLife(t)
		s := l.via(t, store, l.url, 0)
		l.subscribed(t, "u1")
		ending := l.subscribed(t, "u2")
		l.poll(t, s)
		l.call(t, "POST", "/v1/subscriptions/"+ending, "cancel_at_period_end=true")
		charge := l.call(t, "GET", "/v1/charges", "limit=1")["data"].([]any)[0].(map[string]any)["id"].(string)
		l.call(t, "POST", "/v1/refunds", "amount=100&charge="+charge)
		l.advance(t, 75*24*time.Hour)
		l.poll(t, s)
		state := l.state(t, s)
		l.checkAgainstStripe(t, state)
		for user, want := range map[string]int{"u1": 3, "u2": 2} { // two renewals; a refund
			if got := state.History[user]; len(got) != want {
				t.Errorf("%s has %d rows of billing history, want %d: %+v", user, len(got), want, got)
			}
		}
	})
}

// TestPollCursorUnknown checks that a list in which the last known event is not
// any more is read from its beginning, and the customers are read.
func TestPollCursorUnknown(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, store payments.Store) {
		l := someLife(t)
		s := l.via(t, store, l.url, 0)
		l.subscribed(t, "u1")
		l.poll(t, s)
		poll := cursor(t, store)
		poll.Anchor, poll.Head = "evt_of_another_account", "evt_of_another_account"
		if err := store.Update(t.Context(), func(tx payments.Tx) error { return tx.PutEventPoll(t.Context(), poll) }); err != nil {
			t.Fatal(err)
		}
		l.subscribed(t, "u2")
		if err := s.Work(t.Context(), payments.PollEvents{}, payments.Attempt{Number: 1}); err != nil {
			t.Fatal(err)
		}
		err := store.View(t.Context(), func(tx payments.Tx) error {
			known, err := tx.Customer(t.Context(), "u1")
			if err != nil {
				return err
			}
			_, err = tx.Refresh(t.Context(), known.StripeCustomerID)
			return err
		})
		if err != nil {
			t.Fatalf("the known customer is not read: %v", err)
		}
		l.poll(t, s)
		l.checkAgainstStripe(t, l.state(t, s))
	})
}

// TestPollOfAQuietAccount checks that a newest event that grows old calls for
// no reading: nothing was missed.
func TestPollOfAQuietAccount(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, store payments.Store) {
		l := someLife(t)
		s := l.via(t, store, l.url, 0)
		subscription := l.subscribed(t, "u1")
		l.call(t, "DELETE", "/v1/subscriptions/"+subscription, "")
		l.poll(t, s)
		proxy := newListProxy(t, l.url)
		s = l.via(t, store, proxy.url, 0)
		for range 4 {
			l.advance(t, 10*24*time.Hour)
			l.poll(t, s)
		}
		proxy.set(func(p *listProxy) { p.gone = true })
		for range 2 {
			l.poll(t, s)
			if poll := cursor(t, store); poll.Reread || poll.Head != "" || poll.Next != "" || l.sim.Now().Sub(poll.PolledAt) > time.Minute {
				t.Errorf("the poll stands at %+v", poll)
			}
		}
		proxy.set(func(p *listProxy) { p.gone = false })
		l.subscribed(t, "u2")
		l.poll(t, s)
		l.checkAgainstStripe(t, l.state(t, s))
	})
}

func cursor(t *testing.T, store payments.Store) (poll payments.EventPoll) {
	t.Helper()
	err := store.View(t.Context(), func(tx payments.Tx) (err error) {
		poll, err = tx.EventPoll(t.Context())
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return poll
}

// TestBacklogSeesLateEvents checks that what becomes visible late is found also
// where the list was long, so that it was read in several runs, or where
// Stripe stopped to answer in between.
func TestBacklogSeesLateEvents(t *testing.T) {
	t.Parallel()
	for name, stops := range map[string]bool{"long": false, "interrupted": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			storetest.Each(t, func(t *testing.T, store payments.Store) {
				l := someLife(t)
				proxy := newListProxy(t, l.url)
				s := l.via(t, store, proxy.url, 0)
				l.subscribed(t, "u0")
				l.poll(t, s)
				proxy.set(func(p *listProxy) { p.limit, p.hidden = "2", `"invoice.paid"` })
				users := 14
				if stops {
					users = 2
				}
				for i := range users {
					l.subscribed(t, fmt.Sprint("late", i))
				}
				if stops {
					answered := 0
					proxy.set(func(p *listProxy) { p.fail = func(url.Values) bool { answered++; return answered > 2 } })
					err := s.Work(t.Context(), payments.PollEvents{}, payments.Attempt{Number: 1, Last: true})
					if !errors.Is(err, payments.ErrUnavailable) {
						t.Fatalf("without an answer: %v, want ErrUnavailable", err)
					}
				}
				proxy.set(func(p *listProxy) { p.fail = nil })
				if runs := l.poll(t, s); runs == 1 && !stops {
					t.Fatal("the list was not long")
				}
				proxy.set(func(p *listProxy) { p.hidden = "" })
				l.poll(t, s)
				if events := typed(t, s, "invoice.paid"); len(events) != users+1 {
					t.Errorf("%d of %d paid invoices were heard of", len(events), users+1)
				}
			})
		})
	}
}

// TestPollInterrupted checks that a poll that Stripe does not answer to the end
// keeps what it has, goes on there, and loses nothing.
func TestPollInterrupted(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, store payments.Store) {
		l := someLife(t)
		proxy := newListProxy(t, l.url)
		s := l.via(t, store, proxy.url, 0)
		l.subscribed(t, "u0")
		l.poll(t, s)
		l.subscribed(t, "u1")
		l.subscribed(t, "u2")
		answered := 0
		proxy.set(func(p *listProxy) {
			p.limit = "3"
			p.fail = func(url.Values) bool { answered++; return answered > 2 }
		})
		before := cursor(t, store)
		err := s.Work(t.Context(), payments.PollEvents{}, payments.Attempt{Number: 1, Last: true})
		if !errors.Is(err, payments.ErrUnavailable) {
			t.Fatalf("without an answer: %v, want ErrUnavailable", err)
		}
		after := cursor(t, store)
		if after.Next == "" || after.Anchor != before.Anchor || !after.PolledAt.Equal(before.PolledAt) {
			t.Errorf("the poll stands at %+v, before at %+v", after, before)
		}
		proxy.set(func(p *listProxy) { p.fail, p.requests = nil, nil })
		l.poll(t, s)
		proxy.set(func(p *listProxy) {
			if got := p.requests[0].Get("ending_before"); got != after.Next {
				t.Errorf("it goes on after %s, want %s", got, after.Next)
			}
		})
		l.checkAgainstStripe(t, l.state(t, s))
	})
}

// TestPollInRuns checks that a long list is read in bounded runs, and only the
// types that are used are asked for.
func TestPollInRuns(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, store payments.Store) {
		l := someLife(t)
		proxy := newListProxy(t, l.url)
		s := l.via(t, store, proxy.url, 0)
		l.subscribed(t, "u0")
		l.poll(t, s)
		proxy.limit = "1"
		for _, user := range []string{"u1", "u2", "u3", "u4", "u5", "u6", "u7", "u8"} {
			l.subscribed(t, user)
		}
		if runs := l.poll(t, s); runs < 2 || runs > 4 {
			t.Errorf("it took %d runs", runs)
		}
		l.checkAgainstStripe(t, l.state(t, s))
		proxy.set(func(p *listProxy) {
			for _, query := range p.requests {
				if len(query["types"])+len(query["types[]"])+len(query["types[0]"]) == 0 || query.Has("type") {
					t.Fatalf("a request for all types: %v", query)
				}
			}
		})
	})
}

// TestOverdueSubscriptions checks that a subscription whose period is over is
// read when no news came, once an hour.
func TestOverdueSubscriptions(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, store payments.Store) {
		l := someLife(t)
		proxy := newListProxy(t, l.url)
		s := l.via(t, store, proxy.url, 0)
		id := l.subscribed(t, "u1")
		l.poll(t, s)
		proxy.set(func(p *listProxy) { p.hidden = `"pending_webhooks"` })
		month := subscriptionOf(t, store, id)
		wished := func() bool {
			t.Helper()
			if err := s.Work(t.Context(), payments.PollEvents{}, payments.Attempt{Number: 1}); err != nil {
				t.Fatal(err)
			}
			return nil == store.View(t.Context(), func(tx payments.Tx) error {
				_, err := tx.Refresh(t.Context(), id)
				return err
			})
		}
		l.days = func() { l.poll(t, s) }
		l.advance(t, month.CurrentPeriodEnd.Sub(l.sim.Now())+30*time.Minute)
		l.days = nil
		if wished() {
			t.Error("half an hour after the period it is wished for")
		}
		l.advance(t, time.Hour)
		if !wished() {
			t.Fatal("an hour after the period it is not wished for")
		}
		l.deliver(t, s, nil)
		renewed := subscriptionOf(t, store, id)
		if !renewed.CurrentPeriodEnd.After(*month.CurrentPeriodEnd) {
			t.Errorf("the period still ends at %v", renewed.CurrentPeriodEnd)
		}
		if err := store.Update(t.Context(), func(tx payments.Tx) error { return tx.PutSubscription(t.Context(), month) }); err != nil {
			t.Fatal(err)
		}
		if wished() {
			t.Error("it is wished for twice in an hour")
		}
		l.advance(t, time.Hour)
		if !wished() {
			t.Error("an hour later it is not wished for again")
		}
	})
}

func subscriptionOf(t *testing.T, store payments.Store, id string) (subscription payments.Subscription) {
	t.Helper()
	err := store.View(t.Context(), func(tx payments.Tx) (err error) {
		subscription, err = tx.Subscription(t.Context(), id)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return subscription
}

// TestSilentWebhooks checks that people are told when only the poll finds what
// happens, and not while webhooks come.
func TestSilentWebhooks(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	l := someLife(t)
	s := l.logging(t, storetest.SQLite(t), slog.New(slog.NewTextHandler(&log, nil)))
	heard := 0
	happen := func(user string, after time.Duration) int {
		t.Helper()
		l.advance(t, after)
		l.subscribed(t, user)
		l.poll(t, s)
		return strings.Count(log.String(), "no webhook has brought one")
	}
	for i, step := range []struct {
		after time.Duration
		told  bool // by a webhook
		want  int  // warnings so far
	}{
		{0, false, 0},
		{10 * time.Minute, false, 0},
		{6 * time.Minute, false, 1},
		{30 * time.Minute, false, 1},
		{31 * time.Minute, false, 2},
		{0, true, 2},
		{2 * time.Hour, true, 2},
		{time.Minute, false, 2},
		{16 * time.Minute, false, 3},
	} {
		if step.told {
			l.advance(t, step.after)
			l.miss(t, &heard)
			l.subscribed(t, "told"+string(rune('a'+i)))
			l.hear(t, s, &heard)
			l.poll(t, s)
		} else if got := happen("untold"+string(rune('a'+i)), step.after); got != step.want {
			t.Errorf("after step %d people were warned %d times, want %d:\n%s", i, got, step.want, log.String())
		}
	}
}
