package stripesim_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/numerai-app/payments/stripesim"
)

// visit is a portal that offers much, a customer with a subscription, and a
// session.
type visit struct {
	*world
	customer, subscribed, session string
	dearer, cheaper               string
}

func newVisit(t *testing.T, features, flow, subscribe string) *visit {
	t.Helper()
	w := newWorld(t, stripesim.Config{})
	v := &visit{world: w, customer: w.newCustomer("pm_card_visa")}
	product := w.get("/v1/prices/" + w.price).text("product")
	more := "&currency=usd&recurring[interval]=week&product=" + product
	v.dearer, v.cheaper = w.post("/v1/prices", "unit_amount=3000"+more).text("id"), w.post("/v1/prices", "unit_amount=1000"+more).text("id")
	const update = "features[subscription_update]"
	offered := update + "[products][0]"
	by := w.post("/v1/billing_portal/configurations", "features[customer_update][enabled]=true&features[customer_update][allowed_updates][]=email"+
		"&features[payment_method_update][enabled]=true&features[subscription_cancel][enabled]=true&"+update+"[enabled]=true"+
		"&"+update+"[default_allowed_updates][]=price&"+update+"[default_allowed_updates][]=quantity"+
		"&"+update+"[proration_behavior]=always_invoice&"+offered+"[product]="+product+"&"+offered+"[prices][]="+v.dearer+
		"&"+offered+"[prices][]="+v.cheaper+"&"+offered+"[adjustable_quantity][enabled]=true&"+offered+"[adjustable_quantity][maximum]=5"+features)
	v.subscribed = w.subscribe(v.customer, subscribe).text("id")
	flow = strings.NewReplacer("SUB", v.subscribed, "DEARER", v.dearer, "ITEM", w.subscription(v.subscribed).text("items.data.0.id")).Replace(flow)
	v.session = w.post("/v1/billing_portal/sessions", "customer="+v.customer+"&return_url=https://shop.example&configuration="+by.text("id")+flow).text("id")
	return v
}

func (v *visit) act(body string) answer {
	v.t.Helper()
	body = strings.NewReplacer("SUB", v.subscribed, "DEARER", v.dearer, "CHEAPER", v.cheaper).Replace(body)
	return v.call(http.MethodPost, "/_sim/billing_portal/sessions/"+v.session+"/act", body)
}

