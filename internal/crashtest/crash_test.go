package crashtest

import (
	"context"
	"errors"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/numerai-app/payments"
	"github.com/numerai-app/payments/internal/postgrestest"
	"github.com/numerai-app/payments/internal/processtest"
	"github.com/numerai-app/payments/internal/store"
	"github.com/numerai-app/payments/internal/storetest"
)

// crashes is how often the server is killed on each database. PAYMENTS_CRASHES
// says it; make crash kills some hundred times.
func crashes(t *testing.T) int {
	t.Helper()
	text := os.Getenv("PAYMENTS_CRASHES")
	if text == "" {
		return 3
	}
	times, err := strconv.Atoi(text)
	if err != nil || times < 1 {
		t.Fatalf("PAYMENTS_CRASHES is a number from 1, not %q", text)
	}
	return times
}

// TestKilledServer kills the server at random moments under load.
func TestKilledServer(t *testing.T) {
	t.Parallel()
	for name, database := range map[string]func(testing.TB) string{"sqlite": storetest.SQLiteURL, "postgres": storetest.PostgresURL} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			seed := uint64(time.Now().UnixNano())
			t.Logf("seed %d", seed)
			w := newWorld(t, database(t), seed)
			server := processtest.Start(t, w.config)
			stop := w.live(t)
			for range crashes(t) {
				w.beforeCrash(t)
				w.noteKill()
				server.Kill()
				server = processtest.Start(t, w.config)
			}
			stop()
			w.settle(t)
			w.check(t)
		})
	}
}

// TestKilledPostgreSQL stops the database hard, under load, while the server
// stays up and refuses events. What was acknowledged was flushed, so it is there
// afterwards.
func TestKilledPostgreSQL(t *testing.T) {
	t.Parallel()
	cluster := postgrestest.Durable(t)
	migrate(t, cluster.URL())
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	w := newWorld(t, cluster.URL(), seed)
	processtest.Start(t, w.config)
	stop := w.live(t)
	for i := range crashes(t) {
		if i > 0 { // the first one meets the server while it starts its jobs
			w.beforeCrash(t)
		}
		w.noteKill()
		if err := cluster.Crash(); err != nil {
			t.Fatal(err)
		}
		w.awaitRefusals(t, 1)
		pause(t.Context(), time.Duration(w.intN(300))*time.Millisecond)
		if err := cluster.Start(); err != nil {
			t.Fatal(err)
		}
	}
	stop()
	w.settle(t)
	w.check(t)
}

// TestReplacedPostgreSQL stops the database hard, under load, and has its
// synchronous standby take its place, while the server stays up. What was
// acknowledged was flushed on both.
func TestReplacedPostgreSQL(t *testing.T) {
	t.Parallel()
	pair := postgrestest.Replicated(t)
	migrate(t, pair.URL())
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	w := newWorld(t, pair.URL(), seed)
	processtest.Start(t, w.config)
	stop := w.live(t)
	for range crashes(t) {
		w.beforeCrash(t)
		w.noteKill()
		if err := pair.FailOver(); err != nil {
			t.Fatal(err)
		}
	}
	stop()
	w.settle(t)
	w.check(t)
}

func migrate(t *testing.T, database string) {
	t.Helper()
	s, err := store.Open(t.Context(), database, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := s.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// TestFullDisk lets SQLite run into the end of its disk, for which a limit on
// the size of files serves. Events are refused then, and nothing that was
// acknowledged is lost; with room again the server goes on, be it started again
// or not.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	t.Run("restarted", func(t *testing.T) {
		t.Parallel()
		testFullDisk(t, func(w *world, server *processtest.Server) {
			server.Kill()
			processtest.Start(t, w.config)
		})
	})
	t.Run("running on", func(t *testing.T) {
		t.Parallel()
		testFullDisk(t, func(_ *world, server *processtest.Server) { server.Unlimit(t) })
	})
}

// testFullDisk has makeRoom be called with a server whose disk is full.
func testFullDisk(t *testing.T, makeRoom func(*world, *processtest.Server)) {
	t.Helper()
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	w := newWorld(t, storetest.SQLiteURL(t), seed)
	full := w.config
	full.Limit = 1500 // KiB: the empty schema takes some 500
	server := processtest.Start(t, full)
	stop := w.live(t)
	w.awaitRefusals(t, 20)
	makeRoom(w, server)
	stop()
	w.settle(t)
	w.check(t)
}

// awaitRefusals waits until the server has refused that many events more.
func (w *world) awaitRefusals(t *testing.T, count int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), settleTime)
	defer cancel()
	refused := func() int {
		w.mu.Lock()
		defer w.mu.Unlock()
		return w.refused
	}
	for before := refused(); refused() < before+count; pause(ctx, 10*time.Millisecond) {
		if ctx.Err() != nil {
			t.Fatalf("%d events were refused, want %d", refused()-before, count)
		}
	}
}

// settleTime is how long it may take until all that happened is known.
const settleTime = 2 * time.Minute

