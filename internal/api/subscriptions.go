package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/numerai-app/payments"
)

func (s *server) registerSubscriptions() {
	register(s, huma.Operation{
		OperationID: "create-subscription", Method: http.MethodPost, Path: "create-subscription",
		Summary:       "Subscribe the user to a plan",
		Description:   "With a payment method that works the subscription is active, or trialing, at once. Without one, or where the bank asks for a step, it is incomplete and the client secret lets the browser pay. A declined card is 402; a later call with another method pays the same subscription.",
		DefaultStatus: http.StatusCreated, Errors: []int{400, 401, 402, 403, 409, 413, 415, 429, 500, 503},
	}, s.createSubscription)
	register(s, huma.Operation{
		OperationID: "subscription-status", Method: http.MethodGet, Path: "subscription-status",
		Summary: "What the user has paid for", Errors: []int{400, 401, 403, 500, 503},
	}, s.subscriptionStatus)
	register(s, huma.Operation{
		OperationID: "billing-history", Method: http.MethodGet, Path: "billing-history",
		Summary:     "What the user was billed, newest first",
		Description: "One row for each movement of money. Money that goes back is negative, so what is paid adds up to what the user has paid.",
		Parameters:  billingHistoryParameters,
		Errors:      []int{400, 401, 403, 404, 500, 503},
	}, s.billingHistory)
}

// register adds an operation that acts for a user.
func register[I, O any](s *server, op huma.Operation, handler func(context.Context, *I) (*O, error)) {
	op.Path = Prefix + op.Path
	op.Middlewares = huma.Middlewares{s.authenticate}
	op.Security = []map[string][]string{{"token": {}}, {"key": {}, "user": {}}}
	registerOpen(s, op, handler)
}

// registerAdmin adds an operation for administrators.
func registerAdmin[I, O any](s *server, op huma.Operation, handler func(context.Context, *I) (*O, error)) {
	op.Path = Prefix + op.Path
	op.Middlewares = huma.Middlewares{s.authenticateAdmin}
	op.Security = []map[string][]string{{"admin": {}}}
	registerOpen(s, op, handler)
}

// registerOpen adds an operation that anybody may call.
func registerOpen[I, O any](s *server, op huma.Operation, handler func(context.Context, *I) (*O, error)) {
	op.BodyReadTimeout = -1 // takeBody has read it; huma's deadline would cut off the work after five seconds
	huma.Register(s.huma, op, func(ctx context.Context, in *I) (*O, error) {
		out, err := handler(ctx, in)
		if err != nil {
			s.fail(ctx, err)
			p := problemOf(err)
			p.RequestID = requestID(ctx)
			return nil, p
		}
		return out, nil
	})
}

type createSubscriptionInput struct {
	IdempotencyKey string `header:"Idempotency-Key" minLength:"1" maxLength:"255" pattern:"^[ -~]+$" doc:"1 to 255 printable ASCII characters. The same key and body get the same answer for 24 hours."`
	Body           struct {
		Plan            string `json:"plan" minLength:"1" maxLength:"100" doc:"The id of a plan, as plans/ lists them." example:"premium"`
		PaymentMethodID string `json:"payment_method_id,omitempty" nullable:"true" maxLength:"255" doc:"The payment method that pays. Without it the browser pays, with the client secret." example:"pm_card_visa"`
		Quantity        int64  `json:"quantity,omitempty" minimum:"1" maximum:"1000000" default:"1" doc:"The number of seats."`
	}
}

// Resolve refuses an Idempotency-Key that huma takes for none: whoever sends
// one relies on it.
func (in *createSubscriptionInput) Resolve(ctx huma.Context) []error {
	keys := 0
	ctx.EachHeader(func(name, _ string) {
		if name == "Idempotency-Key" {
			keys++
		}
	})
	if keys > 1 || keys == 1 && in.IdempotencyKey == "" {
		return []error{&huma.ErrorDetail{Location: "header.Idempotency-Key", Message: "expected one key of 1 to 255 characters"}}
	}
	return nil
}

type createSubscriptionOutput struct {
	Replayed string `header:"Idempotent-Replayed"`
	Body     createdSubscriptionView
}

// createdSubscriptionView is payments.CreatedSubscription, described.
type createdSubscriptionView struct {
	Message              string  `json:"message" doc:"A sentence for people." example:"You are subscribed to Premium."`
	SubscriptionID       string  `json:"subscription_id" doc:"Our id."`
	StripeSubscriptionID string  `json:"stripe_subscription_id" doc:"Stripe's id."`
	ClientSecret         *string `json:"client_secret" doc:"With it the browser pays; null where there is nothing to pay."`
	Status               string  `json:"status" enum:"incomplete,incomplete_expired,trialing,active,past_due,unpaid,paused,canceled" doc:"Stripe's status."`
}

