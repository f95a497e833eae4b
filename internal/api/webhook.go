package api

import (
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/numerai-app/payments"
)

// webhookRetry is when Stripe is told to come back; it has a schedule of its own.
const webhookRetry = 5 * time.Second

// webhook takes Stripe's events. 200 means that the event is on disk.
func (s *server) webhook(w http.ResponseWriter, r *http.Request) {
	body, p := readBody(w, r, payments.MaxEventSize, "An event has 1 MiB at most.")
	if p != nil {
		writeProblem(w, r, p)
		return
	}
	err := s.Service.ReceiveEvent(r.Context(), body, r.Header.Get("Stripe-Signature"))
	switch {
	case err == nil:
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"received":true}`+"\n")
	case errors.Is(err, payments.ErrInvalid):
		s.Logger.WarnContext(r.Context(), "an event was refused", "error", err, "request_id", requestID(r.Context()))
		writeProblem(w, r, problemOf(err))
	default:
		s.fail(r.Context(), err)
		writeProblem(w, r, problemOf(&payments.Error{
			Kind: payments.ErrUnavailable, Code: payments.CodeInternal, RetryAfter: webhookRetry,
			Message: "The event could not be stored. Please send it again.",
		}))
	}
}
