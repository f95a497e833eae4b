package stripe

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/numerai-app/payments"
	stripego "github.com/stripe/stripe-go/v85"
)

// maxIntents bounds the payment intents that are read of one invoice. An
// invoice has one, and a few more where it was paid in parts.
const maxIntents = 20

// collections are the paths of the kinds of object.
var collections = map[payments.ObjectKind]string{
	payments.KindCharge:         "charges",
	payments.KindCustomer:       "customers",
	payments.KindDispute:        "disputes",
	payments.KindInvoice:        "invoices",
	payments.KindInvoicePayment: "invoice_payments",
	payments.KindPaymentIntent:  "payment_intents",
	payments.KindRefund:         "refunds",
	payments.KindSubscription:   "subscriptions",
}

// Read implements [payments.Stripe]. What several calls answered is of the
// time of the earliest.
func (c *Client) Read(ctx context.Context, r payments.Ref) (payments.News, error) {
	g := &gathering{Client: c, ctx: ctx}
	var err error
	switch r.Kind {
	case payments.KindSubscription:
		err = g.subscription(r.ID)
	case payments.KindInvoice:
		err = g.invoice(r.ID)
	case payments.KindPaymentIntent:
		err = g.paymentIntent(r.ID)
	case payments.KindCharge:
		err = g.charge(r.ID)
	case payments.KindRefund:
		err = g.refund(r.ID)
	case payments.KindDispute:
		err = g.dispute(r.ID)
	case payments.KindInvoicePayment:
		err = g.invoicePayment(r.ID)
	case payments.KindCustomer:
		err = g.fetch(r)
	default:
		err = fmt.Errorf("%q is not a kind of object that is read", r.Kind)
	}
	if err != nil {
		return payments.News{}, fmt.Errorf("read %s %s: %w", r.Kind, r.ID, err)
	}
	return g.news, nil
}

// gathering collects the objects of several calls into one news.
type gathering struct {
	*Client
	ctx  context.Context
	news payments.News
}

// add takes the objects of one answer, each at most once: of two, the one that
// came first was asked for.
func (g *gathering) add(asOf time.Time, objects ...payments.Object) {
	g.news.Read = true
	if g.news.AsOf.IsZero() || asOf.Before(g.news.AsOf) {
		g.news.AsOf = asOf
	}
	for _, object := range objects {
		if g.find(object.Ref()) == nil {
			g.news.Objects = append(g.news.Objects, object)
		}
	}
}

// find is the object of that name, if it was gathered.
func (g *gathering) find(r payments.Ref) payments.Object {
	for _, object := range g.news.Objects {
		if object.Ref() == r {
			return object
		}
	}
	return nil
}

// expansions are the objects that Stripe is asked to give whole inside others.
// Deeper than four levels it gives nothing.
var expansions = map[payments.ObjectKind][]string{
	payments.KindInvoice:       {"payments"},
	payments.KindPaymentIntent: {"latest_charge"},
	payments.KindSubscription:  {"latest_invoice.payments"},
}

// fetch reads one object and what is expanded in it.
func (g *gathering) fetch(r payments.Ref) error {
	path, err := pathOf(collections[r.Kind], r.ID)
	if err != nil {
		return payments.NotFound("such object at Stripe")
	}
	params := struct {
		Expand []string `form:"expand"`
	}{expansions[r.Kind]}
	got, err := g.get(g.ctx, path, &params)
	if err != nil {
		return err
	}
	return g.take(r.Kind, got)
}

// take gathers the objects of an answer.
func (g *gathering) take(kind payments.ObjectKind, got answer) error {
	o, err := got.object(string(kind))
	if err != nil {
		return err
	}
	return g.takeObject(kind, got.asOf, o)
}

// takeObject gathers an object and the ones that were expanded in it.
func (g *gathering) takeObject(kind payments.ObjectKind, asOf time.Time, o object) error {
	objects, err := normaliseAs(kind, o)
	if err != nil {
		return fmt.Errorf("read Stripe's answer: %w", err)
	}
	g.add(asOf, objects...)
	for name, inner := range map[string]payments.ObjectKind{
		"latest_charge": payments.KindCharge, "latest_invoice": payments.KindInvoice,
	} {
		if o.isExpanded(name) {
			if err := g.takeObject(inner, asOf, o.child(name)); err != nil {
				return err
			}
		}
	}
	return nil
}

// also reads an object that belongs to the one that was asked for. That
// Stripe has no such object (any more) is no fault of the first.
func (g *gathering) also(kind payments.ObjectKind, id string) error {
	r := payments.Ref{Kind: kind, ID: id}
	if id == "" || g.find(r) != nil {
		return nil
	}
	if err := g.fetch(r); err != nil && !isNotFound(err) {
		return fmt.Errorf("read %s %s: %w", kind, id, err)
	}
	return nil
}

// notOfTheObject keeps a list that is not there from being taken for an object
// that is not there.
func notOfTheObject(err error) error {
	if isNotFound(err) {
		return errors.New(err.Error())
	}
	return err
}

func (g *gathering) subscription(id string) error {
	if err := g.fetch(payments.Ref{Kind: payments.KindSubscription, ID: id}); err != nil {
		return err
	}
	// Where Stripe did not expand it.
	return g.also(payments.KindInvoice, g.news.Objects[0].(*payments.StripeSubscription).LatestInvoice)
}

func (g *gathering) invoice(id string) error {
	if err := g.fetch(payments.Ref{Kind: payments.KindInvoice, ID: id}); err != nil {
		return err
	}
	return g.intentsOf(id)
}

