package stripesim_test

import (
	"cmp"
	"fmt"
	"math/big"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/numerai-app/payments/stripesim"
)

// june begins a month of 30 days.
var june = time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)

// change is an update of a subscription on a day of June, counted from 0. In
// its text {item} is the id of the first item, {P} the id of a price of P a
// month, {P year} of one of P a year.
type change struct {
	day  int
	text string
}

// change makes a change when its day has come.
func (w *world) change(s answer, c change) answer {
	w.t.Helper()
	w.advance(june.AddDate(0, 0, c.day).Sub(w.sim.Now()))
	return w.post("/v1/subscriptions/"+s.text("id"), w.fill(s, c.text))
}

var placeholder = regexp.MustCompile(`{[^}]*}`)

func (w *world) fill(s answer, text string) string {
	w.t.Helper()
	return placeholder.ReplaceAllStringFunc(text, func(found string) string {
		amount, interval, _ := strings.Cut(strings.Trim(found, "{}"), " ")
		if amount == "item" {
			return s.text("items.data.0.id")
		}
		number, err := strconv.ParseInt(amount, 10, 64)
		if err != nil {
			w.t.Fatal(err)
		}
		return w.newPrice(number, cmp.Or(interval, "month"))
	})
}

func TestProrations(t *testing.T) {
	t.Parallel()
	const now, later, never = "&proration_behavior=always_invoice", "&proration_behavior=create_prorations", "&proration_behavior=none"
	for _, test := range []struct {
		name     string
		create   string // items, where {1000} is the price at first
		changes  []change
		flexible []int64 // what is due on each invoice until the renewal on 1 July
		classic  []int64 // the same in classic billing mode; nil: no other
		balance  int     // of the customer in the end
	}{
		{"dearer, with the next invoice", "{1000}", []change{{15, "items[0][id]={item}&items[0][price]={2000}" + later}}, []int64{1000, 2500}, nil, 0},
		{"dearer, now", "{1000}", []change{{15, "items[0][id]={item}&items[0][price]={2000}" + now}}, []int64{1000, 500, 2000}, nil, 0},
		{"dearer, for nothing", "{1000}", []change{{15, "items[0][id]={item}&items[0][price]={2000}" + never}}, []int64{1000, 2000}, nil, 0},
		{"cheaper, now", "{2000}", []change{{15, "items[0][id]={item}&items[0][price]={1000}" + now}}, []int64{2000, 0, 500}, nil, 0},
		{"cheaper than the credit", "{9000}", []change{{10, "items[0][id]={item}&items[0][price]={1000}" + now}}, []int64{9000, 0, 0}, nil, -4333},
		{"more of it", "{1000}", []change{{10, "items[0][id]={item}&items[0][quantity]=3"}}, []int64{1000, 4333}, nil, 0},
		{"less of it", "{1000}&items[0][quantity]=3", []change{{20, "items[0][id]={item}&items[0][quantity]=1"}}, []int64{3000, 333}, nil, 0},
		{"none of it", "{1000}&items[0][quantity]=3", []change{{20, "items[0][id]={item}&items[0][quantity]=0" + now}}, []int64{3000, 0, 0}, nil, -1000},
		{"a new price resets the quantity", "{1000}&items[0][quantity]=3", []change{{15, "items[0][id]={item}&items[0][price]={1200}"}}, []int64{3000, 300}, nil, 0},
		{"the same again", "{1000}", []change{{15, "items[0][id]={item}&items[0][quantity]=1" + now}}, []int64{1000, 1000}, nil, 0},
		{
			"twice in a period", "{1000}",
			[]change{{10, "items[0][id]={item}&items[0][price]={2000}"}, {20, "items[0][id]={item}&items[0][price]={4000}"}},
			[]int64{1000, 5332},
			nil, 0, // -667 +1333, -667 +1333
		},
		{
			"dearer for nothing, then cheaper", "{1000}",
			[]change{{10, "items[0][id]={item}&items[0][price]={2000}" + never}, {20, "items[0][id]={item}&items[0][price]={1000}"}},
			[]int64{1000, 1000},
			[]int64{1000, 666},
			0, // classic gives back what was never billed
		},
		{"a second item", "{1000}", []change{{15, "items[0][price]={600}" + now}}, []int64{1000, 300, 1600}, nil, 0},
		{"a second item that leaves", "{1000}&items[1][price]={600}", []change{{15, "items[0][id]={item}&items[0][deleted]=true"}}, []int64{1600, 100}, nil, 0},
		{"the time that counts", "{1000}", []change{{20, "items[0][id]={item}&items[0][price]={2000}&proration_date=" + fmt.Sprint(june.AddDate(0, 0, 15).Unix()) + now}}, []int64{1000, 500, 2000}, nil, 0},
		{"a year from now on", "{1000}", []change{{15, "items[0][id]={item}&items[0][price]={12000 year}"}}, []int64{1000, 11500}, nil, 0},
		{"a year from now on, for nothing", "{1000}", []change{{15, "items[0][id]={item}&items[0][price]={12000 year}" + never}}, []int64{1000, 12000}, nil, 0},
		{"a year from the anchor on", "{1000}", []change{{16, "items[0][id]={item}&items[0][price]={36500 year}&billing_cycle_anchor=unchanged" + now}}, []int64{1000, 34433}, nil, 0}, // 349 days less 467
		{"from free to paid", "{0}", []change{{15, "items[0][id]={item}&items[0][price]={1000}"}}, []int64{0, 1000}, nil, 0},
		{"from paid to free", "{1000}", []change{{15, "items[0][id]={item}&items[0][price]={0}" + now}}, []int64{1000, 0, 0}, nil, -500},
		{"a new anchor", "{1000}", []change{{15, "billing_cycle_anchor=now"}}, []int64{1000, 500}, nil, 0},
		{"a new anchor, for nothing", "{1000}", []change{{15, "billing_cycle_anchor=now" + never}}, []int64{1000, 1000}, nil, 0},
		{"an end in this period, given back", "{1000}", []change{{10, fmt.Sprintf("cancel_at=%d", june.AddDate(0, 0, 20).Unix()) + now}}, []int64{1000, 0}, nil, -333},
		{"an end in this period, not given back", "{1000}", []change{{10, fmt.Sprintf("cancel_at=%d", june.AddDate(0, 0, 20).Unix()) + never}}, []int64{1000}, nil, 0},
		{"an end taken back", "{1000}", []change{{10, fmt.Sprintf("cancel_at=%d", june.AddDate(0, 0, 20).Unix())}, {15, "cancel_at="}}, []int64{1000, 1000}, nil, 0},
		{"an end in the next period", "{3100}", []change{{10, fmt.Sprintf("cancel_at=%d", june.AddDate(0, 0, 40).Unix())}}, []int64{3100, 1000}, nil, 0},
	} {
		for mode, want := range map[string][]int64{"flexible": test.flexible, "classic": test.classic} {
			if want == nil {
				want = test.flexible
			}
			t.Run(test.name+", "+mode, func(t *testing.T) {
				t.Parallel()
				w := newWorld(t, stripesim.Config{Now: func() time.Time { return june }})
				customer := w.newCustomer("pm_card_visa")
				s := w.post("/v1/subscriptions", w.fill(answer{}, "customer="+customer+"&billing_mode[type]="+mode+"&items[0][price]="+test.create))
				for _, c := range test.changes {
					w.change(s, c)
				}
				w.advance(june.AddDate(0, 0, 30).Add(2 * time.Hour).Sub(w.sim.Now()))
				if diff := gocmp.Diff(want, w.bills(s.text("id"))); diff != "" {
					t.Errorf("bills (-want +got):\n%s", diff)
				}
				wantAll(t, "customer", w.get("/v1/customers/"+customer).object, map[string]any{"balance": test.balance})
			})
		}
	}
}

