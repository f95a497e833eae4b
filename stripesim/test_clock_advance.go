package stripesim

import (
	"context"
	"errors"
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
	item, due := s.state.nextDue(found.ID, target)
	if !due {
		return true, s.endAdvance(found.ID, target, "ready")
	}
	if failure := s.workOnTestClock(found, item); failure != nil {
		s.config.Logger.Error("the work of a test clock went wrong", "clock", found.ID, "kind", item.key.Kind, "id", item.key.ID, "error", failure)
		return true, s.endAdvance(found.ID, found.time(), "internal_failure")
	}
	return true, nil
}

// workOnTestClock does one thing that is due on a test clock. What goes wrong in
// it is the clock's failure and nobody else's.
func (s *Simulator) workOnTestClock(found *testClock, item dueItem) (failure error) {
	defer func() {
		if why := recover(); why != nil {
			failure = fmt.Errorf("stripesim: the work broke off: %v", why)
		}
	}()
	t := s.begin(s.now().Unix())
	edit[*testClock](t, found.ID).private.Reached = max(item.at, found.time())
	t.enterClock(found.ID)
	t.work(item.key)
	if err := s.commit(t, line{}); err != nil {
		return fmt.Errorf("stripesim: keep the work: %w", err)
	}
	if r := s.state.row(item.key); r != nil && r.object.due() == item.at {
		return errors.New("stripesim: the work does not end")
	}
	return nil
}

// endAdvance lets a test clock stand still again.
func (s *Simulator) endAdvance(id string, at int64, status string) error {
	t := s.begin(s.now().Unix())
	clock := edit[*testClock](t, id)
	clock.Status, clock.FrozenTime, clock.StatusDetails.Advancing, clock.private.Reached = status, at, nil, 0
	t.emit("test_helpers.test_clock."+status, clock)
	if err := s.commit(t, line{}); err != nil {
		return fmt.Errorf("stripesim: keep the end of a test clock's advance: %w", err)
	}
	return nil
}
