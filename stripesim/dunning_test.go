package stripesim_test

import (
	"fmt"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/numerai-app/payments/stripesim"
)

// dunned is a subscription whose first renewal was not paid, after its first
// try.
func dunned(t *testing.T, final string) (w *world, customer, id string) {
	t.Helper()
	w = newWorld(t, stripesim.Config{FinalAction: final, PaymentRetries: []time.Duration{2 * day, 2 * day}, Now: func() time.Time { return june }})
	customer = w.newCustomer("pm_card_visa")
	id = w.subscribe(customer, "").text("id")
	w.post("/v1/subscriptions/"+id, "default_payment_method="+w.attach("pm_card_chargeCustomerFail", customer))
	w.advance(week + time.Hour)
	wantAll(t, "after the first try", w.subscription(id).object, map[string]any{
		"status": "past_due", "latest_invoice.status": "open", "latest_invoice.attempt_count": 1, "latest_invoice.next_payment_attempt": int(w.sim.Now().Add(2 * day).Unix()),
	})
	return w, customer, id
}

// TestUnpaid follows a subscription that no retry has saved: its later invoices
// stay drafts until the latest is paid.
func TestUnpaid(t *testing.T) {
	t.Parallel()
	w, customer, id := dunned(t, "unpaid")
	older := w.subscription(id).text("latest_invoice.id")
	w.advance(5 * day)
	wantAll(t, "given up", w.subscription(id).object, map[string]any{
		"status": "unpaid", "latest_invoice.attempt_count": 3, "latest_invoice.next_payment_attempt": nil, "latest_invoice.status": "open",
	})
	start := w.newest()
	w.advance(2 * week)
	w.wantEvents(start, []string{"customer.subscription.updated", "invoice.created", "customer.subscription.updated", "invoice.created"})
	renewed := w.subscription(id)
	wantAll(t, "renewed", renewed.object, map[string]any{"status": "unpaid", "latest_invoice.status": "draft", "latest_invoice.auto_advance": false})
	w.post("/v1/subscriptions/"+id, "default_payment_method="+w.attach("pm_card_visa", customer))
	start = w.newest()
	w.post("/v1/invoices/"+older+"/pay", "")
	wantAll(t, "an older invoice is paid", w.subscription(id).object, map[string]any{"status": "unpaid"})
	w.wantEvents(start, slices.Concat(charged, []string{"customer.updated", "invoice_payment.paid"}))
	start = w.newest()
	w.post("/v1/invoices/"+renewed.text("latest_invoice.id")+"/pay", "")
	wantAll(t, "the latest is paid", w.subscription(id).object, map[string]any{"status": "active"})
	w.wantEvents(start, slices.Concat(finalized, charged, []string{"customer.subscription.updated", "invoice_payment.paid"}))
	w.advance(week + 2*time.Hour)
	wantAll(t, "collected again", w.subscription(id).object, map[string]any{"status": "active", "latest_invoice.status": "paid"})
}

