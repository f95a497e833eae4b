package stripesim_test

import (
	"fmt"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/numerai-app/payments/stripesim"
)

func TestSetupIntents(t *testing.T) {
	t.Parallel()
	w := newWorld(t, stripesim.Config{})
	customer := w.newCustomer("")
	s := w.subscribe(customer, "&trial_period_days=10")
	pending := w.get("/v1/setup_intents/" + s.text("pending_setup_intent"))
	confirmed := w.call(http.MethodPost, "/v1/setup_intents/"+pending.text("id")+"/confirm",
		query("payment_method", "pm_card_authenticationRequiredOnSetup", "client_secret", pending.text("client_secret")), "Authorization", "Bearer pk_test_browser")
	wantAll(t, "confirmed", confirmed.object, map[string]any{"status": "requires_action", "next_action.type": "use_stripe_sdk"})
	passed := w.post("/_sim/setup_intents/"+pending.text("id")+"/authenticate", "")
	wantAll(t, "passed", passed.object, map[string]any{"status": "succeeded", "next_action": nil})
	got := w.subscription(s.text("id"))
	wantAll(t, "subscription", got.object, map[string]any{"pending_setup_intent": nil, "default_payment_method": passed.text("payment_method")})

	// The card was set up, so a renewal needs no payer.
	w.advance(10*day + 2*time.Hour)
	wantAll(t, "renewed", w.subscription(s.text("id")).object, map[string]any{"status": "active", "latest_invoice.status": "paid", "latest_invoice.amount_paid": 2000})

	declined := w.call(http.MethodPost, "/v1/setup_intents", query("customer", customer, "confirm", "true", "payment_method", "pm_card_visa_chargeDeclinedLostCard"))
	wantAll(t, "declined", declined.object, map[string]any{"error.code": "card_declined", "error.decline_code": "lost_card", "error.setup_intent.status": "requires_payment_method"})
}

func TestInvoices(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, call, body string
		invoice          map[string]any
		status           string // of the subscription
		intent           string
		events           []string
	}{
		{"paid out of band", "pay", "paid_out_of_band=true", map[string]any{"status": "paid", "amount_remaining": 0}, "active", "canceled", []string{
			"invoice.paid", "customer.subscription.updated", "payment_intent.canceled",
		}},
		{"void", "void", "", map[string]any{"status": "void"}, "incomplete", "canceled", []string{"invoice.voided", "payment_intent.canceled"}},
		{"uncollectible", "mark_uncollectible", "", map[string]any{"status": "uncollectible"}, "incomplete", "requires_payment_method", []string{"invoice.marked_uncollectible"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, stripesim.Config{})
			s := w.subscribe(w.newCustomer(""), "&payment_behavior=default_incomplete")
			path, start := "/v1/invoices/"+s.text("latest_invoice.id"), w.newest()
			wantAll(t, "invoice", w.post(path+"/"+test.call, test.body).object, test.invoice)
			w.wantEvents(start, test.events)
			wantAll(t, "subscription", w.subscription(s.text("id")).object, map[string]any{"status": test.status})
			intent := s.text("latest_invoice.payments.data.0.payment.payment_intent")
			wantAll(t, "intent", w.get("/v1/payment_intents/"+intent).object, map[string]any{"status": test.intent})
			for _, again := range []string{"finalize", "void", "pay"} {
				if got := w.call(http.MethodPost, path+"/"+again, ""); got.status == http.StatusOK && test.name != "uncollectible" {
					t.Errorf("after that it can %s", again)
				}
			}
			if lines := w.get(path + "/lines").rows(); len(lines) != 1 || lines[0].number("amount") != 2000 {
				t.Errorf("its lines are %v", lines)
			}
		})
	}
}

func TestDraftKept(t *testing.T) {
	t.Parallel()
	w := newWorld(t, stripesim.Config{})
	id := w.subscribe(w.newCustomer("pm_card_visa"), "").text("id")
	w.post("/v1/subscriptions/"+id, "pause_collection[behavior]=keep_as_draft&pause_collection[resumes_at]="+fmt.Sprint(w.sim.Now().Add(10*day).Unix()))
	w.advance(week + 5*time.Hour)
	draft := w.subscription(id)
	wantAll(t, "draft", draft.object, map[string]any{"latest_invoice.status": "draft", "latest_invoice.number": nil})
	w.advance(3 * day)
	wantAll(t, "resumed", w.subscription(id).object, map[string]any{"pause_collection": nil})
	w.post("/v1/invoices/"+draft.text("latest_invoice.id")+"/finalize", "")
	paid := w.post("/v1/invoices/"+draft.text("latest_invoice.id")+"/pay", "")
	wantAll(t, "paid", paid.object, map[string]any{"status": "paid", "amount_paid": 2000})
}

