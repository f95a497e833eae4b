package store

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const (
	beginning = "begin isolation level serializable"
	insertA   = "-- name: PutA :exec\nINSERT INTO a (\n    id, value\n) VALUES (\n    $1, $2\n)\nON CONFLICT (id) DO UPDATE SET\n    value = excluded.value"
	setA      = "-- name: PutA :exec\nINSERT INTO a (\n    id, value\n) SELECT * FROM unnest($1::text[], $2::bigint[])\nON CONFLICT (id) DO UPDATE SET\n    value = excluded.value"
	deleteA   = "-- name: DeleteA :exec\nDELETE FROM a WHERE id = $1"
	insertB   = "INSERT INTO b (id) VALUES ($1)"
	insertC   = "INSERT INTO c (id, number, value) VALUES ($1, $2, $3) ON CONFLICT (number) DO UPDATE SET value = excluded.value"
	countB    = "INSERT INTO b (id) VALUES ($1) ON CONFLICT (id) DO UPDATE SET times = b.times + 1"
)

func TestGather(t *testing.T) {
	t.Parallel()
	of := func(query string, args ...any) statement { return statement{query, args} }
	for name, test := range map[string]struct{ kept, want []statement }{
		"nothing":         {},
		"one stays as is": {[]statement{of(beginning), of(insertA, "x", int64(1))}, []statement{of(beginning), of(insertA, "x", int64(1))}},
		"rows of a table go together, over others": {
			[]statement{of(beginning), of(insertA, "x", int64(1)), of(insertB, "b"), of(insertA, "y", int64(2))},
			[]statement{of(beginning), of(setA, []string{"x", "y"}, []int64{1, 2}), of(insertB, "b")},
		},
		"the last state of a row counts": {
			[]statement{of(insertA, "x", int64(1)), of(insertA, "y", int64(2)), of(insertA, "x", int64(3))},
			[]statement{of(setA, []string{"y", "x"}, []int64{2, 3})},
		},
		"what is deleted in between is": {
			[]statement{of(insertA, "x", int64(1)), of(deleteA, "x"), of(insertA, "x", int64(2)), of(insertA, "y", int64(3))},
			[]statement{of(insertA, "x", int64(1)), of(deleteA, "x"), of(setA, []string{"x", "y"}, []int64{2, 3})},
		},
		"what a row leaves alone is as it was first": {
			[]statement{of(insertC, "old", int64(1), true), of(insertC, "new", int64(1), false)},
			[]statement{of(insertC, "old", int64(1), false)},
		},
		"what counts is not thinned out": {
			[]statement{of(countB, "b"), of(countB, "b")},
			[]statement{of(countB, "b"), of(countB, "b")},
		},
		"nothing passes what is unknown": {
			[]statement{of(insertA, "x", int64(1)), of("select f()"), of(insertA, "y", int64(2))},
			[]statement{of(insertA, "x", int64(1)), of("select f()"), of(insertA, "y", int64(2))},
		},
	} {
		if diff := cmp.Diff(test.want, gather(test.kept), cmp.AllowUnexported(statement{})); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// Each statement that puts a row is understood: one that is not would be sent
// row by row, and nobody would notice.
func TestFormsOfQueries(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("queries/*.sql.go")
	if err != nil || len(files) == 0 {
		t.Fatalf("no queries: %v", err)
	}
	text := regexp.MustCompile("(?s)= `(-- name: (\\w+) :exec\n.*?)`")
	var sets []string
	for _, file := range files {
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, query := range text.FindAllStringSubmatch(string(source), -1) {
			f := formOf(query[1])
			if f.table == "" {
				t.Errorf("%s changes no table that can be told", query[2])
			}
			if f.set != "" {
				sets = append(sets, query[2])
			}
			if strings.Contains(query[1], "DO UPDATE") && len(f.keys) == 0 {
				t.Errorf("%s: the columns of its key are not found", query[2])
			}
		}
	}
	slices.Sort(sets)
	want := []string{
		"InsertEvent", "InsertOutbound", "InsertPayload", "PutBillingEntry", "PutCustomer", "PutDelivery", "PutEndpoint",
		"PutEventPoll", "PutKey", "PutObject", "PutPayment", "PutRefresh", "PutSubscription",
	}
	if diff := cmp.Diff(want, sets); diff != "" {
		t.Errorf("what goes in as sets (-want +got):\n%s", diff)
	}
}
