package stripesim_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/numerai-app/payments/stripesim"
)

// TestLaws plays random lives of subscriptions, moves the clock between calls,
// and holds the simulator after each to what is true of Stripe at any time.
func TestLaws(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		sim := newSimulatorFor(r)
		l := newHistory(r, sim, described(t, sim))
		r.Repeat(map[string]func(*rapid.T){
			"":              func(r *rapid.T) { l.check(r) },
			"customer":      l.newCustomer,
			"subscribe":     l.subscribe,
			"change":        l.change,
			"cancelLater":   l.cancelLater,
			"cancel":        l.cancel,
			"pause":         l.pause,
			"changeCard":    l.changeCard,
			"collect":       l.collect,
			"refund":        l.refund,
			"advance":       l.advance,
			"repeat":        l.repeat,
			"adjustBalance": l.adjustBalance,
		})
	})
}

// newSimulatorFor makes a simulator that is closed when the run ends.
func newSimulatorFor(r *rapid.T) *stripesim.Simulator {
	sim, err := stripesim.New(stripesim.Config{})
	if err != nil {
		r.Fatal(err)
	}
	r.Cleanup(func() {
		if err := sim.Close(context.WithoutCancel(r.Context())); err != nil {
			r.Errorf("close: %v", err)
		}
	})
	return sim
}

// history is a random run of calls against a simulator of its own.
type history struct {
	sim     *stripesim.Simulator
	handler http.Handler
	calls   int
	made    []madeCall
	seen    string // the last event that was looked at
	latest  map[string]object
}

// madeCall is a call that was made with an idempotency key.
type madeCall struct{ key, path, body, answer string }

func newHistory(r *rapid.T, sim *stripesim.Simulator, handler http.Handler) *history {
	l := &history{sim: sim, handler: handler, latest: map[string]object{}}
	for _, price := range []string{
		"unit_amount=999&recurring[interval]=week", "unit_amount=2000&recurring[interval]=month", "unit_amount=3333&recurring[interval]=month",
		"unit_amount=20000&recurring[interval]=year", "unit_amount=0&recurring[interval]=month",
	} {
		l.must(r, http.MethodPost, "/v1/prices", "currency=usd&product_data[name]=Tea&"+price)
	}
	return l
}

// ask makes a call; a POST has an idempotency key of its own.
func (l *history) ask(method, path, body string) (int, object) {
	l.calls++
	return l.askAgain(method, path, body, fmt.Sprintf("key %d", l.calls))
}

func (l *history) askAgain(method, path, body, key string) (int, object) {
	request := httptest.NewRequest(method, path, strings.NewReader(body))
	request.Header.Set("Authorization", "Bearer "+secretKey)
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if method == http.MethodPost {
		request.Header.Set("Idempotency-Key", key)
	}
	recorded := httptest.NewRecorder()
	l.handler.ServeHTTP(recorded, request)
	answer := object{}
	if err := json.Unmarshal(recorded.Body.Bytes(), &answer); err != nil {
		return 0, object{"error": err.Error()}
	}
	if method == http.MethodPost {
		l.made = append(l.made, madeCall{key, path, body, recorded.Body.String()})
	}
	return recorded.Code, answer
}

// must makes a call that has to succeed.
func (l *history) must(r *rapid.T, method, path, body string) object {
	status, answer := l.ask(method, path, body)
	if status != http.StatusOK {
		r.Fatalf("%s %s %s: %d %v", method, path, body, status, answer)
	}
	return answer
}

// try makes a call that may be refused, but never breaks.
func (l *history) try(r *rapid.T, method, path, body string) object {
	status, answer := l.ask(method, path, body)
	if status != http.StatusOK && (status < 400 || status > 499) {
		r.Fatalf("%s %s %s: %d %v", method, path, body, status, answer)
	}
	r.Logf("%s %s %s: %d %s", method, path, body, status, answer.text("error.message"))
	return answer
}

// all lists everything of a kind.
func (l *history) all(r *rapid.T, path string) []object {
	var found []object
	after := ""
	for {
		page := l.must(r, http.MethodGet, path+after, "")
		found = append(found, page.rows()...)
		if page["has_more"] != true {
			return found
		}
		after = "&starting_after=" + found[len(found)-1].text("id")
	}
}

// one is any object of a list; the step is skipped where there is none.
func (l *history) one(r *rapid.T, path string) object {
	found := l.all(r, path)
	if len(found) == 0 {
		r.Skip("there is none in " + path)
	}
	return found[rapid.IntRange(0, len(found)-1).Draw(r, path)]
}

