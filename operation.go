package payments

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// Operation is one request that changes something at Stripe, recorded before
// Stripe is called, so that a crash anywhere can be finished. A user has one
// open operation at most.
type Operation struct {
	ID     string // ours, pop_…; the keys of its calls to Stripe are derived from it
	UserID string
	Kind   string // the name of the operation, such as create_subscription
	// IdempotencyKey is the caller's; empty without one. Unique per user.
	IdempotencyKey string
	// RequestHash tells one request from another: SHA-256 of kind and body, in hex.
	RequestHash string
	Request     []byte // JSON, what is needed to go on with it
	Open        bool
	// Progress is what was decided before the call to Stripe that must not be
	// decided anew by whoever takes over, in JSON; nil before.
	Progress []byte
	// Lease names who works at it; LeaseUntil is when another may take over.
	Lease      string
	LeaseUntil time.Time
	// Reply is the stored answer in JSON, with ReplyCode "ok" or the code of
	// the error. Both empty while open.
	ReplyCode  string
	Reply      []byte
	CreatedAt  time.Time
	FinishedAt *time.Time
}

const (
	operationCreateSubscription = "create_subscription"
	replyOK                     = "ok"

	// leaseTime is how long a process may be silent before another finishes
	// its operation; workTime, which is shorter, is how long it may work, so
	// that two never work at once.
	leaseTime = time.Minute
	workTime  = 50 * time.Second
	// operationWait is how long a request waits for another one of its user.
	operationWait = 10 * time.Second
	// operationPoll bounds the pause between two looks at the other one.
	operationPollMin = 20 * time.Millisecond
	operationPollMax = 250 * time.Millisecond
	// stripeMemory is how long Stripe is sure to know an idempotency key. An
	// older operation is settled by reading Stripe, never by sending again.
	stripeMemory = 23 * time.Hour
)

// step is the idempotency key of one of the operation's calls to Stripe.
func (o Operation) step(name string) string { return o.ID + ":" + name }

// reply is how an operation ended.
type reply struct {
	answer any    // when failure is nil
	fault  *Error // what the user is told
	news   []News // applied together with the reply
}

// newOperation records a request that is about to be made.
func (s *Service) newOperation(kind, userID, idempotencyKey string, request any) (Operation, error) {
	body, err := json.Marshal(request)
	if err != nil {
		return Operation{}, fmt.Errorf("encode %s: %w", kind, err)
	}
	sum := sha256.Sum256(append([]byte(kind+"\n"), body...))
	return Operation{
		UserID: userID, Kind: kind, IdempotencyKey: idempotencyKey,
		RequestHash: hex.EncodeToString(sum[:]), Request: body,
	}, nil
}

// operate runs an operation, one at a time for each user over all processes,
// and decodes its answer. An earlier one that was left behind is finished
// first; if it was the same request, its answer is this one's.
func (s *Service) operate(ctx context.Context, wanted Operation, answer any) (replayed bool, err error) {
	deadline := time.Now().Add(operationWait)
	for pause := operationPollMin; ; pause = min(2*pause, operationPollMax) {
		operation, claim, err := s.claim(ctx, wanted)
		if err != nil {
			return false, err
		}
		switch claim {
		case claimAnswered:
			return true, operation.result(answer, true)
		case claimNew, claimLeftBehind:
			finished, err := s.finish(ctx, operation)
			if err != nil {
				return false, err
			}
			if claim == claimNew || operation.answers(wanted) {
				return false, finished.result(answer, false)
			}
			continue
		}
		if err := waitUntil(ctx, pause, deadline); err != nil {
			return false, err
		}
	}
}

