package stripesim_test

import (
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/numerai-app/payments/stripesim"
)

// TestLines adds, changes and removes lines of a draft.
func TestLines(t *testing.T) {
	t.Parallel()
	w := newWorld(t, stripesim.Config{})
	customer := w.newCustomer("pm_card_visa")
	waiting := w.post("/v1/invoiceitems", "customer="+customer+"&amount=400").text("id")
	path := "/v1/invoices/" + w.post("/v1/invoices", "customer="+customer).text("id")
	start := w.newest()

	added := w.post(path+"/add_lines", "lines[0][amount]=1000&lines[0][description]=Work&lines[1][invoice_item]="+waiting+"&invoice_metadata[a]=1")
	wantAll(t, "added", added.object, map[string]any{
		"total": 1400, "amount_due": 1400, "metadata.a": "1", "lines.data.0.amount": 1000, "lines.data.0.description": "Work", "lines.data.1.amount": 400,
		"lines.data.1.parent.invoice_item_details.invoice_item": waiting,
	})
	one, two := added.text("lines.data.0.id"), added.text("lines.data.1.id")
	made := added.text("lines.data.0.parent.invoice_item_details.invoice_item")
	updated := w.post(path+"/update_lines", "lines[0][id]="+one+"&lines[0][amount]=1200&lines[1][id]="+two+"&lines[1][description]=More")
	wantAll(t, "updated", updated.object, map[string]any{"total": 1600, "lines.data.0.id": one, "lines.data.1.description": "More"})
	wantAll(t, "its item", w.get("/v1/invoiceitems/"+made).object, map[string]any{"amount": 1200})
	line := w.post(path+"/lines/"+one, "amount=2")
	wantAll(t, "line", line.object, map[string]any{"id": one, "amount": 2, "quantity": 1})

	removed := w.post(path+"/remove_lines", "lines[0][id]="+one+"&lines[0][behavior]=delete&lines[1][id]="+two+"&lines[1][behavior]=unassign")
	wantAll(t, "removed", removed.object, map[string]any{"total": 0, "lines.data.0": nil})
	wantAll(t, "unassigned", w.get("/v1/invoiceitems/"+waiting).object, map[string]any{"invoice": nil})
	if got := w.call(http.MethodGet, "/v1/invoiceitems/"+made, ""); got.status != http.StatusNotFound {
		t.Errorf("the deleted item is answered %d", got.status)
	}
	if diff := cmp.Diff([]string{
		"invoiceitem.created", "invoice.updated", "invoice.updated", "invoice.updated", "invoiceitem.deleted", "invoice.updated",
	}, types(w.eventsSince(start))); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
}

func TestLinesRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t, stripesim.Config{})
	customer := w.newCustomer("pm_card_visa")
	foreign := w.post("/v1/invoiceitems", "amount=5&customer="+w.newCustomer("")).text("id")
	s := w.subscribe(customer, "&collection_method=send_invoice&days_until_due=5")
	draft, line := "/v1/invoices/"+s.text("latest_invoice.id"), s.text("latest_invoice.lines.data.0.id")
	final := "/v1/invoices/" + w.subscribe(customer, "").text("latest_invoice.id")
	for _, test := range []struct{ path, body, code, param string }{
		{draft + "/add_lines", "", "parameter_missing", "lines"},
		{draft + "/add_lines", "lines[0][description]=x", "parameter_missing", "lines[0][amount]"},
		{draft + "/add_lines", "lines[0][invoice_item]=" + foreign, "", "lines[0][invoice_item]"},
		{draft + "/update_lines", "lines[0][id]=il_none&lines[0][amount]=5", "resource_missing", "lines[0][id]"},
		{draft + "/update_lines", "lines[0][id]=" + line + "&lines[0][amount]=5", "", "lines[0][amount]"},
		{draft + "/remove_lines", "lines[0][behavior]=delete&lines[0][id]=" + line, "", "lines[0][id]"},
		{draft + "/add_lines", "lines[0][price_data][currency]=usd&lines[0][price_data][unit_amount]=5", "parameter_missing", "lines[0][price_data][product]"},
		{draft + "/lines/" + line, "quantity=5", "", "quantity"},
		{draft + "/lines/il_none", "description=x", "resource_missing", "id"},
		{final + "/add_lines", "lines[0][amount]=5", "invoice_not_editable", ""},
	} {
		got := w.call(http.MethodPost, test.path, test.body)
		if got.status < 400 || got.text("error.code") != test.code || got.text("error.param") != test.param {
			t.Errorf("%s %s: %d %v", test.path, test.body, got.status, got.object)
		}
	}
	wantAll(t, "named anew", w.post(draft+"/lines/"+line, "description=Tea for two&metadata[a]=1").object, map[string]any{
		"description": "Tea for two", "metadata.a": "1", "amount": 2000,
	})
}
