package store

import (
	"cmp"
	"encoding/json"
	"fmt"
	"time"

	"github.com/numerai-app/payments"
	"github.com/numerai-app/payments/internal/store/queries"
)

// The rows of each table beside the domain's types: …Row goes in, …Of comes
// out. The conversions between a table's row and the parameters of its
// statement compile only while both list the same columns in the same order.

// utc is a time as it is stored: PostgreSQL keeps microseconds.
func utc(t time.Time) time.Time { return t.UTC().Truncate(time.Microsecond) }

func utcOrNil(t *time.Time) *time.Time {
	if t == nil {
		return nil
	}
	stored := utc(*t)
	return &stored
}

// nilIfZero stores the zero time, which says that there is none, as null.
func nilIfZero(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return utcOrNil(&t)
}

func zeroIfNil(t *time.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return *t
}

// notNull stores no bytes as an empty value where null is not allowed.
func notNull(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}

// all converts a list of rows.
func all[Row, Value any](rows []Row, of func(Row) Value) []Value {
	values := make([]Value, len(rows))
	for i, row := range rows {
		values[i] = of(row)
	}
	return values
}

func customerRow(c payments.Customer) queries.User {
	return queries.User{
		ID: c.ID, Email: c.Email, Name: c.Name,
		StripeCustomerID: c.StripeCustomerID, TestClock: c.TestClock,
		IsPremium: c.IsPremium, Plan: c.Plan, PremiumUntil: utcOrNil(c.PremiumUntil), RecheckAt: utcOrNil(c.RecheckAt),
		CreatedAt: utc(c.CreatedAt), UpdatedAt: utc(c.UpdatedAt),
	}
}

func customerOf(r queries.User) payments.Customer {
	return payments.Customer{
		User:             payments.User{ID: r.ID, Email: r.Email, Name: r.Name},
		StripeCustomerID: r.StripeCustomerID, TestClock: r.TestClock,
		IsPremium: r.IsPremium, Plan: r.Plan, PremiumUntil: r.PremiumUntil, RecheckAt: r.RecheckAt,
		CreatedAt: r.CreatedAt, UpdatedAt: r.UpdatedAt,
	}
}

func subscriptionRow(s payments.Subscription) queries.Subscription {
	return queries.Subscription{
		ID: s.ID, StripeSubscriptionID: s.StripeSubscriptionID, StripeCustomerID: s.StripeCustomerID, UserID: s.UserID,
		Plan: s.Plan, PlanStage: int64(s.PlanVersion.Stage), PlanAsOf: nilIfZero(s.PlanVersion.AsOf), PlanGrowth: s.PlanVersion.Growth,
		Unmapped: s.Unmapped, Price: s.Price, Quantity: s.Quantity, Status: string(s.Status),
		CurrentPeriodStart: utcOrNil(s.CurrentPeriodStart), CurrentPeriodEnd: utcOrNil(s.CurrentPeriodEnd),
		CancelAtPeriodEnd: s.CancelAtPeriodEnd, CancelAt: utcOrNil(s.CancelAt), CanceledAt: utcOrNil(s.CanceledAt),
		EndedAt: utcOrNil(s.EndedAt), TrialStart: utcOrNil(s.TrialStart), TrialEnd: utcOrNil(s.TrialEnd),
		PauseBehavior: s.PauseBehavior, PauseResumesAt: utcOrNil(s.PauseResumesAt),
		LatestInvoice: s.LatestInvoice, UnpaidSince: utcOrNil(s.UnpaidSince),
		Stage: int64(s.Version.Stage), AsOf: utc(s.Version.AsOf), Growth: s.Version.Growth,
		CreatedAt: utc(s.CreatedAt), UpdatedAt: utc(s.UpdatedAt),
	}
}

func subscriptionOf(r queries.Subscription) payments.Subscription {
	return payments.Subscription{
		ID: r.ID, StripeSubscriptionID: r.StripeSubscriptionID, StripeCustomerID: r.StripeCustomerID, UserID: r.UserID,
		Plan:        r.Plan,
		PlanVersion: payments.Version{Stage: int(r.PlanStage), AsOf: zeroIfNil(r.PlanAsOf), Growth: r.PlanGrowth},
		Unmapped:    r.Unmapped, Price: r.Price, Quantity: r.Quantity, Status: payments.SubscriptionStatus(r.Status),
		CurrentPeriodStart: r.CurrentPeriodStart, CurrentPeriodEnd: r.CurrentPeriodEnd,
		CancelAtPeriodEnd: r.CancelAtPeriodEnd, CancelAt: r.CancelAt, CanceledAt: r.CanceledAt,
		EndedAt: r.EndedAt, TrialStart: r.TrialStart, TrialEnd: r.TrialEnd,
		PauseBehavior: r.PauseBehavior, PauseResumesAt: r.PauseResumesAt,
		LatestInvoice: r.LatestInvoice, UnpaidSince: r.UnpaidSince,
		Version:   payments.Version{Stage: int(r.Stage), AsOf: r.AsOf, Growth: r.Growth},
		CreatedAt: r.CreatedAt, UpdatedAt: r.UpdatedAt,
	}
}

