package storetest_test

import (
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
