package payments_test

import (
	"cmp"
	"context"
	"errors"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"testing"
	"time"

	"github.com/numerai-app/payments"
	"github.com/numerai-app/payments/internal/storetest"
	"github.com/numerai-app/payments/internal/stripe"
	"github.com/numerai-app/payments/stripesim"
)

// via is the service with a way to Stripe of its own, which does not wait
// between tries.
func (l *life) via(t *testing.T, store payments.Store, base string, grace time.Duration) modelService {
	t.Helper()
	return l.with(t, payments.Config{Store: store, GracePeriod: grace}, base)
}

// logging is the service that tells people what they should know.
func (l *life) logging(t *testing.T, store payments.Store, log *slog.Logger) modelService {
	t.Helper()
	return l.with(t, payments.Config{Store: store, Logger: log}, l.url)
}

func newClient(t *testing.T, base string) *stripe.Client {
	t.Helper()
	client, err := stripe.New(stripe.Config{
		SecretKey: "sk_test_model", WebhookSecrets: []string{webhookSecret}, APIBase: base,
		Sleep: func(context.Context, time.Duration) error { return nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	return client
}

func (l *life) with(t *testing.T, config payments.Config, base string) modelService {
	t.Helper()
	if config.Stripe == nil {
		config.Stripe = newClient(t, base)
	}
	config.Plans, config.Now = l.plans(t), l.sim.Now
	service, err := payments.New(config)
	if err != nil {
		t.Fatal(err)
	}
	return modelService{service, config.Store}
}

func someLife(t *testing.T) *life {
	t.Helper()
	return newLife(t, rand.New(rand.NewPCG(1, 2)))
}

// hear delivers what was told since the last time.
func (l *life) hear(t *testing.T, s modelService, heard *int) {
	t.Helper()
	l.await(t)
	l.deliver(t, s, l.fresh(heard))
}

// miss loses what was told since the last time.
func (l *life) miss(t *testing.T, heard *int) {
	t.Helper()
	l.await(t)
	l.mu.Lock()
	defer l.mu.Unlock()
	*heard = len(l.events)
}

// TestContactChangesMeanwhile checks that a customer whose creation was not
// answered is not made again when the user's address is known by then.
func TestContactChangesMeanwhile(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, store payments.Store) {
		l := someLife(t)
		s := l.via(t, store, l.url, 0)
		if err := l.sim.AddFault(stripesim.Fault{Method: "POST", Path: "/v1/customers", Kind: "lost", Count: 4}); err != nil {
			t.Fatal(err)
		}
		p := payments.CreateSubscriptionParams{User: payments.User{ID: "u1"}, Plan: "basic", PaymentMethodID: "pm_card_visa"}
		if _, err := s.CreateSubscription(t.Context(), p); !errors.Is(err, payments.ErrUnavailable) {
			t.Fatalf("without an answer: %v, want ErrUnavailable", err)
		}
		p.User.Email = "ada@example.com"
		if _, err := s.CreateSubscription(t.Context(), p); err != nil {
			t.Fatal(err)
		}
		if got := l.call(t, "GET", "/v1/customers", "limit=10")["data"].([]any); len(got) != 1 {
			t.Errorf("%d customers, want 1", len(got))
		}
	})
}

// TestStoredFailure checks that a failure that Stripe repeats for its key does
// not keep the user out until Stripe forgets it.
func TestStoredFailure(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, store payments.Store) {
		l := someLife(t)
		target, err := url.Parse(l.url)
		if err != nil {
			t.Fatal(err)
		}
		proxy := httputil.NewSingleHostReverseProxy(target)
		failed := ""
		api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			key := r.Header.Get("Idempotency-Key")
			if r.Method != http.MethodPost || r.URL.Path != "/v1/subscriptions" || failed != "" && key != failed {
				proxy.ServeHTTP(w, r)
				return
			}
			w.Header().Set("Content-Type", "application/json")
			if failed == key {
				w.Header().Set("Idempotent-Replayed", "true")
			}
			failed = key
			w.WriteHeader(http.StatusInternalServerError)
			_, _ = w.Write([]byte(`{"error":{"type":"api_error","message":"An unknown error occurred"}}`))
		}))
		defer api.Close()
		s := l.via(t, store, api.URL, 0)
		p := payments.CreateSubscriptionParams{User: payments.User{ID: "u1"}, Plan: "basic", PaymentMethodID: "pm_card_visa"}
		if _, err := s.CreateSubscription(t.Context(), p); !errors.Is(err, payments.ErrUnavailable) {
			t.Fatalf("a stored failure: %v, want ErrUnavailable", err)
		}
		if created, err := s.CreateSubscription(t.Context(), p); err != nil || created.Status != payments.StatusActive {
			t.Fatalf("the next request: %+v, %v", created, err)
		}
	})
}

