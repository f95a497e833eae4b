package payments

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
)

// CreateSubscriptionParams asks for a subscription of a plan.
type CreateSubscriptionParams struct {
	// User is who subscribes. Email and name are used when Stripe is first
	// told of the user.
	User User
	// Plan is the id of a plan. Required.
	Plan string
	// PaymentMethodID is the payment method that pays, such as pm_…. Empty:
	// the subscription waits for the browser to pay, with a client secret.
	PaymentMethodID string
	// Quantity is the number of seats, 1 to 1,000,000; 0 means 1.
	Quantity int64
	// IdempotencyKey makes a retry safe: the same key and request gets the
	// stored answer for 24 hours. Empty: none.
	IdempotencyKey string
}

// MaxQuantity is the largest number of seats of a subscription.
const MaxQuantity = 1_000_000

func (p CreateSubscriptionParams) validate() []FieldError {
	faults := p.User.validate()
	if p.Plan == "" {
		faults = append(faults, FieldError{"plan", "Say which plan."})
	}
	if p.Quantity < 0 || p.Quantity > MaxQuantity {
		faults = append(faults, FieldError{"quantity", "A quantity is a number from 1 to 1000000."})
	}
	if len(p.PaymentMethodID) > 255 || strings.ContainsFunc(p.PaymentMethodID, notInID) {
		faults = append(faults, FieldError{"payment_method_id", "This is not the id of a payment method."})
	}
	if len(p.IdempotencyKey) > 255 {
		faults = append(faults, FieldError{"Idempotency-Key", "An idempotency key has 1 to 255 characters."})
	}
	return faults
}

