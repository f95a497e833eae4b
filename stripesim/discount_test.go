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

const month = 31 * day

func TestDiscountedInvoices(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, coupons, discounts string
		want                     map[string]any // of the first invoice
		lines                    []int64        // what is taken off each
		second                   int            // what the next period costs
	}{
		{
			"a percentage for ever", "id=a&percent_off=25&duration=forever", "&discounts[0][coupon]=a",
			map[string]any{"subtotal": 3000, "total": 2250, "amount_paid": 2250, "total_discount_amounts.0.amount": 750},
			[]int64{250, 500},
			2250,
		},
		{
			"an amount, once, by weight", "id=a&amount_off=500&currency=usd", "&discounts[0][coupon]=a",
			map[string]any{"subtotal": 3000, "total": 2500, "total_discount_amounts.0.amount": 500},
			[]int64{166, 334},
			3000,
		},
		{
			"more than there is", "id=a&amount_off=9000&currency=usd&duration=forever", "&discounts[0][coupon]=a",
			map[string]any{"subtotal": 3000, "total": 0, "amount_due": 0, "status": "paid", "total_discount_amounts.0.amount": 3000},
			[]int64{1000, 2000},
			0,
		},
		{
			"all of it", "id=a&percent_off=100", "&discounts[0][coupon]=a",
			map[string]any{"total": 0, "amount_paid": 0, "status": "paid"},
			[]int64{1000, 2000},
			3000,
		},
		{
			"half cents away from zero", "id=a&percent_off=33.35&duration=forever", "&discounts[0][coupon]=a",
			map[string]any{"total": 3000 - 334 - 667},
			[]int64{334, 667},
			1999,
		},
		{
			"of an item", "id=a&percent_off=10&duration=forever", "&items[1][discounts][0][coupon]=a",
			map[string]any{"subtotal": 2800, "total": 2800, "total_discount_amounts.0.amount": 200},
			[]int64{0, 200},
			2800,
		},
		{
			"for one product", "id=a&percent_off=10&duration=forever&applies_to[products][0]=coffee", "&discounts[0][coupon]=a",
			map[string]any{"subtotal": 3000, "total": 2800},
			[]int64{0, 200},
			2800,
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, stripesim.Config{})
			w.post("/v1/products", "name=Coffee&id=coffee")
			w.price = w.newPrice(1000, "week")
			coffee := w.post("/v1/prices", "currency=usd&unit_amount=2000&recurring[interval]=week&product=coffee").text("id")
			w.post("/v1/coupons", test.coupons)
			s := w.subscribe(w.newCustomer("pm_card_visa"), "&items[1][price]="+coffee+test.discounts)
			first := object(s.at("latest_invoice").(map[string]any))
			wantAll(t, "the first invoice", first, test.want)
			lines := object(first.at("lines").(map[string]any)).rows()
			off := make([]int64, len(lines))
			for i, line := range lines {
				off[i] = line.number("discount_amounts.0.amount")
				if line.number("subtotal") != line.number("amount") {
					t.Errorf("a line is %v", line)
				}
			}
			if diff := cmp.Diff(test.lines, off); diff != "" {
				t.Errorf("off the lines (-want +got):\n%s", diff)
			}
			w.advance(week + 2*time.Hour)
			wantAll(t, "the second invoice", w.subscription(s.text("id")).object, map[string]any{
				"latest_invoice.total": test.second, "latest_invoice.status": "paid",
			})
		})
	}
}

// TestStackedDiscounts checks that those of items go first, and that each takes
// from what is left.
func TestStackedDiscounts(t *testing.T) {
	t.Parallel()
	w := newWorld(t, stripesim.Config{})
	for _, coupon := range []string{"id=ten&percent_off=10&duration=forever", "id=two&amount_off=200&currency=usd&duration=forever", "id=half&percent_off=50&duration=forever"} {
		w.post("/v1/coupons", coupon)
	}
	s := w.subscribe(w.newCustomer("pm_card_visa"), "&discounts[0][coupon]=two&discounts[1][coupon]=half&items[0][discounts][0][coupon]=ten&expand[]=discounts.source.coupon&expand[]=items.data.discounts")
	wantAll(t, "stacked", s.object, map[string]any{
		"latest_invoice.subtotal": 1800, "latest_invoice.total": 800, "latest_invoice.total_discount_amounts.0.amount": 200,
		"latest_invoice.total_discount_amounts.1.amount": 200, "latest_invoice.total_discount_amounts.2.amount": 800,
		"discounts.0.source.coupon.amount_off": 200, "discounts.0.source.coupon.times_redeemed": 1, "items.data.0.discounts.0.source.coupon": "ten",
		"discounts.0.subscription": s.text("id"), "discounts.0.subscription_item": nil, "items.data.0.discounts.0.subscription_item": s.text("items.data.0.id"),
	})
}