// waitUntil pauses; past the deadline it is ErrConflict.
func waitUntil(ctx context.Context, pause time.Duration, deadline time.Time) error {
	if time.Now().Add(pause).After(deadline) {
		return errInProgress("Another request of this user is still being worked on. Please try again in a moment.")
	}
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func errInProgress(message string) *Error {
	return &Error{Kind: ErrConflict, Code: CodeInProgress, RetryAfter: time.Second, Message: message}
}

// answers says whether the operation's answer is also that of another request
// for the same: made under the same idempotency key, or under none.
func (o Operation) answers(other Operation) bool {
	return o.RequestHash == other.RequestHash &&
		(other.IdempotencyKey == "" || other.IdempotencyKey == o.IdempotencyKey)
}

// result decodes a stored reply.
func (o Operation) result(answer any, replayed bool) error {
	if o.ReplyCode == replyOK {
		if err := json.Unmarshal(o.Reply, answer); err != nil {
			return fmt.Errorf("decode the stored answer of %s: %w", o.ID, err)
		}
		return nil
	}
	var stored storedError
	if err := json.Unmarshal(o.Reply, &stored); err != nil {
		return fmt.Errorf("decode the stored error of %s: %w", o.ID, err)
	}
	return stored.error(replayed)
}

type claim int

const (
	claimBusy       claim = iota // another process works for this user
	claimNew                     // the operation is ours, and new
	claimLeftBehind              // an operation that nobody works at is ours now
	claimAnswered                // the request was answered before
)

// claim records the wanted operation, or finds what stands in its way.
func (s *Service) claim(ctx context.Context, wanted Operation) (operation Operation, c claim, err error) {
	if busy, err := s.busy(ctx, wanted.UserID); busy || err != nil {
		return Operation{}, claimBusy, err
	}
	wanted.ID, wanted.Lease = s.newID(prefixOperation), s.newID("")
	err = s.store.Update(ctx, func(tx Tx) error {
		now := s.now()
		if wanted.IdempotencyKey != "" {
			before, err := tx.OperationByKey(ctx, wanted.UserID, wanted.IdempotencyKey)
			switch {
			case err == nil && before.RequestHash != wanted.RequestHash:
				return &Error{
					Kind: ErrConflict, Code: CodeIdempotencyConflict,
					Message: "This Idempotency-Key was used for another request.",
				}
			case err == nil && !before.Open:
				operation, c = before, claimAnswered
				return nil
			case err != nil && !isNotFound(err):
				return err
			}
		}
		open, err := tx.OpenOperation(ctx, wanted.UserID)
		switch {
		case err == nil && now.Before(open.LeaseUntil):
			c = claimBusy
			return nil
		case err == nil:
			open.Lease, open.LeaseUntil = wanted.Lease, now.Add(leaseTime)
			operation, c = open, claimLeftBehind
			return tx.PutOperation(ctx, open)
		case !isNotFound(err):
			return err
		}
		wanted.Open, wanted.CreatedAt, wanted.LeaseUntil = true, now, now.Add(leaseTime)
		operation, c = wanted, claimNew
		if err := tx.InsertOperation(ctx, wanted); err != nil {
			return err
		}
		return tx.Enqueue(ctx, ResumeOperation{OperationID: wanted.ID}, leaseTime+time.Second)
	})
	if err != nil {
		return Operation{}, claimBusy, fmt.Errorf("claim the operation: %w", err)
	}
	return operation, c, nil
}

// busy says whether somebody works for this user just now. It is a read, so
// that those who wait do not get in the way of the one who works.
func (s *Service) busy(ctx context.Context, userID string) (bool, error) {
	var open Operation
	err := s.store.View(ctx, func(tx Tx) (err error) {
		open, err = tx.OpenOperation(ctx, userID)
		return err
	})
	if err != nil && !isNotFound(err) {
		return false, fmt.Errorf("look for an open operation: %w", err)
	}
	return err == nil && s.now().Before(open.LeaseUntil), nil
}

// finish works at an operation whose lease is ours until it has an answer, and
// stores that with the news that it brought. An error means that it has none:
// it stays open, to be taken over by the user's next request or by its job.
//
// The work outlives the request that asked for it: a caller who hangs up must
// not leave it half done.
func (s *Service) finish(ctx context.Context, operation Operation) (Operation, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), workTime)
	defer cancel()
	r, err := s.perform(ctx, operation)
	var fault *Error
	switch {
	case err == nil:
	case errors.As(err, &fault) && errors.Is(fault.Kind, ErrUnavailable) && fault.Replayed:
		return Operation{}, s.abandon(ctx, operation, err)
	case errors.Is(err, ErrUnavailable), ctx.Err() != nil:
		s.release(context.WithoutCancel(ctx), operation)
		return Operation{}, err
	case errors.As(err, &fault) && isAnswer(fault):
		r.fault = fault
	default:
		s.log.ErrorContext(ctx, "an operation failed", "operation", operation.ID, "kind", operation.Kind, "error", err)
		r.fault = &Error{Kind: errInternal, Code: CodeInternal, Message: "Something went wrong on our side."}
	}
	if err := operation.setReply(r, s.now()); err != nil {
		return Operation{}, err
	}
	if err := s.storeReply(ctx, operation, r); err != nil {
		s.release(context.WithoutCancel(ctx), operation)
		return Operation{}, err
	}
	return operation, nil
}

