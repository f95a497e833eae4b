package stripesim_test

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/numerai-app/payments/stripesim"
)

func TestCoupons(t *testing.T) {
	t.Parallel()
	w := newWorld(t, stripesim.Config{})
	product := w.post("/v1/products", "name=Tea").text("id")
	start := w.newest()
	made := w.post("/v1/coupons", "id=HALF&percent_off=50.00&duration=repeating&duration_in_months=3&max_redemptions=2&metadata[a]=1&applies_to[products][]="+
		product+"&expand[]=applies_to")
	wantAll(t, "made", made.object, map[string]any{
		"id": "HALF", "percent_off": 50, "amount_off": nil, "currency": nil, "duration": "repeating", "duration_in_months": 3, "valid": true,
		"times_redeemed": 0, "applies_to.products.0": product, "metadata.a": "1",
	})
	wantAll(t, "for all products", w.post("/v1/coupons", "amount_off=500&currency=USD&expand[]=applies_to").object, map[string]any{
		"amount_off": 500, "currency": "usd", "duration": "once", "applies_to": nil,
	})
	wantAll(t, "changed", w.post("/v1/coupons/HALF", "name=Half").object, map[string]any{"name": "Half"})
	if rows := w.get("/v1/coupons").rows(); len(rows) != 2 || rows[1].text("id") != "HALF" {
		t.Errorf("the list is %v", rows)
	}
	wantAll(t, "deleted", w.succeed(http.MethodDelete, "/v1/coupons/HALF", "").object, map[string]any{"deleted": true, "id": "HALF"})
	if got := w.call(http.MethodGet, "/v1/coupons/HALF", ""); got.status != http.StatusNotFound {
		t.Errorf("a deleted coupon is found: %d", got.status)
	}
	wantAll(t, "made again", w.post("/v1/coupons", "id=HALF&percent_off=12.5").object, map[string]any{"duration": "once", "name": nil})
	want := []string{"coupon.created", "coupon.created", "coupon.updated", "coupon.deleted", "coupon.created"}
	if diff := cmp.Diff(want, types(w.eventsSince(start))); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
	soon := w.sim.Now().Add(time.Hour).Unix()
	brief := w.post("/v1/coupons", fmt.Sprint("percent_off=10&redeem_by=", soon)).text("id")
	w.advance(2 * time.Hour)
	wantAll(t, "too late", w.get("/v1/coupons/"+brief).object, map[string]any{"valid": false})
}

func TestCouponRefusals(t *testing.T) {
	t.Parallel()
	w := newWorld(t, stripesim.Config{})
	w.post("/v1/coupons", "id=taken&percent_off=10")
	for _, test := range []struct{ body, code, param string }{
		{"", "parameter_missing", "percent_off"},
		{"percent_off=10&amount_off=5&currency=usd", "parameters_exclusive", "amount_off"},
		{"percent_off=0", "", "percent_off"},
		{"percent_off=100.5", "", "percent_off"},
		{"percent_off=ten", "parameter_invalid_decimal", "percent_off"},
		{"percent_off=10&currency=usd", "", "currency"},
		{"amount_off=5", "parameter_missing", "currency"},
		{"amount_off=0&currency=usd", "parameter_invalid_integer", "amount_off"},
		{"percent_off=10&duration=repeating", "parameter_missing", "duration_in_months"},
		{"percent_off=10&duration_in_months=2", "", "duration_in_months"},
		{"percent_off=10&redeem_by=1", "", "redeem_by"},
		{"percent_off=10&applies_to[products][]=none", "resource_missing", "applies_to[products][0]"},
		{"percent_off=10&id=taken", "resource_already_exists", "id"},
		{"percent_off=10&currency_options[eur][amount_off]=3", "", "currency_options"},
	} {
		got := w.call(http.MethodPost, "/v1/coupons", test.body)
		if got.status != http.StatusBadRequest || got.text("error.code") != test.code || got.text("error.param") != test.param {
			t.Errorf("%s: %d %v", test.body, got.status, got.object)
		}
	}
}

func TestPromotionCodes(t *testing.T) {
	t.Parallel()
	w := newWorld(t, stripesim.Config{})
	customer := w.newCustomer("")
	w.post("/v1/coupons", "id=ten&percent_off=10&max_redemptions=5")
	start := w.newest()
	source := "promotion[type]=coupon&promotion[coupon]=ten"
	made := w.post("/v1/promotion_codes", source+"&code=Spring-26&restrictions[minimum_amount]=500&restrictions[minimum_amount_currency]=usd&expand[]=promotion.coupon")
	wantAll(t, "made", made.object, map[string]any{
		"active": true, "code": "Spring-26", "promotion.coupon.percent_off": 10, "restrictions.minimum_amount": 500,
		"restrictions.minimum_amount_currency": "usd", "restrictions.first_time_transaction": false, "times_redeemed": 0,
	})
	if code := w.post("/v1/promotion_codes", source+"&customer="+customer).text("code"); len(code) != 8 {
		t.Errorf("the code made is %q", code)
	}
	found := w.get("/v1/promotion_codes?code=SPRING-26&active=true").rows()
	if len(found) != 1 || found[0].text("id") != made.text("id") {
		t.Errorf("by code: %v", found)
	}
	path := "/v1/promotion_codes/" + made.text("id")
	wantAll(t, "off", w.post(path, "active=false&metadata[a]=1").object, map[string]any{"active": false, "metadata.a": "1"})
	second := w.post("/v1/promotion_codes", source+"&code=spring-26")
	for _, test := range []struct{ path, body, code, param string }{
		{"/v1/promotion_codes", source + "&code=SPRING-26", "", "code"},
		{path, "active=true", "", "code"},
		{"/v1/promotion_codes", source + "&code=not+this", "", "code"},
		{"/v1/promotion_codes", source + "&max_redemptions=6", "", "max_redemptions"},
		{"/v1/promotion_codes", source + "&expires_at=1", "", "expires_at"},
		{"/v1/promotion_codes", source + "&restrictions[minimum_amount]=5", "parameter_missing", "restrictions[minimum_amount_currency]"},
		{"/v1/promotion_codes", source + "&customer=cus_none", "resource_missing", "customer"},
		{"/v1/promotion_codes", "promotion[type]=coupon&promotion[coupon]=none", "resource_missing", "promotion[coupon]"},
		{"/v1/promotion_codes", "promotion[type]=coupon", "parameter_missing", "promotion[coupon]"},
	} {
		got := w.call(http.MethodPost, test.path, test.body)
		if got.status != http.StatusBadRequest || got.text("error.code") != test.code || got.text("error.param") != test.param {
			t.Errorf("%s: %d %v", test.body, got.status, got.object)
		}
	}
	// A code ends with its coupon.
	w.succeed(http.MethodDelete, "/v1/coupons/ten", "")
	wantAll(t, "without its coupon", w.get("/v1/promotion_codes/"+second.text("id")).object, map[string]any{"active": false})
	want := []string{"promotion_code.created", "promotion_code.created", "promotion_code.updated", "promotion_code.created", "coupon.deleted"}
	if diff := cmp.Diff(want, types(w.eventsSince(start))); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
}
