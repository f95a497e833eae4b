package payments_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/numerai-app/payments"
	"github.com/numerai-app/payments/internal/storetest"
	"github.com/numerai-app/payments/internal/stripe"
	"github.com/numerai-app/payments/stripesim"
)

// TestAnyOrderEndsAlike plays random lives of a few users at the offline
// Stripe, and delivers what it tells in random order, twice, each event in the
// old shape or the new one. Whatever the order, the rows end as those of a
// delivery in order, and say what Stripe's own objects say.
func TestAnyOrderEndsAlike(t *testing.T) {
	t.Parallel()
	const seeds = 12
	storetest.Each(t, func(t *testing.T, store payments.Store) {
		for seed := range uint64(seeds) {
			t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
				t.Parallel()
				life := playLife(t, rand.New(rand.NewPCG(seed, 7)))
				inOrder := life.service(t, storetest.Another(t, store))
				life.deliver(t, inOrder, life.events)
				want := life.state(t, inOrder)
				life.checkAgainstStripe(t, want)
				for round := range 2 {
					shuffled := append(slices.Clone(life.events), life.events...)
					life.random.Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
					service := life.service(t, storetest.Another(t, store))
					life.deliver(t, service, shuffled)
					if diff := cmp.Diff(want, life.state(t, service), withoutOurOwn...); diff != "" {
						t.Fatalf("order %d ends in another state (-in order +this):\n%s", round, diff)
					}
				}
			})
		}
	})
}

// lifeEvent is an event in both shapes.
type lifeEvent struct {
	id            string
	shapes        [2][]byte
	created, turn int64
}

// life is what happened at the offline Stripe.
type life struct {
	sim    *stripesim.Simulator
	url    string
	random chance
	prices []string
	users  []string

	// days is called at each step of the clock, if it is set.
	days func()
	// poison are events that cannot be read.
	poison []string

	mu     sync.Mutex
	ended  bool // what happens now is no part of it
	events []lifeEvent
}

// modelService is a service with the store beneath it.
type modelService struct {
	*payments.Service
	store payments.Store
}

var modelPlans = []string{"basic", "premium", "elite"}

