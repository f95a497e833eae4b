package payments

import (
	"context"
	"fmt"
	"time"
)

// PaymentStatus is how a payment stands.
type PaymentStatus string

// The statuses of a payment.
const (
	PaymentPending           PaymentStatus = "pending"
	PaymentSucceeded         PaymentStatus = "succeeded"
	PaymentFailed            PaymentStatus = "failed"
	PaymentCanceled          PaymentStatus = "canceled"
	PaymentRefunded          PaymentStatus = "refunded"
	PaymentPartiallyRefunded PaymentStatus = "partially_refunded"
)

// succeeded says whether the money came, even if it went back since.
func (s PaymentStatus) succeeded() bool {
	return s == PaymentSucceeded || s == PaymentRefunded || s == PaymentPartiallyRefunded
}

// Payment is one payment intent and all that became of it. Retries of one
// invoice share the intent; each try is another charge.
type Payment struct {
	ID                    string // ours, ppay_…
	StripePaymentIntentID string
	StripeChargeID        string // the last one; empty before the first
	UserID                string
	StripeSubscriptionID  string // of the invoice that it pays; empty for one-off payments
	StripeInvoiceID       string
	Amount                int64 // smallest unit
	AmountRefunded        int64
	Currency              string
	Status                PaymentStatus
	FailureCode           string
	DeclineCode           string
	Description           string
	Metadata              map[string]string
	CreatedAt             time.Time // Stripe's
	UpdatedAt             time.Time
}

// BillingKind is what a row of the billing history is about.
type BillingKind string

// The kinds of rows.
const (
	BillingInvoice BillingKind = "invoice"
	BillingPayment BillingKind = "payment" // a payment intent of no invoice
	BillingRefund  BillingKind = "refund"
	BillingDispute BillingKind = "dispute"
)

// BillingStatus is how the money of a row stands.
type BillingStatus string

// The statuses of a row.
const (
	BillingPaid    BillingStatus = "paid"
	BillingPending BillingStatus = "pending"
	BillingFailed  BillingStatus = "failed"
	BillingVoid    BillingStatus = "void"
)

// BillingEntry is one movement of money in a user's billing history.
type BillingEntry struct {
	ID     string      // ours, pbil_…
	Kind   BillingKind // with Source it is unique
	Source string      // Stripe's id of the invoice, payment intent, refund or dispute
	UserID string

	StripeSubscriptionID  string
	StripePaymentIntentID string // the payment that a refund or dispute takes back
	// Amount is in the smallest unit; money that goes back is negative, so
	// that what is paid adds up to what the user has paid.
	Amount      int64
	Currency    string
	Description string
	Status      BillingStatus
	InvoiceURL  string
	InvoicePDF  string
	PeriodStart *time.Time
	PeriodEnd   *time.Time
	CreatedAt   time.Time // Stripe's
	UpdatedAt   time.Time
}

// The sizes of a page of the billing history.
const (
	DefaultPageSize = 20
	MaxPageSize     = 100
)

// BillingHistoryParams asks for one page of a user's billing history.
type BillingHistoryParams struct {
	UserID string
	Page   int // from 1; 0 means 1
	Size   int // 1 to 100; 0 means 20, more means 100
}

// BillingHistoryPage is one page, newest first.
type BillingHistoryPage struct {
	Count   int // of all pages
	Page    int
	Size    int
	Entries []BillingEntry
}

// BillingHistory lists what a user was billed, newest first. A page past the
// end is ErrNotFound, except the first, which may be empty.
func (s *Service) BillingHistory(ctx context.Context, p BillingHistoryParams) (BillingHistoryPage, error) {
	faults := User{ID: p.UserID}.validate()
	if p.Page < 0 || p.Page > 1<<30 {
		faults = append(faults, FieldError{"page", "A page is a number from 1."})
	}
	if p.Size < 0 {
		faults = append(faults, FieldError{"page_size", "A page has 1 to 100 entries."})
	}
	if faults != nil {
		return BillingHistoryPage{}, invalid(faults...)
	}
	page := BillingHistoryPage{Page: max(p.Page, 1), Size: min(p.Size, MaxPageSize)}
	if page.Size == 0 {
		page.Size = DefaultPageSize
	}
	err := s.store.View(ctx, func(tx Tx) (err error) {
		page.Entries, page.Count, err = tx.BillingHistory(ctx, p.UserID, (page.Page-1)*page.Size, page.Size)
		return err
	})
	if err != nil {
		return BillingHistoryPage{}, fmt.Errorf("read the billing history: %w", err)
	}
	if len(page.Entries) == 0 && page.Page > 1 {
		return BillingHistoryPage{}, NotFound(fmt.Sprintf("page %d", page.Page))
	}
	return page, nil
}
