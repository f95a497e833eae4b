package store

import (
	"context"
	"database/sql"
	"errors"
	"io"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/numerai-app/payments"
)

// PostgreSQL's codes of errors that we act upon.
const (
	codeSerializationFailure = "40001"
	codeDeadlock             = "40P01"
	codeIdleTimeout          = "25P03" // of a transaction, whose end had not come
	codeUniqueViolation      = "23505"
)

// retryAfter is what callers are told to wait while the database is away.
const retryAfter = 5 * time.Second

// translate turns an engine's error into the domain's where there is one for
// it. The engine's own words stay in Err, which is logged and never shown.
func translate(err error) error {
	var known *payments.Error
	switch {
	case err == nil, errors.As(err, &known), errors.Is(err, context.Canceled):
		return err
	case isUniqueViolation(err):
		return &payments.Error{
			Kind: payments.ErrConflict, Code: payments.CodeInProgress, Err: err,
			Message: "Another request changed the same thing. Please try again.",
		}
	case isUnavailable(err), isUndone(err):
		return unavailable(err)
	}
	return err
}

// unavailable is the error of a database that does not answer.
func unavailable(cause error) error {
	return &payments.Error{
		Kind: payments.ErrUnavailable, Code: payments.CodeInternal, RetryAfter: retryAfter, Err: cause,
		Message: "The database does not answer just now. Please try again shortly.",
	}
}

// isUndone says whether PostgreSQL undid the transaction for the sake of others
// that came in between or waited, so that the same work may succeed if it is
// done again.
func isUndone(err error) bool {
	var failure *pgconn.PgError
	return errors.As(err, &failure) && slices.Contains([]string{codeSerializationFailure, codeDeadlock, codeIdleTimeout}, failure.Code)
}

func isUniqueViolation(err error) bool {
	var postgres *pgconn.PgError
	if errors.As(err, &postgres) {
		return postgres.Code == codeUniqueViolation
	}
	var lite *sqlite.Error
	return errors.As(err, &lite) &&
		(lite.Code() == sqlite3.SQLITE_CONSTRAINT_UNIQUE || lite.Code() == sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY)
}

// isUnavailable says whether the trouble is with the database rather than with
// what was asked of it.
func isUnavailable(err error) bool {
	var connect *pgconn.ConnectError
	if errors.As(err, &connect) {
		return true // whatever the reason that the server gave
	}
	var postgres *pgconn.PgError
	if errors.As(err, &postgres) {
		// Connection exceptions, insufficient resources, operator intervention
		// (shutdown, crash, not ready yet) and system errors.
		return len(postgres.Code) == 5 && strings.Contains("08 53 57 58", postgres.Code[:2])
	}
	var lite *sqlite.Error
	if errors.As(err, &lite) {
		switch lite.Code() & 0xff { // the primary code
		case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_FULL, sqlite3.SQLITE_CANTOPEN:
			return true
		}
		return false
	}
	var network net.Error
	return errors.As(err, &network) || pgconn.SafeToRetry(err) || pgconn.Timeout(err) ||
		errors.Is(err, context.DeadlineExceeded) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, net.ErrClosed) || errors.Is(err, sql.ErrConnDone)
}
