package stripesim

import (
	"encoding/json"
	"math/big"
	"strconv"
)

const couponKind = "coupon"

// coupon says how much is taken off, and for how long. It does nothing by
// itself: redeeming it makes a discount.
type coupon struct {
	header
	AmountOff        *int64       `json:"amount_off"`
	Created          int64        `json:"created"`
	Currency         text         `json:"currency"`
	Duration         string       `json:"duration"`
	DurationInMonths *int64       `json:"duration_in_months"`
	Livemode         no           `json:"livemode"`
	MaxRedemptions   *int64       `json:"max_redemptions"`
	Metadata         metadata     `json:"metadata"`
	Name             text         `json:"name"`
	PercentOff       *json.Number `json:"percent_off"`
	RedeemBy         moment       `json:"redeem_by"`
	TimesRedeemed    int64        `json:"times_redeemed"`
	Valid            bool         `json:"valid"` // it is shown as it is at that time

	private couponPrivate
}

type couponPrivate struct {
	// Products are those that it is for. None: all.
	Products []string `json:"products,omitempty"`
	// Deleted coupons cannot be redeemed, but discounts still show them.
	Deleted bool `json:"deleted,omitempty"`
}

func (*coupon) kind() string    { return couponKind }
func (c *coupon) clone() object { changed := *c; return &changed }
func (c *coupon) hidden() any   { return &c.private }

const (
	// maxCouponName is how long a coupon's name may be.
	maxCouponName = 40
	// maxRedeemBy is how far ahead the end of redeeming may be: five years.
	maxRedeemBy = 5 * 366 * day
	// maxCouponMonths bounds how long a coupon repeats.
	maxCouponMonths = 1200
	// maxCount bounds how often something may be redeemed.
	maxCount = 1<<31 - 1
)

func couponOperations() []operation {
	changeable := shape{"metadata": aMetadata(), "name": aText().upTo(maxCouponName).orEmpty()}
	return []operation{
		{method: "POST", path: "/v1/coupons", do: createCoupon, fields: changeable.with(shape{
			"amount_off": anInteger(1, maxAmount), "applies_to": aHash(shape{"products": aList(aText())}), "currency": aText(),
			"duration": aWord("forever", "once", "repeating"), "duration_in_months": anInteger(1, maxCouponMonths), "id": aText(),
			"max_redemptions": anInteger(1, maxCount), "percent_off": aText(), "redeem_by": aTime(),
		})},
		{method: "GET", path: "/v1/coupons", do: listCoupons, fields: pageFields(shape{"created": aRange()})},
		{method: "GET", path: "/v1/coupons/{}", do: retrieveCoupon},
		{method: "POST", path: "/v1/coupons/{}", do: updateCoupon, fields: changeable},
		{method: "DELETE", path: "/v1/coupons/{}", do: deleteCoupon},
	}
}

func createCoupon(t *transaction, c call) (any, *apiError) {
	made := &coupon{
		header: header{ID: c.word("id", t.newID("", 8)), Object: couponKind}, Created: t.now, Duration: c.word("duration", "once"),
		MaxRedemptions: c.optional("max_redemptions"), RedeemBy: moment(c.integer("redeem_by", 0)),
	}
	used := get[*coupon](t, made.ID)
	if used != nil && !used.private.Deleted {
		return nil, &apiError{
			status: 400, kind: invalidRequestError, code: "resource_already_exists", param: "id", message: "Coupon already exists.", executed: true,
		}
	}
	if made.RedeemBy != 0 && (int64(made.RedeemBy) <= t.now || int64(made.RedeemBy) > t.now+maxRedeemBy) {
		return nil, invalid("redeem_by", "", "Invalid timestamp: must be in the future, and at most five years ahead.")
	}
	for _, set := range []func(*transaction, call) *apiError{made.setOff, made.setDuration, made.setProducts} {
		if fault := set(t, c); fault != nil {
			return nil, fault
		}
	}
	if fault := made.set(c); fault != nil {
		return nil, fault
	}
	if used != nil {
		made.serial = used.serial // it takes the place of the one that was deleted
		t.write(made)
	} else {
		t.create(made)
	}
	t.emit("coupon.created", made)
	return made, nil
}

// optional is an integer that is null unless it was sent.
func (f form) optional(name string) *int64 {
	if value, sent := f.value(name).(int64); sent {
		return &value
	}
	return nil
}

