package store

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// On PostgreSQL payloads are partitioned by the month in which they were
// received. What a partition holds is written in its name, and nowhere else:
// webhook_payloads_2026_11 has November; webhook_payloads_until_2026_11, the
// table from before there were months, all that is older than November. The
// default partition has what falls in none, and what months left behind.
//
// Receiving events needs a lock on the table that making or dropping a
// partition takes too, so these wait for theirs only for a moment: who waits
// for a lock keeps those behind it waiting.

const (
	// monthsAhead is how many months have their partition before they begin.
	monthsAhead = 3
	// monthLockTimeout is how long a change of the partitions waits for its
	// locks, in PostgreSQL's words, and so the longest that it holds up events
	// in vain. monthTimeout bounds each of its statements.
	monthLockTimeout = "300ms"
	monthTimeout     = "3s"
	// monthTries is how often it is tried; the next run tries again.
	monthTries = 5
	// maxLeftBehind is how many payloads a month may leave behind in the default
	// partition. With more events that are not done it stays.
	maxLeftBehind = 1000
)

// monthLock is the key of the advisory lock, beside that of migrations.
const monthLock = migrationLock + 1

// month is a partition that holds what was received from one time on and
// before another. The zero from is the beginning of time.
type month struct {
	name        string
	from, until time.Time
}

var monthName = regexp.MustCompile(`^webhook_payloads_(until_)?(\d{4})_(\d{2})$`)

// monthOf is the month that begins at that time, which is the first of one.
func monthOf(from time.Time) month {
	return month{name: from.Format("webhook_payloads_2006_01"), from: from, until: from.AddDate(0, 1, 0)}
}

// parseMonth reads the name of a partition.
func parseMonth(name string) (m month, ok bool) {
	part := monthName.FindStringSubmatch(name)
	if part == nil {
		return month{}, false
	}
	year, yearErr := strconv.Atoi(part[2])
	number, monthErr := strconv.Atoi(part[3])
	if yearErr != nil || monthErr != nil {
		return month{}, false
	}
	first := time.Date(year, time.Month(number), 1, 0, 0, 0, 0, time.UTC)
	if part[1] != "" {
		return month{name: name, until: first}, true
	}
	return monthOf(first), true
}

// monthsFrom are the months that are wanted at a time: its own and those ahead.
func monthsFrom(now time.Time) (wanted []month) {
	now = now.UTC()
	first := time.Date(now.Year(), now.Month(), 1, 0, 0, 0, 0, time.UTC)
	for i := range monthsAhead + 1 {
		wanted = append(wanted, monthOf(first.AddDate(0, i, 0)))
	}
	return wanted
}

// overlaps says whether two months have a moment in common.
func (m month) overlaps(other month) bool {
	return m.from.Before(other.until) && other.from.Before(m.until)
}

func (p *postgresEngine) preparePayloads(ctx context.Context, now time.Time) error {
	var failed []error
	for _, wanted := range monthsFrom(now) {
		err := p.changeMonths(ctx, func(tx pgx.Tx, there []month) error {
			for _, m := range there {
				if m.overlaps(wanted) {
					return nil
				}
			}
			return makeMonth(ctx, tx, wanted)
		})
		if err != nil {
			failed = append(failed, fmt.Errorf("make the partition %s: %w", wanted.name, err))
		}
	}
	return errors.Join(failed...)
}

// makeMonth makes a partition. It is made as a table of its own and attached,
// which other than making it in place lets events be written to the others
// meanwhile. A month of which the default partition has something is left to it.
func makeMonth(ctx context.Context, tx pgx.Tx, m month) error {
	var begun bool
	err := tx.QueryRow(ctx, `SELECT EXISTS (SELECT FROM webhook_payloads_default WHERE received_at >= $1 AND received_at < $2)`,
		m.from, m.until).Scan(&begun)
	if err != nil || begun {
		return err
	}
	name := pgx.Identifier{m.name}.Sanitize()
	if _, err := tx.Exec(ctx, `CREATE TABLE `+name+` (LIKE webhook_payloads INCLUDING ALL)`); err != nil {
		return err
	}
	_, err = tx.Exec(ctx, fmt.Sprintf(`ALTER TABLE webhook_payloads ATTACH PARTITION %s FOR VALUES FROM ('%s') TO ('%s')`,
		name, m.from.Format(time.RFC3339), m.until.Format(time.RFC3339)))
	return err
}

