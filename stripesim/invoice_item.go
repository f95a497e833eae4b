package stripesim

import (
	"cmp"
	"fmt"
)

const invoiceItemKind = "invoiceitem"

// invoiceItem is something to be billed with the next invoice of a customer or
// of a subscription: what was asked for by hand, or the credit or the charge of
// a change in the middle of a period.
type invoiceItem struct {
	header
	Livemode         no                 `json:"livemode"`
	Amount           int64              `json:"amount"`
	Currency         string             `json:"currency"`
	Customer         string             `json:"customer"`
	CustomerAccount  null               `json:"customer_account"`
	Date             int64              `json:"date"`
	Description      text               `json:"description"`
	Discountable     bool               `json:"discountable"`
	Discounts        array[string]      `json:"discounts"`
	Invoice          text               `json:"invoice"`
	Metadata         metadata           `json:"metadata"`
	NetAmount        int64              `json:"net_amount"`
	Parent           *invoiceItemParent `json:"parent"`
	Period           period             `json:"period"`
	Pricing          pricing            `json:"pricing"`
	Proration        bool               `json:"proration"`
	ProrationDetails itemProration      `json:"proration_details"`
	Quantity         int64              `json:"quantity"`
	QuantityDecimal  string             `json:"quantity_decimal"`
	TaxRates         emptyList          `json:"tax_rates"`
	TestClock        text               `json:"test_clock"`
}

type itemProration struct {
	CreditedItems   *creditedDebit        `json:"credited_items"`
	DiscountAmounts array[discountAmount] `json:"discount_amounts"`
}

// creditedDebit is what a credit gives back: a line of an invoice, or an
// invoice item.
type creditedDebit struct {
	InvoiceItem      text           `json:"invoice_item,omitempty"`
	InvoiceLineItems *creditedItems `json:"invoice_line_item_details,omitempty"`
	Type             string         `json:"type"`
}

type invoiceItemParent struct {
	SubscriptionDetails invoiceItemPlan `json:"subscription_details"`
	Type                string          `json:"type"`
}

type invoiceItemPlan struct {
	Subscription     string `json:"subscription"`
	SubscriptionItem string `json:"subscription_item,omitempty"`
}

func (i *invoiceItem) onClock(id text) { i.TestClock = id }
func (*invoiceItem) kind() string      { return invoiceItemKind }
func (i *invoiceItem) clone() object   { c := *i; return &c }
func (i *invoiceItem) indexes() []indexed {
	all := []indexed{{"customer", i.Customer}, {"invoice", string(i.Invoice)}}
	if i.Invoice == "" {
		all = append(all, indexed{"pending", cmp.Or(i.subscription(), i.Customer)})
	}
	return all
}

// subscription is the one whose invoices bill it. Empty: any of the customer.
func (i *invoiceItem) subscription() string {
	if i.Parent == nil {
		return ""
	}
	return i.Parent.SubscriptionDetails.Subscription
}

// itemTerms are the parameters that creation and update share.
func itemTerms() shape {
	return shape{
		"amount": anInteger(-maxAmount, maxAmount), "description": aText().orEmpty(), "discountable": aBoolean(), "discounts": discountFields(),
		"metadata": aMetadata(), "period": aHash(shape{"end": aTime().must(), "start": aTime().must()}),
		"price_data": inlinePrice(false),
		"pricing":    aHash(shape{"price": aText()}), "quantity": anInteger(0, maxQuantity),
		"unit_amount_decimal": aText(),
	}
}

func invoiceItemOperations() []operation {
	changeable := itemTerms()
	return []operation{
		{method: "POST", path: "/v1/invoiceitems", do: createInvoiceItem, fields: changeable.with(shape{
			"currency": aText(), "customer": aText(), "invoice": aText(), "subscription": aText(),
		})},
		{method: "POST", path: "/v1/invoiceitems/{}", do: updateInvoiceItem, fields: changeable},
		{method: "DELETE", path: "/v1/invoiceitems/{}", do: deleteInvoiceItem},
		{method: "GET", path: "/v1/invoiceitems", do: listInvoiceItems, fields: pageFields(shape{
			"created": aRange(), "customer": aText(), "invoice": aText(), "pending": aBoolean(),
		})},
		{method: "GET", path: "/v1/invoiceitems/{}", do: retrieve[*invoiceItem]},
	}
}

func listInvoiceItems(t *transaction, c call) (any, *apiError) {
	found := all[*invoiceItem](t)
	switch {
	case c.has("invoice"):
		found = with[*invoiceItem](t, "invoice", c.text("invoice"))
	case c.has("customer"):
		found = with[*invoiceItem](t, "customer", c.text("customer"))
	}
	return page(t, "/v1/invoiceitems", c, found, func(i *invoiceItem) bool {
		return c.within("created", i.Date) && c.word("customer", i.Customer) == i.Customer &&
			c.boolean("pending", i.Invoice == "") == (i.Invoice == "")
	})
}

// newProration notes the credit (a negative amount) or the charge for the rest
// of a period. Who calls it tells of it.
func (t *transaction) newProration(s *subscription, item subscriptionItem, amount int64, span period) *invoiceItem {
	billed := item.Price
	verb := "Remaining time on"
	if amount < 0 {
		verb = "Unused time on"
	}
	made := &invoiceItem{
		header: header{ID: t.newID("ii_1", 23), Object: invoiceItemKind}, Amount: amount, Currency: s.Currency, Customer: s.Customer,
		Date: t.now, NetAmount: amount, Period: span, Pricing: pricingOf(billed), Proration: true, Quantity: item.Quantity,
		QuantityDecimal: fmt.Sprint(item.Quantity),
		Description:     text(fmt.Sprintf("%s %d × %s", verb, item.Quantity, get[*product](t, billed.Product).Name)),
		Parent:          &invoiceItemParent{Type: "subscription_details", SubscriptionDetails: invoiceItemPlan{s.ID, item.ID}},
	}
	t.create(made)
	return made
}
