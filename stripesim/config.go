package stripesim

import (
	"io"
	"log/slog"
	"net/http"
	"time"
)

// APIVersion is the version of Stripe's API in which answers are given,
// whichever the Stripe-Version header of a request names.
const APIVersion = "2026-03-25.dahlia"

// Config is what a simulator may be told. The zero value is one in memory, at
// real time, that accepts any test key.
type Config struct {
	// Dir is the folder where the state is kept; it is made where it is
	// missing. Empty: in memory only. Two simulators must not share one.
	Dir string
	// Now is real time, to which the simulator's clock adds its own offset.
	// Default: time.Now.
	Now func() time.Time
	// Seed makes a run repeat: the same calls in the same order get the same
	// ids and secrets, and meet the same trouble. Of calls at the same time,
	// each of one idempotency key, or the n-th of one operation, meets the same
	// trouble. Zero: each run is another.
	Seed uint64
	// Random is where ids and secrets come from. Default: Seed.
	Random io.Reader
	// Trouble is trouble that comes by chance, from the start on.
	Trouble Trouble
	// RateLimit is how many requests a second each key may make; those beyond
	// are answered 429, as Stripe does. Zero: any number.
	RateLimit int
	// Logger is told of failed deliveries and of trouble with the folder.
	// Default: nobody is.
	Logger *slog.Logger
	// HTTPClient delivers webhooks; redirects are never followed. Default: one
	// with a timeout of 10 seconds.
	HTTPClient *http.Client
	// SecretKey is the only secret key that is accepted. Empty: every key that
	// begins with sk_test_ or rk_test_ is.
	SecretKey string
	// RetrySchedule is how long after each failed delivery of an event the next
	// one follows, in real time; after the last the event is given up. Default:
	// 1, 5 and 30 seconds, 5 minutes, 1 hour.
	RetrySchedule []time.Duration
	// PaymentRetries is how long after each failed payment of a renewal the
	// next one follows, in the simulator's time. Default: 3, 5 and 7 days.
	PaymentRetries []time.Duration
	// FinalAction is what becomes of a subscription whose renewal was not paid
	// after the last retry: cancel, unpaid or past_due. Default: cancel.
	FinalAction string
	// DueWarning is how long before its due date an invoice that was sent is
	// announced to be due. Default: 3 days. Negative: never.
	DueWarning time.Duration
	// UpcomingNotice is how long before the end of a period its invoice is
	// announced, if the period is longer than that. Default: 7 days. Negative:
	// never.
	UpcomingNotice time.Duration
}

const deliverTime = 10 * time.Second

func withDefaults(c Config) Config {
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	client := http.Client{Timeout: deliverTime}
	if c.HTTPClient != nil {
		client = *c.HTTPClient
	}
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	c.HTTPClient = &client
	if c.RetrySchedule == nil {
		c.RetrySchedule = []time.Duration{time.Second, 5 * time.Second, 30 * time.Second, 5 * time.Minute, time.Hour}
	}
	if c.PaymentRetries == nil {
		const day = 24 * time.Hour
		c.PaymentRetries = []time.Duration{3 * day, 5 * day, 7 * day}
	}
	if c.DueWarning == 0 {
		const day = 24 * time.Hour
		c.DueWarning = 3 * day
	}
	if c.UpcomingNotice == 0 {
		const week = 7 * 24 * time.Hour
		c.UpcomingNotice = week
	}
	if c.FinalAction == "" {
		c.FinalAction = "cancel"
	}
	return c
}
