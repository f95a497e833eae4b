package stripesim_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/numerai-app/payments/stripesim"
)

// TestForms checks that every way to write the same parameters is read alike.
func TestForms(t *testing.T) {
	t.Parallel()
	w := newWorld(t, stripesim.Config{})
	other := w.newPrice(100, "week")
	customer := w.newCustomer("pm_card_visa")
	for name, items := range map[string]string{
		"indexes":            "items[0][price]=%[1]s&items[0][quantity]=2&items[1][price]=%[2]s",
		"encoded brackets":   "items%%5B0%%5D%%5Bprice%%5D=%[1]s&items%%5B0%%5D%%5Bquantity%%5D=2&items%%5B1%%5D%%5Bprice%%5D=%[2]s",
		"out of order":       "items[1][price]=%[2]s&items[0][quantity]=2&items[0][price]=%[1]s",
		"without indexes":    "items[][price]=%[1]s&items[][quantity]=2&items[][price]=%[2]s",
		"the quantity first": "items[][quantity]=2&items[][price]=%[1]s&items[][price]=%[2]s",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := w.post("/v1/subscriptions", "customer="+customer+"&"+fmt.Sprintf(items, w.price, other))
			wantAll(t, "subscription", got.object, map[string]any{
				"items.data.0.price.id": w.price, "items.data.0.quantity": 2, "items.data.1.price.id": other, "items.data.1.quantity": 1,
			})
		})
	}
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	w := newWorld(t, stripesim.Config{})
	customer := w.newCustomer("pm_card_visa")
	long := strings.Repeat("x", 501)
	subscribe := "customer=" + customer + "&items[0][price]=" + w.price
	for _, test := range []struct {
		method, path, form string
		status             int
		param, code        string
	}{
		{"POST", "/v1/customers", "colour=red", 400, "colour", "parameter_unknown"},
		{"POST", "/v1/customers", "address[planet]=Mars", 400, "address[planet]", "parameter_unknown"},
		{"POST", "/v1/customers", "email[a]=b", 400, "email", ""},
		{"POST", "/v1/customers", "metadata[a]=" + long, 400, "metadata[a]", ""},
		{"POST", "/v1/customers", "metadata[" + long[:41] + "]=a", 400, "metadata", ""},
		{"POST", "/v1/customers", "name=Ada&expand[]=nothing", 400, "expand", ""},
		{"POST", "/v1/customers", "name=Ada&expand[1]=default_source", 400, "expand", ""},
		{"POST", "/v1/subscriptions", subscribe + "&items[2][price]=" + w.price, 400, "items", ""},
		{"POST", "/v1/subscriptions", subscribe + "&items[00][price]=" + w.price, 400, "items", ""},
		{"POST", "/v1/subscriptions", subscribe + "&items[a][price]=" + w.price, 400, "items", ""},
		{"POST", "/v1/products", "description=a", 400, "name", "parameter_missing"},
		{"POST", "/v1/prices", "currency=usd&unit_amount=x&product_data[name]=a", 400, "unit_amount", "parameter_invalid_integer"},
		{"POST", "/v1/prices", "currency=xxx&unit_amount=1&product_data[name]=a", 400, "currency", ""},
		{"POST", "/v1/subscriptions", "customer=" + customer, 400, "items", "parameter_missing"},
		{"POST", "/v1/subscriptions", "customer=cus_none&items[0][price]=" + w.price, 400, "customer", "resource_missing"},
		{"POST", "/v1/subscriptions", subscribe + "&items[0][quantity]=", 400, "items[0][quantity]", "parameter_invalid_empty"},
		{"POST", "/v1/subscriptions", subscribe + "&payment_behavior=hope", 400, "payment_behavior", ""},
		{"POST", "/v1/subscriptions", subscribe + "&discounts[0][coupon]=a", 400, "discounts[0][coupon]", "resource_missing"},
		{"POST", "/v1/subscriptions", subscribe + "&off_session=maybe", 400, "off_session", ""},
		{"GET", "/v1/customers", "limit=101", 400, "limit", "parameter_invalid_integer"},
		{"GET", "/v1/customers", "starting_after=cus_none", 400, "starting_after", "resource_missing"},
		{"GET", "/v1/invoices", "expand[]=data.customer.a.b.c.d", 400, "expand", ""},
		{"GET", "/v1/customers/cus_none", "", 404, "id", "resource_missing"},
		{"GET", "/v1/prices/price_none", "", 404, "id", "resource_missing"},
		{"GET", "/v1/nothing", "", 404, "", ""},
		{"POST", "/v1/payment_methods/pm_card_visa_chargeDeclinedInsufficientFunds/attach", "customer=" + customer, 402, "", "card_declined"},
		{"POST", "/v1/payment_intents", "amount=10&currency=usd", 400, "amount", "amount_too_small"},
		{"POST", "/v1/payment_intents", "amount=100000000&currency=usd", 400, "amount", "amount_too_large"},
		{"POST", "/v1/payment_methods", "type=card&card[number]=4242424242424241", 402, "number", "incorrect_number"},
		{"POST", "/v1/webhook_endpoints", "url=ftp://a.example&enabled_events[]=*", 400, "url", "url_invalid"},
		{"POST", "/v1/webhook_endpoints", "url=https://a.example&enabled_events[]=customer.*", 400, "enabled_events[0]", ""},
	} {
		t.Run(test.path+"?"+test.form[:min(len(test.form), 60)], func(t *testing.T) {
			t.Parallel()
			path, body := test.path, test.form
			if test.method == http.MethodGet && body != "" {
				path, body = path+"?"+body, ""
			}
			got := w.call(test.method, path, body)
			have := []any{got.status, got.text("error.param"), got.text("error.code")}
			if diff := cmp.Diff([]any{test.status, test.param, test.code}, have); diff != "" || got.text("error.message") == "" || got.text("error.type") == "" {
				t.Errorf("%v (-want +got):\n%s", got.object, diff)
			}
		})
	}
}

