package bench_test

import (
	"database/sql"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	_ "modernc.org/sqlite" // the driver
)

// BenchmarkWebhooksSQLite sends webhooks to the server on SQLite, and compares
// with a plain loop that writes the same rows, one transaction an event.
func BenchmarkWebhooksSQLite(b *testing.B) {
	for _, connections := range []int{1, 16, 64} {
		b.Run(strconv.Itoa(connections), func(b *testing.B) {
			path := filepath.Join(b.TempDir(), "payments.db")
			prepare(b, "sqlite:"+path)
			events, server := newMaker(b, users), serve(b, "sqlite:"+path)
			compare(b, sides{
				requests: roundEvents,
				server:   func() time.Duration { return drive(b, server.Host, connections, events.requests(roundEvents)) },
				other:    func() float64 { return writePlainly(b, path) },
				pids:     []int{os.Getpid(), server.Pid()},
			})
		})
	}
}

// The tables into which the events of the benchmark lead: all get a row of the
// first two, and each half rows of three or two others.
var (
	everyEvent    = []string{"webhook_events", "webhook_payloads"}
	subscriptions = []string{"subscriptions", "users", "outbound_events"}
	invoices      = []string{"stripe_objects", "billing_history"}
)

// writePlainly writes the rows that the server has written into a database of
// its own, and returns the events of a second.
func writePlainly(b *testing.B, path string) float64 {
	b.Helper()
	written := open(b, path)
	defer written.Close()
	copied := filepath.Join(b.TempDir(), "plain.db")
	prepare(b, "sqlite:"+copied)
	plain := open(b, copied)
	defer plain.Close()
	plain.SetMaxOpenConns(1)
	tables := map[string]*table{}
	for _, list := range [][]string{everyEvent, subscriptions, invoices} {
		for _, name := range list {
			tables[name] = readTable(b, written, plain, name)
			defer tables[name].insert.Close()
		}
	}
	began := time.Now()
	for i := range roundEvents {
		tx, err := plain.BeginTx(b.Context(), nil)
		if err != nil {
			b.Fatal(err)
		}
		names := everyEvent[:2:2]
		if i%2 == 0 {
			names = append(names, subscriptions...)
		} else {
			names = append(names, invoices...)
		}
		for _, name := range names {
			tables[name].write(b, tx)
		}
		if err := tx.Commit(); err != nil {
			b.Fatal(err)
		}
	}
	return roundEvents / time.Since(began).Seconds()
}

// open opens a database as the server does: a commit is on the disk.
func open(b *testing.B, path string) *sql.DB {
	b.Helper()
	db, err := sql.Open("sqlite", "file:"+path+"?_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_pragma=busy_timeout(10000)&_txlock=immediate")
	if err != nil {
		b.Fatal(err)
	}
	return db
}

// table are the newest rows of a table, which are written in turn.
type table struct {
	rows   [][]any
	next   int
	insert *sql.Stmt
}

func readTable(b *testing.B, from, to *sql.DB, name string) *table {
	b.Helper()
	rows, err := from.QueryContext(b.Context(), "SELECT * FROM "+name+" ORDER BY rowid DESC LIMIT ?", roundEvents)
	if err != nil {
		b.Fatal(err)
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		b.Fatal(err)
	}
	t := &table{}
	for rows.Next() {
		row, into := make([]any, len(columns)), make([]any, len(columns))
		for i := range row {
			into[i] = &row[i]
		}
		if err := rows.Scan(into...); err != nil {
			b.Fatal(err)
		}
		t.rows = append(t.rows, row)
	}
	if err := rows.Err(); err != nil || len(t.rows) == 0 {
		b.Fatalf("no rows of %s: %v", name, err)
	}
	values := strings.TrimSuffix(strings.Repeat("?,", len(columns)), ",")
	if t.insert, err = to.PrepareContext(b.Context(), "INSERT OR REPLACE INTO "+name+" VALUES ("+values+")"); err != nil {
		b.Fatal(err)
	}
	return t
}

func (t *table) write(b *testing.B, tx *sql.Tx) {
	b.Helper()
	insert := tx.StmtContext(b.Context(), t.insert)
	defer insert.Close()
	if _, err := insert.ExecContext(b.Context(), t.rows[t.next%len(t.rows)]...); err != nil {
		b.Fatal(err)
	}
	t.next++
}
