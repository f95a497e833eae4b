package payments

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"
)

// Config is what a [Service] is made of.
type Config struct {
	// Store keeps the state. Required.
	Store Store
	// Stripe is the way to Stripe. Required.
	Stripe Stripe
	// Background is the way to Stripe for reads that nobody waits for, which
	// may have to wait for those of Stripe. Default: Stripe.
	Background Stripe
	// PollOnly says that no webhook comes: Stripe's events are polled only.
	PollOnly bool
	// Messenger brings outbound events to the host's endpoints. Default: none;
	// they are stored and wait for a service that has one.
	Messenger Messenger
	// Plans is the catalog. Required: without plans nobody can subscribe.
	Plans Plans
	// GracePeriod is how long past_due keeps premium after the first failed
	// payment. Zero: not at all.
	GracePeriod time.Duration
	// EventRetention is how long payloads are kept of events that are processed
	// or ignored, from when they were received. Zero: for ever. The events
	// themselves always are.
	EventRetention time.Duration
	// Now is the clock by which access is decided and rows are stamped.
	// Default: time.Now.
	Now func() time.Time
	// NewID makes ids. Default: a UUIDv7 in base32 behind the prefix.
	NewID func(prefix string) string
	// Logger is told what people should know. Default: nobody is.
	Logger *slog.Logger
	// Observer is told what happens, to count it. Default: nobody is.
	Observer Observer
}

// Service does everything that the HTTP API and the command line offer. It is
// safe for concurrent use.
type Service struct {
	*Administration

	stripe     Stripe
	background Stripe
	pollOnly   bool
	messenger  Messenger
	rule       Rule
	retention  time.Duration
	observer   Observer

	intake intake
	lines  lines
	prices priceCache
	watch  webhookWatch
}

// New makes a service. It does not start anything.
func New(c Config) (*Service, error) {
	var missing []error
	if c.Store == nil {
		missing = append(missing, errors.New("no Store"))
	}
	if c.Stripe == nil {
		missing = append(missing, errors.New("no Stripe"))
	}
	if len(c.Plans.list) == 0 {
		missing = append(missing, errors.New("no Plans"))
	}
	if c.GracePeriod < 0 {
		missing = append(missing, errors.New("a negative GracePeriod"))
	}
	if c.EventRetention < 0 {
		missing = append(missing, errors.New("a negative EventRetention"))
	}
	if len(missing) > 0 {
		return nil, fmt.Errorf("payments: configuration with %w", errors.Join(missing...))
	}
	if c.Background == nil {
		c.Background = c.Stripe
	}
	if c.Observer == nil {
		c.Observer = nobody{}
	}
	s := &Service{
		Administration: NewAdministration(c),
		stripe:         c.Stripe,
		background:     c.Background,
		pollOnly:       c.PollOnly,
		messenger:      c.Messenger,
		rule:           Rule{Plans: c.Plans, GracePeriod: c.GracePeriod},
		retention:      c.EventRetention,
		observer:       c.Observer,
	}
	s.intake.write = s.writeEvents
	return s, nil
}

// priceCache keeps what the plans cost, so that Stripe is asked once an hour.
type priceCache struct {
	mu     sync.Mutex
	prices map[string]Price
	readAt time.Time
}

// priceFreshness is how long prices are believed; while Stripe does not
// answer, older ones still serve.
const priceFreshness = time.Hour

// priceRetry is when prices that could not be read are tried again.
const priceRetry = time.Minute

// PricedPlan is a plan with what its prices cost.
type PricedPlan struct {
	Plan
	Prices []Price
}

// PricedPlans lists the plans by rank with their prices, as Stripe has them.
// ErrUnavailable: Stripe was never reached.
func (s *Service) PricedPlans(ctx context.Context) ([]PricedPlan, error) {
	prices, err := s.currentPrices(ctx)
	if err != nil {
		return nil, err
	}
	var list []PricedPlan
	for _, plan := range s.rule.Plans.All() {
		priced := PricedPlan{Plan: plan, Prices: []Price{}}
		for _, id := range plan.Prices {
			if price, ok := prices[id]; ok {
				priced.Prices = append(priced.Prices, price)
			}
		}
		list = append(list, priced)
	}
	return list, nil
}

func (s *Service) currentPrices(ctx context.Context) (map[string]Price, error) {
	s.prices.mu.Lock()
	defer s.prices.mu.Unlock()
	if s.prices.prices != nil && s.now().Sub(s.prices.readAt) < priceFreshness {
		return s.prices.prices, nil
	}
	var ids []string
	for _, plan := range s.rule.Plans.All() {
		ids = append(ids, plan.Prices...)
	}
	list, err := s.stripe.Prices(ctx, ids)
	if err != nil {
		if s.prices.prices != nil {
			s.log.WarnContext(ctx, "prices could not be read again; the last known ones serve", "error", err)
			s.prices.readAt = s.now().Add(priceRetry - priceFreshness)
			return s.prices.prices, nil
		}
		return nil, fmt.Errorf("read the prices: %w", err)
	}
	byID := make(map[string]Price, len(list))
	for _, price := range list {
		byID[price.ID] = price
	}
	s.prices.prices, s.prices.readAt = byID, s.now()
	return byID, nil
}

func isNotFound(err error) bool { return errors.Is(err, ErrNotFound) }
