package stripesim_test

import (
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/numerai-app/payments/stripesim"
)

// flow is one life of a subscription, and what has to come of it.
type flow struct {
	name   string
	config stripesim.Config
	play   func(w *world) (subscription string)
	want   map[string]any // of the subscription at the end, its invoice expanded
	events []string       // since the customer had a card
}

var (
	paidAtOnce = []string{
		"charge.succeeded", "customer.updated", "customer.subscription.created", "payment_intent.succeeded", "payment_intent.created",
		"invoice.created", "invoice.finalized", "invoice.paid", "invoice.payment_succeeded", "invoice_payment.paid",
	}
	opened = []string{
		"customer.subscription.created", "invoice.created", "customer.updated", "invoice.finalized", "payment_intent.created",
	}
	trialBegun = []string{
		"customer.subscription.created", "invoice.created", "customer.updated", "invoice.finalized", "invoice.paid", "invoice.payment_succeeded",
	}
	begun     = []string{"customer.subscription.updated", "invoice.created"}
	finalized = []string{"invoice.finalized", "payment_intent.created"}
	charged   = []string{"charge.succeeded", "payment_intent.succeeded", "invoice.paid", "invoice.payment_succeeded"}
	confirmed = []string{"payment_intent.succeeded", "charge.succeeded", "invoice.paid", "invoice.payment_succeeded"}
	declined  = []string{"charge.failed", "payment_intent.payment_failed", "invoice.payment_failed"}
)

