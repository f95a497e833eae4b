package stripesim_test

import (
	"net/http"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/numerai-app/payments/stripesim"
)

// TestTrialInTheMiddle gives a subscription that was paid a trial: what is left
// is given back, and the anchor is the end of the trial.
func TestTrialInTheMiddle(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"flexible", "classic"} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, stripesim.Config{Now: func() time.Time { return june }})
			customer := w.newCustomer("pm_card_visa")
			s := w.post("/v1/subscriptions", w.fill(answer{}, "customer="+customer+"&trial_period_days=1&billing_mode[type]="+mode+"&items[0][price]={3000}"))
			w.advanceTo("2026-06-17") // paid from 2 June on for 30 days
			start, end := w.newest(), date(t, "2026-06-27")
			trial := w.post("/v1/subscriptions/"+s.text("id"), query("trial_end", formatInt(end.Unix()), "expand[]", "latest_invoice"))
			since := w.sim.Now()
			if mode == "classic" {
				since = june
			}
			wantAll(t, "trial", trial.object, map[string]any{
				"status": "trialing", "trial_end": int(end.Unix()), "trial_start": int(since.Unix()), "billing_cycle_anchor": int(end.Unix()),
				"items.data.0.current_period_end": int(end.Unix()), "latest_invoice.total": -1500, "latest_invoice.status": "paid", "latest_invoice.amount_due": 0,
			})
			w.wantEvents(start, []string{
				"invoiceitem.created", "invoice.created", "customer.updated", "invoice.finalized", "invoice.paid", "invoice.payment_succeeded",
				"customer.subscription.updated",
			})
			start = w.newest()
			w.advanceTo("2026-06-28")
			w.wantEvents(start, slices.Concat([]string{"invoice.upcoming", "customer.subscription.trial_will_end"}, renewedOnCredit))
			wantAll(t, "after it", w.subscription(s.text("id")).object, map[string]any{"status": "active", "latest_invoice.amount_paid": 1500, "latest_invoice.subtotal": 3000})
		})
	}
}

func formatInt(number int64) string { return strconv.FormatInt(number, 10) }

// TestMovedTrialEnd moves the end of a trial, and ends it at once.
func TestMovedTrialEnd(t *testing.T) {
	t.Parallel()
	w := newWorld(t, stripesim.Config{Now: func() time.Time { return june }})
	s := w.post("/v1/subscriptions", w.fill(answer{}, "customer="+w.newCustomer("pm_card_visa")+"&trial_period_days=20&items[0][price]={3000}"))
	path, start := "/v1/subscriptions/"+s.text("id"), w.newest()
	later := date(t, "2026-07-15").Unix()
	moved := w.post(path, query("trial_end", formatInt(later)))
	wantAll(t, "moved", moved.object, map[string]any{
		"status": "trialing", "trial_end": int(later), "trial_start": int(june.Unix()), "billing_cycle_anchor": int(later), "items.data.0.current_period_end": int(later),
		"latest_invoice": s.text("latest_invoice"),
	})
	w.post(path, w.fill(s, "items[0][id]={item}&items[0][quantity]=2"))
	wantAll(t, "an anchor meanwhile", w.call(http.MethodPost, path, "billing_cycle_anchor=now").object, map[string]any{"error.param": "billing_cycle_anchor"})
	w.advanceTo("2026-06-21")
	ended := w.post(path, "trial_end=now&expand[]=latest_invoice")
	wantAll(t, "ended", ended.object, map[string]any{
		"status": "active", "trial_end": int(w.sim.Now().Unix()), "billing_cycle_anchor": int(w.sim.Now().Unix()), "latest_invoice.amount_paid": 6000,
	})
	w.wantEvents(start, []string{
		"customer.subscription.updated", "customer.subscription.updated", "customer.subscription.trial_will_end", "invoice.created", "invoice.finalized",
		"payment_intent.created", "charge.succeeded", "payment_intent.succeeded", "invoice.paid", "invoice.payment_succeeded", "invoice_payment.paid",
		"customer.subscription.updated",
	})
}

