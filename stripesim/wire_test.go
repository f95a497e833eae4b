package stripesim_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/numerai-app/payments/stripesim"
)

func TestFormsAreRead(t *testing.T) {
	t.Parallel()
	w := newWorld(t, stripesim.Config{})
	customer := w.customer(t, "")
	second := w.post(t, "/v1/prices", "currency=usd&unit_amount=500&recurring[interval]=month&product_data[name]=Extra").text("id")
	for name, form := range map[string]string{
		"indexes":           "items[0][price]=" + w.price + "&items[1][price]=" + second + "&items[1][quantity]=3",
		"out of order":      "items[7][quantity]=3&items[2][price]=" + w.price + "&items[7][price]=" + second,
		"brackets":          "items[][price]=" + w.price + "&items[][price]=" + second + "&items[][quantity]=3",
		"percent-encoded":   "items%5B0%5D%5Bprice%5D=" + w.price + "&items%5B1%5D%5Bprice%5D=" + second + "&items%5B1%5D%5Bquantity%5D=3",
		"twice is the last": "items[0][price]=nothing&items[0][price]=" + w.price + "&items[1][price]=" + second + "&items[1][quantity]=3",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := w.post(t, "/v1/subscriptions", "payment_behavior=default_incomplete&customer="+customer+"&"+form)
			expect(t, s, map[string]any{
				"items.data.0.price.id": w.price, "items.data.0.quantity": 1, "items.data.1.price.id": second, "items.data.1.quantity": 3,
			})
		})
	}
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	w := newWorld(t, stripesim.Config{})
	customer := w.customer(t, "pm_card_visa")
	subscribe := "customer=" + customer + "&items[0][price]=" + w.price
	long := strings.Repeat("x", 501)
	for _, test := range []struct{ method, path, form, param, code string }{
		{"POST", "/v1/customers", "colour=red", "colour", "parameter_unknown"},
		{"POST", "/v1/customers", "email[a]=b", "email", ""},
		{"POST", "/v1/customers", "metadata=text", "metadata", ""},
		{"POST", "/v1/customers", "metadata[a][b]=c", "metadata", ""},
		{"POST", "/v1/customers", "metadata[a]=" + long, "metadata", ""},
		{"POST", "/v1/customers", "metadata[" + long[:41] + "]=a", "metadata", ""},
		{"POST", "/v1/customers", "a=%zz", "", ""},
		{"POST", "/v1/customers", "a[b=c", "a[b", ""},
		{"POST", "/v1/customers", "metadata[a]=1&metadata=2", "metadata", ""},
		{"POST", "/v1/customers", "address[city]=Paris", "address", "parameter_unknown"},
		{"POST", "/v1/customers", "shipping[name]=Ada", "shipping", "parameter_unknown"},
		{"POST", "/v1/customers", "name=Ada&expand[]=name", "expand", ""},
		{"POST", "/v1/customers", "name=Ada&expand=default_source", "expand", ""},
		{"POST", "/v1/products", "description=a", "name", "parameter_missing"},
		{"POST", "/v1/prices", "currency=usd&unit_amount=x&product_data[name]=a", "unit_amount", "parameter_invalid_integer"},
		{"POST", "/v1/prices", "currency=usd&unit_amount=9223372036854775807&product_data[name]=a", "unit_amount", "parameter_invalid_integer"},
		{"POST", "/v1/prices", "currency=usd&unit_amount=1&product_data[name]=a&recurring[interval]=month&recurring[interval_count]=0", "recurring[interval_count]", "parameter_invalid_integer"},
		{"POST", "/v1/prices", "currency=usd&unit_amount=1&product_data[name]=a&recurring[interval]=month&recurring[usage_type]=metered", "recurring[usage_type]", ""},
		{"POST", "/v1/subscriptions", "customer=" + customer, "items", "parameter_missing"},
		{"POST", "/v1/subscriptions", subscribe + "&items[0][quantity]=", "items[0][quantity]", "parameter_invalid_empty"},
		{"POST", "/v1/subscriptions", subscribe + "&items[0][quantity]=1.5", "items[0][quantity]", "parameter_invalid_integer"},
		{"POST", "/v1/subscriptions", subscribe + "&items[x][price]=a", "items", ""},
		{"POST", "/v1/subscriptions", subscribe + "&items[1][price]=price_none", "items[1][price]", "resource_missing"},
		{"POST", "/v1/subscriptions", subscribe + "&trial_end=1", "trial_end", ""},
		{"POST", "/v1/subscriptions", subscribe + "&trial_end=99999999999999", "trial_end", ""},
		{"POST", "/v1/subscriptions", subscribe + "&trial_period_days=9999", "trial_period_days", "parameter_invalid_integer"},
		{"POST", "/v1/subscriptions", subscribe + "&off_session=maybe", "off_session", ""},
		{"POST", "/v1/subscriptions", subscribe + "&billing_mode[type]=flexible", "billing_mode", "parameter_unknown"},
		{"POST", "/v1/subscriptions", subscribe + "&trial_settings[end_behavior][missing_payment_method]=pause", "trial_settings", "parameter_unknown"},
		{"POST", "/v1/subscriptions", subscribe + "&collection_method=send_invoice", "collection_method", "parameter_unknown"},
		{"GET", "/v1/customers", "limit=0", "limit", "parameter_invalid_integer"},
		{"GET", "/v1/customers", "created[gt][0]=1", "created[gt]", ""},
		{"GET", "/v1/customers", "created[gt]=soon", "created[gt]", "parameter_invalid_integer"},
		{"GET", "/v1/customers", "starting_after=a&ending_before=b", "ending_before", ""},
		{"GET", "/v1/customers", "starting_after=cus_none", "starting_after", "resource_missing"},
		{"GET", "/v1/invoices", "expand[]=data.customer.a.b.c.d", "expand", ""},
		{"POST", "/v1/webhook_endpoints", "url=https://a.example&enabled_events[0][a]=b", "enabled_events[0]", ""},
		{"POST", "/v1/webhook_endpoints", "url=https://a.example&enabled_events[]=customer.*", "enabled_events[0]", ""},
		{"POST", "/v1/webhook_endpoints", "url=ftp://a.example&enabled_events[]=*", "url", "url_invalid"},
		{"POST", "/v1/webhook_endpoints", "url=https://a.example&enabled_events[]=*&api_version=2025-09-30.clover", "api_version", ""},
	} {
		t.Run(test.path+"?"+test.form[:min(len(test.form), 60)], func(t *testing.T) {
			t.Parallel()
			got := w.call(t, 400, test.method, test.path, test.form)
			if got.text("error.param") != test.param || got.text("error.code") != test.code || got.text("error.type") != "invalid_request_error" || got.text("error.message") == "" {
				t.Errorf("the refusal is %s", got.raw)
			}
		})
	}
}

func TestRefusedExpansionChangesNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t, stripesim.Config{})
	w.call(t, 400, http.MethodPost, "/v1/customers", "name=Ada&expand[]=nothing")
	if got := w.get(t, "/v1/customers").rows(); len(got) != 0 {
		t.Errorf("there is %v", got)
	}
}

func TestMetadataIsMerged(t *testing.T) {
	t.Parallel()
	w := newWorld(t, stripesim.Config{})
	path := "/v1/customers/" + w.post(t, "/v1/customers", "metadata[a]=1&metadata[0]=2&metadata[b]="+strings.Repeat("é", 500)).text("id")
	expect(t, w.get(t, path), map[string]any{"metadata.a": "1", "metadata.0": "2"})
	expect(t, w.post(t, path, "metadata[a]=&metadata[c]=3"), map[string]any{"metadata.a": nil, "metadata.0": "2", "metadata.c": "3"})
	expect(t, w.post(t, path, "metadata="), map[string]any{"metadata.0": nil, "metadata.c": nil})
}

func TestExpansion(t *testing.T) {
	t.Parallel()
	w := newWorld(t, stripesim.Config{})
	customer := w.customer(t, "pm_card_visa")
	s := w.subscribe(t, customer, "")
	got := w.get(t, "/v1/subscriptions?expand[0]=data.customer&expand[]=data.latest_invoice.customer")
	expect(t, got, map[string]any{"data.0.latest_invoice.customer.id": customer, "data.0.customer.email": "ada@example.com", "data.0.id": s.text("id")})
	invoice := w.get(t, "/v1/invoices/"+s.text("latest_invoice.id"))
	for _, hidden := range []string{"payments", "confirmation_secret"} {
		if _, there := invoice[hidden]; there {
			t.Errorf("%s is not hidden", hidden)
		}
	}
	expect(t, w.get(t, "/v1/invoices/"+invoice.text("id")+"?expand[]=confirmation_secret&expand[]=payments"),
		map[string]any{"confirmation_secret": nil, "payments.data.0.status": "paid"})
}

