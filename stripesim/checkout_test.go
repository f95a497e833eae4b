package stripesim_test

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/numerai-app/payments/stripesim"
)

const successURL = "&success_url=https://shop.example/done?session={CHECKOUT_SESSION_ID}"

// checkout makes a session.
func (w *world) checkout(mode, more string) answer {
	w.t.Helper()
	return w.post("/v1/checkout/sessions", "mode="+mode+more)
}

func (w *world) newOncePrice(amount string) string {
	w.t.Helper()
	return w.post("/v1/prices", "currency=usd&product_data[name]=Pot&unit_amount="+amount).text("id")
}

// complete plays the payer in a session.
func (w *world) complete(session, method string) answer {
	w.t.Helper()
	return w.post("/_sim/checkout/sessions/"+session+"/complete", `{"payment_method":"`+method+`","email":"ada@example.com","name":"Ada"}`)
}

var (
	subscribedInCheckout = []string{
		"payment_method.attached", "charge.succeeded", "customer.updated", "customer.subscription.created", "payment_intent.succeeded",
		"payment_intent.created", "invoice.created", "invoice.finalized", "invoice.paid", "invoice.payment_succeeded", "invoice_payment.paid",
		"checkout.session.completed",
	}
	subscribedAfterBankStep = []string{
		"payment_method.attached", "charge.succeeded", "customer.updated", "customer.subscription.created", "payment_intent.succeeded",
		"invoice.created", "invoice.finalized", "invoice.paid", "invoice.payment_succeeded", "invoice_payment.paid", "checkout.session.completed",
	}
)

