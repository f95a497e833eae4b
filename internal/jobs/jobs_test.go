package jobs_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"

	"github.com/numerai-app/payments"
	"github.com/numerai-app/payments/internal/jobs"
	"github.com/numerai-app/payments/internal/store"
	"github.com/numerai-app/payments/internal/storetest"
)

// try is one call of the service.
type try struct {
	Job     payments.Job
	Attempt payments.Attempt
}

// service does jobs as told and says what it was asked.
type service struct {
	work  func(ctx context.Context, t try) error
	tries chan try
}

func (s *service) Work(ctx context.Context, job payments.Job, attempt payments.Attempt) error {
	t := try{job, attempt}
	switch job.(type) {
	case payments.PollEvents, payments.Sweep, payments.TendPayloads:
		return nil // the periodic ones are TestPeriodicAtStart's matter
	}
	s.tries <- t
	return s.work(ctx, t)
}

func done(context.Context, try) error { return nil }

// next waits for the next call.
func (s *service) next(t *testing.T) try {
	t.Helper()
	select {
	case got := <-s.tries:
		return got
	case <-t.Context().Done():
		t.Fatal("the test ended before the job came")
		return try{}
	}
}

// start starts a worker, which is stopped with the test.
func start(t *testing.T, s *store.Store, does jobs.Service, logger *slog.Logger) store.Worker {
	t.Helper()
	return startConfig(t, s, jobs.Config(does, logger, payments.PollInterval))
}

func startConfig(t *testing.T, s *store.Store, config *river.Config) store.Worker {
	t.Helper()
	config.TestOnly = true // no random wait before the first maintenance
	worker, err := s.Jobs(config)
	if err != nil {
		t.Fatal(err)
	}
	if err := worker.Start(context.WithoutCancel(t.Context())); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := worker.StopAndCancel(context.Background()); err != nil {
			t.Errorf("stop: %v", err)
		}
	})
	return worker
}

func newService(work func(context.Context, try) error) *service {
	return &service{work: work, tries: make(chan try, 1000)}
}

