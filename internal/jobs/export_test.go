package jobs

// NextRetry is when a job that failed is tried again.
var NextRetry = backoff{}.NextRetry
