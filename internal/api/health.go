package api

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"github.com/numerai-app/payments"
)

// readyTime is how long the database may take to say that it is there.
const readyTime = 2 * time.Second

// health is the answer to /healthz and /readyz.
type health struct {
	Status    string            `json:"status"`
	Checks    map[string]string `json:"checks,omitempty"`
	Freshness *freshness        `json:"freshness,omitempty"`
}

// freshness says how far the service knows what happened at Stripe.
type freshness struct {
	PolledAt *time.Time `json:"polled_at"` // null: not yet
	Reached  *time.Time `json:"reached"`   // null: there was no event
}

// HealthHandler answers /healthz (the process lives) and /readyz (its database
// answers and, where no webhook comes, Stripe's events were polled lately).
// With webhooks a poll that is late does no harm, and is only told.
func HealthHandler(service *payments.Service) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer := health{Status: "ok"}
		code := http.StatusOK
		if strings.HasSuffix(r.URL.Path, "readyz") {
			ctx, cancel := context.WithTimeout(r.Context(), readyTime)
			defer cancel()
			if answer = readiness(ctx, service); answer.Status != "ok" {
				code = http.StatusServiceUnavailable
				w.Header().Set("Retry-After", "5")
			}
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(code)
		_ = json.NewEncoder(w).Encode(answer)
	})
}

func readiness(ctx context.Context, service *payments.Service) health {
	answer := health{Status: "ok", Checks: map[string]string{"database": "ok", "events": "ok"}}
	known, err := service.Freshness(ctx)
	if err == nil {
		err = service.Ready(ctx)
	}
	if err != nil {
		return health{Status: "unavailable", Checks: map[string]string{"database": "does not answer"}}
	}
	if known.Stale {
		answer.Status, answer.Checks["events"] = "unavailable", "were not polled lately"
	}
	answer.Freshness = &freshness{PolledAt: momentOrNil(known.PolledAt), Reached: momentOrNil(known.Reached)}
	return answer
}

func momentOrNil(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}
