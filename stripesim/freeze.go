package stripesim

import (
	"fmt"
	"time"
)

// clockAt is the simulator's time at a real time.
func (s *state) clockAt(real time.Time) time.Time {
	if !s.frozen.IsZero() {
		return s.frozen.UTC()
	}
	return real.Add(s.offset).UTC()
}

// move is what sets the simulator's clock forward to a time. It never goes back.
func (s *Simulator) move(to time.Time) line {
	if !to.After(s.now()) {
		return line{}
	}
	if !s.state.frozen.IsZero() {
		return line{Frozen: &to}
	}
	offset := to.Sub(s.config.Now())
	return line{Offset: &offset}
}

// Freeze makes the simulator's clock stand still: whatever happens then happens
// within one second, until the clock is unfrozen. [Simulator.Advance] moves a
// frozen clock too.
func (s *Simulator) Freeze() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	return s.keepClock(line{Frozen: &now})
}

// Unfreeze makes the clock go on from where it stands.
func (s *Simulator) Unfreeze() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state.frozen.IsZero() {
		return nil
	}
	offset := s.state.frozen.Sub(s.config.Now())
	return s.keepClock(line{Frozen: &time.Time{}, Offset: &offset})
}

// keepClock notes what is new of the clock. The caller holds the lock.
func (s *Simulator) keepClock(l line) error {
	if err := s.journal.append(l); err != nil {
		return fmt.Errorf("stripesim: keep the time: %w", err)
	}
	s.state.apply(l)
	return nil
}
