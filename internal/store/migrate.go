package store

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/riverqueue/river/riverdriver"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/riverdriver/riversqlite"
	"github.com/riverqueue/river/rivermigrate"
)

//go:embed migrations
var migrationFiles embed.FS

// Migration is one step of the schema's history.
type Migration struct {
	// Of is "payments" for our own tables and "jobs" for those of the job queue.
	Of string
	// Version counts from 1 within each.
	Version int64
	// Name says in a few words what it does.
	Name string
	// Applied says whether the database has it.
	Applied bool
}

// The two histories of a database's schema.
const (
	ofPayments = "payments"
	ofJobs     = "jobs"
)

// Migrate brings the schema up to date: our tables and the job queue's. Several
// processes may do so at once; one does the work and the others wait for it.
func (s *Store) Migrate(ctx context.Context) error {
	return s.withSchema(func(history schema) error {
		unlock, err := history.lock(ctx)
		if err != nil {
			return fmt.Errorf("wait for other migrations: %w", err)
		}
		defer unlock()
		for try := 1; ; try++ {
			if err = history.up(ctx); err == nil || try >= history.tries || ctx.Err() != nil {
				return err
			}
		}
	})
}

// up applies the migrations that the database lacks.
func (s schema) up(ctx context.Context) error {
	if _, err := s.payments.Up(ctx); err != nil {
		return fmt.Errorf("migrate the tables of payments: %w", err)
	}
	if err := s.jobs.up(ctx); err != nil {
		return fmt.Errorf("migrate the tables of the job queue: %w", err)
	}
	return nil
}

// Status lists the migrations that this program knows, and whether the
// database has them. It changes nothing.
func (s *Store) Status(ctx context.Context) ([]Migration, error) {
	var list []Migration
	err := s.withSchema(func(history schema) error {
		ours, jobs, err := history.versions(ctx)
		if err != nil {
			return err
		}
		for _, source := range history.payments.ListSources() {
			list = append(list, Migration{
				Of: ofPayments, Version: source.Version, Name: migrationName(source.Path), Applied: source.Version <= ours,
			})
		}
		for _, migration := range history.jobs.known {
			version := int64(migration.Version)
			list = append(list, Migration{Of: ofJobs, Version: version, Name: migration.Name, Applied: version <= jobs})
		}
		return nil
	})
	return list, err
}

// migrationName is the name within a file such as migrations/sqlite/00001_init.sql.
func migrationName(path string) string {
	_, name, _ := strings.Cut(strings.TrimSuffix(path, ".sql"), "_")
	return strings.ReplaceAll(name, "_", " ")
}

// CheckSchema says whether this program can work with the database's schema.
// The error says what to do: [ErrOlderSchema], to run "payments migrate up";
// [ErrNewerSchema], to run the newer program. A newer schema is no error while
// it suits this program too: servers are replaced one after the other, and a
// new one that proves wrong by the old. It changes nothing.
func (s *Store) CheckSchema(ctx context.Context) error {
	return s.withSchema(func(history schema) error {
		ours, jobs, err := history.versions(ctx)
		if err != nil {
			return err
		}
		sources, known := history.payments.ListSources(), history.jobs.known
		knownOurs, knownJobs := sources[len(sources)-1].Version, int64(known[len(known)-1].Version)
		switch {
		case ours < knownOurs:
			return fmt.Errorf("%w (%s has version %d, wanted is %d)", ErrOlderSchema, ofPayments, ours, knownOurs)
		case jobs < knownJobs:
			return fmt.Errorf("%w (%s has version %d, wanted is %d)", ErrOlderSchema, ofJobs, jobs, knownJobs)
		case ours == knownOurs && jobs == knownJobs:
			return nil
		}
		oldest, err := history.latest(ctx, `SELECT max(oldest_known) FROM schema_compatibility`)
		if err != nil {
			return fmt.Errorf("read which programs suit the schema: %w", err)
		}
		if knownOurs < oldest {
			return fmt.Errorf("%w (it wants one that knows version %d, known is %d)", ErrNewerSchema, oldest, knownOurs)
		}
		return nil
	})
}

// ErrOlderSchema and ErrNewerSchema are what CheckSchema finds wrong.
var (
	ErrOlderSchema = errors.New("the database's schema is older than this program: run \"payments migrate up\"")
	ErrNewerSchema = errors.New("the database's schema is newer than this program: run the program that migrated it, or a later one")
)

// schema is what it takes to look at an engine's schema and to change it.
type schema struct {
	db       *sql.DB
	payments *goose.Provider
	jobs     jobSchema
	// lock keeps other processes from migrating until unlock is called.
	lock func(ctx context.Context) (unlock func(), err error)
	// tries is how often to migrate where lock cannot keep others away.
	tries int
	close func() error
}

func (s *Store) withSchema(fn func(schema) error) error {
	history, err := s.engine.schema()
	if err != nil {
		return fmt.Errorf("read the migrations: %w", err)
	}
	return errors.Join(translate(fn(history)), history.close())
}