func objectRow(o payments.StoredObject) queries.StripeObject {
	return queries.StripeObject{
		ID: o.ID, Kind: string(o.Kind), UserID: o.UserID,
		Stage: int64(o.Stage), AsOf: utc(o.AsOf), Growth: o.Growth, Status: o.Status,
		Customer: o.Customer, Subscription: o.Subscription, Invoice: o.Invoice,
		PaymentIntent: o.PaymentIntent, Charge: o.Charge, Data: notNull(o.Data),
	}
}

func objectOf(r queries.StripeObject) payments.StoredObject {
	return payments.StoredObject{
		Ref: payments.Ref{Kind: payments.ObjectKind(r.Kind), ID: r.ID}, UserID: r.UserID,
		Version: payments.Version{Stage: int(r.Stage), AsOf: r.AsOf, Growth: r.Growth}, Status: r.Status,
		Customer: r.Customer, Subscription: r.Subscription, Invoice: r.Invoice,
		PaymentIntent: r.PaymentIntent, Charge: r.Charge, Data: r.Data,
	}
}

func paymentRow(p payments.Payment) (queries.Payment, error) {
	metadata := p.Metadata
	if metadata == nil {
		metadata = map[string]string{}
	}
	encoded, err := json.Marshal(metadata)
	if err != nil {
		return queries.Payment{}, fmt.Errorf("encode the metadata of payment %s: %w", p.StripePaymentIntentID, err)
	}
	return queries.Payment{
		ID: p.ID, StripePaymentIntentID: p.StripePaymentIntentID, StripeChargeID: p.StripeChargeID, UserID: p.UserID,
		StripeSubscriptionID: p.StripeSubscriptionID, StripeInvoiceID: p.StripeInvoiceID,
		Amount: p.Amount, AmountRefunded: p.AmountRefunded, Currency: p.Currency, Status: string(p.Status),
		FailureCode: p.FailureCode, DeclineCode: p.DeclineCode, Description: p.Description, Metadata: string(encoded),
		CreatedAt: utc(p.CreatedAt), UpdatedAt: utc(p.UpdatedAt),
	}, nil
}

func paymentOf(r queries.Payment) (payments.Payment, error) {
	var metadata map[string]string
	if err := json.Unmarshal([]byte(r.Metadata), &metadata); err != nil {
		return payments.Payment{}, fmt.Errorf("decode the metadata of payment %s: %w", r.StripePaymentIntentID, err)
	}
	if len(metadata) == 0 {
		metadata = nil
	}
	return payments.Payment{
		ID: r.ID, StripePaymentIntentID: r.StripePaymentIntentID, StripeChargeID: r.StripeChargeID, UserID: r.UserID,
		StripeSubscriptionID: r.StripeSubscriptionID, StripeInvoiceID: r.StripeInvoiceID,
		Amount: r.Amount, AmountRefunded: r.AmountRefunded, Currency: r.Currency, Status: payments.PaymentStatus(r.Status),
		FailureCode: r.FailureCode, DeclineCode: r.DeclineCode, Description: r.Description, Metadata: metadata,
		CreatedAt: r.CreatedAt, UpdatedAt: r.UpdatedAt,
	}, nil
}

func billingEntryRow(e payments.BillingEntry) queries.BillingHistory {
	return queries.BillingHistory{
		ID: e.ID, Kind: string(e.Kind), Source: e.Source, UserID: e.UserID,
		StripeSubscriptionID: e.StripeSubscriptionID, StripePaymentIntentID: e.StripePaymentIntentID,
		Amount: e.Amount, Currency: e.Currency, Description: e.Description, Status: string(e.Status),
		InvoiceURL: e.InvoiceURL, InvoicePDF: e.InvoicePDF,
		PeriodStart: utcOrNil(e.PeriodStart), PeriodEnd: utcOrNil(e.PeriodEnd),
		CreatedAt: utc(e.CreatedAt), UpdatedAt: utc(e.UpdatedAt),
	}
}

func billingEntryOf(r queries.BillingHistory) payments.BillingEntry {
	return payments.BillingEntry{
		ID: r.ID, Kind: payments.BillingKind(r.Kind), Source: r.Source, UserID: r.UserID,
		StripeSubscriptionID: r.StripeSubscriptionID, StripePaymentIntentID: r.StripePaymentIntentID,
		Amount: r.Amount, Currency: r.Currency, Description: r.Description, Status: payments.BillingStatus(r.Status),
		InvoiceURL: r.InvoiceURL, InvoicePDF: r.InvoicePDF, PeriodStart: r.PeriodStart, PeriodEnd: r.PeriodEnd,
		CreatedAt: r.CreatedAt, UpdatedAt: r.UpdatedAt,
	}
}

