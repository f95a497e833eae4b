package storetest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"testing"
	"time"

	"github.com/numerai-app/payments"
)

var errOnPurpose = errors.New("on purpose")

// counter is a row that many want to change.
var counter = payments.Refresh{Ref: payments.Ref{Kind: payments.KindInvoice, ID: "counter"}, Reason: "count", DueAt: at(0)}

func count(t *testing.T, s payments.Store) (wishes int64) {
	t.Helper()
	view(t, s, func(ctx context.Context, tx payments.Tx) error {
		r, err := tx.Refresh(ctx, "counter")
		if errors.Is(err, payments.ErrNotFound) {
			return nil
		}
		wishes = r.Wishes
		return err
	})
	return wishes
}

// increment adds one to the counter, which need not be there yet.
func increment(ctx context.Context, tx payments.Tx) error {
	r, err := tx.Refresh(ctx, "counter")
	if errors.Is(err, payments.ErrNotFound) {
		r, err = counter, nil
	}
	if err != nil {
		return err
	}
	r.Wishes++
	return tx.PutRefresh(ctx, r)
}

func checkNotFound(t *testing.T, s payments.Store) {
	ctx := t.Context()
	for name, find := range map[string]func(payments.Tx) error{
		"Customer":           func(tx payments.Tx) error { _, err := tx.Customer(ctx, "x"); return err },
		"CustomerByStripeID": func(tx payments.Tx) error { _, err := tx.CustomerByStripeID(ctx, ""); return err },
		"Event":              func(tx payments.Tx) error { _, err := tx.Event(ctx, "x"); return err },
		"EventPayload":       func(tx payments.Tx) error { _, err := tx.EventPayload(ctx, payments.Event{ID: "x"}); return err },
		"KeyByHash":          func(tx payments.Tx) error { _, err := tx.KeyByHash(ctx, "x"); return err },
		"Object":             func(tx payments.Tx) error { _, err := tx.Object(ctx, "x"); return err },
		"OpenOperation":      func(tx payments.Tx) error { _, err := tx.OpenOperation(ctx, "x"); return err },
		"Operation":          func(tx payments.Tx) error { _, err := tx.Operation(ctx, "x"); return err },
		"OperationByKey":     func(tx payments.Tx) error { _, err := tx.OperationByKey(ctx, "x", ""); return err },
		"Payment":            func(tx payments.Tx) error { _, err := tx.Payment(ctx, "x"); return err },
		"Refresh":            func(tx payments.Tx) error { _, err := tx.Refresh(ctx, "x"); return err },
		"Subscription":       func(tx payments.Tx) error { _, err := tx.Subscription(ctx, "x"); return err },
	} {
		err := s.View(ctx, find)
		isKind(t, err, payments.ErrNotFound)
		if t.Failed() {
			t.Fatalf("in %s", name)
		}
	}
	// What is not there does not spoil the transaction.
	update(t, s, func(ctx context.Context, tx payments.Tx) error {
		if _, err := tx.Customer(ctx, "x"); !errors.Is(err, payments.ErrNotFound) {
			return err
		}
		return increment(ctx, tx)
	})
	if got := count(t, s); got != 1 {
		t.Errorf("the counter is %d after a miss, want 1", got)
	}
}

func checkRollback(t *testing.T, s payments.Store) {
	err := s.Update(t.Context(), func(tx payments.Tx) error {
		if err := increment(t.Context(), tx); err != nil {
			return err
		}
		return fmt.Errorf("give up: %w", errOnPurpose)
	})
	if !errors.Is(err, errOnPurpose) {
		t.Errorf("update returned %v, want the error of its function", err)
	}
	if got := count(t, s); got != 0 {
		t.Errorf("the counter is %d after a rollback, want none", got)
	}
	// What looks like trouble of a database is not, where fn had it.
	own := fmt.Errorf("decode: %w", io.ErrUnexpectedEOF)
	if err := s.Update(t.Context(), func(payments.Tx) error { return own }); err != own {
		t.Errorf("update returned %v, want the very error of its function", err)
	}
}

