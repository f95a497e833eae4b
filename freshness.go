package payments

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// Freshness is how far the service knows what happened at Stripe.
type Freshness struct {
	// PolledAt is when Stripe's list of events was last read to its end; zero: never.
	PolledAt time.Time
	// Reached is when the newest event in it was made, by Stripe's clock; zero:
	// there was none.
	Reached time.Time
	// Stale says that no webhook comes and that the last poll was too long ago
	// for answers to be relied upon.
	Stale bool
}

// staleAfter is how old the last poll may be where nothing else brings news.
const staleAfter = 5 * time.Minute

// Freshness says how far the service knows what happened at Stripe.
func (s *Service) Freshness(ctx context.Context) (Freshness, error) {
	poll, err := s.eventPoll(ctx)
	if err != nil {
		return Freshness{}, fmt.Errorf("look up how far events were polled: %w", err)
	}
	return Freshness{
		PolledAt: poll.PolledAt, Reached: poll.Reached,
		Stale: s.pollOnly && s.now().Sub(poll.PolledAt) > staleAfter,
	}, nil
}

const (
	// webhookSilence is how long events may be found by polling alone before
	// something must be wrong with the webhooks.
	webhookSilence = 15 * time.Minute
	// webhookWarning is the time between two warnings of it.
	webhookWarning = time.Hour
)

// webhookWatch notes whether webhooks bring anything.
type webhookWatch struct {
	mu sync.Mutex
	// since is when the poll first found an event that no webhook brought, with
	// no other brought by one since; zero: there is none.
	since    time.Time
	warnedAt time.Time
}

// watchWebhooks takes what a poll saw, how many events no webhook had brought
// and when one last did, and warns when webhooks have been silent for long.
func (s *Service) watchWebhooks(ctx context.Context, found int, heard time.Time) {
	s.watch.mu.Lock()
	defer s.watch.mu.Unlock()
	now, since := s.now(), s.watch.since
	if !since.IsZero() && !heard.Before(since) {
		s.watch.since = time.Time{}
		return
	}
	if found == 0 {
		return
	}
	if since.IsZero() {
		s.watch.since = now
		return
	}
	if now.Sub(since) < webhookSilence || now.Sub(s.watch.warnedAt) < webhookWarning {
		return
	}
	s.watch.warnedAt = now
	s.log.WarnContext(ctx, "Stripe has events, but no webhook has brought one for a while; polling finds them late. "+
		"The webhook endpoint may be unreachable, disabled or deleted, or sign with another secret: look at its deliveries "+
		"in the Stripe Dashboard under Developers, Webhooks, and compare its address and its signing secret",
		"since", since, "found", found)
}
