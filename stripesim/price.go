package stripesim

import (
	"slices"
	"strconv"
	"time"
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
	active, fault := p.boolean("active", product.boolean("active"))
	if fault != nil {
		return fault
	}
	product["active"] = active
	return setMetadata(product, p)
}

func updateProduct(t *transaction, args []string, p params) (any, *apiError) {
	before, fault := t.find("product", args[0], "id")
	if fault != nil {
		return nil, fault
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
	return t.page("/v1/products", p, t.state.lists["product"], func(o object) bool {
		ids := p.texts("ids")
		return fitsActive(o, p) && (len(ids) == 0 || slices.Contains(ids, o.text("id")))
	})
}

func fitsActive(o object, p params) bool {
	active := p.text("active")
	return active == "" || o.boolean("active") == (active == "true")
}

func createPrice(t *transaction, _ []string, p params) (any, *apiError) {
	if fault := p.required("currency"); fault != nil {
		return nil, fault
	}
	if p.text("unit_amount") == "" {
		return nil, invalidParam("unit_amount", "parameter_missing", "Missing required param: unit_amount.")
	}
	amount, fault := p.integer("unit_amount", 0)
	if fault != nil {
		return nil, fault
	}
	if amount < 0 {
		return nil, invalidParam("unit_amount", "parameter_invalid_integer", "Invalid non-negative integer")
	}
	product, fault := t.priceProduct(p)
	if fault != nil {
		return nil, fault
	}
	price := object{
		"id": newID("price_1"), "object": "price", "active": true, "billing_scheme": "per_unit", "created": t.time,
		"currency": p.text("currency"), "custom_unit_amount": nil, "livemode": false, "lookup_key": nil, "metadata": object{},
		"nickname": orNull(p.text("nickname")), "product": product, "recurring": nil, "tax_behavior": "unspecified",
		"tiers_mode": nil, "transform_quantity": nil, "type": "one_time", "unit_amount": amount,
		"unit_amount_decimal": strconv.FormatInt(amount, 10),
	}
	if recurring := p.tree("recurring"); recurring != nil {
		interval, fault := recurring.oneOf("interval", "", "day", "week", "month", "year")
		if fault == nil && interval == "" {
			fault = invalidParam("recurring[interval]", "parameter_missing", "Missing required param: recurring[interval].")
		}
		count, countFault := recurring.integer("interval_count", 1)
		if fault == nil {
			fault = countFault
		}
		if fault != nil {
			return nil, fault
		}
		price["type"] = "recurring"
		price["recurring"] = object{
			"interval": interval, "interval_count": count, "meter": nil, "trial_period_days": nil, "usage_type": "licensed",
		}
	}
	t.put(price)
	if fault := t.setPrice(price, p); fault != nil {
		return nil, fault
	}
	t.emit("price.created", price, nil)
	return price, nil
}

func (t *transaction) priceProduct(p params) (string, *apiError) {
	if data := p.tree("product_data"); data != nil {
		created, fault := createProduct(t, nil, params{"name": data.text("name")})
		if fault != nil {
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
		transfer, fault := p.boolean("transfer_lookup_key", false)
		if fault != nil {
			return fault
		}
		for _, other := range t.by("price", "lookup_key", key) {
			switch {
			case transfer:
				t.edit(other.text("id"))["lookup_key"] = nil
			case other.boolean("active"):
				return invalidParam("lookup_key", "resource_already_exists", "A price (`"+other.text("id")+"`) already uses that lookup key.")
			}
		}
		price["lookup_key"] = key
	}
	if p.has("nickname") {
		price["nickname"] = orNull(p.text("nickname"))
	}
	active, fault := p.boolean("active", price.boolean("active"))
	if fault != nil {
		return fault
	}
	price["active"] = active
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
	ids := t.related("price", p, map[string]string{"product": "product"})
	return t.page("/v1/prices", p, ids, func(o object) bool {
		return fitsActive(o, p) && (len(keys) == 0 || slices.Contains(keys, o.text("lookup_key"))) &&
			(p.text("type") == "" || p.text("type") == o.text("type")) &&
			(p.text("currency") == "" || p.text("currency") == o.text("currency"))
	})
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
