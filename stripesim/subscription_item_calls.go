package stripesim

import "strings"

// This file has the calls that change a subscription one item at a time. Each
// is an update of the subscription with that item.

func subscriptionItemOperations() []operation {
	billing := shape{
		"payment_behavior":   aWord("allow_incomplete", "default_incomplete", "error_if_incomplete", "pending_if_incomplete"),
		"proration_behavior": aWord("always_invoice", "create_prorations", "none"), "proration_date": aTime(),
	}
	changed := itemFields().with(billing)
	return []operation{
		{method: "POST", path: "/v1/subscription_items", do: createSubscriptionItem, fields: changed.with(shape{"subscription": aText().must()})},
		{method: "GET", path: "/v1/subscription_items", do: listSubscriptionItems, fields: pageFields(shape{"subscription": aText().must()})},
		{method: "GET", path: "/v1/subscription_items/{}", do: retrieveSubscriptionItem},
		{method: "POST", path: "/v1/subscription_items/{}", do: updateSubscriptionItem, fields: changed.with(shape{"off_session": aBoolean()})},
		{method: "DELETE", path: "/v1/subscription_items/{}", do: deleteSubscriptionItem, fields: billing},
	}
}

// maxQuantity is how many of a price an item may have.
const maxQuantity = 999999

// itemFields are the parameters of an item, within a subscription or alone.
func itemFields() shape {
	return shape{
		"discounts": discountFields(), "metadata": aMetadata(), "price": aText(),
		"price_data": inlinePrice(true), "quantity": anInteger(0, maxQuantity),
	}
}

func createSubscriptionItem(t *transaction, c call) (any, *apiError) {
	found, fault := named[*subscription](t, c.text("subscription"), "subscription")
	if fault != nil {
		return nil, fault
	}
	if !c.has("price") && !c.has("price_data") {
		return nil, missingParam("price")
	}
	s, fault := t.changeItem(found, c, form{})
	if fault != nil {
		return nil, fault
	}
	items := s.withPrices(t).Items.Data
	return items[len(items)-1], nil
}

func updateSubscriptionItem(t *transaction, c call) (any, *apiError) {
	found, fault := t.subscriptionOf(c.id())
	if fault != nil {
		return nil, fault
	}
	if _, fault := t.changeItem(found, c, form{"id": c.id()}); fault != nil {
		return nil, fault
	}
	return retrieveSubscriptionItem(t, c)
}

func deleteSubscriptionItem(t *transaction, c call) (any, *apiError) {
	found, fault := t.subscriptionOf(c.id())
	if fault != nil {
		return nil, fault
	}
	if _, fault := t.changeItem(found, c, form{"id": c.id(), "deleted": true}); fault != nil {
		return nil, fault
	}
	return deletedObject{c.id(), "subscription_item", true}, nil
}

// subscriptionOf is the subscription that has an item, or a refusal.
func (t *transaction) subscriptionOf(item string) (*subscription, *apiError) {
	for _, s := range related[*subscription](t, "item", item) {
		t.enterClock(s.clock)
		return s, nil
	}
	return nil, missing("subscription_item", item, "item").notFound()
}

// changeItem updates a subscription with what a call says of one item.
func (t *transaction) changeItem(s *subscription, c call, item form) (*subscription, *apiError) {
	whole := form{"items": []any{item}}
	for name, value := range c.form {
		switch name {
		case "discounts", "metadata", "price", "price_data", "quantity":
			item[name] = value
		case "off_session", "payment_behavior", "proration_behavior", "proration_date":
			whole[name] = value
		}
	}
	changed, fault := t.update(s, call{form: whole, ids: []string{s.ID}})
	if fault != nil {
		if inner, ok := strings.CutPrefix(fault.param, "items[0]["); ok {
			head, rest, _ := strings.Cut(inner, "]")
			fault.param = head + rest
		}
		return nil, fault
	}
	return changed, nil
}
