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

	"github.com/numerai-app/payments/stripesim"
	"github.com/stripe/stripe-go/v85/webhook"
)

// receiver is an endpoint that answers as told and keeps what it got.
type receiver struct {
	url    string
	status atomic.Int64
	events chan delivered
}

type delivered struct {
	object
	body   []byte
	header string
}

func newReceiver(t *testing.T) *receiver {
	t.Helper()
	r := &receiver{events: make(chan delivered, 1000)}
	r.status.Store(http.StatusOK)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		d := delivered{header: q.Header.Get("Stripe-Signature")}
		var err error
		if d.body, err = io.ReadAll(q.Body); err != nil || q.Context().Err() != nil {
			return // the simulator was closed in the middle
		}
		if err := json.Unmarshal(d.body, &d.object); err != nil {
			t.Errorf("what came is no JSON: %v", err)
		}
		status := int(r.status.Load())
		if status == http.StatusFound {
			w.Header().Set("Location", "/elsewhere")
		}
		w.WriteHeader(status)
		r.events <- d
	}))
	t.Cleanup(server.Close)
	r.url = server.URL
	return r
}

func (r *receiver) next(t *testing.T) delivered {
	t.Helper()
	select {
	case d := <-r.events:
		return d
	case <-time.After(waitLimit):
		t.Fatal("no event came")
		return delivered{}
	}
}

// until waits for an event of that type, and returns it and what came before.
func (r *receiver) until(t *testing.T, kind string) (found delivered, before []string) {
	t.Helper()
	for {
		d := r.next(t)
		if d.text("type") == kind {
			return d, before
		}
		before = append(before, d.text("type"))
	}
}

// settled waits until no event is to be delivered any more.
func (w *world) settled(t *testing.T) {
	t.Helper()
	w.undelivered(t, 0)
}

// undelivered waits until that many events are still to be delivered: a
// delivery is noted a moment after it was taken.
func (w *world) undelivered(t *testing.T, want int) {
	t.Helper()
	deadline := time.After(waitLimit)
	for {
		left := w.get(t, "/v1/events?delivery_success=false").rows()
		if len(left) == want {
			return
		}
		select {
		case <-deadline:
			t.Fatalf("%d events are still to be delivered, want %d", len(left), want)
		case <-time.After(time.Millisecond):
		}
	}
}

var soon = stripesim.Config{RetrySchedule: slices.Repeat([]time.Duration{time.Millisecond}, 1000)}

func TestEventsAreSigned(t *testing.T) {
	t.Parallel()
	w, r := newWorld(t, soon), newReceiver(t)
	endpoint := w.post(t, "/v1/webhook_endpoints", "enabled_events[]=customer.created&url="+r.url)
	if got := w.get(t, "/v1/webhook_endpoints/"+endpoint.text("id")); got["secret"] != nil {
		t.Error("the secret is told twice")
	}
	w.advance(t, 40*day) // the signature has real time all the same
	w.post(t, "/v1/products", "name=Tea")
	id := w.post(t, "/v1/customers", "name=Ada").text("id")
	d := r.next(t)
	event, err := webhook.ConstructEvent(d.body, d.header, endpoint.text("secret"))
	if err != nil {
		t.Fatal(err)
	}
	if event.Type != "customer.created" || event.Data.Object["id"] != id || event.Request.ID == "" {
		t.Errorf("the event is %s", d.body)
	}
	if _, err := webhook.ConstructEvent(d.body, d.header, "whsec_other"); err == nil {
		t.Error("the signature fits another secret")
	}
}

func TestEventsComeAgain(t *testing.T) {
	t.Parallel()
	for _, status := range []int{http.StatusInternalServerError, http.StatusFound, http.StatusBadRequest} {
		t.Run(http.StatusText(status), func(t *testing.T) {
			t.Parallel()
			w, r := newWorld(t, soon), newReceiver(t)
			r.status.Store(int64(status))
			w.post(t, "/v1/webhook_endpoints", "enabled_events[]=*&url="+r.url)
			w.post(t, "/v1/customers", "")
			first := r.next(t)
			if again := r.next(t); again.text("id") != first.text("id") {
				t.Errorf("%s came, then %s", first.text("id"), again.text("id"))
			}
			if got := w.get(t, "/v1/events?delivery_success=false").rows(); len(got) != 1 {
				t.Errorf("not delivered are %v", got)
			}
			r.status.Store(http.StatusNoContent)
			w.settled(t)
		})
	}
}

