package store

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"
)

// statement is one that is kept back, with its arguments.
type statement struct {
	query string
	args  []any
}

// gather makes of statements whose result nobody waits for as few as do the
// same: the rows that go into one table go in together, and of a row that is
// put several times only the last state. What happens to one table keeps its
// order. That of different tables does not matter: foreign keys are checked at
// the commit. What is neither an insert, an update nor a delete stays where it
// is, between what was before it and what comes after.
func gather(statements []statement) []statement {
	var gathered []statement
	var tables []string
	of := map[string][]statement{}
	flush := func() {
		for _, table := range tables {
			gathered = append(gathered, inSets(of[table])...)
		}
		tables = tables[:0]
		clear(of)
	}
	for _, s := range statements {
		table := formOf(s.query).table
		if table == "" {
			flush()
			gathered = append(gathered, s)
			continue
		}
		if of[table] == nil {
			tables = append(tables, table)
		}
		of[table] = append(of[table], s)
	}
	flush()
	return gathered
}

// inSets gathers the statements on one table.
func inSets(statements []statement) (sets []statement) {
	for len(statements) > 0 {
		query := statements[0].query
		same := 1
		for same < len(statements) && statements[same].query == query {
			same++
		}
		f := formOf(query)
		rows := f.last(statements[:same])
		if f.set != "" && len(rows) > 1 {
			rows = []statement{f.together(rows)}
		}
		sets = append(sets, rows...)
		statements = statements[same:]
	}
	return sets
}

// form is what a statement looks like.
type form struct {
	// table is the one that it changes; empty: another kind of statement.
	table string
	// set is the same statement for many rows, each argument a column of them.
	// Empty: there is none.
	set string
	// keys are the arguments by which a row replaces the one that is there, and
	// stays are those that it leaves alone.
	keys, stays []int
}

// forms remembers the form of each query: there are as many as are written in
// queries/.
var forms sync.Map // string → form

var (
	changeOf = regexp.MustCompile(`(?m)^(?:INSERT INTO|UPDATE|DELETE FROM) (\w+)`)
	// insertOf is an insert of one row, with what becomes of the row that is there.
	insertOf = regexp.MustCompile(`(?s)^(.*INSERT INTO \w+ \(([^()]*)\)) VALUES \([$\d,\s]*\)(\s*ON CONFLICT \(([^()]*)\) DO UPDATE SET\s+(.*)|)\s*$`)
	// replaces is the part of it that takes a column as it comes.
	replaces = regexp.MustCompile(`^(\w+) = excluded\.(\w+)$`)
)

func formOf(query string) form {
	known, ok := forms.Load(query)
	if !ok {
		known, _ = forms.LoadOrStore(query, newForm(query))
	}
	return known.(form)
}

func newForm(query string) form {
	change := changeOf.FindStringSubmatch(query)
	if change == nil {
		return form{}
	}
	f := form{table: change[1]}
	insert := insertOf.FindStringSubmatch(query)
	if insert == nil || slices.ContainsFunc(names(insert[5]), computed) {
		return f
	}
	keys, replaced := names(insert[4]), names(insert[5])
	for i, column := range names(insert[2]) {
		if slices.Contains(keys, column) {
			f.keys = append(f.keys, i)
		} else if !slices.Contains(replaced, column+" = excluded."+column) {
			f.stays = append(f.stays, i)
		}
	}
	f.set = insert[1] + " SELECT * FROM unnest(%s)" + strings.ReplaceAll(insert[3], "%", "%%")
	return f
}

// computed says whether an assignment makes a column of what it was: then each
// put counts.
func computed(assignment string) bool {
	taken := replaces.FindStringSubmatch(assignment)
	return taken == nil || taken[1] != taken[2]
}

func names(list string) []string {
	if strings.TrimSpace(list) == "" {
		return nil
	}
	split := strings.Split(list, ",")
	for i, one := range split {
		split[i] = strings.TrimSpace(one)
	}
	return split
}

// last leaves out the rows that a later one replaces.
func (f form) last(rows []statement) []statement {
	if len(f.keys) == 0 || len(rows) == 1 {
		return rows
	}
	kept := make([]statement, 0, len(rows))
	places := make(map[string]int, len(rows))
	for _, row := range rows {
		key := f.key(row)
		if at, before := places[key]; before {
			row = f.replacing(kept[at], row)
			kept[at].query = "" // it moves behind those that came since
		}
		places[key] = len(kept)
		kept = append(kept, row)
	}
	return slices.DeleteFunc(kept, func(row statement) bool { return row.query == "" })
}

func (f form) key(row statement) string {
	var key strings.Builder
	for _, i := range f.keys {
		fmt.Fprintf(&key, "%q ", row.args[i])
	}
	return key.String()
}

// replacing is a row with what it leaves alone of the one before.
func (f form) replacing(before, row statement) statement {
	args := slices.Clone(row.args)
	for _, i := range f.stays {
		args[i] = before.args[i]
	}
	return statement{row.query, args}
}

// together is one statement for several rows.
func (f form) together(rows []statement) statement {
	columns := make([]any, len(rows[0].args))
	types := make([]string, len(columns))
	for i := range columns {
		var of string
		columns[i], of = column(rows, i)
		types[i] = fmt.Sprintf("$%d::%s[]", i+1, of)
	}
	return statement{query: fmt.Sprintf(f.set, strings.Join(types, ", ")), args: columns}
}

// column is an argument of all rows, with its type in PostgreSQL.
func column(rows []statement, i int) (values any, of string) {
	switch rows[0].args[i].(type) {
	case string:
		return gathered[string](rows, i), "text"
	case int64:
		return gathered[int64](rows, i), "bigint"
	case bool:
		return gathered[bool](rows, i), "boolean"
	case time.Time:
		return gathered[time.Time](rows, i), "timestamptz"
	case *time.Time:
		return gathered[*time.Time](rows, i), "timestamptz"
	case []byte:
		return gathered[[]byte](rows, i), "bytea"
	}
	panic(fmt.Sprintf("store: no column has values such as %T", rows[0].args[i]))
}

func gathered[T any](rows []statement, i int) []T {
	values := make([]T, len(rows))
	for n, row := range rows {
		values[n] = row.args[i].(T)
	}
	return values
}
