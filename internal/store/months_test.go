package store_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/pressly/goose/v3"

	"github.com/numerai-app/payments"
	"github.com/numerai-app/payments/internal/store"
)

// march is a moment in a month long gone, so that it is before the table's
// first partition ends, whenever this runs. later is one that is after it.
var (
	march = time.Date(2024, time.March, 15, 12, 0, 0, 0, time.UTC)
	later = time.Date(2199, time.November, 30, 23, 59, 59, 0, time.UTC)
)

// partitions counts the payloads in each partition, by the end of its name.
func partitions(t *testing.T, db *sql.DB) map[string]int {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), `SELECT inhrelid::regclass FROM pg_inherits WHERE inhparent = 'webhook_payloads'::regclass`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	found := map[string]int{}
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			t.Fatal(err)
		}
		short := strings.TrimPrefix(name, "webhook_payloads_")
		if strings.HasPrefix(short, "until_") {
			short = "until"
		}
		var count int
		if err := db.QueryRowContext(t.Context(), `SELECT count(*) FROM `+name).Scan(&count); err != nil {
			t.Fatal(err)
		}
		found[short] = count
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return found
}

func checkPartitions(t *testing.T, what string, db *sql.DB, want map[string]int) {
	t.Helper()
	if diff := cmp.Diff(want, partitions(t, db)); diff != "" {
		t.Errorf("%s: the payloads in each partition (-want +got):\n%s", what, diff)
	}
}

func someEvent(id string, received time.Time, status payments.EventStatus) payments.Event {
	return payments.Event{
		ID: id, Type: "invoice.paid", ReceivedAt: received, Created: received, Status: status,
		Source: payments.SourceWebhook, Payload: []byte(id),
	}
}

