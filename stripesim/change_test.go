package stripesim_test

import (
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/numerai-app/payments/stripesim"
)

var (
	prorated = []string{"invoiceitem.created", "invoiceitem.created"}
	renewed  = slices.Concat(begun, finalized, charged, []string{"invoice_payment.paid"})
	// renewedOnCredit is a renewal that takes what is credited to the customer.
	renewedOnCredit = slices.Concat(begun, []string{"customer.updated"}, finalized, charged, []string{"invoice_payment.paid"})
)

// TestChanges checks what a change in the middle of a period costs, and what
// tells of it.
func TestChanges(t *testing.T) {
	t.Parallel()
	changed := []string{"customer.subscription.updated"}
	for _, test := range []struct {
		name   string
		to     int64
		how    string
		now    int64  // billed at once
		next   int64  // with the next invoice
		status string // of the payment
		events []string
	}{
		{"dearer, billed with the next invoice", 4000, "proration_behavior=create_prorations", 0, 5000, "", slices.Concat(prorated, changed, renewed)},
		{
			"dearer, billed now", 4000, "proration_behavior=always_invoice", 1000, 4000, "paid",
			slices.Concat(prorated, []string{"invoice.created"}, finalized, charged, []string{"invoice_payment.paid"}, changed, renewed),
		},
		{"dearer, without proration", 4000, "proration_behavior=none", 0, 4000, "", slices.Concat(changed, renewed)},
		{
			"cheaper, credited now", 1000, "proration_behavior=always_invoice", 0, 500, "paid",
			slices.Concat(prorated, []string{"invoice.created", "customer.updated", "invoice.finalized", "invoice.paid", "invoice.payment_succeeded"}, changed, renewedOnCredit),
		},
		{"cheaper, credited later", 1000, "proration_behavior=create_prorations", 0, 500, "", slices.Concat(prorated, changed, renewed)},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, stripesim.Config{})
			s := w.subscribe(w.newCustomer("pm_card_visa"), "")
			other := w.newPrice(test.to, "week")
			w.advance(week / 2)
			start := w.newest()
			after := w.post("/v1/subscriptions/"+s.text("id"), query(
				"items[0][id]", s.text("items.data.0.id"), "items[0][price]", other, "expand[]", "latest_invoice")+"&"+test.how)
			if test.status != "" {
				wantAll(t, "billed now", after.object, map[string]any{
					"latest_invoice.billing_reason": "subscription_update", "latest_invoice.amount_due": int(test.now), "latest_invoice.status": test.status,
				})
			} else {
				wantAll(t, "not billed now", after.object, map[string]any{"latest_invoice.id": s.text("latest_invoice.id")})
			}
			w.advance(week/2 + 2*time.Hour)
			wantAll(t, "billed at the renewal", w.subscription(s.text("id")).object, map[string]any{
				"latest_invoice.billing_reason": "subscription_cycle", "latest_invoice.amount_paid": int(test.next),
			})
			w.wantEvents(start, test.events)
		})
	}
}

