package payments

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
)

// MaxEventSize is the largest body of an event that is taken, in bytes.
const MaxEventSize = 1 << 20

// ReceiveEvent takes the raw body of a webhook of Stripe's and its
// Stripe-Signature header. When it returns nil the event is on disk, and
// Stripe need not send it again; an event that was received before changes
// nothing.
//
// ErrInvalid: not Stripe's, no event, too large, or of the other mode. Any
// other error means that it could not be stored: Stripe has to send it again.
func (s *Service) ReceiveEvent(ctx context.Context, body []byte, signature string) error {
	if len(body) > MaxEventSize {
		return &Error{Kind: ErrInvalid, Code: CodePayloadTooLarge, Message: "An event has 1 MiB at most."}
	}
	event, err := s.stripe.VerifyEvent(body, signature)
	if err != nil {
		return fmt.Errorf("verify event: %w", err)
	}
	event.Source, event.Payload = SourceWebhook, body
	return s.receive(ctx, event)
}

// receive stores an event and applies it, in one transaction, together with
// those that arrive meanwhile. An event that cannot be applied is stored all the
// same and tried again later, so that it harms nobody but itself.
func (s *Service) receive(ctx context.Context, event Event) error {
	event.ReceivedAt, event.Status = s.now(), EventPending
	s.observer.EventReceived(event)
	news, poison := s.decode(ctx, event)
	if poison == nil {
		poison = s.intake.add(ctx, event, news)
		if poison == nil || errors.Is(poison, ErrUnavailable) || ctx.Err() != nil {
			return poison
		}
	}
	s.log.ErrorContext(ctx, "an event could not be applied; it will be tried again",
		"event", event.ID, "type", event.Type, "error", poison)
	stored := false
	err := s.store.Update(ctx, func(tx Tx) error {
		inserted, err := tx.InsertEvents(ctx, []Event{event})
		if err != nil {
			return err
		}
		if stored = inserted[0]; !stored {
			return nil
		}
		failed := event
		failed.Attempts = 1
		s.mark(&failed, EventPending, reasonWaitsForRetry, poison.Error())
		if err := tx.PutEvent(ctx, failed); err != nil {
			return err
		}
		return tx.Enqueue(ctx, RetryEvent{EventID: event.ID}, firstRetryPause(event.ID))
	})
	if err != nil {
		return fmt.Errorf("store event %s: %w", event.ID, err)
	}
	if s.observeArrival(event, stored); stored {
		s.observer.EventHandled(event, OutcomeDeferred)
	}
	return nil
}

// observeArrival tells the observer of an event that is on disk.
func (s *Service) observeArrival(event Event, stored bool) {
	if !stored {
		s.observer.EventRepeated(event)
		return
	}
	s.observer.EventStored(event, s.now().Sub(event.Created))
}

// process applies a stored event and marks what became of it.
func (s *Service) process(ctx context.Context, tx Tx, event Event, news News) (outcome Outcome, err error) {
	defer s.catch(ctx, event.ID, &err)
	event.Attempts++
	became, err := s.settleEvent(ctx, tx, &event, news)
	if err != nil {
		return "", err
	}
	s.mark(&event, became.status, became.reason, "")
	return became.outcome, tx.PutEvent(ctx, event)
}

// settlement is what became of an event.
type settlement struct {
	status  EventStatus
	reason  string
	outcome Outcome
}

// settleEvent applies an event and says how far that brought it, and in the
// event what it waits for.
func (s *Service) settleEvent(ctx context.Context, tx Tx, event *Event, news News) (settlement, error) {
	switch {
	case event.Account != "":
		return settlement{EventIgnored, reasonOtherAccount, OutcomeIgnored}, nil
	case len(news.Objects) == 0:
		return settlement{EventIgnored, reasonUnhandledType, OutcomeIgnored}, nil
	}
	v, err := s.apply(ctx, tx, news)
	switch {
	case err != nil:
		return settlement{}, err
	case v.orphan:
		return settlement{EventIgnored, reasonNoCustomer, OutcomeIgnored}, nil
	case v.unowned:
		wish := Refresh{Ref: news.Objects[0].Ref(), Reason: wishOwner}
		event.WaitsFor = parentOf(news.Objects[0])
		return settlement{EventPending, reasonWaitsForOwner, OutcomeDeferred}, s.wish(ctx, tx, wish, patienceOwner)
	case v.undecided:
		wish := Refresh{Ref: news.Objects[0].Ref(), NewerThan: v.newerThan, Reason: wishTie}
		return settlement{EventPending, reasonWaitsForRead, OutcomeDeferred}, s.wish(ctx, tx, wish, 0)
	case v.stale:
		return settlement{EventProcessed, "", OutcomeStale}, nil
	}
	return settlement{EventProcessed, "", OutcomeApplied}, nil
}

