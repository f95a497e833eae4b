package store_test

import (
	"database/sql"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// scansAll names the queries that may look at every row of a table.
var scansAll = map[string]bool{"CountRefreshes": true} // up to a bound

// scansFew is a step that looks at every row of what has few: an installation
// has a handful of endpoints and keys, an index of exceptions has only these, and
// counted is what was picked to count.
var scansFew = regexp.MustCompile(`^SCAN (outbound_endpoints\b|api_keys\b|counted\b|subscriptions USING (COVERING )?INDEX subscriptions_unmapped$)`)

var (
	queryName = regexp.MustCompile(`-- name: (\w+) :`)
	argument  = regexp.MustCompile(`sqlc\.arg\((\w+)\)|\$\d+`)
)

// No query looks at every row of a table, so what an event costs does not grow
// with the tables. A condition that misses its partial index by a word is
// found here.
func TestQueriesUseIndexes(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("queries/*.sql")
	if err != nil || len(files) == 0 {
		t.Fatalf("no queries: %v", err)
	}
	d := emptySQLite(t)
	migrated(t, d)
	db := d.raw(t)
	checked := 0
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for statement := range strings.SplitSeq(string(text), ";\n") {
			name := queryName.FindStringSubmatch(statement)
			if name == nil || scansAll[name[1]] {
				continue
			}
			checked++
			for _, step := range queryPlan(t, db, argument.ReplaceAllString(statement, "?")) {
				if strings.HasPrefix(step, "SCAN") && !scansFew.MatchString(step) {
					t.Errorf("%s reads all rows: %s", name[1], step)
				}
			}
		}
	}
	if checked < 30 {
		t.Errorf("only %d queries were looked at", checked)
	}
}

// queryPlan lists the steps that SQLite means to take for a statement.
func queryPlan(t *testing.T, db *sql.DB, statement string) (steps []string) {
	t.Helper()
	none := make([]any, strings.Count(statement, "?"))
	rows, err := db.QueryContext(t.Context(), "EXPLAIN QUERY PLAN "+statement, none...)
	if err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
	defer rows.Close()
	for rows.Next() {
		var id, parent, unused int
		var step string
		if err := rows.Scan(&id, &parent, &unused, &step); err != nil {
			t.Fatal(err)
		}
		steps = append(steps, step)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return steps
}
