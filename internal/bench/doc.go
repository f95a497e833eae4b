// Package bench measures the real binary, as one who runs it would, each time
// beside what it is to be compared with, in one run on one machine: two figures
// that were taken apart say little.
//
// Its benchmarks take seconds to minutes each and are run by make bench
// PKG=./internal/bench. The database is a cluster of its own with PostgreSQL's
// defaults, which flushes what it commits, or a file of SQLite. The load comes
// from this process, whose own time on the processor is among the figures, as
// are the server's and the database's: all three share the machine.
package bench
