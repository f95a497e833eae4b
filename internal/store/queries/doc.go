// Package queries is the one set of SQL queries of the store, in the .sql files
// beside this one, and the Go code that sqlc makes of them. It is written in
// PostgreSQL's dialect as far as SQLite understands it too; package store runs
// it on both.
package queries
