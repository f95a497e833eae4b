package stripesim

import (
	"regexp"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"
)

func createProduct(t *transaction, _ []string, p params) (any, *apiError) {
	if fault := p.required("name"); fault != nil {
		return nil, fault
	}
	id := p.text("id")
	if id == "" {
		id = newID("prod_")[:19]
	} else if t.get(id) != nil {
		return nil, invalidParam("id", "resource_already_exists", "Product already exists.")
	}
	product := object{
		"id": id, "object": "product", "active": true, "created": t.time, "default_price": nil,
		"description": orNull(p.text("description")), "images": []any{}, "livemode": false, "marketing_features": []any{},
		"metadata": object{}, "name": p.text("name"), "package_dimensions": nil, "shippable": nil,
		"statement_descriptor": nil, "tax_code": nil, "type": "service", "unit_label": nil, "updated": t.time, "url": nil,
	}
	t.put(product)
	if fault := setProduct(product, p); fault != nil {
		return nil, fault
	}
	t.emit("product.created", product, nil)
	return product, nil
}

func setProduct(product object, p params) *apiError {
	for _, name := range []string{"name", "description", "statement_descriptor", "tax_code", "unit_label", "url", "default_price"} {
		if p.has(name) {
			product[name] = orNull(p.text(name))
		}
	}
	if p.has("name") && p.text("name") == "" {
		return invalidParam("name", "parameter_invalid_empty", "You passed an empty string for 'name', which cannot be unset.")
	}
	product["active"] = p.boolean("active", product.boolean("active"))
	return setMetadata(product, p)
}

func updateProduct(t *transaction, args []string, p params) (any, *apiError) {
	before, fault := t.find("product", args[0], "id")
	if fault != nil {
		return nil, fault
	}
	if id := p.text("default_price"); id != "" {
		price, fault := t.find("price", id, "default_price")
		if fault != nil || price.text("product") != args[0] {
			return nil, invalidParam("default_price", "", "The price "+id+" is not of this product.")
		}
	}
	before = cloneObject(before)
	product := t.edit(args[0])
	if fault := setProduct(product, p); fault != nil {
		return nil, fault
	}
	product["updated"] = t.time
	t.updated("product.updated", before, product)
	return product, nil
}

func listProducts(t *transaction, _ []string, p params) (any, *apiError) {
	ids := p.texts("ids")
	return t.list(listing{kind: "product", url: "/v1/products", wanted: func(o object) bool {
		return fitsActive(o, p) && (len(ids) == 0 || slices.Contains(ids, o.text("id")))
	}}, p)
}

func fitsActive(o object, p params) bool {
	active := o.boolean("active")
	return active == p.boolean("active", active)
}

func createPrice(t *transaction, _ []string, p params) (any, *apiError) {
	if fault := p.required("currency"); fault != nil {
		return nil, fault
	}
	if fault := p.required("unit_amount"); fault != nil {
		return nil, fault
	}
	amount := p.integer("unit_amount", 0)
	switch currency := p.text("currency"); {
	case !currencyCode.MatchString(currency):
		return nil, invalidParam("currency", "", "Invalid currency: "+currency+". Stripe wants a three-letter ISO code in lower case.")
	case amount < 0:
		return nil, invalidParam("unit_amount", "parameter_invalid_integer", "Invalid non-negative integer")
	case amount > maxAmount:
		return nil, invalidParam("unit_amount", "parameter_invalid_integer", "Invalid integer: the amount is too large.")
	}
	if scheme := p.text("billing_scheme"); scheme != "" && scheme != "per_unit" {
		return nil, invalidParam("billing_scheme", "", "The simulator bills per_unit only.")
	}
	tax, fault := p.oneOf("tax_behavior", "unspecified", "exclusive", "inclusive", "unspecified")
	if fault != nil {
		return nil, fault
	}
	recurring, fault := newRecurring(p.tree("recurring"))
	if fault != nil {
		return nil, fault
	}
	product, fault := t.priceProduct(p)
	if fault != nil {
		return nil, fault
	}
	price := object{
		"id": newID("price_1"), "object": "price", "active": true, "billing_scheme": "per_unit", "created": t.time,
		"currency": p.text("currency"), "custom_unit_amount": nil, "livemode": false, "lookup_key": nil, "metadata": object{},
		"nickname": orNull(p.text("nickname")), "product": product, "recurring": nil, "tax_behavior": tax,
		"tiers_mode": nil, "transform_quantity": nil, "type": "one_time", "unit_amount": amount,
		"unit_amount_decimal": strconv.FormatInt(amount, 10),
	}
	if recurring != nil {
		price["type"], price["recurring"] = "recurring", recurring
	}
	t.put(price)
	if fault := t.setPrice(price, p); fault != nil {
		return nil, fault
	}
	t.emit("price.created", price, nil)
	return price, nil
}

