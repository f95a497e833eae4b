package queries

import "strings"

// The beginnings of queries that read whole rows, up to the table's name: for
// questions that cannot be written in the .sql files, since only one of the two
// databases understands them. The columns are named, as sqlc does it: a table of
// the next version may have more.
var (
	SelectEndpoints     = selectOf(endpoints)
	SelectEvents        = selectOf(event)
	SelectGrants        = selectOf(grantsOf)
	SelectObjects       = selectOf(object)
	SelectPayments      = selectOf(payment)
	SelectRefreshes     = selectOf(refresh)
	SelectSubscriptions = selectOf(subscription)
	SelectUsers         = selectOf(customer)
)

// selectOf is a query without its name and its conditions.
func selectOf(query string) string {
	_, query, _ = strings.Cut(query, "\n")
	columns, rest, _ := strings.Cut(query, " FROM ")
	table, _, _ := strings.Cut(strings.TrimSpace(rest), " ")
	return columns + " FROM " + strings.TrimSpace(table)
}
