package stripe

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/numerai-app/payments"
	stripego "github.com/stripe/stripe-go/v85"
)

// CreateCustomer implements [payments.Stripe].
func (c *Client) CreateCustomer(ctx context.Context, key string, u payments.User) (*payments.StripeCustomer, payments.News, error) {
	params := &stripego.CustomerCreateParams{Metadata: map[string]string{metadataUser: u.ID}}
	if u.Email != "" {
		params.Email = &u.Email
	}
	if u.Name != "" {
		params.Name = &u.Name
	}
	got, err := c.call(ctx, request{method: http.MethodPost, path: "/v1/customers", key: key, params: params})
	if err != nil {
		return nil, payments.News{}, fmt.Errorf("create the customer: %w", err)
	}
	news, err := got.news(payments.KindCustomer)
	if err == nil && got.replayed {
		news, err = c.Read(ctx, news.Objects[0].Ref())
	}
	if err != nil {
		return nil, payments.News{}, err
	}
	return news.Objects[0].(*payments.StripeCustomer), news, nil
}

// AttachPaymentMethod implements [payments.Stripe].
func (c *Client) AttachPaymentMethod(ctx context.Context, key, paymentMethodID, customerID string) (string, error) {
	path, err := pathOf("payment_methods", paymentMethodID, "attach")
	if err != nil {
		return "", invalidPaymentMethod(err)
	}
	params := &stripego.PaymentMethodAttachParams{Customer: &customerID}
	got, err := c.call(ctx, request{method: http.MethodPost, path: path, key: key, params: params})
	if err != nil {
		return "", fmt.Errorf("attach the payment method: %w", attachError(err))
	}
	o, err := got.object("payment_method")
	if err != nil {
		return "", err
	}
	id := o.id()
	return id, *o.err
}

// attachError lays a refusal to the payment method, which is all that the
// caller chose, unless Stripe names another parameter.
func attachError(err error) error {
	var e *apiError
	if !errors.As(err, &e) || !isRefused(err) || e.param == "customer" || strings.HasPrefix(string(e.code), "parameter_") {
		return err
	}
	return invalidPaymentMethod(e)
}

// PayInvoice implements [payments.Stripe]. Stripe refuses to take money for a
// paid invoice, so after a refusal it is read how it stands.
func (c *Client) PayInvoice(ctx context.Context, key, invoiceID, paymentMethodID string) error {
	path, err := pathOf("invoices", invoiceID, "pay")
	if err != nil {
		return payments.NotFound("such invoice at Stripe")
	}
	params := &stripego.InvoicePayParams{PaymentMethod: &paymentMethodID, OffSession: stripego.Bool(false)}
	_, err = c.call(ctx, request{method: http.MethodPost, path: path, key: key, params: params})
	if isRefused(err) && c.invoiceIs(ctx, invoiceID, payments.InvoicePaid) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("pay invoice %s: %w", invoiceID, err)
	}
	return nil
}

// VoidInvoice implements [payments.Stripe].
func (c *Client) VoidInvoice(ctx context.Context, key, invoiceID string) (payments.News, error) {
	path, err := pathOf("invoices", invoiceID, "void")
	if err != nil {
		return payments.News{}, payments.NotFound("such invoice at Stripe")
	}
	got, err := c.call(ctx, request{method: http.MethodPost, path: path, key: key})
	switch {
	case err == nil && !got.replayed:
		return got.news(payments.KindInvoice)
	case err == nil, isRefused(err) && c.invoiceIs(ctx, invoiceID, payments.InvoiceVoid):
		return c.Read(ctx, payments.Ref{Kind: payments.KindInvoice, ID: invoiceID})
	}
	return payments.News{}, fmt.Errorf("void invoice %s: %w", invoiceID, err)
}

// invoiceIs says whether an invoice has that status by now. Where it cannot be
// read the refusal that led here is the better error.
func (c *Client) invoiceIs(ctx context.Context, invoiceID string, status payments.InvoiceStatus) bool {
	g := &gathering{Client: c, ctx: ctx}
	if err := g.fetch(payments.Ref{Kind: payments.KindInvoice, ID: invoiceID}); err != nil {
		return false
	}
	return g.news.Objects[0].(*payments.StripeInvoice).Status == status
}

// Prices implements [payments.Stripe]. A price that Stripe does not have, or
// that does not recur, is a fault of the configuration and is named.
func (c *Client) Prices(ctx context.Context, ids []string) ([]payments.Price, error) {
	prices := make([]payments.Price, 0, len(ids))
	for _, id := range ids {
		price, err := c.price(ctx, id)
		if err != nil {
			return nil, fmt.Errorf("read price %q: %w", id, err)
		}
		prices = append(prices, price)
	}
	return prices, nil
}

func (c *Client) price(ctx context.Context, id string) (payments.Price, error) {
	path, err := pathOf("prices", id)
	if err != nil {
		return payments.Price{}, err
	}
	got, err := c.get(ctx, path, nil)
	if isNotFound(err) {
		return payments.Price{}, fmt.Errorf("there is no such price at Stripe in %s mode", c.mode())
	}
	if err != nil {
		return payments.Price{}, err
	}
	o, err := got.object("price")
	if err != nil {
		return payments.Price{}, err
	}
	price := readPrice(o)
	return price, *o.err
}

func readPrice(o object) payments.Price {
	recurring := o.child("recurring")
	price := payments.Price{
		ID:            o.id(),
		Currency:      o.currency(),
		Interval:      recurring.requiredText("interval"),
		IntervalCount: recurring.amount("interval_count"),
	}
	if amount, ok := o.number("unit_amount"); ok {
		price.Amount = &amount
	}
	return price
}

func (c *Client) mode() string {
	if c.livemode {
		return "live"
	}
	return "test"
}
