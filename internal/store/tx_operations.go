package store

import (
	"context"
	"time"

	"github.com/numerai-app/payments"
	"github.com/numerai-app/payments/internal/store/queries"
)

// Requests that change something at Stripe.

func (t *transaction) Operation(ctx context.Context, id string) (payments.Operation, error) {
	row, err := t.queries.Operation(ctx, id)
	return found(t, row, err, operationOf, "operation", id)
}

func (t *transaction) OpenOperation(ctx context.Context, userID string) (payments.Operation, error) {
	row, err := t.queries.OpenOperation(ctx, userID)
	return found(t, row, err, operationOf, "open operation of user", userID)
}

func (t *transaction) OperationByKey(ctx context.Context, userID, idempotencyKey string) (payments.Operation, error) {
	row, err := t.queries.OperationByKey(ctx, queries.OperationByKeyParams{UserID: userID, IdempotencyKey: idempotencyKey})
	return found(t, row, err, operationOf, "operation of that idempotency key of user", userID)
}

func (t *transaction) CountReplies(ctx context.Context, userID, replyCode string, since time.Time) (int, error) {
	from := utc(since)
	count, err := t.queries.CountReplies(ctx, queries.CountRepliesParams{UserID: userID, FinishedAt: &from, ReplyCode: replyCode})
	return int(count), t.fail("count the replies", err)
}

// InsertOperation inserts nothing where there is a conflict, so the
// transaction can go on after it.
func (t *transaction) InsertOperation(ctx context.Context, o payments.Operation) error {
	rows, err := t.queries.InsertOperation(ctx, queries.InsertOperationParams(operationRow(o)))
	switch {
	case err != nil:
		return t.fail("store the operation", err)
	case rows == 0:
		return &payments.Error{
			Kind: payments.ErrConflict, Code: payments.CodeInProgress,
			Message: "Another request of this user is still being worked on. Please try again in a moment.",
		}
	}
	return nil
}

func (t *transaction) PutOperation(ctx context.Context, o payments.Operation) error {
	row := operationRow(o)
	return t.fail("store the operation", t.writes.PutOperation(ctx, queries.PutOperationParams{
		ID: row.ID, Open: row.Open, Progress: row.Progress, Lease: row.Lease, LeaseUntil: row.LeaseUntil,
		ReplyCode: row.ReplyCode, Reply: row.Reply, FinishedAt: row.FinishedAt,
	}))
}

func (t *transaction) DeleteOperation(ctx context.Context, id string) error {
	return t.fail("delete the operation", t.writes.DeleteOperation(ctx, id))
}

func (t *transaction) DeleteOperations(ctx context.Context, finishedBefore time.Time, limit int) (int, error) {
	before := utc(finishedBefore)
	rows, err := t.queries.DeleteOperations(ctx, queries.DeleteOperationsParams{FinishedAt: &before, Limit: rowLimit(limit)})
	return int(rows), t.fail("delete old operations", err)
}
