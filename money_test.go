package payments_test

import (
	"math"
	"testing"

	"github.com/numerai-app/payments"
)

func TestMoneyString(t *testing.T) {
	t.Parallel()
	for want, m := range map[string]payments.Money{
		"19.99 USD": {Amount: 1999, Currency: "usd"},
		"-0.05 EUR": {Amount: -5, Currency: "eur"},
		"500 JPY":   {Amount: 500, Currency: "jpy"},
		"1.230 KWD": {Amount: 1230, Currency: "kwd"},
		"5.00 ISK":  {Amount: 500, Currency: "isk"},
		"0":         {},
	} {
		if got := m.String(); got != want {
			t.Errorf("%#v is %q, want %q", m, got, want)
		}
	}
}

func TestMoneyAdd(t *testing.T) {
	t.Parallel()
	usd := func(amount int64) payments.Money { return payments.Money{Amount: amount, Currency: "usd"} }
	if sum, err := usd(1).Add(usd(2)); err != nil || sum != usd(3) {
		t.Errorf("1 + 2 = %v, %v", sum, err)
	}
	if sum, err := (payments.Money{}).Add(usd(2)); err != nil || sum != usd(2) {
		t.Errorf("nothing + 2 = %v, %v", sum, err)
	}
	for name, pair := range map[string][2]payments.Money{
		"two currencies": {usd(1), {Amount: 1, Currency: "eur"}},
		"overflow":       {usd(math.MaxInt64), usd(1)},
		"underflow":      {usd(math.MinInt64), usd(-1)},
	} {
		if sum, err := pair[0].Add(pair[1]); err == nil {
			t.Errorf("%s: %v + %v = %v", name, pair[0], pair[1], sum)
		}
	}
}
