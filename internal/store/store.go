// Package store keeps the state of payments in SQLite or in PostgreSQL.
//
// [Open] takes a URL and gives a [Store], which is a payments.Store whichever
// the engine. The queries are written once, for PostgreSQL, and run on both:
// each engine brings its own way to open a transaction and to send a query,
// and what it finds is turned into domain types in one place. Both promise the
// same: an update is serializable, is on disk when it returns, and runs again
// by itself when another one came in between.
//
// Jobs are River's. They are stored in the transaction that makes them
// necessary, and worked by what [Store.Jobs] returns.
//
// The schema is brought up to date by [Store.Migrate], never by opening.
package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/riverqueue/river"

	"github.com/numerai-app/payments"
	"github.com/numerai-app/payments/internal/store/queries"
)

// Store is a payments.Store on either engine. It is safe for concurrent use.
type Store struct {
	engine engine
}

var _ payments.Store = (*Store)(nil)

// Options are what a store may be told beside its URL. The zero value is the default.
type Options struct {
	// Logger is told what the job queue has to say about itself. Default: nobody is.
	Logger *slog.Logger
}

// engine is what SQLite and PostgreSQL do in ways of their own.
type engine interface {
	// view runs fn once in a transaction that only reads one snapshot.
	view(ctx context.Context, fn func(session) error) error
	// update runs fn, again if need be, in a serializable transaction.
	update(ctx context.Context, fn func(session) error) error
	// standing reads what decides on a user's premium from one snapshot.
	standing(ctx context.Context, userID string) (standing, error)
	ping(ctx context.Context) error
	preparePayloads(ctx context.Context, now time.Time) error
	dropPayloads(ctx context.Context, receivedBefore time.Time) error
	jobs(config river.Config) (Worker, error)
	// schema is what it takes to look at the schema and to change it.
	schema() (schema, error)
	close() error
}

// session is one open transaction of an engine.
type session struct {
	// queries runs statements at once, writes those whose result nobody waits
	// for, which an engine may put off until another or the commit.
	queries, writes *queries.Queries
	// stored says which events are in the audit trail.
	stored func(ctx context.Context, eventIDs []string) (map[string]bool, error)
	// foresee reads ahead. Nil: the engine has nothing to gain by it.
	foresee func(context.Context, foresight) error
	enqueue func(ctx context.Context, job river.JobArgs, options *river.InsertOpts) error
}

// The forms of a database's URL.
const (
	sqliteScheme       = "sqlite:"
	postgresScheme     = "postgres://"
	postgresLongScheme = "postgresql://"
)

// Open opens the database of that URL: sqlite:PATH, whose file is made if it is
// not there, or postgres://USER:PASSWORD@HOST:PORT/NAME. It connects, so a
// database that does not answer is an error here. No error shows a password.
func Open(ctx context.Context, url string, options Options) (*Store, error) {
	if options.Logger == nil {
		options.Logger = slog.New(slog.DiscardHandler)
	}
	var opened engine
	var err error
	switch wrong := CheckURL(url); {
	case wrong != nil:
		err = fmt.Errorf("DATABASE_URL %w", wrong)
	case strings.HasPrefix(url, sqliteScheme):
		opened, err = openSQLite(ctx, strings.TrimPrefix(url, sqliteScheme), options)
	default:
		opened, err = openPostgres(ctx, url, options)
	}
	if err != nil {
		return nil, fmt.Errorf("open the database: %w", err)
	}
	return &Store{engine: opened}, nil
}

// CheckURL says what is wrong with the form of a database's URL, without
// showing it: it may hold a password.
func CheckURL(url string) error {
	for _, scheme := range []string{sqliteScheme, postgresScheme, postgresLongScheme} {
		if strings.HasPrefix(url, scheme) {
			return nil
		}
	}
	return errors.New("is no database's URL: write sqlite:PATH or postgres://USER:PASSWORD@HOST:PORT/NAME")
}

// View runs fn on one snapshot. Whatever it tries to write is refused.
func (s *Store) View(ctx context.Context, fn func(payments.Tx) error) error {
	return s.engine.view(ctx, func(open session) error { return runIn(ctx, open, fn) })
}

// Standing is what decides whether a user has premium. On PostgreSQL those of
// all who ask at a time are read in one trip.
func (s *Store) Standing(ctx context.Context, userID string) (payments.Standing, error) {
	read, err := s.engine.standing(ctx, userID)
	if err != nil {
		return payments.Standing{}, translate(fmt.Errorf("read the user's standing: %w", err))
	}
	return payments.Standing{Subscriptions: all(read.subscriptions, subscriptionOf), Grants: all(read.grants, grantOf)}, nil
}

// Update runs fn in one serializable transaction and commits if it returns
// nil. When another update came in between it runs again, at most ten times
// with short random pauses; after that, and when the database does not answer,
// the error is a payments.ErrUnavailable. A panic rolls back and goes on.
func (s *Store) Update(ctx context.Context, fn func(payments.Tx) error) error {
	return s.engine.update(ctx, func(open session) error { return runIn(ctx, open, fn) })
}

// runIn runs fn and returns its error, or else the first one of the
// transaction: what failed halfway is never committed, even if fn goes on.
func runIn(ctx context.Context, open session, fn func(payments.Tx) error) error {
	tx := &transaction{session: open, known: newRecall()}
	err := fn(tx)
	if err == nil {
		err = tx.storeArrivals(ctx)
	}
	if tx.failure != nil && (err == nil || isUndone(tx.failure)) {
		return tx.failure
	}
	return err
}

// Ping says whether the database answers; if not, the error is a payments.ErrUnavailable.
func (s *Store) Ping(ctx context.Context) error {
	return translate(s.engine.ping(ctx))
}

// PreparePayloads makes the partitions of payloads for the month of that time
// and the next ones, on PostgreSQL. Several processes may do so at once.
func (s *Store) PreparePayloads(ctx context.Context, now time.Time) error {
	return s.engine.preparePayloads(ctx, now)
}

// DropPayloads drops the partitions of payloads that end before that time, on
// PostgreSQL. Those of events that are pending or failed are kept.
func (s *Store) DropPayloads(ctx context.Context, receivedBefore time.Time) error {
	return s.engine.dropPayloads(ctx, receivedBefore)
}

// Close closes the database. Workers must have stopped before.
func (s *Store) Close() error {
	if err := s.engine.close(); err != nil {
		return fmt.Errorf("close the database: %w", err)
	}
	return nil
}

// Worker works the jobs of a store, and makes the periodic ones.
type Worker interface {
	// Start begins to work jobs and returns. Cancelling ctx stops it as Stop does.
	Start(ctx context.Context) error
	// Stop takes no more jobs and waits for those under way, until ctx ends.
	Stop(ctx context.Context) error
	// StopAndCancel cancels the jobs under way as well and waits for them.
	StopAndCancel(ctx context.Context) error
}

// Jobs makes a worker of this store's jobs from River's configuration. It does
// not start it. How jobs are fetched is set here to what suits the engine.
func (s *Store) Jobs(config *river.Config) (Worker, error) {
	worker, err := s.engine.jobs(*config)
	if err != nil {
		return nil, fmt.Errorf("make the worker of jobs: %w", err)
	}
	return worker, nil
}

// errNoRows says whether a query found no row, on either engine.
func errNoRows(err error) bool { return errors.Is(err, sql.ErrNoRows) } // pgx.ErrNoRows wraps it
