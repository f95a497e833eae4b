package stripesim_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	stripe "github.com/stripe/stripe-go/v85"
	"github.com/stripe/stripe-go/v85/webhook"

	"github.com/numerai-app/payments/stripesim"
)

// receiver takes webhooks.
type receiver struct {
	t        *testing.T
	url      string
	status   atomic.Int64 // of its answers
	received chan delivered
	waiting  []delivered // passed over so far
}

type delivered struct {
	object
	body      []byte
	signature string
}

func newReceiver(t *testing.T) *receiver {
	t.Helper()
	r := &receiver{t: t, received: make(chan delivered, 1000)}
	r.status.Store(http.StatusOK)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		body, err := io.ReadAll(request.Body)
		if err != nil {
			return // the sender went away
		}
		d := delivered{body: body, signature: request.Header.Get("Stripe-Signature")}
		if err := json.Unmarshal(body, &d.object); err != nil {
			t.Error(err)
		}
		r.received <- d
		w.Header().Set("Location", "/elsewhere")
		w.WriteHeader(int(r.status.Load()))
	}))
	t.Cleanup(server.Close)
	r.url = server.URL
	return r
}

// next is the next delivery of that type; others wait for their turn, since
// deliveries come in any order.
func (r *receiver) next(kind string) delivered {
	r.t.Helper()
	if at := slices.IndexFunc(r.waiting, func(d delivered) bool { return d.text("type") == kind }); at >= 0 {
		d := r.waiting[at]
		r.waiting = slices.Delete(r.waiting, at, at+1)
		return d
	}
	deadline := time.NewTimer(30 * time.Second)
	defer deadline.Stop()
	for {
		select {
		case d := <-r.received:
			if d.text("type") == kind {
				return d
			}
			r.waiting = append(r.waiting, d)
		case <-deadline.C:
			r.t.Fatalf("no %s came", kind)
		}
	}
}

func (w *world) endpoint(url, more string) answer {
	w.t.Helper()
	return w.post("/v1/webhook_endpoints", query("url", url)+more)
}

// quickly is for deliveries, which are tried again in real time.
var quickly = stripesim.Config{RetrySchedule: []time.Duration{time.Millisecond, time.Millisecond, time.Millisecond}, Now: time.Now}

func TestSignedEvents(t *testing.T) {
	t.Parallel()
	w := newWorld(t, quickly)
	r := newReceiver(t)
	endpoint := w.endpoint(r.url, "&enabled_events[]=customer.subscription.created&enabled_events[]=customer.created")
	secret := endpoint.text("secret")
	if shown := w.get("/v1/webhook_endpoints/" + endpoint.text("id")); shown.object["secret"] != nil {
		t.Error("the secret is shown again")
	}
	w.advance(40 * day) // signatures keep real time
	customer := w.newCustomer("pm_card_visa")
	first := r.next("customer.created")
	event, err := webhook.ConstructEvent(first.body, first.signature, secret)
	if err != nil {
		t.Fatalf("Stripe's client refuses the event: %v", err)
	}
	if event.APIVersion != stripesim.APIVersion || event.PendingWebhooks != 1 || event.Data.Object["id"] != customer {
		t.Errorf("the event is %s of %v, %d pending", event.APIVersion, event.Data.Object["id"], event.PendingWebhooks)
	}

	rolled := w.post("/_sim/webhook_endpoints/"+endpoint.text("id")+"/roll_secret", `{"expires_in":3600}`).text("secret")
	w.subscribe(customer, "")
	second := r.next("customer.subscription.created")
	for _, one := range []string{secret, rolled} {
		if _, err := webhook.ConstructEvent(second.body, second.signature, one); err != nil {
			t.Errorf("while a secret is rolled: %v", err)
		}
	}
	if _, err := webhook.ConstructEvent(second.body, second.signature, "whsec_other"); err == nil {
		t.Error("any secret fits")
	}
}

func TestDeliveryIsTriedAgain(t *testing.T) {
	t.Parallel()
	for name, status := range map[string]int64{"redirect": http.StatusFound, "error": http.StatusInternalServerError} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, quickly)
			r := newReceiver(t)
			r.status.Store(status)
			w.endpoint(r.url, "&enabled_events[]=customer.created")
			id := w.newCustomer("")
			first := r.next("customer.created")
			if len(w.get("/v1/events?delivery_success=false").rows()) != 1 {
				t.Error("an event that was not taken is not listed as such")
			}
			r.status.Store(http.StatusOK)
			again := r.next("customer.created")
			if again.text("id") != first.text("id") || again.text("data.object.id") != id {
				t.Errorf("%v came again as %v", first.object, again.object)
			}
		})
	}
}

