package store_test

import (
	"context"
	"database/sql"
	"errors"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	_ "github.com/jackc/pgx/v5/stdlib"

	"github.com/numerai-app/payments/internal/postgrestest"
	"github.com/numerai-app/payments/internal/store"
	"github.com/numerai-app/payments/internal/storetest"
)

// database is an empty database, and a way past the store into it.
type database struct {
	url    string
	driver string
	source string
}

func emptySQLite(t *testing.T) database {
	path := filepath.Join(t.TempDir(), "payments.db")
	return database{url: "sqlite:" + path, driver: "sqlite", source: path}
}

func emptyPostgres(t *testing.T) database {
	url := postgrestest.Database(t)
	return database{url: url, driver: "pgx", source: url}
}

func (d database) open(t *testing.T) *store.Store {
	t.Helper()
	s, err := store.Open(t.Context(), d.url, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// raw opens the database past the store.
func (d database) raw(t *testing.T) *sql.DB {
	t.Helper()
	db, err := sql.Open(d.driver, d.source)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

func eachEmpty(t *testing.T, test func(t *testing.T, d database)) {
	for name, make := range map[string]func(*testing.T) database{"sqlite": emptySQLite, "postgres": emptyPostgres} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, make(t))
		})
	}
}

func TestMigrateFromNothing(t *testing.T) {
	t.Parallel()
	eachEmpty(t, func(t *testing.T, d database) {
		ctx, s := t.Context(), d.open(t)
		err := s.CheckSchema(ctx)
		if !errors.Is(err, store.ErrOlderSchema) || !strings.Contains(err.Error(), "payments migrate up") {
			t.Errorf("the check of an empty database is %v", err)
		}
		if applied := countApplied(t, s); applied != 0 {
			t.Errorf("an empty database has %d migrations", applied)
		}
		if tables := columns(t, d); len(tables) != 0 {
			t.Errorf("looking at an empty database made %v", tables)
		}
		for range 2 { // the second time there is nothing to do
			if err := s.Migrate(ctx); err != nil {
				t.Fatal(err)
			}
			if err := s.CheckSchema(ctx); err != nil {
				t.Errorf("the check of a migrated database: %v", err)
			}
		}
		status, err := s.Status(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if applied := countApplied(t, s); applied != len(status) {
			t.Errorf("%d of %d migrations are applied", applied, len(status))
		}
		if diff := cmp.Diff(store.Migration{Of: "payments", Version: 1, Name: "init", Applied: true}, status[0]); diff != "" {
			t.Errorf("the first migration (-want +got):\n%s", diff)
		}
	})
}

func countApplied(t *testing.T, s *store.Store) (applied int) {
	t.Helper()
	status, err := s.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, migration := range status {
		if migration.Applied {
			applied++
		}
	}
	return applied
}

// A newer schema is refused if it says so, and only then.
func TestNewerSchema(t *testing.T) {
	t.Parallel()
	for name, statement := range map[string]string{
		"payments": `INSERT INTO goose_db_version (version_id, is_applied) VALUES (9000, true)`,
		"jobs":     `INSERT INTO river_migration (line, version) VALUES ('main', 9000)`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			eachEmpty(t, func(t *testing.T, d database) {
				s, db := d.open(t), d.raw(t)
				change := func(statement string) {
					t.Helper()
					if _, err := db.ExecContext(t.Context(), statement); err != nil {
						t.Fatal(err)
					}
				}
				if err := s.Migrate(t.Context()); err != nil {
					t.Fatal(err)
				}
				change(statement)
				if err := errors.Join(s.CheckSchema(t.Context()), s.Migrate(t.Context())); err != nil {
					t.Errorf("a newer schema that suits this program: %v", err)
				}
				change(`UPDATE schema_compatibility SET oldest_known = 9000`)
				if err := s.CheckSchema(t.Context()); !errors.Is(err, store.ErrNewerSchema) {
					t.Errorf("the check of a newer schema that does not suit this program is %v", err)
				}
			})
		})
	}
}