func TestDeliveryFaults(t *testing.T) {
	t.Parallel()
	w, r := newWorld(t, soon), newReceiver(t)
	w.post(t, "/v1/webhook_endpoints", "enabled_events[]=customer.created&url="+r.url)
	w.post(t, "/_sim/deliveries/faults", `{"kind":"drop"}`)
	dropped := w.post(t, "/v1/customers", "").text("id")
	w.post(t, "/_sim/deliveries/faults", `{"kind":"duplicate"}`)
	twice := w.post(t, "/v1/customers", "").text("id")
	for range 2 {
		if got := r.next(t).text("data.object.id"); got != twice {
			t.Errorf("%s came, want %s twice and never %s", got, twice, dropped)
		}
	}
	w.post(t, "/_sim/deliveries/faults", `{"kind":"delay","delay_ms":3600000}`)
	w.post(t, "/v1/customers", "")
	prompt := w.post(t, "/v1/customers", "").text("id")
	if got := r.next(t).text("data.object.id"); got != prompt {
		t.Errorf("%s came, want %s before the one that is delayed", got, prompt)
	}
	w.call(t, 400, http.MethodPost, "/_sim/deliveries/faults", `{"kind":"eat"}`)
	w.call(t, 400, http.MethodPost, "/_sim/deliveries/faults", `{"kind":"drop","count":-1}`)

	w.post(t, "/_sim/deliveries/pause", "")
	w.post(t, "/v1/customers", "")
	w.undelivered(t, 3)
	if len(r.events) != 0 {
		t.Error("an event was delivered while deliveries were paused")
	}
	w.post(t, "/_sim/deliveries/resume", "")
	r.next(t)
}

func TestBothShapes(t *testing.T) {
	t.Parallel()
	w, present, old := newWorld(t, soon), newReceiver(t), newReceiver(t)
	w.post(t, "/v1/webhook_endpoints", "enabled_events[]=*&url="+present.url)
	w.post(t, "/v1/webhook_endpoints", "enabled_events[]=*&api_version=2024-06-20&url="+old.url)
	s := w.subscribe(t, w.customer(t, "pm_card_visa"), "")
	d, _ := present.until(t, "customer.subscription.created")
	end := int(s.number("items.data.0.current_period_end"))
	expect(t, d.object, map[string]any{"api_version": stripesim.APIVersion, "data.object.current_period_end": nil, "data.object.items.data.0.current_period_end": end})
	d, _ = old.until(t, "customer.subscription.created")
	expect(t, d.object, map[string]any{"api_version": "2024-06-20", "data.object.current_period_end": end, "data.object.items.data.0.current_period_end": nil})
	d, _ = present.until(t, "invoice.paid")
	expect(t, d.object, map[string]any{"data.object.parent.subscription_details.subscription": s.text("id"), "data.object.subscription": nil})
	intent := s.text("latest_invoice.payments.data.0.payment.payment_intent")
	w.get(t, "/v1/payment_intents/"+intent)
	again := w.subscribe(t, s.text("customer"), "")
	d, before := old.until(t, "invoice.paid")
	for d.text("data.object.subscription") == again.text("id") {
		d, before = old.until(t, "invoice.paid")
	}
	expect(t, d.object, map[string]any{
		"data.object.subscription": s.text("id"), "data.object.parent": nil, "data.object.payment_intent": intent, "data.object.paid": true,
		"data.object.paid_out_of_band": false, "data.object.lines.data.0.price.id": w.price,
	})
	if len(before) == 0 {
		t.Error("nothing came before")
	}
}

func TestDisabledEndpoint(t *testing.T) {
	t.Parallel()
	w, r := newWorld(t, soon), newReceiver(t)
	path := "/v1/webhook_endpoints/" + w.post(t, "/v1/webhook_endpoints", "enabled_events[]=*&url="+r.url).text("id")
	expect(t, w.post(t, path, "disabled=true"), map[string]any{"status": "disabled"})
	missed := w.post(t, "/v1/customers", "").text("id")
	expect(t, w.post(t, path, "disabled=false"), map[string]any{"status": "enabled"})
	seen := w.post(t, "/v1/customers", "").text("id")
	if got := r.next(t).text("data.object.id"); got != seen {
		t.Errorf("%s came, want %s and not %s", got, seen, missed)
	}
	w.call(t, 200, http.MethodDelete, path, "")
	w.call(t, 404, http.MethodGet, path, "")
}