func (l *history) price(r *rapid.T) string {
	return l.one(r, "/v1/prices?limit=100").text("id")
}

var historyCards = []string{"pm_card_visa", "pm_card_chargeCustomerFail", "pm_card_authenticationRequired", "pm_card_visa"}

func (l *history) newCustomer(r *rapid.T) {
	if len(l.all(r, "/v1/customers?limit=100")) >= 3 {
		r.Skip("enough customers")
	}
	l.must(r, http.MethodPost, "/v1/customers", "name=Ada")
	l.changeCard(r)
}

func (l *history) changeCard(r *rapid.T) {
	customer := l.one(r, "/v1/customers?limit=100").text("id")
	card := rapid.SampledFrom(historyCards).Draw(r, "card")
	method := l.must(r, http.MethodPost, "/v1/payment_methods/"+card+"/attach", "customer="+customer).text("id")
	l.must(r, http.MethodPost, "/v1/customers/"+customer, "invoice_settings[default_payment_method]="+method)
}

func (l *history) adjustBalance(r *rapid.T) {
	customer := l.one(r, "/v1/customers?limit=100")
	l.must(r, http.MethodPost, "/v1/customers/"+customer.text("id"), fmt.Sprintf("balance=%d", rapid.IntRange(-5000, 300).Draw(r, "balance")))
}

func (l *history) subscribe(r *rapid.T) {
	if len(l.all(r, "/v1/subscriptions?limit=100")) >= 4 {
		r.Skip("enough subscriptions")
	}
	body := fmt.Sprintf("customer=%s&items[0][price]=%s&items[0][quantity]=%d", l.one(r, "/v1/customers?limit=100").text("id"), l.price(r),
		rapid.IntRange(0, 3).Draw(r, "quantity"))
	body += rapid.SampledFrom([]string{
		"", "&payment_behavior=default_incomplete", "&payment_behavior=error_if_incomplete", "&trial_period_days=2", "&trial_period_days=14",
		"&trial_period_days=5&trial_settings[end_behavior][missing_payment_method]=pause", "&cancel_at_period_end=true", "&off_session=true",
	}).Draw(r, "how")
	l.try(r, http.MethodPost, "/v1/subscriptions", body)
}

func (l *history) anySubscription(r *rapid.T) object {
	return l.one(r, "/v1/subscriptions?status=all&limit=100")
}

func (l *history) change(r *rapid.T) {
	s := l.anySubscription(r)
	body := "items[0][id]=" + s.text("items.data.0.id")
	if rapid.Bool().Draw(r, "another price") {
		body += "&items[0][price]=" + l.price(r)
	}
	body += fmt.Sprintf("&items[0][quantity]=%d", rapid.IntRange(1, 5).Draw(r, "quantity"))
	body += rapid.SampledFrom([]string{
		"", "&proration_behavior=always_invoice", "&proration_behavior=none", "&billing_cycle_anchor=now",
		"&proration_behavior=always_invoice&payment_behavior=error_if_incomplete", "&trial_end=now",
	}).Draw(r, "how")
	l.try(r, http.MethodPost, "/v1/subscriptions/"+s.text("id"), body)
}

func (l *history) cancelLater(r *rapid.T) {
	l.try(r, http.MethodPost, "/v1/subscriptions/"+l.anySubscription(r).text("id"), fmt.Sprintf("cancel_at_period_end=%t", rapid.Bool().Draw(r, "later")))
}

func (l *history) cancel(r *rapid.T) {
	how := rapid.SampledFrom([]string{"", "?prorate=true", "?invoice_now=true&prorate=true"}).Draw(r, "how")
	l.try(r, http.MethodDelete, "/v1/subscriptions/"+l.anySubscription(r).text("id")+how, "")
}

func (l *history) pause(r *rapid.T) {
	how := rapid.SampledFrom([]string{
		"pause_collection=", "pause_collection[behavior]=void", "pause_collection[behavior]=keep_as_draft", "pause_collection[behavior]=mark_uncollectible",
	}).Draw(r, "how")
	l.try(r, http.MethodPost, "/v1/subscriptions/"+l.anySubscription(r).text("id"), how)
}

