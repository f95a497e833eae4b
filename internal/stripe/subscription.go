package stripe

import (
	"context"
	"fmt"
	"net/http"

	"github.com/numerai-app/payments"
	stripego "github.com/stripe/stripe-go/v85"
)

// payable is what has to be expanded in a subscription to pay it.
var payable = []*string{
	stripego.String("latest_invoice.payments"),
	stripego.String("latest_invoice.confirmation_secret"),
	stripego.String("pending_setup_intent"),
}

// CreateSubscription implements [payments.Stripe].
func (c *Client) CreateSubscription(ctx context.Context, key string, r payments.NewSubscription) (payments.SubscriptionAnswer, error) {
	params := &stripego.SubscriptionCreateParams{
		Customer: &r.CustomerID,
		Items:    []*stripego.SubscriptionCreateItemParams{{Price: &r.Price, Quantity: stripego.Int64(max(r.Quantity, 1))}},
		Metadata: map[string]string{metadataUser: r.UserID},
		// The payer is there and can take the bank's step.
		OffSession:      stripego.Bool(false),
		PaymentBehavior: stripego.String("default_incomplete"),
		PaymentSettings: &stripego.SubscriptionCreatePaymentSettingsParams{
			SaveDefaultPaymentMethod: stripego.String("on_subscription"),
		},
		Expand: payable,
	}
	if r.PaymentMethodID != "" {
		params.DefaultPaymentMethod = &r.PaymentMethodID
		params.PaymentBehavior = stripego.String("allow_incomplete")
	}
	if r.TrialDays > 0 {
		params.TrialPeriodDays = stripego.Int64(int64(r.TrialDays))
	}
	got, err := c.call(ctx, request{method: http.MethodPost, path: "/v1/subscriptions", key: key, params: params})
	if err != nil {
		return payments.SubscriptionAnswer{}, fmt.Errorf("create the subscription: %w", err)
	}
	if got.replayed {
		o, err := got.object("subscription")
		if err != nil {
			return payments.SubscriptionAnswer{}, err
		}
		return c.ReadSubscription(ctx, o.text("id"))
	}
	return c.subscriptionAnswer(ctx, got)
}

// ReadSubscription implements [payments.Stripe].
func (c *Client) ReadSubscription(ctx context.Context, subscriptionID string) (payments.SubscriptionAnswer, error) {
	path, err := pathOf("subscriptions", subscriptionID)
	if err != nil {
		return payments.SubscriptionAnswer{}, payments.NotFound("such subscription at Stripe")
	}
	got, err := c.get(ctx, path, &stripego.SubscriptionRetrieveParams{Expand: payable})
	if err != nil {
		return payments.SubscriptionAnswer{}, fmt.Errorf("read subscription %s: %w", subscriptionID, err)
	}
	return c.subscriptionAnswer(ctx, got)
}

// subscriptionAnswer reads what an answer says of a subscription, and the
// payment intent of its invoice, of which it gives no more than the id.
func (c *Client) subscriptionAnswer(ctx context.Context, got answer) (payments.SubscriptionAnswer, error) {
	o, err := got.object("subscription")
	if err != nil {
		return payments.SubscriptionAnswer{}, err
	}
	g := &gathering{Client: c, ctx: ctx}
	if err := g.takeObject(payments.KindSubscription, got.asOf, o); err != nil {
		return payments.SubscriptionAnswer{}, err
	}
	result := payments.SubscriptionAnswer{Subscription: g.news.Objects[0].(*payments.StripeSubscription)}
	if id := result.Subscription.LatestInvoice; id != "" {
		if err := g.also(payments.KindInvoice, id); err != nil {
			return payments.SubscriptionAnswer{}, err
		}
		if err := g.intentsOf(id); err != nil {
			return payments.SubscriptionAnswer{}, err
		}
		result.Invoice, _ = g.find(payments.Ref{Kind: payments.KindInvoice, ID: id}).(*payments.StripeInvoice)
		result.PaymentIntent = g.intentToPay(id)
	}
	result.News, result.ClientSecret = g.news, clientSecret(o, result)
	return result, *o.err
}

