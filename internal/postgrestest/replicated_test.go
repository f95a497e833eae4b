package postgrestest_test

import (
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/numerai-app/payments/internal/postgrestest"
)

// What was committed before each failover is there after it.
func TestPairFailsOver(t *testing.T) {
	t.Parallel()
	pair := postgrestest.Replicated(t)
	execute(t, connect(t, pair.URL()), "CREATE TABLE failovers (n bigint)")
	for n := range 3 {
		conn := connect(t, pair.URL())
		execute(t, conn, "INSERT INTO failovers SELECT count(*) FROM failovers")
		if err := conn.Close(t.Context()); err != nil {
			t.Error(err)
		}
		if err := pair.FailOver(); err != nil {
			t.Fatal(err)
		}
		rows, err := connect(t, pair.URL()).Query(t.Context(), "SELECT n FROM failovers")
		if err != nil {
			t.Fatal(err)
		}
		if there, err := pgx.CollectRows(rows, pgx.RowTo[int64]); err != nil || len(there) != n+1 {
			t.Errorf("%v, %v after %d failovers", there, err, n+1)
		}
	}
}
