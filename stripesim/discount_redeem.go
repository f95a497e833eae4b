package stripesim

import (
	"slices"
	"strconv"
)

// This file is how coupons and promotion codes become discounts.

// maxDiscounts is how many one object may have.
const maxDiscounts = 20

// discountFields are a list of coupons, promotion codes or discounts that are
// there already. Sent empty it takes all of them away.
func discountFields() field { return aList(discountRow()).orEmpty() }

func discountRow() field {
	return aHash(shape{"coupon": aText(), "discount": aText(), "promotion_code": aText()})
}

// discounted is what a discount is redeemed for.
type discounted struct {
	customer, currency string
	cost               int64 // what it costs, for codes that want a minimum

	// These say what it is; a subscription without an item is all of its items.
	subscription, item, invoice, invoiceItem string

	// above are the discounts of what it belongs to, which it may have too.
	above []string
}

// setDiscounts makes the discounts of something what a request says: those that
// it names stay, coupons and codes are redeemed, the others end. Only those of
// subscriptions have events: an invoice tells of its own.
func (t *transaction) setDiscounts(f form, present []string, owner discounted, name string) ([]string, *apiError) {
	if !f.has("discounts") {
		return present, nil
	}
	var wanted, made []string
	coupons := map[string]bool{}
	for at, given := range f.forms("discounts") {
		id, fault := t.chooseDiscount(given, present, owner, paramName(name, strconv.Itoa(at)))
		if fault != nil {
			return nil, fault
		}
		from := get[*discount](t, id).Source.Coupon
		if coupons[from] || len(wanted) == maxDiscounts {
			return nil, invalid(name, "", "Up to 20 discounts can be applied, and each coupon only once.")
		}
		coupons[from] = true
		wanted = append(wanted, id)
		if !given.has("discount") {
			made = append(made, id)
		}
	}
	if owner.subscription != "" {
		t.tellDiscounts(slices.DeleteFunc(slices.Clone(present), func(id string) bool { return slices.Contains(wanted, id) }), made)
	}
	return wanted, nil
}

// tellDiscounts ends some discounts and tells of new ones. One for another is
// a change.
func (t *transaction) tellDiscounts(gone, made []string) {
	if len(gone) == 1 && len(made) == 1 {
		before := get[*discount](t, gone[0])
		edit[*discount](t, gone[0]).private.Gone = true
		t.changed("customer.discount.updated", before, get[*discount](t, made[0]))
		return
	}
	t.endDiscounts(gone)
	for _, id := range made {
		t.emit("customer.discount.created", get[*discount](t, id))
	}
}

// chooseDiscount is the discount that one row of a request is about.
func (t *transaction) chooseDiscount(given form, present []string, owner discounted, name string) (string, *apiError) {
	if len(given) != 1 {
		return "", invalid(name, "parameters_exclusive", "You must specify exactly one of these parameters: coupon, discount, promotion_code.")
	}
	switch {
	case given.has("discount"):
		if id := given.text("discount"); slices.Contains(present, id) || slices.Contains(owner.above, id) {
			return id, nil
		}
		return "", missing(discountKind, given.text("discount"), paramName(name, "discount"))
	case given.has("coupon"):
		return t.redeem(given.text("coupon"), nil, owner, paramName(name, "coupon"))
	}
	code, fault := named[*promotionCode](t, given.text("promotion_code"), paramName(name, "promotion_code"))
	if fault != nil {
		return "", fault
	}
	if fault := code.allows(t, owner); fault != nil {
		return "", fault.of(paramName(name, "promotion_code"))
	}
	return t.redeem(code.Promotion.Coupon, code, owner, paramName(name, "promotion_code"))
}

// allows refuses a code that this customer cannot redeem for this.
func (p *promotionCode) allows(t *transaction, owner discounted) *apiError {
	least := p.Restrictions.MinimumAmount
	switch {
	case !p.isActive(t):
		return refused("", "This promotion code is not active, or it is expired or used up.")
	case p.Customer != "" && string(p.Customer) != owner.customer:
		return refused("", "This promotion code cannot be redeemed because it belongs to a different customer.")
	case p.Restrictions.FirstTimeTransaction && t.hasPaid(owner.customer):
		return refused("", "This promotion code cannot be redeemed because the associated customer has prior transactions.")
	case least != nil && (string(p.Restrictions.MinimumAmountCurrency) != owner.currency || owner.cost < *least):
		return refused("", "This promotion code cannot be redeemed because the minimum amount requirement has not been met.")
	}
	return nil
}