func (s *server) createSubscription(ctx context.Context, in *createSubscriptionInput) (*createSubscriptionOutput, error) {
	created, err := s.Service.CreateSubscription(ctx, payments.CreateSubscriptionParams{
		User: callerOf(ctx).user, Plan: in.Body.Plan, PaymentMethodID: in.Body.PaymentMethodID,
		Quantity: in.Body.Quantity, IdempotencyKey: in.IdempotencyKey,
	})
	if err != nil {
		return nil, err
	}
	out := &createSubscriptionOutput{Body: createdSubscriptionView{
		Message: created.Message, SubscriptionID: created.SubscriptionID, StripeSubscriptionID: created.StripeSubscriptionID,
		ClientSecret: created.ClientSecret, Status: string(created.Status),
	}}
	if created.Replayed {
		out.Replayed = "true"
	}
	return out, nil
}

// subscriptionView is a subscription as users see it.
type subscriptionView struct {
	ID                 string           `json:"id" doc:"Our id."`
	Plan               *string          `json:"plan" doc:"Null where no plan names the price."`
	Status             string           `json:"status" enum:"incomplete,incomplete_expired,trialing,active,past_due,unpaid,paused,canceled" doc:"Stripe's status."`
	Quantity           int64            `json:"quantity" doc:"The number of seats."`
	CurrentPeriodStart *time.Time       `json:"current_period_start"`
	CurrentPeriodEnd   *time.Time       `json:"current_period_end"`
	CancelAtPeriodEnd  bool             `json:"cancel_at_period_end"`
	CancelAt           *time.Time       `json:"cancel_at" doc:"When a scheduled cancellation ends it."`
	CanceledAt         *time.Time       `json:"canceled_at" doc:"When the cancellation was asked for."`
	TrialStart         *time.Time       `json:"trial_start"`
	TrialEnd           *time.Time       `json:"trial_end"`
	ScheduledChange    *scheduledChange `json:"scheduled_change" doc:"A change that waits for its date."`
	CreatedAt          time.Time        `json:"created_at"`
	UpdatedAt          time.Time        `json:"updated_at"`
}

type scheduledChange struct {
	Plan     string    `json:"plan"`
	Quantity int64     `json:"quantity"`
	At       time.Time `json:"at" doc:"When it happens."`
}

type subscriptionStatusOutput struct {
	Body struct {
		HasSubscription bool              `json:"has_subscription" doc:"There is one that has not ended."`
		IsPremium       bool              `json:"is_premium" doc:"This alone decides on access."`
		Plan            string            `json:"plan" doc:"The plan that gives access; free without premium."`
		PremiumUntil    *time.Time        `json:"premium_until" doc:"When access would end if nothing more happened."`
		Reason          string            `json:"reason" enum:"active,trialing,grace,granted,none,unmapped,incomplete,past_due,unpaid,paused,canceled" doc:"Why, in one word."`
		AsOf            *time.Time        `json:"as_of" doc:"When Stripe last said so."`
		Subscription    *subscriptionView `json:"subscription" doc:"The live one of the highest rank, else the one that ended last, else null."`
	}
}

func (s *server) subscriptionStatus(ctx context.Context, _ *struct{}) (*subscriptionStatusOutput, error) {
	state, err := s.Service.SubscriptionStatus(ctx, callerOf(ctx).user.ID)
	if err != nil {
		return nil, err
	}
	out := new(subscriptionStatusOutput)
	out.Body.HasSubscription, out.Body.IsPremium, out.Body.Plan = state.HasSubscription, state.IsPremium, state.Plan
	out.Body.PremiumUntil, out.Body.Reason, out.Body.AsOf = state.Until, string(state.Reason), state.AsOf
	if o := state.Subscription; o != nil {
		out.Body.Subscription = &subscriptionView{
			ID: o.ID, Plan: orNull(o.Plan), Status: string(o.Status), Quantity: o.Quantity,
			CurrentPeriodStart: o.CurrentPeriodStart, CurrentPeriodEnd: o.CurrentPeriodEnd,
			CancelAtPeriodEnd: o.CancelAtPeriodEnd, CancelAt: o.CancelAt, CanceledAt: o.CanceledAt,
			TrialStart: o.TrialStart, TrialEnd: o.TrialEnd, CreatedAt: o.CreatedAt, UpdatedAt: o.UpdatedAt,
		}
	}
	return out, nil
}

