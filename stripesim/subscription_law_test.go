package stripesim_test

import (
	"fmt"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/numerai-app/payments/stripesim"
)

// life is the random life of one subscription.
type life struct {
	*world
	customer, id  string
	prices, cards []string
}

// TestSubscriptionLaws lets subscriptions live at random, and checks after each
// step what is always true.
func TestSubscriptionLaws(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		w := newWorld(t, stripesim.Config{
			Now: func() time.Time { return june }, FinalAction: rapid.SampledFrom([]string{"cancel", "unpaid", "past_due"}).Draw(r, "final"),
		})
		l := &life{world: w, customer: w.newCustomer("pm_card_visa"), prices: []string{w.price}}
		for _, p := range []string{"week", "month", "month", "year"} {
			l.prices = append(l.prices, w.newPrice(int64(700+300*len(l.prices)), p))
		}
		for _, card := range []string{"pm_card_visa", "pm_card_chargeCustomerFail"} {
			l.cards = append(l.cards, w.attach(card, l.customer))
		}
		more := rapid.SampledFrom([]string{"", "&trial_period_days=4", "&payment_behavior=default_incomplete", "&billing_mode[type]=classic"}).Draw(r, "begun")
		l.id = w.post("/v1/subscriptions", "customer="+l.customer+"&items[0][price]="+rapid.SampledFrom(l.prices).Draw(r, "price")+more).text("id")
		for range rapid.IntRange(1, 12).Draw(r, "steps") {
			l.step(r)
			l.check(r)
		}
	})
}

// step does something that may be refused.
func (l *life) step(r *rapid.T) {
	s := l.get("/v1/subscriptions/" + l.id)
	path, item := "/v1/subscriptions/"+l.id, "items[0][id]="+s.text("items.data.0.id")
	how := "&proration_behavior=" + rapid.SampledFrom([]string{"none", "create_prorations", "always_invoice"}).Draw(r, "proration") +
		"&payment_behavior=" + rapid.SampledFrom([]string{"allow_incomplete", "default_incomplete", "error_if_incomplete", "pending_if_incomplete"}).Draw(r, "payment")
	price := rapid.SampledFrom(l.prices).Draw(r, "price")
	hours := rapid.IntRange(1, 24*40).Draw(r, "hours")
	then := l.sim.Now().Add(time.Duration(hours) * time.Hour).Unix()
	steps := map[string]func() answer{
		"advance": func() answer { l.advance(time.Duration(hours) * time.Hour); return answer{} },
		"price":   func() answer { return l.call(http.MethodPost, path, item+"&items[0][price]="+price+how) },
		"quantity": func() answer {
			return l.call(http.MethodPost, path, item+fmt.Sprintf("&items[0][quantity]=%d", hours%7)+how)
		},
		"add": func() answer { return l.call(http.MethodPost, path, "items[0][price]="+price+how) },
		"remove": func() answer {
			return l.call(http.MethodPost, path, item+"&items[0][deleted]=true&proration_behavior=always_invoice")
		},
		"card":          func() answer { return l.call(http.MethodPost, path, "default_payment_method="+l.cards[hours%2]) },
		"cancel later":  func() answer { return l.call(http.MethodPost, path, fmt.Sprintf("cancel_at=%d", then)) },
		"cancel at end": func() answer { return l.call(http.MethodPost, path, "cancel_at_period_end=true") },
		"do not cancel": func() answer { return l.call(http.MethodPost, path, "cancel_at_period_end=false") },
		"trial":         func() answer { return l.call(http.MethodPost, path, fmt.Sprintf("trial_end=%d", then)+how) },
		"end of trial":  func() answer { return l.call(http.MethodPost, path, "trial_end=now"+how) },
		"anchor":        func() answer { return l.call(http.MethodPost, path, "billing_cycle_anchor=now"+how) },
		"pause": func() answer {
			return l.call(http.MethodPost, path, fmt.Sprintf("pause_collection[behavior]=void&pause_collection[resumes_at]=%d", then))
		},
		"migrate": func() answer { return l.call(http.MethodPost, path+"/migrate", "billing_mode[type]=flexible") },
		"resume":  func() answer { return l.call(http.MethodPost, path+"/resume", "billing_cycle_anchor=unchanged") },
		"pay": func() answer {
			return l.call(http.MethodPost, "/v1/invoices/"+s.text("latest_invoice")+"/pay", "payment_method="+l.cards[0])
		},
		"void": func() answer { return l.call(http.MethodPost, "/v1/invoices/"+s.text("latest_invoice")+"/void", "") },
		"write off": func() answer {
			return l.call(http.MethodPost, "/v1/invoices/"+s.text("latest_invoice")+"/mark_uncollectible", "")
		},
		"schedule":     func() answer { return l.call(http.MethodPost, "/v1/subscription_schedules", "from_subscription="+l.id) },
		"other phases": func() answer { return l.phases(s, price, hours) },
		"release": func() answer {
			return l.call(http.MethodPost, "/v1/subscription_schedules/"+s.text("schedule")+"/release", "")
		},
		"cancel":         func() answer { return l.call(http.MethodDelete, path+"?prorate=true&invoice_now=true", "") },
		"advance a lot":  func() answer { l.advance(time.Duration(hours) * 3 * time.Hour); return answer{} },
		"advance a week": func() answer { l.advance(week); return answer{} },
	}
	names := make([]string, 0, len(steps))
	for name := range steps {
		names = append(names, name)
	}
	slices.Sort(names)
	name := rapid.SampledFrom(names).Draw(r, "step")
	if got := steps[name](); got.status >= http.StatusInternalServerError {
		r.Fatalf("%s: %d %v", name, got.status, got.object)
	}
}

