package store

import (
	"context"
	"time"

	"github.com/numerai-app/payments"
	"github.com/numerai-app/payments/internal/store/queries"
)

// What is known of subscriptions, payments and Stripe's other objects.

func (t *transaction) Subscription(ctx context.Context, stripeSubscriptionID string) (payments.Subscription, error) {
	return recalled(t.known.subscriptions, "subscription", stripeSubscriptionID, func() (payments.Subscription, error) {
		row, err := t.queries.Subscription(ctx, stripeSubscriptionID)
		return found(t, row, err, subscriptionOf, "subscription", stripeSubscriptionID)
	})
}

func (t *transaction) SubscriptionsOf(ctx context.Context, userID string) ([]payments.Subscription, error) {
	return t.known.subscriptionsBy(userID, func() ([]payments.Subscription, error) {
		rows, err := t.queries.SubscriptionsOf(ctx, userID)
		return list(t, rows, err, subscriptionOf, "subscriptions")
	})
}

func (t *transaction) UnmappedSubscriptions(ctx context.Context, after string, limit int) ([]payments.Subscription, error) {
	rows, err := t.queries.UnmappedSubscriptions(ctx, queries.UnmappedSubscriptionsParams{
		StripeSubscriptionID: after, Limit: rowLimit(limit),
	})
	return list(t, rows, err, subscriptionOf, "subscriptions without a plan")
}

func (t *transaction) OverdueSubscriptions(ctx context.Context, endedBefore time.Time, after payments.Subscription, limit int) ([]payments.Subscription, error) {
	before, afterEnd := utc(endedBefore), utc(zeroIfNil(after.CurrentPeriodEnd))
	rows, err := t.queries.OverdueSubscriptions(ctx, queries.OverdueSubscriptionsParams{
		EndedBefore: &before, AfterEnd: &afterEnd, AfterID: after.StripeSubscriptionID, MaxRows: rowLimit(limit),
	})
	return list(t, rows, err, subscriptionOf, "subscriptions whose period is over")
}

func (t *transaction) PutSubscription(ctx context.Context, s payments.Subscription) error {
	row := subscriptionRow(s)
	t.known.putSubscription(subscriptionOf(row))
	return t.fail("store the subscription", t.writes.PutSubscription(ctx, queries.PutSubscriptionParams(row)))
}

func (t *transaction) Object(ctx context.Context, id string) (payments.StoredObject, error) {
	return recalled(t.known.objects, "object", id, func() (payments.StoredObject, error) {
		row, err := t.queries.Object(ctx, id)
		return found(t, row, err, objectOf, "object", id)
	})
}

func (t *transaction) ObjectsByCharge(ctx context.Context, chargeID string) ([]payments.StoredObject, error) {
	return t.known.objectsBy(link{payments.KindCharge, chargeID}, func() ([]payments.StoredObject, error) {
		rows, err := t.queries.ObjectsByCharge(ctx, chargeID)
		return list(t, rows, err, objectOf, "objects of the charge")
	})
}

func (t *transaction) ObjectsByInvoice(ctx context.Context, invoiceID string) ([]payments.StoredObject, error) {
	return t.known.objectsBy(link{payments.KindInvoice, invoiceID}, func() ([]payments.StoredObject, error) {
		rows, err := t.queries.ObjectsByInvoice(ctx, invoiceID)
		return list(t, rows, err, objectOf, "objects of the invoice")
	})
}

func (t *transaction) ObjectsByPaymentIntent(ctx context.Context, paymentIntentID string) ([]payments.StoredObject, error) {
	return t.known.objectsBy(link{payments.KindPaymentIntent, paymentIntentID}, func() ([]payments.StoredObject, error) {
		rows, err := t.queries.ObjectsByPaymentIntent(ctx, paymentIntentID)
		return list(t, rows, err, objectOf, "objects of the payment intent")
	})
}

func (t *transaction) OpenInvoices(ctx context.Context, stripeSubscriptionID string) ([]payments.StoredObject, error) {
	return t.known.objectsBy(link{payments.KindSubscription, stripeSubscriptionID}, func() ([]payments.StoredObject, error) {
		rows, err := t.queries.OpenInvoices(ctx, stripeSubscriptionID)
		return list(t, rows, err, objectOf, "open invoices")
	})
}

func (t *transaction) PutObject(ctx context.Context, o payments.StoredObject) error {
	row := objectRow(o)
	t.known.putObject(objectOf(row))
	return t.fail("store the object", t.writes.PutObject(ctx, queries.PutObjectParams(row)))
}

func (t *transaction) Payment(ctx context.Context, paymentIntentID string) (payments.Payment, error) {
	return recalled(t.known.payments, "payment", paymentIntentID, func() (payments.Payment, error) {
		row, err := t.queries.Payment(ctx, paymentIntentID)
		if row, err = found(t, row, err, func(r queries.Payment) queries.Payment { return r }, "payment", paymentIntentID); err != nil {
			return payments.Payment{}, err
		}
		return paymentOf(row)
	})
}

func (t *transaction) PutPayment(ctx context.Context, p payments.Payment) error {
	row, err := paymentRow(p)
	if err != nil {
		return err
	}
	written, err := paymentOf(row)
	if err != nil {
		return err
	}
	t.known.putPayment(written)
	return t.fail("store the payment", t.writes.PutPayment(ctx, queries.PutPaymentParams(row)))
}

func (t *transaction) BillingEntry(ctx context.Context, kind payments.BillingKind, source string) (payments.BillingEntry, error) {
	row, err := t.queries.BillingEntry(ctx, queries.BillingEntryParams{Kind: string(kind), Source: source})
	return found(t, row, err, billingEntryOf, "entry of the billing history", source)
}

func (t *transaction) BillingHistory(ctx context.Context, userID string, offset, limit int) ([]payments.BillingEntry, int, error) {
	count, err := t.queries.CountBillingHistory(ctx, userID)
	if err != nil {
		return nil, 0, t.fail("count the billing history", err)
	}
	if int64(offset) >= count || limit <= 0 {
		return nil, int(count), nil
	}
	rows, err := t.queries.BillingHistory(ctx, queries.BillingHistoryParams{
		UserID: userID, Limit: rowLimit(limit), Offset: rowLimit(offset),
	})
	entries, err := list(t, rows, err, billingEntryOf, "billing history")
	return entries, int(count), err
}

func (t *transaction) PutBillingEntry(ctx context.Context, e payments.BillingEntry) error {
	err := t.writes.PutBillingEntry(ctx, queries.PutBillingEntryParams(billingEntryRow(e)))
	return t.fail("store the entry of the billing history", err)
}

func (t *transaction) DeleteBillingEntry(ctx context.Context, kind payments.BillingKind, source string) error {
	err := t.writes.DeleteBillingEntry(ctx, queries.DeleteBillingEntryParams{Kind: string(kind), Source: source})
	return t.fail("delete the entry of the billing history", err)
}
