package stripesim_test

import (
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/numerai-app/payments/stripesim"
)

// wantEvents compares the types of the events after one.
func (w *world) wantEvents(start string, want []string) {
	w.t.Helper()
	if diff := cmp.Diff(want, types(w.eventsSince(start))); diff != "" {
		w.t.Errorf("events (-want +got):\n%s", diff)
	}
}

// TestPendingUpdates postpones a change until its invoice is paid.
func TestPendingUpdates(t *testing.T) {
	t.Parallel()
	postponed := []string{
		"invoiceitem.created", "invoiceitem.created", "invoice.created", "invoice.finalized", "payment_intent.created",
		"charge.failed", "payment_intent.payment_failed", "invoice.payment_failed", "customer.subscription.updated",
	}
	for _, test := range []struct {
		name    string
		play    func(w *world, customer, id, invoice string)
		applied bool
		want    map[string]any
		events  []string
	}{
		{
			name: "paid",
			play: func(w *world, customer, _, invoice string) {
				w.post("/v1/invoices/"+invoice+"/pay", "payment_method="+w.attach("pm_card_visa", customer))
			},
			applied: true,
			want:    map[string]any{"status": "active", "pending_update": nil, "latest_invoice.status": "paid", "latest_invoice.amount_paid": 2000},
			events: []string{
				"payment_method.attached", "charge.succeeded", "payment_intent.succeeded", "invoice.paid", "invoice.payment_succeeded",
				"customer.subscription.pending_update_applied", "customer.subscription.updated", "invoice_payment.paid",
			},
		},
		{
			name: "not paid for 23 hours",
			play: func(w *world, _, id, _ string) {
				w.advance(22 * time.Hour)
				wantAll(w.t, "before", w.subscription(id).object, map[string]any{"pending_update.trial_end": nil, "latest_invoice.status": "open"})
				w.advance(time.Hour)
			},
			want: map[string]any{"status": "active", "pending_update": nil, "latest_invoice.status": "void"},
			events: []string{
				"customer.subscription.pending_update_expired", "customer.subscription.updated", "invoice.voided", "payment_intent.canceled",
			},
		},
		{
			name:   "taken back by voiding its invoice",
			play:   func(w *world, _, _, invoice string) { w.post("/v1/invoices/"+invoice+"/void", "") },
			want:   map[string]any{"status": "active", "pending_update": nil, "latest_invoice.status": "void"},
			events: []string{"invoice.voided", "payment_intent.canceled", "customer.subscription.updated"},
		},
		{
			name: "given up for another change",
			play: func(w *world, _, id, _ string) {
				w.post("/v1/subscriptions/"+id, "items[0][id]="+w.subscription(id).text("items.data.0.id")+"&items[0][quantity]=1&proration_behavior=none")
			},
			want:   map[string]any{"status": "active", "pending_update": nil, "latest_invoice.status": "void"},
			events: []string{"invoice.voided", "payment_intent.canceled", "customer.subscription.updated"},
		},
		{
			name:   "another change that does not concern it",
			play:   func(w *world, _, id, _ string) { w.post("/v1/subscriptions/"+id, "metadata[a]=1") },
			want:   map[string]any{"status": "active", "latest_invoice.status": "open", "pending_update.billing_cycle_anchor": nil},
			events: []string{"customer.subscription.updated"},
		},
		{
			name:   "canceled",
			play:   func(w *world, _, id, _ string) { w.succeed(http.MethodDelete, "/v1/subscriptions/"+id, "") },
			want:   map[string]any{"status": "canceled", "pending_update": nil, "latest_invoice.status": "void"},
			events: []string{"invoice.voided", "payment_intent.canceled", "customer.subscription.deleted"},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			now := time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)
			w := newWorld(t, stripesim.Config{Now: func() time.Time { return now }})
			customer := w.newCustomer("pm_card_visa")
			s := w.subscribe(customer, "")
			id, item, dearer := s.text("id"), s.text("items.data.0.id"), w.newPrice(4000, "week")
			w.post("/v1/subscriptions/"+id, "default_payment_method="+w.attach("pm_card_chargeCustomerFail", customer))
			start := w.newest()
			pending := w.post("/v1/subscriptions/"+id, "items[0][id]="+item+"&items[0][price]="+dearer+
				"&payment_behavior=pending_if_incomplete&proration_behavior=always_invoice&expand[]=latest_invoice")
			wantAll(t, "pending", pending.object, map[string]any{
				"status": "active", "items.data.0.price.id": w.price, "pending_update.subscription_items.0.price.id": dearer,
				"pending_update.subscription_items.0.id": item, "pending_update.expires_at": int(w.sim.Now().Add(23 * time.Hour).Unix()),
				"latest_invoice.status": "open", "latest_invoice.amount_due": 2000, "latest_invoice.auto_advance": false,
			})
			test.play(w, customer, id, pending.text("latest_invoice.id"))
			got := w.subscription(id)
			wantAll(t, "then", got.object, test.want)
			if price := got.text("items.data.0.price.id"); price == dearer != test.applied {
				t.Errorf("its price is %s, the dearer one %s", price, dearer)
			}
			w.wantEvents(start, slices.Concat(postponed, test.events))
		})
	}
}

func TestPendingUpdateAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t, stripesim.Config{})
	s := w.subscribe(w.newCustomer("pm_card_visa"), "")
	path, item := "/v1/subscriptions/"+s.text("id"), "items[0][id]="+s.text("items.data.0.id")
	how := "&payment_behavior=pending_if_incomplete&proration_behavior=always_invoice"
	paid := w.post(path, item+"&items[0][quantity]=3"+how+"&expand[]=latest_invoice")
	wantAll(t, "paid at once", paid.object, map[string]any{"pending_update": nil, "items.data.0.quantity": 3, "latest_invoice.status": "paid"})
	for param, more := range map[string]string{
		"metadata": "&metadata[a]=1", "cancel_at_period_end": "&cancel_at_period_end=true", "items[metadata]": "&items[0][metadata][a]=1",
		"default_payment_method": "&default_payment_method=pm_1",
	} {
		got := w.call(http.MethodPost, path, item+"&items[0][quantity]=4"+how+more)
		wantAll(t, param, got.object, map[string]any{"error.type": "invalid_request_error", "error.param": param})
	}
}

// TestSubscriptionItemCalls changes a subscription one item at a time.
func TestSubscriptionItemCalls(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)
	w := newWorld(t, stripesim.Config{Now: func() time.Time { return now }})
	s := w.subscribe(w.newCustomer("pm_card_visa"), "")
	id, product := s.text("id"), w.post("/v1/products", "name=Cake").text("id")
	start := w.newest()
	inline := "&price_data[currency]=usd&price_data[unit_amount]=700&price_data[recurring][interval]=week&price_data[product]=" + product
	item := w.post("/v1/subscription_items", "subscription="+id+"&quantity=2&metadata[a]=1"+inline+"&proration_behavior=always_invoice")
	wantAll(t, "added", item.object, map[string]any{"quantity": 2, "price.unit_amount": 700, "price.active": false, "metadata.a": "1", "subscription": id})
	paid := []string{
		"invoice.created", "invoice.finalized", "payment_intent.created", "charge.succeeded", "payment_intent.succeeded", "invoice.paid",
		"invoice.payment_succeeded", "invoice_payment.paid", "customer.subscription.updated",
	}
	w.wantEvents(start, slices.Concat([]string{"price.created", "invoiceitem.created"}, paid))
	start = w.newest()
	changed := w.post("/v1/subscription_items/"+item.text("id"), "quantity=1")
	wantAll(t, "changed", changed.object, map[string]any{"quantity": 1})
	w.wantEvents(start, []string{"invoiceitem.created", "invoiceitem.created", "customer.subscription.updated"})
	wantAll(t, "deleted", w.succeed(http.MethodDelete, "/v1/subscription_items/"+item.text("id")+"?proration_behavior=none", "").object,
		map[string]any{"id": item.text("id"), "deleted": true})
	if diff := cmp.Diff([]int64{2000, 1400}, w.bills(id)); diff != "" {
		t.Errorf("bills (-want +got):\n%s", diff)
	}
	for name, got := range map[string]answer{
		"price":                           w.call(http.MethodPost, "/v1/subscription_items", "subscription="+id),
		"subscription":                    w.call(http.MethodPost, "/v1/subscription_items", "subscription=sub_1&price="+w.price),
		"items":                           w.call(http.MethodDelete, "/v1/subscription_items/"+s.text("items.data.0.id"), ""),
		"item":                            w.call(http.MethodPost, "/v1/subscription_items/"+item.text("id"), "quantity=1"),
		"price_data[product]":             w.call(http.MethodPost, "/v1/subscription_items", "subscription="+id+inline+"&price_data[product]=prod_1"),
		"price_data[recurring][interval]": w.call(http.MethodPost, "/v1/subscription_items", "subscription="+id+inline+"&price_data[recurring][interval]=hour"),
		"items[0][price_data][product]":   w.call(http.MethodPost, "/v1/subscriptions/"+id, "items[0][price_data][currency]=usd&items[0][price_data][product]=prod_1&items[0][price_data][recurring][interval]=week&items[0][price_data][unit_amount]=1"),
	} {
		wantAll(t, name, got.object, map[string]any{"error.type": "invalid_request_error", "error.param": name})
	}
}
