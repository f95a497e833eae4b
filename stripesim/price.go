package stripesim

import (
	"fmt"
	"math/big"
	"slices"
	"strconv"
)

const priceKind = "price"

// price says how much a product costs, once or in each period.
type price struct {
	header
	Livemode          no                 `json:"livemode"`
	Active            bool               `json:"active"`
	BillingScheme     string             `json:"billing_scheme"`
	Created           int64              `json:"created"`
	Currency          string             `json:"currency"`
	CustomUnitAmount  null               `json:"custom_unit_amount"`
	LookupKey         text               `json:"lookup_key"`
	Metadata          metadata           `json:"metadata"`
	Nickname          text               `json:"nickname"`
	Product           string             `json:"product"`
	Recurring         *recurring         `json:"recurring"`
	TaxBehavior       string             `json:"tax_behavior"`
	Tiers             []priceTier        `json:"tiers,omitempty"` // shown only when it is asked for
	TiersMode         text               `json:"tiers_mode"`
	TransformQuantity *transformQuantity `json:"transform_quantity"`
	Type              string             `json:"type"`
	UnitAmount        *int64             `json:"unit_amount"` // null where the decimal has a fraction
	UnitAmountDecimal text               `json:"unit_amount_decimal"`

	private pricePrivate
}

type pricePrivate struct {
	// Options are what it is in other currencies; shown when they are asked for.
	Options map[string]currencyOption `json:"options,omitempty"`
}

type recurring struct {
	Interval        string `json:"interval"`
	IntervalCount   int64  `json:"interval_count"`
	Meter           null   `json:"meter"`
	TrialPeriodDays null   `json:"trial_period_days"`
	UsageType       string `json:"usage_type"`
}

// String is how often, as invoices write it: month, or every 3 months.
func (r *recurring) String() string {
	if r.IntervalCount == 1 {
		return r.Interval
	}
	return fmt.Sprintf("every %d %ss", r.IntervalCount, r.Interval)
}

func (*price) kind() string    { return priceKind }
func (p *price) clone() object { c := *p; return &c }
func (p *price) hidden() any   { return &p.private }
func (p *price) indexes() []indexed {
	return p.Metadata.indexes(indexed{"product", p.Product}, indexed{"lookup_key", string(p.LookupKey)})
}

// maxLookupKeys is how many lookup keys a list may be narrowed to.
const maxLookupKeys = 10

func priceOperations() []operation {
	changeable := shape{
		"active": aBoolean(), "currency_options": currencyOptionFields(), "lookup_key": aText().upTo(200).orEmpty(), "metadata": aMetadata(), "nickname": aText().orEmpty(),
		"tax_behavior": aWord("exclusive", "inclusive", "unspecified"), "transfer_lookup_key": aBoolean(),
	}
	fields := changeable.with(tierFields(), shape{
		"billing_scheme": aWord("per_unit", "tiered"), "currency": aText().must(), "product": aText(),
		"product_data": aHash(shape{
			"active": aBoolean(), "id": aText(), "metadata": aMetadata(), "name": aText().must(), "statement_descriptor": aText().upTo(22),
			"tax_code": aText(), "unit_label": aText(),
		}),
		"recurring": aHash(shape{
			"interval": aWord("day", "month", "week", "year").must(), "interval_count": anInteger(1, 1095), "usage_type": aWord("licensed", "metered"),
		}),
		"unit_amount": anInteger(0, maxAmount), "unit_amount_decimal": aText(),
	})
	return []operation{
		{method: "POST", path: "/v1/prices", do: createPrice, fields: fields},
		{method: "GET", path: "/v1/prices", do: listPrices, fields: pageFields(shape{
			"active": aBoolean(), "created": aRange(), "currency": aText(), "lookup_keys": aList(aText()), "product": aText(),
			"recurring": aHash(shape{"interval": aWord("day", "month", "week", "year"), "usage_type": aWord("licensed", "metered")}),
			"type":      aWord("one_time", "recurring"),
		})},
		{method: "GET", path: "/v1/prices/{}", do: retrieve[*price]},
		{method: "POST", path: "/v1/prices/{}", do: updatePrice, fields: changeable},
	}
}

