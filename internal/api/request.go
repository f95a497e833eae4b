package api

import (
	"cmp"
	"net/http"
	"strings"
	"time"
)

// Request is a request that was answered, as it is told to those who count:
// nothing in it is the caller's choice, so there are few of a kind.
type Request struct {
	// Route is the pattern of the path below Prefix, such as
	// admin/endpoints/{id}; "other" where there is nothing at the path.
	Route string
	// Method is the one that the route takes; "other" as above.
	Method string
	Status int
	Took   time.Duration
}

// request is what was answered in that time.
func (w *statusWriter) request(took time.Duration) Request {
	r := Request{Route: "other", Method: "other", Status: cmp.Or(w.code, http.StatusOK), Took: took}
	if method, path, ok := strings.Cut(w.pattern, " "); ok {
		r.Method, r.Route = method, strings.TrimPrefix(strings.TrimPrefix(path, Prefix), "/")
	}
	return r
}
