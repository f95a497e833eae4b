package stripesim_test

import (
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/numerai-app/payments/stripesim"
)

// retold is something that changes an object, and what the last event of a
// kind then says was true before. Of an id only the prefix is compared, and of
// an object in a list only its id.
type retold struct {
	kind, name string
	play       func(w *world)
	want       map[string]any
}

var begunAt = float64(june.Unix())

var retellings = []retold{
	{"customer.updated", "all kinds of values", func(w *world) {
		id := w.post("/v1/customers", "name=Ada&metadata[a]=1&metadata[b]=2&address[line1]=Dock 1").text("id")
		w.post("/v1/customers/"+id, "name=Grace&metadata[a]=3&metadata[c]=4&metadata[b]=&address[line1]=Dock 2&address[city]=London")
	}, map[string]any{
		"name": "Ada", "metadata": map[string]any{"a": "1", "b": "2", "c": nil}, "address": map[string]any{"line1": "Dock 1", "city": nil},
	}},
	{"charge.updated", "a description", func(w *world) {
		w.post("/v1/charges/"+w.pay("pm_card_visa").text("latest_charge"), "description=Tea&metadata[a]=1")
	}, map[string]any{"description": nil, "metadata": map[string]any{"a": nil}}},
	{"charge.captured", "a part", func(w *world) {
		w.post("/v1/payment_intents/"+w.hold()+"/capture", "amount_to_capture=1500")
	}, map[string]any{"amount_captured": 0.0, "amount_refunded": 0.0, "captured": false}},
	{"charge.expired", "not captured in time", func(w *world) {
		w.hold()
		w.advance(8 * day)
	}, map[string]any{"amount_refunded": 0.0, "refunded": false}},
	{"charge.refunded", "a part", func(w *world) {
		w.post("/v1/refunds", "amount=500&payment_intent="+w.pay("pm_card_visa").text("id"))
	}, map[string]any{"amount_refunded": 0.0}},
	{"radar.early_fraud_warning.updated", "all is given back", func(w *world) {
		w.post("/v1/refunds", "payment_intent="+w.pay("pm_card_createIssuerFraudRecord").text("id"))
	}, map[string]any{"actionable": true}},
	{"customer.updated", "a renewal that fails", func(w *world) {
		failFirst(w, w.newCustomer("pm_card_visa"))
	}, map[string]any{"delinquent": false}},
	{"charge.refunded", "all", func(w *world) {
		w.post("/v1/refunds", "payment_intent="+w.pay("pm_card_visa").text("id"))
	}, map[string]any{"amount_refunded": 0.0, "refunded": false}},
	{"charge.updated", "a refund that fails", func(w *world) {
		w.post("/v1/refunds", "payment_intent="+w.pay("pm_card_refundFail").text("id"))
		w.advance(time.Hour)
	}, map[string]any{"amount_refunded": 2000.0, "refunded": true}},
	{"refund.updated", "metadata", func(w *world) {
		refund := w.post("/v1/refunds", "payment_intent="+w.pay("pm_card_visa").text("id"))
		w.post("/v1/refunds/"+refund.text("id"), "metadata[a]=1")
	}, map[string]any{"metadata": map[string]any{"a": nil}}},
	{"charge.refund.updated", "it was pending", func(w *world) {
		w.post("/v1/refunds", "payment_intent="+w.pay("pm_card_pendingRefund").text("id"))
		w.advance(time.Hour)
	}, map[string]any{"status": "pending", "pending_reason": "processing"}},
	{"charge.dispute.updated", "evidence", func(w *world) {
		w.post("/v1/disputes/"+w.disputed(), "evidence[customer_name]=Ada")
	}, map[string]any{
		"evidence": map[string]any{"customer_name": nil}, "evidence_details": map[string]any{"has_evidence": false, "submission_count": 0.0}, "status": "needs_response",
	}},
	{"charge.dispute.closed", "accepted", func(w *world) {
		w.post("/v1/disputes/"+w.disputed()+"/close", "")
	}, map[string]any{"status": "needs_response"}},
	{"charge.dispute.closed", "not answered", func(w *world) {
		w.disputed()
		w.advance(9 * day)
	}, map[string]any{"status": "needs_response", "evidence_details": map[string]any{"past_due": false}}},
	{"charge.dispute.closed", "won", func(w *world) {
		w.post("/v1/disputes/"+w.disputed(), "evidence[uncategorized_text]=winning_evidence")
		w.advance(time.Minute)
	}, map[string]any{"status": "under_review", "is_charge_refundable": false}},
	{"charge.dispute.funds_reinstated", "won", func(w *world) {
		w.post("/v1/disputes/"+w.disputed(), "evidence[uncategorized_text]=winning_evidence")
		w.advance(time.Minute)
	}, map[string]any{"balance_transactions": []any{"txn_"}}},
	{"coupon.updated", "a name", func(w *world) {
		w.post("/v1/coupons", "id=ten&percent_off=10&duration=once")
		w.post("/v1/coupons/ten", "name=Ten")
	}, map[string]any{"name": nil}},
	{"promotion_code.updated", "switched off", func(w *world) {
		w.post("/v1/coupons", "id=ten&percent_off=10&duration=once")
		code := w.post("/v1/promotion_codes", "promotion[type]=coupon&promotion[coupon]=ten&code=TEN")
		w.post("/v1/promotion_codes/"+code.text("id"), "active=false")
	}, map[string]any{"active": true}},
	{"customer.discount.updated", "another coupon", func(w *world) {
		w.post("/v1/coupons", "id=ten&percent_off=10&duration=forever")
		w.post("/v1/coupons", "id=five&percent_off=5&duration=forever")
		id := w.subscribe(w.newCustomer("pm_card_visa"), "&discounts[0][coupon]=ten").text("id")
		w.post("/v1/subscriptions/"+id, "discounts[0][coupon]=five")
	}, map[string]any{"source": map[string]any{"coupon": "ten"}}},
	{"customer.subscription.updated", "an end", func(w *world) {
		w.post("/v1/subscriptions/"+w.subscribe(w.newCustomer("pm_card_visa"), "").text("id"), "cancel_at_period_end=true")
	}, map[string]any{
		"cancel_at": nil, "cancel_at_period_end": false, "canceled_at": nil, "cancellation_details": map[string]any{"reason": nil},
	}},
	{"customer.subscription.updated", "an end taken back", func(w *world) {
		id := w.subscribe(w.newCustomer("pm_card_visa"), "").text("id")
		w.post("/v1/subscriptions/"+id, "cancel_at_period_end=true")
		w.post("/v1/subscriptions/"+id, "cancel_at_period_end=false")
	}, map[string]any{
		"cancel_at": begunAt + 7*86400, "cancel_at_period_end": true, "canceled_at": begunAt, "cancellation_details": map[string]any{"reason": "cancellation_requested"},
	}},
	{"customer.subscription.updated", "a renewal that was not paid", func(w *world) {
		customer := w.newCustomer("pm_card_visa")
		id := w.subscribe(customer, "").text("id")
		w.post("/v1/subscriptions/"+id, "default_payment_method="+w.attach("pm_card_chargeCustomerFail", customer))
		w.advance(week + time.Hour)
	}, map[string]any{"status": "active"}},
	{"customer.subscription.updated", "a renewal", func(w *world) {
		w.subscribe(w.newCustomer("pm_card_visa"), "")
		w.advance(week)
	}, map[string]any{"items": map[string]any{"data": []any{"si_"}}, "latest_invoice": "in_"}},
	{"customer.subscription.updated", "the end of a trial", func(w *world) {
		w.subscribe(w.newCustomer("pm_card_visa"), "&trial_period_days=7")
		w.advance(week)
	}, map[string]any{"items": map[string]any{"data": []any{"si_"}}, "latest_invoice": "in_", "status": "trialing"}},
	{"customer.subscription.updated", "a dearer price", func(w *world) {
		s := w.subscribe(w.newCustomer("pm_card_visa"), "")
		w.post("/v1/subscriptions/"+s.text("id"), "items[0][id]="+s.text("items.data.0.id")+"&items[0][price]="+w.newPrice(4000, "week"))
	}, map[string]any{"items": map[string]any{"data": []any{"si_"}}}},
	{"customer.subscription.updated", "a card", func(w *world) {
		customer := w.newCustomer("pm_card_visa")
		w.post("/v1/subscriptions/"+w.subscribe(customer, "").text("id"), "default_payment_method="+w.attach("pm_card_mastercard", customer))
	}, map[string]any{"default_payment_method": nil}},
	{"customer.subscription.updated", "collection paused", func(w *world) {
		w.post("/v1/subscriptions/"+w.subscribe(w.newCustomer("pm_card_visa"), "").text("id"), "pause_collection[behavior]=void")
	}, map[string]any{"pause_collection": nil}},
	{"invoice.updated", "a draft", func(w *world) {
		draft := w.post("/v1/invoices", "customer="+w.newCustomer("")+"&description=March").text("id")
		w.post("/v1/invoices/"+draft, "description=April&footer=Bye")
	}, map[string]any{"description": "March", "footer": nil}},
	{"invoice.updated", "an end", func(w *world) {
		id := w.subscribe(w.newCustomer(""), "&payment_behavior=default_incomplete").text("id")
		w.succeed(http.MethodDelete, "/v1/subscriptions/"+id, "")
	}, map[string]any{"auto_advance": true}},
	{"payment_method.updated", "an address", func(w *world) {
		w.post("/v1/payment_methods/"+w.attach("pm_card_visa", w.newCustomer("")), "billing_details[name]=Ada")
	}, map[string]any{"billing_details": map[string]any{"name": nil}}},
	{"payment_method.detached", "a customer", func(w *world) {
		w.post("/v1/payment_methods/"+w.attach("pm_card_visa", w.newCustomer(""))+"/detach", "")
	}, map[string]any{"customer": "cus_"}},
	{"price.updated", "a name", func(w *world) {
		w.post("/v1/prices/"+w.price, "nickname=Weekly&active=false")
	}, map[string]any{"active": true, "nickname": nil}},
	{"product.updated", "a name", func(w *world) {
		id := w.post("/v1/products", "name=Tea").text("id")
		w.advance(time.Second)
		w.post("/v1/products/"+id, "name=Cake")
	}, map[string]any{"name": "Tea", "updated": begunAt}},
	{"subscription_schedule.updated", "an end", func(w *world) {
		schedule := w.post("/v1/subscription_schedules", "from_subscription="+w.subscribe(w.newCustomer("pm_card_visa"), "").text("id")).text("id")
		w.post("/v1/subscription_schedules/"+schedule, "end_behavior=cancel")
	}, map[string]any{"end_behavior": "release"}},
	{"billing_portal.configuration.updated", "a name", func(w *world) {
		id := w.post("/v1/billing_portal/configurations", "features[invoice_history][enabled]=true").text("id")
		w.advance(time.Second)
		w.post("/v1/billing_portal/configurations/"+id, "features[invoice_history][enabled]=false&metadata[a]=1")
	}, map[string]any{
		"features": map[string]any{"invoice_history": map[string]any{"enabled": true}}, "metadata": map[string]any{"a": nil}, "updated": begunAt,
	}},
}

