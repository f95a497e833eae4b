package store

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"

	"github.com/numerai-app/payments/internal/store/queries"
)

const (
	// maxUpdates is how often an update is tried when others come in between.
	maxUpdates = 10
	// maxUniqueRetries is how often an update is tried again after a unique
	// violation: with a fresh snapshot it sees the row that it ran into, so if
	// it violates still, it means to.
	maxUniqueRetries = 2
	// The pauses between two tries: random, up to a bound that doubles.
	minPause = 2 * time.Millisecond
	maxPause = 250 * time.Millisecond
	// rollbackTimeout bounds the undoing of what was not committed.
	rollbackTimeout = 5 * time.Second
	// connectTimeout bounds one try to connect, unless the URL says otherwise.
	connectTimeout = 5 * time.Second
	// maxConnections is the size of the pool, unless the URL says otherwise
	// (pool_max_conns). Updates of a few connections get more done than those
	// of many, which mostly get in each other's way.
	maxConnections = 10
)

// plans are the settings of how queries are planned, unless the URL says
// otherwise. All of them find rows by keys, so a plan that is made once serves
// all values, and to plan an event's reads anew takes longer than to do them.
// And none has to read a table from end to end, which PostgreSQL would choose
// for a small one, and go on to do while it grows: until it has counted the
// rows it knows no better. The few tables that are read whole look dear to it
// then, but are too small for compiled code to pay.
var plans = map[string]string{"plan_cache_mode": "force_generic_plan", "enable_seqscan": "off", "jit": "off"}

// bounds are settings that end what a process holds that hangs, or whose machine
// is gone without a word: its turn to write events, which others wait for, and
// its rows. No transaction waits for anything but the database for as long.
var bounds = map[string]string{"idle_in_transaction_session_timeout": "10s"}

// postgresEngine is the engine on PostgreSQL.
type postgresEngine struct {
	pool   *pgxpool.Pool
	insert *river.Client[pgx.Tx] // only stores jobs

	standings standings
}

func openPostgres(ctx context.Context, url string, options Options) (engine, error) {
	config, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, fmt.Errorf("read the URL of the PostgreSQL database: %w", err) // pgx leaves out the password
	}
	if config.ConnConfig.ConnectTimeout == 0 {
		config.ConnConfig.ConnectTimeout = connectTimeout
	}
	if !strings.Contains(url, "pool_max_conns=") {
		config.MaxConns = maxConnections
	}
	for _, settings := range []map[string]string{plans, bounds} {
		for name, value := range settings {
			if _, chosen := config.ConnConfig.RuntimeParams[name]; !chosen {
				config.ConnConfig.RuntimeParams[name] = value
			}
		}
	}
	config.AfterConnect = prepareConnection
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("make the pool of connections: %w", err)
	}
	if err := pool.Ping(ctx); err != nil {
		pool.Close()
		return nil, translate(fmt.Errorf("connect to PostgreSQL: %w", err))
	}
	insert, err := river.NewClient(riverpgxv5.New(pool), insertOnly(options.Logger))
	if err != nil {
		pool.Close()
		return nil, fmt.Errorf("make the queue of jobs: %w", err)
	}
	opened := &postgresEngine{pool: pool, insert: insert}
	opened.standings.read = opened.readStandings
	return opened, nil
}

// compressFast has the bodies of events compressed by lz4, where the server
// knows it: PostgreSQL's own way takes longer than all else that is done with
// an event's row.
const compressFast = `SELECT set_config(name, 'lz4', false) FROM pg_settings
	WHERE name = 'default_toast_compression' AND 'lz4' = ANY (enumvals)`

// prepareConnection makes a connection read times as UTC rather than in the
// zone of the machine, and compress fast.
func prepareConnection(ctx context.Context, conn *pgx.Conn) error {
	conn.TypeMap().RegisterType(&pgtype.Type{
		Name: "timestamptz", OID: pgtype.TimestamptzOID, Codec: &pgtype.TimestamptzCodec{ScanLocation: time.UTC},
	})
	_, err := conn.Exec(ctx, compressFast)
	return err
}

// insertOnly configures a River client that stores jobs and works none.
func insertOnly(logger *slog.Logger) *river.Config { return &river.Config{Logger: logger} }