func eventRow(e payments.Event) queries.WebhookEvent {
	return queries.WebhookEvent{
		ID: e.ID, Type: e.Type, APIVersion: e.APIVersion, Livemode: e.Livemode, Account: e.Account,
		ObjectKind: string(e.ObjectKind), ObjectID: e.ObjectID, CustomerID: e.CustomerID,
		Created: utc(e.Created), ReceivedAt: utc(e.ReceivedAt), Status: string(e.Status), Reason: e.Reason,
		Attempts: int64(e.Attempts), Error: e.Error, ProcessedAt: utcOrNil(e.ProcessedAt), Source: string(e.Source),
		WaitsFor: e.WaitsFor,
	}
}

func eventOf(r queries.WebhookEvent) payments.Event {
	return payments.Event{
		ID: r.ID, Type: r.Type, APIVersion: r.APIVersion, Livemode: r.Livemode, Account: r.Account,
		ObjectKind: payments.ObjectKind(r.ObjectKind), ObjectID: r.ObjectID, CustomerID: r.CustomerID,
		Created: r.Created, ReceivedAt: r.ReceivedAt, Status: payments.EventStatus(r.Status), Reason: r.Reason,
		Attempts: int(r.Attempts), Error: r.Error, ProcessedAt: r.ProcessedAt, Source: payments.EventSource(r.Source),
		WaitsFor: r.WaitsFor,
	}
}

func operationRow(o payments.Operation) queries.Operation {
	return queries.Operation{
		ID: o.ID, UserID: o.UserID, Kind: o.Kind, IdempotencyKey: o.IdempotencyKey, RequestHash: o.RequestHash,
		Request: notNull(o.Request), Open: o.Open, Progress: o.Progress, Lease: o.Lease, LeaseUntil: utc(o.LeaseUntil),
		ReplyCode: o.ReplyCode, Reply: o.Reply, CreatedAt: utc(o.CreatedAt), FinishedAt: utcOrNil(o.FinishedAt),
	}
}

func operationOf(r queries.Operation) payments.Operation {
	return payments.Operation{
		ID: r.ID, UserID: r.UserID, Kind: r.Kind, IdempotencyKey: r.IdempotencyKey, RequestHash: r.RequestHash,
		Request: r.Request, Open: r.Open, Progress: r.Progress, Lease: r.Lease, LeaseUntil: r.LeaseUntil,
		ReplyCode: r.ReplyCode, Reply: r.Reply, CreatedAt: r.CreatedAt, FinishedAt: r.FinishedAt,
	}
}

func refreshRow(r payments.Refresh) queries.Refresh {
	return queries.Refresh{
		ObjectID: r.ID, Kind: string(r.Kind), Wishes: r.Wishes, NewerThan: nilIfZero(r.NewerThan),
		Reason: r.Reason, DueAt: utc(r.DueAt), Queued: r.Queued,
	}
}

func refreshOf(r queries.Refresh) payments.Refresh {
	return payments.Refresh{
		Ref: payments.Ref{Kind: payments.ObjectKind(r.Kind), ID: r.ObjectID}, Wishes: r.Wishes,
		NewerThan: zeroIfNil(r.NewerThan), Reason: r.Reason, DueAt: r.DueAt, Queued: r.Queued,
	}
}

func eventPollRow(p payments.EventPoll) queries.EventPoll {
	return queries.EventPoll{
		ID: 1, Runs: p.Runs, Anchor: p.Anchor, Head: p.Head, HeadAt: nilIfZero(p.HeadAt),
		Next: p.Next, Behind: p.Next != "", // which older programs read
		Reached: nilIfZero(p.Reached), PolledAt: nilIfZero(p.PolledAt),
		Reread: p.Reread, RereadAfter: p.RereadAfter, OverdueAt: nilIfZero(p.OverdueAt),
	}
}

func eventPollOf(r queries.EventPoll) payments.EventPoll {
	next := ""
	if r.Behind {
		next = cmp.Or(r.Next, r.Head) // an older program notes no more than the head
	}
	return payments.EventPoll{
		Runs: r.Runs, Anchor: r.Anchor, Head: r.Head, HeadAt: zeroIfNil(r.HeadAt), Next: next,
		Reached: zeroIfNil(r.Reached), PolledAt: zeroIfNil(r.PolledAt),
		Reread: r.Reread, RereadAfter: r.RereadAfter, OverdueAt: zeroIfNil(r.OverdueAt),
	}
}

func keyRow(k payments.Key) queries.APIKey {
	return queries.APIKey{
		ID: k.ID, Role: string(k.Role), Name: k.Name, Hash: k.Hash,
		CreatedAt: utc(k.CreatedAt), RevokedAt: utcOrNil(k.RevokedAt),
	}
}

func keyOf(r queries.APIKey) payments.Key {
	return payments.Key{
		ID: r.ID, Role: payments.Role(r.Role), Name: r.Name, Hash: r.Hash, CreatedAt: r.CreatedAt, RevokedAt: r.RevokedAt,
	}
}

func grantOf(r queries.Grant) payments.Grant {
	return payments.Grant{
		ID: r.ID, UserID: r.UserID, Plan: r.Plan, Until: r.Until,
		GrantedBy: r.GrantedBy, Note: r.Note, CreatedAt: r.CreatedAt,
	}
}