// newLife is an offline Stripe with three prices, where nothing happened yet.
func newLife(t *testing.T, random chance) *life {
	t.Helper()
	sim, err := stripesim.New(stripesim.Config{})
	if err != nil {
		t.Fatal(err)
	}
	api := httptest.NewServer(sim)
	l := &life{sim: sim, url: api.URL, random: random}
	receiver := httptest.NewServer(http.HandlerFunc(l.collect))
	t.Cleanup(func() {
		if err := sim.Close(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
		api.Close()
		receiver.Close()
	})
	l.call(t, "POST", "/v1/webhook_endpoints", "enabled_events[]=*&url="+receiver.URL+"/1")
	l.call(t, "POST", "/v1/webhook_endpoints", "enabled_events[]=*&api_version=2024-06-20&url="+receiver.URL+"/0")
	for i, plan := range modelPlans {
		price := l.call(t, "POST", "/v1/prices", fmt.Sprintf("currency=usd&unit_amount=%d&recurring[interval]=month&product_data[name]=%s", 999+1000*i, plan))
		l.prices = append(l.prices, price["id"].(string))
	}
	return l
}

func playLife(t *testing.T, random *rand.Rand) *life {
	t.Helper()
	l := newLife(t, random)
	for i := range 2 {
		user := fmt.Sprint("user", i)
		l.users = append(l.users, user)
		l.playUser(t, user)
	}
	l.await(t)
	l.end()
	return l
}

// playUser lets a user's customer live through random things.
func (l *life) playUser(t *testing.T, user string) {
	t.Helper()
	customer := l.call(t, "POST", "/v1/customers", "metadata[user_id]="+user)["id"].(string)
	attach := func(token string) string {
		return l.call(t, "POST", "/v1/payment_methods/"+token+"/attach", "customer="+customer)["id"].(string)
	}
	subscribe := func(token, behaviour string) map[string]any {
		form := fmt.Sprintf("customer=%s&items[0][price]=%s&payment_behavior=%s&metadata[user_id]=%s", customer, l.prices[l.random.IntN(3)], behaviour, user)
		if token != "" {
			form += "&default_payment_method=" + attach(token)
		}
		return l.call(t, "POST", "/v1/subscriptions", form)
	}
	var subscription map[string]any
	switch l.random.IntN(5) {
	case 0:
		subscription = subscribe("pm_card_visa", "allow_incomplete")
	case 1:
		subscription = subscribe("pm_card_chargeCustomerFail", "allow_incomplete")
		l.tryCall("POST", "/v1/invoices/"+subscription["latest_invoice"].(string)+"/pay", "payment_method="+attach("pm_card_visa"))
	case 2:
		subscription = subscribe("", "default_incomplete")
		if l.random.IntN(2) == 0 {
			l.confirm(t, customer)
		}
	case 3:
		subscription = subscribe("pm_card_visa", "allow_incomplete")
		l.call(t, "POST", "/v1/subscriptions/"+subscription["id"].(string), "cancel_at_period_end=true")
	case 4:
		subscription = subscribe("", "allow_incomplete&trial_period_days=3&trial_settings[end_behavior][missing_payment_method]=pause")
		l.advance(t, 4*24*time.Hour)
		if l.random.IntN(2) == 0 {
			path := "/v1/subscriptions/" + subscription["id"].(string)
			l.call(t, "POST", path, "default_payment_method="+attach("pm_card_visa"))
			l.tryCall("POST", path+"/resume", "billing_cycle_anchor=now")
		}
	}
	id := subscription["id"].(string)
	for range 4 {
		switch l.random.IntN(10) {
		case 0:
			l.advance(t, 31*24*time.Hour+2*time.Hour)
		case 1:
			l.tryCall("POST", "/v1/subscriptions/"+id, "default_payment_method="+attach("pm_card_chargeCustomerFail"))
			l.advance(t, 32*24*time.Hour)
		case 2:
			l.refund(t, customer)
		case 3:
			l.tryCall("POST", "/v1/subscriptions/"+id, "metadata[note]=changed")
			l.tryCall("POST", "/v1/subscriptions/"+id, "cancel_at_period_end=true")
			l.tryCall("POST", "/v1/subscriptions/"+id, "cancel_at_period_end=false")
		case 4:
			l.tryCall("DELETE", "/v1/subscriptions/"+id, "")
		case 5:
			l.tryCall("POST", "/v1/payment_intents", "amount=700&currency=usd&confirm=true&customer="+customer+"&payment_method="+attach("pm_card_visa"))
		case 6: // another plan: up, down or the same
			l.tryCall("POST", "/v1/subscriptions/"+id, fmt.Sprintf("items[0][id]=%s&items[0][price]=%s&proration_behavior=%s",
				l.itemOf(t, id), l.prices[l.random.IntN(3)], prorations[l.random.IntN(len(prorations))]))
		case 7: // another number of seats
			l.tryCall("POST", "/v1/subscriptions/"+id, fmt.Sprintf("items[0][id]=%s&items[0][quantity]=%d&proration_behavior=%s",
				l.itemOf(t, id), 1+l.random.IntN(4), prorations[l.random.IntN(len(prorations))]))
		case 8:
			l.tryCall("POST", "/v1/payment_intents", "amount=800&currency=usd&confirm=true&customer="+customer+"&payment_method="+attach("pm_card_createDispute"))
			l.dispute(t, customer)
		case 9:
			l.tryCall("POST", "/v1/subscriptions/"+id, fmt.Sprintf("proration_behavior=none&trial_end=%d", l.sim.Now().Add(5*24*time.Hour).Unix()))
			l.advance(t, 3*24*time.Hour)
		}
	}
	if l.random.IntN(4) == 0 {
		l.call(t, "DELETE", "/v1/customers/"+customer, "")
	}
}

var prorations = []string{"always_invoice", "create_prorations", "none"}

// itemOf is the item of a subscription.
func (l *life) itemOf(t *testing.T, subscription string) string {
	t.Helper()
	items := l.call(t, "GET", "/v1/subscriptions/"+subscription, "")["items"].(map[string]any)["data"].([]any)
	return items[0].(map[string]any)["id"].(string)
}

// dispute answers what a payer objects to, or does not.
func (l *life) dispute(t *testing.T, customer string) {
	t.Helper()
	verdict := l.random.IntN(3)
	if verdict == 2 {
		return
	}
	for _, row := range l.call(t, "GET", "/v1/charges", "limit=100&customer="+customer)["data"].([]any) {
		charge := row.(map[string]any)
		if charge["disputed"] != true {
			continue
		}
		for _, dispute := range l.call(t, "GET", "/v1/disputes", "charge="+charge["id"].(string))["data"].([]any) {
			evidence := []string{"winning_evidence", "losing_evidence"}[verdict]
			l.tryCall("POST", "/v1/disputes/"+dispute.(map[string]any)["id"].(string), "submit=true&evidence[uncategorized_text]="+evidence)
		}
	}
	l.advance(t, time.Minute)
}

// confirm pays what a browser would.
func (l *life) confirm(t *testing.T, customer string) {
	t.Helper()
	for _, row := range l.call(t, "GET", "/v1/payment_intents", "limit=100&customer="+customer)["data"].([]any) {
		l.tryCall("POST", "/v1/payment_intents/"+row.(map[string]any)["id"].(string)+"/confirm", "payment_method=pm_card_visa")
	}
}

// refund takes back a part of a charge, or all of it.
func (l *life) refund(t *testing.T, customer string) {
	t.Helper()
	for _, row := range l.call(t, "GET", "/v1/charges", "limit=100&customer="+customer)["data"].([]any) {
		form := "charge=" + row.(map[string]any)["id"].(string)
		if l.random.IntN(2) == 0 {
			form += "&amount=100"
		}
		if l.tryCall("POST", "/v1/refunds", form) == http.StatusOK {
			return
		}
	}
}

// advance moves the clock, a few days at a time: what was told has to arrive
// meanwhile, since Stripe lists events for 30 days only.
func (l *life) advance(t *testing.T, d time.Duration) {
	t.Helper()
	for d > 0 {
		step := min(d, 10*24*time.Hour)
		l.await(t)
		if l.days != nil {
			l.days()
		}
		if err := l.sim.Advance(t.Context(), step); err != nil {
			t.Fatal(err)
		}
		d -= step
	}
}

// collect takes the events that the simulator delivers.
func (l *life) collect(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, payments.MaxEventSize))
	var envelope struct {
		ID      string `json:"id"`
		Created int64  `json:"created"`
	}
	if err != nil || json.Unmarshal(body, &envelope) != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ended {
		return
	}
	at := slices.IndexFunc(l.events, func(e lifeEvent) bool { return e.id == envelope.ID })
	if at < 0 {
		at = len(l.events)
		l.events = append(l.events, lifeEvent{id: envelope.ID, created: envelope.Created, turn: int64(at)})
	}
	l.events[at].shapes[r.URL.Path[1]-'0'] = body
}