// How the transactions of views and updates begin.
const (
	beginView   = "begin isolation level repeatable read read only"
	beginUpdate = "begin isolation level serializable"
)

func (p *postgresEngine) view(ctx context.Context, fn func(session) error) error {
	return p.retry(ctx, func() error { return p.run(ctx, beginView, fn) })
}

func (p *postgresEngine) standing(ctx context.Context, userID string) (standing, error) {
	return p.standings.of(ctx, userID)
}

// readStandings takes one trip: the transaction's begin, its questions and its
// end travel together.
func (p *postgresEngine) readStandings(ctx context.Context, userIDs []string) (found map[string]standing, err error) {
	err = p.retry(ctx, func() error {
		found = make(map[string]standing, len(userIDs))
		questions := standingOf(userIDs, found)
		return p.transact(ctx, beginView, func(tx *pipeline) error { return tx.foresee(ctx, questions) })
	})
	return found, err
}

func (p *postgresEngine) update(ctx context.Context, fn func(session) error) error {
	return p.retry(ctx, func() error { return p.run(ctx, beginUpdate, fn) })
}

// retry runs a transaction again while others come in between.
func (p *postgresEngine) retry(ctx context.Context, transact func() error) error {
	violations := 0
	for try := 1; ; try++ {
		err := transact()
		if isUniqueViolation(err) {
			violations++
		}
		again := isUndone(err) || isLost(err) ||
			isUniqueViolation(err) && violations <= maxUniqueRetries
		if !again || try == maxUpdates {
			return err
		}
		if err := pause(ctx, try); err != nil {
			return err
		}
	}
}

// pause waits at random, the longer the more tries there were.
func pause(ctx context.Context, try int) error {
	bound := min(minPause<<try, maxPause)
	timer := time.NewTimer(rand.N(bound))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// lostError is the loss of the connection before the commit was sent: nothing
// was committed, so the work may be done again on another connection. After
// PostgreSQL restarted all connections of the pool are lost in that way.
type lostError struct{ error }

func (e lostError) Unwrap() error { return e.error }

func isLost(err error) bool {
	var lost lostError
	return errors.As(err, &lost)
}

// run runs fn in one transaction.
func (p *postgresEngine) run(ctx context.Context, begin string, fn func(session) error) error {
	return p.transact(ctx, begin, func(tx *pipeline) error {
		if err := fn(p.session(tx)); err != nil {
			return err
		}
		if begin == beginUpdate {
			tx.bearWitness()
		}
		return translate(tx.commit(ctx))
	})
}

// transact has work do a whole transaction, its end included.
func (p *postgresEngine) transact(ctx context.Context, begin string, work func(*pipeline) error) error {
	conn, err := p.pool.Acquire(ctx)
	if err != nil {
		return translate(fmt.Errorf("connect to the database: %w", err))
	}
	defer conn.Release()
	tx := newPipeline(conn.Conn(), begin)
	// Whatever happens, a panic included, what was not committed is undone.
	// The caller's context may have ended, which must not keep the connection
	// in its transaction.
	defer func() {
		undo, cancel := context.WithTimeout(context.WithoutCancel(ctx), rollbackTimeout)
		defer cancel()
		tx.rollback(undo)
	}()
	err = work(tx)
	if err != nil && !tx.committing && conn.Conn().IsClosed() && ctx.Err() == nil {
		return lostError{err}
	}
	return err
}

func (p *postgresEngine) session(tx *pipeline) session {
	return session{
		queries: queries.New(tx),
		writes:  queries.New(later{tx}),
		stored:  tx.stored,
		foresee: func(ctx context.Context, questions foresight) error {
			tx.takeTurn()
			return tx.foresee(ctx, questions)
		},
		enqueue: func(ctx context.Context, job river.JobArgs, options *river.InsertOpts) error {
			_, err := p.insert.InsertTx(ctx, tx, job, options)
			return err
		},
	}
}

func (p *postgresEngine) ping(ctx context.Context) error { return p.pool.Ping(ctx) }

func (p *postgresEngine) jobs(config river.Config) (Worker, error) {
	return river.NewClient(riverpgxv5.New(p.pool), &config)
}

func (p *postgresEngine) close() error {
	p.pool.Close()
	return nil
}
