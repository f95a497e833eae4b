package stripe

import (
	"context"
	"time"
)

// retryPolicy repeats calls that may do better the next time. The SDK's own
// repetition is off: it does not repeat what Stripe answers in JSON, and its
// waits do not end with the context.
type retryPolicy struct {
	attempts int
	timeout  time.Duration // of each try
	budget   time.Duration // since the first try, in which another may begin
	sleep    func(ctx context.Context, d time.Duration) error
	random   func() float64
	now      func() time.Time
}

// The waits between tries: each twice the one before, less up to half by
// chance, so that clients that failed together do not return together.
const (
	firstWait   = 500 * time.Millisecond
	longestWait = 5 * time.Second
)

// do tries until it succeeds, fails for good, or has used up its tries or time.
// Each try waits for its turn first.
func (p retryPolicy) do(ctx context.Context, turn func(context.Context) error, try func(ctx context.Context, attempt int) error) error {
	began := p.now()
	for attempt := 1; ; attempt++ {
		if err := turn(ctx); err != nil {
			return err
		}
		err := p.once(ctx, attempt, try)
		if err == nil || attempt >= p.attempts || ctx.Err() != nil || !repeatable(err) {
			return err
		}
		wait := p.wait(attempt)
		if p.now().Add(wait).Sub(began) > p.budget {
			return err
		}
		if p.sleep(ctx, wait) != nil {
			return err
		}
	}
}

func (p retryPolicy) once(ctx context.Context, attempt int, try func(ctx context.Context, attempt int) error) error {
	ctx, cancel := context.WithTimeout(ctx, p.timeout)
	defer cancel()
	return try(ctx, attempt)
}

// wait is the pause after that many tries.
func (p retryPolicy) wait(attempt int) time.Duration {
	wait := min(firstWait<<min(attempt-1, 10), longestWait)
	return wait - time.Duration(p.random()*float64(wait/2))
}