func TestCheckoutFlows(t *testing.T) {
	t.Parallel()
	subscribe := func(w *world, more string) string {
		return w.checkout("subscription", "&line_items[0][quantity]=2&line_items[0][price]="+w.price+successURL+more).text("id")
	}
	for _, c := range []struct {
		name   string
		play   func(w *world) (session string)
		want   map[string]any // of the session at the end, all expanded
		events []string
	}{
		{
			name: "a subscription",
			play: func(w *world) string {
				id := subscribe(w, "&client_reference_id=u1&metadata[a]=b&subscription_data[metadata][plan]=tea")
				wantAll(w.t, "before", w.get("/v1/checkout/sessions/"+id).object, map[string]any{
					"status": "open", "payment_status": "unpaid", "subscription": nil, "invoice": nil, "customer": nil, "amount_total": 4000,
					"customer_creation": "always", "client_reference_id": "u1", "url": "https://checkout.stripe.com/c/pay/" + id,
				})
				got := w.complete(id, "pm_card_visa")
				wantAll(w.t, "result", got.object, map[string]any{"redirect": "https://shop.example/done?session=" + id, "decline": nil})
				return id
			},
			want: map[string]any{
				"status": "complete", "payment_status": "paid", "url": nil, "customer_details.email": "ada@example.com", "payment_intent": nil,
				"subscription.status": "active", "subscription.metadata.plan": "tea", "subscription.items.data.0.quantity": 2,
				"invoice.status": "paid", "invoice.amount_paid": 4000, "invoice.billing_reason": "subscription_create", "metadata.a": "b",
				"subscription.default_payment_method.card.last4": "4242", "customer.email": "ada@example.com", "customer.name": "Ada",
				"line_items.data.0.amount_total": 4000, "line_items.data.0.description": "Tea", "subscription.metadata.a": nil,
			},
			events: slices.Concat([]string{"customer.created"}, subscribedInCheckout),
		},
		{
			name: "a subscription, declined first",
			play: func(w *world) string {
				id := subscribe(w, "")
				got := w.complete(id, "4000000000000002")
				wantAll(w.t, "declined", got.object, map[string]any{
					"session.status": "open", "session.subscription": nil, "session.customer": nil, "decline.code": "card_declined",
					"decline.decline_code": "generic_decline", "redirect": nil,
				})
				if rows := w.get("/v1/subscriptions?status=all").rows(); len(rows) > 0 {
					w.t.Errorf("a failed try left %d subscriptions", len(rows))
				}
				w.complete(id, "4242 4242 4242 4242")
				return id
			},
			want: map[string]any{"status": "complete", "subscription.status": "active", "invoice.attempt_count": 1},
			events: slices.Concat([]string{"customer.created", "payment_intent.created", "charge.failed", "payment_intent.payment_failed"},
				subscribedAfterBankStep),
		},
		{
			name: "a subscription, with the bank's step",
			play: func(w *world) string {
				id := subscribe(w, "")
				intent := w.complete(id, "pm_card_threeDSecure2Required").text("authenticate")
				wantAll(w.t, "waits", w.get("/v1/checkout/sessions/"+id).object, map[string]any{"status": "open", "subscription": nil})
				w.post("/_sim/payment_intents/"+intent+"/authenticate", `{"succeed":false}`)
				again := w.complete(id, "pm_card_threeDSecure2Required").text("authenticate")
				if again != intent {
					w.t.Errorf("the second try has the intent %s, want %s", again, intent)
				}
				w.post("/_sim/payment_intents/"+intent+"/authenticate", "")
				return id
			},
			want: map[string]any{"status": "complete", "payment_status": "paid", "subscription.status": "active", "invoice.amount_paid": 4000},
			events: slices.Concat([]string{
				"customer.created", "payment_intent.created", "payment_intent.requires_action",
				"payment_intent.payment_failed", "payment_intent.requires_action",
			}, subscribedAfterBankStep),
		},
		{
			name: "a trial",
			play: func(w *world) string {
				id := subscribe(w, "&subscription_data[trial_period_days]=7")
				wantAll(w.t, "before", w.get("/v1/checkout/sessions/"+id).object, map[string]any{
					"amount_total": 0, "payment_status": "no_payment_required", "payment_method_collection": "always",
				})
				w.complete(id, "pm_card_visa")
				return id
			},
			want: map[string]any{
				"status": "complete", "payment_status": "no_payment_required", "subscription.status": "trialing", "invoice.amount_paid": 0,
				"subscription.default_payment_method.card.last4": "4242", "subscription.pending_setup_intent": nil, "setup_intent": nil,
			},
			events: []string{
				"customer.created", "setup_intent.created", "payment_method.attached", "setup_intent.succeeded", "customer.subscription.created",
				"invoice.created", "customer.updated", "invoice.finalized", "invoice.paid", "invoice.payment_succeeded", "checkout.session.completed",
			},
		},
		{
			name: "a trial without a card, for a customer",
			play: func(w *world) string {
				id := subscribe(w, "&customer="+w.newCustomer("")+
					"&payment_method_collection=if_required&subscription_data[trial_period_days]=7&subscription_data[trial_settings][end_behavior][missing_payment_method]=cancel")
				w.complete(id, "")
				return id
			},
			want: map[string]any{
				"status": "complete", "subscription.status": "trialing", "subscription.default_payment_method": nil,
				"subscription.trial_settings.end_behavior.missing_payment_method": "cancel", "customer.name": "Ada", "customer_creation": nil,
			},
			events: []string{
				"customer.created", "customer.subscription.created", "invoice.created", "customer.updated", "invoice.finalized", "invoice.paid",
				"invoice.payment_succeeded", "setup_intent.created", "checkout.session.completed",
			},
		},
		{
			name: "a subscription with something paid once",
			play: func(w *world) string {
				id := subscribe(w, "&line_items[1][quantity]=1&line_items[1][price]="+w.newOncePrice("700"))
				wantAll(w.t, "before", w.get("/v1/checkout/sessions/"+id).object, map[string]any{"amount_total": 4700})
				w.complete(id, "pm_card_visa")
				return id
			},
			want: map[string]any{
				"status": "complete", "amount_total": 4700, "invoice.amount_paid": 4700, "subscription.items.data.1": nil, "line_items.data.1.amount_total": 700,
			},
			events: slices.Concat([]string{"product.created", "price.created", "customer.created", "invoiceitem.created"}, subscribedInCheckout),
		},
		{
			name: "a payment of a customer without an address, captured later",
			play: func(w *world) string {
				customer := w.post("/v1/customers", "name=Ada").text("id")
				id := w.checkout("payment", "&line_items[0][quantity]=1&line_items[0][price]="+w.newOncePrice("700")+"&customer="+customer+
					"&payment_intent_data[capture_method]=manual&payment_intent_data[setup_future_usage]=off_session"+successURL).text("id")
				w.complete(id, "pm_card_visa")
				held := w.get("/v1/checkout/sessions/" + id + "?expand[]=customer")
				wantAll(w.t, "held", held.object, map[string]any{
					"status": "complete", "payment_status": "unpaid", "customer.email": "ada@example.com", "customer_creation": nil,
				})
				w.post("/v1/payment_intents/"+held.text("payment_intent")+"/capture", "")
				return id
			},
			want: map[string]any{"payment_status": "paid", "payment_intent.status": "succeeded", "payment_intent.amount_received": 700},
			events: []string{
				"customer.created", "product.created", "price.created", "customer.updated", "payment_intent.created", "payment_method.attached",
				"charge.succeeded", "payment_intent.amount_capturable_updated", "checkout.session.completed", "charge.captured", "payment_intent.succeeded",
			},
		},
		{
			name: "a payment",
			play: func(w *world) string {
				id := w.checkout("payment", "&line_items[0][quantity]=3&line_items[0][price]="+w.newOncePrice("700")+
					"&line_items[1][quantity]=1&line_items[1][price_data][currency]=usd&line_items[1][price_data][unit_amount]=50"+
					"&line_items[1][price_data][product_data][name]=Cup&payment_intent_data[metadata][order]=7&payment_intent_data[description]=Pots"+successURL).text("id")
				w.complete(id, "pm_card_visa")
				return id
			},
			want: map[string]any{
				"status": "complete", "payment_status": "paid", "amount_total": 2150, "payment_intent.amount_received": 2150, "customer": nil,
				"payment_intent.metadata.order": "7", "payment_intent.description": "Pots", "line_items.data.1.description": "Cup", "subscription": nil,
			},
			events: []string{
				"product.created", "price.created", "product.created", "price.created",
				"payment_intent.created", "charge.succeeded", "payment_intent.succeeded", "checkout.session.completed",
			},
		},
		{
			name: "a card left for later",
			play: func(w *world) string {
				id := w.checkout("setup", "&currency=usd&customer="+w.newCustomer("")+"&setup_intent_data[metadata][a]=b"+successURL).text("id")
				w.complete(id, "pm_card_visa")
				return id
			},
			want: map[string]any{
				"status": "complete", "payment_status": "no_payment_required", "amount_total": nil, "setup_intent.status": "succeeded",
				"setup_intent.metadata.a": "b", "setup_intent.payment_method.card.brand": "visa",
			},
			events: []string{"customer.created", "setup_intent.created", "payment_method.attached", "setup_intent.succeeded", "checkout.session.completed"},
		},
		{
			name: "nobody comes for 24 hours",
			play: func(w *world) string {
				id := subscribe(w, "")
				w.complete(id, "pm_card_chargeDeclined")
				w.advance(day - time.Minute)
				wantAll(w.t, "before", w.get("/v1/checkout/sessions/"+id).object, map[string]any{"status": "open"})
				w.advance(time.Minute)
				return id
			},
			want: map[string]any{"status": "expired", "payment_status": "unpaid", "url": nil, "subscription": nil, "customer": nil},
			events: []string{
				"customer.created", "payment_intent.created", "charge.failed", "payment_intent.payment_failed", "payment_intent.canceled",
				"checkout.session.expired",
			},
		},
		{
			name: "expired by a call",
			play: func(w *world) string {
				return w.post("/v1/checkout/sessions/"+subscribe(w, "")+"/expire", "").text("id")
			},
			want: map[string]any{"status": "expired"}, events: []string{"checkout.session.expired"},
		},
		{
			name: "abandoned",
			play: func(w *world) string {
				return w.post("/_sim/checkout/sessions/"+subscribe(w, "")+"/abandon", "").text("id")
			},
			want: map[string]any{"status": "expired"}, events: []string{"checkout.session.expired"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, stripesim.Config{})
			begin := w.newest()
			id := c.play(w)
			got := w.get("/v1/checkout/sessions/" + id + "?expand[]=subscription.default_payment_method&expand[]=invoice&expand[]=customer&expand[]=payment_intent" +
				"&expand[]=line_items&expand[]=setup_intent.payment_method")
			wantAll(t, "session", got.object, c.want)
			if diff := cmp.Diff(c.events, types(w.eventsSince(begin))); diff != "" {
				t.Errorf("events (-want +got):\n%s", diff)
			}
		})
	}
}

func TestCheckoutIsRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t, stripesim.Config{})
	once, customer := w.newOncePrice("700"), w.newCustomer("")
	weekly := "&line_items[0][quantity]=1&line_items[0][price]=" + w.price
	single := "&line_items[0][quantity]=1&line_items[0][price]=" + once
	soon := w.sim.Now().Add(10 * time.Minute)
	for _, c := range []struct{ name, body, param, code, message string }{
		{"no mode", weekly + successURL, "mode", "parameter_missing", "Missing required param"},
		{"nothing to sell", "mode=payment" + successURL, "line_items", "parameter_missing", "Missing required param"},
		{"no address to go to", "mode=subscription" + weekly, "success_url", "parameter_missing", "Missing required param"},
		{"a bad address", "mode=subscription" + weekly + "&success_url=done", "success_url", "url_invalid", "Not a valid URL"},
		{"a recurring price paid once", "mode=payment" + weekly + successURL, "mode", "", "You specified `payment` mode but passed a recurring price"},
		{"nothing recurring", "mode=subscription" + single + successURL, "mode", "", "at least one recurring price"},
		{"no quantity", "mode=payment&line_items[0][price]=" + once + successURL, "line_items[0][quantity]", "parameter_missing", "Quantity is required"},
		{"an unknown price", "mode=payment&line_items[0][quantity]=1&line_items[0][price]=price_no" + successURL, "line_items[0][price]", "resource_missing", "No such price"},
		{"a bad inline price", "mode=payment&line_items[0][quantity]=1&line_items[0][price_data][currency]=zzz&line_items[0][price_data][unit_amount]=5" + successURL, "line_items[0][price_data][currency]", "", ""},
		{"the data of another mode", "mode=payment" + single + successURL + "&subscription_data[description]=x", "subscription_data", "", "You can not pass `subscription_data` in `payment` mode"},
		{"a customer twice", "mode=payment" + single + successURL + "&customer=" + customer + "&customer_email=a@b.c", "customer_email", "parameters_exclusive", ""},
		{"an unknown customer", "mode=payment" + single + successURL + "&customer=cus_no", "customer", "resource_missing", "No such customer"},
		{"a trial that ends too soon", "mode=subscription" + weekly + successURL + "&subscription_data[trial_end]=" + unix(soon), "subscription_data[trial_end]", "", "at least 2 days"},
		{"expiry too soon", "mode=payment" + single + successURL + "&expires_at=" + unix(soon), "expires_at", "", "at least 30 minutes"},
		{"expiry too late", "mode=payment" + single + successURL + "&expires_at=" + unix(soon.Add(day)), "expires_at", "", "less than 24 hours"},
		{"an old ui_mode", "mode=payment" + single + successURL + "&ui_mode=hosted", "ui_mode", "", "Invalid ui_mode"},
		{"an embedded page with success_url", "mode=payment" + single + successURL + "&ui_mode=embedded_page", "success_url", "", "return_url"},
		{"setup with things to sell", "mode=setup&currency=usd" + single + successURL, "line_items", "", "`setup` mode"},
		{"setup without a currency", "mode=setup" + successURL, "currency", "parameter_missing", "currency"},
	} {
		got := w.call(http.MethodPost, "/v1/checkout/sessions", strings.TrimPrefix(c.body, "&"))
		if got.status != http.StatusBadRequest || got.text("error.param") != c.param || got.text("error.code") != c.code || !strings.Contains(got.text("error.message"), c.message) {
			t.Errorf("%s: %d %v", c.name, got.status, got.object)
		}
	}
	if rows := w.get("/v1/checkout/sessions").rows(); len(rows) > 0 {
		t.Errorf("refused requests left %d sessions", len(rows))
	}
	id := w.checkout("payment", single+successURL).text("id")
	for name, body := range map[string]string{
		"no card": `{"email":"a@b.c"}`, "no e-mail": `{"payment_method":"pm_card_visa"}`, "a mistyped number": `{"email":"a@b.c","payment_method":"4242424242424241"}`,
	} {
		if got := w.call(http.MethodPost, "/_sim/checkout/sessions/"+id+"/complete", body); got.status != http.StatusBadRequest {
			t.Errorf("%s: %d %v", name, got.status, got.object)
		}
	}
	w.complete(id, "pm_card_visa")
	for _, path := range []string{"/v1/checkout/sessions/" + id + "/expire", "/_sim/checkout/sessions/" + id + "/complete", "/_sim/checkout/sessions/" + id + "/abandon"} {
		if got := w.call(http.MethodPost, path, ""); got.status != http.StatusBadRequest {
			t.Errorf("%s of a complete session: %d", path, got.status)
		}
	}
}

