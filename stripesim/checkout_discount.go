package stripesim

import "strings"

// checkoutDiscount is what takes something off in a session: a coupon, or a
// promotion code.
type checkoutDiscount struct {
	Coupon        text `json:"coupon"`
	PromotionCode text `json:"promotion_code"`
}

func checkoutDiscountFields() field {
	return aList(aHash(shape{"coupon": aText(), "promotion_code": aText()}))
}

// readDiscounts takes over the discount of a request, or that the payer may
// enter one.
func (s *checkoutSession) readDiscounts(c call) *apiError {
	given := c.forms("discounts")
	switch {
	case c.has("discounts") && c.has("allow_promotion_codes"):
		return invalid("discounts", "parameters_exclusive", "You may only specify one of these parameters: allow_promotion_codes, discounts.")
	case s.Mode == "setup" && (c.has("discounts") || c.has("allow_promotion_codes")):
		return invalid("discounts", "", "You can not pass `discounts` or `allow_promotion_codes` in `setup` mode.")
	case len(given) > 1:
		return invalid("discounts", "", "You can apply at most one discount.")
	}
	if c.has("allow_promotion_codes") {
		allowed := c.boolean("allow_promotion_codes", false)
		s.AllowPromotionCodes = &allowed
	}
	for _, one := range given {
		if len(one) != 1 {
			return invalid("discounts[0]", "parameters_exclusive", "You must specify exactly one of these parameters: coupon, promotion_code.")
		}
		s.Discounts = array[checkoutDiscount]{{text(one.text("coupon")), text(one.text("promotion_code"))}}
	}
	return nil
}

// discountForm is the session's discount as a parameter of other calls.
func (s *checkoutSession) discountForm() form {
	if len(s.Discounts) == 0 {
		return nil
	}
	if code := s.Discounts[0].PromotionCode; code != "" {
		return form{"discounts": []any{form{"promotion_code": string(code)}}}
	}
	return form{"discounts": []any{form{"coupon": string(s.Discounts[0].Coupon)}}}
}

// enterCode applies the promotion code that the payer enters.
func (t *transaction) enterCode(s *checkoutSession, code string) *apiError {
	if s.AllowPromotionCodes == nil || !*s.AllowPromotionCodes {
		return invalid("promotion_code", "", "The session takes no promotion codes.")
	}
	for _, found := range related[*promotionCode](t, "code", strings.ToLower(code)) {
		if found.isActive(t) && (found.Customer == "" || string(found.Customer) == s.payer()) {
			s.Discounts = array[checkoutDiscount]{{PromotionCode: text(found.ID)}}
			return s.addUp(t)
		}
	}
	return invalid("promotion_code", "", "This promotion code is invalid.")
}

// addUp sets what the session costs now.
func (s *checkoutSession) addUp(t *transaction) *apiError {
	if s.Mode == "payment" {
		return s.addUpOnce(t)
	}
	first, fault := s.rehearse(t)
	if fault != nil {
		return fault
	}
	s.priceItems(t, first.Lines.Data)
	s.setTotals(first.Subtotal, first.Total)
	return nil
}

// addUpOnce does that where all is paid at once.
func (s *checkoutSession) addUpOnce(t *transaction) *apiError {
	r := t.rehearsal()
	lines, cost := make([]invoiceLine, len(s.private.Items)), int64(0)
	for i, item := range s.private.Items {
		charged := get[*price](t, item.Price).in(string(s.Currency))
		lines[i] = invoiceLine{Amount: charged.amount(item.Quantity), Currency: charged.Currency, Discountable: true, Pricing: pricingOf(charged), Quantity: item.Quantity}
		cost += lines[i].Amount
	}
	owner := discounted{customer: s.payer(), currency: string(s.Currency), cost: cost}
	ids, fault := r.setDiscounts(s.discountForm(), nil, owner, "discounts")
	if fault != nil {
		return fault
	}
	r.discountLines(lines, ids)
	s.priceItems(t, lines)
	total := cost
	for _, line := range lines {
		total -= sumOff(line.DiscountAmounts)
	}
	s.setTotals(cost, total)
	return nil
}

// priceItems takes over what the lines of a bill say of the items: one line of
// what is paid once, all lines of what recurs.
func (s *checkoutSession) priceItems(t *transaction, lines []invoiceLine) {
	items := make([]checkoutItem, len(s.private.Items))
	used := map[int]bool{}
	for i, item := range s.private.Items {
		item.Subtotal, item.Total = 0, 0
		once := get[*price](t, item.Price).Type == "one_time"
		for at, line := range lines {
			if used[at] || line.Pricing.PriceDetails.Price != item.Price || once && line.Quantity != item.Quantity {
				continue
			}
			used[at] = true
			item.Subtotal += line.Amount
			item.Total += line.Amount - sumOff(line.DiscountAmounts)
			if once {
				break
			}
		}
		items[i] = item
	}
	s.private.Items = items
}

func (s *checkoutSession) setTotals(subtotal, total int64) {
	s.AmountSubtotal, s.AmountTotal, s.TotalDetails = &subtotal, &total, &checkoutTotals{AmountDiscount: subtotal - total}
	s.PaymentStatus = "unpaid"
	if total == 0 {
		s.PaymentStatus = "no_payment_required"
	}
}

// redeemOnce redeems the discount of what was paid at once.
func (t *transaction) redeemOnce(s *checkoutSession) *apiError {
	if len(s.Discounts) == 0 {
		return nil
	}
	owner := discounted{customer: s.payer(), currency: string(s.Currency)}
	from, code := string(s.Discounts[0].Coupon), get[*promotionCode](t, string(s.Discounts[0].PromotionCode))
	if code != nil {
		from = code.Promotion.Coupon
	}
	id, fault := t.redeem(from, code, owner, "discounts")
	if fault == nil {
		edit[*discount](t, id).CheckoutSession = text(s.ID)
	}
	return fault
}

// paidBefore says whether a charge is not the one that pays for what is just
// being made.
func (t *transaction) paidBefore(c *charge) bool {
	return c.Status == "succeeded" && (t.prepaid == nil || string(c.PaymentIntent) != t.prepaid.ID)
}