// TestVoidedUntold checks that an invoice that Stripe voids, of which no event
// arrives, does not stay failed, and does not start a grace period
// too early.
func TestVoidedUntold(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, store payments.Store) {
		l, heard := someLife(t), 0
		s := l.via(t, store, l.url, 72*time.Hour)
		customer := l.call(t, "POST", "/v1/customers", "metadata[user_id]=u1")["id"].(string)
		good := l.call(t, "POST", "/v1/payment_methods/pm_card_visa/attach", "customer="+customer)["id"].(string)
		bad := l.call(t, "POST", "/v1/payment_methods/pm_card_chargeCustomerFail/attach", "customer="+customer)["id"].(string)
		id := l.call(t, "POST", "/v1/subscriptions", "customer="+customer+"&items[0][price]="+l.prices[0]+"&metadata[user_id]=u1&default_payment_method="+good)["id"].(string)
		l.call(t, "POST", "/v1/subscriptions/"+id, "default_payment_method="+bad)
		l.advance(t, 31*24*time.Hour+2*time.Hour)
		l.hear(t, s, &heard)
		open := l.call(t, "GET", "/v1/subscriptions/"+id, "")["latest_invoice"].(string)
		l.call(t, "POST", "/v1/invoices/"+open+"/void", "")
		l.miss(t, &heard)
		l.advance(t, 30*24*time.Hour)
		l.hear(t, s, &heard)
		state, err := s.SubscriptionStatus(t.Context(), "u1")
		if err != nil || !state.IsPremium || state.Reason != payments.ReasonGrace {
			t.Errorf("status %+v, %v: want the grace of the second failure", state.Premium, err)
		}
		page, err := s.BillingHistory(t.Context(), payments.BillingHistoryParams{UserID: "u1"})
		if err != nil {
			t.Fatal(err)
		}
		statuses := map[string]payments.BillingStatus{}
		for _, entry := range page.Entries {
			statuses[entry.Source] = entry.Status
		}
		if statuses[open] != payments.BillingVoid {
			t.Errorf("the voided invoice is %q in the history %v", statuses[open], statuses)
		}
	})
}

// TestWishesOutliveAnOutage checks that a read that Stripe did not answer for
// long is not given up.
func TestWishesOutliveAnOutage(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, store payments.Store) {
		l := someLife(t)
		s := l.via(t, store, "http://127.0.0.1:1", 0)
		err := store.Update(t.Context(), func(tx payments.Tx) error {
			return tx.PutRefresh(t.Context(), payments.Refresh{
				Ref: payments.Ref{Kind: payments.KindSubscription, ID: "sub_1"}, Wishes: 1, Reason: "test", DueAt: l.sim.Now(), Queued: true,
			})
		})
		if err != nil {
			t.Fatal(err)
		}
		err = s.Work(t.Context(), payments.RefreshObject{ObjectID: "sub_1"}, payments.Attempt{Number: payments.MaxAttempts, Last: true})
		if !errors.Is(err, payments.ErrUnavailable) {
			t.Fatalf("work: %v, want ErrUnavailable", err)
		}
		err = store.View(t.Context(), func(tx payments.Tx) error {
			_, err := tx.Refresh(t.Context(), "sub_1")
			return err
		})
		if err != nil {
			t.Errorf("the wish is gone: %v", err)
		}
	})
}