// TestDeliveriesSurvive checks that what was not taken is delivered by the next
// simulator on the same folder.
func TestDeliveriesSurvive(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	r := newReceiver(t)
	sim, err := stripesim.New(stripesim.Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	w := serve(t, sim)
	w.endpoint(r.url, "&enabled_events[]=*")
	sim.PauseDeliveries(true)
	w.newCustomer("")
	if err := sim.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if len(r.received) != 0 {
		t.Fatal("a paused delivery was made")
	}
	newSimulator(t, stripesim.Config{Dir: dir})
	r.next("customer.created")
}

func TestDeliveryFaults(t *testing.T) {
	t.Parallel()
	w := newWorld(t, quickly)
	r := newReceiver(t)
	w.endpoint(r.url, "&enabled_events[]=product.created")
	create := func(name string) { w.post("/v1/products", query("name", name)) }
	names := func(count int) []string {
		var got []string
		for range count {
			got = append(got, r.next("product.created").text("data.object.name"))
		}
		return got
	}
	w.post("/_sim/deliveries/faults", `{"kind":"drop"}`)
	w.post("/_sim/deliveries/faults", `{"kind":"duplicate"}`)
	create("dropped")
	create("doubled")
	if diff := cmp.Diff([]string{"doubled", "doubled"}, names(2)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	w.post("/_sim/deliveries/faults", `{"kind":"reorder","count":3,"delay_ms":200}`)
	for _, name := range []string{"a", "b", "c"} {
		create(name)
	}
	if diff := cmp.Diff([]string{"c", "b", "a"}, names(3)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	w.post("/_sim/deliveries/pause", "")
	create("late")
	if len(r.received) != 0 {
		t.Error("a paused delivery was made")
	}
	w.post("/_sim/deliveries/resume", "")
	if diff := cmp.Diff([]string{"late"}, names(1)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestDisabledEndpoint(t *testing.T) {
	t.Parallel()
	w := newWorld(t, quickly)
	r := newReceiver(t)
	endpoint := w.endpoint(r.url, "&enabled_events[]=product.created")
	w.post("/v1/webhook_endpoints/"+endpoint.text("id"), "disabled=true")
	w.post("/v1/products", "name=unheard")
	w.post("/v1/webhook_endpoints/"+endpoint.text("id"), "disabled=false")
	w.post("/v1/products", "name=heard")
	if got := r.next("product.created").text("data.object.name"); got != "heard" {
		t.Errorf("%s was delivered", got)
	}
	w.succeed(http.MethodDelete, "/v1/webhook_endpoints/"+endpoint.text("id"), "")
	if got := w.get("/v1/webhook_endpoints").rows(); len(got) != 0 {
		t.Errorf("a deleted endpoint is listed: %v", got)
	}
}

// TestBothShapes delivers the same events to an endpoint of the present version
// and to one from before 2025-03-31.
func TestBothShapes(t *testing.T) {
	t.Parallel()
	w := newWorld(t, quickly)
	present, past := newReceiver(t), newReceiver(t)
	w.endpoint(present.url, "&enabled_events[]=*")
	w.endpoint(past.url, "&enabled_events[]=*&api_version=2024-06-20")
	s := w.subscribe(w.newCustomer("pm_card_visa"), "&metadata[a]=1")
	intent := s.text("latest_invoice.payments.data.0.payment.payment_intent")
	end := int(s.number("items.data.0.current_period_end"))
	charge := w.get("/v1/payment_intents/" + intent).text("latest_charge")
	for _, test := range []struct {
		kind         string
		newer, older map[string]any
	}{
		{
			"customer.subscription.created",
			map[string]any{"data.object.current_period_end": nil, "data.object.items.data.0.current_period_end": end},
			map[string]any{
				"api_version": "2024-06-20", "data.object.current_period_end": end, "data.object.items.data.0.current_period_end": nil,
				"data.object.plan.id": w.price, "data.object.quantity": 1,
			},
		},
		{
			"invoice.paid",
			map[string]any{"data.object.subscription": nil, "data.object.parent.subscription_details.subscription": s.text("id")},
			map[string]any{
				"data.object.subscription": s.text("id"), "data.object.payment_intent": intent, "data.object.charge": charge, "data.object.paid": true,
				"data.object.parent": nil, "data.object.subscription_details.metadata.a": "1", "data.object.lines.data.0.price.id": w.price,
				"data.object.lines.data.0.type": "subscription", "data.object.lines.data.0.proration": false,
			},
		},
	} {
		wantAll(t, test.kind+" now", present.next(test.kind).object, test.newer)
		wantAll(t, test.kind+" before", past.next(test.kind).object, test.older)
	}
	wantAll(t, "an intent", past.next("payment_intent.created").object, map[string]any{"data.object.invoice": s.text("latest_invoice.id")})
	w.post("/v1/payment_intents/"+w.post("/v1/payment_intents", "amount=500&currency=usd").text("id")+"/confirm", "payment_method=pm_card_visa")
	wantAll(t, "an intent of no invoice", past.next("payment_intent.created").object, map[string]any{"data.object.invoice": nil})
	w.advance(week)
	wantAll(t, "the new period", past.next("customer.subscription.updated").object, map[string]any{"data.previous_attributes.current_period_end": end})
}

// TestEventsAreWalked checks the catch-up loop of Stripe's client: from the
// last event known, oldest first.
func TestEventsAreWalked(t *testing.T) {
	t.Parallel()
	w := newWorld(t, stripesim.Config{})
	known := w.newest()
	for range 25 {
		w.post("/v1/products", "name=a")
	}
	w.newCustomer("")
	params := &stripe.EventListParams{Types: stripe.StringSlice([]string{"product.*", "customer.created"})}
	params.EndingBefore = &known
	params.Limit = stripe.Int64(10)
	var walked []string
	for e, err := range w.client.V1Events.List(t.Context(), params).All(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		walked = append(walked, string(e.Type))
	}
	want := append(slices.Repeat([]string{"product.created"}, 25), "customer.created")
	if diff := cmp.Diff(want, walked); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
