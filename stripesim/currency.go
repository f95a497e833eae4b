package stripesim

import (
	"fmt"
	"math/big"
	"strings"
)

// maxAmount is the largest amount in most currencies: eight digits.
const maxAmount = 99999999

// minimums are the least amounts that may be charged, in the smallest unit.
var minimums = map[string]int64{
	"usd": 50, "aed": 200, "aud": 50, "bgn": 100, "brl": 50, "cad": 50, "chf": 50, "czk": 1500, "dkk": 250, "eur": 50, "gbp": 30,
	"hkd": 400, "huf": 17500, "inr": 50, "jpy": 50, "mxn": 1000, "myr": 200, "nok": 300, "nzd": 50, "pln": 200, "ron": 200, "sek": 300,
	"sgd": 50, "thb": 1000,
}

// exponents are how many decimals a currency has, where it is not two.
var exponents = map[string]int{
	"bif": 0, "clp": 0, "djf": 0, "gnf": 0, "jpy": 0, "kmf": 0, "krw": 0, "mga": 0, "pyg": 0, "rwf": 0, "vnd": 0, "vuv": 0, "xaf": 0,
	"xof": 0, "xpf": 0, "bhd": 3, "jod": 3, "kwd": 3, "omr": 3, "tnd": 3,
}

// otherCurrencies are those with two decimals and no minimum known here.
const otherCurrencies = " afn all amd ang aoa ars awg azn bam bbd bdt bmd bnd bob bsd bwp byn bzd cdf cny cop crc cve dop dzd egp etb fjd " +
	"fkp gel gip gmd gtq gyd hnl htg idr ils isk jmd kes kgs khr kyd kzt lak lbp lkr lrd lsl mad mdl mkd mmk mnt mop mur mvr mwk mzn " +
	"nad ngn nio npr pab pen pgk php pkr qar rsd rub sar sbd scr shp sle sos srd std szl tjs top try ttd twd tzs uah ugx uyu uzs wst xcd yer zar zmw "

// readCurrency checks a currency and writes it in lower case.
func readCurrency(given string) (string, *apiError) {
	code := strings.ToLower(given)
	_, hasMinimum := minimums[code]
	_, hasExponent := exponents[code]
	if !hasMinimum && !hasExponent && (len(code) != 3 || !strings.Contains(otherCurrencies, " "+code+" ")) {
		return "", invalid("currency", "", "Invalid currency: "+code+". See https://stripe.com/docs/currencies for a list of supported currencies.")
	}
	return code, nil
}

// checkAmount refuses what is too little or too much to be charged.
func checkAmount(amount int64, currency string) *apiError {
	if least := minimums[currency]; amount < least {
		return invalid("amount", "amount_too_small", "Amount must be at least "+formatAmount(least, currency))
	}
	if amount > maxAmount {
		return invalid("amount", "amount_too_large", "Amount must be no more than "+formatAmount(maxAmount, currency))
	}
	if step := stepOf(currency); amount%step != 0 {
		return invalid("amount", "", fmt.Sprintf("Amounts in %s must be a multiple of %d.", currency, step))
	}
	return nil
}

// stepOf is what amounts of a currency have to be multiples of to be charged:
// the last digit of three decimals is 0, and so are both decimals of currencies
// that have none outside of the API.
func stepOf(currency string) int64 {
	switch {
	case exponents[currency] == 3:
		return 10
	case currency == "isk" || currency == "ugx":
		return 100
	}
	return 1
}

// roundMoney rounds an amount to what can be charged, half away from zero.
func roundMoney(amount *big.Rat, currency string) int64 {
	step := stepOf(currency)
	return roundRat(new(big.Rat).Quo(amount, big.NewRat(step, 1))) * step
}

// symbols are those that Stripe writes before an amount; other currencies are
// written by their code.
var symbols = map[string]string{"usd": "$", "eur": "€", "gbp": "£", "jpy": "¥"}

// formatAmount writes an amount for people, as in $19.99 or CHF 19.99.
func formatAmount(amount int64, currency string) string {
	decimals, special := exponents[currency]
	if !special {
		decimals = 2
	}
	sign := ""
	if amount < 0 {
		sign, amount = "-", -amount
	}
	unit := int64(1)
	for range decimals {
		unit *= 10
	}
	number := fmt.Sprint(amount / unit)
	if decimals > 0 {
		number += fmt.Sprintf(".%0*d", decimals, amount%unit)
	}
	if symbol := symbols[currency]; symbol != "" {
		return sign + symbol + number
	}
	return sign + strings.ToUpper(currency) + " " + number
}
