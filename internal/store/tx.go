package store

import (
	"context"
	"fmt"
	"time"

	"github.com/riverqueue/river"

	"github.com/numerai-app/payments"
	"github.com/numerai-app/payments/internal/store/queries"
)

// transaction is a payments.Tx over a session of either engine. It serves one
// goroutine, as its session does.
type transaction struct {
	session
	// failure is the first error of the database. PostgreSQL refuses all that
	// follows one, so what failed halfway must not be committed on either.
	failure error
	known   *recall
	// arriving are the new events that are to be stored, in their order, with
	// what has become of them so far: each goes in once, as it ends.
	arriving []payments.Event
}

var _ payments.Tx = (*transaction)(nil)

// fail notes an error of the database and says what was being done. It passes
// nil through.
func (t *transaction) fail(doing string, err error) error {
	if err == nil {
		return nil
	}
	err = translate(fmt.Errorf("%s: %w", doing, err))
	if t.failure == nil {
		t.failure = err
	}
	return err
}

// found converts the one row of a query. No row is a payments.ErrNotFound of
// what, such as "event", and id.
func found[Row, Value any](t *transaction, row Row, err error, of func(Row) Value, what, id string) (Value, error) {
	var none Value
	switch {
	case errNoRows(err):
		return none, payments.NotFound(what + " " + id)
	case err != nil:
		return none, t.fail("read the "+what, err)
	}
	return of(row), nil
}

// list converts the rows of a query; what is their plural.
func list[Row, Value any](t *transaction, rows []Row, err error, of func(Row) Value, what string) ([]Value, error) {
	if err != nil {
		return nil, t.fail("list the "+what, err)
	}
	return all(rows, of), nil
}

// rowLimit is a number of rows as the queries take it.
func rowLimit(n int) int32 { return int32(min(max(n, 0), 1<<31-1)) }

func (t *transaction) Customer(ctx context.Context, userID string) (payments.Customer, error) {
	return recalled(t.known.customers, "user", userID, func() (payments.Customer, error) {
		row, err := t.queries.Customer(ctx, userID)
		return found(t, row, err, customerOf, "user", userID)
	})
}

func (t *transaction) CustomerByStripeID(ctx context.Context, stripeCustomerID string) (payments.Customer, error) {
	userID, err := recalled(t.known.customerUsers, "user of customer", stripeCustomerID, func() (string, error) {
		row, err := t.queries.CustomerByStripeID(ctx, stripeCustomerID)
		customer, err := found(t, row, err, customerOf, "user of customer", stripeCustomerID)
		if err == nil {
			t.known.customers[customer.ID] = &customer
		}
		return customer.ID, err
	})
	if err != nil {
		return payments.Customer{}, err
	}
	return t.Customer(ctx, userID)
}

func (t *transaction) CustomersAfter(ctx context.Context, stripeCustomerID string, limit int) ([]payments.Customer, error) {
	rows, err := t.queries.CustomersAfter(ctx, queries.CustomersAfterParams{StripeCustomerID: stripeCustomerID, Limit: rowLimit(limit)})
	return list(t, rows, err, customerOf, "users with a customer")
}

func (t *transaction) DueRechecks(ctx context.Context, now time.Time, limit int) ([]string, error) {
	due := utc(now)
	ids, err := t.queries.DueRechecks(ctx, queries.DueRechecksParams{RecheckAt: &due, Limit: rowLimit(limit)})
	return ids, t.fail("list the users to check again", err)
}

func (t *transaction) PutCustomer(ctx context.Context, c payments.Customer) error {
	row := customerRow(c)
	t.known.putCustomer(customerOf(row))
	return t.fail("store the user", t.writes.PutCustomer(ctx, queries.PutCustomerParams(row)))
}

func (t *transaction) Foresee(ctx context.Context, eventIDs []string, refs []payments.Ref) error {
	if t.foresee == nil {
		return nil
	}
	if err := t.storeArrivals(ctx); err != nil {
		return err
	}
	return t.fail("read ahead", foresee(ctx, t.known, eventIDs, refs, t.session.foresee))
}

func (t *transaction) GrantsOf(ctx context.Context, userID string) ([]payments.Grant, error) {
	return recalledList(t.known.grants, userID, func() ([]payments.Grant, error) {
		rows, err := t.queries.GrantsOf(ctx, userID)
		return list(t, rows, err, grantOf, "grants")
	})
}

func (t *transaction) KeyByHash(ctx context.Context, hash string) (payments.Key, error) {
	row, err := t.queries.KeyByHash(ctx, hash)
	return found(t, row, err, keyOf, "key", "of that hash")
}

func (t *transaction) Keys(ctx context.Context) ([]payments.Key, error) {
	rows, err := t.queries.Keys(ctx)
	return list(t, rows, err, keyOf, "keys")
}

func (t *transaction) PutKey(ctx context.Context, k payments.Key) error {
	return t.fail("store the key", t.writes.PutKey(ctx, queries.PutKeyParams(keyRow(k))))
}

// Enqueue stores a job. The wait is real time: jobs are worked by the
// machine's clock, whatever clock the domain lives by.
func (t *transaction) Enqueue(ctx context.Context, job payments.Job, after time.Duration) error {
	options := &river.InsertOpts{MaxAttempts: payments.MaxAttempts + payments.SpareAttempts}
	if queued, ok := job.(interface{ Queue() string }); ok {
		options.Queue = queued.Queue()
	}
	if after > 0 {
		options.ScheduledAt = time.Now().Add(after)
	}
	return t.fail("store the job "+job.Kind(), t.enqueue(ctx, job, options))
}