// TestWishesOutliveARefusal checks that a read which Stripe refused for long,
// as with a key that was revoked, is made in the end: nothing else would tell.
func TestWishesOutliveARefusal(t *testing.T) {
	t.Parallel()
	refusing := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusUnauthorized)
		_, _ = io.WriteString(w, `{"error":{"type":"invalid_request_error","message":"Expired API Key provided"}}`)
	}))
	t.Cleanup(refusing.Close)
	storetest.Each(t, func(t *testing.T, store payments.Store) {
		l := someLife(t)
		s, refused := l.via(t, store, l.url, 0), l.via(t, store, refusing.URL, 0)
		subscription := l.subscribed(t, "u1")
		wish := payments.Refresh{Ref: payments.Ref{Kind: payments.KindSubscription, ID: subscription}, Wishes: 1, Reason: "test", DueAt: l.sim.Now(), Queued: true}
		if err := store.Update(t.Context(), func(tx payments.Tx) error { return tx.PutRefresh(t.Context(), wish) }); err != nil {
			t.Fatal(err)
		}
		job, last := payments.RefreshObject{ObjectID: subscription}, payments.Attempt{Number: payments.MaxAttempts, Last: true}
		if err := refused.Work(t.Context(), job, last); err == nil || errors.Is(err, payments.ErrUnavailable) {
			t.Fatalf("work: %v, want the refusal", err)
		}
		l.advance(t, 7*time.Hour)
		if err := s.Work(t.Context(), payments.Sweep{}, payments.Attempt{Number: 1, Last: true}); err != nil {
			t.Fatal(err)
		}
		err := store.View(t.Context(), func(tx payments.Tx) (err error) {
			wish, err = tx.Refresh(t.Context(), subscription)
			return err
		})
		if err != nil || !wish.Queued {
			t.Fatalf("after some hours the wish is %+v, %v: want a job for it", wish, err)
		}
		if err := s.Work(t.Context(), job, payments.Attempt{Number: 1}); err != nil {
			t.Fatal(err)
		}
		status, err := s.SubscriptionStatus(t.Context(), "u1")
		if err != nil || !status.IsPremium {
			t.Errorf("status %+v, %v: want it premium", status.Premium, err)
		}
	})
}

// TestNewerWishIsNotGivenUp checks that a read which failed for the last time
// leaves alone what was wished for meanwhile.
func TestNewerWishIsNotGivenUp(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, store payments.Store) {
		l := someLife(t)
		wish := payments.Refresh{Ref: payments.Ref{Kind: payments.KindInvoice, ID: "in_1"}, Wishes: 1, Reason: "test", DueAt: l.sim.Now(), Queued: true}
		put := func(r payments.Refresh) {
			t.Helper()
			if err := store.Update(t.Context(), func(tx payments.Tx) error { return tx.PutRefresh(t.Context(), r) }); err != nil {
				t.Fatal(err)
			}
		}
		put(wish)
		meanwhile := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			newer := wish
			newer.Wishes = 2
			put(newer)
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusUnauthorized)
			_, _ = io.WriteString(w, `{"error":{"type":"invalid_request_error","message":"Expired API Key provided"}}`)
		}))
		t.Cleanup(meanwhile.Close)
		s := l.via(t, store, meanwhile.URL, 0)
		err := s.Work(t.Context(), payments.RefreshObject{ObjectID: "in_1"}, payments.Attempt{Number: payments.MaxAttempts, Last: true})
		var again *payments.SnoozeError
		if !errors.As(err, &again) {
			t.Errorf("work: %v, want it done again", err)
		}
		if left := wishes(t, store)["in_1"]; left.Wishes != 2 || !left.Queued {
			t.Errorf("the newer wish is %+v", left)
		}
	})
}

// TestWishOfAnotherReason checks that a read which is wished for to find an
// object's user does not stand for another one of the same object: the first
// may be withdrawn, and a payment without an invoice would never get its row.
func TestWishOfAnotherReason(t *testing.T) {
	t.Parallel()
	const whoseItIs = "whose it is"
	storetest.Each(t, func(t *testing.T, store payments.Store) {
		l := someLife(t)
		l.users = []string{"user0"}
		s := l.service(t, store)
		heard := 0
		customer := l.call(t, "POST", "/v1/customers", "metadata[user_id]=user0")["id"].(string)
		l.call(t, "POST", "/v1/payment_intents", "amount=700&currency=usd&confirm=true&payment_method=pm_card_visa&customer="+customer)
		l.await(t)
		events := l.fresh(&heard)
		succeeded := events[slices.IndexFunc(events, func(e lifeEvent) bool { return e.kind() == "payment_intent.succeeded" })]
		intent := l.objects(t, "/v1/payment_intents")[0]["id"].(string)
		change := func(fn func(tx payments.Tx) error) {
			t.Helper()
			if err := store.Update(t.Context(), fn); err != nil {
				t.Fatal(err)
			}
		}
		change(func(tx payments.Tx) error {
			known := payments.Customer{User: payments.User{ID: "user0"}, StripeCustomerID: customer, Plan: payments.FreePlan, CreatedAt: noon, UpdatedAt: noon}
			return errors.Join(tx.PutCustomer(t.Context(), known), tx.PutRefresh(t.Context(), payments.Refresh{
				Ref: payments.Ref{Kind: payments.KindPaymentIntent, ID: intent}, Wishes: 1, Reason: whoseItIs, DueAt: l.sim.Now().Add(time.Minute),
			}))
		})
		body := succeeded.shapes[1] // since 2025 it does not name the invoice that it pays
		if err := s.ReceiveEvent(t.Context(), body, signed(body)); err != nil {
			t.Fatal(err)
		}
		change(func(tx payments.Tx) error { return tx.CancelRefresh(t.Context(), intent, whoseItIs) })
		l.deliver(t, s, nil)
		if history := l.state(t, s).History["user0"]; len(history) != 1 || history[0].Source != intent {
			t.Errorf("the payment has no row: %+v", history)
		}
	})
}