// settle waits until the server knows all that happened, and has nothing left
// to do. Then the door is shut.
func (w *world) settle(t *testing.T) {
	t.Helper()
	if err := w.sim.Advance(t.Context(), time.Hour); err != nil { // Stripe books a charge some seconds after it
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), settleTime)
	defer cancel()
	for {
		undelivered := w.call(t, "GET", "/v1/events", "limit=100&delivery_success=false")["data"].([]any)
		backlog := w.backlog(t)
		if len(undelivered) == 0 && backlog.PendingEvents == 0 && backlog.Reads == 0 {
			w.shutDoor()
			return
		}
		if ctx.Err() != nil {
			t.Fatalf("after %v: %d events are not delivered, and there is left to do: %+v\n%v", settleTime, len(undelivered), backlog, undelivered[:min(len(undelivered), 1)])
		}
		pause(ctx, 50*time.Millisecond)
	}
}

// view looks into the server's database, beside it.
func (w *world) view(t *testing.T, look func(payments.Tx) error) {
	t.Helper()
	s, err := store.Open(t.Context(), w.config.Database, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := s.View(t.Context(), look); err != nil {
		t.Fatal(err)
	}
}

func (w *world) backlog(t *testing.T) (backlog payments.Backlog) {
	t.Helper()
	w.view(t, func(tx payments.Tx) (err error) {
		backlog, err = tx.Backlog(t.Context())
		return err
	})
	return backlog
}

// check compares what is on record with what Stripe says.
func (w *world) check(t *testing.T) {
	t.Helper()
	if len(w.users) == 0 || len(w.acknowledged) == 0 {
		t.Fatalf("nothing happened: %d users, %d events", len(w.users), len(w.acknowledged))
	}
	t.Logf("%d users, %d events were acknowledged, %d refused", len(w.users), len(w.acknowledged), w.refused)
	if len(w.odd) > 0 {
		t.Errorf("events were answered %v, neither 200 nor 503", w.odd)
	}
	customers := map[string]string{} // the user of each
	w.view(t, func(tx payments.Tx) error {
		for id, at := range w.acknowledged {
			event, err := tx.Event(t.Context(), id)
			switch {
			case errors.Is(err, payments.ErrNotFound):
				t.Errorf("%s was acknowledged at %v and is lost; kills were at %v", id, at, w.killed)
			case err != nil:
				return err
			case event.Status != payments.EventProcessed && event.Status != payments.EventIgnored:
				t.Errorf("%s (%s) is %s: %s", id, event.Type, event.Status, event.Error)
			}
		}
		for _, user := range w.users {
			customer, err := tx.Customer(t.Context(), user)
			if err != nil {
				return err
			}
			customers[customer.StripeCustomerID] = user
		}
		return w.checkSubscriptions(t, tx, customers)
	})
	w.checkMoney(t, customers)
}

// checkSubscriptions: each user has the one subscription that was asked for, as
// Stripe has it.
func (w *world) checkSubscriptions(t *testing.T, tx payments.Tx, customers map[string]string) error {
	t.Helper()
	atStripe := map[string]int{}
	for _, row := range w.list(t, "/v1/customers") {
		if customers[row["id"].(string)] == "" {
			t.Errorf("%s is a second customer of a user", row["id"])
		}
	}
	for customer, user := range customers {
		for _, row := range w.call(t, "GET", "/v1/subscriptions", "status=all&limit=100&customer="+customer)["data"].([]any) {
			subscription := row.(map[string]any)
			atStripe[user]++
			known, err := tx.Subscription(t.Context(), subscription["id"].(string))
			if err != nil {
				return err
			}
			if string(known.Status) != subscription["status"] || known.CancelAtPeriodEnd != subscription["cancel_at_period_end"] || known.UserID != user {
				t.Errorf("%s of %s is %s, at Stripe %v", known.StripeSubscriptionID, known.UserID, known.Status, subscription["status"])
			}
		}
		if atStripe[user] != 1 {
			t.Errorf("%s has %d subscriptions at Stripe", user, atStripe[user])
		}
	}
	return nil
}

// checkMoney: what is on record as paid is what was charged and not given back,
// each movement once.
func (w *world) checkMoney(t *testing.T, customers map[string]string) {
	t.Helper()
	charged := map[string]int64{}
	for _, charge := range w.list(t, "/v1/charges") {
		if charge["status"] == "succeeded" {
			charged[customers[charge["customer"].(string)]] += int64(charge["amount"].(float64)) - int64(charge["amount_refunded"].(float64))
		}
	}
	w.view(t, func(tx payments.Tx) error {
		for _, user := range w.users {
			var paid int64
			sources := map[string]bool{}
			entries, count, err := tx.BillingHistory(t.Context(), user, 0, 1000)
			if err != nil {
				return err
			}
			for _, entry := range entries {
				if entry.Status == payments.BillingPaid {
					paid += entry.Amount
				}
				if sources[entry.Source] {
					t.Errorf("%s is twice in the history of %s", entry.Source, user)
				}
				sources[entry.Source] = true
			}
			if count != len(entries) || paid != charged[user] {
				t.Errorf("the history of %s says %d paid, Stripe's charges %d: %+v", user, paid, charged[user], entries)
			}
		}
		return nil
	})
}