// An update that goes on after an error of the database commits nothing.
func checkBrokenUpdate(t *testing.T, s payments.Store) {
	putUser(t, s, "a")
	thief := someUser("b")
	thief.StripeCustomerID = "cus_a"
	err := s.Update(t.Context(), func(tx payments.Tx) error {
		if err := increment(t.Context(), tx); err != nil {
			return err
		}
		_ = tx.PutCustomer(t.Context(), thief)
		return nil
	})
	isKind(t, err, payments.ErrConflict)
	if got := count(t, s); got != 0 {
		t.Errorf("the counter is %d, want none", got)
	}
}

func checkPanic(t *testing.T, s payments.Store) {
	func() {
		defer func() {
			if got := recover(); got != errOnPurpose {
				t.Errorf("recovered %v, want the panic", got)
			}
		}()
		_ = s.Update(t.Context(), func(tx payments.Tx) error {
			if err := increment(t.Context(), tx); err != nil {
				return err
			}
			panic(errOnPurpose)
		})
		t.Error("update swallowed a panic")
	}()
	update(t, s, increment) // the connection is free again, and the row unlocked
	if got := count(t, s); got != 1 {
		t.Errorf("the counter is %d, want 1", got)
	}
}

func checkReadOnlyView(t *testing.T, s payments.Store) {
	ctx := t.Context()
	for name, write := range map[string]func(tx payments.Tx) error{
		"PutCustomer":   func(tx payments.Tx) error { return tx.PutCustomer(ctx, someUser("u")) },
		"Enqueue":       func(tx payments.Tx) error { return tx.Enqueue(ctx, payments.Sweep{}, 0) },
		"PrunePayloads": func(tx payments.Tx) error { _, err := tx.PrunePayloads(ctx, now, 1); return err },
		"swallowed":     func(tx payments.Tx) error { _ = tx.PutCustomer(ctx, someUser("u")); return nil },
	} {
		if err := s.View(ctx, write); err == nil {
			t.Errorf("%s: a view could write", name)
		}
	}
	view(t, s, func(ctx context.Context, tx payments.Tx) error {
		_, err := tx.Customer(ctx, "u")
		isKind(t, err, payments.ErrNotFound)
		return nil
	})
}

// A view sees one moment, whatever is committed meanwhile, and does not hold
// up the writers.
func checkSnapshot(t *testing.T, s payments.Store) {
	update(t, s, increment)
	view(t, s, func(ctx context.Context, tx payments.Tx) error {
		before, err := tx.Refresh(ctx, "counter")
		if err != nil {
			return err
		}
		update(t, s, increment)
		after, err := tx.Refresh(ctx, "counter")
		if before.Wishes != 1 || after.Wishes != 1 {
			t.Errorf("one view saw %d, then %d", before.Wishes, after.Wishes)
		}
		return err
	})
	if got := count(t, s); got != 2 {
		t.Errorf("the counter is %d, want 2", got)
	}
}

// Many at once change one row by what they read of it, and none is lost.
func checkLostUpdates(t *testing.T, s payments.Store) {
	const workers, each = 10, 5
	var group sync.WaitGroup
	for range workers {
		group.Go(func() {
			for range each {
				err := s.Update(t.Context(), func(tx payments.Tx) error { return increment(t.Context(), tx) })
				for errors.Is(err, payments.ErrUnavailable) { // busy: what a caller is told to try again
					err = s.Update(t.Context(), func(tx payments.Tx) error { return increment(t.Context(), tx) })
				}
				if err != nil {
					t.Errorf("increment: %v", err)
				}
			}
		})
	}
	group.Wait()
	if got := count(t, s); got != workers*each {
		t.Errorf("the counter is %d, want %d", got, workers*each)
	}
}