// intentToPay is the payment intent that stands for an invoice: that of its
// open payment, else that of the one that paid it, else any.
func (g *gathering) intentToPay(invoiceID string) *payments.StripePaymentIntent {
	byStatus := map[string]*payments.StripePaymentIntent{}
	for _, object := range g.news.Objects {
		payment, ok := object.(*payments.StripeInvoicePayment)
		if !ok || payment.Invoice != invoiceID {
			continue
		}
		intent := payments.Ref{Kind: payments.KindPaymentIntent, ID: payment.PaymentIntent}
		if found, ok := g.find(intent).(*payments.StripePaymentIntent); ok && byStatus[payment.Status] == nil {
			byStatus[payment.Status] = found
		}
	}
	for _, status := range []string{"open", "paid", "canceled"} {
		if byStatus[status] != nil {
			return byStatus[status]
		}
	}
	return nil
}

// clientSecret lets the browser pay the open invoice of a subscription, or
// leave a payment method for the end of its trial.
func clientSecret(o object, a payments.SubscriptionAnswer) string {
	if a.Invoice != nil && a.Invoice.Status == payments.InvoiceOpen && o.isExpanded("latest_invoice") {
		secret := o.child("latest_invoice").child("confirmation_secret").text("client_secret")
		if secret != "" {
			return secret
		}
	}
	if !o.isExpanded("pending_setup_intent") {
		return ""
	}
	setup := o.child("pending_setup_intent")
	switch setup.text("status") {
	case "succeeded", "canceled", "processing":
		return ""
	}
	return setup.text("client_secret")
}

// SetDefaultPaymentMethod implements [payments.Stripe].
func (c *Client) SetDefaultPaymentMethod(ctx context.Context, key, subscriptionID, paymentMethodID string) error {
	path, err := pathOf("subscriptions", subscriptionID)
	if err != nil {
		return payments.NotFound("such subscription at Stripe")
	}
	params := &stripego.SubscriptionUpdateParams{DefaultPaymentMethod: &paymentMethodID}
	if _, err := c.call(ctx, request{method: http.MethodPost, path: path, key: key, params: params}); err != nil {
		return fmt.Errorf("set the payment method of subscription %s: %w", subscriptionID, err)
	}
	return nil
}

// CancelSubscription implements [payments.Stripe]. Stripe refuses to end one
// twice, so after a refusal it is read how it stands.
func (c *Client) CancelSubscription(ctx context.Context, key, subscriptionID string) (payments.News, error) {
	path, err := pathOf("subscriptions", subscriptionID)
	if err != nil {
		return payments.News{}, payments.NotFound("such subscription at Stripe")
	}
	got, err := c.call(ctx, request{method: http.MethodDelete, path: path, key: key})
	switch {
	case err == nil && !got.replayed:
		return got.news(payments.KindSubscription)
	case err != nil && !isRefused(err):
		return payments.News{}, fmt.Errorf("cancel subscription %s: %w", subscriptionID, err)
	}
	news, readErr := c.Read(ctx, payments.Ref{Kind: payments.KindSubscription, ID: subscriptionID})
	if readErr != nil {
		return payments.News{}, fmt.Errorf("after canceling it: %w", readErr)
	}
	if err != nil && !news.Objects[0].(*payments.StripeSubscription).Status.Ended() {
		return payments.News{}, fmt.Errorf("cancel subscription %s: %w", subscriptionID, err)
	}
	return news, nil
}

// SubscriptionsOf implements [payments.Stripe].
func (c *Client) SubscriptionsOf(ctx context.Context, customerID string) (payments.News, error) {
	if !validID(customerID) {
		return payments.News{}, payments.NotFound("such customer at Stripe")
	}
	newParams := func(page stripego.ListParams) any {
		return &stripego.SubscriptionListParams{
			ListParams: page, Customer: &customerID, Expand: []*string{stripego.String("data.latest_invoice")},
		}
	}
	g := &gathering{Client: c, ctx: ctx}
	var live []object
	asOf, err := c.list(ctx, "/v1/subscriptions", newParams, func(o object) error {
		if !payments.SubscriptionStatus(o.text("status")).Ended() {
			live = append(live, o)
		}
		return nil
	})
	if err != nil {
		return payments.News{}, fmt.Errorf("list the subscriptions of customer %s: %w", customerID, err)
	}
	g.add(asOf)
	for _, o := range live {
		if err := g.takeObject(payments.KindSubscription, asOf, o); err != nil {
			return payments.News{}, fmt.Errorf("list the subscriptions of customer %s: %w", customerID, err)
		}
	}
	return g.news, nil
}