var flows = []flow{
	{
		name: "a good card",
		play: func(w *world) string { return w.subscribe(w.newCustomer("pm_card_visa"), "").text("id") },
		want: map[string]any{
			"status": "active", "latest_invoice.status": "paid", "latest_invoice.amount_paid": 2000, "latest_invoice.attempt_count": 1,
			"latest_invoice.billing_reason": "subscription_create", "latest_invoice.lines.data.0.amount": 2000, "currency": "usd",
		},
		events: paidAtOnce,
	},
	{
		name: "the browser confirms",
		play: func(w *world) string {
			s := w.subscribe(w.newCustomer(""), "&payment_behavior=default_incomplete&payment_settings[save_default_payment_method]=on_subscription")
			wantAll(w.t, "before", s.object, map[string]any{"status": "incomplete", "latest_invoice.status": "open"})
			intent := s.text("latest_invoice.payments.data.0.payment.payment_intent")
			got := w.call(http.MethodPost, "/v1/payment_intents/"+intent+"/confirm", query(
				"payment_method", "pm_card_visa", "client_secret", s.text("latest_invoice.confirmation_secret.client_secret")),
				"Authorization", "Bearer pk_test_browser")
			wantAll(w.t, "confirmed", got.object, map[string]any{"status": "succeeded", "amount_received": 2000})
			kept := w.get("/v1/subscriptions/" + s.text("id") + "?expand[]=default_payment_method")
			wantAll(w.t, "kept", kept.object, map[string]any{"default_payment_method.card.last4": "4242"})
			return s.text("id")
		},
		want: map[string]any{"status": "active", "latest_invoice.status": "paid"},
		events: slices.Concat(opened, []string{"payment_method.attached"}, confirmed,
			[]string{"customer.subscription.updated", "invoice_payment.paid"}),
	},
	{
		name: "declined, then paid with another card",
		play: func(w *world) string {
			customer := w.newCustomer("pm_card_chargeCustomerFail")
			s := w.subscribe(customer, "")
			wantAll(w.t, "before", s.object, map[string]any{"status": "incomplete", "latest_invoice.attempt_count": 1, "latest_invoice.next_payment_attempt": nil})
			w.post("/v1/invoices/"+s.text("latest_invoice.id")+"/pay", "payment_method="+w.attach("pm_card_visa", customer))
			return s.text("id")
		},
		want: map[string]any{"status": "active", "latest_invoice.status": "paid", "latest_invoice.attempt_count": 1},
		events: slices.Concat(opened, declined, []string{"payment_method.attached"}, confirmed,
			[]string{"customer.subscription.updated", "invoice_payment.paid"}),
	},
	{
		name: "the bank's step, passed",
		play: func(w *world) string {
			s := w.subscribe(w.newCustomer("pm_card_threeDSecure2Required"), "")
			intent := s.text("latest_invoice.payments.data.0.payment.payment_intent")
			wantAll(w.t, "waits", w.get("/v1/payment_intents/"+intent).object, map[string]any{"status": "requires_action"})
			w.post("/_sim/payment_intents/"+intent+"/authenticate", `{"succeed":true}`)
			return s.text("id")
		},
		want: map[string]any{"status": "active", "latest_invoice.status": "paid", "latest_invoice.attempt_count": 1},
		events: slices.Concat(opened, []string{"payment_intent.requires_action", "invoice.payment_action_required"}, confirmed,
			[]string{"customer.subscription.updated", "invoice_payment.paid"}),
	},
	{
		name: "the bank's step, failed",
		play: func(w *world) string {
			s := w.subscribe(w.newCustomer("pm_card_authenticationRequired"), "")
			intent := s.text("latest_invoice.payments.data.0.payment.payment_intent")
			w.post("/_sim/payment_intents/"+intent+"/authenticate", `{"succeed":false}`)
			wantAll(w.t, "failed", w.get("/v1/payment_intents/"+intent).object, map[string]any{
				"status": "requires_payment_method", "latest_charge": nil, "last_payment_error.code": "payment_intent_authentication_failure",
			})
			return s.text("id")
		},
		want: map[string]any{"status": "incomplete", "latest_invoice.status": "open"},
		events: slices.Concat(opened, []string{
			"payment_intent.requires_action", "invoice.payment_action_required", "payment_intent.payment_failed", "invoice.payment_failed",
		}),
	},
	{
		name: "nobody pays for 23 hours",
		play: func(w *world) string {
			s := w.subscribe(w.newCustomer("pm_card_visa"), "&payment_behavior=default_incomplete")
			w.advance(22 * time.Hour)
			wantAll(w.t, "before", w.subscription(s.text("id")).object, map[string]any{"status": "incomplete"})
			w.advance(time.Hour)
			return s.text("id")
		},
		want:   map[string]any{"status": "incomplete_expired", "latest_invoice.status": "void"},
		events: slices.Concat(opened, []string{"customer.subscription.updated", "invoice.voided", "payment_intent.canceled"}),
	},
	{
		name: "a renewal",
		play: func(w *world) string {
			s := w.subscribe(w.newCustomer("pm_card_visa"), "")
			w.advance(week)
			wantAll(w.t, "in its first hour", w.subscription(s.text("id")).object, map[string]any{"status": "active"})
			w.advance(time.Hour)
			return s.text("id")
		},
		want: map[string]any{
			"status": "active", "latest_invoice.status": "paid", "latest_invoice.billing_reason": "subscription_cycle", "latest_invoice.amount_paid": 2000,
		},
		events: slices.Concat(paidAtOnce, begun, finalized, charged, []string{"invoice_payment.paid"}),
	},
	{
		name: "a renewal fails once",
		play: func(w *world) string {
			customer := w.newCustomer("pm_card_visa")
			s := w.subscribe(customer, "")
			w.post("/v1/subscriptions/"+s.text("id"), "default_payment_method="+w.attach("pm_card_chargeCustomerFail", customer))
			w.advance(week + time.Hour)
			wantAll(w.t, "after the first try", w.subscription(s.text("id")).object, map[string]any{"status": "past_due", "latest_invoice.attempt_count": 1})
			w.post("/v1/subscriptions/"+s.text("id"), "default_payment_method="+w.attach("pm_card_visa", customer))
			w.advance(3 * day)
			return s.text("id")
		},
		want: map[string]any{"status": "active", "latest_invoice.status": "paid", "latest_invoice.attempt_count": 2},
		events: slices.Concat(paidAtOnce, []string{"payment_method.attached", "customer.subscription.updated"}, begun, finalized, declined,
			[]string{"customer.subscription.updated", "customer.updated", "payment_method.attached", "customer.subscription.updated"}, charged,
			[]string{"customer.subscription.updated", "customer.updated", "invoice_payment.paid"}),
	},
	{
		name: "a trial with a card",
		play: func(w *world) string {
			s := w.subscribe(w.newCustomer("pm_card_visa"), "&trial_period_days=7")
			wantAll(w.t, "at first", s.object, map[string]any{"status": "trialing", "latest_invoice.status": "paid", "latest_invoice.amount_paid": 0, "pending_setup_intent": nil})
			w.advance(7*day + time.Hour)
			return s.text("id")
		},
		want: map[string]any{"status": "active", "latest_invoice.status": "paid", "latest_invoice.amount_paid": 2000},
		events: slices.Concat(
			trialBegun, []string{"customer.subscription.trial_will_end"}, begun, finalized, charged, []string{"invoice_payment.paid"}),
	},
	{
		name: "a trial without a card, paused",
		play: func(w *world) string {
			s := w.subscribe(w.newCustomer(""), "&trial_period_days=2&trial_settings[end_behavior][missing_payment_method]=pause")
			w.advance(2 * day)
			return s.text("id")
		},
		want:   map[string]any{"status": "paused"},
		events: slices.Concat(trialBegun, []string{"setup_intent.created", "customer.subscription.trial_will_end", "customer.subscription.paused"}),
	},
	{
		name: "a trial without a card, billed",
		play: func(w *world) string {
			customer := w.newCustomer("")
			id := w.subscribe(customer, "&trial_period_days=4").text("id")
			w.advance(4*day + time.Hour)
			wantAll(w.t, "not paid", w.subscription(id).object, map[string]any{
				"status": "past_due", "latest_invoice.status": "open", "latest_invoice.attempt_count": 1, "latest_invoice.billing_reason": "subscription_cycle",
			})
			w.post("/v1/customers/"+customer, "invoice_settings[default_payment_method]="+w.attach("pm_card_visa", customer))
			w.advance(3 * day)
			return id
		},
		want: map[string]any{"status": "active", "latest_invoice.status": "paid", "latest_invoice.amount_paid": 2000, "latest_invoice.attempt_count": 2},
		events: slices.Concat(trialBegun, []string{"setup_intent.created", "customer.subscription.trial_will_end"}, begun, finalized,
			[]string{"invoice.payment_failed", "customer.subscription.updated", "customer.updated", "payment_method.attached", "customer.updated"}, charged,
			[]string{"customer.subscription.updated", "customer.updated", "invoice_payment.paid"}),
	},
	{
		name: "a renewal that is announced",
		play: func(w *world) string {
			w.price = w.post("/v1/prices", "currency=usd&unit_amount=3000&recurring[interval]=day&recurring[interval_count]=20&product_data[name]=Tea").text("id")
			customer := w.newCustomer("pm_card_visa")
			id := w.subscribe(customer, "").text("id")
			w.advance(20*day + time.Hour)
			return id
		},
		want:   map[string]any{"status": "active", "latest_invoice.status": "paid", "latest_invoice.amount_paid": 3000},
		events: slices.Concat(paidAtOnce, []string{"invoice.upcoming"}, begun, finalized, charged, []string{"invoice_payment.paid"}),
	},
	{
		name: "a renewal refused for good, until there is another card",
		play: func(w *world) string {
			customer := w.newCustomer("pm_card_visa")
			id := w.subscribe(customer, "").text("id")
			w.post("/v1/subscriptions/"+id, "default_payment_method="+w.attach("pm_card_authenticationRequired", customer))
			w.advance(week + time.Hour + 4*day)
			wantAll(w.t, "two tries, one charge", w.subscription(id).object, map[string]any{"status": "past_due", "latest_invoice.attempt_count": 2})
			w.post("/v1/subscriptions/"+id, "default_payment_method="+w.attach("pm_card_visa", customer))
			w.post("/v1/invoices/"+w.subscription(id).text("latest_invoice.id")+"/pay", "")
			return id
		},
		want: map[string]any{"status": "active", "latest_invoice.status": "paid", "latest_invoice.attempt_count": 2},
		events: slices.Concat(paidAtOnce, []string{"payment_method.attached", "customer.subscription.updated"}, begun, finalized, []string{
			"charge.failed", "payment_intent.payment_failed", "invoice.payment_action_required", "invoice.payment_failed", "customer.subscription.updated",
			"customer.updated", "invoice.payment_action_required", "invoice.payment_failed", "payment_method.attached", "customer.subscription.updated",
		}, charged, []string{"customer.subscription.updated", "customer.updated", "invoice_payment.paid"}),
	},
	{
		name:   "a payment that is disputed",
		play:   func(w *world) string { return w.subscribe(w.newCustomer("pm_card_createDispute"), "").text("id") },
		want:   map[string]any{"status": "active", "latest_invoice.status": "paid"},
		events: slices.Concat(paidAtOnce, []string{"charge.dispute.created", "charge.dispute.funds_withdrawn"}),
	},
	{
		name: "collection paused",
		play: func(w *world) string {
			id := w.subscribe(w.newCustomer("pm_card_visa"), "").text("id")
			w.post("/v1/subscriptions/"+id, "pause_collection[behavior]=void")
			w.advance(week + time.Hour)
			return id
		},
		want: map[string]any{"status": "active", "latest_invoice.status": "void", "pause_collection.behavior": "void"},
		events: slices.Concat(paidAtOnce, []string{"customer.subscription.updated"}, begun, finalized,
			[]string{"invoice.voided", "payment_intent.canceled"}),
	},
}

