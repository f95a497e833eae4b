package stripesim_test

import (
	"fmt"
	"slices"
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

// discountCase is a random bill: what its lines cost, and the coupons of each of
// them and of all.
type discountCase struct {
	currency string
	step     int64 // what amounts that can be charged are multiples of
	units    []int64
	counts   []int
	coupons  []string
	ofLine   [][]string
	ofAll    []string
}

func drawDiscounts(r *rapid.T, prefix string) (c discountCase) {
	c.currency = rapid.SampledFrom([]string{"usd", "jpy", "kwd", "isk"}).Draw(r, "currency")
	c.step = map[string]int64{"usd": 1, "jpy": 1, "kwd": 10, "isk": 100}[c.currency]
	var ids []string
	for i := range rapid.IntRange(1, 4).Draw(r, "coupons") {
		ids = append(ids, fmt.Sprint(prefix, "-", i))
		off := fmt.Sprintf("percent_off=%d.%02d", rapid.IntRange(1, 99).Draw(r, "percent"), rapid.IntRange(0, 99).Draw(r, "hundredths"))
		if rapid.Bool().Draw(r, "an amount") {
			off = fmt.Sprintf("amount_off=%d&currency=%s", rapid.IntRange(1, 99999).Draw(r, "amount"), c.currency)
		}
		c.coupons = append(c.coupons, "id="+ids[i]+"&"+off+"&duration="+rapid.SampledFrom([]string{"once", "forever"}).Draw(r, "duration"))
	}
	some := func(what string) (chosen []string) {
		for _, id := range ids {
			if rapid.Bool().Draw(r, what) {
				chosen = append(chosen, id)
			}
		}
		return chosen
	}
	for range rapid.IntRange(1, 4).Draw(r, "items") {
		c.units = append(c.units, rapid.Int64Range(0, 5000).Draw(r, "price")*c.step)
		c.counts = append(c.counts, rapid.IntRange(0, 9).Draw(r, "quantity"))
		c.ofLine = append(c.ofLine, some("of the line"))
	}
	c.ofAll = some("of all")
	return c
}

// discountsOf are the parameters of some coupons.
func discountsOf(at string, coupons []string) (body string) {
	for i, id := range coupons {
		name := "discounts"
		if at != "" {
			name = at + "[discounts]"
		}
		body += fmt.Sprintf("&%s[%d][coupon]=%s", name, i, id)
	}
	return body
}

// billings are the ways in which an invoice with discounts comes to be.
var billings = map[string]func(w *world, c discountCase, customer string) object{
	"a subscription": func(w *world, c discountCase, customer string) object {
		body := "customer=" + customer + "&payment_behavior=default_incomplete&expand[]=latest_invoice" + w.discountedItems(c, "items") + discountsOf("", c.ofAll)
		return w.post("/v1/subscriptions", body).at("latest_invoice").(map[string]any)
	},
	"a schedule": func(w *world, c discountCase, customer string) object {
		body := "customer=" + customer + "&start_date=now&expand[]=subscription.latest_invoice" + w.discountedItems(c, "phases[0][items]") + discountsOf("phases[0]", c.ofAll)
		return w.post("/v1/subscription_schedules", body).at("subscription.latest_invoice").(map[string]any)
	},
	"a preview": func(w *world, c discountCase, customer string) object {
		body := "customer=" + customer + w.discountedItems(c, "subscription_details[items]") + discountsOf("", c.ofAll)
		return w.post("/v1/invoices/create_preview", body).object
	},
	"by hand": func(w *world, c discountCase, customer string) object {
		for i, unit := range c.units {
			w.post("/v1/invoiceitems", fmt.Sprintf("customer=%s&currency=%s&unit_amount_decimal=%d&quantity=%d", customer, c.currency, unit, c.counts[i])+discountsOf("", c.ofLine[i]))
		}
		return w.post("/v1/invoices", "pending_invoice_items_behavior=include&customer="+customer+"&currency="+c.currency+discountsOf("", c.ofAll)).object
	},
}

// discountedItems are the parameters of items that recur.
func (w *world) discountedItems(c discountCase, name string) (body string) {
	for i, unit := range c.units {
		price := w.post("/v1/prices", fmt.Sprintf("currency=%s&unit_amount=%d&product_data[name]=Tea&recurring[interval]=week", c.currency, unit)).text("id")
		at := fmt.Sprintf("%s[%d]", name, i)
		body += fmt.Sprintf("&%s[price]=%s&%s[quantity]=%d", at, price, at, c.counts[i]) + discountsOf(at, c.ofLine[i])
	}
	return body
}

// TestDiscountLaws checks over random coupons, currencies and items that an
// invoice is its lines less their discounts, that it is never less than nothing,
// and that it can be paid.
func TestDiscountLaws(t *testing.T) {
	t.Parallel()
	for name, bill := range billings {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, stripesim.Config{})
			count := 0
			rapid.Check(t, func(r *rapid.T) {
				count++
				c := drawDiscounts(r, fmt.Sprint("c", count))
				for _, coupon := range c.coupons {
					w.post("/v1/coupons", coupon)
				}
				invoice := bill(w, c, w.newCustomer(""))
				checkInvoice(r, invoice)
				if invoice.number("total")%c.step != 0 {
					r.Fatalf("%d %s cannot be paid", invoice.number("total"), c.currency)
				}
			})
		})
	}
}

// checkInvoice holds the laws of one invoice.
func checkInvoice(t *rapid.T, invoice object) {
	byDiscount := map[string]int64{}
	var gross, off, ofLines int64
	for _, line := range object(invoice.at("lines").(map[string]any)).rows() {
		gross += line.number("amount")
		var ofLine int64
		for _, one := range list(line, "discount_amounts") {
			byDiscount[one.text("discount")] += one.number("amount")
			ofLine += one.number("amount")
			if own, _ := line["discounts"].([]any); slices.Contains(own, any(one.text("discount"))) {
				ofLines += one.number("amount")
			}
		}
		if ofLine < 0 || ofLine > line.number("amount") {
			t.Fatalf("%d is taken off a line of %d", ofLine, line.number("amount"))
		}
		off += ofLine
	}
	if invoice.number("subtotal") != gross-ofLines || invoice.number("total") != gross-off || invoice.number("total") < 0 {
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
