package stripesim_test

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/numerai-app/payments/stripesim"
)

// TestCurrencyOptions bills a price in the currency that is asked for.
func TestCurrencyOptions(t *testing.T) {
	t.Parallel()
	w := newWorld(t, stripesim.Config{})
	const options = "&currency_options[eur][unit_amount]=1800&currency_options[jpy][unit_amount_decimal]=2100.5&currency_options[eur][tax_behavior]=inclusive"
	made := w.post("/v1/prices", "currency=usd&unit_amount=2000&product_data[name]=Tea&recurring[interval]=week"+options)
	id := made.text("id")
	if made.at("currency_options") != nil {
		t.Error("the currencies are shown without being asked for")
	}
	wantAll(t, "expanded", w.get("/v1/prices/"+id+"?expand[]=currency_options").object, map[string]any{
		"currency": "usd", "currency_options.usd.unit_amount": 2000, "currency_options.eur.unit_amount": 1800, "currency_options.eur.tax_behavior": "inclusive",
		"currency_options.jpy.unit_amount": nil, "currency_options.jpy.unit_amount_decimal": "2100.5", "unit_amount": 2000,
	})
	w.post("/v1/prices/"+id, "currency_options[GBP][unit_amount]=1500")
	wantAll(t, "one more", w.post("/v1/prices/"+id, "expand[]=currency_options").object, map[string]any{
		"currency_options.gbp.unit_amount": 1500, "currency_options.eur.unit_amount": 1800,
	})

	other := w.post("/v1/prices", "currency=usd&unit_amount=4000&product_data[name]=Tea&recurring[interval]=week&currency_options[eur][unit_amount]=3600").text("id")
	single := w.post("/v1/prices", "currency=usd&unit_amount=1000&product_data[name]=Tea&currency_options[eur][unit_amount]=900").text("id")
	customer := w.newCustomer("pm_card_visa")
	s := w.post("/v1/subscriptions", "customer="+customer+"&currency=EUR&items[0][price]="+id+"&items[0][quantity]=2&add_invoice_items[0][price]="+single+
		"&expand[]=latest_invoice")
	wantAll(t, "in euros", s.object, map[string]any{
		"currency": "eur", "items.data.0.price.currency": "usd", "items.data.0.price.unit_amount": 2000, "latest_invoice.currency": "eur",
		"latest_invoice.lines.data.0.amount": 900, "latest_invoice.lines.data.1.amount": 3600, "latest_invoice.lines.data.1.pricing.unit_amount_decimal": "1800",
		"latest_invoice.lines.data.1.currency": "eur", "latest_invoice.amount_paid": 4500,
	})
	changed := w.post("/v1/subscriptions/"+s.text("id"), "items[0][id]="+s.text("items.data.0.id")+"&items[0][price]="+other+"&proration_behavior=always_invoice&expand[]=latest_invoice"+
		fmt.Sprint("&proration_date=", s.number("items.data.0.current_period_start")))
	wantAll(t, "changed", changed.object, map[string]any{"latest_invoice.total": 0, "latest_invoice.lines.data.1.amount": 3600})
	w.advance(week)
	wantAll(t, "renewed", w.subscription(s.text("id")).object, map[string]any{"latest_invoice.total": 3600, "latest_invoice.currency": "eur"})
	wantAll(t, "an item of that currency", w.post("/v1/invoiceitems", "customer="+customer+"&pricing[price]="+single+"&quantity=2").object, map[string]any{
		"currency": "eur", "amount": 1800, "pricing.unit_amount_decimal": "900",
	})
	wantAll(t, "the customer's next", w.subscribeTo(customer, id), map[string]any{"currency": "eur", "latest_invoice.total": 1800 + 1800})

	yen := w.post("/v1/subscription_schedules", "customer="+w.newCustomer("pm_card_visa")+"&start_date=now&phases[0][currency]=jpy&phases[0][items][0][price]="+id+
		"&phases[0][items][0][quantity]=2&expand[]=subscription.latest_invoice")
	wantAll(t, "a schedule in yen", yen.object, map[string]any{"phases.0.currency": "jpy", "subscription.latest_invoice.total": 4201})
	wantAll(t, "a preview in pounds", w.post("/v1/invoices/create_preview", "customer="+w.newCustomer("")+"&currency=gbp&subscription_details[items][0][price]="+id).object, map[string]any{
		"currency": "gbp", "total": 1500,
	})
	for _, refusal := range []struct{ path, body, param string }{
		{"/v1/subscriptions", "customer=" + w.newCustomer("") + "&currency=chf&items[0][price]=" + id, "items[0][price]"},
		{"/v1/subscriptions", "customer=" + w.newCustomer("") + "&currency=nonsense&items[0][price]=" + id, "currency"},
		{"/v1/subscriptions", "customer=" + customer + "&currency=usd&items[0][price]=" + id, "currency"},
		{"/v1/invoiceitems", "customer=" + customer + "&pricing[price]=" + single + "&currency=gbp", "currency"},
		{"/v1/prices", "currency=usd&unit_amount=1&product_data[name]=Tea&currency_options[usd][unit_amount]=1", "currency_options[usd]"},
		{"/v1/prices", "currency=usd&unit_amount=1&product_data[name]=Tea&currency_options[xxx][unit_amount]=1", "currency_options[xxx]"},
		{"/v1/prices", "currency=usd&unit_amount=1&product_data[name]=Tea&currency_options[eur][tax_behavior]=inclusive", "currency_options[eur][unit_amount]"},
		{"/v1/prices", "currency=usd&unit_amount=1&product_data[name]=Tea&currency_options[eur][tiers][0][up_to]=inf", "currency_options[eur][tiers]"},
		{"/v1/prices", "currency=usd&unit_amount=1&product_data[name]=Tea&currency_options[eur][custom_unit_amount][enabled]=true", "currency_options[eur][custom_unit_amount]"},
		{"/v1/prices", "currency=usd&unit_amount=1&product_data[name]=Tea&currency_options=eur", "currency_options"},
	} {
		if got := w.call(http.MethodPost, refusal.path, refusal.body); got.status != http.StatusBadRequest || got.text("error.param") != refusal.param {
			t.Errorf("%s %s: %d %v", refusal.path, refusal.body, got.status, got.object)
		}
	}
}

