package stripesim_test

import (
	"bytes"
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/numerai-app/payments/stripesim"
)

// hostileWorld is a simulator with some of everything, as a snapshot, and an id
// for each part of a path that one may follow.
func hostileWorld(f *testing.F, sim *stripesim.Simulator) ([]byte, map[string]string) {
	f.Helper()
	ids := map[string]string{"coupons": "tea", "products": "tea"}
	post := func(path, body string) {
		recorded := httptest.NewRecorder()
		request := httptest.NewRequestWithContext(f.Context(), http.MethodPost, path, strings.NewReader(strings.NewReplacer(
			"CUS", ids["customers"], "PRICE", ids["prices"], "SUB", ids["subscriptions"], "CH", ids["charges"],
		).Replace(body)))
		request.Header.Set("Authorization", "Bearer "+secretKey)
		sim.ServeHTTP(recorded, request)
		if recorded.Code != http.StatusOK {
			f.Fatalf("%s %s: %d %s", path, body, recorded.Code, recorded.Body)
		}
		parts := strings.Split(path, "/")
		made := object{}
		if err := json.Unmarshal(recorded.Body.Bytes(), &made); err != nil {
			f.Fatal(err)
		}
		ids[parts[len(parts)-1]] = made.text("id")
		if invoice := made.text("latest_invoice"); invoice != "" {
			ids["invoices"], ids["subscription_items"] = invoice, made.text("items.data.0.id")
		}
		if charge := made.text("latest_charge"); charge != "" {
			ids["charges"] = charge
		}
	}
	post("/v1/products", "name=Tea&id=tea")
	post("/v1/prices", "currency=usd&unit_amount=2000&recurring[interval]=week&product=tea")
	post("/v1/coupons", "percent_off=10&duration=once&id=tea")
	post("/v1/promotion_codes", "promotion[type]=coupon&promotion[coupon]=tea")
	post("/v1/test_helpers/test_clocks", "frozen_time=1700000000")
	post("/v1/webhook_endpoints", "url=http://127.0.0.1:1/&enabled_events[]=invoice.void")
	post("/v1/customers", "email=ada@example.com&balance=-500&payment_method=pm_card_visa")
	post("/v1/payment_methods", "type=card&card[token]=tok_visa")
	post("/v1/setup_intents", "customer=CUS")
	post("/v1/subscriptions", "customer=CUS&items[0][price]=PRICE&payment_behavior=default_incomplete&discounts[0][coupon]=tea")
	post("/v1/invoiceitems", "customer=CUS&amount=300&currency=usd")
	post("/v1/payment_intents", "amount=900&currency=usd&confirm=true&payment_method=pm_card_createDispute&return_url=https://shop.example")
	post("/v1/payment_intents", "amount=900&currency=usd&confirm=true&payment_method=pm_card_visa&return_url=https://shop.example")
	post("/v1/refunds", "charge=CH&amount=100")
	post("/v1/billing_portal/sessions", "customer=CUS")
	post("/v1/checkout/sessions", "mode=subscription&customer=CUS&line_items[0][price]=PRICE&line_items[0][quantity]=1&success_url=https://shop.example")
	post("/v1/subscription_schedules", "customer=CUS&start_date=now&phases[0][items][0][price]=PRICE")
	var whole bytes.Buffer
	if err := sim.Snapshot(&whole); err != nil {
		f.Fatal(err)
	}
	return whole.Bytes(), ids
}

// FuzzCalls sends anything to every operation and to every control call, with
// the ids of what is there: nothing panics, and nothing is answered 5xx.
func FuzzCalls(f *testing.F) {
	sim, err := stripesim.New(stripesim.Config{})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() {
		if err := sim.Close(context.WithoutCancel(f.Context())); err != nil {
			f.Error(err)
		}
	})
	whole, ids := hostileWorld(f, sim)
	operations := stripesim.Operations()
	calls := slices.Concat(slices.Sorted(maps.Keys(operations)), stripesim.Controls())
	for i, name := range calls {
		f.Add(uint16(i), "")
		f.Add(uint16(i), `{"seconds":86400,"action":"cancel","kind":"delay"}`)
		body := url.Values{}
		sample(body, "", operations[name], ids)
		f.Add(uint16(i), body.Encode())
	}
	f.Fuzz(func(t *testing.T, number uint16, said string) {
		if err := sim.Load(bytes.NewReader(whole)); err != nil {
			t.Fatal(err)
		}
		method, path, _ := strings.Cut(calls[int(number)%len(calls)], " ")
		target := &url.URL{Path: hostilePath(path, ids)}
		body := said
		if method != http.MethodPost {
			target.RawQuery, body = said, ""
		}
		request := httptest.NewRequestWithContext(t.Context(), method, "/", strings.NewReader(body))
		request.URL = target
		request.Header.Set("Authorization", "Bearer "+secretKey)
		answer := recorder{header: http.Header{}}
		sim.ServeHTTP(&answer, request)
		if answer.status >= http.StatusInternalServerError {
			t.Errorf("%s %s %q is answered %d", method, target.Path, said, answer.status)
		}
	})
}

// hostilePath puts the ids that are there into a path.
func hostilePath(path string, ids map[string]string) string {
	parts := strings.Split(path, "/")
	for i, part := range parts {
		if strings.HasPrefix(part, "{") {
			parts[i] = ids[parts[i-1]]
		}
	}
	return strings.Join(parts, "/")
}

// sample fills in every parameter with something that it may be.
func sample(values url.Values, name string, p stripesim.Parameter, ids map[string]string) {
	switch p.Kind {
	case "hash":
		for _, inner := range slices.Sorted(maps.Keys(p.Fields)) {
			full := inner
			if name != "" {
				full = name + "[" + inner + "]"
			}
			sample(values, full, p.Fields[inner], ids)
		}
	case "list":
		sample(values, name+"[0]", *p.Element, ids)
	case "metadata":
		values.Set(name+"[k]", "v")
	case "word":
		values.Set(name, p.Words[0])
	case "boolean":
		values.Set(name, "true")
	case "integer":
		values.Set(name, "1")
	case "time", "range":
		values.Set(name, "1900000000")
	case "text":
		last := name[strings.LastIndex(name, "[")+1:]
		values.Set(name, ids[strings.TrimSuffix(last, "]")+"s"])
	}
}
