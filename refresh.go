package payments

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// What reads from Stripe are for. A wish that is for one thing alone is
// withdrawn when that comes by itself.
const (
	wishTie             = "two snapshots of one moment"
	wishOwner           = "whose it is"
	wishInvoiceOfIntent = "which invoice it pays"
	wishInvoice         = "an invoice not heard of"
	wishSubscription    = "a subscription not heard of"
	wishReversals       = "refunds or disputes not heard of"
	wishOpenInvoice     = "whether it is still open"
	wishCustomerDeleted = "its customer was deleted"
	wishMapped          = "its price has a plan now"
	wishMissed          = "events may have been missed"
	wishOverdue         = "its period is over"
	wishPruned          = "an event whose payload was pruned"
	wishSeveral         = "several things"
)

const (
	// requeueAfter is when the sweep asks again for a read whose job it has
	// not seen the end of. It is longer than a job's longest backoff.
	requeueAfter = 2 * maxRetryPause
	// rereadAfter is the pause before a read is repeated that was not newer
	// than what it had to decide: Stripe's clock has whole seconds.
	rereadAfter = 2 * time.Second
	// restAfterFailure is when a read is tried anew that failed in many tries.
	// What it would tell no event may tell again, so it is never dropped.
	restAfterFailure = 6 * time.Hour
)

// wish asks for an object to be read from Stripe, after some patience. However
// many wish for the same object, it is read once.
func (s *Service) wish(ctx context.Context, tx Tx, wish Refresh, patience time.Duration) error {
	now := s.now()
	wish.Wishes, wish.DueAt = 1, now.Add(patience)
	standing, err := tx.Refresh(ctx, wish.ID)
	switch {
	case err == nil:
		wish.Wishes = standing.Wishes + 1
		if standing.NewerThan.After(wish.NewerThan) {
			wish.NewerThan = standing.NewerThan
		}
		if standing.Reason != wish.Reason {
			wish.Reason = wishSeveral
		}
		if standing.Queued || standing.DueAt.Before(wish.DueAt) {
			wish.DueAt, wish.Queued = standing.DueAt, standing.Queued
		}
	case !isNotFound(err):
		return err
	}
	if !wish.Queued && patience == 0 {
		return s.queue(ctx, tx, wish)
	}
	return tx.PutRefresh(ctx, wish)
}

// queue stores a wish together with the job that fulfils it.
func (s *Service) queue(ctx context.Context, tx Tx, wish Refresh) error {
	wish.Queued, wish.DueAt = true, s.now().Add(requeueAfter)
	if err := tx.PutRefresh(ctx, wish); err != nil {
		return err
	}
	return tx.Enqueue(ctx, RefreshObject{ObjectID: wish.ID}, 0)
}

// wishWhile keeps a wish standing while it is needed, and withdraws it when it
// is not any more. A standing wish for the same reason is left as it is, unless
// it rests after failures.
func (a *application) wishWhile(ctx context.Context, needed bool, wish Refresh, patience time.Duration) error {
	if !needed {
		return a.tx.CancelRefresh(ctx, wish.ID, wish.Reason)
	}
	if a.news.Read && a.news.Objects[0].Ref() == wish.Ref {
		return nil // just read: Stripe says no more than that
	}
	standing, err := a.tx.Refresh(ctx, wish.ID)
	switch {
	case err == nil && !standing.Queued && (standing.Reason == wish.Reason || standing.Reason == wishSeveral) &&
		!standing.DueAt.After(a.now().Add(patience)):
		return nil // a wish for several things is withdrawn by none of them
	case err != nil && !isNotFound(err):
		return err
	}
	return a.wish(ctx, a.tx, wish, patience)
}

// refreshObject reads an object from Stripe and applies what it says.
func (s *Service) refreshObject(ctx context.Context, job RefreshObject, attempt Attempt) error {
	var wish Refresh
	err := s.store.View(ctx, func(tx Tx) (err error) {
		wish, err = tx.Refresh(ctx, job.ObjectID)
		return err
	})
	if isNotFound(err) {
		return nil
	} else if err != nil {
		return fmt.Errorf("look up the wish to read %s: %w", job.ObjectID, err)
	}
	err = s.readFor(ctx, wish)
	if err != nil && s.isLast(attempt, err) {
		return s.giveUp(ctx, wish, err)
	}
	return err
}

// readFor reads what a wish is for and applies it.
func (s *Service) readFor(ctx context.Context, wish Refresh) (err error) {
	defer s.catch(ctx, wish.ID, &err)
	news, err := s.read(ctx, wish.Ref)
	s.observer.ObjectRead(readReason(wish.Reason), err)
	switch {
	case isNotFound(err):
		return s.fulfil(ctx, wish, func(Tx) (settlement, error) {
			return settlement{EventIgnored, reasonGone, OutcomeIgnored}, nil
		})
	case err != nil:
		return fmt.Errorf("read %s %s: %w", wish.Kind, wish.ID, err)
	case !wish.NewerThan.IsZero() && !news[len(news)-1].AsOf.After(wish.NewerThan):
		return &SnoozeError{For: rereadAfter}
	}
	return s.fulfil(ctx, wish, func(tx Tx) (_ settlement, err error) {
		var v verdict
		for _, n := range news {
			if v, err = s.apply(ctx, tx, n); err != nil {
				return settlement{}, err
			}
		}
		switch {
		case v.undecided:
			return settlement{}, &SnoozeError{For: rereadAfter}
		case v.unowned:
			return settlement{EventIgnored, reasonNoUser, OutcomeIgnored}, nil
		}
		return settlement{EventProcessed, "", OutcomeRefreshed}, nil
	})
}

