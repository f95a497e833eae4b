package server_test

import (
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/numerai-app/payments"
	"github.com/numerai-app/payments/internal/storetest"
	"github.com/numerai-app/payments/stripesim"
)

func TestMainJob(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, b *testBundle) {
		code, created, _ := b.subscribe(t, "42", visa("premium"))
		want(t, "answer", code, http.StatusCreated)
		want(t, "status", created["status"], any("active"))
		want(t, "client secret", created["client_secret"], nil)
		want(t, "premium", b.status(t, "42"), "premium=true plan=premium reason=active")
		b.settle(t)
		want(t, "premium after the webhooks", b.status(t, "42"), "premium=true plan=premium reason=active")
		want(t, "history", b.history(t, "42"), []string{"invoice 1999 usd paid"})
		want(t, "another user", b.status(t, "43"), "premium=false plan=free reason=none")
		want(t, "another user's history", b.history(t, "43"), []string{})
		events, err := b.service.Payments().Events(t.Context(), payments.EventFilter{})
		if err != nil || len(events) == 0 {
			t.Fatalf("events: %v, %v", events, err)
		}
		for _, event := range events {
			want(t, event.Type, event.Status, payments.EventProcessed)
		}
		code, again, _ := b.subscribe(t, "42", visa("elite"))
		want(t, "a second subscription", said(code, again["code"]), "409 already_subscribed")
	})
}

// TestFiftyAtOnce checks that however many requests race, one customer and one
// subscription come of it.
func TestFiftyAtOnce(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, b *testBundle) {
		var group sync.WaitGroup
		var mu sync.Mutex
		answers := map[string]int{}
		for range 50 {
			group.Go(func() {
				code, answer, _ := b.subscribe(t, "racer", visa("premium"))
				mu.Lock()
				defer mu.Unlock()
				answers[said(code, answer["code"])]++
			})
		}
		group.Wait()
		if answers["201 <nil>"] != 1 {
			t.Errorf("answers %v, want one 201", answers)
		}
		for answer := range answers {
			switch answer {
			case "201 <nil>", "409 already_subscribed", "409 in_progress":
			default:
				t.Errorf("an answer is %q", answer)
			}
		}
		want(t, "customers", b.count(t, "/v1/customers", ""), 1)
		want(t, "subscriptions", b.count(t, "/v1/subscriptions", "status=all"), 1)
		want(t, "charges", b.count(t, "/v1/charges", ""), 1)
		b.settle(t)
		want(t, "history", b.history(t, "racer"), []string{"invoice 1999 usd paid"})
	})
}

func TestDeclinedThenAnotherCard(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, b *testBundle) {
		code, problem, _ := b.subscribe(t, "1", map[string]any{"plan": "premium", "payment_method_id": "pm_card_visa_chargeDeclinedLostCard"}, "Idempotency-Key", "first")
		want(t, "a lost card", said(code, problem["code"], problem["decline_code"]), "402 card_declined generic_decline")
		code, problem, header := b.subscribe(t, "1", map[string]any{"plan": "premium", "payment_method_id": "pm_card_visa_chargeDeclinedLostCard"}, "Idempotency-Key", "first")
		want(t, "the same again", said(code, problem["code"], header.Get("Idempotent-Replayed")), "402 card_declined true")
		code, problem, _ = b.subscribe(t, "1", visa("premium"), "Idempotency-Key", "first")
		want(t, "the key for something else", said(code, problem["code"]), "409 idempotency_conflict")

		code, problem, _ = b.subscribe(t, "1", map[string]any{"plan": "premium", "payment_method_id": "pm_card_chargeCustomerFail"})
		want(t, "a card that attaches and fails", said(code, problem["code"], problem["decline_code"]), "402 card_declined generic_decline")
		want(t, "status", b.status(t, "1"), "premium=false plan=free reason=incomplete")
		want(t, "history", b.history(t, "1"), []string{"invoice 1999 usd failed"})
		want(t, "subscriptions", b.count(t, "/v1/subscriptions", "status=all"), 1)

		code, created, _ := b.subscribe(t, "1", visa("premium"))
		want(t, "another card", said(code, created["status"]), "201 active")
		want(t, "subscriptions", b.count(t, "/v1/subscriptions", "status=all"), 1)
		b.settle(t)
		want(t, "status", b.status(t, "1"), "premium=true plan=premium reason=active")
		want(t, "history", b.history(t, "1"), []string{"invoice 1999 usd paid"})
	})
}