// TestCreditsNameTheirDebit checks that a credit says which line it gives back.
func TestCreditsNameTheirDebit(t *testing.T) {
	t.Parallel()
	w := newWorld(t, stripesim.Config{Now: func() time.Time { return june }})
	s := w.post("/v1/subscriptions", w.fill(answer{}, "customer="+w.newCustomer("pm_card_visa")+"&items[0][price]={1000}&expand[]=latest_invoice"))
	changed := w.change(s, change{15, "items[0][id]={item}&items[0][price]={2000}&proration_behavior=always_invoice&expand[]=latest_invoice"})
	const details = "parent.subscription_item_details."
	line := object(changed.at("latest_invoice.lines.data.0").(map[string]any))
	wantAll(t, "credit", line, map[string]any{
		"amount": -500, "discountable": false, details + "proration": true, details + "proration_details.credited_items.invoice": s.text("latest_invoice.id"),
		details + "proration_details.credited_items.invoice_line_items.0": s.text("latest_invoice.lines.data.0.id"),
	})
	item := w.get("/v1/invoiceitems/" + line.text(details+"invoice_item"))
	wantAll(t, "item", item.object, map[string]any{"proration": true, "proration_details.credited_items.type": "invoice_line_items", "period.start": int(june.AddDate(0, 0, 15).Unix())})
}