// TestPastDue leaves the subscription past due after the last retry, and leads
// it back in each way.
func TestPastDue(t *testing.T) {
	t.Parallel()
	changed := []string{"customer.subscription.updated", "customer.updated"}
	for _, test := range []struct {
		name string
		// wait is how long after the first try the call is made; the next period
		// begins after six days and 23 hours.
		wait         time.Duration
		call, body   string
		status, then string
		events       []string
	}{
		{"paid", 6 * day, "pay", "", "active", "paid", slices.Concat(charged, changed, []string{"invoice_payment.paid"})},
		{"paid out of band", 6 * day, "pay", "paid_out_of_band=true", "active", "paid", slices.Concat([]string{"invoice.paid"}, changed, []string{"payment_intent.canceled"})},
		{"written off", 6 * day, "mark_uncollectible", "", "active", "uncollectible", slices.Concat([]string{"invoice.marked_uncollectible"}, changed)},
		{"void", 6 * day, "void", "", "past_due", "void", []string{"invoice.voided", "payment_intent.canceled"}},
		{
			"paid while the next one is a draft", week - 30*time.Minute, "pay", "", "active", "paid",
			slices.Concat(charged, changed, []string{"invoice_payment.paid"}),
		},
		{"paid after the next one was tried", week + time.Hour, "pay", "", "past_due", "paid", slices.Concat(charged, []string{"customer.updated", "invoice_payment.paid"})},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			w, customer, id := dunned(t, "past_due")
			invoice := w.subscription(id).text("latest_invoice.id")
			w.advance(test.wait)
			wantAll(t, "after the last try", w.subscription(id).object, map[string]any{"status": "past_due"})
			body := test.body
			if test.call == "pay" && body == "" {
				body = "payment_method=" + w.attach("pm_card_visa", customer)
			}
			start := w.newest()
			w.post("/v1/invoices/"+invoice+"/"+test.call, body)
			w.wantEvents(start, test.events)
			wantAll(t, "invoice", w.get("/v1/invoices/"+invoice).object, map[string]any{"status": test.then})
			wantAll(t, "subscription", w.subscription(id).object, map[string]any{"status": test.status})
		})
	}
}

// TestCanceledAfterRetries ends a subscription, and with it what its schedule
// wanted.
func TestCanceledAfterRetries(t *testing.T) {
	t.Parallel()
	w, _, id := dunned(t, "cancel")
	schedule := w.post("/v1/subscription_schedules", "from_subscription="+id).text("id")
	w.post("/v1/subscription_schedules/"+schedule, "phases[0][duration][interval]=year&phases[0][items][0][price]="+w.price)
	w.advance(3 * day)
	start := w.newest()
	w.advance(2 * day)
	w.wantEvents(start, []string{
		"charge.failed", "payment_intent.payment_failed", "invoice.payment_failed", "customer.subscription.deleted", "invoice.updated",
		"subscription_schedule.aborted",
	})
	wantAll(t, "subscription", w.subscription(id).object, map[string]any{
		"status": "canceled", "cancellation_details.reason": "payment_failed", "latest_invoice.status": "open", "latest_invoice.auto_advance": false,
	})
	for _, body := range []string{"items[0][price]=" + w.price, "cancel_at_period_end=true"} {
		wantAll(t, body, w.call(http.MethodPost, "/v1/subscriptions/"+id, body).object, map[string]any{"error.type": "invalid_request_error"})
	}
}

// TestPaymentBehaviors changes a subscription, with a card that is declined, in
// each way.
func TestPaymentBehaviors(t *testing.T) {
	t.Parallel()
	drawn := slices.Concat(prorated, []string{"invoice.created"}, finalized)
	changed := []string{"customer.subscription.updated"}
	for _, test := range []struct {
		behavior string
		status   int
		want     map[string]any // of the subscription afterwards
		events   []string
	}{
		{
			"allow_incomplete", http.StatusOK, map[string]any{
				"status": "past_due", "items.data.0.quantity": 3, "latest_invoice.status": "open", "latest_invoice.attempt_count": 1, "latest_invoice.amount_due": 4000,
			}, slices.Concat(drawn, declined, changed),
		},
		{
			"default_incomplete", http.StatusOK, map[string]any{
				"status": "past_due", "items.data.0.quantity": 3, "latest_invoice.status": "open", "latest_invoice.attempt_count": 0, "latest_invoice.amount_due": 4000,
			}, slices.Concat(drawn, changed),
		},
		{
			"pending_if_incomplete", http.StatusOK, map[string]any{
				"status": "active", "items.data.0.quantity": 1, "latest_invoice.status": "open", "latest_invoice.amount_due": 4000,
				"pending_update.subscription_items.0.quantity": 3,
			}, slices.Concat(drawn, declined, changed),
		},
		{
			"error_if_incomplete", http.StatusPaymentRequired, map[string]any{
				"status": "active", "items.data.0.quantity": 1, "latest_invoice.status": "paid", "pending_update": nil,
			}, []string{},
		},
	} {
		t.Run(test.behavior, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, stripesim.Config{})
			customer := w.newCustomer("pm_card_visa")
			s := w.subscribe(customer, "")
			w.post("/v1/subscriptions/"+s.text("id"), "default_payment_method="+w.attach("pm_card_chargeCustomerFail", customer))
			start := w.newest()
			got := w.call(http.MethodPost, "/v1/subscriptions/"+s.text("id"), query(
				"items[0][id]", s.text("items.data.0.id"), "items[0][quantity]", "3", "proration_behavior", "always_invoice", "payment_behavior", test.behavior,
			))
			if got.status != test.status {
				t.Errorf("it answers %d %v", got.status, got.object)
			}
			wantAll(t, "subscription", w.subscription(s.text("id")).object, test.want)
			w.wantEvents(start, test.events)
		})
	}
}