func TestIncompleteIsTakenUpOrDiscarded(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, b *testBundle) {
		code, created, _ := b.subscribe(t, "1", map[string]any{"plan": "basic"})
		want(t, "no method", said(code, created["status"]), "201 incomplete")
		secret, _ := created["client_secret"].(string)
		if !strings.Contains(secret, "_secret_") {
			t.Fatalf("client secret %q", secret)
		}
		want(t, "history before any try", b.history(t, "1"), []string{})
		code, again, _ := b.subscribe(t, "1", map[string]any{"plan": "basic"})
		want(t, "taken up", said(code, again["stripe_subscription_id"]), said(201, created["stripe_subscription_id"]))

		code, other, _ := b.subscribe(t, "1", map[string]any{"plan": "elite"})
		want(t, "another plan", said(code, other["status"]), "201 incomplete")
		want(t, "open invoices", b.count(t, "/v1/invoices", "status=open"), 1)
		want(t, "live subscriptions", b.count(t, "/v1/subscriptions", "status=incomplete"), 1)

		// The browser pays.
		secret = other["client_secret"].(string)
		intent, _, _ := strings.Cut(secret, "_secret_")
		b.stripe(t, http.MethodPost, "/v1/payment_intents/"+intent+"/confirm", "payment_method=pm_card_visa")
		b.eventually(t, "premium by webhook", func() bool { return b.status(t, "1") == "premium=true plan=elite reason=active" })
		b.settle(t)
		want(t, "history", b.history(t, "1"), []string{"invoice 2999 usd paid"})
	})
}

func TestBankStep(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, b *testBundle) {
		code, created, _ := b.subscribe(t, "1", map[string]any{"plan": "premium", "payment_method_id": "pm_card_threeDSecure2Required"})
		want(t, "answer", said(code, created["status"]), "201 incomplete")
		intent, _, _ := strings.Cut(created["client_secret"].(string), "_secret_")
		want(t, "history", b.history(t, "1"), []string{"invoice 1999 usd pending"})
		if _, err := b.sim.Authenticate(intent, true); err != nil {
			t.Fatal(err)
		}
		b.eventually(t, "premium by webhook", func() bool { return b.status(t, "1") == "premium=true plan=premium reason=active" })
		b.settle(t)
		want(t, "history", b.history(t, "1"), []string{"invoice 1999 usd paid"})
	})
}

// TestLife follows a subscription through a renewal, a failed one with grace,
// its end, and a refund.
func TestLife(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, b *testBundle) {
		_, created, _ := b.subscribe(t, "1", visa("premium"))
		b.settle(t)
		advance := func(d time.Duration) {
			t.Helper()
			if err := b.sim.Advance(t.Context(), d); err != nil {
				t.Fatal(err)
			}
			b.settle(t)
		}
		advance(31*24*time.Hour + 2*time.Hour)
		want(t, "renewed", b.status(t, "1"), "premium=true plan=premium reason=active")
		want(t, "history", b.history(t, "1"), []string{"invoice 1999 usd paid", "invoice 1999 usd paid"})

		// The card is replaced by one that fails.
		customer := b.stripe(t, http.MethodGet, "/v1/subscriptions/"+created["stripe_subscription_id"].(string), "")["customer"].(string)
		method := b.stripe(t, http.MethodPost, "/v1/payment_methods/pm_card_chargeCustomerFail/attach", "customer="+customer)["id"].(string)
		b.stripe(t, http.MethodPost, "/v1/subscriptions/"+created["stripe_subscription_id"].(string), "default_payment_method="+method)
		advance(31 * 24 * time.Hour)
		want(t, "in grace", b.status(t, "1"), "premium=true plan=premium reason=grace")
		want(t, "history", b.history(t, "1"), []string{"invoice 1999 usd failed", "invoice 1999 usd paid", "invoice 1999 usd paid"})
		advance(49 * time.Hour)
		want(t, "after grace", b.status(t, "1"), "premium=false plan=free reason=past_due")
		advance(20 * 24 * time.Hour)
		want(t, "ended", b.status(t, "1"), "premium=false plan=free reason=canceled")

		charge := b.stripe(t, http.MethodGet, "/v1/charges", "")["data"].([]any)
		paid := ""
		for _, row := range charge {
			if row := row.(map[string]any); row["status"] == "succeeded" {
				paid = row["id"].(string)
			}
		}
		b.stripe(t, http.MethodPost, "/v1/refunds", "charge="+paid+"&amount=500")
		b.settle(t)
		want(t, "history", b.history(t, "1")[:2], []string{"refund -500 usd paid", "invoice 1999 usd failed"})
		code, again, _ := b.subscribe(t, "1", visa("basic"))
		want(t, "back again", said(code, again["status"]), "201 active")
	})
}