// hasPaid says whether a customer ever paid something.
func (t *transaction) hasPaid(customerID string) bool {
	return slices.ContainsFunc(related[*invoice](t, "customer", customerID), func(i *invoice) bool { return i.Status == "paid" && i.AmountPaid > 0 }) ||
		slices.ContainsFunc(related[*charge](t, "customer", customerID), t.paidBefore)
}

// redeem makes a discount of a coupon, and counts that.
func (t *transaction) redeem(id string, code *promotionCode, owner discounted, param string) (string, *apiError) {
	from, fault := t.existingCoupon(id, param)
	switch {
	case fault != nil:
		return "", fault
	case from.isUsedUp():
		return "", refused("coupon_expired", "Coupon "+id+" is used up and cannot be applied.").of(param)
	case !from.isValid(t.now):
		return "", refused("coupon_expired", "Coupon expired: "+id).of(param)
	case from.Currency != "" && string(from.Currency) != owner.currency:
		return "", invalid(param, "", "The coupon's currency `"+string(from.Currency)+"` doesn't match the expected currency: `"+owner.currency+"`.")
	}
	made := &discount{
		header: header{ID: t.newID("di_1", 23), Object: discountKind}, Customer: text(owner.customer), Source: couponSource{id, "coupon"},
		Start: t.now, Subscription: text(owner.subscription), SubscriptionItem: text(owner.item), Invoice: text(owner.invoice),
		InvoiceItem: text(owner.invoiceItem),
		private:     discountPrivate{Duration: from.Duration, Products: from.private.Products},
	}
	if from.AmountOff != nil {
		made.private.AmountOff = *from.AmountOff
	} else {
		made.private.PercentOff = from.PercentOff.String()
	}
	if from.Duration == "repeating" {
		made.End = moment(monthsLater(t.now, *from.DurationInMonths))
	}
	edit[*coupon](t, id).TimesRedeemed++
	if code != nil {
		made.PromotionCode = text(code.ID)
		edit[*promotionCode](t, code.ID).TimesRedeemed++
	}
	t.create(made)
	return made.ID, nil
}

// setDiscounts makes the discounts of a subscription what a request says.
func (s *subscription) setDiscounts(t *transaction, c call) (fault *apiError) {
	s.Discounts, fault = t.setDiscounts(c.form, s.Discounts, s.discounted("", s.cost()), "discounts")
	return fault
}

// discounted is a subscription, or one of its items, that a discount is for.
func (s *subscription) discounted(item string, cost int64) discounted {
	return discounted{customer: s.Customer, currency: s.Currency, cost: cost, subscription: s.ID, item: item}
}

// cost is what a period of all items costs.
func (s *subscription) cost() (sum int64) {
	for _, item := range s.Items.Data {
		sum += item.Price.amount(item.Quantity)
	}
	return sum
}

// setItemDiscounts takes over what a request says of the discounts of items.
// The items are there by then; those without an id are the last ones.
func (s *subscription) setItemDiscounts(t *transaction, c call, changes []itemChange) *apiError {
	given := c.forms("items")
	added := len(s.Items.Data)
	for _, one := range given {
		if one.text("id") == "" {
			added--
		}
	}
	for i, one := range given {
		at := slices.IndexFunc(s.Items.Data, func(item subscriptionItem) bool { return item.ID == one.text("id") })
		if one.text("id") == "" {
			at, added = added, added+1
		}
		if at < 0 {
			continue // it was taken away
		}
		item := s.Items.Data[at]
		owner := s.discounted(item.ID, item.Price.amount(item.Quantity))
		kept, fault := t.setDiscounts(one, item.Discounts, owner, "items["+strconv.Itoa(i)+"][discounts]")
		if fault != nil {
			return fault
		}
		s.Items.Data[at].Discounts = kept
		for _, change := range changes {
			if change.after != nil && change.after.ID == item.ID {
				change.after.Discounts = kept
			}
		}
	}
	return nil
}
