package stripesim

// setDelinquent notes what became of a customer's invoice last: that Stripe
// failed to be paid by itself, or that it fell overdue; or, that it was paid or
// marked uncollectible.
func (t *transaction) setDelinquent(customerID string, is bool) {
	found := get[*customer](t, customerID)
	if found == nil || found.private.Deleted || found.Delinquent == is {
		return
	}
	before, changed := found.clone(), edit[*customer](t, customerID)
	changed.Delinquent = is
	t.changed("customer.updated", before, changed)
}
