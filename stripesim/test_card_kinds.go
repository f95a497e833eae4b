package stripesim

import "strings"

// brandCards are those that differ in brand and funding.
var brandCards = []testCard{
	{token: "pm_card_visa", number: "4242424242424242", brand: "visa"},
	{token: "pm_card_visa_debit", number: "4000056655665556", brand: "visa", funding: "debit"},
	{token: "pm_card_mastercard", number: "5555555555554444", brand: "mastercard"},
	{name: "mastercard, second series", number: "2223003122003222", brand: "mastercard"},
	{token: "pm_card_mastercard_debit", number: "5200828282828210", brand: "mastercard", funding: "debit"},
	{token: "pm_card_mastercard_prepaid", number: "5105105105105100", brand: "mastercard", funding: "prepaid"},
	{token: "pm_card_amex", number: "378282246310005", brand: "amex"},
	{name: "amex, another one", number: "371449635398431", brand: "amex"},
	{token: "pm_card_amex_threeDSecureNotSupported", number: "378282246310005", brand: "amex"},
	{token: "pm_card_discover", number: "6011111111111117", brand: "discover"},
	{name: "discover, another one", number: "6011000990139424", brand: "discover"},
	{token: "pm_card_diners", number: "3056930009020004", brand: "diners"},
	{name: "diners, 14 digits", number: "36227206271667", brand: "diners"},
	{token: "pm_card_jcb", number: "3566002020360505", brand: "jcb", country: "JP"},
	{token: "pm_card_unionpay", number: "6200000000000005", brand: "unionpay", country: "CN"},
}

// countryCards are those that differ in country alone: the end of the token,
// and the number of a card whose brand its first digit tells.
const countryCards = `
us 4242424242424242  ar 4000000320000021  br 4000000760000002  ca 4000001240000000  cl 4000001520000001  co 4000001700000003
cr 4000001880000005  ec 4000002180000000  mx 4000004840008001  pa 4000005910000000  py 4000006000000066  pe 4000006040000068
uy 4000008580000003  ae 4000007840000001  at 4000000400000008  be 4000000560000004  bg 4000001000000000  by 4000001120000005
hr 4000001910000009  cy 4000001960000008  cz 4000002030000002  dk 4000002080000001  ee 4000002330000009  fi 4000002460000001
fr 4000002500000003  de 4000002760000016  gi 4000002920000005  gr 4000003000000030  hu 4000003480000005  ie 4000003720000005
it 4000003800000008  lv 4000004280000005  li 4000004380000004  lt 4000004400000000  lu 4000004420000006  mt 4000004700000007
nl 4000005280000002  no 4000005780000007  pl 4000006160000005  pt 4000006200000007  ro 4000006420000001  sa 4000006820000007
si 4000007050000006  sk 4000007030000001  es 4000007240000007  se 4000007520000008  ch 4000007560000009  gb 4000008260000000
au 4000000360000006  cn 4000001560000002  hk 4000003440000004  in 4000003560000008  jp 4000003920000003  my 4000004580000002
nz 4000005540000008  sg 4000007020000003  tw 4000001580000008  th_credit 4000007640000003  th_debit 4000057640000008
gb_debit 4000058260000005  gb_mastercard 5555558265554449  ae_mastercard 5200007840000022`

// checkCards are those whose data fails a check.
var checkCards = []testCard{
	{token: "pm_card_cvcCheckFail", number: "4000000000000101", brand: "visa", checks: cardChecks{CVCCheck: "fail"}},
	{token: "pm_card_avsZipFail", number: "4000000000000036", brand: "visa", checks: cardChecks{AddressPostalCodeCheck: "fail"}},
	{token: "pm_card_avsLine1Fail", number: "4000000000000028", brand: "visa", checks: cardChecks{AddressLine1Check: "fail"}},
	{
		token: "pm_card_avsFail", number: "4000000000000010", brand: "visa",
		checks: cardChecks{AddressLine1Check: "fail", AddressPostalCodeCheck: "fail"},
	},
	{
		token: "pm_card_avsUnchecked", number: "4000000000000044", brand: "visa",
		checks: cardChecks{AddressLine1Check: "unavailable", AddressPostalCodeCheck: "unavailable"},
	},
}

func cardsOfCountries() []testCard {
	words := strings.Fields(countryCards)
	cards := make([]testCard, 0, len(words)/2)
	for i := 0; i+1 < len(words); i += 2 {
		country, kind, _ := strings.Cut(words[i], "_")
		one := testCard{token: "pm_card_" + words[i], number: words[i+1], brand: "visa", country: strings.ToUpper(country)}
		if words[i+1][0] == '5' {
			one.brand = "mastercard"
		}
		if kind == "debit" {
			one.funding = kind
		}
		cards = append(cards, one)
	}
	return cards
}