// Several processes that start at once all find a current schema.
func TestMigrateAtOnce(t *testing.T) {
	t.Parallel()
	eachEmpty(t, func(t *testing.T, d database) {
		var group sync.WaitGroup
		defer group.Wait()
		for _, s := range []*store.Store{d.open(t), d.open(t), d.open(t), d.open(t)} {
			group.Go(func() {
				if err := errors.Join(s.Migrate(t.Context()), s.CheckSchema(t.Context())); err != nil {
					t.Error(err)
				}
			})
		}
	})
}

func TestMigrateGivesUpWithItsCaller(t *testing.T) {
	t.Parallel()
	eachEmpty(t, func(t *testing.T, d database) {
		ctx, cancel := context.WithCancel(t.Context())
		s := d.open(t)
		cancel()
		if err := s.Migrate(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("error is %v, want the context's", err)
		}
	})
}

// Both engines have one schema: the same tables with the same columns.
func TestSchemasAreTwins(t *testing.T) {
	t.Parallel()
	lite, postgres := emptySQLite(t), emptyPostgres(t)
	for _, d := range []database{lite, postgres} {
		if err := d.open(t).Migrate(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	tables := columns(t, lite)
	if len(tables) < 10 {
		t.Errorf("SQLite has %d tables only", len(tables))
	}
	if diff := cmp.Diff(columns(t, postgres), tables); diff != "" {
		t.Errorf("tables and columns (-PostgreSQL +SQLite):\n%s", diff)
	}
	if diff := cmp.Diff(indexes(t, postgres), indexes(t, lite)); diff != "" {
		t.Errorf("indexes (-PostgreSQL +SQLite):\n%s", diff)
	}
}

// columns lists our tables with their columns in order, and a mark on those
// that may be null. River's and goose's tables are their own business, and
// partitions are parts of theirs.
func columns(t *testing.T, d database) map[string][]string {
	t.Helper()
	return columnsIn(t, d.raw(t), d.driver)
}

func columnsIn(t *testing.T, db *sql.DB, driver string) map[string][]string {
	t.Helper()
	query := `SELECT table_name, column_name, is_nullable = 'YES' FROM information_schema.columns
		WHERE table_schema = 'public' AND table_name NOT IN (SELECT relname FROM pg_class WHERE relispartition)
		ORDER BY table_name, ordinal_position`
	if driver == "sqlite" {
		query = `SELECT m.name, c.name, c."notnull" = 0 AND c.pk = 0 FROM sqlite_schema m, pragma_table_info(m.name) c
			WHERE m.type = 'table' ORDER BY m.name, c.cid`
	}
	rows, err := db.QueryContext(t.Context(), query)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	tables := map[string][]string{}
	for rows.Next() {
		var table, column string
		var nullable bool
		if err := rows.Scan(&table, &column, &nullable); err != nil {
			t.Fatal(err)
		}
		if strings.HasPrefix(table, "river_") || strings.HasPrefix(table, "goose_") || strings.HasPrefix(table, "sqlite_") {
			continue
		}
		if nullable {
			column += "?"
		}
		tables[table] = append(tables[table], column)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return tables
}

// indexes lists the names of the indexes that we made.
func indexes(t *testing.T, d database) (names []string) {
	t.Helper()
	query := `SELECT indexname FROM pg_indexes WHERE schemaname = 'public' AND indexname NOT LIKE '%_pkey'
		AND indexname NOT LIKE '%_key' AND tablename NOT LIKE 'river_%' AND tablename NOT LIKE 'goose_%'
		AND tablename NOT IN (SELECT relname FROM pg_class WHERE relispartition) ORDER BY 1`
	if d.driver == "sqlite" {
		query = `SELECT name FROM sqlite_schema WHERE type = 'index' AND name NOT LIKE 'sqlite_%'
			AND name NOT LIKE '%_key' AND tbl_name NOT LIKE 'river_%' AND tbl_name NOT LIKE 'goose_%' ORDER BY 1`
	}
	rows, err := d.raw(t).QueryContext(t.Context(), query)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			t.Fatal(err)
		}
		names = append(names, name)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return names
}

// The helper gives what Migrate makes.
func TestTemplatesAreMigrated(t *testing.T) {
	t.Parallel()
	storetest.EachStore(t, func(t *testing.T, s *store.Store) {
		if err := s.CheckSchema(t.Context()); err != nil {
			t.Error(err)
		}
	})
}