func TestFlows(t *testing.T) {
	t.Parallel()
	for _, f := range slices.Concat(flows, endFlows) {
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, f.config)
			start := w.newest()
			id := f.play(w)
			wantAll(t, "subscription", w.subscription(id).object, f.want)
			got := types(w.eventsSince(start))
			if at := slices.Index(got, "customer.created"); at >= 0 {
				got = got[at+1:]
			}
			// The default card of the customer comes before what is told here.
			if len(got) > 1 && got[0] == "payment_method.attached" && got[1] == "customer.updated" {
				got = got[2:]
			}
			if diff := cmp.Diff(f.events, got); diff != "" {
				t.Errorf("events (-want +got):\n%s", diff)
			}
		})
	}
}

// TestMetadataStays checks that the metadata of a subscription goes to its
// invoices, as it is when they are finalized, and nowhere else.
func TestMetadataStays(t *testing.T) {
	t.Parallel()
	w := newWorld(t, stripesim.Config{})
	path := "/v1/subscriptions/" + w.subscribe(w.newCustomer("pm_card_visa"), "&metadata[a]=1").text("id")
	w.advance(week)
	const told = "latest_invoice.parent.subscription_details.metadata"
	wantAll(t, "a draft", w.get(path+"?expand[]=latest_invoice").object, map[string]any{told: map[string]any{"a": "1"}})
	w.post(path, "metadata[a]=2")
	w.advance(time.Hour)
	w.post(path, "metadata[a]=3")
	final := w.get(path + "?expand[]=latest_invoice.payments.data.payment")
	wantAll(t, "final", final.object, map[string]any{told: map[string]any{"a": "2"}, "latest_invoice.metadata": map[string]any{}})
	intent := w.get("/v1/payment_intents/" + final.text("latest_invoice.payments.data.0.payment.payment_intent") + "?expand[]=latest_charge")
	wantAll(t, "its payment", intent.object, map[string]any{"metadata": map[string]any{}, "latest_charge.metadata": map[string]any{}})
}