// versions are those of the last migrations that the database has, of our
// tables and of the job queue's; 0 where it has none. The migrators themselves
// would make their tables where there are none, and refuse versions that they
// do not know.
func (s schema) versions(ctx context.Context) (ours, jobs int64, err error) {
	ours, err = s.latest(ctx, `SELECT coalesce(max(version_id), 0) FROM `+goose.DefaultTablename+` WHERE is_applied`)
	if err != nil {
		return 0, 0, fmt.Errorf("read the version of the schema: %w", err)
	}
	jobs, err = s.latest(ctx, `SELECT coalesce(max(version), 0) FROM river_migration`)
	if err != nil {
		return 0, 0, fmt.Errorf("read the version of the job queue's schema: %w", err)
	}
	return ours, jobs, nil
}

// latest runs a query for one version; without its table that is 0.
func (s schema) latest(ctx context.Context, query string) (version int64, err error) {
	err = s.db.QueryRowContext(ctx, query).Scan(&version)
	if err != nil && isNoTable(err) {
		return 0, nil
	}
	return version, err
}

func isNoTable(err error) bool {
	var postgres *pgconn.PgError
	if errors.As(err, &postgres) {
		return postgres.Code == "42P01" // undefined_table
	}
	return strings.Contains(err.Error(), "no such table") // SQLite has no code for it
}

func newProvider(dialect goose.Dialect, db *sql.DB, directory string) (*goose.Provider, error) {
	files, err := fs.Sub(migrationFiles, directory)
	if err != nil {
		return nil, err
	}
	return goose.NewProvider(dialect, db, files, goose.WithDisableGlobalRegistry(true))
}

// jobSchema is River's migrator without the type of its transactions.
type jobSchema struct {
	known []rivermigrate.Migration // by version
	up    func(ctx context.Context) error
}

func newJobSchema[TTx any](driver riverdriver.Driver[TTx]) (jobSchema, error) {
	migrator, err := rivermigrate.New(driver, &rivermigrate.Config{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return jobSchema{}, err
	}
	up := func(ctx context.Context) error {
		_, err := migrator.Migrate(ctx, rivermigrate.DirectionUp, nil)
		return err
	}
	return jobSchema{known: migrator.AllVersions(), up: up}, nil
}

// sqliteMigrationTries is how often migrations of a SQLite database are tried.
const sqliteMigrationTries = 10

func (s *sqliteEngine) schema() (schema, error) {
	provider, err := newProvider(goose.DialectSQLite3, s.writer.DB, "migrations/sqlite")
	if err != nil {
		return schema{}, err
	}
	jobs, err := newJobSchema(riversqlite.New(s.writer.DB))
	return schema{
		db: s.writer.DB, payments: provider, jobs: jobs,
		// SQLite has no lock beside that of a transaction, and each migration
		// is one of its own. Whoever comes second fails at what is there by
		// then, and finds it done when it tries again.
		lock:  func(context.Context) (func(), error) { return func() {}, nil },
		tries: sqliteMigrationTries,
		close: func() error { return nil },
	}, err
}

func (p *postgresEngine) schema() (schema, error) {
	db := stdlib.OpenDBFromPool(p.pool)
	provider, err := newProvider(goose.DialectPostgres, db, "migrations/postgres")
	if err != nil {
		return schema{}, errors.Join(err, db.Close())
	}
	jobs, err := newJobSchema[pgx.Tx](riverpgxv5.New(p.pool))
	if err != nil {
		return schema{}, errors.Join(err, db.Close())
	}
	return schema{
		db: db, payments: provider, jobs: jobs, close: db.Close, tries: 1,
		lock: func(ctx context.Context) (func(), error) { return lockMigrations(ctx, p.pool) },
	}, nil
}

const (
	// migrationLock is the key of the advisory lock, a number that nobody
	// else has a reason to use.
	migrationLock int64 = 0x7061796d656e7473 // "payments"
	// migrationLockPoll is the pause between two tries to get it. Waiting in
	// PostgreSQL would hold a snapshot open, which some migrations wait for.
	migrationLockPoll = 100 * time.Millisecond
)

func lockMigrations(ctx context.Context, pool *pgxpool.Pool) (unlock func(), err error) {
	conn, err := pool.Acquire(ctx)
	if err != nil {
		return nil, err
	}
	for {
		var locked bool
		if err := conn.QueryRow(ctx, `SELECT pg_try_advisory_lock($1)`, migrationLock).Scan(&locked); err != nil {
			conn.Release()
			return nil, err
		}
		if locked {
			// Closing the connection lets the lock go, whatever state it is in.
			return func() { _ = conn.Hijack().Close(context.WithoutCancel(ctx)) }, nil
		}
		select {
		case <-time.After(migrationLockPoll):
		case <-ctx.Done():
			conn.Release()
			return nil, ctx.Err()
		}
	}
}