// phases plans another price after the present phase.
func (l *life) phases(s answer, price string, hours int) answer {
	schedule := s.text("schedule")
	if schedule == "" {
		return answer{}
	}
	return l.call(http.MethodPost, "/v1/subscription_schedules/"+schedule, fmt.Sprintf(
		"end_behavior=%s&phases[0][items][0][price]=%s&phases[0][end_date]=%d&phases[1][items][0][price]=%s&phases[1][proration_behavior]=always_invoice",
		[]string{"release", "cancel"}[hours%2], s.text("items.data.0.price.id"), l.sim.Now().Add(time.Duration(hours)*time.Hour).Unix(), price))
}

// check holds the subscription and its invoices against what is always true.
func (l *life) check(r *rapid.T) {
	s, now := l.get("/v1/subscriptions/"+l.id), l.sim.Now().Unix()
	status := s.text("status")
	for _, item := range object(s.at("items").(map[string]any)).rows() {
		if slices.Contains([]string{"canceled", "incomplete_expired", "paused"}, status) {
			break
		}
		if start, end := item.number("current_period_start"), item.number("current_period_end"); start > now || end <= now {
			r.Fatalf("%s: at %d its period is %d to %d", status, now, start, end)
		}
	}
	for _, told := range l.get("/v1/events?limit=1&type=customer.subscription.*").rows() {
		if diff := cmp.Diff(told.at("data.object"), any(map[string]any(s.object))); diff != "" {
			r.Fatalf("the last event, %s, shows another subscription (-event +now):\n%s", told.text("type"), diff)
		}
	}
	for _, i := range l.get("/v1/invoices?limit=100&subscription=" + l.id).rows() {
		var sum int64
		for _, line := range object(i.at("lines").(map[string]any)).rows() {
			sum += line.number("amount")
		}
		if i.at("lines.has_more") == false && sum != i.number("total") {
			r.Fatalf("invoice %s: its lines are %d, its total %d", i.text("id"), sum, i.number("total"))
		}
		if i.number("amount_remaining") != i.number("amount_due")-i.number("amount_paid") || i.text("status") == "paid" && i.number("amount_remaining") != 0 {
			r.Fatalf("invoice %s, %s: due %d, paid %d, remaining %d", i.text("id"), i.text("status"), i.number("amount_due"), i.number("amount_paid"), i.number("amount_remaining"))
		}
	}
}
