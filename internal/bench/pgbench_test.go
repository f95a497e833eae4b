package bench_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/numerai-app/payments/internal/postgrestest"
)

// pgbench is what PostgreSQL itself can do: for each event one transaction
// that inserts the same bytes under a key and updates one row by key.
type pgbench struct {
	cluster *postgrestest.Cluster
	script  string
	payload string
}

const (
	pgbenchTables = `
		CREATE TABLE pgbench_events (id text PRIMARY KEY, received_at timestamptz NOT NULL DEFAULT now(), payload bytea NOT NULL);
		CREATE TABLE pgbench_users (id bigint PRIMARY KEY, seen timestamptz NOT NULL DEFAULT now());
		INSERT INTO pgbench_users SELECT generate_series(1, 1000);`
	pgbenchScript = `\set event random(1, 1000000000000000)
\set user random(1, 1000)
BEGIN;
INSERT INTO pgbench_events (id, payload) VALUES ('evt_' || :event, :payload);
UPDATE pgbench_users SET seen = now() WHERE id = :user;
COMMIT;
`
)

func newPgbench(b *testing.B, cluster *postgrestest.Cluster, payload []byte) pgbench {
	b.Helper()
	conn, err := pgx.Connect(b.Context(), cluster.URL())
	if err != nil {
		b.Fatal(err)
	}
	defer conn.Close(b.Context())
	if _, err := conn.Exec(b.Context(), pgbenchTables); err != nil {
		b.Fatal(err)
	}
	script := filepath.Join(b.TempDir(), "script.sql")
	if err := os.WriteFile(script, []byte(pgbenchScript), 0o600); err != nil {
		b.Fatal(err)
	}
	return pgbench{cluster, script, string(payload)}
}

var transactionsPerSecond = regexp.MustCompile(`tps = ([0-9.]+)`)

// run returns the transactions of a second.
func (p pgbench) run(b *testing.B, connections, transactions int) float64 {
	b.Helper()
	out, err := exec.CommandContext(b.Context(), p.cluster.Program("pgbench"), "-h", p.cluster.Host(), "-U", "payments",
		"-n", "-M", "prepared", "-c", strconv.Itoa(connections), "-j", strconv.Itoa(min(connections, 2)),
		"-t", strconv.Itoa(max(transactions/connections, 1)), "-f", p.script, "-D", "payload="+p.payload, "postgres").CombinedOutput()
	if err != nil {
		b.Fatalf("pgbench: %v\n%s", err, out)
	}
	found := transactionsPerSecond.FindSubmatch(out)
	if found == nil {
		b.Fatalf("pgbench says no rate:\n%s", out)
	}
	rate, err := strconv.ParseFloat(string(found[1]), 64)
	if err != nil {
		b.Fatal(err)
	}
	return rate
}
