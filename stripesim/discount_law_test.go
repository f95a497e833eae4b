package stripesim_test

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"github.com/numerai-app/payments/stripesim"
)

// TestSplitLaws checks that the parts of an amount add up to it, and that none
// is negative or more than its weight, and that steps are kept.
func TestSplitLaws(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		step := rapid.SampledFrom([]int64{1, 10, 100}).Draw(t, "step")
		weights := rapid.SliceOfN(rapid.Int64Range(0, 1e12), 1, 20).Draw(t, "weights")
		for i := range weights {
			weights[i] *= step
		}
		total := sumOf(weights)
		amount := rapid.Int64Range(0, total/step).Draw(t, "steps") * step
		parts := stripesim.Split(amount, weights, step)
		if sumOf(parts) != amount {
			t.Fatalf("the parts are %v", parts)
		}
		for i, part := range parts {
			if part < 0 || part > weights[i] || part%step != 0 {
				t.Fatalf("the parts are %v", parts)
			}
		}
	})
}

func sumOf(amounts []int64) (sum int64) {
	for _, amount := range amounts {
		sum += amount
	}
	return sum
}

// TestDiscountLaws checks over random coupons, currencies and items that an
// invoice is its lines less their discounts, and never less than nothing.
func TestDiscountLaws(t *testing.T) {
	t.Parallel()
	w := newWorld(t, stripesim.Config{})
	count := 0
	rapid.Check(t, func(r *rapid.T) {
		count++
		currency := rapid.SampledFrom([]string{"usd", "jpy", "kwd"}).Draw(r, "currency")
		body := "customer=" + w.newCustomer("") + "&payment_behavior=default_incomplete&expand[]=latest_invoice"
		for i := range rapid.IntRange(1, 4).Draw(r, "items") {
			price := w.post("/v1/prices", fmt.Sprintf("currency=%s&unit_amount=%d&product_data[name]=Tea&recurring[interval]=week", currency, rapid.IntRange(0, 5000).Draw(r, "price")*10)).text("id")
			body += fmt.Sprintf("&items[%d][price]=%s&items[%d][quantity]=%d", i, price, i, rapid.IntRange(0, 9).Draw(r, "quantity"))
		}
		for i := range rapid.IntRange(1, 3).Draw(r, "coupons") {
			off := fmt.Sprintf("percent_off=%d.%02d", rapid.IntRange(1, 99).Draw(r, "percent"), rapid.IntRange(0, 99).Draw(r, "hundredths"))
			if rapid.Bool().Draw(r, "an amount") {
				off = fmt.Sprintf("amount_off=%d&currency=%s", rapid.IntRange(1, 99999).Draw(r, "amount"), currency)
			}
			id := fmt.Sprintf("c%d-%d", count, i)
			w.post("/v1/coupons", "id="+id+"&"+off)
			body += fmt.Sprintf("&discounts[%d][coupon]=%s", i, id)
		}
		checkInvoice(r, object(w.post("/v1/subscriptions", body).at("latest_invoice").(map[string]any)))
	})
}

// checkInvoice holds the laws of one invoice.
func checkInvoice(t *rapid.T, invoice object) {
	byDiscount := map[string]int64{}
	var gross, off int64
	for _, line := range object(invoice.at("lines").(map[string]any)).rows() {
		gross += line.number("amount")
		var ofLine int64
		for _, one := range list(line, "discount_amounts") {
			byDiscount[one.text("discount")] += one.number("amount")
			ofLine += one.number("amount")
		}
		if ofLine < 0 || ofLine > line.number("amount") {
			t.Fatalf("%d is taken off a line of %d", ofLine, line.number("amount"))
		}
		off += ofLine
	}
	if invoice.number("subtotal") != gross || invoice.number("total") != gross-off || invoice.number("total") < 0 {
		t.Fatalf("lines of %d less %d are %d, then %d", gross, off, invoice.number("subtotal"), invoice.number("total"))
	}
	for _, one := range list(invoice, "total_discount_amounts") {
		if one.number("amount") != byDiscount[one.text("discount")] {
			t.Fatalf("a discount takes %d off, of lines %d", one.number("amount"), byDiscount[one.text("discount")])
		}
	}
}

// list is a list of hashes within an object.
func list(o object, name string) []object { return object{"data": o[name]}.rows() }
