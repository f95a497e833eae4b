package stripesim

// searchOperations are the searches, each with the fields that Stripe lists.
func searchOperations() []operation {
	return []operation{
		searchCharges().operation(), searchCustomers().operation(), searchInvoices().operation(), searchPaymentIntents().operation(),
		searchPrices().operation(), searchProducts().operation(), searchSubscriptions().operation(),
	}
}

func searchCharges() searchable[*charge] {
	card := func(of func(chargeCard) string) searchField[*charge] {
		return aToken(func(c *charge) string { return of(c.PaymentMethodDetails.part().Card) })
	}
	number := func(of func(chargeCard) int64) searchField[*charge] {
		return aNumber(func(c *charge) int64 { return of(c.PaymentMethodDetails.part().Card) })
	}
	return searchable[*charge]{path: "/v1/charges/search", metadata: func(c *charge) metadata { return c.Metadata }, fields: map[string]searchField[*charge]{
		"amount": aNumber(func(c *charge) int64 { return c.Amount }),
		"billing_details.address.postal_code": aToken(func(c *charge) string {
			return string(c.BillingDetails.part().Address.PostalCode)
		}),
		"created":                                 aNumber(func(c *charge) int64 { return c.Created }),
		"currency":                                aToken(func(c *charge) string { return c.Currency }),
		"customer":                                aToken(func(c *charge) string { return string(c.Customer) }),
		"disputed":                                aFlag(func(c *charge) bool { return c.Disputed }),
		"payment_method_details.card.brand":       card(func(c chargeCard) string { return c.Brand }),
		"payment_method_details.card.exp_month":   number(func(c chargeCard) int64 { return c.ExpMonth }),
		"payment_method_details.card.exp_year":    number(func(c chargeCard) int64 { return c.ExpYear }),
		"payment_method_details.card.fingerprint": card(func(c chargeCard) string { return c.Fingerprint }),
		"payment_method_details.card.last4":       card(func(c chargeCard) string { return c.Last4 }),
		"refunded":                                aFlag(func(c *charge) bool { return c.Refunded }),
		"status":                                  aToken(func(c *charge) string { return c.Status }),
	}}
}

func searchCustomers() searchable[*customer] {
	return searchable[*customer]{
		path: "/v1/customers/search", metadata: func(c *customer) metadata { return c.Metadata },
		hidden: func(c *customer) bool { return c.private.Deleted },
		fields: map[string]searchField[*customer]{
			"created": aNumber(func(c *customer) int64 { return c.Created }),
			"email":   {word: func(c *customer) string { return string(c.Email) }, isText: true, index: emailIndex},
			"name":    aString(func(c *customer) string { return string(c.Name) }),
			"phone":   aString(func(c *customer) string { return string(c.Phone) }),
		},
	}
}

func searchInvoices() searchable[*invoice] {
	never := aToken(func(*invoice) string { return "" })
	return searchable[*invoice]{path: "/v1/invoices/search", metadata: func(i *invoice) metadata { return i.Metadata }, fields: map[string]searchField[*invoice]{
		"created":                      aNumber(func(i *invoice) int64 { return i.Created }),
		"currency":                     aToken(func(i *invoice) string { return i.Currency }),
		"customer":                     aToken(func(i *invoice) string { return i.Customer }),
		"last_finalization_error_code": never,
		"last_finalization_error_type": never,
		"number":                       aString(func(i *invoice) string { return string(i.Number) }),
		"receipt_number":               never,
		"status":                       aString(func(i *invoice) string { return i.Status }),
		"subscription":                 aString(func(i *invoice) string { return i.private.Subscription }),
		"total":                        aNumber(func(i *invoice) int64 { return i.Total }),
	}}
}

func searchPaymentIntents() searchable[*paymentIntent] {
	return searchable[*paymentIntent]{
		path: "/v1/payment_intents/search", metadata: func(p *paymentIntent) metadata { return p.Metadata },
		fields: map[string]searchField[*paymentIntent]{
			"amount":   aNumber(func(p *paymentIntent) int64 { return p.Amount }),
			"created":  aNumber(func(p *paymentIntent) int64 { return p.Created }),
			"currency": aToken(func(p *paymentIntent) string { return p.Currency }),
			"customer": aToken(func(p *paymentIntent) string { return string(p.Customer) }),
			"status":   aToken(func(p *paymentIntent) string { return p.Status }),
		},
	}
}

func searchPrices() searchable[*price] {
	return searchable[*price]{path: "/v1/prices/search", metadata: func(p *price) metadata { return p.Metadata }, fields: map[string]searchField[*price]{
		"active":     aFlag(func(p *price) bool { return p.Active }),
		"currency":   aToken(func(p *price) string { return p.Currency }),
		"lookup_key": aString(func(p *price) string { return string(p.LookupKey) }),
		"product":    aString(func(p *price) string { return p.Product }),
		"type":       aToken(func(p *price) string { return p.Type }),
	}}
}

func searchProducts() searchable[*product] {
	return searchable[*product]{path: "/v1/products/search", metadata: func(p *product) metadata { return p.Metadata }, fields: map[string]searchField[*product]{
		"active":      aFlag(func(p *product) bool { return p.Active }),
		"description": aString(func(p *product) string { return string(p.Description) }),
		"name":        aString(func(p *product) string { return p.Name }),
		"shippable":   aToken(func(*product) string { return "" }),
		"url":         aString(func(p *product) string { return string(p.URL) }),
	}}
}

func searchSubscriptions() searchable[*subscription] {
	return searchable[*subscription]{
		path: "/v1/subscriptions/search", metadata: func(s *subscription) metadata { return s.Metadata },
		fields: map[string]searchField[*subscription]{
			"canceled_at": aNumber(func(s *subscription) int64 { return int64(s.CanceledAt) }),
			"created":     aNumber(func(s *subscription) int64 { return s.Created }),
			"status":      aToken(func(s *subscription) string { return s.Status }),
		},
	}
}
