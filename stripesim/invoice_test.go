package stripesim_test

import (
	"fmt"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/numerai-app/payments/stripesim"
)

// bill is a flow of invoices made by hand, for a customer with a good card, and
// what has to come of it.
type bill struct {
	name   string
	play   func(w *world, customer string) (invoice string)
	want   map[string]any // of the invoice at the end
	events []string
}

var (
	paidByHand = []string{"charge.succeeded", "payment_intent.succeeded", "invoice.paid", "invoice.payment_succeeded", "invoice_payment.paid"}
	openedHand = []string{"customer.updated", "invoice.finalized", "payment_intent.created"}
)

var bills = []bill{
	{
		name: "pending items, finalized and paid by calls",
		play: func(w *world, customer string) string {
			w.post("/v1/invoiceitems", "customer="+customer+"&amount=1500&currency=usd&description=Work")
			w.post("/v1/invoiceitems", "customer="+customer+"&unit_amount_decimal=12.5&quantity=3&currency=usd")
			w.post("/v1/invoiceitems", "customer="+customer+"&amount=700&currency=eur")
			i := w.post("/v1/invoices", "customer="+customer+"&pending_invoice_items_behavior=include&currency=usd&description=March&footer=Bye")
			wantAll(w.t, "draft", i.object, map[string]any{
				"status": "draft", "billing_reason": "manual", "auto_advance": false, "automatically_finalizes_at": nil, "number": nil, "parent": nil,
				"total": 1538, "lines.data.0.amount": 1500, "lines.data.0.description": "Work", "lines.data.0.quantity": 1,
				"lines.data.0.parent.type": "invoice_item_details", "lines.data.1.amount": 38, "lines.data.1.quantity": 3,
				"lines.data.1.pricing.unit_amount_decimal": "12.5", "lines.data.2": nil,
			})
			w.advance(day)
			w.post("/v1/invoices/"+i.text("id")+"/finalize", "")
			w.post("/v1/invoices/"+i.text("id")+"/pay", "")
			return i.text("id")
		},
		want: map[string]any{
			"status": "paid", "amount_paid": 1538, "attempt_count": 1, "description": "March", "footer": "Bye", "collection_method": "charge_automatically",
		},
		events: slices.Concat([]string{"invoiceitem.created", "invoiceitem.created", "invoiceitem.created", "invoice.created"}, openedHand, paidByHand),
	},
	{
		name: "advances by itself after an hour",
		play: func(w *world, customer string) string {
			i := w.post("/v1/invoices", "customer="+customer+"&auto_advance=true")
			w.post("/v1/invoiceitems", "invoice="+i.text("id")+"&amount=1000")
			w.advance(59 * time.Minute)
			wantAll(w.t, "before", w.get("/v1/invoices/"+i.text("id")).object, map[string]any{
				"status": "draft", "automatically_finalizes_at": int(i.number("created")) + 3600, "amount_due": 1000,
			})
			w.advance(2 * time.Minute)
			return i.text("id")
		},
		want:   map[string]any{"status": "paid", "amount_paid": 1000, "auto_advance": false, "automatically_finalizes_at": nil},
		events: slices.Concat([]string{"invoice.created", "invoiceitem.created", "invoice.updated"}, openedHand, paidByHand),
	},
	{
		name: "sent, announced, overdue, paid",
		play: func(w *world, customer string) string {
			i := w.post("/v1/invoices", "customer="+customer+"&collection_method=send_invoice&days_until_due=10")
			w.post("/v1/invoiceitems", "invoice="+i.text("id")+"&amount=1000")
			sent := w.post("/v1/invoices/"+i.text("id")+"/send", "")
			wantAll(w.t, "sent", sent.object, map[string]any{
				"status": "open", "due_date": int(i.number("created")) + 10*86400, "next_payment_attempt": nil, "attempted": false,
			})
			w.advance(11 * day)
			wantAll(w.t, "overdue", w.get("/v1/invoices/"+i.text("id")).object, map[string]any{"status": "open", "amount_remaining": 1000})
			w.post("/v1/invoices/"+i.text("id")+"/pay", "")
			return i.text("id")
		},
		want: map[string]any{"status": "paid", "amount_paid": 1000},
		events: slices.Concat([]string{"invoice.created", "invoiceitem.created", "invoice.updated"}, openedHand,
			[]string{"invoice.sent", "invoice.will_be_due", "invoice.overdue", "customer.updated"}, paidByHand[:4:4], []string{"customer.updated"}, paidByHand[4:]),
	},
	{
		name: "an empty one is paid by being finalized",
		play: func(w *world, customer string) string {
			i := w.post("/v1/invoices", "customer="+customer)
			return w.post("/v1/invoices/"+i.text("id")+"/finalize", "").text("id")
		},
		want:   map[string]any{"status": "paid", "amount_paid": 0, "total": 0},
		events: []string{"invoice.created", "customer.updated", "invoice.finalized", "invoice.paid", "invoice.payment_succeeded"},
	},
	{
		name: "void after it was opened",
		play: func(w *world, customer string) string {
			i := w.post("/v1/invoices", "customer="+customer)
			w.post("/v1/invoiceitems", "invoice="+i.text("id")+"&amount=1000")
			w.post("/v1/invoices/"+i.text("id")+"/finalize", "")
			return w.post("/v1/invoices/"+i.text("id")+"/void", "").text("id")
		},
		want: map[string]any{"status": "void", "amount_due": 1000, "amount_paid": 0},
		events: slices.Concat([]string{"invoice.created", "invoiceitem.created", "invoice.updated"}, openedHand,
			[]string{"invoice.voided", "payment_intent.canceled"}),
	},
}

