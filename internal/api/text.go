package api

import (
	"net/http"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/numerai-app/payments"
)

// isText says whether a database takes this for a text: PostgreSQL refuses a
// NUL and broken UTF-8, and nothing is called so.
func isText(s string) bool { return utf8.ValidString(s) && !strings.ContainsRune(s, 0) }

// checkQuery refuses a query with a value that is no text.
func checkQuery(r *http.Request) *problem {
	p := newProblem(http.StatusBadRequest, payments.CodeInvalidRequest, "The query is not valid.")
	for name, values := range r.URL.Query() {
		if !isText(name) || !slices.ContainsFunc(values, func(value string) bool { return !isText(value) }) {
			continue // nothing reads what has no such name
		}
		p.Errors = append(p.Errors, payments.FieldError{Field: name, Message: "This is not text."})
	}
	if len(p.Errors) == 0 {
		return nil
	}
	return p
}
