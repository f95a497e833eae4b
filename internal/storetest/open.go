// Package storetest is for tests only: it gives each a fresh store, and holds
// the suite that every payments.Store has to pass.
//
// [Each] runs a test on SQLite and on PostgreSQL; [SQLite] and [Postgres] give
// a store on one of them; [Run] is the suite.
package storetest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/numerai-app/payments"
	"github.com/numerai-app/payments/internal/postgrestest"
	"github.com/numerai-app/payments/internal/store"
)

// Each runs a test on both engines, each as a parallel subtest with a store of
// its own. On a machine without PostgreSQL that one is skipped, and fails
// where internal/postgrestest says that it must not be.
func Each(t *testing.T, test func(t *testing.T, s payments.Store)) {
	t.Helper()
	EachStore(t, func(t *testing.T, s *store.Store) { test(t, s) })
}

// EachStore is Each for tests that need more of a store than the domain does.
func EachStore(t *testing.T, test func(t *testing.T, s *store.Store)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		test(t, SQLite(t))
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		test(t, Postgres(t))
	})
}

// Another gives a fresh store on the engine of one that this package gave.
func Another(t testing.TB, s payments.Store) *store.Store {
	t.Helper()
	return Shared(t, s, 1)[0]
}

// Shared gives several stores on one fresh database, each with connections of
// its own as processes have them, on the engine of a store that this package
// gave.
func Shared(t testing.TB, s payments.Store, processes int) (shared []*store.Store) {
	t.Helper()
	newURL := originOf(t, s).newURL
	url := newURL(t)
	for range processes {
		shared = append(shared, open(t, url, newURL))
	}
	return shared
}

// origin is where a store's rows are, and what makes another database of the
// same engine.
type origin struct {
	url    string
	newURL func(testing.TB) string
}

// origins holds that of each open store.
var origins sync.Map // *store.Store → origin

func originOf(t testing.TB, s payments.Store) origin {
	t.Helper()
	from, ok := origins.Load(s)
	if !ok {
		t.Fatal("storetest: the store is closed, or is not from here")
	}
	return from.(origin)
}

// SQLite gives a migrated store on SQLite, which is closed with the test.
func SQLite(t testing.TB) *store.Store {
	t.Helper()
	return open(t, SQLiteURL(t), SQLiteURL)
}

// Postgres gives a migrated store on PostgreSQL, which is closed with the test.
func Postgres(t testing.TB) *store.Store {
	t.Helper()
	return open(t, PostgresURL(t), PostgresURL)
}

// SQLiteURL is the URL of a migrated database on SQLite.
func SQLiteURL(t testing.TB) string {
	t.Helper()
	template, err := sqliteTemplate()
	if err != nil {
		t.Fatalf("storetest: make the template of SQLite: %v", err)
	}
	path := filepath.Join(t.TempDir(), "payments.db")
	if err := os.WriteFile(path, template, 0o600); err != nil {
		t.Fatalf("storetest: copy the template of SQLite: %v", err)
	}
	return "sqlite:" + path
}

// PostgresURL is the URL of a migrated database on PostgreSQL, which is
// dropped with the test.
func PostgresURL(t testing.TB) string {
	t.Helper()
	return postgrestest.Template(t, "storetest", migrate)
}

// sqliteTemplate is the content of a migrated database, made once.
var sqliteTemplate = sync.OnceValues(func() (content []byte, err error) {
	directory, err := os.MkdirTemp("", "storetest-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(directory)) }()
	path := filepath.Join(directory, "payments.db")
	if err := migrate("sqlite:" + path); err != nil {
		return nil, err
	}
	return os.ReadFile(path)
})

func migrate(url string) (err error) {
	ctx := context.Background()
	s, err := store.Open(ctx, url, store.Options{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	if err := s.Migrate(ctx); err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	return nil
}

func open(t testing.TB, url string, newURL func(testing.TB) string) *store.Store {
	t.Helper()
	s, err := store.Open(t.Context(), url, store.Options{})
	if err != nil {
		t.Fatalf("storetest: %v", err)
	}
	origins.Store(payments.Store(s), origin{url, newURL})
	t.Cleanup(func() {
		origins.Delete(payments.Store(s))
		if err := s.Close(); err != nil {
			t.Errorf("storetest: %v", err)
		}
	})
	return s
}