func TestBills(t *testing.T) {
	t.Parallel()
	for _, b := range bills {
		t.Run(b.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, stripesim.Config{})
			customer := w.newCustomer("pm_card_visa")
			start := w.newest()
			id := b.play(w, customer)
			wantAll(t, "invoice", w.get("/v1/invoices/"+id).object, b.want)
			if diff := cmp.Diff(b.events, types(w.eventsSince(start))); diff != "" {
				t.Errorf("events (-want +got):\n%s", diff)
			}
		})
	}
}

// TestDeletedDraft checks that what a deleted draft was to bill waits again.
func TestDeletedDraft(t *testing.T) {
	t.Parallel()
	w := newWorld(t, stripesim.Config{})
	customer := w.newCustomer("pm_card_visa")
	item := w.post("/v1/invoiceitems", "customer="+customer+"&amount=300").text("id")
	draft := w.post("/v1/invoices", "customer="+customer+"&pending_invoice_items_behavior=include").text("id")
	wantAll(t, "item", w.get("/v1/invoiceitems/"+item).object, map[string]any{"invoice": draft})
	start := w.newest()
	gone := w.succeed(http.MethodDelete, "/v1/invoices/"+draft, "")
	wantAll(t, "gone", gone.object, map[string]any{"id": draft, "deleted": true})
	wantAll(t, "item", w.get("/v1/invoiceitems/"+item).object, map[string]any{"invoice": nil})
	if got := w.call(http.MethodGet, "/v1/invoices/"+draft, ""); got.status != http.StatusNotFound {
		t.Errorf("it is still there: %d", got.status)
	}
	w.succeed(http.MethodDelete, "/v1/invoiceitems/"+item, "")
	if diff := cmp.Diff([]string{"invoice.deleted", "invoiceitem.deleted"}, types(w.eventsSince(start))); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
	if left := w.get("/v1/invoiceitems?pending=true&customer=" + customer).rows(); len(left) != 0 {
		t.Errorf("%d items are left", len(left))
	}
}

// TestItemsJoinSubscriptions checks which invoice bills what waits.
func TestItemsJoinSubscriptions(t *testing.T) {
	t.Parallel()
	w := newWorld(t, stripesim.Config{})
	customer := w.newCustomer("pm_card_visa")
	w.post("/v1/invoiceitems", "customer="+customer+"&amount=500") // joins the first invoice
	one := w.subscribe(customer, "")
	wantAll(t, "the first", one.object, map[string]any{"latest_invoice.amount_paid": 2500, "latest_invoice.lines.data.0.amount": 500})
	two := w.subscribe(customer, "")
	wantAll(t, "the second", two.object, map[string]any{"latest_invoice.amount_paid": 2000})
	own := w.post("/v1/invoiceitems", "customer="+customer+"&amount=-700&subscription="+two.text("id"))
	wantAll(t, "own", own.object, map[string]any{"parent.subscription_details.subscription": two.text("id"), "discountable": false, "proration": false})
	w.advance(week + 2*time.Hour)
	wantAll(t, "the first renewed", w.subscription(one.text("id")).object, map[string]any{"latest_invoice.amount_paid": 2000})
	wantAll(t, "the second renewed", w.subscription(two.text("id")).object, map[string]any{
		"latest_invoice.amount_paid": 1300, "latest_invoice.lines.data.0.subscription": two.text("id"),
	})
	nothing := w.call(http.MethodPost, "/v1/invoices", "subscription="+two.text("id"))
	wantAll(t, "nothing waits", nothing.object, map[string]any{"error.code": "invoice_no_subscription_line_items"})
	w.post("/v1/invoiceitems", "amount=900&subscription="+two.text("id"))
	early := w.post("/v1/invoices", "subscription="+two.text("id"))
	wantAll(t, "early", early.object, map[string]any{"total": 900, "parent.subscription_details.subscription": two.text("id"), "customer": customer})
}