func (l *history) collect(r *rapid.T) {
	invoice := l.one(r, "/v1/invoices?limit=100")
	how := rapid.SampledFrom([]string{"finalize", "pay", "pay", "void", "mark_uncollectible"}).Draw(r, "how")
	l.try(r, http.MethodPost, "/v1/invoices/"+invoice.text("id")+"/"+how, "")
}

func (l *history) refund(r *rapid.T) {
	charge := l.one(r, "/v1/charges?limit=100")
	body := "charge=" + charge.text("id")
	if rapid.Bool().Draw(r, "a part") {
		body += fmt.Sprintf("&amount=%d", rapid.IntRange(1, 1500).Draw(r, "amount"))
	}
	l.try(r, http.MethodPost, "/v1/refunds", body)
}

func (l *history) advance(r *rapid.T) {
	hours := rapid.SampledFrom([]int{1, 2, 24, 3 * 24, 7*24 + 2, 20 * 24}).Draw(r, "hours")
	if err := l.sim.Advance(r.Context(), time.Duration(hours)*time.Hour); err != nil {
		r.Fatal(err)
	}
}

// repeat makes a call again that was made before: nothing changes.
func (l *history) repeat(r *rapid.T) {
	l.check(r)
	again := l.made[rapid.IntRange(0, len(l.made)-1).Draw(r, "call")]
	made := len(l.made)
	if status, answer := l.askAgain(http.MethodPost, again.path, again.body, again.key); status >= 500 {
		r.Fatalf("again: %d %v", status, answer)
	}
	if got := l.made[made].answer; got != again.answer && l.isRemembered(again) {
		r.Fatalf("%s %s is answered differently again (-first +again):\n%s", again.path, again.body, cmp.Diff(again.answer, got))
	}
	l.made = l.made[:made]
	events := l.news(r)
	if len(events) > 0 && l.isRemembered(again) {
		r.Fatalf("%s again made %v", again.path, types(events))
	}
	l.checkEvents(r, events)
}

// isRemembered says whether an idempotency key keeps the answer of a call:
// refusals of its wording are not kept.
func (l *history) isRemembered(c madeCall) bool {
	var answer object
	return json.Unmarshal([]byte(c.answer), &answer) == nil && (answer["error"] == nil || answer.text("error.type") == "card_error")
}

// news are the events since the last look, oldest first.
func (l *history) news(r *rapid.T) []object {
	var found []object
	for {
		path := "/v1/events?limit=100"
		if l.seen != "" {
			path += "&ending_before=" + l.seen
		}
		rows := l.must(r, http.MethodGet, path, "").rows()
		if len(rows) == 0 {
			return found
		}
		l.seen = rows[0].text("id")
		slices.Reverse(rows)
		found = append(found, rows...)
	}
}

func (l *history) check(r *rapid.T) {
	events := l.news(r)
	l.checkEvents(r, events)
	for _, invoice := range l.all(r, "/v1/invoices?limit=100&expand[]=data.payments") {
		l.checkInvoice(r, invoice)
	}
	now := l.sim.Now().Unix()
	for _, s := range l.all(r, "/v1/subscriptions?status=all&limit=100") {
		start, end := s.number("items.data.0.current_period_start"), s.number("items.data.0.current_period_end")
		if status := s.text("status"); status != "canceled" && status != "incomplete_expired" && status != "paused" && (now < start || now > end) {
			r.Fatalf("it is %d, and the period of %s (%s) is %d to %d", now, s.text("id"), status, start, end)
		}
	}
}

// lawPaths are where the objects of events are found. Empty: nowhere, or, for
// invoice items, changed without an event when an invoice takes them.
var lawPaths = map[string]string{
	"customer": "customers", "subscription": "subscriptions", "invoice": "invoices", "charge": "charges", "payment_intent": "payment_intents",
	"refund": "refunds", "invoice_payment": "invoice_payments", "price": "prices", "product": "products", "payment_method": "payment_methods",
	"setup_intent": "setup_intents", "coupon": "coupons", "promotion_code": "promotion_codes", "dispute": "disputes", "radar.early_fraud_warning": "radar/early_fraud_warnings",
	"subscription_schedule": "subscription_schedules", "checkout.session": "checkout/sessions", "test_helpers.test_clock": "test_helpers/test_clocks",
	"billing_portal.configuration": "billing_portal/configurations", "billing_portal.session": "", "discount": "", "invoiceitem": "",
}

// untold are fields that change without an event.
var untold = []string{"next_invoice_sequence"}