// TestTrialEnds lets trials end without a payment method.
func TestTrialEnds(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		ending string
		want   map[string]any
		events []string
	}{
		{"create_invoice", map[string]any{"status": "past_due", "latest_invoice.status": "open", "latest_invoice.attempt_count": 1}, []string{
			"customer.subscription.updated", "invoice.created", "invoice.finalized", "payment_intent.created", "invoice.payment_failed", "customer.subscription.updated",
			"customer.updated",
		}},
		{"pause", map[string]any{"status": "paused", "latest_invoice.amount_due": 0}, []string{"customer.subscription.paused"}},
		{"cancel", map[string]any{"status": "canceled", "latest_invoice.amount_due": 0}, []string{"customer.subscription.deleted"}},
	} {
		t.Run(test.ending, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, stripesim.Config{})
			id := w.subscribe(w.newCustomer(""), "&trial_period_days=2&trial_settings[end_behavior][missing_payment_method]="+test.ending).text("id")
			start := w.newest()
			w.advance(2*day + 2*time.Hour)
			w.wantEvents(start, test.events)
			wantAll(t, "subscription", w.subscription(id).object, test.want)
		})
	}
}

// TestResumptions takes up paused subscriptions in each way.
func TestResumptions(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, card, how string
		then            time.Duration
		want            map[string]any
		events          []string
	}{
		{
			"at the old anchor", "pm_card_visa", "billing_cycle_anchor=unchanged&proration_behavior=always_invoice", 0,
			map[string]any{"status": "active", "latest_invoice.amount_paid": 1000, "items.data.0.current_period_end": int(june.AddDate(0, 0, 12+7).Unix())},
			[]string{
				"invoiceitem.created", "invoice.created", "invoice.finalized", "payment_intent.created", "charge.succeeded", "payment_intent.succeeded",
				"invoice.paid", "invoice.payment_succeeded", "invoice_payment.paid", "customer.subscription.updated", "customer.subscription.resumed",
			},
		},
		{
			"at the old anchor, billed later", "pm_card_visa", "billing_cycle_anchor=unchanged", 0,
			map[string]any{"status": "active", "latest_invoice.amount_due": 0},
			[]string{"invoiceitem.created", "customer.subscription.updated", "customer.subscription.resumed"},
		},
		{
			"at the old anchor, for nothing", "pm_card_visa", "billing_cycle_anchor=unchanged&proration_behavior=none", 0,
			map[string]any{"status": "active"},
			[]string{"customer.subscription.updated", "customer.subscription.resumed"},
		},
		{
			"from now on", "pm_card_visa", "", 0,
			map[string]any{"status": "active", "latest_invoice.amount_paid": 2000, "billing_cycle_anchor": int(june.AddDate(0, 0, 15).Unix()) + 12*3600},
			[]string{
				"invoice.created", "invoice.finalized", "payment_intent.created", "charge.succeeded", "payment_intent.succeeded", "invoice.paid",
				"invoice.payment_succeeded", "invoice_payment.paid", "customer.subscription.updated", "customer.subscription.resumed",
			},
		},
		{
			"not paid for 23 hours", "pm_card_chargeCustomerFail", "", 23 * time.Hour,
			map[string]any{"status": "paused", "latest_invoice.status": "void"},
			[]string{
				"invoice.created", "invoice.finalized", "payment_intent.created", "charge.failed", "payment_intent.payment_failed", "invoice.payment_failed",
				"customer.subscription.updated", "invoice.voided", "payment_intent.canceled",
			},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, stripesim.Config{Now: func() time.Time { return june }})
			customer := w.newCustomer("")
			s := w.subscribe(customer, "&trial_period_days=5&trial_settings[end_behavior][missing_payment_method]=pause")
			w.advance(15*day + 12*time.Hour) // in the middle of the second week after the trial
			w.post("/v1/subscriptions/"+s.text("id"), "default_payment_method="+w.attach(test.card, customer))
			start := w.newest()
			w.post("/v1/subscriptions/"+s.text("id")+"/resume", test.how)
			w.advance(test.then)
			w.wantEvents(start, test.events)
			wantAll(t, "subscription", w.subscription(s.text("id")).object, test.want)
		})
	}
}

