package payments

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// EventPoll is how far Stripe's list of events was read, and how far the work
// has come that such a read may call for.
type EventPoll struct {
	// Runs counts the runs that were noted.
	Runs int64
	// Head was the newest event of the list at HeadAt, Anchor one that was so
	// before. The next poll lists what comes after Anchor: events become
	// visible late and out of order, within seconds, so what was listed lately
	// is listed again. Empty: from the oldest.
	Anchor, Head string
	HeadAt       time.Time
	// Next is the event after which a poll goes on that was not read to the
	// end; empty: it was.
	Next string
	// Reached is when the newest event that was read was made, by Stripe's clock.
	// Customers of a test clock are ahead of it.
	Reached time.Time
	// PolledAt is when the list was last read to its end.
	PolledAt time.Time
	// Reread: events may have been missed for good, so every known customer is
	// read from Stripe; RereadAfter is the last one that was asked for.
	Reread      bool
	RereadAfter string
	// OverdueAt is when subscriptions whose period is over were last asked for.
	OverdueAt time.Time
}

const (
	// pollPages bounds the pages that one run reads; where more follow, the
	// next run goes on at once.
	pollPages = 20
	// pollOverlap is how long what was listed is listed again. Events become
	// visible within seconds.
	pollOverlap = 3 * time.Minute
	// eventMemory is how long Stripe surely keeps events: 30 days, less one.
	// What a longer gap hides is found by reading the objects.
	eventMemory = 29 * 24 * time.Hour
	// pollNote bounds the note of how far a run came, which is made even when
	// the run was ended.
	pollNote = 5 * time.Second
)

// pollEvents reads Stripe's list of events from where it was read to before,
// and receives those that are not stored. Then it goes on with the work that
// such a read may call for. How far it came is noted only after all that was
// listed is stored, also when a run fails on its way.
func (s *Service) pollEvents(ctx context.Context) error {
	before, err := s.eventPoll(ctx)
	if err != nil {
		return fmt.Errorf("look up how far events were polled: %w", err)
	}
	poll := before
	err = s.runPoll(ctx, &poll)
	if poll != before {
		noting, cancel := context.WithTimeout(context.WithoutCancel(ctx), pollNote)
		defer cancel()
		if failed := s.notePoll(noting, poll); failed != nil {
			return errors.Join(err, fmt.Errorf("note how far events were polled: %w", failed))
		}
	}
	switch {
	case err != nil:
		return fmt.Errorf("poll Stripe's events: %w", err)
	case poll.Next != "":
		return &SnoozeError{}
	}
	return nil
}

// eventPoll is how far events were polled; the zero value before the first time.
func (s *Service) eventPoll(ctx context.Context) (poll EventPoll, err error) {
	err = s.store.View(ctx, func(tx Tx) error {
		poll, err = tx.EventPoll(ctx)
		if isNotFound(err) {
			poll, err = EventPoll{}, nil
		}
		return err
	})
	return poll, err
}

// notePoll stores how far a run came, unless another one, of another process,
// did so meanwhile: what this one adds is listed again.
func (s *Service) notePoll(ctx context.Context, poll EventPoll) error {
	return s.store.Update(ctx, func(tx Tx) error {
		current, err := tx.EventPoll(ctx)
		if err != nil && !isNotFound(err) || current.Runs != poll.Runs {
			return err
		}
		next := poll
		next.Runs++
		return tx.PutEventPoll(ctx, next)
	})
}

// runPoll is one run. It brings poll up to date as it goes.
func (s *Service) runPoll(ctx context.Context, poll *EventPoll) error {
	run := pollRun{Service: s, EventPoll: poll}
	if err := run.events(ctx); err != nil || poll.Next != "" {
		return err
	}
	if !s.pollOnly {
		if err := run.undelivered(ctx); err != nil {
			return err
		}
		s.watchWebhooks(ctx, run.found, run.heard)
	}
	poll.PolledAt = s.now()
	return errors.Join(run.rereadCustomers(ctx), run.rereadOverdue(ctx))
}
