package store_test

import (
	"database/sql"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/numerai-app/payments"
)

// Grants are written by the database's own tools so far, so the suite, which
// knows no SQL, cannot see them come back.
func TestGrants(t *testing.T) {
	t.Parallel()
	eachEmpty(t, func(t *testing.T, d database) {
		s := d.open(t)
		if err := s.Migrate(t.Context()); err != nil {
			t.Fatal(err)
		}
		created := time.Date(2026, time.January, 2, 3, 4, 5, 600_000, time.UTC)
		user := payments.Customer{User: payments.User{ID: "u"}, CreatedAt: created, UpdatedAt: created}
		if err := s.Update(t.Context(), func(tx payments.Tx) error { return tx.PutCustomer(t.Context(), user) }); err != nil {
			t.Fatal(err)
		}
		want := []payments.Grant{
			{ID: "g_2", UserID: "u", Plan: "pro", GrantedBy: "ops", Note: "sorry", CreatedAt: created},
			{ID: "g_1", UserID: "u", Plan: "basic", Until: &created, CreatedAt: created.Add(time.Hour)},
		}
		db := d.raw(t)
		for _, grant := range want {
			insertGrant(t, db, grant)
		}
		var got []payments.Grant
		err := s.View(t.Context(), func(tx payments.Tx) (err error) {
			got, err = tx.GrantsOf(t.Context(), "u")
			return err
		})
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("grants: %v (-want +got):\n%s", err, diff)
		}
		standing, err := s.Standing(t.Context(), "u")
		if diff := cmp.Diff(want, standing.Grants); diff != "" || err != nil {
			t.Errorf("grants by the short way: %v (-want +got):\n%s", err, diff)
		}
	})
}

func insertGrant(t *testing.T, db *sql.DB, g payments.Grant) {
	t.Helper()
	const layout = "2006-01-02 15:04:05.999999-07:00"
	var until any
	if g.Until != nil {
		until = g.Until.Format(layout)
	}
	_, err := db.ExecContext(t.Context(), `INSERT INTO grants (id, user_id, plan, until, granted_by, note, created_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7)`, g.ID, g.UserID, g.Plan, until, g.GrantedBy, g.Note, g.CreatedAt.Format(layout))
	if err != nil {
		t.Fatal(err)
	}
}