// abandon ends an operation whose call Stripe answers with the same failure for
// as long as it knows the key. The next request is another operation, which
// first reads what this one may have made.
func (s *Service) abandon(ctx context.Context, operation Operation, cause error) error {
	err := s.store.Update(ctx, func(tx Tx) error {
		if err := s.holds(ctx, tx, operation); err != nil {
			return err
		}
		return tx.DeleteOperation(ctx, operation.ID)
	})
	return StripeUnavailable(errors.Join(cause, err))
}

// isAnswer says whether an error is meant for the caller. Something that Stripe
// does not find, such as the price of a plan, is our own mistake.
func isAnswer(fault *Error) bool {
	for _, kind := range []error{ErrInvalid, ErrConflict, ErrDeclined, ErrActionRequired, ErrRateLimited} {
		if errors.Is(fault.Kind, kind) {
			return true
		}
	}
	return false
}

// storeReply closes an operation, in one transaction with its news. A reply
// that is not to be replayed is not kept.
func (s *Service) storeReply(ctx context.Context, operation Operation, r reply) error {
	return s.store.Update(ctx, func(tx Tx) error {
		if err := s.holds(ctx, tx, operation); err != nil {
			return err
		}
		if err := s.take(ctx, tx, r.news...); err != nil {
			return err
		}
		if r.fault != nil && !kept(r.fault) {
			return tx.DeleteOperation(ctx, operation.ID)
		}
		return tx.PutOperation(ctx, operation)
	})
}

// holds is an error unless the operation is still ours to work at.
func (s *Service) holds(ctx context.Context, tx Tx, operation Operation) error {
	current, err := tx.Operation(ctx, operation.ID)
	switch {
	case isNotFound(err), err == nil && (!current.Open || current.Lease != operation.Lease):
		return errInProgress("Another request of this user has taken over. Please try again in a moment.")
	case err != nil:
		return fmt.Errorf("look up the operation: %w", err)
	}
	return nil
}

// decide records what an operation is about to ask Stripe for, so that whoever
// takes it over asks for the same under the same key.
func (s *Service) decide(ctx context.Context, operation *Operation, decision any) (err error) {
	if operation.Progress, err = json.Marshal(decision); err != nil {
		return fmt.Errorf("encode the decision: %w", err)
	}
	return s.store.Update(ctx, func(tx Tx) error {
		if err := s.holds(ctx, tx, *operation); err != nil {
			return err
		}
		return tx.PutOperation(ctx, *operation)
	})
}

// kept says whether an error is the stored answer to its idempotency key: a
// decline is, what a retry may get over is not.
func kept(fault *Error) bool {
	return errors.Is(fault, ErrDeclined) || errors.Is(fault, ErrActionRequired)
}

// setReply closes the operation with its reply.
func (o *Operation) setReply(r reply, now time.Time) (err error) {
	o.Open, o.FinishedAt, o.ReplyCode = false, &now, replyOK
	if r.fault == nil {
		o.Reply, err = json.Marshal(r.answer)
		return err
	}
	o.ReplyCode = r.fault.Code
	o.Reply, err = json.Marshal(storeError(r.fault))
	return err
}

// release lets another request take the operation over at once.
func (s *Service) release(ctx context.Context, operation Operation) {
	err := s.store.Update(ctx, func(tx Tx) error {
		current, err := tx.Operation(ctx, operation.ID)
		if err != nil || current.Lease != operation.Lease {
			return err
		}
		current.LeaseUntil = s.now()
		return tx.PutOperation(ctx, current)
	})
	if err != nil { // its lease runs out by itself
		s.log.WarnContext(ctx, "an operation could not be released", "operation", operation.ID, "error", err)
	}
}

