// Package jobs hands the jobs that River keeps to the service that does them.
//
// Every kind of job is one call of [Service.Work]; what is here is only the
// frame around it: which queue, how long, how often, and what becomes of a
// failure. [Config] gives a configuration of River that knows no database, for a
// store to make a worker of.
package jobs

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"

	"github.com/numerai-app/payments"
)

// Service does jobs. It is what payments.Service offers of itself.
type Service interface {
	// Work does one job: nil when it is done, a *payments.SnoozeError when it
	// has to wait, any other error when it is to be tried again.
	Work(ctx context.Context, job payments.Job, attempt payments.Attempt) error
}

const (
	// maxWorkers is how many jobs are at work at a time that have no queue of
	// their own.
	maxWorkers = 8
	// maxReads is how many reads from Stripe are at work at a time. They mostly
	// wait, and have a queue of their own.
	maxReads = 8
	// maxDeliveries is how many deliveries to the host are at work at a time.
	// They have a queue of their own.
	maxDeliveries = 8
	// sweepQueue, pollQueue and tendQueue are of the sweeps, of the polls and of
	// what tends payloads, so that they are on time however many other jobs wait.
	sweepQueue = "sweep"
	pollQueue  = "poll"
	tendQueue  = "tend"
	// jobTimeout ends a job that hangs. It is longer than the time that the
	// service gives itself for any one operation.
	jobTimeout = time.Minute
	// rescueAfter is when a job whose process died is given to another.
	rescueAfter = 2 * jobTimeout
	// stopTimeout is how long jobs under way may take to finish when the worker
	// stops; then they are cancelled, and tried again by whoever runs next. A
	// Stripe that hangs would hold up the end otherwise.
	stopTimeout = 20 * time.Second
	// completedRetention is how long jobs that are done are kept for whoever
	// looks into the queue. What they did is kept elsewhere.
	completedRetention = time.Hour
)

// Config configures a worker of all kinds of jobs that the service knows, with
// a sweep at the start and every payments.SweepInterval from then on, a poll
// every pollInterval, and payloads tended every payments.TendInterval. However many processes work, one
// of them makes these. The logger is told of jobs that failed; nil: nobody is.
func Config(service Service, logger *slog.Logger, pollInterval time.Duration) *river.Config {
	if logger == nil {
		logger = slog.New(slog.DiscardHandler)
	}
	workers := river.NewWorkers()
	river.AddWorker(workers, &worker[payments.RefreshObject]{service: service})
	river.AddWorker(workers, &worker[payments.RetryEvent]{service: service})
	river.AddWorker(workers, &worker[payments.ResumeOperation]{service: service})
	river.AddWorker(workers, &worker[payments.DeliverOutbound]{service: service})
	river.AddWorker(workers, &periodicWorker[payments.PollEvents]{worker[payments.PollEvents]{service: service}, pollInterval})
	river.AddWorker(workers, &periodicWorker[payments.Sweep]{worker[payments.Sweep]{service: service}, payments.SweepInterval})
	river.AddWorker(workers, &periodicWorker[payments.TendPayloads]{worker[payments.TendPayloads]{service: service}, payments.TendInterval})
	return &river.Config{
		CompletedJobRetentionPeriod: completedRetention,
		ErrorHandler:                &reporter{log: logger},
		JobTimeout:                  jobTimeout,
		Logger:                      slog.New(quietHandler{logger.Handler()}),
		MaxAttempts:                 payments.MaxAttempts + payments.SpareAttempts,
		PeriodicJobs: []*river.PeriodicJob{
			periodic(payments.PollEvents{}, pollQueue, pollInterval),
			periodic(payments.Sweep{}, sweepQueue, payments.SweepInterval),
			periodic(payments.TendPayloads{}, tendQueue, payments.TendInterval),
		},
		Queues: map[string]river.QueueConfig{
			river.QueueDefault:     {MaxWorkers: maxWorkers},
			payments.ReadQueue:     {MaxWorkers: maxReads},
			pollQueue:              {MaxWorkers: 1},
			sweepQueue:             {MaxWorkers: 1},
			tendQueue:              {MaxWorkers: 1},
			payments.OutboundQueue: {MaxWorkers: maxDeliveries},
		},
		RescueStuckJobsAfter: rescueAfter,
		RetryPolicy:          backoff{},
		SoftStopTimeout:      stopTimeout,
		Workers:              workers,
	}
}

// periodic makes a job at the start and once in every interval. One that fails
// is not tried again, since the next one is on its way. Two processes that both
// believe to lead make one a period; it is not unique beyond that, since one
// that died at work would keep others from being made.
func periodic(job payments.Job, queue string, interval time.Duration) *river.PeriodicJob {
	options := river.InsertOpts{
		MaxAttempts: 1,
		Queue:       queue,
		UniqueOpts:  river.UniqueOpts{ByPeriod: interval},
	}
	return river.NewPeriodicJob(
		river.PeriodicInterval(interval),
		func() (river.JobArgs, *river.InsertOpts) { return job, &options },
		&river.PeriodicJobOpts{ID: job.Kind(), RunOnStart: true},
	)
}

// worker works one kind of job.
type worker[J payments.Job] struct {
	river.WorkerDefaults[J]
	service Service
}

// Work does a job and tells River what becomes of it.
func (w *worker[J]) Work(ctx context.Context, job *river.Job[J]) error {
	err := w.service.Work(ctx, job.Args, payments.Attempt{Number: job.Attempt, Last: isLast(job.JobRow)})
	var snooze *payments.SnoozeError
	if errors.As(err, &snooze) {
		return river.JobSnooze(max(snooze.For, 0))
	}
	return err
}

// isLast says whether a job that fails now is given up.
func isLast(job *rivertype.JobRow) bool {
	return job.Attempt >= min(job.MaxAttempts, payments.MaxAttempts)
}

// periodicWorker works a periodic job, except one that waited for so long that
// another one was made: it would find nothing that the other does not.
type periodicWorker[J payments.Job] struct {
	worker[J]
	interval time.Duration
}

// Work does a job that is not too late.
func (w *periodicWorker[J]) Work(ctx context.Context, job *river.Job[J]) error {
	if job.AttemptedAt != nil && job.AttemptedAt.Sub(job.ScheduledAt) > 2*w.interval {
		return nil
	}
	return w.worker.Work(ctx, job)
}

// backoff is payments.RetryPause in place of River's own policy, whose pauses
// grow with the fourth power of the tries and are hardly spread.
type backoff struct{}

func (backoff) NextRetry(job *rivertype.JobRow) time.Time {
	return time.Now().Add(payments.RetryPause(len(job.Errors)+1, rand.Float64()))
}
