package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"runtime"
	"strings"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riversqlite"
	_ "modernc.org/sqlite" // the driver, without cgo

	"github.com/numerai-app/payments/internal/store/queries"
)

const (
	// busyTimeout is how long, in milliseconds, a write waits for one of
	// another process, such as a command beside the server.
	busyTimeout = "10000"
	// jobPoll is how often SQLite is asked for jobs: it has nobody who tells.
	// It takes the writer for some 50 microseconds each time.
	jobPoll = 250 * time.Millisecond
	// maxJobWorkers bounds the jobs at work at a time, which mostly wait for
	// Stripe or for the one writer.
	maxJobWorkers = 4
)

// sqliteEngine is the engine on SQLite. SQLite has one writer at a time, so writes,
// River's included, queue for one connection, where they wait in turn rather
// than fail with "database is locked"; reads have connections of their own,
// which see a snapshot each and wait for nobody.
type sqliteEngine struct {
	writer  *sqliteHandle
	readers *sqliteHandle
	insert  *river.Client[*sql.Tx] // only stores jobs
}

func openSQLite(ctx context.Context, path string, options Options) (engine, error) {
	if err := prepareFile(path); err != nil {
		return nil, err
	}
	// What an update committed is on disk (synchronous=FULL). Writers take
	// their lock at the start, so that they never fail halfway.
	writer, err := sql.Open("sqlite", dataSource(path, url.Values{
		"_journal_mode": {"WAL"}, "_synchronous": {"FULL"}, "_foreign_keys": {"1"}, "_txlock": {"immediate"},
	}))
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	writer.SetMaxOpenConns(1)
	if err := writer.PingContext(ctx); err != nil {
		return nil, errors.Join(translate(fmt.Errorf("open %s: %w", path, err)), writer.Close())
	}
	readers, err := sql.Open("sqlite", dataSource(path, url.Values{"_query_only": {"1"}, "_txlock": {"deferred"}}))
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open %s for reading: %w", path, err), writer.Close())
	}
	connections := max(4, runtime.GOMAXPROCS(0))
	readers.SetMaxOpenConns(connections)
	readers.SetMaxIdleConns(connections)
	insert, err := river.NewClient(riversqlite.New(writer), insertOnly(options.Logger))
	if err != nil {
		return nil, errors.Join(fmt.Errorf("make the queue of jobs: %w", err), readers.Close(), writer.Close())
	}
	return &sqliteEngine{writer: newSQLiteHandle(writer), readers: newSQLiteHandle(readers), insert: insert}, nil
}

// prepareFile makes the file of a new database, for its owner's eyes only: it
// will hold what users paid.
func prepareFile(path string) error {
	switch {
	case path == "":
		return errors.New("the URL sqlite: names no file: write sqlite:payments.db, for example")
	case strings.HasPrefix(path, "//"), strings.ContainsAny(path, "?#"):
		return fmt.Errorf("%s is not the path of a file: write sqlite:payments.db or sqlite:/var/lib/payments.db", path)
	case strings.HasPrefix(path, ":"), strings.HasPrefix(path, "file:"):
		return fmt.Errorf("%s is not the path of a file; a database in memory would lose what was paid", path)
	}
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return fmt.Errorf("make sure that the directory exists and may be written to: %w", err)
	}
	return file.Close()
}

// dataSource names a file to the driver, with settings common to all
// connections and those given. Times are text in UTC that sorts as they do.
func dataSource(path string, settings url.Values) string {
	settings.Set("_busy_timeout", busyTimeout)
	settings.Set("_time_format", "sqlite")
	settings.Set("_timezone", "UTC")
	return "file:" + (&url.URL{Path: path}).EscapedPath() + "?" + settings.Encode()
}

func (s *sqliteEngine) view(ctx context.Context, fn func(session) error) error {
	return s.run(ctx, s.readers, fn)
}

func (s *sqliteEngine) update(ctx context.Context, fn func(session) error) error {
	return s.run(ctx, s.writer, fn)
}

// run runs fn in one transaction.
func (s *sqliteEngine) run(ctx context.Context, handle *sqliteHandle, fn func(session) error) error {
	tx, err := handle.BeginTx(ctx, nil)
	if err != nil {
		return translate(fmt.Errorf("begin a transaction: %w", err))
	}
	adapter := &pgxOnSQL{tx: tx, statements: &handle.statements}
	defer func() {
		_ = tx.Rollback() // what was not committed, after a panic too
		handle.prepare(ctx, adapter.unprepared)
	}()
	if err := fn(s.session(tx, adapter)); err != nil {
		return err
	}
	err = tx.Commit()
	if errors.Is(err, sql.ErrTxDone) && ctx.Err() != nil {
		err = ctx.Err() // the caller gave up, and database/sql was faster to undo
	}
	if err != nil {
		return translate(fmt.Errorf("commit: %w", err))
	}
	return nil
}

func (s *sqliteEngine) session(tx *sql.Tx, adapter *pgxOnSQL) session {
	q := queries.New(adapter)
	return session{
		queries: q, writes: q,
		stored: func(ctx context.Context, eventIDs []string) (map[string]bool, error) {
			return storedOneByOne(ctx, q, eventIDs)
		},
		enqueue: func(ctx context.Context, job river.JobArgs, options *river.InsertOpts) error {
			_, err := s.insert.InsertTx(ctx, tx, job, options)
			return err
		},
	}
}

// storedOneByOne says which events are in the audit trail: there is no trip to
// spare.
func storedOneByOne(ctx context.Context, q *queries.Queries, eventIDs []string) (map[string]bool, error) {
	found := map[string]bool{}
	for _, id := range eventIDs {
		rows, err := q.EventStored(ctx, id)
		if err != nil {
			return nil, err
		}
		found[id] = rows > 0
	}
	return found, nil
}

func (s *sqliteEngine) standing(ctx context.Context, userID string) (read standing, err error) {
	err = s.view(ctx, func(open session) (err error) {
		if read.subscriptions, err = open.queries.SubscriptionsOf(ctx, userID); err != nil {
			return err
		}
		read.grants, err = open.queries.GrantsOf(ctx, userID)
		return err
	})
	return read, err
}

func (s *sqliteEngine) ping(ctx context.Context) error { return s.readers.PingContext(ctx) }

// preparePayloads and dropPayloads do nothing: there are no partitions.
func (s *sqliteEngine) preparePayloads(context.Context, time.Time) error { return nil }

func (s *sqliteEngine) dropPayloads(context.Context, time.Time) error { return nil }

// jobs makes River share the writer, and poll, rather than look for news of
// jobs twenty times a second.
func (s *sqliteEngine) jobs(config river.Config) (Worker, error) {
	config.PollOnly = true
	config.FetchPollInterval = jobPoll
	queues := make(map[string]river.QueueConfig, len(config.Queues))
	for name, queue := range config.Queues {
		queue.MaxWorkers = min(queue.MaxWorkers, maxJobWorkers)
		queues[name] = queue
	}
	config.Queues = queues
	return river.NewClient(riversqlite.New(s.writer.DB), &config)
}

func (s *sqliteEngine) close() error {
	return errors.Join(s.readers.Close(), s.writer.Close())
}