// resumeOperation finishes an operation that nobody finished.
func (s *Service) resumeOperation(ctx context.Context, job ResumeOperation) error {
	var operation Operation
	wait := time.Duration(0)
	err := s.store.Update(ctx, func(tx Tx) (err error) {
		now := s.now()
		if operation, err = tx.Operation(ctx, job.OperationID); err != nil || !operation.Open {
			return err
		}
		if wait = operation.LeaseUntil.Sub(now); wait > 0 {
			return nil
		}
		operation.Lease, operation.LeaseUntil = s.newID(""), now.Add(leaseTime)
		return tx.PutOperation(ctx, operation)
	})
	switch {
	case isNotFound(err):
		return nil
	case err != nil:
		return fmt.Errorf("take over operation %s: %w", job.OperationID, err)
	case !operation.Open:
		return nil
	case wait > 0:
		return &SnoozeError{For: min(wait, leaseTime) + time.Second}
	}
	_, err = s.finish(ctx, operation)
	return err
}

// perform does what an operation asks for.
func (s *Service) perform(ctx context.Context, operation Operation) (reply, error) {
	if s.now().Sub(operation.CreatedAt) > stripeMemory {
		return s.settleByReading(ctx, operation)
	}
	switch operation.Kind {
	case operationCreateSubscription:
		return s.performCreateSubscription(ctx, &operation)
	}
	return reply{}, fmt.Errorf("unknown kind of operation %q", operation.Kind)
}

// settleByReading ends an operation that is too old to be sent again: whatever
// Stripe made of it is read.
func (s *Service) settleByReading(ctx context.Context, operation Operation) (reply, error) {
	var customer Customer
	err := s.store.View(ctx, func(tx Tx) (err error) {
		customer, err = s.customerOf(ctx, tx, operation.UserID)
		return err
	})
	if err != nil {
		return reply{}, fmt.Errorf("look up the customer: %w", err)
	}
	r := reply{fault: &Error{
		Kind: ErrConflict, Code: CodeInProgress,
		Message: "This request could not be finished within a day. Please look at the subscription and try again.",
	}}
	if customer.StripeCustomerID == "" {
		return r, nil
	}
	news, err := s.stripe.SubscriptionsOf(ctx, customer.StripeCustomerID)
	if isNotFound(err) {
		return r, nil
	}
	r.news = []News{news}
	return r, err
}

// storedError is an [Error] in the form in which it is kept.
type storedError struct {
	Kind         string        `json:"kind"`
	Code         string        `json:"code"`
	Message      string        `json:"message"`
	Fields       []FieldError  `json:"fields,omitempty"`
	DeclineCode  string        `json:"decline_code,omitempty"`
	ClientSecret string        `json:"client_secret,omitempty"`
	RetryAfter   time.Duration `json:"retry_after,omitempty"`
}

// errInternal is the kind of a failure of our own.
var errInternal = errors.New("internal")

var errorKinds = []error{
	ErrInvalid, ErrUnauthenticated, ErrForbidden, ErrNotFound, ErrConflict, ErrDeclined, ErrActionRequired,
	ErrRateLimited, ErrUnavailable, errInternal,
}

func storeError(e *Error) storedError {
	return storedError{
		Kind: e.Kind.Error(), Code: e.Code, Message: e.Message, Fields: e.Fields,
		DeclineCode: e.DeclineCode, ClientSecret: e.ClientSecret, RetryAfter: e.RetryAfter,
	}
}

func (e storedError) error(replayed bool) error {
	kind := errInternal
	for _, known := range errorKinds {
		if known.Error() == e.Kind {
			kind = known
		}
	}
	return &Error{
		Kind: kind, Code: e.Code, Message: e.Message, Fields: e.Fields, DeclineCode: e.DeclineCode,
		ClientSecret: e.ClientSecret, RetryAfter: e.RetryAfter, Replayed: replayed,
	}
}
