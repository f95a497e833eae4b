package store

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// pipeline is a transaction on PostgreSQL that travels light. Its begin, and
// each statement whose result nobody waits for, are kept back and go together
// with the next one that somebody does wait for, or with the commit, gathered
// into few. A trip costs more than most statements do, and a statement more
// than most rows.
//
// The price: what is wrong with a statement that was kept back is told by the
// one that it went with. The transaction is broken by then in either case.
type pipeline struct {
	// The embedded interface, which is nil, stands for the methods of a
	// transaction that neither the generated queries nor River's call.
	pgx.Tx
	conn *pgx.Conn
	kept []statement
	// sent says that the transaction has begun, committing that its end may have come.
	sent, committing bool
	// wrote says that its commit leaves something to be waited for.
	wrote bool
}

func newPipeline(conn *pgx.Conn, begin string) *pipeline {
	return &pipeline{conn: conn, kept: []statement{{query: begin}}}
}

// send sends what was kept back, and then the statements that somebody waits
// for, whose results are to come.
func (p *pipeline) send(ctx context.Context, wanted ...statement) (pgx.BatchResults, error) {
	before := gather(p.kept)
	p.kept, p.sent = nil, true
	batch := new(pgx.Batch)
	for _, s := range append(before, wanted...) {
		batch.Queue(s.query, s.args...)
	}
	results := p.conn.SendBatch(ctx, batch)
	for range before {
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
	if len(p.kept) == 0 {
		return p.conn.Exec(ctx, query, args...)
	}
	results, err := p.send(ctx, statement{query, args})
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
	if len(p.kept) == 0 {
		return p.conn.Query(ctx, query, args...)
	}
	results, err := p.send(ctx, statement{query, args})
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
	if len(p.kept) == 0 {
		return p.conn.QueryRow(ctx, query, args...)
	}
	results, err := p.send(ctx, statement{query, args})
	return pipelineRow{results: results, err: err}
}

// Conn is the connection that the transaction is on.
func (p *pipeline) Conn() *pgx.Conn { return p.conn }

// foresee asks several questions in one trip.
func (p *pipeline) foresee(ctx context.Context, questions foresight) error {
	if len(questions) == 0 {
		return nil
	}
	wanted := make([]statement, len(questions))
	for i, one := range questions {
		wanted[i] = one.statement
	}
	results, err := p.send(ctx, wanted...)
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
	if !p.sent && len(p.kept) == 1 {
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

// witness is a write of nothing, where there are synchronous standbys.
const witness = `SELECT pg_logical_emit_message(true, 'payments', '')
	WHERE current_setting('synchronous_standby_names') <> ''`

// bearWitness has the commit wait for the standbys to have what this
// transaction saw, even if it wrote nothing. What a primary that crashed
// found in its own log, or what was committed by somebody who stopped waiting,
// can be seen before it is there, and a failover would lose what we then call
// stored. The commit of a write waits for all that came before it.
func (p *pipeline) bearWitness() {
	if p.sent && !p.wrote {
		p.kept = append(p.kept, statement{query: witness})
	}
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

// turn is a lock for one transaction at a time. As a statement that reads
// nothing it comes before the snapshot, which is then of the moment at which
// the turn came (https://www.postgresql.org/docs/current/sql-lock.html).
const turn = "lock table batch_turn in exclusive mode"

// takeTurn has a transaction that has not begun yet wait for those of other
// processes that did so too. Batches of events are many rows each: side by side
// they mostly undo one another.
func (p *pipeline) takeTurn() {
	if !p.sent && len(p.kept) == 1 {
		p.kept = append(p.kept, statement{query: turn})
	}
}

// later keeps statements back whose result nobody waits for.
type later struct{ *pipeline }

// Exec keeps a statement back. The rows that it changes are not known yet.
func (l later) Exec(_ context.Context, query string, args ...any) (pgconn.CommandTag, error) {
	l.wrote = true
	l.kept = append(l.kept, statement{query, args})
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