// await waits until every event has arrived in both shapes.
func (l *life) await(t *testing.T) {
	t.Helper()
	deadline := time.NewTimer(30 * time.Second)
	defer deadline.Stop()
	look := time.NewTicker(10 * time.Millisecond)
	defer look.Stop()
	for {
		left := l.call(t, "GET", "/v1/events", "limit=100&delivery_success=false")["data"].([]any)
		if len(left) == 0 {
			return
		}
		select {
		case <-look.C:
		case <-deadline.C:
			t.Fatalf("%d events were not delivered in time", len(left))
		}
	}
}

func (l *life) call(t *testing.T, method, path, form string) map[string]any {
	t.Helper()
	status, answer := l.do(method, path, form)
	if status != http.StatusOK {
		t.Fatalf("%s %s: %d %v", method, path, status, answer)
	}
	return answer
}

// tryCall makes a call that Stripe may refuse.
func (l *life) tryCall(method, path, form string) int {
	status, _ := l.do(method, path, form)
	return status
}

func (l *life) do(method, path, form string) (int, map[string]any) {
	target := l.url + path
	if method == http.MethodGet {
		target += "?" + form
	}
	request, err := http.NewRequestWithContext(context.Background(), method, target, strings.NewReader(form))
	if err != nil {
		return 0, nil
	}
	request.SetBasicAuth("sk_test_model", "")
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, map[string]any{"error": err.Error()}
	}
	defer response.Body.Close()
	var answer map[string]any
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
		return 0, map[string]any{"error": err.Error()}
	}
	return response.StatusCode, answer
}