func (p *postgresEngine) dropPayloads(ctx context.Context, receivedBefore time.Time) error {
	var old []month
	err := p.changeMonths(ctx, func(_ pgx.Tx, there []month) error {
		old = nil
		for _, m := range there {
			if !m.until.After(receivedBefore) {
				old = append(old, m)
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("list the partitions: %w", err)
	}
	var failed []error
	for _, m := range old {
		err := p.changeMonths(ctx, func(tx pgx.Tx, there []month) error {
			for _, other := range there {
				if other == m {
					return dropMonth(ctx, tx, m)
				}
			}
			return nil // another process was faster
		})
		if err != nil {
			failed = append(failed, fmt.Errorf("drop the partition %s: %w", m.name, err))
		}
	}
	return errors.Join(failed...)
}

// dropMonth drops a partition, and leaves what its events that are not done
// still need to the default one. An event that is replayed just now may lose
// its payload, as if it had been replayed a moment later.
func dropMonth(ctx context.Context, tx pgx.Tx, m month) error {
	name := pgx.Identifier{m.name}.Sanitize()
	needed := name + ` AS p JOIN webhook_events AS e ON e.id = p.event_id
		WHERE e.status IN ('pending', 'failed') AND e.status <> 'processed' AND e.received_at < $1`
	var left int
	err := tx.QueryRow(ctx, `SELECT count(*) FROM (SELECT 1 FROM `+needed+` LIMIT $2) AS counted`, m.until, maxLeftBehind+1).Scan(&left)
	if err != nil || left > maxLeftBehind {
		return err
	}
	// The partition's own lock first: it may have to be waited for, and nothing
	// that is received needs it.
	if _, err := tx.Exec(ctx, `LOCK TABLE `+name+` IN ACCESS EXCLUSIVE MODE`); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, `ALTER TABLE webhook_payloads DETACH PARTITION `+name); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, `INSERT INTO webhook_payloads SELECT p.* FROM `+needed, m.until); err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `DROP TABLE `+name)
	return err
}

// changeMonths runs change in a transaction that knows which partitions there
// are, and again when it did not get its locks. Processes do so in turn.
func (p *postgresEngine) changeMonths(ctx context.Context, change func(tx pgx.Tx, there []month) error) error {
	for try := 1; ; try++ {
		err := pgx.BeginFunc(ctx, p.pool, func(tx pgx.Tx) error {
			_, err := tx.Exec(ctx, `SELECT set_config('lock_timeout', $1, true), set_config('statement_timeout', $2, true)`,
				monthLockTimeout, monthTimeout)
			if err != nil {
				return err
			}
			if _, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock($1)`, monthLock); err != nil {
				return err
			}
			there, err := months(ctx, tx)
			if err != nil {
				return err
			}
			return change(tx, there)
		})
		if !isLockTimeout(err) || try == monthTries {
			return translate(err)
		}
		if err := pause(ctx, maxUpdates); err != nil {
			return err
		}
	}
}

// months lists the partitions but the default one.
func months(ctx context.Context, tx pgx.Tx) (there []month, err error) {
	rows, err := tx.Query(ctx, `SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
		WHERE i.inhparent = 'webhook_payloads'::regclass ORDER BY c.relname`)
	if err != nil {
		return nil, err
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	for _, name := range names {
		if m, ok := parseMonth(name); ok {
			there = append(there, m)
		}
	}
	return there, err
}

// isLockTimeout says whether a lock was not to be had in time.
func isLockTimeout(err error) bool {
	var refused *pgconn.PgError
	return errors.As(err, &refused) && refused.Code == "55P03" // lock_not_available
}