func TestLookupKeys(t *testing.T) {
	t.Parallel()
	w := newWorld(t, stripesim.Config{})
	product := w.post("/v1/products", "name=Tea&id=tea").text("id")
	create := "product=" + product + "&currency=usd&unit_amount=100&recurring[interval]=month&lookup_key=monthly"
	first := w.post("/v1/prices", create)
	if got := w.call(http.MethodPost, "/v1/prices", create); got.status != http.StatusBadRequest {
		t.Errorf("a lookup key is taken twice: %d", got.status)
	}
	second := w.post("/v1/prices", create+"&transfer_lookup_key=true")
	found := w.get("/v1/prices?active=true&lookup_keys[]=monthly").rows()
	if len(found) != 1 || found[0].text("id") != second.text("id") {
		t.Errorf("the key finds %v", found)
	}
	wantAll(t, "the first", w.get("/v1/prices/"+first.text("id")).object, map[string]any{"lookup_key": nil})
	if got := w.call(http.MethodDelete, "/v1/products/tea", ""); got.status != http.StatusBadRequest {
		t.Errorf("a product with prices is deleted: %d", got.status)
	}
	wantAll(t, "off", w.post("/v1/prices/"+second.text("id"), "active=false").object, map[string]any{"active": false})
	if got := w.call(http.MethodPost, "/v1/products", "name=Tea&id=tea"); got.text("error.code") != "resource_already_exists" {
		t.Errorf("a product is made twice: %v", got.object)
	}
}

func TestPaymentMethods(t *testing.T) {
	t.Parallel()
	w := newWorld(t, stripesim.Config{})
	customer := w.newCustomer("")
	made := w.post("/v1/payment_methods", "type=card&card[number]=5555555555554444&card[exp_month]=1&card[exp_year]=40&card[cvc]=123")
	wantAll(t, "made", made.object, map[string]any{"card.brand": "mastercard", "card.last4": "4444", "card.exp_year": 2040, "customer": nil})
	path := "/v1/payment_methods/" + made.text("id")
	wantAll(t, "attached", w.post(path+"/attach", "customer="+customer).object, map[string]any{"customer": customer})
	w.post("/v1/customers/"+customer, "invoice_settings[default_payment_method]="+made.text("id"))
	if got := len(w.get("/v1/customers/" + customer + "/payment_methods").rows()); got != 1 {
		t.Errorf("the customer has %d", got)
	}
	if got := w.call(http.MethodPost, path+"/attach", "customer="+w.newCustomer("")); got.status != http.StatusBadRequest {
		t.Errorf("another customer's is attached: %d", got.status)
	}
	wantAll(t, "detached", w.post(path+"/detach", "").object, map[string]any{"customer": nil})
	wantAll(t, "customer", w.get("/v1/customers/"+customer).object, map[string]any{"invoice_settings.default_payment_method": nil})
	if got := w.call(http.MethodPost, path+"/attach", "customer="+customer); got.status != http.StatusBadRequest {
		t.Errorf("a detached one is attached again: %d", got.status)
	}
}

// TestCancelWithProration checks that what is not used is credited.
func TestCancelWithProration(t *testing.T) {
	t.Parallel()
	w := newWorld(t, stripesim.Config{})
	customer := w.newCustomer("pm_card_visa")
	s := w.subscribe(customer, "")
	w.advance(week / 2)
	w.succeed(http.MethodDelete, "/v1/subscriptions/"+s.text("id")+"?prorate=true&invoice_now=true", "")
	credit := w.get("/v1/customers/" + customer).number("balance")
	if credit > -990 || credit < -1010 {
		t.Errorf("the customer's balance is %d, want about -1000", credit)
	}
	items := w.get("/v1/invoiceitems?customer=" + customer).rows()
	if len(items) != 1 || items[0].number("amount") != credit || items[0].text("invoice") == "" {
		t.Errorf("it was billed as %v", items)
	}
	// The credit pays for what comes next.
	again := w.subscribe(customer, "")
	wantAll(t, "again", again.object, map[string]any{"status": "active", "latest_invoice.amount_due": int(2000 + credit), "latest_invoice.starting_balance": int(credit)})
}

