package payments

import "time"

// How often work that failed is tried again, and when. Deliveries to the host
// have a longer patience of their own, which their rows keep (delivery.go).

const (
	// MaxAttempts is how often a job is tried before it is given up. With the
	// pauses between them that takes a little more than an hour. An event had
	// one more try before, when it came.
	MaxAttempts = 12
	// SpareAttempts are those that a queue grants beyond them, to a job whose
	// last try never came to its end: its process died, or it panicked. They are
	// there to give it up.
	SpareAttempts = 3
	// The pauses between two tries double from the one to the other.
	minRetryPause = 2 * time.Second
	maxRetryPause = time.Hour
)

// Attempt is one try at a job.
type Attempt struct {
	Number int  // from 1; beyond MaxAttempts the last one did not come to its end
	Last   bool // no further try follows a failure
}

// RetryPause is the time to wait after that many failures of a job: 2 seconds
// after the first, then twice as long each time up to an hour, give or take a
// quarter, so that jobs which failed together do not come back together. chance
// is from 0 to 1 and says how much is given or taken.
func RetryPause(failures int, chance float64) time.Duration {
	base := maxRetryPause
	if doublings := failures - 1; doublings < 20 { // more would overflow, and is past the hour anyway
		base = min(minRetryPause<<max(doublings, 0), maxRetryPause)
	}
	return min(time.Duration(float64(base)*(0.75+chance/2)), maxRetryPause)
}

// firstRetryPause is the time to wait before an event that could not be applied
// when it came gets its job.
func firstRetryPause(eventID string) time.Duration {
	return spread(RetryPause(1, 0), RetryPause(1, 1), eventID)
}