// TestPortalActs plays customers in the portal: what becomes of them, and the
// events.
func TestPortalActs(t *testing.T) {
	t.Parallel()
	const reasons = "&features[subscription_cancel][cancellation_reason][enabled]=true&features[subscription_cancel][cancellation_reason][options][]=unused"
	end := int(june.Add(week).Unix())
	changed := []string{"customer.subscription.updated"}
	billed := []string{
		"invoiceitem.created", "invoiceitem.created", "invoice.created", "invoice.finalized", "payment_intent.created", "charge.succeeded",
		"payment_intent.succeeded", "invoice.paid", "invoice.payment_succeeded", "invoice_payment.paid", "customer.subscription.updated",
	}
	setUp := []string{"setup_intent.created", "payment_method.attached", "setup_intent.succeeded", "customer.updated"}
	for name, c := range map[string]struct {
		features, flow, subscribe, act string
		want                           map[string]any
		events                         []string
	}{
		"cancel": {features: reasons, act: `{"action":"cancel","feedback":"unused","comment":"No tea"}`, want: map[string]any{
			"subscription.cancel_at": end, "subscription.cancel_at_period_end": false, "subscription.status": "active", "redirect": "https://shop.example",
			"subscription.cancellation_details.feedback": "unused", "subscription.cancellation_details.reason": "cancellation_requested",
		}, events: changed},
		"cancel in classic mode": {subscribe: "&billing_mode[type]=classic", act: `{"action":"cancel"}`, want: map[string]any{
			"subscription.cancel_at": end, "subscription.cancel_at_period_end": true,
		}, events: changed},
		"cancel at once": {
			features: "&features[subscription_cancel][mode]=immediately", act: `{"action":"cancel"}`,
			want: map[string]any{"subscription.status": "canceled"}, events: []string{"customer.subscription.deleted"},
		},
		"a flow ends elsewhere": {
			flow: "&flow_data[type]=subscription_cancel&flow_data[subscription_cancel][subscription]=SUB&flow_data[after_completion][type]=redirect" +
				"&flow_data[after_completion][redirect][return_url]=https://shop.example/gone",
			act: `{"action":"cancel"}`, want: map[string]any{"subscription.cancel_at": end, "redirect": "https://shop.example/gone"}, events: changed,
		},
		"renew": {subscribe: "&cancel_at_period_end=true", act: `{"action":"renew","subscription":"SUB"}`, want: map[string]any{
			"subscription.cancel_at": nil, "subscription.cancel_at_period_end": false, "subscription.cancellation_details.comment": nil,
		}, events: changed},
		"switch": {act: `{"action":"update","price":"DEARER","quantity":2}`, want: map[string]any{
			"subscription.items.data.0.price.unit_amount": 3000, "subscription.items.data.0.quantity": 2,
		}, events: billed},
		"a switch to confirm": {
			flow: "&flow_data[type]=subscription_update_confirm&flow_data[subscription_update_confirm][subscription]=SUB" +
				"&flow_data[subscription_update_confirm][items][0][id]=ITEM&flow_data[subscription_update_confirm][items][0][price]=DEARER",
			act: `{"action":"update"}`, want: map[string]any{"subscription.items.data.0.price.unit_amount": 3000}, events: billed,
		},
		"switch down at the end": {
			features: "&features[subscription_update][schedule_at_period_end][conditions][][type]=decreasing_item_amount",
			act:      `{"action":"update","price":"CHEAPER"}`, want: map[string]any{"subscription.items.data.0.price.unit_amount": 2000},
			events: []string{"subscription_schedule.created", "customer.subscription.updated", "subscription_schedule.updated"},
		},
		"switch in a trial": {subscribe: "&trial_period_days=3", act: `{"action":"update","price":"DEARER"}`, want: map[string]any{
			"subscription.status": "active", "subscription.items.data.0.price.unit_amount": 3000,
		}, events: []string{
			"invoice.created", "invoice.finalized", "payment_intent.created", "charge.succeeded", "payment_intent.succeeded",
			"invoice.paid", "invoice.payment_succeeded", "invoice_payment.paid", "customer.subscription.updated",
		}},
		"another card": {
			act:  `{"action":"update_payment_method","payment_method":"5555555555554444"}`,
			want: map[string]any{"customer.id": true, "redirect": "https://shop.example", "authenticate": nil}, events: setUp,
		},
		"another card of the subscription": {
			act:    `{"action":"update_payment_method","payment_method":"pm_card_mastercard","subscription":"SUB"}`,
			events: append(setUp[:3:3], "customer.subscription.updated"),
		},
		"a card that is declined": {
			act:    `{"action":"update_payment_method","payment_method":"pm_card_visa_chargeDeclined"}`,
			want:   map[string]any{"decline.code": "card_declined", "redirect": nil},
			events: []string{"setup_intent.created", "setup_intent.setup_failed"},
		},
		"another address": {
			act:  `{"action":"update_customer","email":"grace@example.com"}`,
			want: map[string]any{"customer.email": "grace@example.com"}, events: []string{"customer.updated"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v := newVisit(t, c.features, c.flow, c.subscribe)
			start := v.newest()
			got := v.act(c.act)
			if got.status != http.StatusOK {
				t.Fatalf("%d %v", got.status, got.object)
			}
			if _, anybody := c.want["customer.id"]; anybody {
				c.want["customer.id"] = v.customer
			}
			wantAll(t, name, got.object, c.want)
			if diff := cmp.Diff(c.events, types(v.eventsSince(start))); diff != "" {
				t.Errorf("events (-want +got):\n%s", diff)
			}
		})
	}
}

// TestPortalDecline declines the payment of a switch, which leaves all as it
// was, and then has the bank ask for a step.
func TestPortalDecline(t *testing.T) {
	t.Parallel()
	v := newVisit(t, "", "", "")
	if got := v.act(`{"action":"update_payment_method","payment_method":"pm_card_chargeCustomerFail"}`); got.status != http.StatusOK {
		t.Fatalf("%d %v", got.status, got.object)
	}
	start := v.newest()
	wantAll(t, "declined", v.act(`{"action":"update","price":"DEARER"}`).object, map[string]any{
		"decline.code": "card_declined", "subscription.items.data.0.price.unit_amount": 2000, "redirect": nil,
	})
	if got := v.eventsSince(start); len(got) != 0 {
		t.Errorf("it told %v", types(got))
	}
	asked := v.act(`{"action":"update_payment_method","payment_method":"pm_card_authenticationRequiredOnSetup"}`)
	intent := asked.text("authenticate")
	wantAll(t, "asked", asked.object, map[string]any{"redirect": nil, "authenticate": intent})
	v.post("/_sim/setup_intents/"+intent+"/authenticate", "")
	wantAll(t, "the default", v.get("/v1/customers/"+v.customer).object, map[string]any{
		"invoice_settings.default_payment_method": v.get("/v1/setup_intents/" + intent).text("payment_method"),
	})
	wantAll(t, "paid", v.act(`{"action":"update","price":"DEARER"}`).object, map[string]any{"subscription.items.data.0.price.unit_amount": 3000})
}

