package stripesim_test

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/numerai-app/payments/stripesim"
)

// balanceOf is a customer's balance, which its transactions have to explain:
// their sum, and the ending balance of each.
func (w *world) balanceOf(customer string) int64 {
	w.t.Helper()
	balance := w.get("/v1/customers/" + customer).number("balance")
	sum := int64(0)
	rows := w.get("/v1/customers/" + customer + "/balance_transactions?limit=100").rows()
	for i := range rows {
		row := rows[len(rows)-1-i]
		if sum += row.number("amount"); row.number("ending_balance") != sum {
			w.t.Errorf("a transaction ends at %v, want %d", row.at("ending_balance"), sum)
		}
	}
	if sum != balance {
		w.t.Errorf("the balance is %d, its transactions say %d", balance, sum)
	}
	return balance
}

// balanceReasons are the types of a customer's balance transactions with their
// amounts, oldest first.
func (w *world) balanceReasons(customer string) []string {
	w.t.Helper()
	rows := w.get("/v1/customers/" + customer + "/balance_transactions?limit=100").rows()
	reasons := make([]string, len(rows))
	for i, row := range rows {
		reasons[len(rows)-1-i] = row.text("type")
	}
	return reasons
}

func TestBalanceTransactions(t *testing.T) {
	t.Parallel()
	w := newWorld(t, stripesim.Config{})
	customer := w.post("/v1/customers", "balance=-300").text("id")
	path := "/v1/customers/" + customer + "/balance_transactions"
	start := w.newest()
	made := w.post(path, "amount=-200&currency=USD&description=Sorry&metadata[why]=late")
	wantAll(t, "made", made.object, map[string]any{
		"amount": -200, "ending_balance": -500, "type": "adjustment", "currency": "usd", "description": "Sorry", "metadata.why": "late",
		"invoice": nil, "customer": customer,
	})
	if diff := cmp.Diff([]string{"customer.updated"}, types(w.eventsSince(start))); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
	wantAll(t, "changed", w.post(path+"/"+made.text("id"), "description=").object, map[string]any{"description": nil, "amount": -200})
	wantAll(t, "read", w.get(path+"/"+made.text("id")+"?expand[]=customer").object, map[string]any{"customer.balance": -500})
	w.post("/v1/customers/"+customer, "balance=-700")
	if diff := cmp.Diff([]string{"initial", "adjustment", "adjustment"}, w.balanceReasons(customer)); diff != "" {
		t.Errorf("types (-want +got):\n%s", diff)
	}
	for _, test := range []struct{ path, body, param string }{
		{path, "amount=0&currency=usd", "amount"},
		{path, "amount=5&currency=eur", "currency"},
		{path, "amount=5&currency=xxx", "currency"},
		{path, "currency=usd", "amount"},
		{path + "/" + made.text("id"), "amount=5", "amount"},
		{path + "/cbtxn_none", "", "transaction"},
	} {
		if got := w.call(http.MethodPost, test.path, test.body); got.status < 400 || got.text("error.param") != test.param {
			t.Errorf("%s %s: %d %v", test.path, test.body, got.status, got.object)
		}
	}
	if w.balanceOf(customer) != -700 {
		t.Error("a refused call changed the balance")
	}
}

// TestBalanceOnInvoices checks what an invoice takes from a balance, and what
// it leaves there.
func TestBalanceOnInvoices(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name           string
		balance, price int64
		due, left      int
		reasons        []string
	}{
		{"credit for a part", -500, 2000, 1500, 0, []string{"adjustment", "applied_to_invoice"}},
		{"credit for more", -5000, 2000, 0, -3000, []string{"adjustment", "applied_to_invoice"}},
		{"a debt", 500, 2000, 2500, 0, []string{"adjustment", "applied_to_invoice"}},
		{"too little to charge", 0, 30, 0, 30, []string{"invoice_too_small"}},
		{"too little is left to charge", -1970, 2000, 0, 30, []string{"adjustment", "applied_to_invoice", "invoice_too_small"}},
		{"a debt that is too little", 10, 30, 0, 40, []string{"adjustment", "invoice_too_small"}},
		{"nothing to pay", -10, 0, 0, -10, []string{"adjustment"}},
		{"nothing to pay and a debt", 100, 0, 100, 0, []string{"adjustment", "applied_to_invoice"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, stripesim.Config{})
			customer := w.newCustomer("pm_card_visa")
			w.post("/v1/customers/"+customer, fmt.Sprint("balance=", test.balance))
			w.price = w.newPrice(test.price, "week")
			s := w.subscribe(customer, "")
			wantAll(t, "invoice", s.object, map[string]any{
				"latest_invoice.status": "paid", "latest_invoice.amount_due": test.due, "latest_invoice.amount_paid": test.due,
				"latest_invoice.starting_balance": int(test.balance), "latest_invoice.ending_balance": test.left,
			})
			if got := w.balanceOf(customer); got != int64(test.left) {
				t.Errorf("%d is left, want %d", got, test.left)
			}
			if diff := cmp.Diff(test.reasons, w.balanceReasons(customer)); diff != "" {
				t.Errorf("types (-want +got):\n%s", diff)
			}
		})
	}
}

// TestBalanceComesBack checks that a void invoice gives back what it took.
func TestBalanceComesBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t, stripesim.Config{})
	customer := w.post("/v1/customers", "balance=-500").text("id")
	s := w.subscribe(customer, "&payment_behavior=default_incomplete")
	if got := w.balanceOf(customer); got != 0 {
		t.Errorf("the open invoice leaves %d", got)
	}
	w.post("/v1/invoices/"+s.text("latest_invoice.id")+"/void", "")
	if got := w.balanceOf(customer); got != -500 {
		t.Errorf("the void invoice leaves %d, want -500", got)
	}
	if diff := cmp.Diff([]string{"initial", "applied_to_invoice", "unapplied_from_invoice"}, w.balanceReasons(customer)); diff != "" {
		t.Errorf("types (-want +got):\n%s", diff)
	}
}
