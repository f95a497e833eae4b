package stripesim

import (
	"slices"
	"strconv"
)

// This file is the discounts of phases: what a subscription and its items are
// to have from the start of a phase on.

// phaseDiscount is a coupon or a promotion code to be redeemed when a phase
// begins, or a discount that the subscription has.
type phaseDiscount struct {
	Coupon        text `json:"coupon"`
	Discount      text `json:"discount"`
	PromotionCode text `json:"promotion_code"`
}

// phaseDiscounts are the rows that say that some discounts stay.
func phaseDiscounts(ids []string) (rows array[phaseDiscount]) {
	for _, id := range ids {
		rows = append(rows, phaseDiscount{Discount: text(id)})
	}
	return rows
}

// readPhaseDiscounts reads the discounts of a phase or of a part of it. Each must
// be one that could be redeemed now.
func (t *transaction) readPhaseDiscounts(s *subscriptionSchedule, given form, owner discounted, name string) (array[phaseDiscount], *apiError) {
	owner.customer = s.Customer
	for _, d := range related[*discount](t, "subscription", string(s.Subscription)) {
		owner.above = append(owner.above, d.ID)
	}
	name = paramName(name, "discounts")
	if _, fault := t.rehearsal().setDiscounts(given, nil, owner, name); fault != nil {
		return nil, fault
	}
	var rows array[phaseDiscount]
	for _, one := range given.forms("discounts") {
		rows = append(rows, phaseDiscount{text(one.text("coupon")), text(one.text("discount")), text(one.text("promotion_code"))})
	}
	return rows, nil
}

// discountForms are the discounts of a phase as a request would say them: what
// was redeemed already stays. What cannot be redeemed any more is left out.
func (t *transaction) discountForms(rows array[phaseDiscount], present []string, owner discounted) []any {
	forms := []any{}
	for _, row := range rows {
		code := get[*promotionCode](t, string(row.PromotionCode))
		coupon := row.Coupon
		if code != nil {
			coupon = text(code.Promotion.Coupon)
		}
		at := slices.IndexFunc(present, func(id string) bool {
			d := get[*discount](t, id)
			return !d.private.Gone && (id == string(row.Discount) || row.Discount == "" && d.Source.Coupon == string(coupon) && d.PromotionCode == row.PromotionCode)
		})
		switch {
		case at >= 0:
			forms = append(forms, form{"discount": present[at]})
		case row.Discount != "":
		case !t.isRedeemable(string(coupon), code, owner):
		case code != nil:
			forms = append(forms, form{"promotion_code": code.ID})
		default:
			forms = append(forms, form{"coupon": string(coupon)})
		}
	}
	return forms
}

// isRedeemable says whether a coupon may be redeemed now, by a code if there is
// one.
func (t *transaction) isRedeemable(id string, code *promotionCode, owner discounted) bool {
	from, fault := t.existingCoupon(id, "")
	return fault == nil && from.isValid(t.now) && (code == nil || code.allows(t, owner) == nil)
}

// readPhaseItem reads what an item of a phase takes off.
func (t *transaction) readPhaseItem(s *subscriptionSchedule, item subscriptionItem, given form, name string) (phaseItem, *apiError) {
	read := phaseItem{Metadata: item.Metadata, Price: item.Price.ID, Quantity: item.Quantity}
	var fault *apiError
	read.Discounts, fault = t.readPhaseDiscounts(s, given, discounted{currency: item.Price.Currency, cost: item.Price.amount(item.Quantity)}, name)
	return read, fault
}

// cost is what a period of a phase costs.
func (p *schedulePhase) cost(t *transaction) (sum int64) {
	for _, item := range p.Items {
		sum += get[*price](t, item.Price).in(p.Currency).amount(item.Quantity)
	}
	return sum
}

// additionName names an item that a phase adds.
func additionName(phase string, at int) string {
	return paramName(paramName(phase, "add_invoice_items"), strconv.Itoa(at))
}
