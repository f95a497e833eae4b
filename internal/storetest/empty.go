package storetest

import (
	"context"
	"database/sql"
	"strings"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"

	"github.com/numerai-app/payments"
)

// lasting are the tables whose rows belong to the schema. All others hold what
// the project or its queue was told.
var lasting = map[string]bool{"goose_db_version": true, "river_migration": true, "schema_compatibility": true, "sqlite_sequence": true}

// Empty deletes all that was stored through a store of this package, by
// whatever connection: its database is then as if it were new, and soon, since
// to copy a template takes longer than many a test.
func Empty(t testing.TB, s payments.Store) {
	t.Helper()
	from := originOf(t, s)
	driver, address, tables := "pgx", from.url, "SELECT tablename FROM pg_tables WHERE schemaname = current_schema()"
	if path, isFile := strings.CutPrefix(from.url, "sqlite:"); isFile {
		driver, address, tables = "sqlite", path, "SELECT name FROM sqlite_schema WHERE type = 'table'"
	}
	db, err := sql.Open(driver, address)
	if err != nil {
		t.Fatalf("storetest: %v", err)
	}
	defer func() { _ = db.Close() }()
	if err := deleteRows(t.Context(), db, tables); err != nil {
		t.Fatalf("storetest: empty the database: %v", err)
	}
}

// deleteRows empties the tables that a query lists, all or none: whose rows
// refer to others' is looked at when it commits.
func deleteRows(ctx context.Context, db *sql.DB, list string) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }()
	names, err := namesOf(ctx, tx, list)
	if err != nil {
		return err
	}
	for _, name := range names {
		if lasting[name] {
			continue
		}
		if _, err := tx.ExecContext(ctx, `DELETE FROM "`+name+`"`); err != nil {
			return err
		}
	}
	return tx.Commit()
}

func namesOf(ctx context.Context, tx *sql.Tx, query string) (names []string, err error) {
	rows, err := tx.QueryContext(ctx, query)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			return nil, err
		}
		names = append(names, name)
	}
	return names, rows.Err()
}