// TestFirstPayments begins subscriptions, with a card that is declined, in each
// way; where nothing is to be paid, the way does not matter.
func TestFirstPayments(t *testing.T) {
	t.Parallel()
	free := []string{
		"customer.updated", "customer.subscription.created", "invoice.created", "invoice.finalized", "invoice.paid", "invoice.payment_succeeded",
	}
	for _, test := range []struct {
		behavior string
		status   int
		want     map[string]any // of the subscription, if there is one
		events   []string
		free     int // what it answers where nothing is to be paid
	}{
		{
			"allow_incomplete", http.StatusOK,
			map[string]any{"status": "incomplete", "latest_invoice.status": "open", "latest_invoice.attempt_count": 1},
			slices.Concat(opened, declined), http.StatusOK,
		},
		{
			"default_incomplete", http.StatusOK,
			map[string]any{"status": "incomplete", "latest_invoice.status": "open", "latest_invoice.attempt_count": 0},
			opened, http.StatusOK,
		},
		{"error_if_incomplete", http.StatusPaymentRequired, nil, []string{}, http.StatusOK},
		{"pending_if_incomplete", http.StatusBadRequest, nil, []string{}, http.StatusBadRequest},
	} {
		t.Run(test.behavior, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, stripesim.Config{})
			customer, gratis := w.newCustomer("pm_card_chargeCustomerFail"), w.newPrice(0, "week")
			begin := func(customer, price string) (answer, string) {
				start := w.newest()
				return w.call(http.MethodPost, "/v1/subscriptions", query("customer", customer, "items[0][price]", price, "payment_behavior", test.behavior)), start
			}
			got, start := begin(customer, w.price)
			if got.status != test.status {
				t.Errorf("it answers %d %v", got.status, got.object)
			}
			w.wantEvents(start, test.events)
			if test.want != nil {
				wantAll(t, "subscription", w.subscription(got.text("id")).object, test.want)
			} else if rows := w.get("/v1/subscriptions?status=all").rows(); len(rows) > 0 {
				t.Errorf("%d subscriptions are made", len(rows))
			}
			got, start = begin(w.newCustomer(""), gratis)
			if got.status != test.free {
				t.Fatalf("for nothing: %d %v", got.status, got.object)
			}
			if got.status == http.StatusOK {
				wantAll(t, "for nothing", w.subscription(got.text("id")).object, map[string]any{
					"status": "active", "latest_invoice.status": "paid", "latest_invoice.amount_paid": 0, "latest_invoice.payments": nil,
				})
				w.wantEvents(start, free)
			}
		})
	}
}

