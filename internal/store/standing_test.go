package store

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/numerai-app/payments"
	"github.com/numerai-app/payments/internal/store/queries"
)

// reader answers for every user but u-0, whom it does not know, and holds each
// read up until it is let go.
type reader struct {
	standings
	letGo chan error

	mu    sync.Mutex
	reads [][]string
}

func newReader() *reader {
	r := &reader{letGo: make(chan error)}
	r.read = func(ctx context.Context, userIDs []string) (map[string]standing, error) {
		r.mu.Lock()
		r.reads = append(r.reads, userIDs)
		r.mu.Unlock()
		found := map[string]standing{}
		for _, id := range userIDs {
			if id != "u-0" {
				found[id] = standing{subscriptions: []queries.Subscription{{UserID: id}}}
			}
		}
		select {
		case err := <-r.letGo:
			return found, err
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	return r
}

// ask asks for that many users at once, and checks that each gets its own.
func (r *reader) ask(t *testing.T, asked *sync.WaitGroup, count int, want error) {
	t.Helper()
	for i := range count {
		asked.Go(func() {
			id := fmt.Sprintf("u-%d", i)
			got, err := r.of(t.Context(), id)
			if !errors.Is(err, want) {
				t.Errorf("the error is %v, want %v", err, want)
			}
			known := len(got.subscriptions) == 1 && got.subscriptions[0].UserID == id
			if err == nil && known != (id != "u-0") {
				t.Errorf("%s got %+v", id, got)
			}
		})
	}
	synctest.Wait()
}

func TestStandingsAreReadTogether(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newReader()
		var asked sync.WaitGroup
		r.ask(t, &asked, 1, nil) // is read at once
		r.ask(t, &asked, standingCrowd-1, nil)
		if len(r.reads) != 1 {
			t.Fatalf("%d reads are under way, want one", len(r.reads))
		}
		r.letGo <- nil
		synctest.Wait()
		r.letGo <- nil
		asked.Wait()
		if len(r.reads) != 2 || len(r.reads[1]) != standingCrowd-1 {
			t.Errorf("the others were read by %v", r.reads[1:])
		}
		r.ask(t, &asked, 1, nil) // a read that comes later is another one
		r.letGo <- nil
		asked.Wait()
	})
}

// A crowd does not wait for one slow read, nor is it let in all at once.
func TestCrowdAtStandings(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newReader()
		var asked sync.WaitGroup
		r.ask(t, &asked, 1, nil)
		const crowd = standingReads*standingUsers + 1
		r.ask(t, &asked, crowd, nil)
		if len(r.reads) != standingReads {
			t.Fatalf("%d reads are under way, want %d", len(r.reads), standingReads)
		}
		read := 0
		for done := 0; done < len(r.reads); done++ {
			if len(r.reads[done]) > standingUsers {
				t.Errorf("one read asks for %d users", len(r.reads[done]))
			}
			read += len(r.reads[done])
			r.letGo <- nil
			synctest.Wait()
		}
		asked.Wait()
		if read != crowd+1 {
			t.Errorf("%d users were read, want %d", read, crowd+1)
		}
	})
}

// A read that fails is made again for each of those in it; one that hangs ends.
func TestFailedReadOfStandings(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newReader()
		broken := errors.New("broken")
		var asked sync.WaitGroup
		r.ask(t, &asked, 1, broken)
		r.ask(t, &asked, 4, nil)
		for range 2 {
			r.letGo <- broken
		}
		for range 4 {
			r.letGo <- nil
		}
		asked.Wait()
		began := time.Now()
		r.ask(t, &asked, 3, context.DeadlineExceeded)
		asked.Wait()
		if took := time.Since(began); took > 2*standingTime {
			t.Errorf("a read that hangs took %v", took)
		}
		if _, err := r.of(t.Context(), "u-1"); !errors.Is(translate(err), payments.ErrUnavailable) {
			t.Errorf("the error is %v, want ErrUnavailable", translate(err))
		}
	})
}

// Who goes away does not wait for the answer.
func TestStandingNobodyWaitsFor(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newReader()
		ctx, cancel := context.WithCancel(t.Context())
		var asked sync.WaitGroup
		asked.Go(func() {
			if _, err := r.of(ctx, "u-1"); !errors.Is(err, context.Canceled) {
				t.Errorf("the error is %v, want Canceled", err)
			}
		})
		synctest.Wait()
		cancel()
		asked.Wait()
		r.letGo <- nil
	})
}
