package stripe

import (
	"context"
	"math"

	"golang.org/x/time/rate"
)

// How many calls a second are made in either mode, where nothing else is said:
// well below the 25 and 100 from which on Stripe refuses, so that requests of
// users and other programs of the account have room.
const (
	defaultTestRate = 15
	defaultLiveRate = 60
)

// newPace is the token bucket of a process's calls. It holds a quarter of a
// second's, so that no second has many more than the rate.
func newPace(perSecond float64) *rate.Limiter {
	return rate.NewLimiter(rate.Limit(perSecond), max(1, int(math.Ceil(perSecond/4))))
}

// Patient is the same client for reads that nobody waits for: they keep to the
// rate, and let the calls of the client that it is made from go first.
func (c *Client) Patient() *Client {
	patient := *c
	patient.patient = true
	return &patient
}

// Waiting is how many calls wait for their turn, of this client and of those
// that share its rate.
func (c *Client) Waiting() int { return int(c.waiting.Load()) }

// turn takes a token before each try of a call. Someone waits for a call of a
// client that is not patient, so it takes one that is not there yet, and the
// patient ones wait the longer.
func (c *Client) turn(ctx context.Context) error {
	now := c.now()
	token := c.pace.ReserveN(now, 1)
	wait := token.DelayFrom(now)
	if !c.patient || wait <= 0 {
		return nil
	}
	c.waiting.Add(1)
	defer c.waiting.Add(-1)
	err := c.retry.sleep(ctx, wait)
	if err != nil {
		token.CancelAt(now)
	}
	return err
}
