package payments

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"
)

// pollRun is one run of the poll. It brings the EventPoll up to date as it goes.
type pollRun struct {
	*Service
	*EventPoll
	found int       // events that no webhook had brought
	heard time.Time // when a webhook last brought one of those that were listed
}

// events reads the list on from where it was read to. Where that was too long
// ago, or is not in the list any more, it begins with the oldest, and events
// may be missed for good. On a quiet account the newest event grows old by
// itself: then nothing was missed.
func (r *pollRun) events(ctx context.Context) error {
	missed := r.now().Sub(r.HeadAt) > eventMemory // as before the first time
	if missed || r.Anchor == "" {
		return r.anew(ctx, missed)
	}
	err := r.after(ctx, firstOf(r.Next, r.Anchor))
	if isNotFound(err) {
		return r.anew(ctx, r.now().Sub(r.Reached) < eventMemory)
	}
	return err
}

// anew begins with the oldest events that Stripe has.
func (r *pollRun) anew(ctx context.Context, missed bool) error {
	page, err := r.background.OldestEvents(ctx)
	if err != nil {
		return err
	}
	if missed {
		r.Reread, r.RereadAfter = true, ""
	}
	r.Anchor, r.Head, r.HeadAt, r.Next = "", "", r.now(), ""
	if err := r.receiveAll(ctx, page.Events); err != nil || page.Last == "" {
		return err
	}
	r.Anchor, r.Head = page.Last, page.Last
	return r.after(ctx, page.Last)
}

// after receives what follows an event in the list, as much as one run takes.
func (r *pollRun) after(ctx context.Context, id string) error {
	more := true
	for pages := 0; more && pages < pollPages; pages++ {
		page, err := r.background.EventsAfter(ctx, id)
		if err == nil {
			err = r.receiveAll(ctx, page.Events)
		}
		if err != nil {
			return err
		}
		if page.Last != "" {
			id = page.Last
		}
		if more = page.More; more {
			r.pass(id, page.Events)
		}
	}
	if !more {
		r.arrive(id)
	}
	return nil
}

// pass notes a place in the list at which a poll may go on. The next one begins
// there only if nothing before it can become visible any more, so that it does
// not list a long backlog again.
func (r *pollRun) pass(id string, events []Event) {
	now := r.now()
	r.Next = id
	if len(events) > 0 && now.Sub(events[len(events)-1].Created) >= pollOverlap {
		r.Anchor, r.Head, r.HeadAt = id, id, now
	}
}

// arrive notes the end of the list.
func (r *pollRun) arrive(id string) {
	now := r.now()
	r.Next = ""
	if now.Sub(r.HeadAt) >= pollOverlap {
		r.Anchor, r.Head, r.HeadAt = r.Head, id, now
	}
}

// undelivered receives what Stripe says that it could not deliver: it may be
// older than where the list is read from.
func (r *pollRun) undelivered(ctx context.Context) error {
	events, err := r.background.UndeliveredEvents(ctx)
	if err != nil {
		return err
	}
	return r.receiveAll(ctx, events)
}

// receiveAll receives those of some events that are not stored yet.
func (r *pollRun) receiveAll(ctx context.Context, events []Event) error {
	missing, err := r.missing(ctx, events)
	if err != nil {
		return err
	}
	for together := range slices.Chunk(missing, maxBatchEvents) {
		if err := r.receiveTogether(ctx, together); err != nil {
			return err
		}
	}
	r.found += len(missing)
	for _, event := range events {
		r.Reached = latest(r.Reached, event.Created)
	}
	return nil
}

// receiveTogether receives events side by side, so that they are committed
// together. The order among them decides nothing.
func (r *pollRun) receiveTogether(ctx context.Context, events []Event) error {
	faults := make([]error, len(events))
	var group sync.WaitGroup
	for i, event := range events {
		event.Source = SourcePoll
		group.Go(func() {
			if err := r.receive(ctx, event); err != nil {
				faults[i] = fmt.Errorf("receive event %s: %w", event.ID, err)
			}
		})
	}
	group.Wait()
	return errors.Join(faults...)
}

// missing are those of some events that are not stored.
func (r *pollRun) missing(ctx context.Context, events []Event) (missing []Event, err error) {
	err = r.store.View(ctx, func(tx Tx) error {
		for _, event := range events {
			known, err := tx.Event(ctx, event.ID)
			switch {
			case isNotFound(err):
				missing = append(missing, event)
			case err != nil:
				return err
			case known.Source == SourceWebhook:
				r.heard = latest(r.heard, known.ReceivedAt)
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("look which events are missing: %w", err)
	}
	return missing, nil
}

func latest(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