// Two that each write what the other one reads cannot both go by the old rows:
// of all who see nobody at work, one goes to work.
func checkWriteSkew(t *testing.T, s payments.Store) {
	const workers = 8
	var group sync.WaitGroup
	for i := range workers {
		group.Go(func() {
			err := s.Update(t.Context(), func(tx payments.Tx) error {
				others, err := tx.DueRechecks(t.Context(), at(100), workers)
				if err != nil || len(others) > 0 {
					return err
				}
				return tx.PutCustomer(t.Context(), someUser(fmt.Sprint(i)))
			})
			if err != nil {
				t.Errorf("worker %d: %v", i, err)
			}
		})
	}
	group.Wait()
	view(t, s, func(ctx context.Context, tx payments.Tx) error {
		working, err := tx.DueRechecks(ctx, at(100), workers)
		if len(working) != 1 {
			t.Errorf("%d went to work, want 1", len(working))
		}
		return err
	})
}

// Many at once insert the same: one of them does, all learn which.
func checkRacingInserts(t *testing.T, s payments.Store) {
	const workers = 8
	var mu sync.Mutex
	var group sync.WaitGroup
	events, operations, customers := 0, 0, 0
	for i := range workers {
		group.Go(func() {
			var inserted []bool
			var operation error
			err := s.Update(t.Context(), func(tx payments.Tx) (err error) {
				if inserted, err = tx.InsertEvents(t.Context(), []payments.Event{someEvent("evt_1")}); err != nil {
					return err
				}
				operation = tx.InsertOperation(t.Context(), someOperation(fmt.Sprintf("pop_%d", i), "u", "key"))
				if operation != nil && !errors.Is(operation, payments.ErrConflict) {
					return operation
				}
				return nil
			})
			if err != nil {
				t.Errorf("worker %d: %v", i, err)
				return
			}
			thief := someUser(fmt.Sprint(i))
			thief.StripeCustomerID = "cus_wanted"
			err = s.Update(t.Context(), func(tx payments.Tx) error { return tx.PutCustomer(t.Context(), thief) })
			if err != nil {
				isKind(t, err, payments.ErrConflict)
			}
			mu.Lock()
			defer mu.Unlock()
			for winner, ok := range map[*int]bool{&events: inserted[0], &operations: operation == nil, &customers: err == nil} {
				if ok {
					*winner++
				}
			}
		})
	}
	group.Wait()
	if events != 1 || operations != 1 || customers != 1 {
		t.Errorf("inserted %d events, %d operations and %d customers, want one of each", events, operations, customers)
	}
}

// An update whose caller gave up commits nothing, and leaves the store usable.
func checkCancellation(t *testing.T, s payments.Store) {
	ctx, cancel := context.WithCancel(t.Context())
	err := s.Update(ctx, func(tx payments.Tx) error {
		if err := increment(ctx, tx); err != nil {
			return err
		}
		cancel()
		return nil
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error is %v, want that of the context", err)
	}
	if err := s.View(ctx, func(payments.Tx) error { return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("a view of somebody who gave up is %v, want the context's error", err)
	}
	update(t, s, increment)
	if got := count(t, s); got != 1 {
		t.Errorf("the counter is %d, want 1", got)
	}
}

// Text that an engine cannot hold is refused at once, or held as it is.
func checkBadText(t *testing.T, s payments.Store) {
	for _, text := range []string{"nul \x00", "broken \xff"} {
		tries := 0
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		c := someUser("u")
		c.Name = text
		err := s.Update(ctx, func(tx payments.Tx) error {
			tries++
			return tx.PutCustomer(ctx, c)
		})
		cancel()
		if tries != 1 {
			t.Errorf("%q was tried %d times, want once", text, tries)
		}
		if errors.Is(err, payments.ErrUnavailable) || errors.Is(err, payments.ErrConflict) {
			t.Errorf("%q is %v, which says that trying again may help", text, err)
		}
	}
}

func checkPing(t *testing.T, s payments.Store) {
	if err := s.Ping(t.Context()); err != nil {
		t.Errorf("ping: %v", err)
	}
}