// TestOtherChanges makes each other kind of change in the middle of June, and
// checks what comes of it at once and with the next invoice.
func TestOtherChanges(t *testing.T) {
	t.Parallel()
	const now, never = "&proration_behavior=always_invoice", "&proration_behavior=none"
	end := "cancel_at=" + formatInt(june.AddDate(0, 0, 20).Unix())
	updated := []string{"customer.subscription.updated"}
	noted := []string{"invoiceitem.created", "customer.subscription.updated"}
	paid := slices.Concat([]string{"invoice.created"}, finalized, charged, []string{"invoice_payment.paid"}, updated)
	credited := []string{
		"invoiceitem.created", "invoice.created", "customer.updated", "invoice.finalized", "invoice.paid", "invoice.payment_succeeded",
		"customer.subscription.updated",
	}
	for _, test := range []struct {
		name, create, change string
		events               []string // of the change
		bills                []int64  // until July
	}{
		{"metadata", "{1000}", "metadata[a]=1", updated, []int64{1000, 1000}},
		{"nothing", "{1000}", "metadata[a]=", []string{}, []int64{1000, 1000}},
		{"the same again", "{1000}", "items[0][id]={item}&items[0][quantity]=1" + now, []string{}, []int64{1000, 1000}},
		{"invoices are sent", "{1000}", "collection_method=send_invoice&days_until_due=5", updated, []int64{1000, 1000}},
		{"a second item", "{1000}", "items[0][price]={600}", noted, []int64{1000, 1900}},
		{"a second item, billed now", "{1000}", "items[0][price]={600}" + now, slices.Concat(prorated[:1], paid), []int64{1000, 300, 1600}},
		{"an item that leaves", "{600}&items[1][price]={1000}", "items[0][id]={item}&items[0][deleted]=true", noted, []int64{1600, 700}},
		{"more of it", "{1000}", "items[0][id]={item}&items[0][quantity]=3", slices.Concat(prorated, updated), []int64{1000, 4000}},
		{"a year from now on", "{1000}", "items[0][id]={item}&items[0][price]={12000 year}", slices.Concat(prorated[:1], paid), []int64{1000, 11500}},
		{"a year from now on, nothing given back", "{1000}", "items[0][id]={item}&items[0][price]={12000 year}" + never, paid, []int64{1000, 12000}},
		{"from free to paid", "{0}", "items[0][id]={item}&items[0][price]={1000}", paid, []int64{0, 1000}},
		{"a new anchor", "{1000}", "billing_cycle_anchor=now", slices.Concat(prorated[:1], paid), []int64{1000, 500}},
		{"a new anchor, nothing given back", "{1000}", "billing_cycle_anchor=now" + never, paid, []int64{1000, 1000}},
		{"an end in the period", "{1000}", end, noted, []int64{1000, 0}},
		{"an end in the period, given back now", "{1000}", end + now, credited, []int64{1000, 0}},
		{"an end in the period, nothing given back", "{1000}", end + never, updated, []int64{1000}},
		{"a trial", "{1000}", "trial_end=" + formatInt(june.AddDate(0, 0, 20).Unix()), credited, []int64{1000, 0, 500}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, stripesim.Config{})
			s := w.post("/v1/subscriptions", w.fill(answer{}, "customer="+w.newCustomer("pm_card_visa")+"&items[0][price]="+test.create))
			w.advance(15 * day)
			change := w.fill(s, test.change)
			start := w.newest()
			w.post("/v1/subscriptions/"+s.text("id"), change)
			w.wantEvents(start, test.events)
			w.advance(15*day + 2*time.Hour)
			w.wantBills(s.text("id"), test.bills...)
		})
	}
}

// TestWhatMayChange checks what a status lets be changed.
func TestWhatMayChange(t *testing.T) {
	t.Parallel()
	w := newWorld(t, stripesim.Config{})
	customer := w.newCustomer("pm_card_visa")
	canceled := w.subscribe(customer, "").text("id")
	expired := w.subscribe(w.newCustomer(""), "&payment_behavior=default_incomplete").text("id")
	w.advance(day)
	incomplete := w.subscribe(customer, "&payment_behavior=default_incomplete").text("id")
	w.succeed(http.MethodDelete, "/v1/subscriptions/"+canceled, "")
	for _, test := range []struct {
		id, status, change string
		answer             int
		events             []string
		previous           map[string]any
	}{
		{canceled, "canceled", "metadata[a]=1&cancellation_details[feedback]=unused", http.StatusOK, []string{"customer.subscription.updated"}, map[string]any{
			"metadata": map[string]any{"a": nil}, "cancellation_details": map[string]any{"feedback": nil},
		}},
		{canceled, "canceled", "description=Tea", http.StatusBadRequest, []string{}, nil},
		{canceled, "canceled", "metadata[a]=2&cancel_at_period_end=true", http.StatusBadRequest, []string{}, nil},
		{expired, "incomplete_expired", "metadata[a]=1", http.StatusOK, []string{"customer.subscription.updated"}, map[string]any{"metadata": map[string]any{"a": nil}}},
		{expired, "incomplete_expired", "items[0][price]=" + w.price, http.StatusBadRequest, []string{}, nil},
		{incomplete, "incomplete", "description=Tea", http.StatusOK, []string{"customer.subscription.updated"}, map[string]any{"description": nil}},
		{incomplete, "incomplete", "cancel_at_period_end=true", http.StatusBadRequest, []string{}, nil},
		{incomplete, "incomplete", "items[0][price]=" + w.price, http.StatusBadRequest, []string{}, nil},
	} {
		start := w.newest()
		got := w.call(http.MethodPost, "/v1/subscriptions/"+test.id, test.change)
		if got.status != test.answer {
			t.Errorf("%s, %s: %d %v", test.status, test.change, got.status, got.object)
		}
		wantAll(t, test.change, w.subscription(test.id).object, map[string]any{"status": test.status})
		w.wantEvents(start, test.events)
		if test.previous != nil {
			told := w.get("/v1/events?limit=1").rows()[0]
			wantAll(t, test.change, told, map[string]any{"data.previous_attributes": test.previous})
		}
	}
}
