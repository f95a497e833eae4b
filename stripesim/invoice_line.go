package stripesim

import (
	"fmt"
	"math/big"
)

// invoiceLine is one row of an invoice.
type invoiceLine struct {
	ID                  string                `json:"id"`
	Object              string                `json:"object"`
	Amount              int64                 `json:"amount"`
	Currency            string                `json:"currency"`
	Description         text                  `json:"description"`
	DiscountAmounts     array[discountAmount] `json:"discount_amounts"`
	Discountable        bool                  `json:"discountable"`
	Discounts           array[string]         `json:"discounts"`
	Invoice             string                `json:"invoice"`
	Livemode            no                    `json:"livemode"`
	Metadata            metadata              `json:"metadata"`
	Parent              lineParent            `json:"parent"`
	Period              period                `json:"period"`
	PretaxCreditAmounts array[pretaxCredit]   `json:"pretax_credit_amounts"`
	Pricing             pricing               `json:"pricing"`
	Quantity            int64                 `json:"quantity"`
	QuantityDecimal     string                `json:"quantity_decimal"`
	Subscription        text                  `json:"subscription"`
	Subtotal            int64                 `json:"subtotal"`
	Taxes               emptyList             `json:"taxes"`
}

// invoiceLines is the list of them within an invoice.
type invoiceLines struct {
	Object  string        `json:"object"`
	Data    []invoiceLine `json:"data"`
	HasMore bool          `json:"has_more"`
	URL     string        `json:"url"`
}

type lineParent struct {
	InvoiceItemDetails      *lineInvoiceItem `json:"invoice_item_details"`
	SubscriptionItemDetails *lineItemDetails `json:"subscription_item_details"`
	Type                    string           `json:"type"`
}

// lineInvoiceItem says which invoice item, made by hand, a line bills.
type lineInvoiceItem struct {
	InvoiceItem      string           `json:"invoice_item"`
	Proration        bool             `json:"proration"`
	ProrationDetails prorationDetails `json:"proration_details"`
	Subscription     text             `json:"subscription"`
}

type lineItemDetails struct {
	InvoiceItem      text             `json:"invoice_item"`
	Proration        bool             `json:"proration"`
	ProrationDetails prorationDetails `json:"proration_details"`
	Subscription     string           `json:"subscription"`
	SubscriptionItem string           `json:"subscription_item"`
}

type prorationDetails struct {
	CreditedItems *creditedItems `json:"credited_items"`
}

type creditedItems struct {
	Invoice          string   `json:"invoice"`
	InvoiceLineItems []string `json:"invoice_line_items"`
}

type period struct {
	End   int64 `json:"end"`
	Start int64 `json:"start"`
}

type pricing struct {
	PriceDetails      pricingDetails `json:"price_details"`
	Type              string         `json:"type"`
	UnitAmountDecimal text           `json:"unit_amount_decimal"`
}

type pricingDetails struct {
	Price   string `json:"price"`
	Product string `json:"product"`
}

func pricingOf(p *price) pricing {
	return pricing{PriceDetails: pricingDetails{p.ID, p.Product}, Type: "price_details", UnitAmountDecimal: p.UnitAmountDecimal}
}

// itemLines bill an item for its present period, each tier of its price by
// itself; in a trial for nothing.
func (t *transaction) itemLines(s *subscription, item subscriptionItem) []invoiceLine {
	billed := item.Price
	name := get[*product](t, billed.Product).Name
	if s.Status == "trialing" {
		return []invoiceLine{t.itemLine(s, item, portion{quantity: item.Quantity, unit: billed.UnitAmountDecimal}, "Trial period for "+name)}
	}
	share := s.intern(item, item.CurrentPeriodStart)
	if !share.IsInt() {
		rest := portion{quantity: item.Quantity, unit: billed.UnitAmountDecimal, amount: new(big.Rat).SetInt64(s.partAmount(item, item.CurrentPeriodStart))}
		line := t.itemLine(s, item, rest, fmt.Sprintf("Remaining time on %d × %s", item.Quantity, name))
		line.Parent.SubscriptionItemDetails.Proration = true
		return []invoiceLine{line}
	}
	var lines []invoiceLine
	for _, part := range billed.portions(item.Quantity) {
		lines = append(lines, t.itemLine(s, item, part, part.describe(billed, name)))
	}
	return lines
}

// itemLine bills a part of an item.
func (t *transaction) itemLine(s *subscription, item subscriptionItem, part portion, description string) invoiceLine {
	var amount int64
	if part.amount != nil {
		amount = roundRat(part.amount)
	}
	line := invoiceLine{
		ID: t.newID("il_1", 23), Object: "line_item", Amount: amount, Currency: s.Currency, Discountable: true, Subtotal: amount,
		Metadata: s.Metadata, Period: period{item.CurrentPeriodEnd, item.CurrentPeriodStart}, Pricing: pricingOf(item.Price),
		Parent:   lineParent{Type: "subscription_item_details", SubscriptionItemDetails: &lineItemDetails{Subscription: s.ID, SubscriptionItem: item.ID}},
		Quantity: part.quantity, QuantityDecimal: fmt.Sprint(part.quantity), Subscription: text(s.ID), Discounts: t.present(item.Discounts),
		Description: text(description),
	}
	line.Pricing.UnitAmountDecimal = part.unit
	return line
}

// periodLines bill some items of a subscription for their present periods.
func (t *transaction) periodLines(s *subscription, items []subscriptionItem) []invoiceLine {
	lines := make([]invoiceLine, 0, len(items))
	for _, item := range items {
		lines = append(lines, t.itemLines(s, item)...)
	}
	return lines
}

// inlinedLines is how many lines an invoice shows; the rest are a list of
// their own.
const inlinedLines = 10

// withFewLines is the invoice as it goes over the wire.
func (i *invoice) withFewLines() *invoice {
	if len(i.Lines.Data) <= inlinedLines {
		return i
	}
	shown := *i
	shown.Lines.Data, shown.Lines.HasMore = i.Lines.Data[:inlinedLines], true
	return &shown
}

func listInvoiceLines(t *transaction, c call) (any, *apiError) {
	i, fault := one[*invoice](t, c)
	if fault != nil {
		return nil, fault
	}
	return pageOfParts("/v1/invoices/"+i.ID+"/lines", "line item", c, i.Lines.Data, func(l invoiceLine) string { return l.ID })
}
