package payments_test

import (
	"context"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	stripego "github.com/stripe/stripe-go/v85"

	"github.com/numerai-app/payments"
	"github.com/numerai-app/payments/internal/storetest"
	"github.com/numerai-app/payments/internal/stripe"
)

const webhookSecret = "whsec_recorded"

// recordedEvents are bodies that Stripe really sent. They are not part of the
// project; where they are absent the test says so.
func recordedEvents(t *testing.T) [][]byte {
	t.Helper()
	paths, err := filepath.Glob("../shared/events/*.json")
	if err != nil {
		t.Fatal(err)
	}
	if len(paths) == 0 {
		t.Skip("the folder of recorded events, ../shared/events, is not here")
	}
	var bodies [][]byte
	for _, path := range paths {
		body, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		bodies = append(bodies, body)
	}
	return bodies
}

func signed(body []byte) string {
	return stripego.GenerateTestSignedPayload(&stripego.UnsignedPayload{Payload: body, Secret: webhookSecret}).Header
}

// recordedService is a service that knows the customers of the recorded events.
func recordedService(t *testing.T, store payments.Store) *payments.Service {
	t.Helper()
	client, err := stripe.New(stripe.Config{
		SecretKey: "sk_test_recorded", WebhookSecrets: []string{webhookSecret}, APIBase: "http://127.0.0.1:1",
	})
	if err != nil {
		t.Fatal(err)
	}
	service, err := payments.New(payments.Config{
		Store: store, Stripe: client, Plans: rule(t, 0).Plans, Now: func() time.Time { return noon },
	})
	if err != nil {
		t.Fatal(err)
	}
	err = store.Update(t.Context(), func(tx payments.Tx) error {
		for user, customer := range map[string]string{
			"refunded": "cus_J7Mkgr8mvbl1eK", "free": "cus_JsuO3bmrj0QlAw", "subscribed": "cus_IhGfebO16cMIGN",
		} {
			row := payments.Customer{
				User: payments.User{ID: user}, StripeCustomerID: customer, Plan: payments.FreePlan,
				CreatedAt: noon, UpdatedAt: noon,
			}
			if err := tx.PutCustomer(t.Context(), row); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return service
}

// recordedState is what the recorded events leave behind.
type recordedState struct {
	Subscriptions []payments.Subscription
	History       []payments.BillingEntry
	Payment       payments.Payment
	Events        map[string]payments.EventStatus
}

func readRecordedState(t *testing.T, store payments.Store, service *payments.Service) recordedState {
	t.Helper()
	state := recordedState{Events: map[string]payments.EventStatus{}}
	ctx := context.Background()
	err := store.View(ctx, func(tx payments.Tx) error {
		for _, user := range []string{"refunded", "free", "subscribed"} {
			subscriptions, err := tx.SubscriptionsOf(ctx, user)
			if err != nil {
				return err
			}
			entries, _, err := tx.BillingHistory(ctx, user, 0, 100)
			if err != nil {
				return err
			}
			state.Subscriptions = append(state.Subscriptions, subscriptions...)
			state.History = append(state.History, entries...)
		}
		var err error
		state.Payment, err = tx.Payment(ctx, "pi_3Kl36gJDPojXS6LN02fQVtKR")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	events, err := service.Events(ctx, payments.EventFilter{})
	if err != nil {
		t.Fatal(err)
	}
	for _, event := range events {
		state.Events[event.Type] = event.Status
	}
	return state
}

var withoutOurOwn = []cmp.Option{
	cmpopts.IgnoreFields(payments.Subscription{}, "ID", "UpdatedAt"),
	cmpopts.IgnoreFields(payments.BillingEntry{}, "ID", "UpdatedAt"),
	cmpopts.IgnoreFields(payments.Payment{}, "ID", "UpdatedAt"),
	cmpopts.EquateEmpty(),
}

func TestRecordedEvents(t *testing.T) {
	t.Parallel()
	bodies := recordedEvents(t)
	storetest.Each(t, func(t *testing.T, store payments.Store) {
		service := recordedService(t, store)
		for range 2 {
			for _, body := range bodies {
				if err := service.ReceiveEvent(t.Context(), body, signed(body)); err != nil {
					t.Fatal(err)
				}
			}
		}
		state := readRecordedState(t, store, service)
		wantEvents := map[string]payments.EventStatus{
			"charge.refunded": "processed", "invoice.paid": "processed",
			"payment_intent.succeeded": "ignored", "payment_intent.payment_failed": "ignored",
			"customer.subscription.created": "processed", "customer.subscription.updated": "processed",
			"customer.subscription.deleted": "processed",
		}
		if diff := cmp.Diff(wantEvents, state.Events); diff != "" {
			t.Errorf("events (-want +got):\n%s", diff)
		}
		if got := state.Payment; got.Status != payments.PaymentRefunded || got.Amount != 2500 || got.AmountRefunded != 2500 || got.UserID != "refunded" {
			t.Errorf("the refunded payment is %+v", got)
		}
		wantHistory := []payments.BillingEntry{{
			Kind: payments.BillingRefund, Source: "re_3Kl36gJDPojXS6LN0eP4yPDz", UserID: "refunded",
			StripePaymentIntentID: "pi_3Kl36gJDPojXS6LN02fQVtKR", Amount: -2500, Currency: "usd", Description: "Refund",
			Status: payments.BillingPaid, CreatedAt: time.Unix(1649321738, 0).UTC(),
		}}
		if diff := cmp.Diff(wantHistory, state.History, withoutOurOwn...); diff != "" {
			t.Errorf("billing history (-want +got):\n%s", diff)
		}
		statuses := map[string]payments.SubscriptionStatus{}
		for _, s := range state.Subscriptions {
			statuses[s.StripeSubscriptionID] = s.Status
			if s.Plan != "" || !s.Unmapped || s.CurrentPeriodEnd == nil || s.Price == "" {
				t.Errorf("subscription %+v: want a period, and a price that no plan names", s)
			}
		}
		wantStatuses := map[string]payments.SubscriptionStatus{"sub_JdIzvfy6o5GZRd": "canceled", "sub_JLEPMp81LApOJl": "active"}
		if diff := cmp.Diff(wantStatuses, statuses); diff != "" {
			t.Errorf("subscriptions (-want +got):\n%s", diff)
		}
		answer, err := service.SubscriptionStatus(t.Context(), "subscribed")
		if err != nil || answer.IsPremium || answer.Reason != payments.ReasonUnmapped || !answer.HasSubscription {
			t.Errorf("status %+v, %v: want a subscription without premium, since its price is unmapped", answer, err)
		}
	})
}

func TestRecordedEventsInAnyOrder(t *testing.T) {
	t.Parallel()
	bodies := recordedEvents(t)
	storetest.Each(t, func(t *testing.T, store payments.Store) {
		var want recordedState
		for round := range 6 {
			if round > 0 {
				store = storetest.Another(t, store)
			}
			service := recordedService(t, store)
			twice := append(append([][]byte{}, bodies...), bodies...)
			random := rand.New(rand.NewPCG(uint64(round), 1))
			random.Shuffle(len(twice), func(i, j int) { twice[i], twice[j] = twice[j], twice[i] })
			for _, body := range twice {
				if err := service.ReceiveEvent(t.Context(), body, signed(body)); err != nil {
					t.Fatal(err)
				}
			}
			state := readRecordedState(t, store, service)
			if round == 0 {
				want = state
			} else if diff := cmp.Diff(want, state, withoutOurOwn...); diff != "" {
				t.Fatalf("round %d ends in another state (-first +this):\n%s", round, diff)
			}
		}
	})
}

// TestReceiveRefusals checks what never gets into the audit trail.
func TestReceiveRefusals(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, store payments.Store) {
		service := recordedService(t, store)
		event := func(change func(map[string]any)) []byte {
			fields := map[string]any{
				"id": "evt_1", "object": "event", "type": "invoice.paid", "created": 1700000000, "livemode": false,
				"api_version": "2026-03-25.dahlia", "data": map[string]any{"object": map[string]any{"id": "in_1", "object": "invoice"}},
			}
			change(fields)
			body, err := json.Marshal(fields)
			if err != nil {
				t.Fatal(err)
			}
			return body
		}
		plain := event(func(map[string]any) {})
		for name, tt := range map[string]struct {
			body      []byte
			signature string
		}{
			"no signature":       {body: plain},
			"not a signature":    {body: plain, signature: "t=1,v1"},
			"signed otherwise":   {body: plain, signature: signed([]byte("{}"))},
			"stale":              {body: plain, signature: stripego.GenerateTestSignedPayload(&stripego.UnsignedPayload{Payload: plain, Secret: webhookSecret, Timestamp: time.Now().Add(-time.Hour)}).Header},
			"another mode":       {body: event(func(f map[string]any) { f["livemode"] = true })},
			"no event":           {body: event(func(f map[string]any) { f["object"] = "invoice" })},
			"no id":              {body: event(func(f map[string]any) { delete(f, "id") })},
			"no object":          {body: event(func(f map[string]any) { f["data"] = nil })},
			"not JSON":           {body: []byte("event=1")},
			"two JSON documents": {body: append(append([]byte{}, plain...), plain...)},
			"too large":          {body: append(make([]byte, payments.MaxEventSize), plain...)},
		} {
			if tt.signature == "" && name != "no signature" {
				tt.signature = signed(tt.body)
			}
			if err := service.ReceiveEvent(t.Context(), tt.body, tt.signature); !isInvalid(err) {
				t.Errorf("%s: %v, want ErrInvalid", name, err)
			}
		}
		events, err := service.Events(t.Context(), payments.EventFilter{})
		if err != nil || len(events) != 0 {
			t.Errorf("stored %v, %v; want nothing", events, err)
		}
	})
}

func isInvalid(err error) bool { return errors.Is(err, payments.ErrInvalid) }
