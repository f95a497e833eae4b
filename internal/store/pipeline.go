package store

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/numerai-app/payments/internal/store/queries"
)

// pipeline is a transaction on PostgreSQL that travels light. Its begin, and
// each statement whose result nobody waits for, are kept back and go together
// with the next one that somebody does wait for, or with the commit. A trip
// costs more than most statements do.
//
// The price: what is wrong with a statement that was kept back is told by the
// one that it went with. The transaction is broken by then in either case.
type pipeline struct {
	// The embedded interface, which is nil, stands for the methods of a
	// transaction that neither the generated queries nor River's call.
	pgx.Tx
	conn *pgx.Conn
	kept *pgx.Batch
	// sent says that the transaction has begun, committing that its end may have come.
	sent, committing bool
}

func newPipeline(conn *pgx.Conn, begin string) *pipeline {
	p := &pipeline{conn: conn, kept: new(pgx.Batch)}
	p.kept.Queue(begin)
	return p
}

// send sends what was kept back and reads the results of all but the last
// wanted statements, of which it returns those to come.
func (p *pipeline) send(ctx context.Context, wanted int) (pgx.BatchResults, error) {
	batch := p.kept
	p.kept, p.sent = new(pgx.Batch), true
	results := p.conn.SendBatch(ctx, batch)
	for range batch.Len() - wanted {
		if _, err := results.Exec(); err != nil {
			return nil, errors.Join(err, ignoreSame(results.Close(), err))
		}
	}
	return results, nil
}

// ignoreSame drops the error of closing results that only repeats what is known.
func ignoreSame(closing, known error) error {
	if closing == nil || closing.Error() == known.Error() {
		return nil
	}
	return closing
}

// Exec runs a statement now.
func (p *pipeline) Exec(ctx context.Context, query string, args ...any) (tag pgconn.CommandTag, err error) {
	if p.kept.Len() == 0 {
		return p.conn.Exec(ctx, query, args...)
	}
	p.kept.Queue(query, args...)
	results, err := p.send(ctx, 1)
	if err != nil {
		return tag, err
	}
	tag, err = results.Exec()
	if closing := results.Close(); err == nil {
		err = closing
	}
	return tag, err
}

// Query runs a query now. The caller closes its rows before anything else.
func (p *pipeline) Query(ctx context.Context, query string, args ...any) (pgx.Rows, error) {
	if p.kept.Len() == 0 {
		return p.conn.Query(ctx, query, args...)
	}
	p.kept.Queue(query, args...)
	results, err := p.send(ctx, 1)
	if err != nil {
		return nil, err
	}
	rows, err := results.Query()
	if err != nil {
		return nil, errors.Join(err, ignoreSame(results.Close(), err))
	}
	return pipelineRows{Rows: rows, results: results}, nil
}

// QueryRow runs a query for one row now. The caller scans it before anything else.
func (p *pipeline) QueryRow(ctx context.Context, query string, args ...any) pgx.Row {
	if p.kept.Len() == 0 {
		return p.conn.QueryRow(ctx, query, args...)
	}
	p.kept.Queue(query, args...)
	results, err := p.send(ctx, 1)
	return pipelineRow{results: results, err: err}
}

// Conn is the connection that the transaction is on.
func (p *pipeline) Conn() *pgx.Conn { return p.conn }

// together runs statements in one trip and returns how many rows each changed.
func (p *pipeline) together(ctx context.Context, run func(*queries.Queries) error) ([]int64, error) {
	before := p.kept.Len()
	if err := run(queries.New(later{p})); err != nil {
		return nil, err
	}
	count := p.kept.Len() - before
	if count == 0 {
		return nil, nil
	}
	results, err := p.send(ctx, count)
	if err != nil {
		return nil, err
	}
	rows := make([]int64, count)
	for i := range rows {
		tag, err := results.Exec()
		if err != nil {
			return nil, errors.Join(err, ignoreSame(results.Close(), err))
		}
		rows[i] = tag.RowsAffected()
	}
	return rows, results.Close()
}

// foresee asks several questions in one trip.
func (p *pipeline) foresee(ctx context.Context, questions foresight) error {
	if len(questions) == 0 {
		return nil
	}
	for _, one := range questions {
		p.kept.Queue(one.query, one.ids)
	}
	results, err := p.send(ctx, len(questions))
	if err != nil {
		return err
	}
	for _, one := range questions {
		rows, err := results.Query()
		if err == nil {
			err = one.take(rows)
		}
		if err != nil {
			return errors.Join(err, ignoreSame(results.Close(), err))
		}
	}
	return results.Close()
}

// commit commits. A transaction in which nothing happened is not even begun.
func (p *pipeline) commit(ctx context.Context) error {
	if !p.sent && p.kept.Len() == 1 {
		return nil
	}
	p.committing = true
	tag, err := p.Exec(ctx, "commit")
	if err == nil && tag.String() == "ROLLBACK" {
		err = pgx.ErrTxCommitRollback
	}
	if err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	return nil
}

// rollback undoes what was not committed, if there is anything.
func (p *pipeline) rollback(ctx context.Context) {
	if p.conn.IsClosed() || p.conn.PgConn().TxStatus() == 'I' {
		return
	}
	if _, err := p.conn.Exec(ctx, "rollback"); err != nil {
		_ = p.conn.Close(ctx) // which undoes it too
	}
}

// later keeps statements back whose result nobody waits for.
type later struct{ *pipeline }

// Exec keeps a statement back. The rows that it changes are not known yet.
func (l later) Exec(_ context.Context, query string, args ...any) (pgconn.CommandTag, error) {
	l.kept.Queue(query, args...)
	return pgconn.CommandTag{}, nil
}

// pipelineRows are the rows of the last query of a trip.
type pipelineRows struct {
	pgx.Rows
	results pgx.BatchResults
}

func (r pipelineRows) Close() {
	r.Rows.Close()
	_ = r.results.Close() // Err has said what was wrong
}

// pipelineRow is the row of the last query of a trip.
type pipelineRow struct {
	results pgx.BatchResults
	err     error
}

func (r pipelineRow) Scan(values ...any) error {
	if r.err != nil {
		return r.err
	}
	err := r.results.QueryRow().Scan(values...)
	if closing := r.results.Close(); err == nil {
		err = closing
	}
	return err
}
