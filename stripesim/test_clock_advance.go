package stripesim

import (
	"context"
	"fmt"
)

// nudgeClocks makes tick look for test clocks that were told to advance.
func (s *Simulator) nudgeClocks() {
	select {
	case s.clocksNudged <- struct{}{}:
	default:
	}
}

// advanceTestClocks does what is due on the clocks that were told to advance,
// until they are ready.
func (s *Simulator) advanceTestClocks(ctx context.Context) error {
	for ctx.Err() == nil {
		more, err := s.advanceTestClock()
		if err != nil || !more {
			return err
		}
	}
	return ctx.Err()
}

// advanceTestClock does the first thing that is due on some advancing clock, or
// makes that clock ready where nothing is. It says whether there was one.
func (s *Simulator) advanceTestClock() (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	advancing := s.state.found(testClockKind, "status", "advancing")
	if len(advancing) == 0 {
		return false, nil
	}
	found := advancing[0].object.(*testClock)
	target := found.StatusDetails.Advancing.TargetFrozenTime
	t := s.begin(s.now().Unix())
	clock := edit[*testClock](t, found.ID)
	item, due := s.state.nextDue(found.ID, target)
	if due {
		clock.private.Reached = max(item.at, found.time())
		t.enterClock(found.ID)
		t.work(item.key)
	} else {
		clock.Status, clock.FrozenTime, clock.StatusDetails.Advancing, clock.private.Reached = "ready", target, nil, 0
		t.emit("test_helpers.test_clock.ready", clock)
	}
	if err := s.commit(t, line{}); err != nil {
		if due {
			s.state.dueBy(found.ID).add(item)
		}
		return false, fmt.Errorf("stripesim: keep the work of a test clock: %w", err)
	}
	if due {
		if r := s.state.row(item.key); r != nil && r.object.due() == item.at {
			return false, fmt.Errorf("stripesim: the test clock's work on %s %s does not end", item.key.Kind, item.key.ID)
		}
	}
	return true, nil
}