// told is an object without what changes without an event of its own: a
// subscription shows its prices as they are now.
func told(o object) object {
	left := object(maps.Clone(map[string]any(o)))
	for _, name := range untold {
		delete(left, name)
	}
	if o.text("object") == "subscription" {
		var items []any
		for _, row := range object(o.at("items").(map[string]any)).rows() {
			row = maps.Clone(row)
			row["price"] = row.text("price.id")
			items = append(items, row)
		}
		left["items"] = items
	}
	return left
}

// checkEvents holds the events of a step to the objects: one of them shows the
// object as it is (the last, but for Stripe's own disorder within a request),
// and what an update says that was before is what the event before showed.
func (l *history) checkEvents(r *rapid.T, events []object) {
	touched := map[string][]object{}
	for _, e := range events {
		shown := object(e.at("data.object").(map[string]any))
		id := shown.text("id")
		if id == "" {
			continue // an invoice to come
		}
		key := shown.text("object") + " " + id // products name themselves
		if before := l.latest[key]; before != nil {
			if previous, ok := e.at("data.previous_attributes").(map[string]any); ok {
				for name, old := range previous {
					if slices.Contains(untold, name) {
						continue
					}
					if _, hash := old.(map[string]any); !hash && !cmp.Equal(before[name], old) {
						r.Fatalf("%s says that %s of %s was %v, the event before that it was %v", e.text("type"), name, id, old, before[name])
					}
				}
			}
		}
		l.latest[key], touched[key] = shown, append(touched[key], shown)
	}
	for _, snapshots := range touched {
		shown := snapshots[len(snapshots)-1]
		id := shown.text("id")
		path, known := lawPaths[shown.text("object")]
		if !known {
			r.Fatalf("an event about a %s", shown.text("object"))
		}
		if path == "" {
			continue
		}
		status, is := l.ask(http.MethodGet, "/v1/"+path+"/"+id, "")
		if status == http.StatusNotFound || is["deleted"] == true {
			continue
		}
		if slices.ContainsFunc(snapshots, func(one object) bool { return cmp.Equal(told(is), told(one)) }) {
			continue
		}
		if diff := cmp.Diff(told(is), told(shown)); diff != "" {
			r.Fatalf("the newest event of %s shows (-object +event):\n%s", id, diff)
		}
	}
}

// checkInvoice holds an invoice to its lines, and what was paid to its charges.
func (l *history) checkInvoice(r *rapid.T, i object) {
	var lines, paid, charged int64
	for _, line := range l.all(r, "/v1/invoices/"+i.text("id")+"/lines?limit=100") {
		lines += line.number("amount")
	}
	discounts, _ := i.at("total_discount_amounts").([]any)
	for _, discount := range discounts {
		lines -= object(discount.(map[string]any)).number("amount")
	}
	if total := i.number("total"); lines != total {
		r.Fatalf("the lines of %s less its discounts make %d, its total is %d", i.text("id"), lines, total)
	}
	if due, remaining := i.number("amount_due"), i.number("amount_remaining"); remaining != due-i.number("amount_paid") {
		r.Fatalf("%s: %d due, %d paid, %d remain", i.text("id"), due, i.number("amount_paid"), remaining)
	}
	payments, _ := i.at("payments.data").([]any)
	for _, row := range payments {
		p := object(row.(map[string]any))
		paid += p.number("amount_paid")
		for _, charge := range l.all(r, "/v1/charges?limit=100&payment_intent="+p.text("payment.payment_intent")) {
			if charge.text("status") == "succeeded" {
				charged += charge.number("amount_captured")
			}
			l.checkCharge(r, charge)
		}
	}
	if i.number("amount_paid") != paid+i.number("amount_paid_off_stripe") || paid != charged {
		r.Fatalf("%s: %d paid, by its payments %d, charged %d", i.text("id"), i.number("amount_paid"), paid, charged)
	}
}

func (l *history) checkCharge(r *rapid.T, charge object) {
	var refunded int64
	for _, refund := range l.all(r, "/v1/refunds?limit=100&charge="+charge.text("id")) {
		if refund.text("status") == "succeeded" || refund.text("status") == "pending" {
			refunded += refund.number("amount")
		}
	}
	if refunded != charge.number("amount_refunded") || refunded > charge.number("amount_captured") {
		r.Fatalf("%s: %d captured, %d refunded, by its refunds %d", charge.text("id"), charge.number("amount_captured"), charge.number("amount_refunded"), refunded)
	}
}