// TestItemChanges checks that a draft follows what it bills, and that a final
// invoice does not.
func TestItemChanges(t *testing.T) {
	t.Parallel()
	w := newWorld(t, stripesim.Config{})
	customer := w.newCustomer("pm_card_visa")
	once := w.post("/v1/prices", "currency=usd&unit_amount=250&product_data[name]=Cup").text("id")
	draft := w.post("/v1/invoices", "customer="+customer).text("id")
	item := w.post("/v1/invoiceitems", "invoice="+draft+"&pricing[price]="+once+"&quantity=2")
	wantAll(t, "item", item.object, map[string]any{
		"amount": 500, "description": "Cup", "quantity": 2, "pricing.price_details.price": once, "invoice": draft, "net_amount": 500,
	})
	path := "/v1/invoiceitems/" + item.text("id")
	line := w.get("/v1/invoices/" + draft).text("lines.data.0.id")
	w.post(path, "quantity=3&metadata[a]=1&period[start]=100&period[end]=200")
	wantAll(t, "draft", w.get("/v1/invoices/"+draft).object, map[string]any{
		"total": 750, "lines.data.0.id": line, "lines.data.0.quantity": 3, "lines.data.0.metadata.a": "1", "lines.data.0.period.end": 200,
	})
	w.post("/v1/invoices/"+draft+"/finalize", "")
	for _, test := range []struct{ method, path, body, code, param string }{
		{http.MethodPost, path, "quantity=1", "invoice_not_editable", ""},
		{http.MethodDelete, path, "", "invoice_not_editable", ""},
		{http.MethodDelete, "/v1/invoices/" + draft, "", "invoice_not_editable", ""},
		{http.MethodPost, "/v1/invoices/" + draft, "description=Late", "invoice_not_editable", "description"},
		{http.MethodPost, "/v1/invoices/" + draft, "collection_method=send_invoice", "invoice_not_editable", "collection_method"},
		{http.MethodPost, "/v1/invoiceitems", "amount=5&invoice=" + draft, "invoice_not_editable", "invoice"},
		{http.MethodPost, "/v1/invoiceitems", "amount=5", "parameter_missing", "customer"},
		{http.MethodPost, "/v1/invoiceitems", "customer=" + customer, "parameter_missing", "amount"},
		{http.MethodPost, "/v1/invoiceitems", "amount=5&quantity=2&customer=" + customer, "parameters_exclusive", "quantity"},
		{http.MethodPost, "/v1/invoiceitems", "amount=5&unit_amount_decimal=2&customer=" + customer, "parameters_exclusive", "unit_amount_decimal"},
		{http.MethodPost, "/v1/invoiceitems", "unit_amount_decimal=x&customer=" + customer, "parameter_invalid_decimal", "unit_amount_decimal"},
		{http.MethodPost, "/v1/invoiceitems", "pricing[price]=" + w.price + "&customer=" + customer, "", "pricing[price]"},
		{http.MethodPost, "/v1/invoiceitems", "pricing[price]=" + once + "&currency=eur&customer=" + customer, "", "pricing[price]"},
		{http.MethodPost, "/v1/invoiceitems", "price=" + once + "&customer=" + customer, "parameter_unknown", "price"},
		{http.MethodPost, "/v1/invoices", "", "parameter_missing", "customer"},
		{http.MethodPost, "/v1/invoices", "customer=cus_none", "resource_missing", "customer"},
		{http.MethodPost, "/v1/invoices", "customer=" + customer + "&days_until_due=3", "", "days_until_due"},
		{http.MethodPost, "/v1/invoices", "customer=" + customer + "&collection_method=send_invoice", "parameter_missing", "days_until_due"},
		{http.MethodPost, "/v1/invoices", "customer=" + customer + "&automatic_tax[enabled]=true", "", "automatic_tax"},
		{http.MethodPost, "/v1/invoices/" + draft + "/send", "", "", ""},
	} {
		got := w.call(test.method, test.path, test.body)
		if got.status != http.StatusBadRequest || got.text("error.code") != test.code || got.text("error.param") != test.param {
			t.Errorf("%s %s %s: %d %v", test.method, test.path, test.body, got.status, got.object)
		}
	}
	wantAll(t, "as it was", w.get("/v1/invoices/"+draft).object, map[string]any{"status": "open", "total": 750, "description": nil})
	wantAll(t, "metadata", w.post("/v1/invoices/"+draft, "metadata[a]=2").object, map[string]any{"metadata.a": "2"})
}

