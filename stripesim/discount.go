package stripesim

import (
	"encoding/json"
	"slices"
)

const discountKind = "discount"

// discount is a coupon that was redeemed: for a subscription or one of its
// items, for an invoice or for one of its lines.
type discount struct {
	header
	CheckoutSession  text         `json:"checkout_session"`
	Customer         text         `json:"customer"`
	CustomerAccount  null         `json:"customer_account"`
	End              moment       `json:"end"`
	Invoice          text         `json:"invoice"`
	InvoiceItem      text         `json:"invoice_item"`
	PromotionCode    text         `json:"promotion_code"`
	Source           couponSource `json:"source"`
	Start            int64        `json:"start"`
	Subscription     text         `json:"subscription"`
	SubscriptionItem text         `json:"subscription_item"`

	private discountPrivate
}

type discountPrivate struct {
	// Gone discounts take nothing off any more; old invoices still show them.
	Gone bool `json:"gone,omitempty"`
	// What the coupon said, which may be deleted by now.
	AmountOff  int64    `json:"amount_off,omitempty"`
	PercentOff string   `json:"percent_off,omitempty"`
	Duration   string   `json:"duration"`
	Products   []string `json:"products,omitempty"`
}

func (*discount) kind() string    { return discountKind }
func (d *discount) clone() object { c := *d; return &c }
func (d *discount) hidden() any   { return &d.private }
func (d *discount) indexes() []indexed {
	return []indexed{{"subscription", string(d.Subscription)}}
}

// due is the end of a discount of a subscription that repeats.
func (d *discount) due() int64 {
	if d.private.Gone || d.Subscription == "" {
		return 0
	}
	return int64(d.End)
}

// isFor says whether a discount is for a product.
func (d *discount) isFor(product string) bool {
	return len(d.private.Products) == 0 || slices.Contains(d.private.Products, product)
}

// array is a list that is empty on the wire where there is nothing.
type array[T any] []T

// MarshalJSON implements [json.Marshaler]: nothing is [] and not null.
func (a array[T]) MarshalJSON() ([]byte, error) {
	if len(a) == 0 {
		return []byte("[]"), nil
	}
	return json.Marshal([]T(a))
}

// deletedDiscount is the answer to the deletion of a discount.
type deletedDiscount struct {
	CheckoutSession  null         `json:"checkout_session"`
	Customer         text         `json:"customer"`
	CustomerAccount  null         `json:"customer_account"`
	Deleted          bool         `json:"deleted"`
	ID               string       `json:"id"`
	Invoice          text         `json:"invoice"`
	InvoiceItem      text         `json:"invoice_item"`
	Object           string       `json:"object"`
	PromotionCode    text         `json:"promotion_code"`
	Source           couponSource `json:"source"`
	Start            int64        `json:"start"`
	Subscription     text         `json:"subscription"`
	SubscriptionItem text         `json:"subscription_item"`
}

func discountOperations() []operation {
	return []operation{
		{method: "GET", path: "/v1/customers/{}/discount", do: noCustomerDiscount},
		{method: "DELETE", path: "/v1/customers/{}/discount", do: noCustomerDiscount},
		{method: "DELETE", path: "/v1/subscriptions/{}/discount", do: deleteSubscriptionDiscount},
	}
}

// noCustomerDiscount refuses what there cannot be: no call of this version of
// the API gives a customer a discount.
func noCustomerDiscount(t *transaction, c call) (any, *apiError) {
	if _, fault := t.livingCustomer(c.id(), "customer"); fault != nil {
		return nil, fault.notFound()
	}
	fault := refused("resource_missing", "No active discount for customer: "+c.id())
	return nil, fault.notFound()
}

// deleteSubscriptionDiscount takes all discounts of a subscription away, and
// answers with the first.
func deleteSubscriptionDiscount(t *transaction, c call) (any, *apiError) {
	found, fault := one[*subscription](t, c)
	if fault == nil && (found.ended() || len(found.Discounts) == 0) {
		fault = refused("resource_missing", "No active discount for subscription: "+c.id()).notFound()
	}
	if fault != nil {
		return nil, fault
	}
	s := edit[*subscription](t, c.id())
	first := get[*discount](t, s.Discounts[0])
	t.endDiscounts(s.Discounts)
	s.Discounts = nil
	t.changed("customer.subscription.updated", found, s)
	return deletedDiscount{
		Customer: first.Customer, Deleted: true, ID: first.ID, Object: discountKind, PromotionCode: first.PromotionCode, Source: first.Source,
		Start: first.Start, Subscription: first.Subscription, SubscriptionItem: first.SubscriptionItem,
	}, nil
}

// endDiscounts ends discounts; who shows them forgets them.
func (t *transaction) endDiscounts(ids []string) {
	for _, id := range ids {
		gone := edit[*discount](t, id)
		gone.private.Gone = true
		t.emit("customer.discount.deleted", gone)
	}
}

// workDiscount is the clock's work on a discount: its end.
func (t *transaction) workDiscount(id string) {
	d := get[*discount](t, id)
	t.endDiscounts([]string{id})
	before := get[*subscription](t, string(d.Subscription))
	if before.ended() {
		return
	}
	before = before.clone().(*subscription)
	s := edit[*subscription](t, before.ID)
	s.forgetDiscount(id)
	t.changed("customer.subscription.updated", before, s)
}

// forgetDiscount takes a discount off a subscription and its items.
func (s *subscription) forgetDiscount(id string) {
	is := func(other string) bool { return other == id }
	s.Discounts = slices.DeleteFunc(slices.Clone(s.Discounts), is)
	s.Items.Data = slices.Clone(s.Items.Data)
	for i, item := range s.Items.Data {
		s.Items.Data[i].Discounts = slices.DeleteFunc(slices.Clone(item.Discounts), is)
	}
}

// useUp ends the discounts of a subscription that were for one invoice, when
// they took something off it.
func (t *transaction) useUp(s *subscription, i *invoice) {
	for _, off := range i.TotalDiscountAmounts {
		if d := get[*discount](t, off.Discount); off.Amount > 0 && string(d.Subscription) == s.ID && d.private.Duration == "once" && !d.private.Gone {
			t.endDiscounts([]string{d.ID})
			s.forgetDiscount(d.ID)
		}
	}
}

// monthsLater is a number of months after a time, by the calendar.
func monthsLater(start, months int64) int64 {
	every := recurring{Interval: "month", IntervalCount: months}
	return every.next(start, start)
}
