package jobs

import (
	"context"

	"github.com/riverqueue/river"

	"github.com/numerai-app/payments"
)

// NextRetry is when a job that failed is tried again.
var NextRetry = backoff{}.NextRetry

// WorkRetryEvent does a job as River would have it done.
func WorkRetryEvent(ctx context.Context, service Service, job *river.Job[payments.RetryEvent]) error {
	return (&worker[payments.RetryEvent]{service: service}).Work(ctx, job)
}
