package stripesim

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"
)

// Simulator is an offline Stripe. It is safe for concurrent use. Close it when
// it is no longer needed.
type Simulator struct {
	config Config

	mu       sync.Mutex // guards all below, up to the blank line
	state    *state
	journal  *journal
	inFlight map[string]bool // idempotency keys
	faults   []*Fault
	trouble  Trouble
	rate     rateLimit
	ids      io.Reader                    // where ids and secrets come from
	chance   uint64                       // where trouble comes from
	ordinals map[string]uint64            // how many of a name have met chance
	served   func(r *request, result any) // is told of each call that succeeded; tests set it

	clocksNudged chan struct{} // a test clock was told to advance

	control *http.ServeMux
	sender  *sender
	stop    context.CancelFunc
	running sync.WaitGroup
}

// New makes a simulator, with the state that it finds in Dir, and starts what
// it does by itself: the clock's work and the delivery of events. An unknown
// FinalAction or a folder that cannot be read or written is an error.
func New(c Config) (*Simulator, error) {
	c = withDefaults(c)
	if !slices.Contains([]string{"cancel", "unpaid", "past_due"}, c.FinalAction) {
		return nil, fmt.Errorf("stripesim: the final action is cancel, unpaid or past_due, not %q", c.FinalAction)
	}
	trouble, err := c.Trouble.checked()
	if err != nil {
		return nil, err
	}
	kept, journal, err := openState(c.Dir, c.Now)
	if err != nil {
		return nil, fmt.Errorf("stripesim: open the state in %s: %w", c.Dir, err)
	}
	s := &Simulator{config: c, state: kept, journal: journal, inFlight: map[string]bool{}, trouble: trouble, clocksNudged: make(chan struct{}, 1)}
	s.reseed()
	s.control, s.sender = s.newControl(), newSender(s)
	s.sender.add(kept.waiting())
	ctx, stop := context.WithCancel(context.Background())
	s.stop = stop
	s.running.Go(func() { s.sender.run(ctx) })
	s.running.Go(func() { s.tick(ctx) })
	return s, nil
}

// Close stops the clock's work and the deliveries, waits for those under way,
// and closes the journal. What was not delivered yet is delivered by the next
// simulator on the same folder. A ctx that ends first is an error, and leaves
// the journal to be closed by the operating system.
func (s *Simulator) Close(ctx context.Context) error {
	s.stop()
	stopped := make(chan struct{})
	go func() {
		s.running.Wait()
		close(stopped)
	}()
	select {
	case <-stopped:
	case <-ctx.Done():
		return fmt.Errorf("stripesim: close: %w", ctx.Err())
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.journal.close(); err != nil {
		return fmt.Errorf("stripesim: close the journal: %w", err)
	}
	return nil
}

// Reset forgets all objects, events, deliveries, idempotency keys and faults,
// sets the clock back to real time, and begins with the seed anew. Trouble by
// chance stays.
func (s *Simulator) Reset() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.replace(newState()); err != nil {
		return fmt.Errorf("stripesim: empty the journal: %w", err)
	}
	return nil
}