func TestKeys(t *testing.T) {
	t.Parallel()
	w := serve(t, newSimulator(t, stripesim.Config{SecretKey: "sk_test_mine"}))
	for authorization, want := range map[string]int{
		"":                              401,
		"Bearer sk_test_mine":           200,
		"Basic c2tfdGVzdF9taW5lOg==":    200, // sk_test_mine:
		"Bearer sk_test_other":          401,
		"Bearer sk_live_mine":           401,
		"Bearer pk_test_mine":           403,
		"Basic c2tfdGVzdF9vdGhlcjo=":    401,
		"Bearer sk_test_mine and more":  401,
		"Negotiate c2tfdGVzdF9taW5lOg=": 401,
	} {
		if got := w.call(http.MethodGet, "/v1/customers", "", "Authorization", authorization); got.status != want {
			t.Errorf("%q is answered %d, want %d", authorization, got.status, want)
		}
	}
}

func TestMetadata(t *testing.T) {
	t.Parallel()
	w := newWorld(t, stripesim.Config{})
	customer := w.post("/v1/customers", "metadata[a]=1&metadata[b]=2&metadata[3]=c").text("id")
	merged := w.post("/v1/customers/"+customer, "metadata[a]=&metadata[d]=4")
	if diff := cmp.Diff(map[string]any{"b": "2", "d": "4", "3": "c"}, merged.at("metadata")); diff != "" {
		t.Errorf("merged (-want +got):\n%s", diff)
	}
	cleared := w.post("/v1/customers/"+customer, "metadata=")
	if diff := cmp.Diff(map[string]any{}, cleared.at("metadata")); diff != "" {
		t.Errorf("cleared (-want +got):\n%s", diff)
	}
}

func TestExpansion(t *testing.T) {
	t.Parallel()
	w := newWorld(t, stripesim.Config{})
	customer := w.newCustomer("pm_card_visa")
	s := w.post("/v1/subscriptions", "customer="+customer+"&items[0][price]="+w.price+"&expand[]=customer"+
		"&expand[]=latest_invoice.payments&expand[]=items.data.price.product")
	wantAll(t, "subscription", s.object, map[string]any{
		"customer.email": "ada@example.com", "items.data.0.price.product.name": "Tea", "latest_invoice.payments.data.0.status": "paid",
	})
	invoice := w.get("/v1/invoices/" + s.text("latest_invoice.id") + "?expand[]=payments.data.payment.payment_intent")
	wantAll(t, "invoice", invoice.object, map[string]any{"payments.data.0.payment.payment_intent.status": "succeeded"})
	list := w.get("/v1/subscriptions?customer=" + customer + "&expand[]=data.latest_invoice.confirmation_secret")
	wantAll(t, "list", list.object, map[string]any{"data.0.latest_invoice.status": "paid", "data.0.latest_invoice.confirmation_secret": nil})
}

func TestPages(t *testing.T) {
	t.Parallel()
	w := newWorld(t, stripesim.Config{})
	var ids []string
	for range 5 {
		ids = append(ids, w.post("/v1/customers", "email=a@example.com").text("id"))
	}
	for _, test := range []struct {
		query string
		want  []int
		more  bool
	}{
		{"limit=2", []int{4, 3}, true},
		{"limit=2&starting_after=" + ids[3], []int{2, 1}, true},
		{"limit=2&starting_after=" + ids[1], []int{0}, false},
		{"limit=2&ending_before=" + ids[0], []int{2, 1}, true},
		{"limit=2&ending_before=" + ids[2], []int{4, 3}, false},
		{"email=a@example.com", []int{4, 3, 2, 1, 0}, false},
		{"email=b@example.com", nil, false},
		{"created[gt]=99999999999", nil, false},
		{"created[gte]=1&created[lt]=99999999999&limit=1", []int{4}, true},
	} {
		got := w.get("/v1/customers?" + test.query)
		var have, want []string
		for _, row := range got.rows() {
			have = append(have, row.text("id"))
		}
		for _, i := range test.want {
			want = append(want, ids[i])
		}
		if diff := cmp.Diff(want, have); diff != "" || got.object["has_more"] != test.more {
			t.Errorf("%s: more %v (-want +got):\n%s", test.query, got.object["has_more"], diff)
		}
	}
}

func FuzzForm(f *testing.F) {
	sim, err := stripesim.New(stripesim.Config{})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() {
		if err := sim.Close(context.WithoutCancel(f.Context())); err != nil {
			f.Error(err)
		}
	})
	for _, seed := range []string{"a=b", "name=Ada&metadata[a]=1", "expand[]=x&expand[0]=y", "a[b][c][]=d", "%zz=1", "[]=1", "metadata[]=1&metadata[a][b]=2"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, body string) {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "/v1/customers", strings.NewReader(body))
		if err != nil {
			t.Skip("no request")
		}
		request.Header.Set("Authorization", "Bearer "+secretKey)
		answer := recorder{header: http.Header{}}
		sim.ServeHTTP(&answer, request)
		if answer.status != http.StatusOK && answer.status != http.StatusBadRequest {
			t.Errorf("%q is answered %d", body, answer.status)
		}
	})
}

// recorder keeps the status of an answer.
type recorder struct {
	header http.Header
	status int
}

func (r *recorder) Header() http.Header            { return r.header }
func (r *recorder) WriteHeader(status int)         { r.status = status }
func (r *recorder) Write(body []byte) (int, error) { return len(body), nil }
