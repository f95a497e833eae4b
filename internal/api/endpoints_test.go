package api_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/numerai-app/payments"
	"github.com/numerai-app/payments/internal/storetest"
)

var (
	createdMembers      = []string{"message", "subscription_id", "stripe_subscription_id", "client_secret", "status"}
	statusMembers       = []string{"has_subscription", "is_premium", "plan", "premium_until", "reason", "as_of", "subscription"}
	subscriptionMembers = []string{
		"id", "plan", "status", "quantity", "current_period_start", "current_period_end", "cancel_at_period_end", "cancel_at",
		"canceled_at", "trial_start", "trial_end", "scheduled_change", "created_at", "updated_at",
	}
	pageMembers  = []string{"count", "next", "previous", "results"}
	entryMembers = []string{
		"id", "kind", "amount", "currency", "description", "status", "invoice_url", "invoice_pdf", "period_start", "period_end",
		"created_at",
	}
)

func TestSubscribing(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s payments.Store) {
		b := setup(t, options{store: s})
		before := b.call(t, request{path: "subscription-status/", user: "42"})
		before.expect(t, http.StatusOK, statusMembers...)
		want := map[string]any{
			"has_subscription": false, "is_premium": false, "plan": "free", "premium_until": nil, "reason": "none", "as_of": nil,
			"subscription": nil,
		}
		if diff := cmp.Diff(want, before.json); diff != "" {
			t.Errorf("status of a stranger (-want +got):\n%s", diff)
		}
		created := b.subscribe(t, "42", visa)
		created.expect(t, http.StatusCreated, createdMembers...)
		if created.json["status"] != "active" || created.json["client_secret"] != nil || created.header.Get("Idempotent-Replayed") != "" {
			t.Errorf("created %s %v", created.raw, created.header)
		}
		after := b.call(t, request{path: "subscription-status", user: "42"})
		after.expect(t, http.StatusOK, statusMembers...)
		if after.json["is_premium"] != true || after.json["plan"] != "premium" || after.json["reason"] != "active" {
			t.Errorf("status is %s", after.raw)
		}
		subscription, _ := after.json["subscription"].(map[string]any)
		expectMembers(t, subscription, subscriptionMembers...)
		if subscription["id"] != created.json["subscription_id"] || subscription["cancel_at"] != nil {
			t.Errorf("subscription is %v", subscription)
		}
		for _, at := range []any{after.json["premium_until"], after.json["as_of"], subscription["created_at"], subscription["current_period_end"]} {
			if text, _ := at.(string); !strings.HasSuffix(text, "Z") {
				t.Errorf("%v is no time in UTC", at)
			}
		}
		other := b.call(t, request{path: "subscription-status/", user: "43"})
		if diff := cmp.Diff(want, other.json); diff != "" {
			t.Errorf("another user (-want +got):\n%s", diff)
		}
		b.subscribe(t, "42", visa).expectProblem(t, http.StatusConflict, "already_subscribed")
		history := b.call(t, request{path: "billing-history/", user: "42"})
		history.expect(t, http.StatusOK, pageMembers...)
		rows, _ := history.json["results"].([]any)
		if len(rows) != 1 || history.json["count"] != float64(1) || history.json["next"] != nil || history.json["previous"] != nil {
			t.Fatalf("history is %s", history.raw)
		}
		row, _ := rows[0].(map[string]any)
		expectMembers(t, row, entryMembers...)
		if row["amount"] != float64(1999) || row["currency"] != "usd" || row["kind"] != "invoice" || row["status"] != "paid" {
			t.Errorf("row is %v", row)
		}
	})
}

func TestSubscribingInTheBrowser(t *testing.T) {
	t.Parallel()
	b := setup(t, options{})
	for user, method := range map[string]any{"none": nil, "bank": "pm_card_authenticationRequired"} {
		a := b.subscribe(t, user, map[string]any{"plan": "basic", "payment_method_id": method, "quantity": 3})
		a.expect(t, http.StatusCreated, createdMembers...)
		if clientSecret, _ := a.json["client_secret"].(string); a.json["status"] != "incomplete" || clientSecret == "" {
			t.Errorf("%s: %s", user, a.raw)
		}
	}
	b.subscribe(t, "absent", map[string]any{"plan": "basic"}).expect(t, http.StatusCreated, createdMembers...)
}

