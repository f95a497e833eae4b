package payments_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/numerai-app/payments"
)

// journal writes down what each transaction does: a history that failed because
// of a race is not played again by its seed, and then this is all there is.
type journal struct {
	payments.Tx
	lines []string
}

func (j *journal) note(format string, args ...any) {
	j.lines = append(j.lines, fmt.Sprintf(format, args...))
}

// InsertEvents implements [payments.Tx].
func (j *journal) InsertEvents(ctx context.Context, events []payments.Event) ([]bool, error) {
	inserted, err := j.Tx.InsertEvents(ctx, events)
	for i, e := range events {
		if err == nil && inserted[i] {
			j.note("event %s %s of %s, %s, shape %s", e.ID, e.Type, e.ObjectID, e.Source, e.APIVersion)
		}
	}
	return inserted, err
}

// PutEvent implements [payments.Tx].
func (j *journal) PutEvent(ctx context.Context, e payments.Event) error {
	j.note("event %s of %s is %s %q, waits for %q", e.ID, e.ObjectID, e.Status, e.Reason, e.WaitsFor)
	return j.Tx.PutEvent(ctx, e)
}

// PutCustomer implements [payments.Tx].
func (j *journal) PutCustomer(ctx context.Context, c payments.Customer) error {
	j.note("user %s is %s, premium %v", c.ID, c.StripeCustomerID, c.IsPremium)
	return j.Tx.PutCustomer(ctx, c)
}

// PutSubscription implements [payments.Tx].
func (j *journal) PutSubscription(ctx context.Context, s payments.Subscription) error {
	j.note("subscription %s of %s is %s", s.StripeSubscriptionID, s.UserID, s.Status)
	return j.Tx.PutSubscription(ctx, s)
}

// PutObject implements [payments.Tx].
func (j *journal) PutObject(ctx context.Context, o payments.StoredObject) error {
	j.note("object %s of %s at %v: %s", o.ID, o.UserID, o.Version, o.Data)
	return j.Tx.PutObject(ctx, o)
}

// PutPayment implements [payments.Tx].
func (j *journal) PutPayment(ctx context.Context, p payments.Payment) error {
	j.note("payment %s is %s, of invoice %q", p.StripePaymentIntentID, p.Status, p.StripeInvoiceID)
	return j.Tx.PutPayment(ctx, p)
}

// PutBillingEntry implements [payments.Tx].
func (j *journal) PutBillingEntry(ctx context.Context, e payments.BillingEntry) error {
	j.note("entry %s %s of %s: %d %s", e.Kind, e.Source, e.UserID, e.Amount, e.Status)
	return j.Tx.PutBillingEntry(ctx, e)
}

// DeleteBillingEntry implements [payments.Tx].
func (j *journal) DeleteBillingEntry(ctx context.Context, kind payments.BillingKind, source string) error {
	j.note("no entry %s %s", kind, source)
	return j.Tx.DeleteBillingEntry(ctx, kind, source)
}

// PutRefresh implements [payments.Tx].
func (j *journal) PutRefresh(ctx context.Context, r payments.Refresh) error {
	j.note("wish %s, %q, %d times, due %s, queued %v", r.ID, r.Reason, r.Wishes, r.DueAt.Format(time.RFC3339), r.Queued)
	return j.Tx.PutRefresh(ctx, r)
}

// CancelRefresh implements [payments.Tx].
func (j *journal) CancelRefresh(ctx context.Context, objectID, reason string) error {
	j.note("no wish %s, %q", objectID, reason)
	return j.Tx.CancelRefresh(ctx, objectID, reason)
}

// DeleteRefresh implements [payments.Tx].
func (j *journal) DeleteRefresh(ctx context.Context, objectID string, wishes int64) (bool, error) {
	deleted, err := j.Tx.DeleteRefresh(ctx, objectID, wishes)
	j.note("wish %s, %d times, is fulfilled: %v", objectID, wishes, deleted)
	return deleted, err
}

// keepJournal writes what was committed to a file if the test has failed.
func (w *watched) keepJournal(t *testing.T) {
	t.Helper()
	if !t.Failed() {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	file := filepath.Join(os.TempDir(), "payments-history-"+strings.ReplaceAll(t.Name(), "/", "-")+".log")
	if err := os.WriteFile(file, []byte(strings.Join(w.journal, "\n")+"\n"), 0o600); err != nil {
		t.Error(err)
		return
	}
	t.Logf("what was committed is written down in %s", file)
}