// isLast says whether a failed read is given up. While Stripe or the database
// does not answer, nothing is wrong with the wish: it stays, and the sweep asks
// for another job later.
func (s *Service) isLast(attempt Attempt, err error) bool {
	var snooze *SnoozeError
	return attempt.Last && !errors.Is(err, ErrUnavailable) && !errors.As(err, &snooze)
}

// read reads an object, and its customer and subscription where only they can
// say whose it is. The object's own news is the last.
func (s *Service) read(ctx context.Context, r Ref) ([]News, error) {
	news, err := s.readWhole(ctx, r)
	if err != nil {
		return nil, err
	}
	var customer, subscription string
	owned := false
	err = s.store.View(ctx, func(tx Tx) error {
		a := &application{Service: s, tx: tx}
		for _, object := range news.Objects {
			l := object.links()
			if userID, err := a.ownerKnown(ctx, object); userID != "" || err != nil {
				owned = true
				return err
			}
			customer, subscription = firstOf(customer, l.Customer), firstOf(subscription, l.Subscription)
		}
		return nil
	})
	if err != nil || owned {
		return []News{news}, err
	}
	for _, parent := range []Ref{{KindCustomer, customer}, {KindSubscription, subscription}} {
		if parent.ID == "" || parent == r {
			continue
		}
		more, err := s.background.Read(ctx, parent)
		switch {
		case isNotFound(err):
			continue
		case err != nil:
			return nil, fmt.Errorf("find whose %s is: %w", r.ID, err)
		case ValidUserID(more.Objects[0].links().UserID):
			return []News{more, news}, nil
		}
	}
	return []News{news}, nil
}

// readWhole reads an object, and a customer with all that is theirs.
func (s *Service) readWhole(ctx context.Context, r Ref) (News, error) {
	if r.Kind == KindCustomer {
		return s.background.ReadCustomer(ctx, r.ID)
	}
	return s.background.Read(ctx, r)
}

func firstOf(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// fulfil applies a read in one transaction, strikes the wish out and settles
// the events that waited for it, unless a newer wish came meanwhile: its event
// may know of something that the read does not.
func (s *Service) fulfil(ctx context.Context, wish Refresh, apply func(Tx) (settlement, error)) error {
	again := false
	var became settlement
	var settled []Event
	err := s.store.Update(ctx, func(tx Tx) (err error) {
		settled = nil
		became, err = apply(tx)
		if err != nil {
			return err
		}
		deleted, err := tx.DeleteRefresh(ctx, wish.ID, wish.Wishes)
		if err != nil {
			return err
		}
		if again = !deleted; again {
			return nil
		}
		settled, err = s.finishEvents(ctx, tx, wish.ID, became, "")
		return err
	})
	switch {
	case err != nil:
		return err
	case again:
		return &SnoozeError{For: rereadAfter}
	}
	s.observeHandled(settled, became.outcome)
	return nil
}

func (s *Service) observeHandled(events []Event, outcome Outcome) {
	for _, event := range events {
		s.observer.EventHandled(event, outcome)
	}
}

// finishEvents settles the events that wait for a read of their object, and
// returns them.
func (s *Service) finishEvents(ctx context.Context, tx Tx, objectID string, became settlement, fault string) (settled []Event, err error) {
	events, err := tx.PendingEvents(ctx, objectID)
	if err != nil {
		return nil, err
	}
	for _, event := range events {
		if event.Reason == reasonWaitsForRetry {
			continue
		}
		event.Attempts++
		s.mark(&event, became.status, became.reason, fault)
		if err := tx.PutEvent(ctx, event); err != nil {
			return nil, err
		}
		settled = append(settled, event)
	}
	return settled, nil
}

// giveUp lets a wish rest that could not be fulfilled in many tries, unless a
// newer one came meanwhile. The events that wait for it are on show as failed.
func (s *Service) giveUp(ctx context.Context, wish Refresh, cause error) error {
	s.log.ErrorContext(ctx, "an object could not be read from Stripe; it is tried again in some hours",
		"object", wish.ID, "for", wish.Reason, "error", cause)
	failed := settlement{EventFailed, "", OutcomeFailed}
	var settled []Event
	again := false
	err := s.store.Update(ctx, func(tx Tx) error {
		settled, again = nil, false
		standing, err := tx.Refresh(ctx, wish.ID)
		if isNotFound(err) {
			return nil // nobody needs it any more
		} else if err != nil {
			return err
		}
		if again = standing.Wishes != wish.Wishes; again {
			return nil
		}
		standing.Queued, standing.DueAt = false, s.now().Add(restAfterFailure)
		if err := tx.PutRefresh(ctx, standing); err != nil {
			return err
		}
		settled, err = s.finishEvents(ctx, tx, wish.ID, failed, cause.Error())
		return err
	})
	switch {
	case err != nil:
		return fmt.Errorf("note that %s was not read: %w", wish.ID, err)
	case again:
		return &SnoozeError{For: rereadAfter}
	}
	s.observeHandled(settled, failed.outcome)
	return cause
}
