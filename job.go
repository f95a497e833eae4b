package payments

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Job is a piece of work that is stored with the change that makes it
// necessary and done later, at least once. Jobs are plain structs that encode
// to JSON. One that has a method Queue() string waits in the queue of that name.
type Job interface{ Kind() string }

// RefreshObject reads one object from Stripe and applies what it says.
type RefreshObject struct {
	ObjectID string `json:"object_id"`
}

// Kind names the job.
func (RefreshObject) Kind() string { return "refresh_object" }

// Queue is the reads' own, so that a Stripe that is slow holds up no other work.
func (RefreshObject) Queue() string { return ReadQueue }

// ReadQueue is the name of the queue of [RefreshObject].
const ReadQueue = "read"

// RetryEvent applies one stored event again.
type RetryEvent struct {
	EventID string `json:"event_id"`
}

// Kind names the job.
func (RetryEvent) Kind() string { return "retry_event" }

// ResumeOperation finishes an operation that its process may have left behind.
type ResumeOperation struct {
	OperationID string `json:"operation_id"`
}

// Kind names the job.
func (ResumeOperation) Kind() string { return "resume_operation" }

// DeliverOutbound brings one outbound event to one endpoint.
type DeliverOutbound struct {
	EndpointID string `json:"endpoint_id"`
	EventID    string `json:"event_id"`
	Round      int    `json:"round"`
}

// Kind names the job.
func (DeliverOutbound) Kind() string { return "deliver_outbound" }

// Queue is the deliveries' own, so that a host that does not answer holds up
// no other work.
func (DeliverOutbound) Queue() string { return OutboundQueue }

// OutboundQueue is the name of the queue of [DeliverOutbound].
const OutboundQueue = "outbound"

// Sweep does what time alone makes necessary: reads that were put off, premium
// that ran out, operations and stored replies past their time. It runs every
// [SweepInterval].
type Sweep struct{}

// Kind names the job.
func (Sweep) Kind() string { return "sweep" }

// SweepInterval is the time between two sweeps.
const SweepInterval = 10 * time.Second

// TendPayloads readies the store for the payloads to come, and prunes those that
// are older than Config.EventRetention. It runs every [TendInterval].
type TendPayloads struct{}

// Kind names the job.
func (TendPayloads) Kind() string { return "tend_payloads" }

// TendInterval is the time between two runs of [TendPayloads].
const TendInterval = time.Hour

// PollEvents receives the events in Stripe's list that no webhook brought. It
// runs every [PollInterval], or every [PollOnlyInterval] where no webhook comes.
type PollEvents struct{}

// Kind names the job.
func (PollEvents) Kind() string { return "poll_events" }

// The time between two polls. Without webhooks they are how soon news are heard.
const (
	PollInterval     = time.Minute
	PollOnlyInterval = 5 * time.Second
)

// SnoozeError is returned by [Service.Work] when a job has to wait before it
// can go on; the wait does not count as a try.
type SnoozeError struct{ For time.Duration }

// Error says how long.
func (e *SnoozeError) Error() string { return fmt.Sprintf("wait %s", e.For) }

// Work does one job. It returns nil when the job is done, a [*SnoozeError]
// when it has to wait, and any other error when it is to be tried again.
func (s *Service) Work(ctx context.Context, job Job, attempt Attempt) error {
	ended := s.observer.JobBegan(job.Kind())
	err := s.work(ctx, job, attempt)
	ended(err)
	return err
}

func (s *Service) work(ctx context.Context, job Job, attempt Attempt) error {
	switch j := job.(type) {
	case RefreshObject:
		return s.refreshObject(ctx, j, attempt)
	case RetryEvent:
		return s.retryEvent(ctx, j, attempt)
	case ResumeOperation:
		return s.resumeOperation(ctx, j)
	case PollEvents:
		return s.pollEvents(ctx)
	case DeliverOutbound:
		return s.deliverOutbound(ctx, j)
	case Sweep:
		return s.sweep(ctx)
	case TendPayloads:
		return s.tendPayloads(ctx)
	}
	return errors.New("unknown kind of job " + job.Kind())
}