// pay makes a payment of 20.00.
func (w *world) pay(card string) answer {
	w.t.Helper()
	return w.post("/v1/payment_intents", "amount=2000&currency=usd&confirm=true&payment_method="+card)
}

// hold makes a payment of 20.00 that is not captured.
func (w *world) hold() string {
	w.t.Helper()
	return w.post("/v1/payment_intents", "amount=2000&currency=usd&confirm=true&capture_method=manual&payment_method=pm_card_visa").text("id")
}

// disputed makes a payment that is disputed.
func (w *world) disputed() string {
	w.t.Helper()
	return w.get("/v1/disputes?payment_intent=" + w.pay("pm_card_createDispute").text("id")).text("data.0.id")
}

var anID = regexp.MustCompile(`^([a-z]+_)\w{14,}$`)

// nameless leaves of each id in a decoded value only the prefix, and of an
// object in a list only that.
func nameless(value any) any {
	switch value := value.(type) {
	case string:
		return anID.ReplaceAllString(value, "$1")
	case []any:
		for i := range value {
			if inner, ok := value[i].(map[string]any); ok {
				value[i] = inner["id"]
			}
			value[i] = nameless(value[i])
		}
	case map[string]any:
		for name := range value {
			value[name] = nameless(value[name])
		}
	}
	return value
}

func TestPreviousAttributes(t *testing.T) {
	t.Parallel()
	for _, r := range retellings {
		t.Run(r.kind+", "+r.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, stripesim.Config{})
			r.play(w)
			told := w.get("/v1/events?limit=1&type=" + r.kind).rows()
			if len(told) == 0 {
				t.Fatal("nothing is told")
			}
			if diff := cmp.Diff(any(r.want), nameless(told[0].at("data.previous_attributes"))); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestEachChangeIsRetold checks that the test above leaves out no event that
// tells of a change.
func TestEachChangeIsRetold(t *testing.T) {
	t.Parallel()
	call := regexp.MustCompile(`\.(?:changed|release)\([^"\n]*"([a-z_.]+)"`)
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		source, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, found := range call.FindAllStringSubmatch(string(source), -1) {
			if !slices.ContainsFunc(retellings, func(r retold) bool { return r.kind == found[1] }) {
				t.Errorf("%s tells of %s", name, found[1])
			}
		}
	}
}
