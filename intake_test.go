package payments

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
)

// gatedIntake is an intake whose batches are written when the test lets them.
type gatedIntake struct {
	intake
	open    chan struct{}
	mu      sync.Mutex
	batches [][]string
}

func newGatedIntake() *gatedIntake {
	g := &gatedIntake{open: make(chan struct{})}
	g.write = func(_ context.Context, batch []*arrival) {
		<-g.open
		var ids []string
		for _, a := range batch {
			ids = append(ids, a.event.ID)
			a.written <- nil
		}
		g.mu.Lock()
		defer g.mu.Unlock()
		g.batches = append(g.batches, ids)
	}
	return g
}

// send adds an event and returns where its result will be told.
func (g *gatedIntake) send(ctx context.Context, id string, size int) <-chan error {
	result := make(chan error, 1)
	go func() { result <- g.add(ctx, Event{ID: id, Payload: make([]byte, size)}, News{}) }()
	synctest.Wait()
	return result
}

// TestBatchFormsMeanwhile lets events come while another is written.
func TestBatchFormsMeanwhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGatedIntake()
		var results []<-chan error
		var want [][]string
		for i := range 2 + maxBatchEvents {
			id := fmt.Sprint(i)
			results = append(results, g.send(t.Context(), id, 10))
			if i < 2 || i == 1+maxBatchEvents {
				want = append(want, nil)
			}
			want[len(want)-1] = append(want[len(want)-1], id)
		}
		close(g.open)
		for i, result := range results {
			if err := <-result; err != nil {
				t.Errorf("event %d: %v", i, err)
			}
		}
		if !slices.EqualFunc(g.batches, want, slices.Equal) {
			t.Errorf("the batches are %v, want %v", g.batches, want)
		}
	})
}

// TestBatchHasABound sends events of which few fit into a batch, and then more
// than may wait.
func TestBatchHasABound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGatedIntake()
		var results []<-chan error
		const waiting = maxWaitingBytes / MaxEventSize
		for i := range 1 + waiting {
			results = append(results, g.send(t.Context(), fmt.Sprint(i), MaxEventSize))
		}
		if err := <-g.send(t.Context(), "too many", 1); !errors.Is(err, ErrUnavailable) {
			t.Errorf("one more than may wait: %v", err)
		}
		close(g.open)
		for _, result := range results {
			if err := <-result; err != nil {
				t.Error(err)
			}
		}
		if got, want := len(g.batches), 1+waiting/(maxBatchBytes/MaxEventSize); got != want {
			t.Errorf("%d batches, want %d", got, want)
		}
		if err := <-g.send(t.Context(), "later", 1); err != nil {
			t.Errorf("one that comes when there is room again: %v", err)
		}
	})
}

// TestWaitingEnds has those who wait go away, the one who is to lead among them.
func TestWaitingEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGatedIntake()
		first := g.send(t.Context(), "first", 1)
		gone, leave := context.WithCancel(t.Context())
		left := []<-chan error{g.send(gone, "second", 1), g.send(gone, "third", 1)}
		stays := g.send(t.Context(), "fourth", 1)
		leave()
		for _, result := range left {
			if err := <-result; !errors.Is(err, context.Canceled) {
				t.Errorf("one who left was told %v", err)
			}
		}
		close(g.open)
		synctest.Wait()
		for _, result := range []<-chan error{first, stays, g.send(t.Context(), "fifth", 1)} {
			if err := <-result; err != nil {
				t.Error(err)
			}
		}
		if want := [][]string{{"first"}, {"fourth"}, {"fifth"}}; !slices.EqualFunc(g.batches, want, slices.Equal) {
			t.Errorf("the batches are %v, want %v", g.batches, want)
		}
		if g.led || g.bytes != 0 || len(g.waiting) != 0 {
			t.Errorf("it is left with led %v, %d bytes, %d waiting", g.led, g.bytes, len(g.waiting))
		}
	})
}

// TestWriterPanics has a batch end without a word.
func TestWriterPanics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGatedIntake()
		write := g.write
		g.write = func(context.Context, []*arrival) { panic("the writer fell") }
		func() {
			defer func() { _ = recover() }()
			_ = g.add(t.Context(), Event{ID: "first"}, News{})
			t.Error("the panic was swallowed")
		}()
		g.write = write
		close(g.open)
		if err := <-g.send(t.Context(), "second", 1); err != nil {
			t.Error(err)
		}
	})
}
