package jobs

// Pause lets the test look at the backoff.
var Pause = pause