// TestResumptionPaidLater pays for a resumption after its first try.
func TestResumptionPaidLater(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		call    string
		invoice string // its status
		events  []string
	}{
		{"pay", "paid", slices.Concat(charged, []string{"customer.subscription.updated", "customer.subscription.resumed", "invoice_payment.paid"})},
		{"mark_uncollectible", "uncollectible", []string{"invoice.marked_uncollectible", "customer.subscription.updated", "customer.subscription.resumed"}},
	} {
		t.Run(test.call, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, stripesim.Config{})
			customer := w.newCustomer("")
			s := w.subscribe(customer, "&trial_period_days=5&trial_settings[end_behavior][missing_payment_method]=pause")
			path := "/v1/subscriptions/" + s.text("id")
			w.advance(6 * day)
			w.post(path, "default_payment_method="+w.attach("pm_card_chargeCustomerFail", customer))
			invoice := w.post(path+"/resume", "").text("latest_invoice")
			wantAll(t, "not paid", w.subscription(s.text("id")).object, map[string]any{"status": "paused", "latest_invoice.status": "open", "latest_invoice.amount_due": 2000})
			w.post(path, "default_payment_method="+w.attach("pm_card_visa", customer))
			start := w.newest()
			w.post("/v1/invoices/"+invoice+"/"+test.call, "")
			w.wantEvents(start, test.events)
			wantAll(t, "then", w.subscription(s.text("id")).object, map[string]any{"status": "active", "latest_invoice.status": test.invoice})
		})
	}
}

// TestPausedCollection renews subscriptions whose invoices are not collected.
func TestPausedCollection(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		behavior string
		status   string // of the invoice after its first hour
		events   []string
	}{
		{"keep_as_draft", "draft", []string{"customer.subscription.updated", "invoice.created"}},
		{"mark_uncollectible", "uncollectible", []string{"customer.subscription.updated", "invoice.created", "invoice.finalized", "payment_intent.created", "invoice.marked_uncollectible"}},
		{"void", "void", []string{"customer.subscription.updated", "invoice.created", "invoice.finalized", "payment_intent.created", "invoice.voided", "payment_intent.canceled"}},
	} {
		t.Run(test.behavior, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, stripesim.Config{})
			id := w.subscribe(w.newCustomer("pm_card_visa"), "").text("id")
			resumes := w.sim.Now().Add(week + 2*day).Unix()
			w.post("/v1/subscriptions/"+id, query("pause_collection[behavior]", test.behavior, "pause_collection[resumes_at]", formatInt(resumes)))
			start := w.newest()
			w.advance(week + 2*time.Hour)
			w.wantEvents(start, test.events)
			wantAll(t, "paused", w.subscription(id).object, map[string]any{"status": "active", "latest_invoice.status": test.status, "pause_collection.resumes_at": int(resumes)})
			start = w.newest()
			w.advance(2 * day)
			w.wantEvents(start, []string{"customer.subscription.updated"})
			wantAll(t, "resumed", w.subscription(id).object, map[string]any{"pause_collection": nil})
			w.advance(week)
			wantAll(t, "collected again", w.subscription(id).object, map[string]any{"status": "active", "latest_invoice.status": "paid"})
		})
	}
}

// TestWarningShowsWhatWasTrue ends a trial and sets an end in one call: the
// warning of the trial's end, which comes first, knows nothing of the other.
func TestWarningShowsWhatWasTrue(t *testing.T) {
	w := newWorld(t, stripesim.Config{})
	customer := w.newCustomer("pm_card_visa")
	id := w.post("/v1/subscriptions", "customer="+customer+"&trial_period_days=10&items[0][price]="+w.price).text("id")
	before := w.newest()
	w.post("/v1/subscriptions/"+id, "trial_end=now&cancel_at="+formatInt(june.AddDate(0, 6, 0).Unix()))
	for _, e := range w.eventsSince(before) {
		shown := e.at("data.object").(map[string]any)
		if e.text("type") == "customer.subscription.trial_will_end" && (shown["cancel_at"] != nil || shown["status"] != "trialing") {
			t.Errorf("the warning shows %v, to end at %v", shown["status"], shown["cancel_at"])
		}
	}
}
