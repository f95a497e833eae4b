package stripesim

import (
	"fmt"
	"strings"
)

// symbols are the signs that Stripe writes before an amount.
var symbols = map[string]string{"usd": "$", "eur": "€", "gbp": "£", "jpy": "¥", "inr": "₹", "krw": "₩"}

// decimals of a currency's amounts, where they are not two.
var decimals = map[string]int{
	"bif": 0, "clp": 0, "djf": 0, "gnf": 0, "jpy": 0, "kmf": 0, "krw": 0, "mga": 0, "pyg": 0, "rwf": 0, "vnd": 0,
	"vuv": 0, "xaf": 0, "xof": 0, "xpf": 0, "bhd": 3, "jod": 3, "kwd": 3, "omr": 3, "tnd": 3,
}

// formatAmount writes an amount in a currency's smallest unit for people.
func formatAmount(amount int64, currency string) string {
	sign, known := symbols[currency]
	if !known {
		sign = strings.ToUpper(currency) + " "
	}
	places, other := decimals[currency]
	if !other {
		places = 2
	}
	if places == 0 {
		return fmt.Sprintf("%s%d", sign, amount)
	}
	unit := int64(100)
	if places == 3 {
		unit = 1000
	}
	return fmt.Sprintf("%s%d.%0*d", sign, amount/unit, places, amount%unit)
}

// every is how often a price is due, for people.
func every(price object) string {
	recurring := price.object("recurring")
	if count := recurring.integer("interval_count"); count > 1 {
		return fmt.Sprintf("every %d %ss", count, recurring.text("interval"))
	}
	return recurring.text("interval")
}
