package stripesim

import (
	"regexp"
	"strings"
)

const promotionCodeKind = "promotion_code"

// promotionCode is the word by which customers redeem a coupon.
type promotionCode struct {
	header
	Active          bool           `json:"active"` // it is shown as it is at that time
	Code            string         `json:"code"`
	Created         int64          `json:"created"`
	Customer        text           `json:"customer"`
	CustomerAccount null           `json:"customer_account"`
	ExpiresAt       moment         `json:"expires_at"`
	Livemode        no             `json:"livemode"`
	MaxRedemptions  *int64         `json:"max_redemptions"`
	Metadata        metadata       `json:"metadata"`
	Promotion       couponSource   `json:"promotion"`
	Restrictions    codeConditions `json:"restrictions"`
	TimesRedeemed   int64          `json:"times_redeemed"`
}

// couponSource says where a promotion code or a discount comes from.
type couponSource struct {
	Coupon string `json:"coupon"`
	Type   string `json:"type"`
}

// codeConditions restrict who may redeem a promotion code.
type codeConditions struct {
	FirstTimeTransaction  bool   `json:"first_time_transaction"`
	MinimumAmount         *int64 `json:"minimum_amount"`
	MinimumAmountCurrency text   `json:"minimum_amount_currency"`
}

func (*promotionCode) kind() string    { return promotionCodeKind }
func (p *promotionCode) clone() object { c := *p; return &c }
func (p *promotionCode) indexes() []indexed {
	return []indexed{{"code", strings.ToLower(p.Code)}, {"coupon", p.Promotion.Coupon}}
}

// codePattern is what a code may be.
var codePattern = regexp.MustCompile(`^[A-Za-z0-9-]+$`)

// maxCode is how long a code may be.
const maxCode = 500

func promotionCodeOperations() []operation {
	changeable := shape{"active": aBoolean(), "metadata": aMetadata()}
	return []operation{
		{method: "POST", path: "/v1/promotion_codes", do: createPromotionCode, fields: changeable.with(shape{
			"code": aText().upTo(maxCode), "customer": aText(), "expires_at": aTime(),
			"max_redemptions": anInteger(1, maxCount), "promotion": aHash(shape{"coupon": aText(), "type": aWord("coupon").must()}).must(),
			"restrictions": aHash(shape{
				"first_time_transaction": aBoolean(), "minimum_amount": anInteger(1, maxAmount), "minimum_amount_currency": aText(),
			}),
		})},
		{method: "GET", path: "/v1/promotion_codes", do: listPromotionCodes, fields: pageFields(shape{
			"active": aBoolean(), "code": aText(), "coupon": aText(), "created": aRange(), "customer": aText(),
		})},
		{method: "GET", path: "/v1/promotion_codes/{}", do: retrieve[*promotionCode]},
		{method: "POST", path: "/v1/promotion_codes/{}", do: updatePromotionCode, fields: changeable},
	}
}

func createPromotionCode(t *transaction, c call) (any, *apiError) {
	source := c.form.form("promotion")
	if !source.has("coupon") {
		return nil, missingParam("promotion[coupon]")
	}
	from, fault := t.existingCoupon(source.text("coupon"), "promotion[coupon]")
	if fault != nil {
		return nil, fault
	}
	made := &promotionCode{
		header: header{ID: t.newID("promo_1", 23), Object: promotionCodeKind}, Active: c.boolean("active", true),
		Code: c.word("code", strings.ToUpper(t.newID("", 8))), Created: t.now, Customer: text(c.text("customer")),
		ExpiresAt: moment(c.integer("expires_at", 0)), MaxRedemptions: c.optional("max_redemptions"), Promotion: couponSource{from.ID, "coupon"},
	}
	if made.Customer != "" {
		if _, fault := t.livingCustomer(c.text("customer"), "customer"); fault != nil {
			return nil, fault
		}
	}
	if fault := made.check(t, from); fault != nil {
		return nil, fault
	}
	if fault := made.restrict(c.form.form("restrictions")); fault != nil {
		return nil, fault
	}
	if made.Metadata, fault = made.Metadata.merge(c.form); fault != nil {
		return nil, fault
	}
	t.create(made)
	t.emit("promotion_code.created", made)
	return made, nil
}