func orNull(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}

// billingHistoryInput reads its parameters itself: to huma a number that fits
// no int64 is no number, and one with a plus sign is.
type billingHistoryInput struct {
	page, size int
}

var billingHistoryParameters = []*huma.Param{
	countParameter("page", 1, "One past the end is 404; the first may be empty."),
	countParameter("page_size", payments.DefaultPageSize, "At most 100; more is 100."),
}

func countParameter(name string, preset int, text string) *huma.Param {
	least := 1.0
	return &huma.Param{
		Name: name, In: "query", Description: text,
		Schema: &huma.Schema{Type: huma.TypeInteger, Minimum: &least, Default: preset},
	}
}

// Resolve reads the page and its size.
func (in *billingHistoryInput) Resolve(ctx huma.Context) (faults []error) {
	target := ctx.URL()
	query := target.Query()
	for name, into := range map[string]*int{"page": &in.page, "page_size": &in.size} {
		if query.Get(name) == "" {
			continue // zero is the service's default
		}
		var ok bool
		if *into, ok = count(query[name]); !ok {
			faults = append(faults, &huma.ErrorDetail{Location: "query." + name, Message: "expected one number from 1"})
		}
	}
	return faults
}

// maxCount is what larger numbers count as; no list is as long.
const maxCount = 1 << 30

// count reads the one number from 1 that is given, as digits.
func count(given []string) (int, bool) {
	if len(given) != 1 {
		return 0, false
	}
	number, err := strconv.ParseUint(given[0], 10, 64)
	if err != nil && !errors.Is(err, strconv.ErrRange) || number == 0 {
		return 0, false
	}
	return int(min(number, maxCount)), true
}

type billingEntryView struct {
	ID          string     `json:"id"`
	Kind        string     `json:"kind" enum:"invoice,payment,refund,dispute"`
	Amount      int64      `json:"amount" doc:"In the currency's smallest unit; money that goes back is negative."`
	Currency    string     `json:"currency" doc:"ISO 4217, lower case." example:"usd"`
	Description *string    `json:"description"`
	Status      string     `json:"status" enum:"paid,pending,failed,void"`
	InvoiceURL  *string    `json:"invoice_url" doc:"Stripe's page of the invoice."`
	InvoicePDF  *string    `json:"invoice_pdf" doc:"The invoice as a file."`
	PeriodStart *time.Time `json:"period_start"`
	PeriodEnd   *time.Time `json:"period_end"`
	CreatedAt   time.Time  `json:"created_at" doc:"Stripe's time of it."`
}

type billingHistoryOutput struct {
	Body struct {
		Count    int                `json:"count" doc:"Of all pages."`
		Next     *string            `json:"next" doc:"The address of the next page."`
		Previous *string            `json:"previous" doc:"The address of the page before."`
		Results  []billingEntryView `json:"results" nullable:"false"`
	}
}

func (s *server) billingHistory(ctx context.Context, in *billingHistoryInput) (*billingHistoryOutput, error) {
	page, err := s.Service.BillingHistory(ctx, payments.BillingHistoryParams{
		UserID: callerOf(ctx).user.ID, Page: in.page, Size: in.size,
	})
	if err != nil {
		return nil, err
	}
	out := new(billingHistoryOutput)
	out.Body.Count, out.Body.Results = page.Count, []billingEntryView{}
	if page.Page*page.Size < page.Count {
		out.Body.Next = s.pageLink(page.Page+1, page.Size)
	}
	if page.Page > 1 {
		out.Body.Previous = s.pageLink(page.Page-1, page.Size)
	}
	for _, e := range page.Entries {
		out.Body.Results = append(out.Body.Results, billingEntryView{
			ID: e.ID, Kind: string(e.Kind), Amount: e.Amount, Currency: e.Currency, Description: orNull(e.Description),
			Status: string(e.Status), InvoiceURL: orNull(e.InvoiceURL), InvoicePDF: orNull(e.InvoicePDF),
			PeriodStart: e.PeriodStart, PeriodEnd: e.PeriodEnd, CreatedAt: e.CreatedAt,
		})
	}
	return out, nil
}

func (s *server) pageLink(page, size int) *string {
	link := fmt.Sprintf("%s%sbilling-history/?page=%d", s.PublicURL, Prefix, page)
	if size != payments.DefaultPageSize {
		link += "&page_size=" + strconv.Itoa(size)
	}
	return &link
}