// mark notes what became of an event.
func (s *Service) mark(event *Event, status EventStatus, reason, fault string) {
	event.Status, event.Reason, event.Error, event.ProcessedAt = status, reason, truncate(fault, maxFault), nil
	if status != EventPending {
		event.WaitsFor = ""
	}
	if status == EventProcessed || status == EventIgnored {
		now := s.now()
		event.ProcessedAt = &now
	}
}

// maxFault is how much of an error's text is kept, in bytes.
const maxFault = 2000

func truncate(text string, size int) string {
	if len(text) > size {
		return text[:size]
	}
	return text
}

// errUnfinished is the fault of an event whose last try nobody saw the end of.
var errUnfinished = errors.New("the last try did not come to its end: the process died, or hung")

// retryEvent applies a stored event that could not be applied before. After the
// last try it has failed, unless it is the database that does not answer, or
// this process that stops: then its last try is still to come.
func (s *Service) retryEvent(ctx context.Context, job RetryEvent, attempt Attempt) error {
	err := s.processStored(ctx, job.EventID, attempt)
	if err != nil && !errors.Is(err, ErrUnavailable) && ctx.Err() == nil {
		became := settlement{EventPending, reasonWaitsForRetry, OutcomeDeferred}
		if attempt.Last {
			became = settlement{EventFailed, "", OutcomeFailed}
		}
		noted := s.noteFault(ctx, job.EventID, became, err)
		if noted == nil || isNotFound(noted) {
			return err
		}
		err = errors.Join(err, noted)
	}
	if err == nil || !attempt.Last {
		return err
	}
	s.log.WarnContext(ctx, "an event could not be tried again; it waits", "event", job.EventID, "error", err)
	return &SnoozeError{For: maxRetryPause}
}

// noteFault marks an event with the error that it met, unless another try has
// settled it meanwhile.
func (s *Service) noteFault(ctx context.Context, eventID string, became settlement, fault error) error {
	var event Event
	settled := false
	err := s.store.Update(ctx, func(tx Tx) (err error) {
		event, err = tx.Event(ctx, eventID)
		if settled = event.Status != EventPending; settled || err != nil {
			return err
		}
		event.Attempts++
		s.mark(&event, became.status, became.reason, fault.Error())
		return tx.PutEvent(ctx, event)
	})
	if err == nil && !settled {
		s.observer.EventHandled(event, became.outcome)
	}
	return err
}

// decode says what an event tells. A fault of ours in doing so is the event's
// alone.
func (s *Service) decode(ctx context.Context, event Event) (news News, err error) {
	defer s.catch(ctx, event.ID, &err)
	return s.stripe.DecodeEvent(event.Payload)
}

// catch turns a panic over an event or an object into an error. It is deferred.
func (s *Service) catch(ctx context.Context, id string, err *error) {
	if fault := recover(); fault != nil {
		s.log.ErrorContext(ctx, "panic over what Stripe says", "of", id, "stack", string(debug.Stack()))
		*err = fmt.Errorf("panic: %v", fault)
	}
}

// processStored applies an event from the audit trail that is still pending.
func (s *Service) processStored(ctx context.Context, id string, attempt Attempt) error {
	event, err := s.Event(ctx, id)
	if err != nil {
		return fmt.Errorf("read event %s: %w", id, err)
	}
	switch {
	case event.Status != EventPending:
		return nil
	case attempt.Number > MaxAttempts && event.Reason != reasonWaitsForRetry: // a read sees to it
		return nil
	case attempt.Number > MaxAttempts:
		return errUnfinished
	}
	apply, err := s.again(ctx, event)
	if err != nil {
		return fmt.Errorf("decode event %s: %w", id, err)
	}
	var outcome Outcome
	err = s.store.Update(ctx, func(tx Tx) error {
		outcome = ""
		current, err := tx.Event(ctx, id)
		if err != nil || current.Status != EventPending {
			return err
		}
		outcome, err = apply(tx, current)
		return err
	})
	if err == nil && outcome != "" {
		s.observer.EventHandled(event, outcome)
	}
	return err
}
