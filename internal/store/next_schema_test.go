package store_test

import (
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/numerai-app/payments"
	"github.com/numerai-app/payments/internal/postgrestest"
	"github.com/numerai-app/payments/internal/store"
	"github.com/numerai-app/payments/internal/storetest"
)

// While servers are replaced one after the other, those that are left run on
// the schema of the next version: each table has a column more, which they
// neither know nor fill.
func TestRunsOnNextSchema(t *testing.T) {
	t.Parallel()
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		template := sync.OnceValue(func() []byte {
			path := filepath.Join(t.TempDir(), "payments.db")
			nextSchema(t, database{url: "sqlite:" + path, driver: "sqlite", source: path})
			content, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			return content
		})()
		storetest.Run(t, func(t *testing.T) payments.Store {
			d := emptySQLite(t)
			if err := os.WriteFile(d.source, template, 0o600); err != nil {
				t.Fatal(err)
			}
			return current(t, d)
		})
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		storetest.Run(t, func(t *testing.T) payments.Store {
			url := postgrestest.Template(t, "next schema", func(url string) error {
				nextSchema(t, database{url: url, driver: "pgx", source: url})
				return nil
			})
			return current(t, database{url: url, driver: "pgx", source: url})
		})
	})
}

// current opens a database with whose schema this program can work.
func current(t *testing.T, d database) *store.Store {
	t.Helper()
	s := d.open(t)
	if err := s.CheckSchema(t.Context()); err != nil {
		t.Fatal(err)
	}
	return s
}

// nextSchema makes the schema of the next version.
func nextSchema(t *testing.T, d database) {
	t.Helper()
	ctx := t.Context()
	s, err := store.Open(ctx, d.url, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(s.Migrate(ctx), s.Close()); err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open(d.driver, d.source)
	if err != nil {
		t.Fatal(err)
	}
	statements := []string{`INSERT INTO goose_db_version (version_id, is_applied) VALUES (9000, true)`}
	for table := range columnsIn(t, db, d.driver) {
		statements = append(statements, `ALTER TABLE `+table+` ADD COLUMN of_the_next_version text NOT NULL DEFAULT 'unknown'`)
	}
	for _, statement := range statements {
		if _, err := db.ExecContext(ctx, statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}