// TestPortalDowngrade switches down, which waits for the end of the period and
// gives nothing back.
func TestPortalDowngrade(t *testing.T) {
	t.Parallel()
	v := newVisit(t, "&features[subscription_update][schedule_at_period_end][conditions][][type]=decreasing_item_amount", "", "")
	v.post("/_sim/billing_portal/sessions/"+v.session+"/act", `{"action":"update","price":"`+v.cheaper+`"}`)
	if again := v.act(`{"action":"update","price":"DEARER"}`); again.status != http.StatusBadRequest {
		t.Errorf("a subscription with a schedule is updated: %v", again.object)
	}
	v.advance(week + 2*time.Hour)
	wantAll(t, "a week later", v.subscription(v.subscribed).object, map[string]any{
		"items.data.0.price.unit_amount": 1000, "latest_invoice.amount_paid": 1000, "latest_invoice.status": "paid", "status": "active",
	})
	v.advance(week + 2*time.Hour)
	wantAll(t, "two weeks later", v.subscription(v.subscribed).object, map[string]any{
		"items.data.0.price.unit_amount": 1000, "latest_invoice.amount_paid": 1000, "schedule": nil, "status": "active",
	})
}

// TestPortalRefusals checks that customers can do what the portal offers, and
// nothing else.
func TestPortalRefusals(t *testing.T) {
	t.Parallel()
	const (
		only   = "&flow_data[type]=subscription_cancel&flow_data[subscription_cancel][subscription]=SUB"
		change = "features[subscription_update]"
	)
	for i, c := range []struct{ features, flow, act, says string }{
		{act: `{"action":"dance"}`, says: "The action is"},
		{act: `{"action":"renew"}`, says: "is not set to be canceled"},
		{act: `{"action":"update","price":"price_none"}`, says: "does not offer the price"},
		{act: `{"action":"update","quantity":6}`, says: "does not offer the quantity 6"},
		{act: `{"action":"update"}`, says: "nothing to update"},
		{act: `{"action":"cancel","feedback":"unused"}`, says: "does not ask why"},
		{act: `{"action":"cancel","subscription":"sub_none"}`, says: "No such subscription"},
		{act: `{"action":"update_customer","name":"Grace"}`, says: "change their name"},
		{act: `{"action":"update_payment_method"}`, says: "Missing required param"},
		{flow: only, act: `{"action":"update","price":"DEARER"}`, says: "for subscription_cancel only"},
		{features: "&features[subscription_cancel][enabled]=false", act: `{"action":"cancel"}`, says: "subscription cancel feature"},
		{features: "&features[payment_method_update][enabled]=false", act: `{"action":"update_payment_method","payment_method":"pm_card_visa"}`, says: "payment method update feature"},
		{features: "&" + change + "[enabled]=false", act: `{"action":"update","price":"DEARER"}`, says: "subscription update feature"},
		{features: "&features[customer_update][enabled]=false", act: `{"action":"update_customer","email":"g@example.com"}`, says: "customer update feature"},
	} {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			t.Parallel()
			v := newVisit(t, c.features, c.flow, "")
			start := v.newest()
			got := v.act(c.act)
			if got.status != http.StatusBadRequest || !strings.Contains(got.text("error"), c.says) {
				t.Errorf("%s: %d %v", c.act, got.status, got.object)
			}
			if told := v.eventsSince(start); len(told) != 0 {
				t.Errorf("%s told %v", c.act, types(told))
			}
		})
	}
	w := newWorld(t, stripesim.Config{})
	if got := w.call(http.MethodPost, "/_sim/billing_portal/sessions/"+url.PathEscape("bps_none")+"/act", "{}"); got.status != http.StatusBadRequest {
		t.Errorf("an unknown session: %d", got.status)
	}
}
