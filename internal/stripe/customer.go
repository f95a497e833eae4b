package stripe

import (
	"context"
	"fmt"

	"github.com/numerai-app/payments"
	stripego "github.com/stripe/stripe-go/v85"
)

// ReadCustomer implements [payments.Stripe].
func (c *Client) ReadCustomer(ctx context.Context, customerID string) (payments.News, error) {
	g := &gathering{Client: c, ctx: ctx}
	if err := g.customer(customerID); err != nil {
		return payments.News{}, fmt.Errorf("read customer %s and what is theirs: %w", customerID, err)
	}
	return g.news, nil
}

// customer gathers a customer and all that is theirs. Of a deleted one Stripe
// lists nothing any more.
func (g *gathering) customer(id string) error {
	if err := g.fetch(payments.Ref{Kind: payments.KindCustomer, ID: id}); err != nil {
		return err
	}
	if g.news.Objects[0].(*payments.StripeCustomer).Deleted {
		return nil
	}
	for _, list := range []struct {
		kind      payments.ObjectKind
		newParams func(page stripego.ListParams) any
	}{
		{payments.KindSubscription, func(page stripego.ListParams) any {
			return &stripego.SubscriptionListParams{ListParams: page, Customer: &id, Status: stripego.String("all")}
		}},
		{payments.KindInvoice, func(page stripego.ListParams) any {
			return &stripego.InvoiceListParams{ListParams: page, Customer: &id, Expand: stripego.StringSlice([]string{"data.payments"})}
		}},
		{payments.KindPaymentIntent, func(page stripego.ListParams) any {
			return &stripego.PaymentIntentListParams{ListParams: page, Customer: &id}
		}},
		{payments.KindCharge, func(page stripego.ListParams) any {
			return &stripego.ChargeListParams{ListParams: page, Customer: &id}
		}},
	} {
		if err := g.listed(list.kind, list.newParams); err != nil {
			return fmt.Errorf("list the %s: %w", collections[list.kind], notOfTheObject(err))
		}
	}
	for _, object := range g.news.Objects {
		switch o := object.(type) {
		case *payments.StripeInvoicePayment:
			if o.Status != "canceled" {
				g.pays(o.PaymentIntent, o.Invoice)
			}
		case *payments.StripeCharge:
			if err := g.disputes(o); err != nil {
				return err
			}
			if o.AmountRefunded == 0 {
				continue
			}
			if err := g.refunds(o.ID); err != nil {
				return err
			}
		}
	}
	return nil
}

// listed gathers the objects of a list.
func (g *gathering) listed(kind payments.ObjectKind, newParams func(page stripego.ListParams) any) error {
	var found []payments.Object
	asOf, err := g.list(g.ctx, "/v1/"+collections[kind], newParams, func(o object) error {
		objects, err := normaliseAs(kind, o)
		found = append(found, objects...)
		return err
	})
	if err != nil {
		return err
	}
	g.add(asOf, found...)
	return nil
}