func createPrice(t *transaction, c call) (any, *apiError) {
	currency, fault := readCurrency(c.text("currency"))
	if fault != nil {
		return nil, fault
	}
	made := &price{
		header: header{ID: t.newID("price_1", 23), Object: priceKind}, Active: true, BillingScheme: "per_unit", Created: t.now,
		Currency: currency, TaxBehavior: "unspecified", Type: "one_time",
	}
	if fault := made.setScheme(c); fault != nil {
		return nil, fault
	}
	if fault := made.setRecurring(c.form.form("recurring")); fault != nil {
		return nil, fault
	}
	if made.Product, fault = t.priceProduct(c); fault != nil {
		return nil, fault
	}
	t.create(made)
	if fault := made.set(t, c); fault != nil {
		return nil, fault
	}
	t.emit("price.created", made)
	return made, nil
}

// setAmount reads the amount of one unit: a whole number of the smallest unit,
// or a decimal one.
func (p *price) setAmount(c call) *apiError {
	if !c.has("unit_amount") && !c.has("unit_amount_decimal") {
		return invalid("unit_amount", "parameter_missing", "Prices require an `unit_amount` or `unit_amount_decimal` parameter to be set.")
	}
	var fault *apiError
	p.UnitAmount, p.UnitAmountDecimal, fault = readAmount(c.form, "unit_amount")
	return fault
}

// readAmount reads an amount and its decimal; none is no fault.
func readAmount(f form, name string) (*int64, text, *apiError) {
	inDecimals := name + "_decimal"
	switch {
	case f.has(name) && f.has(inDecimals):
		return nil, "", invalid(inDecimals, "parameters_exclusive", "You may only specify one of these parameters: "+name+", "+inDecimals+".")
	case f.has(name):
		return f.optional(name), text(strconv.FormatInt(f.integer(name, 0), 10)), nil
	case !f.has(inDecimals):
		return nil, "", nil
	}
	decimal := f.text(inDecimals)
	amount, ok := new(big.Rat).SetString(decimal)
	const longest = 24
	if !ok || amount.Sign() < 0 || len(decimal) > longest || amount.Cmp(big.NewRat(maxAmount, 1)) > 0 {
		return nil, "", invalid(inDecimals, "parameter_invalid_decimal", "Invalid decimal: "+decimal)
	}
	if !amount.IsInt() {
		return nil, text(decimal), nil
	}
	whole := amount.Num().Int64()
	return &whole, text(decimal), nil
}

// longestInterval is how many of an interval make three years.
var longestInterval = map[string]int64{"day": 1095, "week": 156, "month": 36, "year": 3}

func (p *price) setRecurring(f form) *apiError {
	if f == nil {
		return nil
	}
	if f.word("usage_type", "licensed") == "metered" {
		return unsupported("recurring[usage_type]", "metered prices")
	}
	p.Type = "recurring"
	p.Recurring = &recurring{Interval: f.text("interval"), IntervalCount: f.integer("interval_count", 1), UsageType: "licensed"}
	if p.Recurring.IntervalCount > longestInterval[p.Recurring.Interval] {
		return invalid("recurring[interval_count]", "", "The maximum billing interval is 3 years.")
	}
	return nil
}

// priceProduct is the product of a new price, which product_data makes.
func (t *transaction) priceProduct(c call) (string, *apiError) {
	if data := c.form.form("product_data"); data != nil {
		id := data.word("id", t.newID("prod_", 14))
		made, fault := t.makeProduct(id, data)
		if fault != nil {
			return "", fault
		}
		return made.ID, nil
	}
	if !c.has("product") {
		return "", missingParam("product")
	}
	if _, fault := named[*product](t, c.text("product"), "product"); fault != nil {
		return "", fault
	}
	return c.text("product"), nil
}

