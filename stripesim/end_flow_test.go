package stripesim_test

import (
	"net/http"
	"slices"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/numerai-app/payments/stripesim"
)

// endFlows are the ways in which subscriptions end, and what may be billed
// after that.
var endFlows = []flow{
	{
		name: "a renewal fails until the end", config: stripesim.Config{PaymentRetries: []time.Duration{day, day, day}}, play: failRenewal,
		want: map[string]any{
			"status": "canceled", "cancellation_details.reason": "payment_failed", "latest_invoice.status": "open",
			"latest_invoice.attempt_count": 4, "latest_invoice.next_payment_attempt": nil, "latest_invoice.auto_advance": false,
		},
		events: slices.Concat(paidAtOnce, []string{"payment_method.attached", "customer.subscription.updated"}, begun, finalized,
			declined, []string{"customer.subscription.updated", "customer.updated"}, declined, declined, declined, []string{"customer.subscription.deleted", "invoice.updated"}),
	},
	{
		name: "a renewal fails and leaves the subscription unpaid", config: stripesim.Config{FinalAction: "unpaid", PaymentRetries: []time.Duration{day, day, day}},
		play: failRenewal, want: map[string]any{"status": "unpaid"},
		events: slices.Concat(paidAtOnce, []string{"payment_method.attached", "customer.subscription.updated"}, begun, finalized,
			declined, []string{"customer.subscription.updated", "customer.updated"}, declined, declined, declined, []string{"customer.subscription.updated"}),
	},
	{
		name: "canceled at the end of the period",
		play: func(w *world) string {
			s := w.subscribe(w.newCustomer("pm_card_visa"), "")
			scheduled := w.post("/v1/subscriptions/"+s.text("id"), "cancel_at_period_end=true")
			wantAll(w.t, "scheduled", scheduled.object, map[string]any{
				"status": "active", "cancel_at": int(s.number("items.data.0.current_period_end")), "cancellation_details.reason": "cancellation_requested",
			})
			w.advance(week)
			return s.text("id")
		},
		want:   map[string]any{"status": "canceled", "latest_invoice.billing_reason": "subscription_create"},
		events: slices.Concat(paidAtOnce, []string{"customer.subscription.updated", "customer.subscription.deleted"}),
	},
	{
		name: "a cancellation taken back",
		play: func(w *world) string {
			id := w.subscribe(w.newCustomer("pm_card_visa"), "").text("id")
			w.post("/v1/subscriptions/"+id, "cancel_at_period_end=true")
			return w.post("/v1/subscriptions/"+id, "cancel_at_period_end=false").text("id")
		},
		want:   map[string]any{"status": "active", "cancel_at": nil, "canceled_at": nil, "cancellation_details.reason": nil},
		events: slices.Concat(paidAtOnce, []string{"customer.subscription.updated", "customer.subscription.updated"}),
	},
	{
		name: "canceled now",
		play: func(w *world) string {
			id := w.subscribe(w.newCustomer("pm_card_visa"), "").text("id")
			w.succeed(http.MethodDelete, "/v1/subscriptions/"+id+"?cancellation_details[feedback]=unused", "")
			return id
		},
		want:   map[string]any{"status": "canceled", "cancellation_details.feedback": "unused"},
		events: slices.Concat(paidAtOnce, []string{"customer.subscription.deleted"}),
	},
	{
		name: "canceled while incomplete",
		play: func(w *world) string {
			id := w.subscribe(w.newCustomer(""), "&payment_behavior=default_incomplete").text("id")
			w.succeed(http.MethodDelete, "/v1/subscriptions/"+id, "")
			w.advance(day)
			return id
		},
		want: map[string]any{
			"status": "canceled", "cancellation_details.reason": "cancellation_requested", "latest_invoice.status": "open", "latest_invoice.auto_advance": false,
		},
		events: slices.Concat(opened, []string{"customer.subscription.deleted", "invoice.updated"}),
	},
	{
		name: "canceled in its trial",
		play: func(w *world) string {
			id := w.subscribe(w.newCustomer("pm_card_visa"), "&trial_period_days=7").text("id")
			w.succeed(http.MethodDelete, "/v1/subscriptions/"+id, "")
			w.advance(2 * week)
			return id
		},
		want:   map[string]any{"status": "canceled", "latest_invoice.amount_paid": 0},
		events: slices.Concat(trialBegun, []string{"customer.subscription.deleted"}),
	},
	{
		name: "canceled while paused",
		play: func(w *world) string {
			id := w.subscribe(w.newCustomer(""), "&trial_period_days=2&trial_settings[end_behavior][missing_payment_method]=pause").text("id")
			w.advance(3 * day)
			w.succeed(http.MethodDelete, "/v1/subscriptions/"+id, "")
			return id
		},
		want: map[string]any{"status": "canceled", "canceled_at": int(june.Add(3 * day).Unix()), "ended_at": int(june.Add(3 * day).Unix())},
		events: slices.Concat(trialBegun, []string{
			"setup_intent.created", "customer.subscription.trial_will_end", "customer.subscription.paused", "customer.subscription.deleted",
		}),
	},
	{
		name: "canceled through the portal",
		play: func(w *world) string {
			customer := w.newCustomer("pm_card_visa")
			id := w.subscribe(customer, "").text("id")
			session := w.post("/v1/billing_portal/sessions", "customer="+customer).text("id")
			w.advance(2 * day)
			w.post("/_sim/billing_portal/sessions/"+session+"/act", `{"action":"cancel"}`)
			wantAll(w.t, "scheduled", w.subscription(id).object, map[string]any{"status": "active", "cancel_at": int(june.Add(week).Unix())})
			w.advance(week)
			w.wantBills(id, 2000)
			return id
		},
		want: map[string]any{
			"status": "canceled", "cancellation_details.reason": "cancellation_requested", "canceled_at": int(june.Add(2 * day).Unix()), "ended_at": int(june.Add(week).Unix()),
		},
		events: slices.Concat(paidAtOnce, []string{"billing_portal.session.created", "customer.subscription.updated", "customer.subscription.deleted"}),
	},
	{
		name: "canceled at the end of the period, with something that waits",
		play: func(w *world) string {
			customer := w.newCustomer("pm_card_visa")
			id := w.subscribe(customer, "").text("id")
			w.post("/v1/invoiceitems", "customer="+customer+"&amount=500&subscription="+id)
			w.post("/v1/subscriptions/"+id, "cancel_at_period_end=true")
			w.advance(week + time.Hour)
			w.wantBills(id, 2000, 500)
			return id
		},
		want: map[string]any{"status": "canceled"},
		events: slices.Concat(paidAtOnce, []string{"invoiceitem.created", "customer.subscription.updated", "customer.subscription.deleted", "invoice.created"},
			finalized, charged, []string{"invoice_payment.paid"}),
	},
	{
		name: "canceled now, with something that waits",
		play: func(w *world) string {
			customer := w.newCustomer("pm_card_visa")
			id := w.subscribe(customer, "").text("id")
			w.post("/v1/invoiceitems", "customer="+customer+"&amount=500&subscription="+id)
			w.succeed(http.MethodDelete, "/v1/subscriptions/"+id, "")
			w.advance(week - time.Minute)
			w.wantBills(id, 2000)
			w.advance(time.Hour + time.Minute)
			w.wantBills(id, 2000, 500)
			return id
		},
		want: map[string]any{"status": "canceled", "ended_at": int(june.Unix())},
		events: slices.Concat(paidAtOnce, []string{"invoiceitem.created", "customer.subscription.deleted", "invoice.created"},
			finalized, charged, []string{"invoice_payment.paid"}),
	},
	{
		name: "canceled now, the rest given back",
		play: func(w *world) string {
			customer := w.newCustomer("pm_card_visa")
			id := w.subscribe(customer, "").text("id")
			w.post("/v1/invoiceitems", "customer="+customer+"&amount=500&subscription="+id)
			w.advance(week / 2)
			w.succeed(http.MethodDelete, "/v1/subscriptions/"+id+"?invoice_now=true&prorate=true", "")
			w.advance(week)
			w.wantBills(id, 2000, 0)
			wantAll(w.t, "customer", w.get("/v1/customers/"+customer).object, map[string]any{"balance": -500})
			return id
		},
		want: map[string]any{"status": "canceled", "latest_invoice.status": "paid", "latest_invoice.total": -500, "latest_invoice.billing_reason": "subscription_update"},
		events: slices.Concat(paidAtOnce, []string{
			"invoiceitem.created", "invoiceitem.created", "invoice.created", "customer.updated", "invoice.finalized", "invoice.paid",
			"invoice.payment_succeeded", "customer.subscription.deleted",
		}),
	},
}

// failRenewal lets a renewal fail until no try is left.
func failRenewal(w *world) string {
	customer := w.newCustomer("pm_card_visa")
	id := w.subscribe(customer, "").text("id")
	w.post("/v1/subscriptions/"+id, "default_payment_method="+w.attach("pm_card_chargeCustomerFail", customer))
	w.advance(week + 4*day)
	return id
}

// wantBills compares what the invoices of a subscription come to, oldest first.
func (w *world) wantBills(id string, want ...int64) {
	w.t.Helper()
	if diff := cmp.Diff(want, w.bills(id)); diff != "" {
		w.t.Errorf("bills (-want +got):\n%s", diff)
	}
}