// TestEventBeforeItsUser checks that what is heard of before its user waits for
// that, and not for a read: Stripe does not answer here.
func TestEventBeforeItsUser(t *testing.T) {
	t.Parallel()
	for _, first := range []string{"invoice_payment.paid", "payment_intent.succeeded"} {
		t.Run(first, func(t *testing.T) {
			t.Parallel()
			testEarly(t, first)
		})
	}
}

// retryingStore notes the events that have a job of their own.
type retryingStore struct {
	payments.Store
	events []string
}

func (s *retryingStore) Update(ctx context.Context, fn func(payments.Tx) error) error {
	return s.Store.Update(ctx, func(tx payments.Tx) error { return fn(&retryingTx{tx, s}) })
}

type retryingTx struct {
	payments.Tx
	noted *retryingStore
}

func (t *retryingTx) Enqueue(ctx context.Context, job payments.Job, after time.Duration) error {
	if retry, ok := job.(payments.RetryEvent); ok {
		t.noted.events = append(t.noted.events, retry.EventID)
	}
	return t.Tx.Enqueue(ctx, job, after)
}

func testEarly(t *testing.T, early string) {
	t.Helper()
	storetest.Each(t, func(t *testing.T, store payments.Store) {
		l := someLife(t)
		noted := &retryingStore{Store: store}
		s := l.via(t, noted, "http://127.0.0.1:1", 0)
		customer := l.call(t, "POST", "/v1/customers", "metadata[user_id]=u1")["id"].(string)
		good := l.call(t, "POST", "/v1/payment_methods/pm_card_visa/attach", "customer="+customer)["id"].(string)
		l.call(t, "POST", "/v1/subscriptions", "customer="+customer+"&items[0][price]="+l.prices[0]+"&metadata[user_id]=u1&default_payment_method="+good)
		l.await(t)
		l.mu.Lock()
		events := slices.Clone(l.events)
		l.mu.Unlock()
		slices.SortStableFunc(events, func(a, b lifeEvent) int {
			first := func(e lifeEvent) int {
				if e.kind() == early {
					return 0
				}
				return 1
			}
			return cmp.Compare(first(a), first(b))
		})
		for _, event := range events {
			if err := s.ReceiveEvent(t.Context(), event.shapes[1], signed(event.shapes[1])); err != nil {
				t.Fatal(err)
			}
		}
		waiting := func() (waiting []payments.Event) {
			all, err := s.Events(t.Context(), payments.EventFilter{Status: payments.EventPending})
			if err != nil {
				t.Fatal(err)
			}
			return all
		}
		if first := waiting(); len(first) == 0 {
			t.Fatal("nothing came before its user")
		}
		for _, id := range noted.events {
			if err := s.Work(t.Context(), payments.RetryEvent{EventID: id}, payments.Attempt{Number: 1}); err != nil {
				t.Fatal(err)
			}
		}
		if left := waiting(); len(left) > 0 {
			t.Errorf("still pending: %+v", left)
		}
		page, err := s.BillingHistory(t.Context(), payments.BillingHistoryParams{UserID: "u1"})
		if err != nil || len(page.Entries) != 1 || page.Entries[0].Status != payments.BillingPaid {
			t.Errorf("history %+v, %v: want the one paid invoice", page.Entries, err)
		}
	})
}
