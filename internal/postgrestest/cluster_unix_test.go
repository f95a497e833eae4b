//go:build unix

package postgrestest

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"testing"

	"github.com/jackc/pgx/v5"
)

// What the kernel does to the keeper when a test binary dies is done here by
// hand, in a cluster of the test's own.
func TestClusterEndsWithItsOwner(t *testing.T) {
	t.Parallel()
	c, err := startCluster(forgetful)
	if errors.Is(err, errNotInstalled) && !required(os.Getenv) {
		t.Skipf("skipped without PostgreSQL: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	conn, err := pgx.Connect(t.Context(), c.address().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())

	if err := c.life.Close(); err != nil {
		t.Fatal(err)
	}
	if rest, err := io.ReadAll(c.messages); err != nil || len(rest) > 0 {
		t.Errorf("the keeper said %q, %v at its end", rest, err)
	}
	if err := conn.Ping(t.Context()); err == nil {
		t.Error("the server outlives its owner")
	}
	if _, err := os.Stat(c.dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the folder outlives its owner: %v", err)
	}
}

func TestVersionIsTheFirstNumber(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]int{
		"/usr/lib/postgresql/9/bin/postgres":  9,
		"/usr/lib/postgresql/15/bin/postgres": 15,
		"/usr/pgsql-17/bin/postgres":          17,
		"/opt/bin/postgres":                   0,
	} {
		if got := version(path); got != want {
			t.Errorf("version(%q) = %d, want %d", path, got, want)
		}
	}
}