// notInID keeps out what could change the path of a call to Stripe.
func notInID(r rune) bool {
	return r != '_' && r != '-' && (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z')
}

// CreatedSubscription is the answer to CreateSubscription.
type CreatedSubscription struct {
	Message              string `json:"message"`
	SubscriptionID       string `json:"subscription_id"`
	StripeSubscriptionID string `json:"stripe_subscription_id"`
	// ClientSecret lets the browser pay; nil when there is nothing to pay.
	ClientSecret *string            `json:"client_secret"`
	Status       SubscriptionStatus `json:"status"`
	// Replayed says that this is the stored answer to an earlier request.
	Replayed bool `json:"-"`
}

// createSubscriptionRequest is what an operation keeps of the params.
type createSubscriptionRequest struct {
	Plan            string `json:"plan"`
	PaymentMethodID string `json:"payment_method_id"`
	Quantity        int64  `json:"quantity"`
	// Email and Name are told to Stripe when the customer is made. They are kept
	// with the operation, since a repeated call has to be the same to the
	// letter, and are no part of what tells two requests apart.
	Email string `json:"email,omitempty"`
	Name  string `json:"name,omitempty"`
}

// CreateSubscription subscribes a user to a plan. With a payment method that
// works the subscription is active, or trialing, when it returns. Without one,
// or where the bank asks for a step of the payer, it is incomplete, and the
// client secret lets the browser pay.
//
// ErrInvalid: the plan or a field is wrong. ErrConflict: the user has a
// subscription already, another request of the user is under way, or the
// idempotency key was used for something else. ErrDeclined: the card was
// refused; call again with another one, which pays the same subscription where
// Stripe made one. ErrRateLimited: too many refused cards. ErrUnavailable:
// Stripe or the database does not answer; the same call again never doubles
// anything.
func (s *Service) CreateSubscription(ctx context.Context, p CreateSubscriptionParams) (*CreatedSubscription, error) {
	if faults := p.validate(); faults != nil {
		return nil, invalid(faults...)
	}
	if _, ok := s.rule.Plans.ByID(p.Plan); !ok {
		return nil, s.rule.Plans.unknown(p.Plan)
	}
	user, err := s.rememberUser(ctx, p.User)
	if err != nil {
		return nil, err
	}
	request := createSubscriptionRequest{Plan: p.Plan, PaymentMethodID: p.PaymentMethodID, Quantity: max(p.Quantity, 1)}
	operation, err := s.newOperation(operationCreateSubscription, p.User.ID, p.IdempotencyKey, request)
	if err != nil {
		return nil, err
	}
	request.Email, request.Name = user.Email, user.Name
	if operation.Request, err = json.Marshal(request); err != nil {
		return nil, fmt.Errorf("encode the request: %w", err)
	}
	created := new(CreatedSubscription)
	if created.Replayed, err = s.operate(ctx, operation, created); err != nil {
		return nil, err
	}
	return created, nil
}

// rememberUser stores what the application says of a user, where that is new,
// and returns all that is known.
func (s *Service) rememberUser(ctx context.Context, u User) (User, error) {
	var all User
	err := s.store.Update(ctx, func(tx Tx) error {
		known, err := tx.Customer(ctx, u.ID)
		if err != nil && !isNotFound(err) {
			return err
		}
		customer := known
		if isNotFound(err) {
			if customer, err = s.customerOf(ctx, tx, u.ID); err != nil {
				return err
			}
		}
		customer.Email, customer.Name = firstOf(u.Email, known.Email), firstOf(u.Name, known.Name)
		all = customer.User
		if customer.User == known.User {
			return nil
		}
		customer.UpdatedAt = s.now()
		return tx.PutCustomer(ctx, customer)
	})
	if err != nil {
		return User{}, fmt.Errorf("store the user: %w", err)
	}
	return all, nil
}

const (
	// maxDeclines is how many refused cards a user may try within
	// declineWindow: whoever tests stolen cards tries more.
	maxDeclines   = 10
	declineWindow = time.Hour
)

// createDecision is what is asked of Stripe, once it is clear that the user may
// have the subscription.
type createDecision struct {
	Plan string          `json:"plan"` // its name
	New  NewSubscription `json:"new"`
	// Unfinished and Invoice name a subscription whose first payment is
	// missing, which is paid instead of opening another.
	Unfinished string `json:"unfinished,omitempty"`
	Invoice    string `json:"invoice,omitempty"`
}

// performCreateSubscription does the work of CreateSubscription. Each of its
// calls to Stripe has a key of the operation's, so it may run again from the
// start, after a crash too.
func (s *Service) performCreateSubscription(ctx context.Context, o *Operation) (reply, error) {
	var decision createDecision
	var err error
	if o.Progress != nil {
		err = json.Unmarshal(o.Progress, &decision)
	} else if decision, err = s.decideCreation(ctx, *o); err == nil {
		err = s.decide(ctx, o, decision)
	}
	if err != nil {
		return reply{}, fmt.Errorf("decide on the subscription: %w", err)
	}
	var answer SubscriptionAnswer
	if decision.Unfinished != "" {
		answer, err = s.payUnfinished(ctx, *o, decision)
	} else {
		answer, err = s.stripe.CreateSubscription(ctx, o.step("create"), decision.New)
	}
	if err != nil {
		return reply{}, fmt.Errorf("create the subscription: %w", err)
	}
	return s.createReply(ctx, decision, answer)
}

// decideCreation finds out whether the user may subscribe, and to what.
func (s *Service) decideCreation(ctx context.Context, o Operation) (createDecision, error) {
	var request createSubscriptionRequest
	if err := json.Unmarshal(o.Request, &request); err != nil {
		return createDecision{}, fmt.Errorf("decode the request: %w", err)
	}
	plan, ok := s.rule.Plans.ByID(request.Plan)
	if !ok {
		return createDecision{}, s.rule.Plans.unknown(request.Plan)
	}
	if err := s.checkDeclines(ctx, o.UserID); err != nil {
		return createDecision{}, err
	}
	customerID, err := s.ensureCustomer(ctx, o, User{ID: o.UserID, Email: request.Email, Name: request.Name})
	if err != nil {
		return createDecision{}, err
	}
	decision := createDecision{Plan: plan.Name, New: NewSubscription{
		CustomerID: customerID, UserID: o.UserID, Price: plan.Prices[0], Quantity: request.Quantity,
		TrialDays: plan.TrialDays,
	}}
	unfinished, err := s.makeRoom(ctx, o, SubscriptionItem{Price: plan.Prices[0], Quantity: request.Quantity})
	if err != nil {
		return createDecision{}, err
	}
	if unfinished != nil {
		decision.Unfinished, decision.Invoice = unfinished.StripeSubscriptionID, unfinished.LatestInvoice
	}
	if request.PaymentMethodID != "" {
		decision.New.PaymentMethodID, err = s.stripe.AttachPaymentMethod(ctx, o.step("attach"), request.PaymentMethodID, customerID)
	}
	return decision, err
}

// checkDeclines refuses a user who tried too many cards that were refused.
func (s *Service) checkDeclines(ctx context.Context, userID string) error {
	declines := 0
	err := s.store.View(ctx, func(tx Tx) (err error) {
		declines, err = tx.CountReplies(ctx, userID, CodeCardDeclined, s.now().Add(-declineWindow))
		return err
	})
	if err != nil {
		return fmt.Errorf("count the declined cards: %w", err)
	}
	if declines >= maxDeclines {
		return &Error{
			Kind: ErrRateLimited, Code: CodeRateLimited, RetryAfter: declineWindow,
			Message: "Too many cards were declined. Please try again later.",
		}
	}
	return nil
}

// ensureCustomer returns the user's customer at Stripe, and makes one where
// there is none or where it was deleted there.
func (s *Service) ensureCustomer(ctx context.Context, o Operation, user User) (string, error) {
	var customer Customer
	look := func(tx Tx) (err error) {
		customer, err = s.customerOf(ctx, tx, o.UserID)
		return err
	}
	if err := s.store.View(ctx, look); err != nil {
		return "", fmt.Errorf("look up the customer: %w", err)
	}
	if customer.StripeCustomerID != "" {
		known := customer.StripeCustomerID
		if err := s.catchUp(ctx, customer); err != nil {
			return "", err
		}
		if err := s.store.View(ctx, look); err != nil {
			return "", fmt.Errorf("look up the customer: %w", err)
		}
		if customer.StripeCustomerID == known {
			return known, nil
		}
	}
	made, news, err := s.stripe.CreateCustomer(ctx, o.step("customer"), user)
	if err != nil {
		return "", fmt.Errorf("create the customer: %w", err)
	}
	err = s.store.Update(ctx, func(tx Tx) error { return s.take(ctx, tx, news) })
	if err != nil {
		return "", fmt.Errorf("store the customer: %w", err)
	}
	return made.ID, nil
}

// catchUp reads what Stripe has of a customer's subscriptions, so that one
// made elsewhere, or of which the news is still on its way, is not doubled.
func (s *Service) catchUp(ctx context.Context, customer Customer) error {
	news, err := s.stripe.SubscriptionsOf(ctx, customer.StripeCustomerID)
	if isNotFound(err) || err == nil && len(news.Objects) == 0 { // deleted there, or without any
		news, err = s.stripe.Read(ctx, Ref{KindCustomer, customer.StripeCustomerID})
	}
	if err != nil {
		return fmt.Errorf("read the customer's subscriptions: %w", err)
	}
	all := []News{news}
	listed := map[string]bool{}
	for _, object := range news.Objects {
		listed[object.Ref().ID] = true
	}
	var known []Subscription
	err = s.store.View(ctx, func(tx Tx) (err error) {
		known, err = tx.SubscriptionsOf(ctx, customer.ID)
		return err
	})
	if err != nil {
		return fmt.Errorf("look up the subscriptions: %w", err)
	}
	for _, subscription := range known {
		if subscription.Status.Ended() || listed[subscription.StripeSubscriptionID] {
			continue
		}
		more, err := s.stripe.Read(ctx, Ref{KindSubscription, subscription.StripeSubscriptionID})
		if isNotFound(err) {
			continue
		} else if err != nil {
			return fmt.Errorf("read subscription %s: %w", subscription.StripeSubscriptionID, err)
		}
		all = append(all, more)
	}
	return s.store.Update(ctx, func(tx Tx) error { return s.take(ctx, tx, all...) })
}

// makeRoom refuses where the user has a subscription already. One whose first
// payment is missing is returned if it is of the wanted price and quantity;
// others are canceled and their invoices voided, so that nobody pays for two.
func (s *Service) makeRoom(ctx context.Context, o Operation, wanted SubscriptionItem) (*Subscription, error) {
	var known []Subscription
	err := s.store.View(ctx, func(tx Tx) (err error) {
		known, err = tx.SubscriptionsOf(ctx, o.UserID)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("look up the subscriptions: %w", err)
	}
	for _, subscription := range known {
		if subscription.Status.Occupies() {
			return nil, errAlreadySubscribed()
		}
	}
	var unfinished *Subscription
	for _, subscription := range known {
		if subscription.Status != StatusIncomplete {
			continue
		}
		if unfinished == nil && subscription.Price == wanted.Price && subscription.Quantity == wanted.Quantity {
			unfinished = &subscription
			continue
		}
		if err := s.discard(ctx, o, subscription); err != nil {
			return nil, err
		}
	}
	return unfinished, nil
}

func errAlreadySubscribed() *Error {
	return &Error{
		Kind: ErrConflict, Code: CodeAlreadySubscribed,
		Message: "There is a subscription already. Change or cancel that one instead.",
	}
}

// discard ends a subscription whose first payment is missing. Its invoice is
// voided first: an open one could still be paid from the browser.
func (s *Service) discard(ctx context.Context, o Operation, subscription Subscription) error {
	var news []News
	if subscription.LatestInvoice != "" {
		voided, err := s.stripe.VoidInvoice(ctx, o.step("void:"+subscription.LatestInvoice), subscription.LatestInvoice)
		if err != nil {
			return s.whyNotDiscarded(ctx, subscription, fmt.Errorf("void the invoice of an unfinished subscription: %w", err))
		}
		news = append(news, voided)
	}
	id := subscription.StripeSubscriptionID
	canceled, err := s.stripe.CancelSubscription(ctx, o.step("cancel:"+id), id)
	if err != nil {
		return fmt.Errorf("cancel an unfinished subscription: %w", err)
	}
	return s.store.Update(ctx, func(tx Tx) error { return s.take(ctx, tx, append(news, canceled)...) })
}

// whyNotDiscarded looks again at a subscription that could not be ended: it may
// have been paid from the browser just now.
func (s *Service) whyNotDiscarded(ctx context.Context, subscription Subscription, cause error) error {
	if errors.Is(cause, ErrUnavailable) {
		return cause
	}
	news, err := s.stripe.Read(ctx, Ref{KindSubscription, subscription.StripeSubscriptionID})
	if err != nil {
		return errors.Join(cause, err)
	}
	var current Subscription
	err = s.store.Update(ctx, func(tx Tx) error {
		if err := s.take(ctx, tx, news); err != nil {
			return err
		}
		current, err = tx.Subscription(ctx, subscription.StripeSubscriptionID)
		return err
	})
	if err == nil && current.Status.Occupies() {
		return errAlreadySubscribed()
	}
	return errors.Join(cause, err)
}

// payUnfinished tries another payment method on a subscription whose first
// payment is missing.
func (s *Service) payUnfinished(ctx context.Context, o Operation, d createDecision) (SubscriptionAnswer, error) {
	if method := d.New.PaymentMethodID; method != "" && d.Invoice != "" {
		if err := s.stripe.SetDefaultPaymentMethod(ctx, o.step("method"), d.Unfinished, method); err != nil {
			return SubscriptionAnswer{}, err
		}
		err := s.stripe.PayInvoice(ctx, o.step("pay"), d.Invoice, method)
		if err != nil && !errors.Is(err, ErrDeclined) && !errors.Is(err, ErrActionRequired) {
			return SubscriptionAnswer{}, err
		}
		// What a refusal left behind is in the answer below.
	}
	return s.stripe.ReadSubscription(ctx, d.Unfinished)
}

// createReply turns what Stripe answered into the answer to the caller.
func (s *Service) createReply(ctx context.Context, d createDecision, answer SubscriptionAnswer) (reply, error) {
	method, intent := d.New.PaymentMethodID, answer.PaymentIntent
	if method != "" && answer.Subscription.Status == StatusIncomplete && intent != nil &&
		intent.Status == IntentRequiresPaymentMethod {
		fault := Declined(intent.FailureCode, intent.DeclineCode, intent.FailureMessage)
		return reply{news: []News{answer.News}, fault: fault}, nil
	}
	created := CreatedSubscription{
		Message:              "You are subscribed to " + d.Plan + ".",
		StripeSubscriptionID: answer.Subscription.ID, Status: answer.Subscription.Status,
	}
	if created.Status == StatusIncomplete {
		created.Message = "Please confirm the payment to start " + d.Plan + "."
	}
	if answer.ClientSecret != "" && (created.Status == StatusIncomplete || method == "") {
		created.ClientSecret = &answer.ClientSecret
	}
	// Applied before the reply is stored, since the reply names our own id.
	err := s.store.Update(ctx, func(tx Tx) error {
		if err := s.take(ctx, tx, answer.News); err != nil {
			return err
		}
		stored, err := tx.Subscription(ctx, answer.Subscription.ID)
		created.SubscriptionID = stored.ID
		return err
	})
	if err != nil {
		return reply{}, fmt.Errorf("store the subscription: %w", err)
	}
	return reply{answer: created}, nil
}