// intentsOf reads the payment intents and charges of the gathered payments of
// an invoice.
func (g *gathering) intentsOf(invoiceID string) error {
	read := 0
	for _, object := range slices.Clone(g.news.Objects) {
		payment, ok := object.(*payments.StripeInvoicePayment)
		if !ok || payment.Invoice != invoiceID {
			continue
		}
		if read++; read > maxIntents {
			return fmt.Errorf("invoice %s has more than %d payments", invoiceID, maxIntents)
		}
		if err := g.also(payments.KindPaymentIntent, payment.PaymentIntent); err != nil {
			return err
		}
		g.pays(payment.PaymentIntent, invoiceID)
		if err := g.also(payments.KindCharge, payment.Charge); err != nil {
			return err
		}
	}
	return nil
}

// pays notes which invoice a gathered payment intent pays; empty: none.
func (g *gathering) pays(intentID, invoiceID string) {
	if intent, ok := g.find(payments.Ref{Kind: payments.KindPaymentIntent, ID: intentID}).(*payments.StripePaymentIntent); ok {
		intent.Invoice, intent.InvoiceKnown = invoiceID, true
	}
}

func (g *gathering) paymentIntent(id string) error {
	if err := g.fetch(payments.Ref{Kind: payments.KindPaymentIntent, ID: id}); err != nil {
		return err
	}
	intent := g.news.Objects[0].(*payments.StripePaymentIntent)
	if err := g.also(payments.KindCharge, intent.LatestCharge); err != nil {
		return err
	}
	invoiceID, err := g.paymentsBy(id)
	if err != nil {
		return err
	}
	if invoiceID == "" && intent.InvoiceKnown {
		invoiceID = intent.Invoice
	}
	intent.Invoice, intent.InvoiceKnown = invoiceID, true
	return g.also(payments.KindInvoice, invoiceID)
}

// paymentsBy gathers the payments of invoices by a payment intent and returns
// the invoice: it pays one at most, but a canceled payment may linger beside.
func (g *gathering) paymentsBy(intentID string) (invoiceID string, err error) {
	byStatus := map[string]string{}
	newParams := func(page stripego.ListParams) any {
		return &stripego.InvoicePaymentListParams{ListParams: page, Payment: &stripego.InvoicePaymentListPaymentParams{
			Type: stripego.String("payment_intent"), PaymentIntent: &intentID,
		}}
	}
	var found []payments.Object
	asOf, err := g.list(g.ctx, "/v1/invoice_payments", newParams, func(o object) error {
		objects, err := normaliseAs(payments.KindInvoicePayment, o)
		if err != nil {
			return err
		}
		payment := objects[0].(*payments.StripeInvoicePayment)
		if byStatus[payment.Status] == "" {
			byStatus[payment.Status] = payment.Invoice
		}
		found = append(found, payment)
		return nil
	})
	if err != nil {
		return "", fmt.Errorf("read the invoice of payment intent %s: %w", intentID, notOfTheObject(err))
	}
	g.add(asOf, found...)
	for _, status := range []string{"paid", "open", "canceled"} {
		if byStatus[status] != "" {
			return byStatus[status], nil
		}
	}
	return "", nil
}

func (g *gathering) charge(id string) error {
	if err := g.fetch(payments.Ref{Kind: payments.KindCharge, ID: id}); err != nil {
		return err
	}
	if err := g.refunds(id); err != nil { // those that failed are not in its sum
		return err
	}
	charge := g.news.Objects[0].(*payments.StripeCharge)
	if err := g.disputes(charge); err != nil {
		return err
	}
	return g.also(payments.KindPaymentIntent, charge.PaymentIntent)
}

// refunds gathers the refunds of a charge.
func (g *gathering) refunds(chargeID string) error {
	err := g.listed(payments.KindRefund, func(page stripego.ListParams) any {
		return &stripego.RefundListParams{ListParams: page, Charge: &chargeID}
	})
	if err != nil {
		return fmt.Errorf("read the refunds of charge %s: %w", chargeID, notOfTheObject(err))
	}
	return nil
}

// disputes gathers the disputes of a charge, if there ever was one.
func (g *gathering) disputes(charge *payments.StripeCharge) error {
	if !charge.Disputed {
		return nil
	}
	err := g.listed(payments.KindDispute, func(page stripego.ListParams) any {
		return &stripego.DisputeListParams{ListParams: page, Charge: &charge.ID}
	})
	if err != nil {
		return fmt.Errorf("read the disputes of charge %s: %w", charge.ID, notOfTheObject(err))
	}
	return nil
}

func (g *gathering) dispute(id string) error {
	if err := g.fetch(payments.Ref{Kind: payments.KindDispute, ID: id}); err != nil {
		return err
	}
	return g.also(payments.KindCharge, g.news.Objects[0].(*payments.StripeDispute).Charge)
}

func (g *gathering) refund(id string) error {
	if err := g.fetch(payments.Ref{Kind: payments.KindRefund, ID: id}); err != nil {
		return err
	}
	return g.also(payments.KindCharge, g.news.Objects[0].(*payments.StripeRefund).Charge)
}

func (g *gathering) invoicePayment(id string) error {
	if err := g.fetch(payments.Ref{Kind: payments.KindInvoicePayment, ID: id}); err != nil {
		return err
	}
	payment := g.news.Objects[0].(*payments.StripeInvoicePayment)
	if err := g.also(payments.KindInvoice, payment.Invoice); err != nil {
		return err
	}
	if err := g.also(payments.KindPaymentIntent, payment.PaymentIntent); err != nil {
		return err
	}
	g.pays(payment.PaymentIntent, payment.Invoice)
	return nil
}
