package stripesim

import (
	"fmt"
	"slices"
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
	UnitAmountDecimal string         `json:"unit_amount_decimal"`
}

type pricingDetails struct {
	Price   string `json:"price"`
	Product string `json:"product"`
}

func pricingOf(p *price) pricing {
	return pricing{PriceDetails: pricingDetails{p.ID, p.Product}, Type: "price_details", UnitAmountDecimal: p.UnitAmountDecimal}
}

// periodLine bills an item for its present period; in a trial for nothing.
func (t *transaction) periodLine(s *subscription, item subscriptionItem) invoiceLine {
	billed := get[*price](t, item.Price.ID)
	name := get[*product](t, billed.Product).Name
	line := invoiceLine{
		ID: t.newID("il_1", 23), Object: "line_item", Amount: billed.amount(item.Quantity), Currency: s.Currency, Discountable: true,
		Metadata: s.Metadata, Period: period{item.CurrentPeriodEnd, item.CurrentPeriodStart}, Pricing: pricingOf(billed),
		Parent:   lineParent{Type: "subscription_item_details", SubscriptionItemDetails: &lineItemDetails{Subscription: s.ID, SubscriptionItem: item.ID}},
		Quantity: item.Quantity, QuantityDecimal: fmt.Sprint(item.Quantity), Subscription: text(s.ID), Discounts: t.present(item.Discounts),
		Description: text(fmt.Sprintf("%d × %s (at %s / %s)", item.Quantity, name, formatAmount(billed.amount(1), s.Currency), billed.Recurring)),
	}
	if s.Status == "trialing" {
		line.Amount, line.Description = 0, text("Trial period for "+name)
	} else if share := s.share(item, item.CurrentPeriodStart); !share.IsInt() {
		line.Amount, line.Description = s.partAmount(item, item.CurrentPeriodStart), text(fmt.Sprintf("Remaining time on %d × %s", item.Quantity, name))
		line.Parent.SubscriptionItemDetails.Proration = true
	}
	line.Subtotal = line.Amount
	return line
}

// periodLines bill some items of a subscription for their present periods.
func (t *transaction) periodLines(s *subscription, items []subscriptionItem) []invoiceLine {
	lines := make([]invoiceLine, 0, len(items))
	for _, item := range items {
		lines = append(lines, t.periodLine(s, item))
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
	lines := i.Lines.Data
	for param, id := range map[string]string{"starting_after": c.text("starting_after"), "ending_before": c.text("ending_before")} {
		if id == "" {
			continue
		}
		at := slices.IndexFunc(lines, func(l invoiceLine) bool { return l.ID == id })
		if at < 0 {
			return nil, missing("line item", id, param)
		}
		if lines = lines[at+1:]; param == "ending_before" {
			lines = i.Lines.Data[:at]
		}
	}
	limit := int(c.integer("limit", defaultPage))
	answer := listOf("/v1/invoices/"+i.ID+"/lines", lines[:min(limit, len(lines))])
	answer.HasMore = len(lines) > limit
	return answer, nil
}
