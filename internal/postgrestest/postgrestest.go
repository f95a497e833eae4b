// Package postgrestest gives each test a PostgreSQL database of its own.
//
// A test asks for an empty database with [Database], or with [Template] for a
// copy of one that was migrated once for the whole test binary. Either is
// dropped when the test ends.
//
// The server is the one that PAYMENTS_TEST_POSTGRES names, a postgres:// URL
// whose user may create databases. Without it, the first test that asks starts
// a private cluster from the programs of the machine: in a temporary folder,
// on a Unix socket, as an unprivileged user, without fsync. It ends with the
// test binary, however that ends.
//
// Where there is no PostgreSQL the tests are skipped and say so, unless
// CI=true or PAYMENTS_TEST_REQUIRE contains the word postgres: then they fail.
package postgrestest

import (
	"context"
	"errors"
	"os"
	"strings"
	"sync"
	"testing"
	"time"
)

// patience bounds every single thing that is asked of the server. It is long
// since the machine may be busy with other packages' tests.
const patience = 2 * time.Minute

// errNotInstalled says that this machine has no PostgreSQL: the one fault for
// which a test may be skipped.
var errNotInstalled = errors.New("PostgreSQL is not installed")

// connectOnce finds or starts the server the first time that it is called in
// this test binary.
var connectOnce = sync.OnceValues(connect)

// templates holds, by name, the outcome of preparing each template.
var templates sync.Map // string → func() (database string, err error)

// Database returns the postgres:// URL of an empty database, which is dropped
// at the end of the test, connections and all.
func Database(t testing.TB) string {
	t.Helper()
	return create(t, serverFor(t), emptyTemplate)
}

// Template returns the postgres:// URL of a copy of the template of that name,
// which is dropped at the end of the test, connections and all.
//
// The first call with a name in a test binary makes the template: migrate is
// given the URL of an empty database and must have closed its connections when
// it returns. Later calls only copy, and ignore migrate.
func Template(t testing.TB, name string, migrate func(dsn string) error) string {
	t.Helper()
	s := serverFor(t)
	prepare, _ := templates.LoadOrStore(name, sync.OnceValues(func() (string, error) {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		database, err := s.create(ctx, emptyTemplate)
		if err != nil {
			return "", err
		}
		return database, migrate(s.dsn(database))
	}))
	template, err := prepare.(func() (string, error))()
	if err != nil {
		t.Fatalf("postgrestest: preparing the template %q: %v", name, err)
	}
	return create(t, s, template)
}

// create makes a copy of a template for one test.
func create(t testing.TB, s *server, template string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	database, err := s.create(ctx, template)
	if err != nil {
		t.Fatalf("postgrestest: %v", err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := s.drop(ctx, database); err != nil {
			t.Errorf("postgrestest: %v", err)
		}
	})
	return s.dsn(database)
}

// serverFor returns the server, or ends the test.
func serverFor(t testing.TB) *server {
	t.Helper()
	s, err := connectOnce()
	switch {
	case err == nil:
		return s
	case errors.Is(err, errNotInstalled) && !required(os.Getenv):
		t.Skipf("skipped without PostgreSQL: %v", err)
	default:
		t.Fatalf("postgrestest: %v", err)
	}
	return nil
}

// required reports whether a missing PostgreSQL is a failure.
func required(getenv func(string) string) bool {
	if getenv("CI") == "true" {
		return true
	}
	words := strings.FieldsFunc(getenv("PAYMENTS_TEST_REQUIRE"), func(r rune) bool { return r == ',' || r == ' ' })
	for _, word := range words {
		if word == "postgres" {
			return true
		}
	}
	return false
}
