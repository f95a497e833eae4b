package postgrestest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
	"sync"

	"github.com/jackc/pgx/v5"
)

const (
	// namePrefix begins the name of every database made here.
	namePrefix = "postgrestest_"
	// emptyTemplate is PostgreSQL's own, to which nobody is ever connected.
	emptyTemplate = "template0"
	// forgetful are the settings of a server whose data die with the tests:
	// nothing is flushed to the disk.
	forgetful = "-c fsync=off -c synchronous_commit=off -c full_page_writes=off"
	// sweepLock is the advisory lock held while left-overs are dropped.
	sweepLock = 0x7061796d656e7473
)

// server is a PostgreSQL on which databases can be made, and the one
// connection through which that is done.
type server struct {
	address url.URL  // of the database that is there already
	run     string   // tells this test binary's databases from those of others
	cluster *cluster // held here, or the collector closes its pipe and so ends it; nil for a named server

	mu      sync.Mutex
	conn    *pgx.Conn // its application_name says that run is alive
	counter int
}

// connect finds the server named by the environment or starts one.
func connect() (*server, error) {
	address, private, err := findServer()
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	s := &server{address: *address, run: namePrefix + strings.ToLower(rand.Text()[:12]), cluster: private}
	config, err := pgx.ParseConfig(address.String())
	if err != nil {
		return nil, errors.New("PAYMENTS_TEST_POSTGRES is not a URL that PostgreSQL understands")
	}
	config.RuntimeParams["application_name"] = s.run
	if s.conn, err = pgx.ConnectConfig(ctx, config); err != nil {
		return nil, fmt.Errorf("connecting to PostgreSQL: %w", err)
	}
	if err := s.sweep(ctx); err != nil {
		return nil, fmt.Errorf("dropping what earlier tests left: %w", err)
	}
	return s, nil
}

// findServer returns the URL of a running server and of a database on it, and
// the private cluster if it is one.
func findServer() (*url.URL, *cluster, error) {
	named := os.Getenv("PAYMENTS_TEST_POSTGRES")
	if named == "" {
		c, err := startCluster(forgetful)
		if err != nil {
			return nil, nil, err
		}
		return c.address(), c, nil
	}
	// What is wrong with it is not said: it may hold a password.
	address, err := url.Parse(named)
	if err != nil || (address.Scheme != "postgres" && address.Scheme != "postgresql") {
		return nil, nil, errors.New("PAYMENTS_TEST_POSTGRES must be a postgres:// URL")
	}
	return address, nil, nil
}

// dsn returns the URL of one of the server's databases.
func (s *server) dsn(database string) string {
	address := s.address
	address.Path = "/" + database
	return address.String()
}

// create copies a template into a new database and returns its name.
func (s *server) create(ctx context.Context, template string) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.counter++
	database := fmt.Sprintf("%s_%d", s.run, s.counter)
	statement := "CREATE DATABASE " + quote(database) + " TEMPLATE " + quote(template)
	if _, err := s.conn.Exec(ctx, statement); err != nil {
		return "", fmt.Errorf("creating a database from %s: %w", template, err)
	}
	return database, nil
}

// drop removes a database together with whoever is still connected to it.
func (s *server) drop(ctx context.Context, database string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return dropDatabase(ctx, s.conn, database)
}

// sweep drops the databases of test binaries that ended without doing so. A
// binary that runs keeps a connection whose name begins its databases' names.
// A private cluster is new and has none; a server that is kept for tests would
// fill up with templates and with what panics left.
func (s *server) sweep(ctx context.Context) error {
	if _, err := s.conn.Exec(ctx, "SELECT pg_advisory_lock($1)", int64(sweepLock)); err != nil {
		return err
	}
	rows, err := s.conn.Query(ctx, `
		SELECT datname FROM pg_database
		WHERE starts_with(datname, $1) AND pg_get_userbyid(datdba) = current_user
			AND NOT EXISTS (SELECT 1 FROM pg_stat_activity WHERE starts_with(datname, application_name || '_')
				AND starts_with(application_name, $1))`, namePrefix)
	if err != nil {
		return err
	}
	leftovers, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return err
	}
	for _, database := range leftovers {
		if err := dropDatabase(ctx, s.conn, database); err != nil {
			return err
		}
	}
	_, err = s.conn.Exec(ctx, "SELECT pg_advisory_unlock($1)", int64(sweepLock))
	return err
}

func dropDatabase(ctx context.Context, conn *pgx.Conn, database string) error {
	if _, err := conn.Exec(ctx, "DROP DATABASE IF EXISTS "+quote(database)+" WITH (FORCE)"); err != nil {
		return fmt.Errorf("dropping the database %s: %w", database, err)
	}
	return nil
}

func quote(name string) string { return pgx.Identifier{name}.Sanitize() }