func TestDeclines(t *testing.T) {
	t.Parallel()
	b := setup(t, options{})
	for card, want := range map[string]string{
		"pm_card_visa_chargeDeclinedInsufficientFunds": "insufficient_funds",
		"pm_card_visa_chargeDeclinedLostCard":          "generic_decline",
		"pm_card_visa_chargeDeclinedStolenCard":        "generic_decline",
		"pm_card_chargeDeclinedExpiredCard":            "expired_card",
		"pm_card_chargeCustomerFail":                   "generic_decline",
	} {
		body := map[string]any{"plan": "premium", "payment_method_id": card}
		for _, replayed := range []string{"", "true"} {
			a := b.subscribe(t, card, body, "Idempotency-Key", "one try")
			a.expectProblem(t, http.StatusPaymentRequired, "card_declined")
			if a.json["decline_code"] != want || a.header.Get("Idempotent-Replayed") != replayed {
				t.Errorf("%s: %s, replayed %q", card, a.raw, a.header.Get("Idempotent-Replayed"))
			}
			if strings.Contains(a.raw, "lost") || strings.Contains(a.raw, "stolen") {
				t.Errorf("%s: the answer tells why: %s", card, a.raw)
			}
		}
	}
}

func TestTooManyDeclines(t *testing.T) {
	t.Parallel()
	b := setup(t, options{})
	body := map[string]any{"plan": "premium", "payment_method_id": "pm_card_visa_chargeDeclined"}
	for range 10 {
		b.subscribe(t, "tester", body).expectProblem(t, http.StatusPaymentRequired, "card_declined")
	}
	a := b.subscribe(t, "tester", visa)
	a.expectProblem(t, http.StatusTooManyRequests, "rate_limited")
	if a.header.Get("Retry-After") != "3600" {
		t.Errorf("Retry-After is %q", a.header.Get("Retry-After"))
	}
}

func TestIdempotency(t *testing.T) {
	t.Parallel()
	b := setup(t, options{})
	first := b.subscribe(t, "42", visa, "Idempotency-Key", "k")
	first.expect(t, http.StatusCreated, createdMembers...)
	second := b.subscribe(t, "42", visa, "Idempotency-Key", "k")
	second.expect(t, http.StatusCreated, createdMembers...)
	if second.raw != first.raw || second.header.Get("Idempotent-Replayed") != "true" {
		t.Errorf("replay is %s %v, first was %s", second.raw, second.header, first.raw)
	}
	b.subscribe(t, "42", map[string]any{"plan": "basic"}, "Idempotency-Key", "k").
		expectProblem(t, http.StatusConflict, "idempotency_conflict")
	longest := strings.Repeat("~", 255)
	b.subscribe(t, "43", visa, "Idempotency-Key", longest).expect(t, http.StatusCreated, createdMembers...)
	for _, key := range []string{longest + "~", "schlüssel", "", "tab\tbed"} {
		b.subscribe(t, "44", visa, "Idempotency-Key", key).
			expectProblem(t, http.StatusBadRequest, "invalid_request", "Idempotency-Key")
	}
}

func TestTwoIdempotencyKeys(t *testing.T) {
	t.Parallel()
	b := setup(t, options{})
	sent := b.newRequest(t, request{path: "create-subscription/", user: "42", body: visa})
	sent.Header["Idempotency-Key"] = []string{"a", "b"}
	response, err := http.DefaultTransport.RoundTrip(sent)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusBadRequest {
		t.Errorf("answered %d", response.StatusCode)
	}
}