// TestMostSubscriptions counts what a customer has, which is bounded.
func TestMostSubscriptions(t *testing.T) {
	t.Parallel()
	w := newWorld(t, stripesim.Config{})
	free, customer := w.newPrice(0, "week"), w.newCustomer("")
	create := "customer=" + customer + "&items[0][price]=" + free
	schedule := query("customer", customer, "phases[0][items][0][price]", free, "start_date", formatInt(june.Add(day).Unix()))
	w.post("/v1/subscription_schedules", schedule)
	for range 499 {
		w.post("/v1/subscriptions", create)
	}
	last := w.get("/v1/subscriptions?customer=" + customer).text("data.0.id")
	for _, path := range []string{"/v1/subscriptions", "/v1/subscription_schedules"} {
		body := map[string]string{"/v1/subscriptions": create, "/v1/subscription_schedules": schedule}[path]
		wantAll(t, path, w.call(http.MethodPost, path, body).object, map[string]any{"error.code": "customer_max_subscriptions"})
	}
	w.succeed(http.MethodDelete, "/v1/subscriptions/"+last, "")
	w.post("/v1/subscriptions", create)
	items := "customer=" + w.newCustomer("pm_card_visa")
	for i := range 21 {
		items += fmt.Sprintf("&items[%d][price]=%s", i, w.newPrice(100, "week"))
	}
	wantAll(t, "items", w.call(http.MethodPost, "/v1/subscriptions", items).object, map[string]any{"error.param": "items"})
}

// TestPaymentMethodsInTurn checks whose card pays: that of the invoice, then
// that of the subscription, then that of the customer.
func TestPaymentMethodsInTurn(t *testing.T) {
	t.Parallel()
	w := newWorld(t, stripesim.Config{})
	customer := w.newCustomer("pm_card_visa")
	id := w.subscribe(customer, "").text("id")
	paidBy := func(what, brand string) {
		t.Helper()
		paid := w.get("/v1/invoice_payments?expand[]=data.payment.payment_intent.payment_method&invoice=" + w.subscription(id).text("latest_invoice.id"))
		wantAll(t, what, paid.object, map[string]any{"data.0.status": "paid", "data.0.payment.payment_intent.payment_method.card.brand": brand})
	}
	paidBy("the customer's", "visa")
	w.post("/v1/subscriptions/"+id, "default_payment_method="+w.attach("pm_card_mastercard", customer))
	w.advance(week + 2*time.Hour)
	paidBy("the subscription's", "mastercard")
	w.advance(week - 2*time.Hour)
	w.post("/v1/invoices/"+w.subscription(id).text("latest_invoice.id"), "default_payment_method="+w.attach("pm_card_amex", customer))
	w.advance(2 * time.Hour)
	paidBy("the invoice's", "amex")
}

// TestSubscriptionLists narrows lists down.
func TestSubscriptionLists(t *testing.T) {
	t.Parallel()
	w := newWorld(t, stripesim.Config{Now: func() time.Time { return june }})
	customer, other := w.newCustomer("pm_card_visa"), w.newPrice(500, "month")
	weekly := w.subscribe(customer, "").text("id")
	expired := w.subscribe(customer, "&payment_behavior=default_incomplete").text("id")
	w.advance(day)
	monthly := w.post("/v1/subscriptions", "customer="+customer+"&items[0][price]="+other).text("id")
	canceled := w.subscribe(customer, "").text("id")
	w.succeed(http.MethodDelete, "/v1/subscriptions/"+canceled, "")
	at := func(days int) string { return formatInt(june.AddDate(0, 0, days).Unix()) }
	for filter, want := range map[string][]string{
		"":                                   {monthly, expired, weekly},
		"status=all":                         {canceled, monthly, expired, weekly},
		"status=ended":                       {canceled, expired},
		"status=canceled":                    {canceled},
		"status=incomplete_expired":          {expired},
		"status=active":                      {monthly, weekly},
		"price=" + other:                     {monthly},
		"status=all&price=" + w.price:        {canceled, expired, weekly},
		"created[gte]=" + at(1):              {monthly},
		"status=active&created[lt]=" + at(1): {weekly},
		"status=active&current_period_end[lte]=" + at(7):  {weekly},
		"status=active&current_period_end[gt]=" + at(7):   {monthly},
		"status=active&current_period_start[gt]=" + at(0): {monthly},
		"collection_method=send_invoice":                  {},
	} {
		got := []string{}
		for _, s := range w.get("/v1/subscriptions?limit=100&customer=" + customer + "&" + filter).rows() {
			got = append(got, s.text("id"))
		}
		wantAll(t, filter, object{"ids": got}, map[string]any{"ids": want})
	}
}
