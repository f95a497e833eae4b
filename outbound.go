package payments

import (
	"context"
	"encoding/json"
	"fmt"
	"time"
)

// OutboundEvent is something that the host application is told. It is
// committed together with the change that it speaks of.
type OutboundEvent struct {
	ID        string // ours, pevt_…
	Type      OutboundType
	UserID    string
	Data      []byte // JSON
	CreatedAt time.Time
}

// OutboundType is the kind of an outbound event.
type OutboundType string

// The kinds of outbound events.
const (
	OutboundSubscriptionActivated OutboundType = "subscription.activated"
	OutboundSubscriptionChanged   OutboundType = "subscription.changed"
	OutboundSubscriptionEnded     OutboundType = "subscription.ended"
	OutboundPremiumChanged        OutboundType = "premium.changed"
	OutboundPaymentSucceeded      OutboundType = "payment.succeeded"
	OutboundPaymentFailed         OutboundType = "payment.failed"
	OutboundPaymentRefunded       OutboundType = "payment.refunded"
)

var outboundTypes = []OutboundType{
	OutboundSubscriptionActivated, OutboundSubscriptionChanged, OutboundSubscriptionEnded,
	OutboundPremiumChanged, OutboundPaymentSucceeded, OutboundPaymentFailed, OutboundPaymentRefunded,
}

// tell stores an outbound event and its deliveries to the endpoints that are
// there now.
func (s *Service) tell(ctx context.Context, tx Tx, kind OutboundType, userID string, data any) error {
	body, err := json.Marshal(data)
	if err != nil {
		return fmt.Errorf("encode %s: %w", kind, err)
	}
	event := OutboundEvent{ID: s.newID(prefixOutbound), Type: kind, UserID: userID, Data: body, CreatedAt: s.now()}
	if err := tx.InsertOutbound(ctx, event); err != nil {
		return err
	}
	endpoints, err := tx.Endpoints(ctx)
	if err != nil {
		return err
	}
	for _, endpoint := range endpoints {
		if !endpoint.hears(kind) {
			continue
		}
		delivery := Delivery{EndpointID: endpoint.ID, EventID: event.ID, Type: kind, CreatedAt: event.CreatedAt}
		if err := s.sendTo(ctx, tx, delivery); err != nil {
			return err
		}
	}
	return nil
}

// subscriptionNews is what the host is told of a subscription.
type subscriptionNews struct {
	UserID               string             `json:"user_id"`
	SubscriptionID       string             `json:"subscription_id"`
	StripeSubscriptionID string             `json:"stripe_subscription_id"`
	Plan                 string             `json:"plan"`
	Status               SubscriptionStatus `json:"status"`
	Quantity             int64              `json:"quantity"`
	CurrentPeriodEnd     *time.Time         `json:"current_period_end"`
	CancelAt             *time.Time         `json:"cancel_at"`
}

func (a *application) tellSubscription(ctx context.Context, found bool, before, after Subscription) error {
	news := subscriptionNews{
		UserID: after.UserID, SubscriptionID: after.ID, StripeSubscriptionID: after.StripeSubscriptionID,
		Plan: after.Plan, Status: after.Status, Quantity: after.Quantity,
		CurrentPeriodEnd: after.CurrentPeriodEnd, CancelAt: scheduledEnd(after),
	}
	works := func(s Subscription) bool { return s.Status == StatusActive || s.Status == StatusTrialing }
	switch {
	case after.Status.Ended():
		if found && before.Status.Ended() {
			return nil
		}
		return a.tell(ctx, a.tx, OutboundSubscriptionEnded, after.UserID, news)
	case works(after) && !(found && works(before)):
		return a.tell(ctx, a.tx, OutboundSubscriptionActivated, after.UserID, news)
	case found && !sameSubscription(before, after):
		return a.tell(ctx, a.tx, OutboundSubscriptionChanged, after.UserID, news)
	}
	return nil
}

// paymentNews is what the host is told of a payment.
type paymentNews struct {
	UserID                string        `json:"user_id"`
	PaymentID             string        `json:"payment_id"`
	StripePaymentIntentID string        `json:"stripe_payment_intent_id"`
	Amount                int64         `json:"amount"`
	AmountRefunded        int64         `json:"amount_refunded"`
	Currency              string        `json:"currency"`
	Status                PaymentStatus `json:"status"`
}

func (a *application) tellPayment(ctx context.Context, before, after Payment) error {
	var kinds []OutboundType
	switch {
	case after.Status.succeeded() && !before.Status.succeeded():
		kinds = append(kinds, OutboundPaymentSucceeded)
	case after.Status == PaymentFailed && before.Status != PaymentFailed:
		kinds = append(kinds, OutboundPaymentFailed)
	}
	if after.AmountRefunded > before.AmountRefunded {
		kinds = append(kinds, OutboundPaymentRefunded)
	}
	for _, kind := range kinds {
		err := a.tell(ctx, a.tx, kind, after.UserID, paymentNews{
			UserID: after.UserID, PaymentID: after.ID, StripePaymentIntentID: after.StripePaymentIntentID,
			Amount: after.Amount, AmountRefunded: after.AmountRefunded, Currency: after.Currency, Status: after.Status,
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (s *Service) tellPremium(ctx context.Context, tx Tx, userID string, p Premium) error {
	return s.tell(ctx, tx, OutboundPremiumChanged, userID, struct {
		UserID       string     `json:"user_id"`
		IsPremium    bool       `json:"is_premium"`
		Plan         string     `json:"plan"`
		PremiumUntil *time.Time `json:"premium_until"`
		Reason       Reason     `json:"reason"`
	}{userID, p.IsPremium, p.Plan, p.Until, p.Reason})
}