var currencyCode = regexp.MustCompile(`^[a-z]{3}$`)

// maxAmount bounds what anything costs, in the currency's smallest unit.
const maxAmount = 999_999_999_999

// maxIntervals is three years, in each interval.
var maxIntervals = map[string]int64{"day": 1095, "week": 156, "month": 36, "year": 3}

// newRecurring is how often a price is due; nil where it is not recurring.
func newRecurring(p params) (object, *apiError) {
	if p == nil {
		return nil, nil
	}
	interval := p.text("interval")
	count := p.integer("interval_count", 1)
	switch {
	case interval == "":
		return nil, missingParam("recurring[interval]")
	case maxIntervals[interval] == 0:
		return nil, invalidParam("recurring[interval]", "", "Invalid recurring[interval]: must be one of day, month, week, year")
	case count < 1 || count > maxIntervals[interval]:
		return nil, invalidParam("recurring[interval_count]", "parameter_invalid_integer", "Invalid interval_count: a period is three years at most.")
	case p.text("usage_type") != "" && p.text("usage_type") != "licensed":
		return nil, invalidParam("recurring[usage_type]", "", "The simulator has prices of usage_type licensed only.")
	}
	return object{
		"interval": interval, "interval_count": count, "meter": nil, "trial_period_days": nil, "usage_type": "licensed",
	}, nil
}

func (t *transaction) priceProduct(p params) (string, *apiError) {
	if data := p.tree("product_data"); data != nil {
		if p.has("product") {
			return "", invalidRequest("product_data", "You may only specify one of these parameters: product, product_data.")
		}
		created, fault := createProduct(t, nil, data)
		if fault != nil {
			fault.param = "product_data[" + fault.param + "]"
			return "", fault
		}
		return created.(object).text("id"), nil
	}
	if fault := p.required("product"); fault != nil {
		return "", fault
	}
	product, fault := t.find("product", p.text("product"), "product")
	return product.text("id"), fault
}

// setPrice sets what can be changed about a price.
func (t *transaction) setPrice(price object, p params) *apiError {
	if key := p.text("lookup_key"); key != "" && key != price.text("lookup_key") {
		if utf8.RuneCountInString(key) > 200 {
			return invalidParam("lookup_key", "", "A lookup key has up to 200 characters.")
		}
		for _, other := range t.by("price", "lookup_key", key) {
			switch {
			case p.boolean("transfer_lookup_key", false):
				t.edit(other.text("id"))["lookup_key"] = nil
			case other.boolean("active"):
				return invalidParam("lookup_key", "resource_already_exists", "A price (`"+other.text("id")+"`) already uses that lookup key.")
			}
		}
		price["lookup_key"] = key
	} else if p.has("lookup_key") && key == "" {
		price["lookup_key"] = nil
	}
	if p.has("nickname") {
		price["nickname"] = orNull(p.text("nickname"))
	}
	price["active"] = p.boolean("active", price.boolean("active"))
	return setMetadata(price, p)
}

func updatePrice(t *transaction, args []string, p params) (any, *apiError) {
	before, fault := t.find("price", args[0], "id")
	if fault != nil {
		return nil, fault
	}
	before = cloneObject(before)
	price := t.edit(args[0])
	if fault := t.setPrice(price, p); fault != nil {
		return nil, fault
	}
	t.updated("price.updated", before, price)
	return price, nil
}

func listPrices(t *transaction, _ []string, p params) (any, *apiError) {
	keys := p.texts("lookup_keys")
	if len(keys) > 10 {
		return nil, invalidParam("lookup_keys", "", "You may pass up to 10 lookup keys.")
	}
	return t.list(listing{
		kind: "price", url: "/v1/prices", fields: map[string]string{"product": "product", "type": "type", "currency": "currency"},
		wanted: func(o object) bool {
			return fitsActive(o, p) && (len(keys) == 0 || slices.Contains(keys, o.text("lookup_key")))
		},
	}, p)
}

// addInterval is one billing period later than start, on the anchor's day of
// the month where the month has it.
func addInterval(start, anchor int64, price object) int64 {
	recurring := price.object("recurring")
	count := int(recurring.integer("interval_count"))
	at := time.Unix(start, 0).UTC()
	switch recurring.text("interval") {
	case "day":
		return at.AddDate(0, 0, count).Unix()
	case "week":
		return at.AddDate(0, 0, 7*count).Unix()
	case "year":
		count *= 12
	}
	first := time.Date(at.Year(), at.Month(), 1, at.Hour(), at.Minute(), at.Second(), 0, time.UTC).AddDate(0, count, 0)
	day := time.Unix(anchor, 0).UTC().Day()
	last := first.AddDate(0, 1, -1).Day()
	return first.AddDate(0, 0, min(day, last)-1).Unix()
}
