package api_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/numerai-app/payments"
	"github.com/numerai-app/payments/internal/api"
	"github.com/numerai-app/payments/internal/storetest"
)

// TestMutatedEvents sends events that Stripe could not have sent, but that are
// signed as its own: no answer says that the fault is ours, what was taken is on
// record, and no user is left with half of what an event says.
func TestMutatedEvents(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		open  func(testing.TB) payments.Store
		count int
	}{
		"sqlite":   {func(t testing.TB) payments.Store { return storetest.SQLite(t) }, 10_000},
		"postgres": {func(t testing.TB) payments.Store { return storetest.Postgres(t) }, 1_000},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t, options{store: test.open(t)})
			m := newMutator(t, b.prices["premium"])
			customers := b.known(t, test.count)
			taken := map[string]bool{}
			for n := range test.count {
				body := m.event(n)
				switch status := b.post(t, body); {
				case status == http.StatusOK:
					taken[eventID(body)] = true
				case status < http.StatusBadRequest || status >= http.StatusInternalServerError:
					t.Fatalf("answered %d: %q", status, body)
				}
			}
			if len(taken) < test.count/10 || len(taken) > test.count*9/10 {
				t.Errorf("%d of %d were taken: the mutations are too wild or too tame", len(taken), test.count)
			}
			b.checkTaken(t, taken, customers)
		})
	}
}