// setOff reads what the coupon takes off: a percentage, or an amount.
func (c *coupon) setOff(_ *transaction, asked call) *apiError {
	if asked.has("percent_off") == asked.has("amount_off") {
		if asked.has("amount_off") {
			return invalid("amount_off", "parameters_exclusive", "You may only specify one of these parameters: amount_off, percent_off.")
		}
		return invalid("percent_off", "parameter_missing", "You must pass either percent_off or amount_off.")
	}
	if asked.has("amount_off") {
		currency, fault := readCurrency(asked.text("currency"))
		if !asked.has("currency") {
			fault = missingParam("currency")
		}
		c.AmountOff, c.Currency = asked.optional("amount_off"), text(currency)
		return fault
	}
	if asked.has("currency") {
		return invalid("currency", "", "You may only specify a currency with amount_off.")
	}
	percent, fault := readPercent(asked.text("percent_off"))
	c.PercentOff = percent
	return fault
}

// readPercent reads a percentage and writes it in the shortest way.
func readPercent(given string) (*json.Number, *apiError) {
	percent, err := strconv.ParseFloat(given, 64)
	exact, ok := new(big.Rat).SetString(given)
	const longest = 16
	if err != nil || !ok || len(given) > longest {
		return nil, invalid("percent_off", "parameter_invalid_decimal", "Invalid decimal: "+given)
	}
	if exact.Sign() <= 0 || exact.Cmp(big.NewRat(100, 1)) > 0 {
		return nil, invalid("percent_off", "", "Invalid percent_off: must be greater than 0 and at most 100.")
	}
	number := json.Number(strconv.FormatFloat(percent, 'f', -1, 64))
	return &number, nil
}

// setDuration reads for how long a discount lasts that the coupon makes.
func (c *coupon) setDuration(_ *transaction, asked call) *apiError {
	months := asked.optional("duration_in_months")
	switch {
	case c.Duration == "repeating" && months == nil:
		return missingParam("duration_in_months")
	case c.Duration != "repeating" && months != nil:
		return invalid("duration_in_months", "", "You may only specify duration_in_months when duration is `repeating`.")
	}
	c.DurationInMonths = months
	return nil
}

// setProducts reads for which products the coupon is.
func (c *coupon) setProducts(t *transaction, asked call) *apiError {
	c.private.Products = asked.form.form("applies_to").texts("products")
	for i, id := range c.private.Products {
		if get[*product](t, id) == nil {
			return missing(productKind, id, "applies_to[products]["+strconv.Itoa(i)+"]")
		}
	}
	return nil
}

// set takes over what a request may say at creation and later.
func (c *coupon) set(asked call) *apiError {
	asked.setText("name", &c.Name)
	merged, fault := c.Metadata.merge(asked.form)
	c.Metadata = merged
	return fault
}

// isValid says whether the coupon may still be redeemed.
func (c *coupon) isValid(now int64) bool {
	return !c.private.Deleted && (c.RedeemBy == 0 || now <= int64(c.RedeemBy)) && !c.isUsedUp()
}

func (c *coupon) isUsedUp() bool {
	return c.MaxRedemptions != nil && c.TimesRedeemed >= *c.MaxRedemptions
}

// atTime is the coupon as it goes over the wire then.
func (c *coupon) atTime(now int64) *coupon {
	shown := *c
	shown.Valid = c.isValid(now)
	return &shown
}

// existingCoupon is the coupon that a call names, not a deleted one.
func (t *transaction) existingCoupon(id, param string) (*coupon, *apiError) {
	found := get[*coupon](t, id)
	if found == nil || found.private.Deleted {
		return nil, missing(couponKind, id, param)
	}
	return found, nil
}

func retrieveCoupon(t *transaction, c call) (any, *apiError) {
	found, fault := t.existingCoupon(c.id(), "coupon")
	if fault != nil {
		return nil, fault.notFound()
	}
	return found, nil
}

func updateCoupon(t *transaction, c call) (any, *apiError) {
	before, fault := t.existingCoupon(c.id(), "coupon")
	if fault != nil {
		return nil, fault.notFound()
	}
	changed := edit[*coupon](t, c.id())
	if fault := changed.set(c); fault != nil {
		return nil, fault
	}
	t.changed("coupon.updated", before, changed)
	return changed, nil
}

func listCoupons(t *transaction, c call) (any, *apiError) {
	return page(t, "/v1/coupons", c, all[*coupon](t), func(found *coupon) bool {
		return !found.private.Deleted && c.within("created", found.Created)
	})
}

// deleteCoupon ends the redeeming of a coupon. The discounts that it made stay.
func deleteCoupon(t *transaction, c call) (any, *apiError) {
	if _, fault := t.existingCoupon(c.id(), "coupon"); fault != nil {
		return nil, fault.notFound()
	}
	gone := edit[*coupon](t, c.id())
	gone.private.Deleted = true
	t.emit("coupon.deleted", gone)
	return deletedObject{gone.ID, couponKind, true}, nil
}