func enqueue(t *testing.T, s payments.Store, after time.Duration, list ...payments.Job) {
	t.Helper()
	err := s.Update(t.Context(), func(tx payments.Tx) error {
		for _, job := range list {
			if err := tx.Enqueue(t.Context(), job, after); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func equal(t *testing.T, got, want try) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the service was asked for something else (-want +got):\n%s", diff)
	}
}

var firstTry = payments.Attempt{Number: 1}

func TestEveryKindIsWorked(t *testing.T) {
	t.Parallel()
	storetest.EachStore(t, func(t *testing.T, s *store.Store) {
		does := newService(done)
		start(t, s, does, nil)
		for _, job := range []payments.Job{
			payments.RefreshObject{ObjectID: "in_1"},
			payments.RetryEvent{EventID: "evt_1"},
			payments.ResumeOperation{OperationID: "pop_1"},
			payments.DeliverOutbound{EndpointID: "pep_1", EventID: "pevt_1", Round: 2},
		} {
			enqueue(t, s, 0, job)
			equal(t, does.next(t), try{job, firstTry})
		}
	})
}

// What was rolled back never was, and what is for later is not for now.
func TestOnlyWhatWasCommittedIsWorked(t *testing.T) {
	t.Parallel()
	storetest.EachStore(t, func(t *testing.T, s *store.Store) {
		does := newService(done)
		worker := start(t, s, does, nil)
		onPurpose := errors.New("on purpose")
		err := s.Update(t.Context(), func(tx payments.Tx) error {
			return errors.Join(tx.Enqueue(t.Context(), payments.RetryEvent{EventID: "rolled back"}, 0), onPurpose)
		})
		if !errors.Is(err, onPurpose) {
			t.Fatal(err)
		}
		enqueue(t, s, time.Hour, payments.RetryEvent{EventID: "later"})
		for i := range 3 { // whatever came before these was fetched with them
			committed := payments.RetryEvent{EventID: fmt.Sprint("committed ", i)}
			enqueue(t, s, 0, committed)
			equal(t, does.next(t), try{committed, firstTry})
		}
		if err := worker.Stop(t.Context()); err != nil {
			t.Fatal(err)
		}
		if len(does.tries) > 0 {
			t.Errorf("worked %+v", <-does.tries)
		}
	})
}

func TestFailuresAndPanicsAreTriedAgain(t *testing.T) {
	t.Parallel()
	storetest.EachStore(t, func(t *testing.T, s *store.Store) {
		job := payments.RefreshObject{ObjectID: "in_1"}
		log := new(lockedBuffer)
		does := newService(func(_ context.Context, asked try) error {
			switch asked.Attempt.Number {
			case 1:
				return errors.New("stripe is away")
			case 2:
				panic("a bug")
			}
			return nil
		})
		start(t, s, does, slog.New(slog.NewTextHandler(log, nil)))
		enqueue(t, s, 0, job)
		for number := 1; number <= 3; number++ {
			equal(t, does.next(t), try{job, payments.Attempt{Number: number}})
		}
		for _, want := range []string{"stripe is away", "a bug", "kind=refresh_object", "attempt=1"} {
			if !strings.Contains(log.String(), want) {
				t.Errorf("the log does not say %q:\n%s", want, log)
			}
		}
	})
}

// A wait is no failure: it is not counted, and not in the log.
func TestSnooze(t *testing.T) {
	t.Parallel()
	storetest.EachStore(t, func(t *testing.T, s *store.Store) {
		job := payments.RefreshObject{ObjectID: "in_1"}
		var mu sync.Mutex
		waits := []time.Duration{time.Millisecond, 0, -time.Second}
		log := new(lockedBuffer)
		does := newService(func(context.Context, try) error {
			mu.Lock()
			defer mu.Unlock()
			if len(waits) == 0 {
				return nil
			}
			wait := waits[0]
			waits = waits[1:]
			return fmt.Errorf("apply: %w", &payments.SnoozeError{For: wait})
		})
		worker := start(t, s, does, slog.New(slog.NewTextHandler(log, nil)))
		enqueue(t, s, 0, job)
		for range 4 {
			equal(t, does.next(t), try{job, firstTry})
		}
		if err := worker.Stop(t.Context()); err != nil {
			t.Fatal(err)
		}
		if log.String() != "" {
			t.Errorf("the log speaks of waiting:\n%s", log)
		}
	})
}

// firsts tells of the first jobs of each kind.
type firsts map[string]chan payments.Attempt

func (f firsts) Work(_ context.Context, job payments.Job, attempt payments.Attempt) error {
	select {
	case f[job.Kind()] <- attempt:
	default:
	}
	return nil
}

func TestPeriodicAtStart(t *testing.T) {
	t.Parallel()
	storetest.EachStore(t, func(t *testing.T, s *store.Store) {
		does := firsts{}
		for _, job := range []payments.Job{payments.Sweep{}, payments.PollEvents{}, payments.TendPayloads{}} {
			does[job.Kind()] = make(chan payments.Attempt, 1)
		}
		start(t, s, does, nil)
		for kind, came := range does {
			select {
			case got := <-came:
				want := payments.Attempt{Number: 1, Last: true} // the next one comes by itself
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("the attempt at %s (-want +got):\n%s", kind, diff)
				}
			case <-t.Context().Done():
				t.Fatalf("no %s came", kind)
			}
		}
	})
}

// backlog is a list of events that takes several runs to read.
type backlog struct {
	left int
	read chan struct{}
}

func (b *backlog) Work(_ context.Context, job payments.Job, _ payments.Attempt) error {
	if _, ok := job.(payments.PollEvents); !ok || b.left == 0 {
		return nil
	}
	b.left--
	b.read <- struct{}{}
	return &payments.SnoozeError{}
}

// A poll that has not come to the end goes on at once, not at the next one's time.
func TestPollGoesOn(t *testing.T) {
	t.Parallel()
	storetest.EachStore(t, func(t *testing.T, s *store.Store) {
		does := &backlog{left: 3, read: make(chan struct{}, 3)}
		start(t, s, does, nil)
		began := time.Now()
		for range cap(does.read) {
			select {
			case <-does.read:
			case <-t.Context().Done():
				t.Fatal("the poll did not go on")
			}
		}
		if took := time.Since(began); took > payments.PollInterval/2 {
			t.Errorf("it went on after %s only", took)
		}
	})
}

func TestStopWaitsForJobs(t *testing.T) {
	t.Parallel()
	storetest.EachStore(t, func(t *testing.T, s *store.Store) {
		release := make(chan struct{})
		var finished bool
		does := newService(func(context.Context, try) error {
			<-release
			finished = true
			return nil
		})
		worker := start(t, s, does, nil)
		enqueue(t, s, 0, payments.RetryEvent{EventID: "slow"})
		does.next(t)
		stopped := make(chan error)
		go func() { stopped <- worker.Stop(context.Background()) }()
		close(release)
		if err := <-stopped; err != nil || !finished {
			t.Errorf("stopped with %v, the job finished: %t", err, finished)
		}
	})
}

// TestStopEndsWhatHangs checks that a job which does not finish is cancelled and
// that another worker tries it again.
func TestStopEndsWhatHangs(t *testing.T) {
	t.Parallel()
	storetest.EachStore(t, func(t *testing.T, s *store.Store) {
		hangs := newService(func(ctx context.Context, _ try) error {
			<-ctx.Done()
			return ctx.Err()
		})
		config := jobs.Config(hangs, nil, payments.PollInterval)
		if config.SoftStopTimeout <= 0 || config.SoftStopTimeout >= 30*time.Second {
			t.Errorf("jobs under way have %s to finish, a process that stops has half a minute", config.SoftStopTimeout)
		}
		config.SoftStopTimeout = time.Millisecond
		worker := startConfig(t, s, config)
		enqueue(t, s, 0, payments.RetryEvent{EventID: "hangs"})
		hangs.next(t)
		if err := worker.Stop(t.Context()); err != nil {
			t.Fatalf("stop: %v", err)
		}
		finishes := newService(done)
		start(t, s, finishes, nil)
		if got := finishes.next(t); got.Attempt.Number != 1 {
			t.Errorf("it is tried again as %+v: a process that stops costs no try", got)
		}
	})
}

// Jobs that write, requests that write and requests that read share a database
// without failing each other.
func TestUnderLoad(t *testing.T) {
	t.Parallel()
	storetest.EachStore(t, func(t *testing.T, s *store.Store) {
		const each = 40
		does := newService(func(ctx context.Context, asked try) error {
			return add(ctx, s, asked.Job.(payments.RetryEvent).EventID)
		})
		start(t, s, does, nil)
		var group sync.WaitGroup
		for i := range each {
			group.Go(func() {
				enqueue(t, s, 0, payments.RetryEvent{EventID: fmt.Sprint("job ", i)})
			})
			group.Go(func() {
				if err := add(t.Context(), s, fmt.Sprint("request ", i)); err != nil {
					t.Errorf("a request that writes: %v", err)
				}
			})
			group.Go(func() {
				err := s.View(t.Context(), func(tx payments.Tx) error {
					_, err := tx.DueRefreshes(t.Context(), time.Now(), 10)
					return err
				})
				if err != nil {
					t.Errorf("a request that reads: %v", err)
				}
			})
		}
		group.Wait()
		for range each {
			if got := does.next(t); got.Attempt.Number != 1 {
				t.Errorf("%v was tried again", got.Job)
			}
		}
	})
}

func add(ctx context.Context, s payments.Store, id string) error {
	return s.Update(ctx, func(tx payments.Tx) error {
		wish := payments.Refresh{Ref: payments.Ref{Kind: payments.KindInvoice, ID: id}, DueAt: time.Now()}
		return tx.PutRefresh(ctx, wish)
	})
}

// What River does after a failure is what the service says, and jobs that fail
// together part.
func TestRetriesAreTheServices(t *testing.T) {
	t.Parallel()
	for failures := range payments.MaxAttempts {
		seconds := map[time.Duration]bool{}
		for range 50 {
			job := &rivertype.JobRow{Attempt: failures + 1, Errors: make([]rivertype.AttemptError, failures)}
			before := time.Now()
			at := jobs.NextRetry(job)
			least, most := payments.RetryPause(failures+1, 0), payments.RetryPause(failures+1, 1)
			if at.Before(before.Add(least)) || at.After(time.Now().Add(most)) {
				t.Fatalf("after %d failures tried again in %s, want %s to %s", failures+1, at.Sub(before), least, most)
			}
			seconds[at.Sub(before).Round((most-least)/10)] = true
		}
		if len(seconds) < 3 {
			t.Errorf("after %d failures fifty jobs come back at %d moments", failures+1, len(seconds))
		}
	}
}

// River grants a job a few tries more than the service does, for one whose last
// try did not come to its end; the service is told that these are the last, and
// a failure of them ends the job.
func TestTheLastTry(t *testing.T) {
	t.Parallel()
	granted := payments.MaxAttempts + payments.SpareAttempts
	does := newService(func(context.Context, try) error { return errors.New("a fault") })
	config := jobs.Config(does, nil, time.Minute)
	if config.MaxAttempts != granted {
		t.Errorf("River grants %d tries, want %d", config.MaxAttempts, granted)
	}
	for _, c := range []struct {
		attempt, most int
		last          bool
	}{
		{1, granted, false},
		{payments.MaxAttempts - 1, granted, false},
		{payments.MaxAttempts, granted, true},
		{payments.MaxAttempts + 1, granted, true},
		{1, 1, true}, // a periodic one
		{payments.MaxAttempts, payments.MaxAttempts, true}, // of the version before
	} {
		row := &rivertype.JobRow{Attempt: c.attempt, MaxAttempts: c.most}
		err := jobs.WorkRetryEvent(t.Context(), does, &river.Job[payments.RetryEvent]{JobRow: row})
		equal(t, does.next(t), try{payments.RetryEvent{}, payments.Attempt{Number: c.attempt, Last: c.last}})
		result := config.ErrorHandler.HandleError(t.Context(), row, err)
		if ends := result != nil && result.SetCancelled; ends != c.last {
			t.Errorf("try %d of %d ends the job: %t, want %t", c.attempt, c.most, ends, c.last)
		}
	}
}

// Every job that is stored has the tries that the service's policy says.
func TestStoredJobsHaveTheirTries(t *testing.T) {
	t.Parallel()
	storetest.EachStore(t, func(t *testing.T, s *store.Store) {
		limits := make(chan int, 1)
		config := jobs.Config(newService(done), nil, time.Minute)
		config.TestOnly = true
		config.Middleware = append(config.Middleware, river.WorkerMiddlewareFunc(
			func(ctx context.Context, job *rivertype.JobRow, inner func(context.Context) error) error {
				if job.Kind == (payments.RetryEvent{}).Kind() {
					limits <- job.MaxAttempts
				}
				return inner(ctx)
			}))
		worker, err := s.Jobs(config)
		if err != nil {
			t.Fatal(err)
		}
		if err := worker.Start(context.WithoutCancel(t.Context())); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := worker.StopAndCancel(context.Background()); err != nil {
				t.Error(err)
			}
		})
		enqueue(t, s, 0, payments.RetryEvent{EventID: "evt_1"})
		select {
		case got := <-limits:
			if want := payments.MaxAttempts + payments.SpareAttempts; got != want {
				t.Errorf("%d tries, want %d", got, want)
			}
		case <-t.Context().Done():
			t.Fatal("the job did not come")
		}
	})
}

// lockedBuffer is a log that can be read while it is written.
type lockedBuffer struct {
	mu     sync.Mutex
	buffer bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buffer.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buffer.String()
}
