package stripesim_test

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/numerai-app/payments/stripesim"
)

const (
	seats     = "currency=usd&product_data[name]=Seats&recurring[interval]=week"
	tiers     = "&billing_scheme=tiered&tiers[0][up_to]=5&tiers[0][unit_amount]=1000&tiers[1][up_to]=10&tiers[1][unit_amount]=800&tiers[1][flat_amount]=150&tiers[2][up_to]=inf&tiers[2][unit_amount_decimal]=500.5"
	graduated = seats + tiers + "&tiers_mode=graduated"
	volume    = seats + tiers + "&tiers_mode=volume"
)

func TestTieredPrices(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, price string
		quantity    int
		lines       []int64
		quantities  []int64
	}{
		{"graduated, the first tier", graduated, 5, []int64{5000}, []int64{5}},
		{"graduated, a flat fee", graduated, 6, []int64{5000, 800, 150}, []int64{5, 1, 0}},
		{"graduated, all tiers", graduated, 13, []int64{5000, 4000, 150, 1502}, []int64{5, 5, 0, 3}},
		{"graduated, nothing", graduated, 0, []int64{0}, []int64{0}},
		{"volume, the first tier", volume, 5, []int64{5000}, []int64{5}},
		{"volume, the second", volume, 6, []int64{4800, 150}, []int64{6, 0}},
		{"volume, the last", volume, 11, []int64{5506}, []int64{11}},
		{"dozens, rounded up", seats + "&unit_amount=100&transform_quantity[divide_by]=12&transform_quantity[round]=up", 13, []int64{200}, []int64{13}},
		{"dozens, rounded down", seats + "&unit_amount=100&transform_quantity[divide_by]=12&transform_quantity[round]=down", 13, []int64{100}, []int64{13}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, stripesim.Config{})
			w.price = w.post("/v1/prices", test.price).text("id")
			s := w.subscribe(w.newCustomer("pm_card_visa"), fmt.Sprint("&items[0][quantity]=", test.quantity))
			var lines, quantities []int64
			for _, line := range object(s.at("latest_invoice.lines").(map[string]any)).rows() {
				lines, quantities = append(lines, line.number("amount")), append(quantities, line.number("quantity"))
			}
			if diff := cmp.Diff([][]int64{test.lines, test.quantities}, [][]int64{lines, quantities}); diff != "" {
				t.Errorf("lines and quantities (-want +got):\n%s", diff)
			}
			var total int64
			for _, amount := range test.lines {
				total += amount
			}
			wantAll(t, "the invoice", s.object, map[string]any{"latest_invoice.total": int(total), "latest_invoice.status": "paid", "items.data.0.price.tiers": nil})
		})
	}
}

func TestTiersShown(t *testing.T) {
	t.Parallel()
	w := newWorld(t, stripesim.Config{})
	made := w.post("/v1/prices", graduated+"&expand[]=tiers")
	wantAll(t, "expanded", made.object, map[string]any{
		"billing_scheme": "tiered", "tiers_mode": "graduated", "unit_amount": nil, "unit_amount_decimal": nil, "tiers.0.up_to": 5,
		"tiers.0.unit_amount": 1000, "tiers.0.flat_amount": nil, "tiers.1.flat_amount_decimal": "150", "tiers.2.up_to": nil,
		"tiers.2.unit_amount": nil, "tiers.2.unit_amount_decimal": "500.5",
	})
	if _, there := w.get("/v1/prices/" + made.text("id")).object["tiers"]; there {
		t.Error("tiers are shown without being asked for")
	}
	if _, there := w.get("/v1/prices/" + w.price + "?expand[]=tiers").object["tiers"]; there {
		t.Error("a price without tiers shows them")
	}
	item := "&items[0][quantity]=13&expand[]=items.data.price.tiers"
	s := w.post("/v1/subscriptions", "customer="+w.newCustomer("pm_card_visa")+"&items[0][price]="+made.text("id")+item)
	wantAll(t, "within a subscription", s.object, map[string]any{"items.data.0.price.tiers.1.unit_amount": 800})
}

// TestTieredProration checks that what is credited is what the tiers cost.
func TestTieredProration(t *testing.T) {
	t.Parallel()
	w := newWorld(t, stripesim.Config{})
	w.price = w.post("/v1/prices", graduated).text("id")
	s := w.subscribe(w.newCustomer("pm_card_visa"), "&items[0][quantity]=6")
	w.advance(week / 2)
	changed := w.post("/v1/subscriptions/"+s.text("id"), fmt.Sprint("items[0][id]=", s.text("items.data.0.id"), "&items[0][quantity]=13&proration_behavior=always_invoice&proration_date=",
		s.number("items.data.0.current_period_start")+int64(week/2/time.Second), "&expand[]=latest_invoice"))
	wantAll(t, "the change", changed.object, map[string]any{"latest_invoice.total": -2500 - 400 - 75 + 5326, "latest_invoice.status": "paid"})
}

func TestTierRefusals(t *testing.T) {
	t.Parallel()
	w := newWorld(t, stripesim.Config{})
	tiered := "&billing_scheme=tiered"
	for _, test := range []struct{ body, code, param string }{
		{tiered, "parameter_missing", "tiers"},
		{tiered + "&tiers[0][up_to]=inf&tiers[0][unit_amount]=1", "parameter_missing", "tiers_mode"},
		{tiered + "&tiers_mode=volume&tiers[0][up_to]=5&tiers[0][unit_amount]=1", "", "tiers[0][up_to]"},
		{tiered + "&tiers_mode=volume&tiers[0][up_to]=0&tiers[0][unit_amount]=1", "parameter_invalid_integer", "tiers[0][up_to]"},
		{tiered + "&tiers_mode=volume&tiers[0][up_to]=inf", "parameter_missing", "tiers[0][unit_amount]"},
		{tiered + "&tiers_mode=volume&tiers[0][unit_amount]=1", "parameter_missing", "tiers[0][up_to]"},
		{tiered + "&tiers_mode=volume&tiers[0][up_to]=5&tiers[0][unit_amount]=1&tiers[1][up_to]=5&tiers[1][unit_amount]=1&tiers[2][up_to]=inf&tiers[2][unit_amount]=1", "", "tiers[1][up_to]"},
		{tiered + "&tiers_mode=volume&tiers[0][up_to]=inf&tiers[0][unit_amount]=1&unit_amount=5", "", "unit_amount"},
		{tiered + "&tiers_mode=volume&tiers[0][up_to]=inf&tiers[0][unit_amount]=1&tiers[0][unit_amount_decimal]=5", "parameters_exclusive", "tiers[0][unit_amount_decimal]"},
		{"&unit_amount=5&tiers_mode=volume", "", "tiers_mode"},
		{"&unit_amount=5&transform_quantity[divide_by]=0&transform_quantity[round]=up", "parameter_invalid_integer", "transform_quantity[divide_by]"},
	} {
		got := w.call(http.MethodPost, "/v1/prices", seats+test.body)
		if got.status != http.StatusBadRequest || got.text("error.code") != test.code || got.text("error.param") != test.param {
			t.Errorf("%s: %d %v", test.body, got.status, got.object)
		}
	}
}