func TestMigration(t *testing.T) {
	t.Parallel()
	w := newWorld(t, stripesim.Config{Now: func() time.Time { return june }})
	s := w.post("/v1/subscriptions", w.fill(answer{}, "customer="+w.newCustomer("pm_card_visa")+"&billing_mode[type]=classic&items[0][price]={1000}"))
	w.change(s, change{10, "items[0][id]={item}&items[0][price]={2000}&proration_behavior=none"})
	start := w.newest()
	path := "/v1/subscriptions/" + s.text("id") + "/migrate"
	migrated := w.post(path, "billing_mode[type]=flexible")
	wantAll(t, "migrated", migrated.object, map[string]any{
		"billing_mode.type": "flexible", "billing_mode.flexible.proration_discounts": "included", "billing_mode.updated_at": int(w.sim.Now().Unix()),
	})
	w.wantEvents(start, []string{"customer.subscription.updated"})
	w.change(s, change{20, "items[0][id]={item}&items[0][price]={1000}"})
	w.advance(june.AddDate(0, 0, 30).Add(2 * time.Hour).Sub(w.sim.Now()))
	if diff := gocmp.Diff([]int64{1000, 1000}, w.bills(s.text("id"))); diff != "" {
		t.Errorf("bills (-want +got):\n%s", diff)
	}
	for _, body := range []string{"billing_mode[type]=flexible", "billing_mode[type]=classic", ""} {
		wantAll(t, body, w.call(http.MethodPost, path, body).object, map[string]any{"error.type": "invalid_request_error"})
	}
}

// TestProrationsAddUp checks over random changes that what is billed for a
// period is what was used of it, second by second, but for the rounding of each
// line.
func TestProrationsAddUp(t *testing.T) {
	t.Parallel()
	w := newWorld(t, stripesim.Config{Now: func() time.Time { return june }})
	prices := map[string]int64{}
	var ids []string
	for _, amount := range []int64{0, 1, 99, 700, 1999, 100001} {
		ids = append(ids, w.newPrice(amount, "month"))
		prices[ids[len(ids)-1]] = amount
	}
	rapid.Check(t, func(t *rapid.T) {
		mode := rapid.SampledFrom([]string{"flexible", "classic"}).Draw(t, "mode")
		customer, price, quantity := w.newCustomer("pm_card_visa"), rapid.SampledFrom(ids[1:]).Draw(t, "price"), int64(1)
		s := w.post("/v1/subscriptions", "customer="+customer+"&items[0][price]="+price+"&billing_mode[type]="+mode)
		start, end := s.number("items.data.0.current_period_start"), s.number("items.data.0.current_period_end")
		billed, used, at, lines := prices[price], new(big.Rat), start, int64(1)
		use := func(until int64) {
			used.Add(used, big.NewRat(prices[price]*quantity*(until-at), end-start))
			at = until
		}
		for range rapid.IntRange(1, 6).Draw(t, "changes") {
			when := rapid.Int64Range(at, end-1).Draw(t, "when")
			use(when)
			price, quantity = rapid.SampledFrom(ids[1:]).Draw(t, "price"), rapid.Int64Range(1, 50).Draw(t, "quantity")
			w.post("/v1/subscriptions/"+s.text("id"), query(
				"items[0][id]", s.text("items.data.0.id"), "items[0][price]", price, "items[0][quantity]", strconv.FormatInt(quantity, 10),
				"proration_date", strconv.FormatInt(when, 10),
			))
		}
		use(end)
		for _, item := range w.get("/v1/invoiceitems?limit=100&customer=" + customer).rows() {
			billed += item.number("amount")
			lines++
		}
		difference := new(big.Rat).Sub(used, new(big.Rat).SetInt64(billed))
		if difference.Abs(difference).Cmp(big.NewRat(lines, 2)) > 0 {
			t.Fatalf("used for %s, billed %d in %d lines", used.FloatString(2), billed, lines)
		}
	})
}
