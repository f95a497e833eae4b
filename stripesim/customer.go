package stripesim

func createCustomer(t *transaction, _ []string, p params) (any, *apiError) {
	customer := object{
		"id": newID("cus_")[:18], "object": "customer", "address": nil, "balance": int64(0), "created": t.time,
		"currency": nil, "customer_account": nil, "default_source": nil, "delinquent": false, "description": nil, "discount": nil, "email": nil,
		"invoice_prefix": newID("")[:8], "invoice_settings": object{
			"custom_fields": nil, "default_payment_method": nil, "footer": nil, "rendering_options": nil,
		},
		"livemode": false, "metadata": object{}, "name": nil, "next_invoice_sequence": int64(1), "phone": nil,
		"preferred_locales": []any{}, "shipping": nil, "tax_exempt": "none", "test_clock": nil,
	}
	t.put(customer)
	first := len(t.events)
	if id := p.text("payment_method"); id != "" {
		if _, fault := attachPaymentMethod(t, []string{id}, params{"customer": customer.text("id")}); fault != nil {
			return nil, fault
		}
	}
	if fault := setCustomer(t, customer, p); fault != nil {
		return nil, fault
	}
	t.emitAt(first, "customer.created", customer)
	return customer, nil
}

func setCustomer(t *transaction, customer object, p params) *apiError {
	for _, name := range []string{"name", "email", "description", "phone"} {
		if p.has(name) {
			customer[name] = orNull(p.text(name))
		}
	}
	if settings := p.tree("invoice_settings"); settings.has("default_payment_method") {
		id := settings.text("default_payment_method")
		if id != "" {
			method, fault := t.find("payment_method", id, "invoice_settings[default_payment_method]")
			if fault != nil {
				return fault
			}
			if method.text("customer") != customer.text("id") {
				return invalidParam("invoice_settings[default_payment_method]", "", "The customer does not have a payment method with the ID "+id+". The payment method must be attached to the customer.")
			}
		}
		customer.object("invoice_settings")["default_payment_method"] = orNull(id)
	}
	return setMetadata(customer, p)
}

// liveCustomer is a customer that was not deleted.
func (t *transaction) liveCustomer(id, param string) (object, *apiError) {
	customer, fault := t.find("customer", id, param)
	if fault != nil || customer.boolean("_deleted") {
		fault = missing("customer", id, param)
		if param != "id" {
			fault.status = 400
		}
		return nil, fault
	}
	return customer, nil
}

func retrieveCustomer(t *transaction, args []string, _ params) (any, *apiError) {
	customer, fault := t.find("customer", args[0], "id")
	if fault != nil {
		return nil, fault
	}
	if customer.boolean("_deleted") {
		return object{"id": args[0], "object": "customer", "deleted": true}, nil
	}
	return customer, nil
}

func updateCustomer(t *transaction, args []string, p params) (any, *apiError) {
	before, fault := t.liveCustomer(args[0], "id")
	if fault != nil {
		return nil, fault
	}
	before = cloneObject(before)
	customer := t.edit(args[0])
	if fault := setCustomer(t, customer, p); fault != nil {
		return nil, fault
	}
	t.updated("customer.updated", before, customer)
	return customer, nil
}

// deleteCustomer ends the customer's subscriptions with it.
func deleteCustomer(t *transaction, args []string, _ params) (any, *apiError) {
	if _, fault := t.liveCustomer(args[0], "id"); fault != nil {
		return nil, fault
	}
	for _, subscription := range t.by("subscription", "customer", args[0]) {
		if !ended(subscription) {
			t.endSubscription(subscription.text("id"), "cancellation_requested")
		}
	}
	customer := t.edit(args[0])
	t.emit("customer.deleted", customer, nil)
	customer["_deleted"] = true
	return object{"id": args[0], "object": "customer", "deleted": true}, nil
}

func listCustomers(t *transaction, _ []string, p params) (any, *apiError) {
	return t.list(listing{
		kind: "customer", url: "/v1/customers", fields: map[string]string{"email": "email"},
		wanted: func(o object) bool { return !o.boolean("_deleted") },
	}, p)
}