// TestResume takes up a subscription that was paused at the end of its trial.
func TestResume(t *testing.T) {
	t.Parallel()
	w := newWorld(t, stripesim.Config{})
	customer := w.newCustomer("")
	s := w.subscribe(customer, "&trial_period_days=4&trial_settings[end_behavior][missing_payment_method]=pause")
	w.advance(4 * day)
	w.post("/v1/subscriptions/"+s.text("id"), "default_payment_method="+w.attach("pm_card_visa", customer))
	start := w.newest()
	resumed := w.post("/v1/subscriptions/"+s.text("id")+"/resume", "billing_cycle_anchor=now&expand[]=latest_invoice")
	wantAll(t, "resumed", resumed.object, map[string]any{"status": "active", "latest_invoice.status": "paid"})
	w.wantEvents(start, slices.Concat(
		[]string{"invoice.created"}, finalized, charged, []string{"invoice_payment.paid", "customer.subscription.updated", "customer.subscription.resumed"}))
	item := w.get("/v1/subscription_items/" + resumed.text("items.data.0.id"))
	listed := w.get("/v1/subscription_items?subscription=" + s.text("id")).rows()
	if len(listed) != 1 || listed[0].text("id") != item.text("id") {
		t.Errorf("its items are %v", listed)
	}
}

// TestTrialThatOwes changes a subscription in whose trial something older was not
// paid: it is past due, and its period is the trial still, longer than others.
func TestTrialThatOwes(t *testing.T) {
	t.Parallel()
	w := newWorld(t, stripesim.Config{Now: func() time.Time { return june }})
	customer := w.newCustomer("pm_card_chargeCustomerFail")
	w.post("/v1/customers/"+customer, "balance=500")
	s := w.subscribe(customer, "&trial_period_days=40")
	w.advance(10 * day)
	end := s.number("trial_end")
	for _, change := range []string{"", "cancel_at_period_end=true", "cancel_at_period_end=false"} {
		if change != "" {
			w.post("/v1/subscriptions/"+s.text("id"), change)
		}
		got := w.subscription(s.text("id"))
		wantAll(t, "after "+change, got.object, map[string]any{"status": "past_due", "trial_end": int(end), "items.data.0.current_period_end": int(end)})
	}
}

// TestPagesOfParts walks the items of a subscription both ways.
func TestPagesOfParts(t *testing.T) {
	t.Parallel()
	w := newWorld(t, stripesim.Config{})
	body := "customer=" + w.newCustomer("pm_card_visa")
	for i := range 5 {
		body += fmt.Sprintf("&items[%d][price]=%s", i, w.newPrice(int64(100*(i+1)), "week"))
	}
	s := w.post("/v1/subscriptions", body)
	list := "/v1/subscription_items?subscription=" + s.text("id") + "&limit=2"
	id := func(i int) string { return s.text(fmt.Sprintf("items.data.%d.id", i)) }
	for _, test := range []struct {
		more string
		want []int
		left bool
	}{
		{"", []int{0, 1}, true},
		{"&starting_after=" + id(2), []int{3, 4}, false},
		{"&ending_before=" + id(3), []int{1, 2}, true},
		{"&ending_before=" + id(2), []int{0, 1}, false},
	} {
		got := w.get(list + test.more)
		var ids, want []string
		for _, row := range got.rows() {
			ids = append(ids, row.text("id"))
		}
		for _, i := range test.want {
			want = append(want, id(i))
		}
		if !slices.Equal(ids, want) || got.object["has_more"] != test.left {
			t.Errorf("%q: %v, more: %v; want %v, %v", test.more, ids, got.object["has_more"], want, test.left)
		}
	}
	if got := w.call(http.MethodGet, list+"&ending_before=si_none", ""); got.status != http.StatusBadRequest || got.text("error.param") != "ending_before" {
		t.Errorf("an unknown item: %d %v", got.status, got.object)
	}
}
