package stripesim

import (
	"cmp"
	"slices"
	"strconv"
)

// subscriptionItem is a price and a quantity within a subscription.
type subscriptionItem struct {
	ID                 string        `json:"id"`
	Object             string        `json:"object"`
	BillingThresholds  null          `json:"billing_thresholds"`
	Created            int64         `json:"created"`
	CurrentPeriodEnd   int64         `json:"current_period_end"`
	CurrentPeriodStart int64         `json:"current_period_start"`
	Discounts          array[string] `json:"discounts"`
	Metadata           metadata      `json:"metadata"`
	Price              *price        `json:"price"` // as it was; it is shown as it is
	Quantity           int64         `json:"quantity"`
	Subscription       string        `json:"subscription"`
	TaxRates           emptyList     `json:"tax_rates"`
}

// subscriptionItems is the list of them within a subscription.
type subscriptionItems struct {
	Object  string             `json:"object"`
	Data    []subscriptionItem `json:"data"`
	HasMore no                 `json:"has_more"`
	URL     string             `json:"url"`
}

// maxItems is how many a subscription may have.
const maxItems = 20

// cloneItems is a copy of a subscription's items, to be changed.
func cloneItems(s *subscription) []subscriptionItem { return slices.Clone(s.Items.Data) }

// withPrices is the subscription as it goes over the wire, with its prices as
// they are now.
func (s *subscription) withPrices(t *transaction) *subscription {
	shown := *s
	shown.Items.Data = cloneItems(s)
	for i, item := range shown.Items.Data {
		shown.Items.Data[i].Price = get[*price](t, item.Price.ID).withoutTiers()
	}
	return &shown
}

func retrieveSubscriptionItem(t *transaction, c call) (any, *apiError) {
	s, fault := t.subscriptionOf(c.id())
	if fault != nil {
		return nil, fault
	}
	items := s.withPrices(t).Items.Data
	return items[slices.IndexFunc(items, func(item subscriptionItem) bool { return item.ID == c.id() })], nil
}

func listSubscriptionItems(t *transaction, c call) (any, *apiError) {
	s, fault := named[*subscription](t, c.text("subscription"), "subscription")
	if fault != nil {
		return nil, fault
	}
	return pageOfParts("/v1/subscription_items?subscription="+s.ID, "subscription_item", c, s.withPrices(t).Items.Data,
		func(item subscriptionItem) string { return item.ID })
}

// itemChange is what a request did to one item. A nil before is an addition, a
// nil after a removal.
type itemChange struct{ before, after *subscriptionItem }

// setItems adds, changes and removes items: with an id it is a change, without
// one an addition.
func (s *subscription) setItems(t *transaction, c call) ([]itemChange, *apiError) {
	items := slices.Clone(s.Items.Data)
	var changes []itemChange
	for i, given := range c.forms("items") {
		name := "items[" + strconv.Itoa(i) + "]"
		id := given.text("id")
		if id == "" {
			item := subscriptionItem{
				ID: t.newID("si_", 14), Object: "subscription_item", Created: t.now, Quantity: 1, Subscription: s.ID,
			}
			if fault := s.setItem(t, &item, given, name); fault != nil {
				return nil, fault
			}
			s.place(&item, t.now)
			items = append(items, item)
			changes = append(changes, itemChange{after: &item})
			continue
		}
		at := slices.IndexFunc(items, func(item subscriptionItem) bool { return item.ID == id })
		if at < 0 {
			return nil, missing("subscription_item", id, name+"[id]")
		}
		before := items[at]
		if given.boolean("deleted", false) {
			items = slices.Delete(items, at, at+1)
			changes = append(changes, itemChange{before: &before})
			if c.text("payment_behavior") != "pending_if_incomplete" {
				t.endDiscounts(before.Discounts)
			}
			continue
		}
		item := before
		if fault := s.setItem(t, &item, given, name); fault != nil {
			return nil, fault
		}
		if before.CurrentPeriodEnd > t.now && !item.Price.Recurring.sameAs(before.Price.Recurring) {
			s.place(&item, t.now)
		}
		items[at] = item
		changes = append(changes, itemChange{before: &before, after: &item})
	}
	if fault := s.checkItems(items); fault != nil {
		return nil, fault
	}
	s.Items = subscriptionItems{Object: "list", Data: items, URL: "/v1/subscription_items?subscription=" + s.ID}
	return changes, s.setItemDiscounts(t, c, changes)
}

// place gives an item that joins its present period.
func (s *subscription) place(item *subscriptionItem, at int64) {
	p := s.periodFor(item.Price.Recurring, at)
	item.CurrentPeriodStart, item.CurrentPeriodEnd = p.Start, p.End
}

func (s *subscription) checkItems(items []subscriptionItem) *apiError {
	switch {
	case len(items) == 0:
		return invalid("items", "parameter_missing", "A subscription must have at least one active item.")
	case len(items) > maxItems:
		return invalid("items", "", "Subscriptions can have up to 20 items.")
	}
	first := items[0].Price.Recurring
	seen := map[string]bool{}
	for _, item := range items {
		switch {
		case s.BillingMode.Type == "classic" && !item.Price.Recurring.sameAs(first):
			return invalid("items", "", "Currency and interval fields must match across all plans on this subscription. Found mismatch in interval field.")
		case seen[item.Price.ID]:
			return invalid("items", "", "Cannot add multiple subscription items with the same plan: "+item.Price.ID)
		}
		seen[item.Price.ID] = true
	}
	return nil
}

// setItem takes over price, quantity and metadata. A new price resets the
// quantity to one, unless it is sent again.
func (s *subscription) setItem(t *transaction, item *subscriptionItem, given form, name string) *apiError {
	chosen, fault := t.givenPrice(given, name)
	if fault != nil {
		return fault
	}
	if chosen == nil && item.Price == nil {
		return missingParam(paramName(name, "price"))
	}
	if chosen != nil && (item.Price == nil || item.Price.ID != chosen.ID) {
		if fault := s.accepts(chosen, given.has("price_data") || given.has("scheduled")); fault != nil {
			fault.param = paramName(name, "price")
			return fault
		}
		chosen = chosen.in(cmp.Or(s.Currency, chosen.Currency))
		s.Currency, item.Price, item.Quantity = chosen.Currency, chosen, 1
	}
	item.Quantity = given.integer("quantity", item.Quantity)
	merged, fault := item.Metadata.merge(given)
	item.Metadata = merged
	return fault
}

// accepts refuses a price that an item cannot have.
func (s *subscription) accepts(p *price, mayBeArchived bool) *apiError {
	switch {
	case p.Type != "recurring":
		return invalid("price", "", "The price specified is set to `type=one_time` but this field only accepts prices with `type=recurring`.")
	case !p.Active && !mayBeArchived:
		return invalid("price", "", "The price specified is inactive. This field only accepts active prices.")
	case s.Currency != "" && p.in(s.Currency) == nil:
		return otherCurrency(p, s.Currency, "price")
	}
	return nil
}