// check refuses a code that could never be redeemed, or that is in use.
func (p *promotionCode) check(t *transaction, from *coupon) *apiError {
	switch {
	case !codePattern.MatchString(p.Code):
		return invalid("code", "", "Promotion codes can only contain the characters a-z, A-Z, 0-9 and -.")
	case !from.isValid(t.now):
		return refused("coupon_expired", "Coupon "+from.ID+" is no longer valid.").of("promotion[coupon]")
	case p.ExpiresAt != 0 && int64(p.ExpiresAt) <= t.now:
		return invalid("expires_at", "", "Invalid timestamp: must be in the future.")
	case p.ExpiresAt != 0 && from.RedeemBy != 0 && p.ExpiresAt > from.RedeemBy:
		return invalid("expires_at", "", "The promotion code cannot expire after the `redeem_by` of its coupon.")
	case p.MaxRedemptions != nil && from.MaxRedemptions != nil && *p.MaxRedemptions > *from.MaxRedemptions:
		return invalid("max_redemptions", "", "The `max_redemptions` of a promotion code cannot be greater than that of its coupon.")
	}
	return p.isUnique(t)
}

// isUnique refuses a code that another active one has for the same customer.
func (p *promotionCode) isUnique(t *transaction) *apiError {
	for _, other := range related[*promotionCode](t, "code", strings.ToLower(p.Code)) {
		if p.Active && other.ID != p.ID && other.isActive(t) && (other.Customer == p.Customer || other.Customer == "" || p.Customer == "") {
			return refused("", "An active promotion code with `code: "+p.Code+"` already exists.").of("code")
		}
	}
	return nil
}

// of says which parameter a refusal is about.
func (e *apiError) of(param string) *apiError {
	e.param = param
	return e
}

func (p *promotionCode) restrict(f form) *apiError {
	p.Restrictions.FirstTimeTransaction = f.boolean("first_time_transaction", false)
	if f.has("minimum_amount") != f.has("minimum_amount_currency") {
		if f.has("minimum_amount") {
			return missingParam("restrictions[minimum_amount_currency]")
		}
		return missingParam("restrictions[minimum_amount]")
	}
	if !f.has("minimum_amount") {
		return nil
	}
	currency, fault := readCurrency(f.text("minimum_amount_currency"))
	if fault != nil {
		return fault.of("restrictions[minimum_amount_currency]")
	}
	p.Restrictions.MinimumAmount, p.Restrictions.MinimumAmountCurrency = f.optional("minimum_amount"), text(currency)
	return nil
}

// isActive says whether the code may be redeemed now: it ends with its coupon.
func (p *promotionCode) isActive(t *transaction) bool {
	from := get[*coupon](t, p.Promotion.Coupon)
	return p.Active && from.isValid(t.now) && (p.ExpiresAt == 0 || t.now < int64(p.ExpiresAt)) &&
		(p.MaxRedemptions == nil || p.TimesRedeemed < *p.MaxRedemptions)
}

// asNow is the code as it goes over the wire now.
func (p *promotionCode) asNow(t *transaction) *promotionCode {
	shown := *p
	shown.Active = p.isActive(t)
	return &shown
}

func updatePromotionCode(t *transaction, c call) (any, *apiError) {
	before, fault := one[*promotionCode](t, c)
	if fault != nil {
		return nil, fault
	}
	changed := edit[*promotionCode](t, c.id())
	c.setBoolean("active", &changed.Active)
	if changed.Active && !before.Active {
		if !changed.isActive(t) {
			return nil, refused("", "This promotion code cannot be activated: it, or its coupon, is no longer valid.").of("active")
		}
		if fault := changed.isUnique(t); fault != nil {
			return nil, fault
		}
	}
	if changed.Metadata, fault = changed.Metadata.merge(c.form); fault != nil {
		return nil, fault
	}
	t.changed("promotion_code.updated", before, changed)
	return changed, nil
}

func listPromotionCodes(t *transaction, c call) (any, *apiError) {
	found := all[*promotionCode](t)
	switch {
	case c.has("code"):
		found = with[*promotionCode](t, "code", strings.ToLower(c.text("code")))
	case c.has("coupon"):
		found = with[*promotionCode](t, "coupon", c.text("coupon"))
	}
	return page(t, "/v1/promotion_codes", c, found, func(p *promotionCode) bool {
		return (!c.has("active") || c.boolean("active", false) == p.isActive(t)) && c.within("created", p.Created) &&
			c.word("customer", string(p.Customer)) == string(p.Customer) && c.word("coupon", p.Promotion.Coupon) == p.Promotion.Coupon
	})
}
