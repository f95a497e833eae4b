package store

import (
	"context"
	"database/sql"
	"fmt"
	"sync"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// sqliteHandle is a pool of connections with the statements that were prepared
// on it: SQLite takes longer to understand a statement than to run it.
type sqliteHandle struct {
	*sql.DB
	statements sync.Map // query string → *sql.Stmt
}

func newSQLiteHandle(db *sql.DB) *sqliteHandle { return &sqliteHandle{DB: db} }

// prepare prepares queries for the next time. It is called between
// transactions, since a transaction may hold the only connection. What cannot
// be prepared just now is tried again after its next use.
func (h *sqliteHandle) prepare(ctx context.Context, unprepared []string) {
	for _, query := range unprepared {
		if _, ok := h.statements.Load(query); ok {
			continue
		}
		statement, err := h.PrepareContext(ctx, query)
		if err != nil {
			return
		}
		if _, ok := h.statements.LoadOrStore(query, statement); ok {
			_ = statement.Close() //nolint:sqlclosecheck // another was faster: this one goes at once
		}
	}
}

// pgxOnSQL runs the generated queries, which speak pgx, on database/sql.
// SQLite understands their $1.
type pgxOnSQL struct {
	tx         *sql.Tx
	statements *sync.Map
	unprepared []string // queries that statements lacks
}

// prepared is the statement of a query in this transaction; nil where there is none.
func (a *pgxOnSQL) prepared(ctx context.Context, query string) *sql.Stmt {
	statement, ok := a.statements.Load(query)
	if !ok {
		a.unprepared = append(a.unprepared, query)
		return nil
	}
	return a.tx.StmtContext(ctx, statement.(*sql.Stmt))
}

func (a *pgxOnSQL) Exec(ctx context.Context, query string, args ...any) (pgconn.CommandTag, error) {
	var result sql.Result
	var err error
	if statement := a.prepared(ctx, query); statement != nil { //nolint:sqlclosecheck // the transaction's end closes it
		result, err = statement.ExecContext(ctx, args...)
	} else {
		result, err = a.tx.ExecContext(ctx, query, args...)
	}
	if err != nil {
		return pgconn.CommandTag{}, err
	}
	rows, err := result.RowsAffected()
	return pgconn.NewCommandTag(fmt.Sprintf("EXEC %d", rows)), err
}

func (a *pgxOnSQL) Query(ctx context.Context, query string, args ...any) (pgx.Rows, error) {
	var rows *sql.Rows
	var err error
	if statement := a.prepared(ctx, query); statement != nil { //nolint:sqlclosecheck // the transaction's end closes it
		rows, err = statement.QueryContext(ctx, args...) //nolint:rowserrcheck // the caller asks, by sqlRows.Err
	} else {
		rows, err = a.tx.QueryContext(ctx, query, args...) //nolint:rowserrcheck // the caller asks, by sqlRows.Err
	}
	if err != nil {
		return nil, err
	}
	return sqlRows{rows: rows}, nil
}

func (a *pgxOnSQL) QueryRow(ctx context.Context, query string, args ...any) pgx.Row {
	if statement := a.prepared(ctx, query); statement != nil { //nolint:sqlclosecheck // the transaction's end closes it
		return statement.QueryRowContext(ctx, args...)
	}
	return a.tx.QueryRowContext(ctx, query, args...)
}

// sqlRows are rows of database/sql as the generated code reads them. The
// embedded interface, which is nil, stands for the methods that it never calls
// and that pgx may add.
type sqlRows struct {
	pgx.Rows
	rows *sql.Rows
}

func (r sqlRows) Close()                   { _ = r.rows.Close() } // Err has said what was wrong
func (r sqlRows) Err() error               { return r.rows.Err() }
func (r sqlRows) Next() bool               { return r.rows.Next() }
func (r sqlRows) Scan(values ...any) error { return r.rows.Scan(values...) }