// TestStripeOutOfReach checks that a request that Stripe did not answer, or
// whose answer was lost, doubles nothing when it is made again.
func TestStripeOutOfReach(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"/v1/customers", "/v1/payment_methods", "/v1/subscriptions", "/v1/payment_intents"} {
		for _, kind := range []string{"lost", "error", "cut"} {
			t.Run(kind+strings.ReplaceAll(path, "/", " "), func(t *testing.T) {
				t.Parallel()
				b := setup(t, storetest.SQLiteURL(t))
				if err := b.sim.AddFault(stripesim.Fault{Path: path, Count: 100, Kind: kind}); err != nil {
					t.Fatal(err)
				}
				code, problem, header := b.subscribe(t, "1", visa("premium"))
				want(t, "answer", said(code, problem["code"]), "503 stripe_unavailable")
				if header.Get("Retry-After") == "" {
					t.Error("503 without Retry-After")
				}
				b.sim.ClearFaults()
				code, created, _ := b.subscribe(t, "1", visa("premium"))
				want(t, "made again", said(code, created["status"]), "201 active")
				want(t, "customers", b.count(t, "/v1/customers", ""), 1)
				want(t, "subscriptions", b.count(t, "/v1/subscriptions", "status=all"), 1)
				want(t, "charges", b.count(t, "/v1/charges", ""), 1)
				b.settle(t)
				want(t, "history", b.history(t, "1"), []string{"invoice 1999 usd paid"})
			})
		}
	}
}

// TestMadeElsewhere checks that a subscription from the Dashboard is found by
// the user id in its metadata, and stands in the way of another.
func TestMadeElsewhere(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, b *testBundle) {
		customer := b.stripe(t, http.MethodPost, "/v1/customers", "metadata[user_id]=7")["id"].(string)
		method := b.stripe(t, http.MethodPost, "/v1/payment_methods/pm_card_visa/attach", "customer="+customer)["id"].(string)
		price := b.stripe(t, http.MethodGet, "/v1/prices", "")["data"].([]any)[0].(map[string]any)["id"].(string)
		b.stripe(t, http.MethodPost, "/v1/subscriptions", "customer="+customer+"&items[0][price]="+price+"&default_payment_method="+method)
		b.eventually(t, "premium", func() bool { return strings.HasPrefix(b.status(t, "7"), "premium=true") })
		b.settle(t)
		want(t, "rows", len(b.history(t, "7")), 1)
		code, problem, _ := b.subscribe(t, "7", visa("basic"))
		want(t, "a second one", said(code, problem["code"]), "409 already_subscribed")
		want(t, "customers", b.count(t, "/v1/customers", ""), 1)
	})
}

// TestCustomerDeleted checks that the end of a customer ends access, and that
// the user can come back.
func TestCustomerDeleted(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, b *testBundle) {
		b.subscribe(t, "1", visa("premium"))
		b.settle(t)
		customer := b.stripe(t, http.MethodGet, "/v1/customers", "")["data"].([]any)[0].(map[string]any)["id"].(string)
		b.stripe(t, http.MethodDelete, "/v1/customers/"+customer, "")
		b.settle(t)
		want(t, "status", b.status(t, "1"), "premium=false plan=free reason=canceled")
		code, created, _ := b.subscribe(t, "1", visa("premium"))
		want(t, "back again", said(code, created["status"]), "201 active")
	})
}

// TestOneKeyAtOnce checks that requests under one idempotency key get one answer.
func TestOneKeyAtOnce(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, b *testBundle) {
		var group sync.WaitGroup
		ids := make([]string, 8)
		for i := range ids {
			group.Go(func() {
				code, answer, _ := b.subscribe(t, "1", visa("premium"), "Idempotency-Key", "once")
				ids[i] = said(code, answer["subscription_id"], answer["status"])
			})
		}
		group.Wait()
		for _, id := range ids {
			want(t, "answer", id, ids[0])
		}
		code, _, header := b.subscribe(t, "1", visa("premium"), "Idempotency-Key", "once")
		want(t, "later", said(code, header.Get("Idempotent-Replayed")), "201 true")
		want(t, "subscriptions", b.count(t, "/v1/subscriptions", "status=all"), 1)
	})
}

// TestCardTesting checks that nobody tries cards without end.
func TestCardTesting(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, b *testBundle) {
		for range 10 {
			code, problem, _ := b.subscribe(t, "1", map[string]any{"plan": "premium", "payment_method_id": "pm_card_visa_chargeDeclined"})
			want(t, "a declined card", said(code, problem["code"]), "402 card_declined")
		}
		code, problem, header := b.subscribe(t, "1", visa("premium"))
		want(t, "the eleventh", said(code, problem["code"]), "429 rate_limited")
		if header.Get("Retry-After") == "" {
			t.Error("429 without Retry-After")
		}
		code, _, _ = b.subscribe(t, "2", visa("premium"))
		want(t, "another user", code, http.StatusCreated)
		if err := b.sim.Advance(t.Context(), time.Hour+time.Minute); err != nil {
			t.Fatal(err)
		}
		code, _, _ = b.subscribe(t, "1", visa("premium"))
		want(t, "an hour later", code, http.StatusCreated)
	})
}