func TestDiscountsOfSubscriptions(t *testing.T) {
	t.Parallel()
	w := newWorld(t, stripesim.Config{})
	for _, coupon := range []string{"id=a&percent_off=10&duration=forever", "id=b&percent_off=20&duration=forever", "id=once&percent_off=50"} {
		w.post("/v1/coupons", coupon)
	}
	customer := w.newCustomer("pm_card_visa")
	start := w.newest()
	s := w.subscribe(customer, "&discounts[0][coupon]=once")
	wantAll(t, "once", s.object, map[string]any{"latest_invoice.total": 1000, "discounts.0": nil})
	want := slices.Insert(slices.Clone(paidAtOnce), 2, "customer.discount.created")
	want = slices.Insert(want, 7, "customer.discount.deleted")
	if diff := cmp.Diff(want, types(w.eventsSince(start))); diff != "" {
		t.Errorf("once: events (-want +got):\n%s", diff)
	}
	path := "/v1/subscriptions/" + s.text("id")
	for _, step := range []struct {
		name, method, path, body string
		discounts                int
		events                   []string
	}{
		{"given", "POST", path, "discounts[0][coupon]=a", 1, []string{"customer.discount.created", "customer.subscription.updated"}},
		{"left alone", "POST", path, "metadata[x]=1", 1, []string{"customer.subscription.updated"}},
		{"another", "POST", path, "discounts[0][coupon]=b", 1, []string{"customer.discount.updated", "customer.subscription.updated"}},
		{"cleared", "POST", path, "discounts=", 0, []string{"customer.discount.deleted", "customer.subscription.updated"}},
		{"two", "POST", path, "discounts[0][coupon]=b&discounts[1][coupon]=a", 2, []string{"customer.discount.created", "customer.discount.created", "customer.subscription.updated"}},
		{"deleted", "DELETE", path + "/discount", "", 0, []string{"customer.discount.deleted", "customer.discount.deleted", "customer.subscription.updated"}},
	} {
		start := w.newest()
		w.succeed(step.method, step.path, step.body)
		if got, _ := w.get(path).at("discounts").([]any); len(got) != step.discounts {
			t.Errorf("%s: discounts are %v", step.name, got)
		}
		if diff := cmp.Diff(step.events, types(w.eventsSince(start))); diff != "" {
			t.Errorf("%s: events (-want +got):\n%s", step.name, diff)
		}
	}
	for _, gone := range []string{path + "/discount", "/v1/customers/" + customer + "/discount"} {
		if got := w.call(http.MethodDelete, gone, ""); got.status != http.StatusNotFound || got.text("error.code") != "resource_missing" {
			t.Errorf("DELETE %s: %d %v", gone, got.status, got.object)
		}
	}
}

// TestRepeatingDiscount checks that months are counted from the start, and that
// the clock ends it.
func TestRepeatingDiscount(t *testing.T) {
	t.Parallel()
	w := newWorld(t, stripesim.Config{Now: func() time.Time { return time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC) }})
	w.price = w.newPrice(2000, "month")
	w.post("/v1/coupons", "id=start&percent_off=50&duration=repeating&duration_in_months=2")
	s := w.subscribe(w.newCustomer("pm_card_visa"), "&discounts[0][coupon]=start&expand[]=discounts")
	wantAll(t, "made", s.object, map[string]any{
		"latest_invoice.total": 1000, "discounts.0.end": int(time.Date(2026, 3, 31, 12, 0, 0, 0, time.UTC).Unix()),
	})
	w.advance(28*day + 2*time.Hour)
	wantAll(t, "the second month", w.subscription(s.text("id")).object, map[string]any{"latest_invoice.total": 1000})
	start := w.newest()
	w.advance(month)
	wantAll(t, "the third month", w.subscription(s.text("id")).object, map[string]any{"latest_invoice.total": 2000, "discounts.0": nil})
	told := types(w.eventsSince(start))
	if !slices.Contains(told, "customer.discount.deleted") {
		t.Errorf("the end is not told: %v", told)
	}
}