func insert(t *testing.T, s *store.Store, events ...payments.Event) {
	t.Helper()
	err := s.Update(t.Context(), func(tx payments.Tx) error {
		_, err := tx.InsertEvents(t.Context(), events)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// hasPayload says whether an event has its payload, and that event itself.
func hasPayload(t *testing.T, s *store.Store, id string) (has bool) {
	t.Helper()
	err := s.View(t.Context(), func(tx payments.Tx) error {
		event, err := tx.Event(t.Context(), id)
		if err != nil {
			return err
		}
		payload, err := tx.EventPayload(t.Context(), event)
		if has = err == nil; has && string(payload) != id {
			t.Errorf("the payload of %s is %q", id, payload)
		}
		if errors.Is(err, payments.ErrNotFound) {
			return nil
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return has
}

// What was stored before there were months is there afterwards, what a program
// that knows nothing of them goes on to write meanwhile is too, and who was let
// use the table still is.
func TestMonthsMigration(t *testing.T) {
	t.Parallel()
	d := emptyPostgres(t)
	db := d.raw(t)
	provider, err := goose.NewProvider(goose.DialectPostgres, db, os.DirFS("migrations/postgres"), goose.WithDisableGlobalRegistry(true))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := provider.UpTo(t.Context(), 4); err != nil {
		t.Fatal(err)
	}
	if _, err := db.ExecContext(t.Context(), `GRANT SELECT, INSERT ON webhook_payloads TO PUBLIC`); err != nil {
		t.Fatal(err)
	}
	const older = `INSERT INTO webhook_payloads (event_id, received_at, payload) VALUES ($1, $2, $3)`
	write := func(id string, at time.Time) error {
		_, err := db.ExecContext(t.Context(), older, id, at, []byte(id))
		return err
	}
	if err := write("evt_before", march); err != nil {
		t.Fatal(err)
	}
	s := d.open(t)
	migrated := make(chan error)
	go func() { migrated <- s.Migrate(t.Context()) }()
	written := 1
	for done := false; !done; {
		select {
		case err := <-migrated:
			if err != nil {
				t.Fatal(err)
			}
			done = true
		default:
		}
		if err := write(fmt.Sprint("evt_", written), time.Now()); err != nil {
			t.Fatalf("an older program was refused: %v", err)
		}
		written++
	}
	checkPartitions(t, "migrated", db, map[string]int{"until": written, "default": 0})
	var payload []byte
	row := db.QueryRowContext(t.Context(), `SELECT payload FROM webhook_payloads WHERE event_id = $1 ORDER BY received_at DESC LIMIT 1`, "evt_before")
	if err := row.Scan(&payload); err != nil || string(payload) != "evt_before" {
		t.Errorf("an older program reads %q, %v", payload, err)
	}
	var allowed bool
	row = db.QueryRowContext(t.Context(), `SELECT bool_and(relacl::text LIKE '%=ar/%') FROM pg_class WHERE relname = 'webhook_payloads'`)
	if err := row.Scan(&allowed); err != nil || !allowed {
		t.Errorf("who was let use the table is not any more: %v", err)
	}
}

// Several processes make the months at once, and each payload goes to its own:
// one that falls in none to the default partition, so that nothing is refused.
func TestMonthsAhead(t *testing.T) {
	t.Parallel()
	d := emptyPostgres(t)
	var group sync.WaitGroup
	stores := []*store.Store{d.open(t), d.open(t), d.open(t), d.open(t)}
	migrated(t, d)
	for _, s := range stores {
		group.Go(func() {
			if err := s.PreparePayloads(t.Context(), later); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	s, db := stores[0], d.raw(t)
	insert(t, s, someEvent("evt_1", march, "processed"), someEvent("evt_2", later, "processed"),
		someEvent("evt_3", later.Add(time.Second), "pending"), someEvent("evt_4", later.AddDate(0, 6, 0), "processed"))
	want := map[string]int{"until": 1, "2199_11": 1, "2199_12": 1, "2200_01": 0, "2200_02": 0, "default": 1}
	checkPartitions(t, "made ahead", db, want)
	for _, id := range []string{"evt_1", "evt_2", "evt_3", "evt_4"} {
		if !hasPayload(t, s, id) {
			t.Errorf("%s has no payload", id)
		}
	}

	// What the default partition has of a month stays there.
	if err := s.PreparePayloads(t.Context(), later.AddDate(0, 4, 0)); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"2200_03", "2200_04", "2200_06"} {
		want[name] = 0
	}
	checkPartitions(t, "later", db, want)
}

// TestMonthsAreDropped checks that whole months go at once, but for what their
// events still need, and that a younger one stays.
func TestMonthsAreDropped(t *testing.T) {
	t.Parallel()
	d := emptyPostgres(t)
	migrated(t, d)
	s, db := d.open(t), d.raw(t)
	if err := s.PreparePayloads(t.Context(), later); err != nil {
		t.Fatal(err)
	}
	first := time.Date(2199, time.November, 1, 0, 0, 0, 0, time.UTC)
	insert(t, s, someEvent("evt_processed", first, "processed"), someEvent("evt_ignored", later, "ignored"),
		someEvent("evt_pending", later, "pending"), someEvent("evt_failed", first, "failed"),
		someEvent("evt_old", march, "processed"), someEvent("evt_younger", first.AddDate(0, 1, 0), "processed"))
	if err := s.DropPayloads(t.Context(), first.AddDate(0, 1, 0).Add(-time.Microsecond)); err != nil {
		t.Fatal(err)
	}
	checkPartitions(t, "the month is not over", db,
		map[string]int{"2199_11": 4, "2199_12": 1, "2200_01": 0, "2200_02": 0, "default": 0})
	for range 2 { // the second time there is nothing to do
		if err := s.DropPayloads(t.Context(), first.AddDate(0, 1, 0)); err != nil {
			t.Fatal(err)
		}
		checkPartitions(t, "the month is over", db, map[string]int{"2199_12": 1, "2200_01": 0, "2200_02": 0, "default": 2})
	}
	for id, want := range map[string]bool{
		"evt_processed": false, "evt_ignored": false, "evt_old": false, "evt_pending": true, "evt_failed": true, "evt_younger": true,
	} {
		if hasPayload(t, s, id) != want {
			t.Errorf("%s has its payload: %t", id, !want)
		}
	}
}

// A month of which much is still needed stays.
func TestMonthInUseStays(t *testing.T) {
	t.Parallel()
	d := emptyPostgres(t)
	migrated(t, d)
	s := d.open(t)
	if err := s.PreparePayloads(t.Context(), later); err != nil {
		t.Fatal(err)
	}
	var events []payments.Event
	for i := range 1001 {
		events = append(events, someEvent(fmt.Sprint("evt_", i), later, "failed"))
	}
	insert(t, s, events...)
	if err := s.DropPayloads(t.Context(), later.AddDate(0, 1, 0)); err != nil {
		t.Fatal(err)
	}
	if got := partitions(t, d.raw(t)); got["2199_11"] != len(events) || got["default"] != 0 {
		t.Errorf("the payloads are in %v", got)
	}
}

// Who holds a month's table open keeps it from being dropped, and events from
// nothing.
func TestMonthInTheWay(t *testing.T) {
	t.Parallel()
	d := emptyPostgres(t)
	migrated(t, d)
	s := d.open(t)
	if err := s.PreparePayloads(t.Context(), later); err != nil {
		t.Fatal(err)
	}
	insert(t, s, someEvent("evt_old", later, "processed"))
	reader, err := d.raw(t).BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = reader.Rollback() }()
	if _, err := reader.ExecContext(t.Context(), `SELECT count(*) FROM webhook_payloads`); err != nil {
		t.Fatal(err)
	}
	over := later.AddDate(0, 1, 0)
	dropped := make(chan error)
	go func() { dropped <- s.DropPayloads(t.Context(), over) }()
	for i := 0; ; i++ {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		event := someEvent(fmt.Sprint("evt_", i), over, "processed")
		err := s.Update(ctx, func(tx payments.Tx) error {
			_, err := tx.InsertEvents(ctx, []payments.Event{event})
			return err
		})
		cancel()
		if err != nil {
			t.Fatalf("an event was not received: %v", err)
		}
		select {
		case err = <-dropped:
		default:
			continue
		}
		if err == nil {
			t.Error("a table was dropped that is being read")
		}
		break
	}
	if !hasPayload(t, s, "evt_old") {
		t.Error("the payload is gone")
	}
	if err := reader.Rollback(); err != nil {
		t.Fatal(err)
	}
	if err := s.DropPayloads(t.Context(), over); err != nil {
		t.Fatal(err)
	}
	if hasPayload(t, s, "evt_old") {
		t.Error("the payload is still there")
	}
}

// A payload is looked for in the partition of its month alone, with a plan that
// serves all values as well.
func TestPayloadIsFoundInItsMonth(t *testing.T) {
	t.Parallel()
	d := emptyPostgres(t)
	migrated(t, d)
	if err := d.open(t).PreparePayloads(t.Context(), later); err != nil {
		t.Fatal(err)
	}
	plan := explain(t, d.raw(t), "EventPayload", "text, timestamptz", `'evt_1', '2199-12-24T00:00:00Z'`)
	if strings.Count(plan, "Index Scan using") != 1 || !strings.Contains(plan, "webhook_payloads_2199_12_pkey") {
		t.Errorf("a payload is looked for so:\n%s", plan)
	}
	plan = explain(t, d.raw(t), "PrunePayloads", "timestamptz, int", `'2199-12-01T00:00:00Z', 100`)
	if strings.Contains(plan, "Seq Scan") || !strings.Contains(plan, "Index Cond: (id = p_1.event_id)") ||
		!strings.Contains(plan, "webhook_payloads_2199_11_received_at_idx") || strings.Contains(plan, "webhook_payloads_2200_01_received_at_idx") {
		t.Errorf("payloads are pruned so:\n%s", plan)
	}
}

// explain says how PostgreSQL does a query of ours, with a generic plan as the
// store asks for.
func explain(t *testing.T, db *sql.DB, name, types, values string) string {
	t.Helper()
	text, err := os.ReadFile("queries/webhook_events.sql")
	if err != nil {
		t.Fatal(err)
	}
	statements := strings.Split(string(text), ";\n")
	at := slices.IndexFunc(statements, func(one string) bool { return strings.Contains(one, "-- name: "+name+" ") })
	if at < 0 {
		t.Fatalf("no query %s", name)
	}
	known := []string{}
	query := argument.ReplaceAllStringFunc(statements[at], func(named string) string {
		if strings.HasPrefix(named, "$") {
			return named
		}
		if !slices.Contains(known, named) {
			known = append(known, named)
		}
		return fmt.Sprint("$", slices.Index(known, named)+1)
	})
	conn, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	for _, statement := range []string{
		"SET plan_cache_mode = force_generic_plan", "SET enable_seqscan = off", "PREPARE asked (" + types + ") AS " + query,
	} {
		if _, err := conn.ExecContext(t.Context(), statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
	rows, err := conn.QueryContext(t.Context(), "EXPLAIN EXECUTE asked ("+values+")")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var plan strings.Builder
	for rows.Next() {
		var line string
		if err := rows.Scan(&line); err != nil {
			t.Fatal(err)
		}
		plan.WriteString(line + "\n")
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return plan.String()
}
