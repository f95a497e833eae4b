package stripesim

// This file is what coupons and discounts looked like before 2025-03-31.

// oldCoupon puts a coupon where only its id is.
func (t *transaction) oldCoupon(o tree, name string) {
	id, _ := hash(o, name)["coupon"].(string)
	o["coupon"] = t.shown(get[*coupon](t, id))
	delete(o, name)
}

// oldDiscount is the first discount of an object, which was the only one.
func (t *transaction) oldDiscount(o tree) any {
	ids, _ := o["discounts"].([]any)
	if len(ids) == 0 {
		return nil
	}
	id, _ := ids[0].(string)
	first, err := toTree(get[*discount](t, id))
	if err != nil {
		return nil
	}
	t.oldCoupon(first, "source")
	return first
}