// set takes over what a request may say at creation and later.
func (p *price) set(t *transaction, c call) *apiError {
	transfer := c.boolean("transfer_lookup_key", false)
	if c.cleared("lookup_key") {
		p.LookupKey = ""
	} else if wanted := c.text("lookup_key"); wanted != "" && wanted != string(p.LookupKey) {
		if fault := t.freeLookupKey(wanted, transfer); fault != nil {
			return fault
		}
		p.LookupKey = text(wanted)
	}
	c.setText("nickname", &p.Nickname)
	c.setBoolean("active", &p.Active)
	p.TaxBehavior = c.word("tax_behavior", p.TaxBehavior)
	if fault := p.setOptions(c); fault != nil {
		return fault
	}
	merged, fault := p.Metadata.merge(c.form)
	p.Metadata = merged
	return fault
}

// freeLookupKey takes a lookup key from the price that has it.
func (t *transaction) freeLookupKey(wanted string, transfer bool) *apiError {
	for _, holder := range related[*price](t, "lookup_key", wanted) {
		if !transfer && holder.Active {
			return &apiError{
				status: 400, kind: invalidRequestError, param: "lookup_key", executed: true,
				message: "A price (`" + holder.ID + "`) already uses that lookup key.",
			}
		}
		changed := edit[*price](t, holder.ID)
		changed.LookupKey = ""
		t.changed("price.updated", holder, changed)
	}
	return nil
}

func updatePrice(t *transaction, c call) (any, *apiError) {
	before, fault := one[*price](t, c)
	if fault != nil {
		return nil, fault
	}
	changed := edit[*price](t, c.id())
	if fault := changed.set(t, c); fault != nil {
		return nil, fault
	}
	t.changed("price.updated", before, changed)
	return changed, nil
}

func listPrices(t *transaction, c call) (any, *apiError) {
	keys := c.texts("lookup_keys")
	if len(keys) > maxLookupKeys {
		return nil, invalid("lookup_keys", "", "You may pass up to 10 lookup keys.")
	}
	found := all[*price](t)
	switch {
	case len(keys) == 1:
		found = with[*price](t, "lookup_key", keys[0])
	case c.has("product"):
		found = with[*price](t, "product", c.text("product"))
	}
	wanted := c.form.form("recurring")
	return page(t, "/v1/prices", c, found, func(p *price) bool {
		return c.boolean("active", p.Active) == p.Active && c.within("created", p.Created) && c.word("currency", p.Currency) == p.Currency &&
			c.word("product", p.Product) == p.Product && c.word("type", p.Type) == p.Type &&
			(len(keys) == 0 || slices.Contains(keys, string(p.LookupKey))) && p.recurs(wanted)
	})
}

func (p *price) recurs(wanted form) bool {
	if wanted == nil {
		return true
	}
	return p.Recurring != nil && wanted.word("interval", p.Recurring.Interval) == p.Recurring.Interval &&
		wanted.word("usage_type", p.Recurring.UsageType) == p.Recurring.UsageType
}

// amount is what a quantity costs, each portion rounded half away from zero.
func (p *price) amount(quantity int64) (sum int64) {
	for _, part := range p.portions(quantity) {
		sum += roundRat(part.amount)
	}
	return sum
}

// exactAmount is the same before it is rounded.
func (p *price) exactAmount(quantity int64) *big.Rat {
	sum := new(big.Rat)
	for _, part := range p.portions(quantity) {
		sum.Add(sum, part.amount)
	}
	return sum
}

// roundRat rounds half away from zero.
func roundRat(r *big.Rat) int64 {
	half := big.NewRat(1, 2)
	if r.Sign() < 0 {
		half.Neg(half)
	}
	sum := half.Add(r, half)
	return new(big.Int).Quo(sum.Num(), sum.Denom()).Int64()
}
