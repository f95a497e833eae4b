package store_test

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/numerai-app/payments"
	"github.com/numerai-app/payments/internal/store"
)

func migrated(t *testing.T, d database) *store.Store {
	t.Helper()
	s := d.open(t)
	if err := s.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	return s
}

// put stores a wish, the smallest thing that can be stored.
func put(ctx context.Context, tx payments.Tx, id string) error {
	return tx.PutRefresh(ctx, payments.Refresh{Ref: payments.Ref{ID: id}, DueAt: time.Unix(1, 0)})
}

func has(t *testing.T, s payments.Store, id string) bool {
	t.Helper()
	err := s.View(t.Context(), func(tx payments.Tx) error {
		_, err := tx.Refresh(t.Context(), id)
		return err
	})
	if err != nil && !errors.Is(err, payments.ErrNotFound) {
		t.Errorf("look for %s: %v", id, err)
	}
	return err == nil
}

const terminateOthers = `SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity
	WHERE datname = current_database() AND pid <> pg_backend_pid()`

// PostgreSQL restarts, and all connections of the pool are dead: nobody notices.
func TestConnectionsLostBetweenUpdates(t *testing.T) {
	t.Parallel()
	d := emptyPostgres(t)
	s, raw := migrated(t, d), d.raw(t)
	for _, id := range []string{"a", "b"} {
		if _, err := raw.ExecContext(t.Context(), terminateOthers); err != nil {
			t.Fatal(err)
		}
		err := s.Update(t.Context(), func(tx payments.Tx) error {
			if _, err := tx.Refresh(t.Context(), id); !errors.Is(err, payments.ErrNotFound) {
				return err
			}
			return put(t.Context(), tx, id)
		})
		if err != nil || !has(t, s, id) {
			t.Errorf("update on a dead connection: %v", err)
		}
	}
}

// The connection is lost while an update is under way: it runs again.
func TestConnectionLostWithinUpdate(t *testing.T) {
	t.Parallel()
	d := emptyPostgres(t)
	s, raw := migrated(t, d), d.raw(t)
	runs := 0
	err := s.Update(t.Context(), func(tx payments.Tx) error {
		if _, err := tx.Refresh(t.Context(), "a"); !errors.Is(err, payments.ErrNotFound) {
			return err
		}
		if runs++; runs == 1 {
			if _, err := raw.ExecContext(t.Context(), terminateOthers); err != nil {
				return err
			}
		}
		if err := put(t.Context(), tx, "a"); err != nil {
			return err
		}
		if _, err := tx.Refresh(t.Context(), "b"); !errors.Is(err, payments.ErrNotFound) {
			return err
		}
		return nil
	})
	if err != nil || runs != 2 || !has(t, s, "a") {
		t.Errorf("%d runs, %v; want 2 and no error", runs, err)
	}
}

// The connection is lost as the commit is sent: nobody knows whether it took
// effect, so it must not run again by itself.
func TestConnectionLostAtCommit(t *testing.T) {
	t.Parallel()
	d := emptyPostgres(t)
	s, raw := migrated(t, d), d.raw(t)
	runs := 0
	err := s.Update(t.Context(), func(tx payments.Tx) error {
		runs++
		if _, err := tx.Refresh(t.Context(), "a"); !errors.Is(err, payments.ErrNotFound) {
			return err
		}
		if _, err := raw.ExecContext(t.Context(), terminateOthers); err != nil {
			return err
		}
		return put(t.Context(), tx, "a") // goes with the commit
	})
	if !errors.Is(err, payments.ErrUnavailable) || runs != 1 || has(t, s, "a") {
		t.Errorf("%d runs, %v; want one and ErrUnavailable", runs, err)
	}
}

// PostgreSQL goes away and comes back.
func TestPostgresAway(t *testing.T) {
	t.Parallel()
	d := emptyPostgres(t)
	s := migrated(t, d)
	address, err := url.Parse(d.url)
	if err != nil {
		t.Fatal(err)
	}
	name := strings.TrimPrefix(address.Path, "/")
	address.Path = "/postgres" // a database cannot be shut from within
	elsewhere := database{driver: d.driver, source: address.String()}.raw(t)
	shut := func(shut bool) {
		t.Helper()
		for _, statement := range []string{
			fmt.Sprintf(`ALTER DATABASE %q ALLOW_CONNECTIONS %t`, name, !shut),
			fmt.Sprintf(`SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE datname = '%s'`, name),
		} {
			if _, err := elsewhere.ExecContext(t.Context(), statement); err != nil {
				t.Fatal(err)
			}
		}
	}
	shut(true)
	for what, err := range map[string]error{
		"update": s.Update(t.Context(), func(tx payments.Tx) error { return put(t.Context(), tx, "a") }),
		"view": s.View(t.Context(), func(tx payments.Tx) error {
			_, err := tx.Keys(t.Context())
			return err
		}),
		"ping":  s.Ping(t.Context()),
		"check": s.CheckSchema(t.Context()),
	} {
		var known *payments.Error
		if !errors.As(err, &known) || !errors.Is(err, payments.ErrUnavailable) || known.RetryAfter != 5*time.Second {
			t.Errorf("%s of a database that is away: %v", what, err)
		}
	}
	shut(false)
	err = s.Update(t.Context(), func(tx payments.Tx) error { return put(t.Context(), tx, "a") })
	if err != nil || !has(t, s, "a") {
		t.Errorf("update of a database that is back: %v", err)
	}
}

// Another process writes for longer than anybody waits.
func TestSQLiteLockedByAnotherProcess(t *testing.T) {
	t.Parallel()
	d := emptySQLite(t)
	s := migrated(t, d)
	conn, err := d.raw(t).Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.ExecContext(t.Context(), "BEGIN IMMEDIATE"); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	err = s.Update(ctx, func(tx payments.Tx) error { return put(ctx, tx, "a") })
	if !errors.Is(err, payments.ErrUnavailable) {
		t.Errorf("error is %v, want ErrUnavailable", err)
	}
	if has(t, s, "a") { // reading goes on meanwhile
		t.Error("it was stored nevertheless")
	}
	if _, err := conn.ExecContext(t.Context(), "ROLLBACK"); err != nil {
		t.Fatal(err)
	}
	err = s.Update(t.Context(), func(tx payments.Tx) error { return put(t.Context(), tx, "a") })
	if err != nil || !has(t, s, "a") {
		t.Errorf("update after the other process: %v", err)
	}
}
