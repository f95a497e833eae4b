package payments

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Money is an amount in the currency's smallest unit (cents for usd, whole yen
// for jpy) beside its lower-case ISO 4217 code, as Stripe speaks it. The zero
// value is nothing in no currency, and adds to any other.
type Money struct {
	Amount   int64
	Currency string
}

// Add returns m + n. It refuses two currencies, and a sum that an int64 cannot hold.
func (m Money) Add(n Money) (Money, error) {
	switch {
	case m == Money{}:
		return n, nil
	case n == Money{}:
		return m, nil
	case m.Currency != n.Currency:
		return Money{}, fmt.Errorf("add %s to %s: two currencies", n.Currency, m.Currency)
	case n.Amount > 0 && m.Amount > math.MaxInt64-n.Amount,
		n.Amount < 0 && m.Amount < math.MinInt64-n.Amount:
		return Money{}, fmt.Errorf("add %d to %d %s: too large", n.Amount, m.Amount, m.Currency)
	}
	return Money{Amount: m.Amount + n.Amount, Currency: m.Currency}, nil
}

// String is the amount for people: "19.99 USD", "500 JPY", "-0.05 EUR".
func (m Money) String() string {
	if m.Currency == "" {
		return strconv.FormatInt(m.Amount, 10)
	}
	digits := currencyExponent(m.Currency)
	text := strconv.FormatInt(m.Amount, 10)
	sign := ""
	if m.Amount < 0 {
		sign, text = "-", text[1:]
	}
	if digits > 0 {
		for len(text) <= digits {
			text = "0" + text
		}
		text = text[:len(text)-digits] + "." + text[len(text)-digits:]
	}
	return sign + text + " " + strings.ToUpper(m.Currency)
}

// currencyExponent is the number of decimals of a currency as Stripe counts
// them (https://docs.stripe.com/currencies): isk and ugx have two there.
func currencyExponent(currency string) int {
	switch currency {
	case "bif", "clp", "djf", "gnf", "jpy", "kmf", "krw", "mga", "pyg", "rwf", "vnd", "vuv", "xaf", "xof", "xpf":
		return 0
	case "bhd", "jod", "kwd", "omr", "tnd":
		return 3
	}
	return 2
}