func TestCheckoutLists(t *testing.T) {
	t.Parallel()
	w := newWorld(t, stripesim.Config{})
	items := ""
	for _, n := range []string{"0", "1", "2"} {
		items += "&line_items[" + n + "][quantity]=1&line_items[" + n + "][price]=" + w.newOncePrice(n+"99")
	}
	embedded := w.checkout("payment", items+"&ui_mode=embedded_page&return_url=https://shop.example&customer_email=bo@example.com")
	wantAll(t, "embedded", embedded.object, map[string]any{"url": nil, "success_url": nil, "customer_details.email": "bo@example.com", "amount_total": 597})
	if !strings.HasPrefix(embedded.text("client_secret"), embedded.text("id")+"_secret_") {
		t.Errorf("client secret %q", embedded.text("client_secret"))
	}
	paid := w.checkout("subscription", "&line_items[0][quantity]=1&line_items[0][price]="+w.price+successURL).text("id")
	session := object(w.complete(paid, "pm_card_visa").object["session"].(map[string]any))
	for query, want := range map[string]string{
		"status=open": embedded.text("id"), "status=complete": paid, "customer=" + session.text("customer"): paid,
		"subscription=" + session.text("subscription"): paid, "customer_details[email]=bo@example.com": embedded.text("id"),
	} {
		rows := w.get("/v1/checkout/sessions?" + query).rows()
		if len(rows) != 1 || rows[0].text("id") != want {
			t.Errorf("%s lists %v", query, rows)
		}
	}
	path := "/v1/checkout/sessions/" + embedded.text("id") + "/line_items?limit=2"
	first := w.get(path)
	last := w.get(path + "&starting_after=" + first.rows()[1].text("id"))
	back := w.get(path + "&ending_before=" + last.rows()[0].text("id"))
	wantAll(t, "first page", first.object, map[string]any{"has_more": true, "data.0.amount_total": 99, "data.1.amount_total": 199})
	wantAll(t, "last page", last.object, map[string]any{"has_more": false, "data.0.amount_total": 299})
	wantAll(t, "back", back.object, map[string]any{"has_more": false, "data.1.amount_total": 199})
	updated := w.post("/v1/checkout/sessions/"+paid, "metadata[a]=b")
	wantAll(t, "updated", updated.object, map[string]any{"metadata.a": "b", "status": "complete"})
}

func unix(at time.Time) string { return strconv.FormatInt(at.Unix(), 10) }
