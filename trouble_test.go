package payments_test

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/numerai-app/payments"
	"github.com/numerai-app/payments/internal/store"
	"github.com/numerai-app/payments/internal/storetest"
)

// TestTroubleEndsAlike lets random histories happen while one or three
// processes listen. A part of what Stripe tells is lost, and found by the poll;
// the rest comes twice, in disorder, many at once, in both shapes, with events
// among it that cannot be read. In the end the rows are those of a delivery in
// order, say what Stripe's own objects say, and keep what the project promises.
//
// PAYMENTS_HISTORIES says how many are played on each database; make soak plays
// ten thousand.
func TestTroubleEndsAlike(t *testing.T) {
	t.Parallel()
	most := 20 // which take a minute under the race detector
	if asked := os.Getenv("PAYMENTS_HISTORIES"); asked != "" {
		var err error
		if most, err = strconv.Atoi(asked); err != nil {
			t.Fatalf("PAYMENTS_HISTORIES: %v", err)
		}
	}
	storetest.Each(t, func(t *testing.T, engine payments.Store) {
		g := newGround(t, engine)
		histories := 0
		rapid.Check(t, func(r *rapid.T) {
			chance := &script{numbers: rapid.SliceOfN(rapid.IntRange(0, 1<<10), 1, 300).Draw(r, "chance")}
			processes := rapid.SampledFrom([]int{1, 3}).Draw(r, "processes")
			// Each history cleans up after itself.
			if histories++; histories > most && !t.Failed() {
				return
			}
			if !t.Run(fmt.Sprint("history ", histories), func(t *testing.T) { g.suffer(t, chance, processes) }) {
				r.Fatal("the history does not end as it should")
			}
		})
	})
}

// chance decides what happens.
type chance interface {
	// IntN is a number below n.
	IntN(n int) int
	Shuffle(n int, swap func(i, j int))
}

// script is chance that was drawn before, over and over.
type script struct {
	numbers []int
	read    int
}

func (s *script) IntN(n int) int {
	s.read++
	return (s.numbers[s.read%len(s.numbers)] + s.read/len(s.numbers)) % n
}

func (s *script) Shuffle(n int, swap func(i, j int)) {
	for i := n - 1; i > 0; i-- {
		swap(i, s.IntN(i+1))
	}
}

// ground is where histories are played, one after another: the stores of the
// processes that listen, on one database, and one for a delivery in order.
type ground struct {
	processes []*store.Store
	inOrder   *store.Store
}

func newGround(t *testing.T, engine payments.Store) ground {
	t.Helper()
	return ground{storetest.Shared(t, engine, 3), storetest.Another(t, engine)}
}

// suffer plays one history.
func (g ground) suffer(t *testing.T, by chance, processes int) {
	t.Helper()
	storetest.Empty(t, g.inOrder)
	storetest.Empty(t, g.processes[0])
	l := newLife(t, by)
	var services []modelService
	watch := &watched{rule: payments.Rule{Plans: l.plans(t)}, now: l.sim.Now}
	t.Cleanup(func() { watch.keepJournal(t) })
	for _, process := range g.processes[:processes] {
		services = append(services, l.service(t, watch.store(process)))
	}
	heard := 0
	l.days = func() { l.trouble(t, services, &heard) }
	for _, user := range []string{"user0", "user1"} {
		l.users = append(l.users, user)
		l.playUser(t, user)
	}
	l.await(t)
	l.trouble(t, services, &heard)
	l.days = nil
	l.end()
	got := l.state(t, services[0])
	l.checkAgainstStripe(t, got)
	l.checkInvariants(t, services[0], got)
	watch.checkTold(t, got)
	inOrder := l.service(t, g.inOrder)
	l.deliver(t, inOrder, l.events)
	if diff := cmp.Diff(l.state(t, inOrder), got, withoutOurOwn...); diff != "" {
		t.Fatalf("trouble ends in another state (-in order +this):\n%s", diff)
	}
}

// trouble delivers what was told since the last time, as badly as can be, and
// then lets a poll find the rest.
func (l *life) trouble(t *testing.T, services []modelService, heard *int) {
	t.Helper()
	fresh := l.fresh(heard)
	type delivery struct {
		to   modelService
		body []byte
	}
	var deliveries []delivery
	for _, event := range fresh {
		if l.random.IntN(4) == 0 {
			continue // it is lost
		}
		for range 1 + l.random.IntN(2) {
			deliveries = append(deliveries, delivery{services[l.random.IntN(len(services))], event.shapes[l.random.IntN(2)]})
		}
	}
	if l.random.IntN(4) == 0 {
		id := fmt.Sprintf("evt_poison%d", len(l.poison))
		l.poison = append(l.poison, id)
		body := fmt.Appendf(nil, poisonBody, id, l.sim.Now().Unix())
		deliveries = append(deliveries, delivery{services[0], body})
	}
	l.random.Shuffle(len(deliveries), func(i, j int) { deliveries[i], deliveries[j] = deliveries[j], deliveries[i] })
	var sent sync.WaitGroup
	for _, d := range deliveries {
		sent.Go(func() {
			for {
				err := d.to.ReceiveEvent(t.Context(), d.body, signed(d.body))
				if err == nil {
					return
				} else if !errors.Is(err, payments.ErrUnavailable) { // else Stripe sends it again
					t.Error(err)
					return
				}
			}
		})
	}
	sent.Wait()
	days := l.days
	l.days = nil
	l.poll(t, services[l.random.IntN(len(services))])
	l.days = days
}

// poisonBody is an event that cannot be read: a status is a word. It takes an id
// and a time.
const poisonBody = `{"id": %q, "object": "event", "api_version": "2026-03-25.dahlia", "created": %d, "livemode": false,
	"type": "customer.subscription.updated", "data": {"object": {"id": "sub_poison", "object": "subscription", "status": 17}}}`

// fresh are the events since the last time that have arrived in both shapes, in
// the order of their making: what becomes of each is then the same when a
// history is played again.
func (l *life) fresh(heard *int) []lifeEvent {
	l.mu.Lock()
	defer l.mu.Unlock()
	from := *heard
	for *heard < len(l.events) && l.events[*heard].shapes[0] != nil && l.events[*heard].shapes[1] != nil {
		*heard++
	}
	fresh := slices.Clone(l.events[from:*heard])
	slices.SortFunc(fresh, func(a, b lifeEvent) int { return strings.Compare(a.id, b.id) }) // ids count up
	return fresh
}

// end says that what happens from now on is no part of the history.
func (l *life) end() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ended = true
	l.events = slices.DeleteFunc(l.events, func(e lifeEvent) bool { return e.shapes[0] == nil || e.shapes[1] == nil })
	slices.SortFunc(l.events, func(a, b lifeEvent) int { return int(a.turn - b.turn) })
}
