package stripesim_test

import (
	"net/http"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/numerai-app/payments/stripesim"
)

func TestCheckoutDiscounts(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, coupon, mode, more string
		code                     bool // the payer enters a promotion code
		card                     string
		want                     map[string]any
		events                   []string
	}{
		{
			name: "a subscription with a coupon", coupon: "percent_off=25&duration=once", mode: "subscription", card: "pm_card_visa",
			want: map[string]any{
				"amount_subtotal": 2000, "amount_total": 1500, "total_details.amount_discount": 500, "payment_status": "paid",
				"invoice.amount_paid": 1500, "line_items.data.0.amount_discount": 500, "line_items.data.0.amount_total": 1500,
				"discounts.0.promotion_code": nil, "allow_promotion_codes": nil,
			},
			events: slices.Concat([]string{"customer.created"}, subscribedInCheckout[:3], []string{"customer.discount.created"}, subscribedInCheckout[3:7],
				[]string{"customer.discount.deleted"}, subscribedInCheckout[7:]),
		},
		{
			name: "a subscription with a code of the first payment", coupon: "amount_off=500&currency=usd&duration=forever", mode: "subscription",
			more: "restrictions[first_time_transaction]=true", code: true, card: "pm_card_visa",
			want: map[string]any{
				"amount_subtotal": 2000, "amount_total": 1500, "invoice.amount_paid": 1500, "discounts.0.coupon": nil, "allow_promotion_codes": true,
			},
			events: slices.Concat([]string{"customer.created"}, subscribedInCheckout[:3], []string{"customer.discount.created"}, subscribedInCheckout[3:]),
		},
		{
			name: "a subscription for nothing at first", coupon: "percent_off=100&duration=once", mode: "subscription", card: "pm_card_visa",
			want: map[string]any{
				"amount_total": 0, "payment_status": "no_payment_required", "invoice.amount_paid": 0, "subscription.status": "active",
				"subscription.default_payment_method.card.last4": "4242",
			},
		},
		{
			name: "a payment with a coupon", coupon: "percent_off=10&duration=once", mode: "payment", card: "pm_card_visa",
			want: map[string]any{
				"amount_subtotal": 1500, "amount_total": 1350, "total_details.amount_discount": 150, "payment_intent.amount_received": 1350,
				"line_items.data.0.amount_total": 450, "line_items.data.1.amount_total": 900,
			},
			events: []string{"payment_intent.created", "charge.succeeded", "payment_intent.succeeded", "checkout.session.completed"},
		},
		{
			name: "a payment with a code, split to the cent", coupon: "amount_off=100&currency=usd&duration=once", mode: "payment", code: true, card: "pm_card_visa",
			want: map[string]any{"amount_total": 1400, "line_items.data.0.amount_discount": 33, "line_items.data.1.amount_discount": 67},
		},
		{
			name: "a payment of nothing", coupon: "percent_off=100&duration=once", mode: "payment",
			want: map[string]any{
				"amount_total": 0, "payment_status": "no_payment_required", "payment_intent": nil, "status": "complete",
			},
			events: []string{"checkout.session.completed"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, stripesim.Config{})
			coupon := w.post("/v1/coupons", c.coupon).text("id")
			items := "&line_items[0][quantity]=1&line_items[0][price]=" + w.price
			if c.mode == "payment" {
				items = "&line_items[0][quantity]=1&line_items[0][price]=" + w.newOncePrice("500") + "&line_items[1][quantity]=2&line_items[1][price]=" + w.newOncePrice("500")
			}
			discount, entered := "&discounts[0][coupon]="+coupon, ""
			if c.code {
				w.post("/v1/promotion_codes", "promotion[type]=coupon&promotion[coupon]="+coupon+"&code=TEA&"+c.more)
				discount, entered = "&allow_promotion_codes=true", "tea"
			}
			id := w.checkout(c.mode, items+discount+successURL).text("id")
			begin := w.newest()
			w.post("/_sim/checkout/sessions/"+id+"/complete", `{"payment_method":"`+c.card+`","email":"ada@example.com","promotion_code":"`+entered+`"}`)
			got := w.get("/v1/checkout/sessions/" + id + "?expand[]=subscription.default_payment_method&expand[]=invoice&expand[]=payment_intent&expand[]=line_items")
			wantAll(t, "session", got.object, c.want)
			if c.events != nil {
				if diff := cmp.Diff(c.events, types(w.eventsSince(begin))); diff != "" {
					t.Errorf("events (-want +got):\n%s", diff)
				}
			}
			wantAll(t, "coupon", w.get("/v1/coupons/"+coupon).object, map[string]any{"times_redeemed": 1})
		})
	}
}

func TestCheckoutDiscountIsRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t, stripesim.Config{})
	coupon := w.post("/v1/coupons", "percent_off=10&duration=once").text("id")
	used := w.post("/v1/coupons", "percent_off=10&duration=once&max_redemptions=1").text("id")
	euros := w.post("/v1/coupons", "amount_off=10&currency=eur&duration=once").text("id")
	item := "&line_items[0][quantity]=1&line_items[0][price]=" + w.newOncePrice("500") + successURL
	first := w.checkout("payment", item+"&discounts[0][coupon]="+used).text("id")
	second := w.checkout("payment", item+"&discounts[0][coupon]="+used).text("id")
	w.complete(first, "pm_card_visa")
	for _, c := range []struct{ name, body, param, code string }{
		{"both ways", "mode=payment&allow_promotion_codes=true&discounts[0][coupon]=" + coupon + item, "discounts", "parameters_exclusive"},
		{"two of them", "mode=payment&discounts[0][coupon]=" + coupon + "&discounts[1][coupon]=" + euros + item, "discounts", ""},
		{"for a card", "mode=setup&currency=usd&allow_promotion_codes=true" + successURL, "discounts", ""},
		{"an unknown one", "mode=payment&discounts[0][coupon]=none" + item, "discounts[0][coupon]", "resource_missing"},
		{"another currency", "mode=payment&discounts[0][coupon]=" + euros + item, "discounts[0][coupon]", ""},
		{"used up", "mode=payment&discounts[0][coupon]=" + used + item, "discounts[0][coupon]", "coupon_expired"},
	} {
		got := w.call(http.MethodPost, "/v1/checkout/sessions", c.body)
		if got.status != http.StatusBadRequest || got.text("error.param") != c.param || got.text("error.code") != c.code {
			t.Errorf("%s: %d %v", c.name, got.status, got.at("error"))
		}
	}
	charges := len(w.get("/v1/charges").rows())
	if got := w.call(http.MethodPost, "/_sim/checkout/sessions/"+second+"/complete", `{"payment_method":"pm_card_visa","email":"a@b.c"}`); got.status != http.StatusBadRequest {
		t.Errorf("a coupon was redeemed too often: %d %v", got.status, got.object)
	}
	if now := len(w.get("/v1/charges").rows()); now != charges {
		t.Errorf("a refused session charged: %d charges, were %d", now, charges)
	}
	closed := w.checkout("payment", item).text("id")
	if got := w.call(http.MethodPost, "/_sim/checkout/sessions/"+closed+"/complete", `{"payment_method":"pm_card_visa","email":"a@b.c","promotion_code":"TEA"}`); got.status != http.StatusBadRequest {
		t.Errorf("a code was taken: %d", got.status)
	}
}
