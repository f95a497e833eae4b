package payments_test

import (
	"bytes"
	"fmt"
	"regexp"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/numerai-app/payments"
	"github.com/numerai-app/payments/internal/storetest"
)

// notebook is an observer that writes down what it is told.
type notebook struct {
	mu    sync.Mutex
	notes []string
}

func (n *notebook) note(format string, args ...any) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.notes = append(n.notes, fmt.Sprintf(format, args...))
}

// read returns what was noted since the last time.
func (n *notebook) read() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	notes := n.notes
	n.notes = nil
	return notes
}

func (n *notebook) EventReceived(e payments.Event) { n.note("received %s by %s", e.ID, e.Source) }

func (n *notebook) EventStored(e payments.Event, lag time.Duration) {
	n.note("stored %s after %s", e.ID, lag.Truncate(time.Minute))
}

func (n *notebook) EventRepeated(e payments.Event) { n.note("repeated %s", e.ID) }

func (n *notebook) EventHandled(e payments.Event, outcome payments.Outcome) {
	n.note("%s %s", outcome, e.ID)
}

func (n *notebook) BatchBegan(events int) func(error) {
	return func(err error) { n.note("wrote %d, error %v", events, err != nil) }
}

func (n *notebook) ObjectRead(reason string, err error) { n.note("read for %s, error %v", reason, err) }

func (n *notebook) JobBegan(kind string) func(error) {
	return func(err error) { n.note("worked %s, error %v", kind, err != nil) }
}

func (n *notebook) DeliveryTried(status payments.DeliveryStatus) { n.note("delivery %s", status) }

// eventID finds the id of an event in its body.
var eventID = regexp.MustCompile(`evt_\w+`)

// staysOn is where a subscription says that it goes on.
var staysOn = regexp.MustCompile(`"cancel_at_period_end":\s*false`)

// TestObserverIsTold follows events through all that may become of them.
func TestObserverIsTold(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, store payments.Store) {
		l := someLife(t)
		n := &notebook{}
		s := l.with(t, payments.Config{Store: store, Observer: n}, l.url)
		heard := 0
		subscription := l.subscribed(t, "u1")
		l.hear(t, s, &heard)
		n.read()
		updated := func(form string) []byte {
			l.advance(t, 3*time.Second)
			l.call(t, "POST", "/v1/subscriptions/"+subscription, form)
			l.await(t)
			events := l.fresh(&heard)
			slices.Reverse(events)
			at := slices.IndexFunc(events, func(e lifeEvent) bool {
				return bytes.Contains(e.shapes[0], []byte(`"customer.subscription.updated"`))
			})
			if at < 0 {
				t.Fatalf("%s made no event", form)
			}
			return events[at].shapes[0]
		}
		older, newer := updated("cancel_at_period_end=true"), updated("cancel_at_period_end=false")
		l.advance(t, 5*time.Minute)
		told := func(what string, do func() error, want ...string) {
			t.Helper()
			if err := do(); err != nil {
				t.Fatalf("%s: %v", what, err)
			}
			if diff := cmp.Diff(want, n.read()); diff != "" {
				t.Errorf("%s (-want +got):\n%s", what, diff)
			}
		}
		receive := func(body []byte, id string) func() error {
			body = eventID.ReplaceAll(body, []byte(id))
			return func() error { return s.ReceiveEvent(t.Context(), body, signed(body)) }
		}
		told("news", receive(newer, "evt_newer"),
			"received evt_newer by webhook", "wrote 1, error false", "stored evt_newer after 5m0s", "applied evt_newer")
		told("the same again", receive(newer, "evt_newer"),
			"received evt_newer by webhook", "wrote 1, error false", "repeated evt_newer")
		told("what is older", receive(older, "evt_older"),
			"received evt_older by webhook", "wrote 1, error false", "stored evt_older after 5m0s", "stale evt_older")

		other := staysOn.ReplaceAll(newer, []byte(`"cancel_at_period_end":true`))
		if bytes.Equal(other, newer) {
			t.Fatal("the event does not say whether the subscription ends")
		}
		told("another word of the same moment", receive(other, "evt_tie"),
			"received evt_tie by webhook", "wrote 1, error false", "stored evt_tie after 5m0s", "deferred evt_tie")
		told("the read", func() error {
			return s.Work(t.Context(), payments.RefreshObject{ObjectID: subscription}, payments.Attempt{Number: 1})
		}, "read for tie, error <nil>", "refreshed evt_tie", "worked refresh_object, error false")

		nameless := bytes.ReplaceAll(newer, []byte(`"`+subscription+`"`), []byte(`""`))
		told("poison", receive(nameless, "evt_poison"),
			"received evt_poison by webhook", "stored evt_poison after 5m0s", "deferred evt_poison")
		if err := s.Work(t.Context(), payments.RetryEvent{EventID: "evt_poison"}, payments.Attempt{Number: 12, Last: true}); err == nil {
			t.Error("a subscription without an id was applied")
		}
		told("the last try", func() error { return nil }, "failed evt_poison", "worked retry_event, error true")
	})
}
