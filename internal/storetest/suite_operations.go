package storetest

import (
	"context"
	"testing"

	"github.com/numerai-app/payments"
)

// someOperation is an open operation whose fields are all set.
func someOperation(id, userID, key string) payments.Operation {
	return payments.Operation{
		ID: id, UserID: userID, Kind: "create_subscription", IdempotencyKey: key, RequestHash: "hash",
		Request: []byte(`{"plan":"pro"}`), Open: true, Lease: "lease", LeaseUntil: at(60), CreatedAt: at(0),
	}
}

// finished is an operation with its reply.
func finished(o payments.Operation, code string, seconds int) payments.Operation {
	o.Open, o.ReplyCode, o.Reply, o.FinishedAt = false, code, []byte(`{"ok":true}`), pointer(at(seconds))
	return o
}

func checkOperations(t *testing.T, s payments.Store) {
	first := someOperation("pop_1", "u", "key")
	other := someOperation("pop_2", "other", "key") // another user's key is another key
	update(t, s, func(ctx context.Context, tx payments.Tx) error {
		if err := tx.InsertOperation(ctx, first); err != nil {
			return err
		}
		return tx.InsertOperation(ctx, other)
	})
	view(t, s, func(ctx context.Context, tx payments.Tx) error {
		got, err := tx.Operation(ctx, "pop_1")
		equal(t, "an operation", got, first)
		if err != nil {
			return err
		}
		if got, err = tx.OpenOperation(ctx, "other"); err != nil {
			return err
		}
		equal(t, "an open operation", got, other)
		got, err = tx.OperationByKey(ctx, "u", "key")
		equal(t, "an operation by key", got, first)
		return err
	})
	// A conflict is an answer, not a failure: the transaction goes on.
	update(t, s, func(ctx context.Context, tx payments.Tx) error {
		isKind(t, tx.InsertOperation(ctx, someOperation("pop_3", "u", "")), payments.ErrConflict)
		return tx.PutKey(ctx, payments.Key{ID: "pkey_1", Role: payments.RoleAdmin, Hash: "aa", CreatedAt: at(0)})
	})
	view(t, s, func(ctx context.Context, tx payments.Tx) error {
		_, err := tx.KeyByHash(ctx, "aa")
		return err
	})
	first.Progress, first.Lease, first.LeaseUntil = []byte(`{"step":1}`), "another", at(90)
	update(t, s, func(ctx context.Context, tx payments.Tx) error { return tx.PutOperation(ctx, first) })
	first = finished(first, "ok", 5)
	update(t, s, func(ctx context.Context, tx payments.Tx) error {
		got, err := tx.Operation(ctx, "pop_1")
		if err != nil {
			return err
		}
		got.Open, got.ReplyCode, got.Reply, got.FinishedAt = first.Open, first.ReplyCode, first.Reply, first.FinishedAt
		if err := tx.PutOperation(ctx, got); err != nil {
			return err
		}
		isKind(t, tx.InsertOperation(ctx, someOperation("pop_4", "u", "key")), payments.ErrConflict)
		return tx.InsertOperation(ctx, someOperation("pop_5", "u", ""))
	})
	view(t, s, func(ctx context.Context, tx payments.Tx) error {
		got, err := tx.Operation(ctx, "pop_1")
		equal(t, "a finished operation", got, first)
		if err != nil {
			return err
		}
		got, err = tx.OpenOperation(ctx, "u")
		equal(t, "the next operation", got, someOperation("pop_5", "u", ""))
		return err
	})
}

func checkOldOperations(t *testing.T, s payments.Store) {
	update(t, s, func(ctx context.Context, tx payments.Tx) error {
		for _, o := range []payments.Operation{
			finished(someOperation("pop_1", "u", "a"), "card_declined", 1),
			finished(someOperation("pop_2", "u", ""), "card_declined", 5),
			finished(someOperation("pop_3", "u", ""), "card_declined", 6),
			finished(someOperation("pop_4", "u", ""), "ok", 7),
			finished(someOperation("pop_5", "other", ""), "card_declined", 8),
			someOperation("pop_6", "u", ""),
		} {
			if err := tx.InsertOperation(ctx, o); err != nil {
				return err
			}
		}
		return nil
	})
	view(t, s, func(ctx context.Context, tx payments.Tx) error {
		count, err := tx.CountReplies(ctx, "u", "card_declined", at(5))
		equal(t, "the declined cards since then", count, 2)
		return err
	})
	update(t, s, func(ctx context.Context, tx payments.Tx) error {
		for _, want := range []int{1, 1, 0} {
			deleted, err := tx.DeleteOperations(ctx, at(6), 1)
			if equal(t, "the operations that were deleted", deleted, want); err != nil {
				return err
			}
		}
		if err := tx.DeleteOperation(ctx, "pop_none"); err != nil {
			return err
		}
		return tx.DeleteOperation(ctx, "pop_4")
	})
	view(t, s, func(ctx context.Context, tx payments.Tx) error {
		for id, there := range map[string]bool{
			"pop_1": false, "pop_2": false, "pop_3": true, "pop_4": false, "pop_5": true, "pop_6": true,
		} {
			if _, err := tx.Operation(ctx, id); (err == nil) != there {
				t.Errorf("%s is there: %t, want %t (%v)", id, err == nil, there, err)
			}
		}
		return nil
	})
}