func TestBillingHistoryPages(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s payments.Store) {
		b := setup(t, options{store: s})
		b.addEntries(t, "42", 45)
		for query, want := range map[string]string{
			"":                        "45 20 ?page=2 <nil>",
			"?page=":                  "45 20 ?page=2 <nil>",
			"?page=2":                 "45 20 ?page=3 ?page=1",
			"?page=3":                 "45 5 <nil> ?page=2",
			"?page_size=45":           "45 45 <nil> <nil>",
			"?page=2&page_size=1":     "45 1 ?page=3&page_size=1 ?page=1&page_size=1",
			"?page_size=101":          "45 45 <nil> <nil>",
			"?page_size=2147483648":   "45 45 <nil> <nil>",
			"?page_size=44&unknown=1": "45 44 ?page=2&page_size=44 <nil>",
		} {
			a := b.call(t, request{path: "billing-history/" + query, user: "42", header: []string{"Host", "evil.example"}})
			a.expect(t, http.StatusOK, pageMembers...)
			rows, _ := a.json["results"].([]any)
			got := fmt.Sprintln(a.json["count"], len(rows), a.json["next"], a.json["previous"])
			got = strings.ReplaceAll(got, publicURL+"/api/v1/payments/billing-history/", "")
			if got = strings.Join(strings.Fields(got), " "); got != want {
				t.Errorf("%q: %s, want %s", query, got, want)
			}
		}
		for _, query := range []string{"?page=4", "?page=1000001", "?page=2147483648", "?page=9223372036854775807", "?page=2&page_size=100"} {
			b.call(t, request{path: "billing-history/" + query, user: "42"}).expectProblem(t, http.StatusNotFound, "not_found")
		}
		for query, field := range map[string]string{
			"?page=0": "page", "?page=-1": "page", "?page=abc": "page", "?page=1.5": "page",
			"?page_size=0": "page_size", "?page_size=abc": "page_size", "?page_size=-5": "page_size",
		} {
			b.call(t, request{path: "billing-history/" + query, user: "42"}).
				expectProblem(t, http.StatusBadRequest, "invalid_request", field)
		}
		empty := b.call(t, request{path: "billing-history/", user: "43"})
		empty.expect(t, http.StatusOK, pageMembers...)
		if want := `{"count":0,"next":null,"previous":null,"results":[]}`; strings.TrimSpace(empty.raw) != want {
			t.Errorf("nobody's history is %s", empty.raw)
		}
	})
}

func (b *testBundle) addEntries(t *testing.T, user string, count int) {
	t.Helper()
	now := time.Now()
	err := b.store.Update(t.Context(), func(tx payments.Tx) error {
		customer := payments.Customer{User: payments.User{ID: user}, Plan: payments.FreePlan, CreatedAt: now, UpdatedAt: now}
		if err := tx.PutCustomer(t.Context(), customer); err != nil {
			return err
		}
		for i := range count {
			entry := payments.BillingEntry{
				ID: fmt.Sprintf("pbil_%03d", i), Kind: payments.BillingInvoice, Source: fmt.Sprintf("in_%d", i), UserID: user,
				Amount: 999, Currency: "usd", Status: payments.BillingPaid, CreatedAt: now.Add(time.Duration(i) * time.Second), UpdatedAt: now,
			}
			if err := tx.PutBillingEntry(t.Context(), entry); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestPlansAndConfig(t *testing.T) {
	t.Parallel()
	b := setup(t, options{})
	for _, form := range []string{"plans/", "plans"} {
		a := b.call(t, request{path: form})
		a.expect(t, http.StatusOK, "results")
		list, _ := a.json["results"].([]any)
		if len(list) != 2 {
			t.Fatalf("plans are %s", a.raw)
		}
		for i, want := range []string{"basic Basic 1 map[] 999", "premium Premium 2 map[export:true seats:5] 1999"} {
			plan, _ := list[i].(map[string]any)
			expectMembers(t, plan, "id", "name", "rank", "features", "trial_days", "prices")
			prices, _ := plan["prices"].([]any)
			price, _ := prices[0].(map[string]any)
			expectMembers(t, price, "id", "amount", "currency", "interval", "interval_count")
			if got := fmt.Sprint(plan["id"], " ", plan["name"], " ", plan["rank"], " ", plan["features"], " ", price["amount"]); got != want {
				t.Errorf("plan %d is %s, want %s", i, got, want)
			}
		}
	}
	for _, form := range []string{"config/", "config"} {
		a := b.call(t, request{path: form})
		a.expect(t, http.StatusOK, "publishable_key")
		if a.json["publishable_key"] != "pk_test_of_the_tests" {
			t.Errorf("config is %s", a.raw)
		}
	}
}
