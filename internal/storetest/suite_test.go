package storetest_test

import (
	"sync"
	"testing"

	"github.com/numerai-app/payments"
	"github.com/numerai-app/payments/internal/storetest"
)

func TestSQLite(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T) payments.Store { return storetest.SQLite(t) })
}

func TestPostgres(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T) payments.Store { return storetest.Postgres(t) })
}

// TestEmpty runs the suite on one database, emptied before each check, which
// finds nothing of what the others left.
func TestEmpty(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s payments.Store) {
		var turn sync.Mutex
		storetest.Run(t, func(t *testing.T) payments.Store {
			turn.Lock()
			t.Cleanup(turn.Unlock)
			storetest.Empty(t, s)
			return s
		})
	})
}