func TestDiscountedProrations(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, mode, discounts string
		credit, debit, total  int
		off                   int // itemized, of the debit
	}{
		{"included", "", "&discounts[0][coupon]=quarter", -750, 1500, 750, 0},
		{"classic", "&billing_mode[type]=classic", "&discounts[0][coupon]=quarter", -750, 1500, 750, 0},
		{"itemized", "&billing_mode[type]=flexible&billing_mode[flexible][proration_discounts]=itemized", "&discounts[0][coupon]=quarter", -1000, 2000, 750, 500},
		{"of an item", "", "&items[0][discounts][0][coupon]=quarter", -750, 1500, 750, 0},
		{"an amount", "", "&discounts[0][coupon]=four", -800, 1800, 1000, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, stripesim.Config{})
			w.post("/v1/coupons", "id=quarter&percent_off=25&duration=forever")
			w.post("/v1/coupons", "id=four&amount_off=400&currency=usd&duration=forever")
			s := w.subscribe(w.newCustomer("pm_card_visa"), test.mode+test.discounts)
			w.advance(week / 2)
			changed := w.post("/v1/subscriptions/"+s.text("id"), "items[0][id]="+s.text("items.data.0.id")+"&items[0][price]="+w.newPrice(4000, "week")+
				"&proration_behavior=always_invoice&proration_date="+fmt.Sprint(s.number("items.data.0.current_period_start")+int64(week/2/time.Second))+"&expand[]=latest_invoice")
			wantAll(t, "the change", changed.object, map[string]any{
				"latest_invoice.lines.data.0.amount": test.credit, "latest_invoice.lines.data.1.amount": test.debit, "latest_invoice.total": test.total,
				"latest_invoice.lines.data.1.discountable": false,
			})
			lines := object(changed.at("latest_invoice.lines").(map[string]any)).rows()
			if off := lines[1].number("discount_amounts.0.amount"); off != int64(test.off) {
				t.Errorf("%d is taken off the debit, want %d", off, test.off)
			}
		})
	}
}

func TestDiscountRefusals(t *testing.T) {
	t.Parallel()
	w := newWorld(t, stripesim.Config{})
	for _, coupon := range []string{"id=a&percent_off=10", "id=eur&amount_off=100&currency=eur", "id=gone&percent_off=10&max_redemptions=1"} {
		w.post("/v1/coupons", coupon)
	}
	customer := w.newCustomer("pm_card_visa")
	w.subscribe(customer, "&discounts[0][coupon]=gone")
	code := func(more string) string {
		return w.post("/v1/promotion_codes", "promotion[type]=coupon&promotion[coupon]=a"+more).text("id")
	}
	first, others := code("&restrictions[first_time_transaction]=true"), code("&customer="+w.newCustomer(""))
	dear := code("&restrictions[minimum_amount]=2001&restrictions[minimum_amount_currency]=usd")
	for _, test := range []struct{ body, code, param string }{
		{"discounts[0][coupon]=none", "resource_missing", "discounts[0][coupon]"},
		{"discounts[0][coupon]=gone", "coupon_expired", "discounts[0][coupon]"},
		{"discounts[0][coupon]=eur", "", "discounts[0][coupon]"},
		{"discounts[0][coupon]=a&discounts[0][promotion_code]=b", "parameters_exclusive", "discounts[0]"},
		{"discounts[0][coupon]=a&discounts[1][coupon]=a", "", "discounts"},
		{"discounts[0][discount]=di_none", "resource_missing", "discounts[0][discount]"},
		{"discounts[0][promotion_code]=" + first, "", "discounts[0][promotion_code]"},
		{"discounts[0][promotion_code]=" + others, "", "discounts[0][promotion_code]"},
		{"discounts[0][promotion_code]=" + dear, "", "discounts[0][promotion_code]"},
		{"items[0][discounts][0][coupon]=none", "resource_missing", "items[0][discounts][0][coupon]"},
	} {
		got := w.call(http.MethodPost, "/v1/subscriptions", "customer="+customer+"&items[0][price]="+w.price+"&"+test.body)
		if got.status != http.StatusBadRequest || got.text("error.code") != test.code || got.text("error.param") != test.param {
			t.Errorf("%s: %d %v", test.body, got.status, got.object)
		}
	}
	if got := w.get("/v1/coupons/a").number("times_redeemed"); got != 0 {
		t.Errorf("refused redemptions are counted: %d", got)
	}
	fresh := w.newCustomer("pm_card_visa")
	s := w.subscribe(fresh, "&discounts[0][promotion_code]="+first)
	wantAll(t, "the first time", s.object, map[string]any{"latest_invoice.total": 1800})
	wantAll(t, "counted", w.get("/v1/promotion_codes/"+first).object, map[string]any{"times_redeemed": 1})
}