// TestSentSubscription follows a subscription whose invoices are sent.
func TestSentSubscription(t *testing.T) {
	t.Parallel()
	w := newWorld(t, stripesim.Config{})
	customer := w.newCustomer("")
	start := w.newest()
	s := w.subscribe(customer, "&collection_method=send_invoice&days_until_due=5")
	id := s.text("id")
	wantAll(t, "at first", s.object, map[string]any{
		"status": "active", "days_until_due": 5, "latest_invoice.status": "draft", "latest_invoice.collection_method": "send_invoice",
		"latest_invoice.due_date": int(s.number("created")) + 5*86400, "pending_setup_intent": nil,
	})
	w.advance(2 * time.Hour)
	wantAll(t, "sent", w.subscription(id).object, map[string]any{"status": "active", "latest_invoice.status": "open", "latest_invoice.attempted": false})
	w.advance(5 * day)
	overdue := w.subscription(id)
	wantAll(t, "overdue", overdue.object, map[string]any{"status": "past_due", "latest_invoice.status": "open"})
	w.post("/v1/invoices/"+overdue.text("latest_invoice.id")+"/pay", "paid_out_of_band=true")
	wantAll(t, "paid", w.subscription(id).object, map[string]any{"status": "active", "latest_invoice.status": "paid"})
	if diff := cmp.Diff([]string{
		"customer.subscription.created", "invoice.created", "customer.updated", "invoice.finalized", "payment_intent.created", "invoice.sent",
		"invoice.will_be_due", "invoice.overdue", "customer.subscription.updated", "customer.updated", "invoice.paid", "customer.subscription.updated",
		"customer.updated", "payment_intent.canceled",
	}, types(w.eventsSince(start))); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
	for _, body := range []string{"collection_method=charge_automatically&days_until_due=3"} {
		if got := w.call(http.MethodPost, "/v1/subscriptions/"+id, body); got.text("error.param") != "days_until_due" {
			t.Errorf("%s: %d %v", body, got.status, got.object)
		}
	}
	charged := w.post("/v1/subscriptions/"+id, "collection_method=charge_automatically")
	wantAll(t, "charged", charged.object, map[string]any{"collection_method": "charge_automatically", "days_until_due": nil})
	missing := w.call(http.MethodPost, "/v1/subscriptions", fmt.Sprintf("customer=%s&items[0][price]=%s&collection_method=send_invoice", customer, w.price))
	wantAll(t, "no days", missing.object, map[string]any{"error.param": "days_until_due", "error.code": "parameter_missing"})
}

// TestFinalizedInvoiceTellsItsNextAttempt finalizes a draft that is to be
// collected by itself.
func TestFinalizedInvoiceTellsItsNextAttempt(t *testing.T) {
	w := newWorld(t, stripesim.Config{Now: func() time.Time { return june }})
	customer := w.newCustomer("pm_card_visa")
	draft := w.post("/v1/invoices", "customer="+customer).text("id")
	w.post("/v1/invoiceitems", "invoice="+draft+"&amount=500")
	open := w.post("/v1/invoices/"+draft+"/finalize", "auto_advance=true")
	told := w.get("/v1/events?type=invoice.finalized").rows()[0].at("data.object").(map[string]any)
	if got, want := told["next_payment_attempt"], open.at("next_payment_attempt"); want == nil || got != want {
		t.Errorf("the event says that the next attempt is at %v, the invoice %v", got, want)
	}
}