// subscribeTo makes a subscription to a price, with its invoice expanded.
func (w *world) subscribeTo(customer, price string) object {
	w.t.Helper()
	return w.post("/v1/subscriptions", "customer="+customer+"&items[0][price]="+price+"&expand[]=latest_invoice").object
}

func TestTieredCurrencyOptions(t *testing.T) {
	t.Parallel()
	w := newWorld(t, stripesim.Config{})
	tiers := func(name string, first, rest int) string {
		return fmt.Sprintf("&%[1]s[0][up_to]=5&%[1]s[0][unit_amount]=%[2]d&%[1]s[1][up_to]=inf&%[1]s[1][unit_amount]=%[3]d", name, first, rest)
	}
	body := "currency=usd&product_data[name]=Tea&recurring[interval]=month&billing_scheme=tiered&tiers_mode=graduated" + tiers("tiers", 100, 50)
	id := w.post("/v1/prices", body+tiers("currency_options[eur][tiers]", 90, 40)).text("id")
	s := w.post("/v1/subscriptions", "currency=eur&customer="+w.newCustomer("pm_card_visa")+"&items[0][price]="+id+"&items[0][quantity]=7&expand[]=latest_invoice")
	wantAll(t, "by tiers", s.object, map[string]any{"latest_invoice.lines.data.0.amount": 450, "latest_invoice.lines.data.1.amount": 80, "latest_invoice.total": 530})
	for _, wrong := range []string{
		"&currency_options[eur][unit_amount]=1", "&currency_options[eur][tax_behavior]=inclusive",
		"&currency_options[eur][tiers][0][up_to]=inf&currency_options[eur][tiers][0][unit_amount]=1",
	} {
		if got := w.call(http.MethodPost, "/v1/prices", body+wrong); got.status != http.StatusBadRequest {
			t.Errorf("%s: %d %v", wrong, got.status, got.object)
		}
	}
}

// TestCheckoutInAnotherCurrency sells prices in a currency that the session asks
// for.
func TestCheckoutInAnotherCurrency(t *testing.T) {
	t.Parallel()
	w := newWorld(t, stripesim.Config{})
	weekly := w.post("/v1/prices", "currency=usd&unit_amount=2000&product_data[name]=Tea&recurring[interval]=week&currency_options[eur][unit_amount]=1800").text("id")
	single := w.post("/v1/prices", "currency=usd&unit_amount=1000&product_data[name]=Tea&currency_options[eur][unit_amount]=900").text("id")
	for _, test := range []struct {
		mode, items string
		total       int
	}{
		{"subscription", "&line_items[0][price]=" + weekly + "&line_items[0][quantity]=1&line_items[1][price]=" + single + "&line_items[1][quantity]=2", 3600},
		{"payment", "&line_items[0][price]=" + single + "&line_items[0][quantity]=3", 2700},
	} {
		s := w.post("/v1/checkout/sessions", "currency=eur&mode="+test.mode+"&success_url=https://example.com&expand[]=line_items"+test.items)
		wantAll(t, test.mode, s.object, map[string]any{"currency": "eur", "amount_total": test.total, "line_items.data.0.currency": "eur"})
		w.complete(s.text("id"), "pm_card_visa")
		done := w.get("/v1/checkout/sessions/" + s.text("id"))
		if diff := cmp.Diff("paid", done.text("payment_status")); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.mode, diff)
		}
		if id := done.text("subscription"); id != "" {
			wantAll(t, "its invoice", w.subscription(id).object, map[string]any{"currency": "eur", "latest_invoice.amount_paid": test.total})
		}
	}
	if got := w.call(http.MethodPost, "/v1/checkout/sessions", "currency=gbp&mode=payment&success_url=https://example.com&line_items[0][quantity]=1&line_items[0][price]="+single); got.text("error.param") != "line_items" {
		t.Errorf("a currency without an amount: %d %v", got.status, got.object)
	}
}