// known makes a user of each customer that some events are about.
func (b *testBundle) known(t *testing.T, events int) (customers []string) {
	t.Helper()
	now := time.Now().UTC()
	for n := 0; n < events; n += lifeLength {
		customers = append(customers, named("cus_1A", n))
	}
	err := b.store.Update(t.Context(), func(tx payments.Tx) error {
		for _, id := range customers {
			err := tx.PutCustomer(t.Context(), payments.Customer{
				User: payments.User{ID: "user of " + id}, StripeCustomerID: id, Plan: payments.FreePlan, CreatedAt: now, UpdatedAt: now,
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return customers
}

func (b *testBundle) post(t *testing.T, body []byte) int {
	t.Helper()
	sent := httptest.NewRequestWithContext(t.Context(), http.MethodPost, api.Prefix+"webhook/", strings.NewReader(string(body)))
	sent.Header.Set("Stripe-Signature", signature(string(body), webhookSecret, time.Now()))
	w := httptest.NewRecorder()
	b.handler.ServeHTTP(w, sent)
	return w.Code
}

// checkTaken: what was taken is on record, and what is stored of each user is
// the rule's answer over what is stored of the subscriptions.
func (b *testBundle) checkTaken(t *testing.T, taken map[string]bool, customers []string) {
	t.Helper()
	processed, premium := 0, 0
	err := b.store.View(t.Context(), func(tx payments.Tx) error {
		for id := range taken {
			event, err := tx.Event(t.Context(), id)
			if err != nil {
				t.Errorf("%q was taken: %v", id, err)
			}
			if event.Status == payments.EventProcessed {
				processed++
			}
		}
		for _, id := range customers {
			customer, err := tx.Customer(t.Context(), "user of "+id)
			if err != nil {
				return err
			}
			state, err := b.service.SubscriptionStatus(t.Context(), customer.ID)
			if err != nil {
				return err
			}
			if customer.IsPremium != state.IsPremium || customer.Plan != state.Plan {
				t.Errorf("%s is stored as %t %s, and the rule says %t %s", customer.ID, customer.IsPremium, customer.Plan, state.IsPremium, state.Plan)
			}
			if state.IsPremium {
				premium++
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if processed < len(taken)/10 || premium == 0 || premium == len(customers) {
		t.Errorf("%d of %d events were applied, and %d of %d users are premium: this shows little", processed, len(taken), premium, len(customers))
	}
}

func eventID(body []byte) string {
	var event struct {
		ID string `json:"id"`
	}
	_ = json.Unmarshal(body, &event)                // what was taken is JSON
	return strings.ReplaceAll(event.ID, "\x00", "") // which no text of PostgreSQL may hold
}

// lifeLength is how many events are about one customer's objects.
const lifeLength = 20

// named is an id, or all ids in a body, of the life that event n belongs to.
func named(ids string, n int) string {
	return strings.ReplaceAll(ids, "_1A", fmt.Sprintf("_%d", n/lifeLength))
}

// mutator makes events out of those that Stripe has sent.
type mutator struct {
	chance *rand.Rand
	bodies []string
}

func newMutator(t *testing.T, price string) *mutator {
	t.Helper()
	files, err := filepath.Glob("../stripe/testdata/20*/*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("no events to start from: %v", err)
	}
	m := &mutator{chance: rand.New(rand.NewPCG(1, 2))}
	for _, file := range files {
		body, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		// Objects of a test clock would only be read from Stripe.
		m.bodies = append(m.bodies, strings.NewReplacer("price_1A", price, `"clock_1A"`, "null").Replace(string(body)))
	}
	return m
}

// odd are values that no one expects.
func (m *mutator) odd(n int) any {
	odd := []any{
		nil, true, "", "x", "\x00", "a\x00b", "\ufffd\u202e", strings.Repeat("long", 1000), -1, 0, 0.5, 1e300, -1e300, json.Number("1e999"),
		json.Number("9223372036854775808"), json.Number("253402300800"), json.Number("-253402300800"),
		[]any{},
		map[string]any{},
		[]any{[]any{nil}},
		map[string]any{"id": "x"},
		map[string]any{"": map[string]any{"": nil}},
		fmt.Sprintf("id_%d", n), named("cus_1A", m.chance.IntN(n+1)),
		"active", "canceled", "paid", "void", "succeeded", "invoice", "customer.subscription.deleted", json.Number(strings.Repeat("[", 200) + strings.Repeat("]", 200)),
	}
	return odd[m.chance.IntN(len(odd))]
}

// event makes one: each has another id, for the most part, and up to three
// things are wrong with it.
func (m *mutator) event(n int) []byte {
	body := named(m.bodies[m.chance.IntN(len(m.bodies))], n)
	if m.chance.IntN(5) == 0 {
		return m.scramble([]byte(body))
	}
	var event map[string]any
	if err := json.Unmarshal([]byte(body), &event); err != nil {
		return nil
	}
	event["id"] = fmt.Sprintf("evt_%d", n)
	event["created"] = 1_774_500_000 + m.chance.IntN(1000)
	if object := event["data"].(map[string]any)["object"].(map[string]any); event["type"] == "customer.subscription.updated" {
		object["status"] = []string{"active", "trialing", "past_due", "unpaid"}[m.chance.IntN(4)]
	}
	for range m.chance.IntN(4) {
		m.mutate(event, n)
	}
	mutated, err := json.Marshal(event)
	if err != nil {
		return m.scramble([]byte(body)) // a number that is none
	}
	return mutated
}

// mutate changes, drops or adds one thing somewhere inside a value.
func (m *mutator) mutate(value any, n int) {
	switch v := value.(type) {
	case map[string]any:
		names := slices.Sorted(maps.Keys(v))
		if len(names) == 0 {
			return
		}
		name := names[m.chance.IntN(len(names))]
		if nested(v[name]) && m.chance.IntN(5) > 0 {
			m.mutate(v[name], n)
			return
		}
		if v[name] = m.odd(n); m.chance.IntN(4) == 0 {
			delete(v, name)
		}
	case []any:
		if len(v) > 0 {
			m.mutate(v[m.chance.IntN(len(v))], n)
		}
	}
}

func nested(value any) bool {
	switch value.(type) {
	case map[string]any, []any:
		return true
	}
	return false
}

// scramble changes some bytes, or cuts the end off.
func (m *mutator) scramble(body []byte) []byte {
	scrambled := slices.Clone(body)
	for range 1 + m.chance.IntN(4) {
		scrambled[m.chance.IntN(len(scrambled))] = byte(m.chance.IntN(256))
	}
	if m.chance.IntN(3) == 0 {
		scrambled = scrambled[:m.chance.IntN(len(scrambled))]
	}
	return scrambled
}
