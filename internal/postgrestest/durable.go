package postgrestest

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// Cluster is a private PostgreSQL server of one test or benchmark.
type Cluster struct{ running *cluster }

// Durable starts a private cluster that flushes to the disk what it commits, as
// a server does that is used in earnest: PostgreSQL's own defaults. It ends
// with the test. Where there is no PostgreSQL the test is skipped or fails, as
// for the others.
func Durable(t testing.TB) *Cluster {
	t.Helper()
	running, err := startCluster("")
	return kept(t, running, err)
}

// kept is a cluster that was started, or was to be, for a test.
func kept(t testing.TB, running *cluster, err error) *Cluster {
	t.Helper()
	switch {
	case errors.Is(err, errNotInstalled) && !required(os.Getenv):
		t.Skipf("skipped without PostgreSQL: %v", err)
	case err != nil:
		t.Fatalf("postgrestest: %v", err)
	}
	t.Cleanup(running.close)
	return &Cluster{running}
}

// URL is that of the database, which is empty at first.
func (c *Cluster) URL() string {
	return c.running.address().String()
}

// Host is the folder of the socket, as PostgreSQL's programs take it by -h.
func (c *Cluster) Host() string { return c.running.dir }

// Program is the path of one of PostgreSQL's programs, such as pgbench.
func (c *Cluster) Program(name string) string { return filepath.Join(c.running.programs, name) }

// Pid is the process that started all others of the server.
func (c *Cluster) Pid(t testing.TB) int {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(c.running.dir, "data", "postmaster.pid"))
	if err != nil {
		t.Fatal(err)
	}
	first, _, _ := strings.Cut(string(text), "\n")
	pid, err := strconv.Atoi(first)
	if err != nil {
		t.Fatal(err)
	}
	return pid
}

// Crash stops the server hard, as a loss of power does: what it had not flushed
// is lost.
func (c *Cluster) Crash() error { return c.running.order("stop") }

// Start starts the server again after a crash, and returns when it takes
// connections.
func (c *Cluster) Start() error { return c.running.order("start") }