func (l *life) service(t *testing.T, store payments.Store) modelService {
	t.Helper()
	client, err := stripe.New(stripe.Config{SecretKey: "sk_test_model", WebhookSecrets: []string{webhookSecret}, APIBase: l.url})
	if err != nil {
		t.Fatal(err)
	}
	service, err := payments.New(payments.Config{Store: store, Stripe: client, Plans: l.plans(t), Now: l.sim.Now})
	if err != nil {
		t.Fatal(err)
	}
	return modelService{service, store}
}

// plans are those behind the prices.
func (l *life) plans(t *testing.T) payments.Plans {
	t.Helper()
	var list []payments.Plan
	for i, id := range modelPlans {
		list = append(list, payments.Plan{ID: id, Rank: i + 1, Prices: []string{l.prices[i]}})
	}
	plans, err := payments.NewPlans(list)
	if err != nil {
		t.Fatal(err)
	}
	return plans
}

// deliver hands events over, one shape or the other, and then does all the work
// that follows: what is tried again may call for reads, and these wake others.
func (l *life) deliver(t *testing.T, s modelService, events []lifeEvent) {
	t.Helper()
	for _, event := range events {
		body := event.shapes[l.random.IntN(2)]
		if err := s.ReceiveEvent(t.Context(), body, signed(body)); err != nil {
			t.Fatal(err)
		}
	}
	for round := 0; ; round++ {
		retried := false
		for _, event := range l.pending(t, s) {
			if event.WaitsFor == "" && !slices.Contains(l.poison, event.ID) { // a job of its own, or a read, sees to it
				retried = true
				if err := s.Work(t.Context(), payments.RetryEvent{EventID: event.ID}, payments.Attempt{Number: 1}); err != nil {
					t.Fatal(err)
				}
			}
		}
		due := l.due(t, s) // those too that were wished for just now
		if len(due) == 0 && !retried {
			return
		}
		if round > 20 {
			t.Fatalf("work that never ends: %+v", due)
		}
		for _, wish := range due {
			err := s.Work(t.Context(), payments.RefreshObject{ObjectID: wish.ID}, payments.Attempt{Number: 1})
			var snooze *payments.SnoozeError
			if errors.As(err, &snooze) {
				l.advance(t, snooze.For)
			} else if err != nil {
				t.Fatal(err)
			}
		}
	}
}