func TestPages(t *testing.T) {
	t.Parallel()
	w := newWorld(t, stripesim.Config{})
	var ids []string
	for range 5 {
		ids = append(ids, w.post(t, "/v1/customers", "").text("id"))
	}
	for _, test := range []struct {
		query string
		want  []string
		more  bool
	}{
		{"limit=2", []string{ids[4], ids[3]}, true},
		{"limit=2&starting_after=" + ids[3], []string{ids[2], ids[1]}, true},
		{"limit=2&starting_after=" + ids[1], []string{ids[0]}, false},
		{"limit=2&ending_before=" + ids[0], []string{ids[2], ids[1]}, true},
		{"limit=2&ending_before=" + ids[2], []string{ids[4], ids[3]}, false},
		{"created[gt]=99999999999", nil, false},
	} {
		got := w.get(t, "/v1/customers?"+test.query)
		var have []string
		for _, row := range got.rows() {
			have = append(have, row.text("id"))
		}
		if strings.Join(have, " ") != strings.Join(test.want, " ") || got["has_more"] != test.more {
			t.Errorf("%s gives %v and more %v, want %v", test.query, have, got["has_more"], test.want)
		}
	}
}

func TestWhoMayCall(t *testing.T) {
	t.Parallel()
	w := newWorld(t, stripesim.Config{})
	for authorization, want := range map[string]int{
		"": 401, "Bearer sk_live_a": 401, "Bearer sk_test_a": 200, "Bearer rk_test_a": 200, "Basic c2tfdGVzdF9hOg==": 200, "Basic c2tfbGl2ZV9hOg==": 401,
	} {
		w.call(t, want, http.MethodGet, "/v1/customers", "", "Authorization", authorization)
	}
	w.call(t, 404, http.MethodGet, "/v1/unicorns", "")
	got := w.call(t, 404, http.MethodGet, "/v1/customers/cus_none", "")
	expect(t, got.object, map[string]any{"error.code": "resource_missing", "error.param": "id"})
	w.call(t, 413, http.MethodPost, "/v1/customers", "name="+strings.Repeat("x", 1<<20))
	w.call(t, 400, http.MethodPost, "/v1/customers", "{}", "Content-Type", "application/json")
}

// FuzzForm sends any form to calls of every sort. The simulator may refuse it,
// but always with an answer.
func FuzzForm(f *testing.F) {
	for _, seed := range []string{
		"a[007]=1&a[+1]=2", "items[][price]=a&items[][price]=b", "created[gt][]=1", "metadata[a]=1&metadata[a][b]=2", "enabled_events[0][a]=b&url=http://a",
		"currency=usd&unit_amount=9223372036854775807&product_data[name]=a&recurring[interval]=month&recurring[interval_count]=-1",
		"amount=500&currency=usd&confirm=true&payment_method=pm_card_visa", "customer[]=a&items[0]=b", "expand[]=data&expand[]=.&limit=3", "%", "[]=1", "a[", "a=%ff",
	} {
		f.Add(seed)
	}
	paths := []string{"/v1/customers", "/v1/prices", "/v1/subscriptions", "/v1/payment_intents", "/v1/payment_methods", "/v1/webhook_endpoints", "/v1/refunds", "/v1/events", "/v1/invoices", "/v1/invoice_payments"}
	f.Fuzz(func(t *testing.T, form string) {
		sim, err := stripesim.New(stripesim.Config{})
		if err != nil {
			t.Fatal(err)
		}
		defer func() {
			if err := sim.Close(t.Context()); err != nil {
				t.Error(err)
			}
		}()
		for _, path := range paths {
			for _, method := range []string{http.MethodPost, http.MethodGet} {
				request := httptest.NewRequest(method, path, strings.NewReader(form))
				if method == http.MethodGet {
					request.URL.RawQuery = form
				}
				request.Header.Set("Authorization", "Bearer "+secretKey)
				recorder := httptest.NewRecorder()
				sim.ServeHTTP(recorder, request)
				if recorder.Code >= 500 || recorder.Body.Len() == 0 {
					t.Errorf("%s %s %q was answered %d %s", method, path, form, recorder.Code, recorder.Body)
				}
			}
		}
	})
}
