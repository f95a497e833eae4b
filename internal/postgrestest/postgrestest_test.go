package postgrestest_test

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/numerai-app/payments/internal/postgrestest"
)

func TestDatabaseIsEmptyAndOwn(t *testing.T) {
	t.Parallel()
	for i := range 3 {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			t.Parallel()
			conn := connect(t, postgrestest.Database(t))
			// Fails where two tests share a database.
			execute(t, conn, "CREATE TABLE mine (n bigint)")
		})
	}
}

// The server must not end before the test binary does. It hangs on a pipe, and
// a pipe that nothing refers to is closed by the garbage collector.
func TestServerOutlivesGarbageCollection(t *testing.T) {
	t.Parallel()
	conn := connect(t, postgrestest.Database(t))
	for range 3 {
		runtime.GC()
		execute(t, conn, "SELECT 1")
		execute(t, connect(t, postgrestest.Database(t)), "SELECT 1")
	}
}

func TestDatabaseIsDroppedThoughInUse(t *testing.T) {
	t.Parallel()
	var dsn string
	var left *pgx.Conn
	t.Run("user", func(t *testing.T) {
		dsn = postgrestest.Database(t)
		var err error
		if left, err = pgx.Connect(t.Context(), dsn); err != nil {
			t.Fatal(err)
		}
	})
	if left == nil {
		t.Skip("skipped with its subtest")
	}
	defer left.Close(context.Background())
	if err := left.Ping(t.Context()); err == nil {
		t.Error("a connection outlives its database")
	}
	conn, err := pgx.Connect(t.Context(), dsn)
	if err == nil {
		defer conn.Close(t.Context())
		t.Fatal("the database outlives its test")
	}
	if !strings.Contains(err.Error(), "does not exist") {
		t.Errorf("connecting to a dropped database: %v", err)
	}
}

func TestTemplateIsMigratedOnceAndCopied(t *testing.T) {
	t.Parallel()
	var migrations atomic.Int64
	migrate := func(dsn string) error {
		migrations.Add(1)
		conn, err := pgx.Connect(context.Background(), dsn)
		if err != nil {
			return err
		}
		defer conn.Close(context.Background())
		_, err = conn.Exec(context.Background(), "CREATE TABLE plans (id text PRIMARY KEY); INSERT INTO plans VALUES ('basic')")
		return err
	}
	t.Run("copies", func(t *testing.T) {
		for i := range 4 {
			t.Run(fmt.Sprint(i), func(t *testing.T) {
				t.Parallel()
				conn := connect(t, postgrestest.Template(t, "plans", migrate))
				execute(t, conn, "INSERT INTO plans VALUES ('premium')")
				rows, err := conn.Query(t.Context(), `SELECT id FROM plans ORDER BY id`)
				if err != nil {
					t.Fatal(err)
				}
				got, err := pgx.CollectRows(rows, pgx.RowTo[string])
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff([]string{"basic", "premium"}, got); diff != "" {
					t.Errorf("rows of a copy (-want +got):\n%s", diff)
				}
			})
		}
	})
	// None where there is no PostgreSQL and the copies were skipped.
	if n := migrations.Load(); n > 1 {
		t.Errorf("the template was migrated %d times", n)
	}
}

// The order of text is a language's, not that of bytes, so that the order of
// bytes has to be asked for where it is meant.
func TestPrivateClusterSortsAsPeopleDo(t *testing.T) {
	t.Parallel()
	if os.Getenv("PAYMENTS_TEST_POSTGRES") != "" {
		t.Skip("PAYMENTS_TEST_POSTGRES names a server, whose order is its own")
	}
	conn := connect(t, postgrestest.Database(t))
	var less bool
	if err := conn.QueryRow(t.Context(), "SELECT 'a'::text < 'B'::text").Scan(&less); err != nil {
		t.Fatal(err)
	}
	if !less {
		t.Error("'a' sorts after 'B': the cluster has the order of bytes")
	}
}

func TestRequired(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, ci, require string
		want              bool
	}{
		{"nothing set", "", "", false},
		{"ci", "true", "", true},
		{"other ci", "false", "", false},
		{"alone", "", "postgres", true},
		{"in a list", "", "race,postgres", true},
		{"another", "", "postgresql,race", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			getenv := func(name string) string {
				return map[string]string{"CI": c.ci, "PAYMENTS_TEST_REQUIRE": c.require}[name]
			}
			if got := postgrestest.Required(getenv); got != c.want {
				t.Errorf("required = %t, want %t", got, c.want)
			}
		})
	}
}

// connect opens a connection that is closed with the test.
func connect(t *testing.T, dsn string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := conn.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return conn
}

func execute(t *testing.T, conn *pgx.Conn, statement string) {
	t.Helper()
	if _, err := conn.Exec(t.Context(), statement); err != nil {
		t.Fatal(err)
	}
}