// pending are the events that are not settled yet.
func (l *life) pending(t *testing.T, s modelService) (pending []payments.Event) {
	t.Helper()
	err := s.store.View(t.Context(), func(tx payments.Tx) (err error) {
		pending, err = tx.Events(t.Context(), payments.EventFilter{Status: payments.EventPending, Limit: 1000})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return pending
}

// due are the reads that are wished for within a day.
func (l *life) due(t *testing.T, s modelService) (due []payments.Refresh) {
	t.Helper()
	err := s.store.View(t.Context(), func(tx payments.Tx) (err error) {
		due, err = tx.DueRefreshes(t.Context(), l.sim.Now().Add(24*time.Hour), 1000)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return due
}

// modelState is all that must not depend on the order of events.
type modelState struct {
	Subscriptions map[string][]payments.Subscription
	History       map[string][]payments.BillingEntry
	Payments      map[string]payments.Payment
	Customers     map[string]payments.Customer
	Pending       int
}

func (l *life) state(t *testing.T, s modelService) modelState {
	t.Helper()
	ctx := t.Context()
	state := modelState{
		Subscriptions: map[string][]payments.Subscription{}, History: map[string][]payments.BillingEntry{},
		Payments: map[string]payments.Payment{}, Customers: map[string]payments.Customer{},
	}
	intents := l.objects(t, "/v1/payment_intents")
	err := s.store.View(ctx, func(tx payments.Tx) error {
		for _, user := range l.users {
			subscriptions, err := tx.SubscriptionsOf(ctx, user)
			if err != nil {
				return err
			}
			for i := range subscriptions { // two reads may be of two moments
				subscriptions[i].Version, subscriptions[i].PlanVersion = payments.Version{}, payments.Version{}
			}
			state.Subscriptions[user] = subscriptions
			entries, _, err := tx.BillingHistory(ctx, user, 0, 100)
			if err != nil {
				return err
			}
			slices.SortFunc(entries, func(a, b payments.BillingEntry) int { return strings.Compare(a.Source, b.Source) })
			state.History[user] = entries
			customer, err := tx.Customer(ctx, user)
			if err != nil {
				return err
			}
			customer.CreatedAt, customer.UpdatedAt = time.Time{}, time.Time{}
			state.Customers[user] = customer
		}
		for _, row := range intents {
			id := row["id"].(string)
			payment, err := tx.Payment(ctx, id)
			if errors.Is(err, payments.ErrNotFound) {
				continue
			} else if err != nil {
				return err
			}
			state.Payments[id] = payment
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	pending, err := s.Events(ctx, payments.EventFilter{Status: payments.EventPending})
	if err != nil {
		t.Fatal(err)
	}
	for _, event := range pending {
		if !slices.Contains(l.poison, event.ID) {
			state.Pending++
		}
	}
	return state
}

// objects are all of a list of Stripe's.
func (l *life) objects(t *testing.T, path string) (all []map[string]any) {
	t.Helper()
	for form := "limit=100"; ; form = "limit=100&starting_after=" + all[len(all)-1]["id"].(string) {
		page := l.call(t, "GET", path, form)
		for _, row := range page["data"].([]any) {
			all = append(all, row.(map[string]any))
		}
		if page["has_more"] != true {
			return all
		}
	}
}

// checkAgainstStripe compares the rows with Stripe's own objects: what
// subscriptions are and of what, and what each user has paid.
func (l *life) checkAgainstStripe(t *testing.T, state modelState) {
	t.Helper()
	if state.Pending != 0 {
		t.Errorf("%d events are still pending", state.Pending)
	}
	paid := map[string]int64{}
	owner := map[string]string{}
	for user, subscriptions := range state.Subscriptions {
		for _, s := range subscriptions {
			owner[s.StripeCustomerID] = user
			there := l.call(t, "GET", "/v1/subscriptions/"+s.StripeSubscriptionID, "")
			item := there["items"].(map[string]any)["data"].([]any)[0].(map[string]any)
			price, quantity := item["price"].(map[string]any)["id"], item["quantity"].(float64)
			if there["status"] != string(s.Status) || price != s.Price || int64(quantity) != s.Quantity {
				t.Errorf("%s is %s, %d of %s, at Stripe %v, %v of %v", s.StripeSubscriptionID, s.Status, s.Quantity, s.Price, there["status"], quantity, price)
			}
		}
	}
	whose := map[string]string{} // of each charge
	for _, charge := range l.objects(t, "/v1/charges") {
		whose[charge["id"].(string)] = owner[charge["customer"].(string)]
		if charge["status"] == "succeeded" {
			paid[owner[charge["customer"].(string)]] += int64(charge["amount"].(float64) - charge["amount_refunded"].(float64))
		}
	}
	for _, dispute := range l.objects(t, "/v1/disputes") {
		if dispute["status"] == "lost" {
			paid[whose[dispute["charge"].(string)]] -= int64(dispute["amount"].(float64))
		}
	}
	for user, entries := range state.History {
		var sum int64
		for _, entry := range entries {
			if entry.Status == payments.BillingPaid {
				sum += entry.Amount
			}
		}
		if sum != paid[user] {
			t.Errorf("the history of %s says %d paid, Stripe's charges %d: %+v", user, sum, paid[user], entries)
		}
	}
}
