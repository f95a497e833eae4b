package storetest

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/numerai-app/payments"
)

// Run runs the suite. open gives a fresh store, which is closed with the test.
func Run(t *testing.T, open func(t *testing.T) payments.Store) {
	t.Helper()
	for name, check := range map[string]func(*testing.T, payments.Store){
		"Customers":        checkCustomers,
		"CustomerConflict": checkCustomerConflict,
		"CustomerPages":    checkCustomerPages,
		"Rechecks":         checkRechecks,
		"Subscriptions":    checkSubscriptions,
		"Standings":        checkStandings,
		"Unmapped":         checkUnmapped,
		"Overdue":          checkOverdue,
		"Objects":          checkObjects,
		"OpenInvoices":     checkOpenInvoices,
		"Payments":         checkPayments,
		"BillingHistory":   checkBillingHistory,
		"Events":           checkEvents,
		"EventPages":       checkEventPages,
		"EventPayloads":    checkEventPayloads,
		"PrunedPayloads":   checkPrunedPayloads,
		"PendingEvents":    checkPendingEvents,
		"UnownedEvents":    checkUnownedEvents,
		"WaitingEvents":    checkWaitingEvents,
		"EventPoll":        checkEventPoll,
		"Backlog":          checkBacklog,
		"Refreshes":        checkRefreshes,
		"Operations":       checkOperations,
		"OldOperations":    checkOldOperations,
		"Keys":             checkKeys,
		"Outbound":         checkOutbound,
		"Endpoints":        checkEndpoints,
		"Deliveries":       checkDeliveries,
		"NotFound":         checkNotFound,
		"Rollback":         checkRollback,
		"BrokenUpdate":     checkBrokenUpdate,
		"Panic":            checkPanic,
		"ReadOnlyView":     checkReadOnlyView,
		"Recall":           checkRecall,
		"Snapshot":         checkSnapshot,
		"LostUpdates":      checkLostUpdates,
		"WriteSkew":        checkWriteSkew,
		"RacingInserts":    checkRacingInserts,
		"Cancellation":     checkCancellation,
		"BadText":          checkBadText,
		"Ping":             checkPing,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			check(t, open(t))
		})
	}
}

// now is a moment that does not fall on a whole second, in a zone that is not UTC.
var now = time.Date(2026, time.March, 31, 23, 30, 15, 123_456_000, time.FixedZone("here", 2*60*60))

// at is now and some seconds.
func at(seconds int) time.Time { return now.Add(time.Duration(seconds) * time.Second) }

func pointer[T any](value T) *T { return &value }

func update(t *testing.T, s payments.Store, fn func(ctx context.Context, tx payments.Tx) error) {
	t.Helper()
	if err := s.Update(t.Context(), func(tx payments.Tx) error { return fn(t.Context(), tx) }); err != nil {
		t.Fatalf("update: %v", err)
	}
}

func view(t *testing.T, s payments.Store, fn func(ctx context.Context, tx payments.Tx) error) {
	t.Helper()
	if err := s.View(t.Context(), func(tx payments.Tx) error { return fn(t.Context(), tx) }); err != nil {
		t.Fatalf("view: %v", err)
	}
}

// equal compares what is stored with what was put. Times must be in UTC.
func equal(t *testing.T, what string, got, want any) {
	t.Helper()
	if diff := cmp.Diff(want, got, cmp.Comparer(sameTime)); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

// sameTime is the same moment; whether it is read in UTC is checkCustomers' matter.
func sameTime(a, b time.Time) bool { return a.Equal(b) }

func isKind(t *testing.T, err, kind error) {
	t.Helper()
	if !errors.Is(err, kind) {
		t.Errorf("error is %v, want one that is %q", err, kind)
	}
	var known *payments.Error
	if !errors.As(err, &known) {
		return
	}
	for _, word := range []string{"SQL", "constraint", "ERROR", "violates"} {
		if strings.Contains(known.Message, word) {
			t.Errorf("the message %q is not for people", known.Message)
		}
	}
}

// someUser is a user whose fields are all set.
func someUser(id string) payments.Customer {
	return payments.Customer{
		User:             payments.User{ID: id, Email: id + "@example.com", Name: "Zoë 😀 \"quoted\""},
		StripeCustomerID: "cus_" + id, TestClock: "clock_1", IsPremium: true, Plan: "pro",
		PremiumUntil: pointer(at(10)), RecheckAt: pointer(at(20)), CreatedAt: at(0), UpdatedAt: at(1),
	}
}

// putUser stores a user for rows that need one.
func putUser(t *testing.T, s payments.Store, id string) {
	t.Helper()
	update(t, s, func(ctx context.Context, tx payments.Tx) error { return tx.PutCustomer(ctx, someUser(id)) })
}