func TestDeletedCustomer(t *testing.T) {
	t.Parallel()
	w := newWorld(t, stripesim.Config{})
	customer := w.newCustomer("pm_card_visa")
	s := w.subscribe(customer, "")
	start := w.newest()
	w.succeed(http.MethodDelete, "/v1/customers/"+customer, "")
	wantAll(t, "customer", w.get("/v1/customers/"+customer).object, map[string]any{"deleted": true, "email": nil})
	wantAll(t, "subscription", w.subscription(s.text("id")).object, map[string]any{"status": "canceled"})
	if diff := cmp.Diff([]string{"customer.subscription.deleted", "customer.deleted"}, types(w.eventsSince(start))); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
	if got := w.call(http.MethodPost, "/v1/customers/"+customer, "name=Grace"); got.status != http.StatusNotFound {
		t.Errorf("a deleted customer is changed: %d", got.status)
	}
}

// TestEventsTellTheMoment checks that a snapshot says what was true, and that
// an update says what was true before.
func TestEventsTellTheMoment(t *testing.T) {
	t.Parallel()
	w := newWorld(t, stripesim.Config{})
	s := w.subscribe(w.newCustomer("pm_card_visa"), "&metadata[a]=1")
	start := w.newest()
	w.call(http.MethodPost, "/v1/subscriptions/"+s.text("id"), "metadata[a]=2&metadata[b]=3&cancel_at_period_end=true", "Idempotency-Key", "change-1")
	w.advance(week)
	events := w.eventsSince(start)
	wantAll(t, "the change", events[0], map[string]any{
		"type": "customer.subscription.updated", "data.object.status": "active", "data.object.metadata.a": "2",
		"data.previous_attributes.metadata.a": "1", "data.previous_attributes.metadata.b": nil,
		"data.previous_attributes.cancel_at_period_end": false, "request.idempotency_key": "change-1",
	})
	if _, told := events[0].at("data.previous_attributes").(map[string]any)["status"]; told {
		t.Error("what did not change is told as changed")
	}
	wantAll(t, "the end", events[1], map[string]any{"type": "customer.subscription.deleted", "data.object.status": "canceled", "request.id": nil})
}
