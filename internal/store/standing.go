package store

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/numerai-app/payments/internal/store/queries"
)

const (
	// standingUsers is how many users one read asks for at most.
	standingUsers = 100
	// standingCrowd is how many have to wait for another read to begin while one
	// is under way, of standingReads at most: few wait for it, and so share the
	// next; a crowd means that it is slow.
	standingCrowd = 10
	standingReads = 4
	// standingTime bounds a read: it is nobody's alone, so no one's patience does.
	standingTime = 10 * time.Second
)

// standing is what decides on a user's premium, in rows.
type standing struct {
	subscriptions []queries.Subscription
	grants        []queries.Grant
}

// standings reads the standings of several users in one trip. Whoever asks
// while others are being read is part of the next read: an idle process reads at
// once, a busy one seldom. A read begins after it was asked for, so it shows
// whatever the one who asks knows to have been committed.
type standings struct {
	read func(ctx context.Context, userIDs []string) (map[string]standing, error)

	mu      sync.Mutex
	waiting []standingRequest
	reading int
}

type standingRequest struct {
	userID string
	answer chan<- standingAnswer // has room for it
}

type standingAnswer struct {
	standing standing
	err      error
}

// of is the standing of a user; the zero standing, if nobody has that id.
func (s *standings) of(ctx context.Context, userID string) (standing, error) {
	answer := make(chan standingAnswer, 1)
	s.mu.Lock()
	s.waiting = append(s.waiting, standingRequest{userID, answer})
	if s.reading == 0 || len(s.waiting) >= standingCrowd && s.reading < standingReads {
		s.reading++
		go s.run(context.WithoutCancel(ctx))
	}
	s.mu.Unlock()
	select {
	case got := <-answer:
		return got.standing, got.err
	case <-ctx.Done():
		return standing{}, ctx.Err()
	}
}

// run reads until nobody waits.
func (s *standings) run(ctx context.Context) {
	for {
		s.mu.Lock()
		batch := s.waiting[:min(len(s.waiting), standingUsers)]
		s.waiting = s.waiting[len(batch):]
		if len(batch) == 0 {
			s.waiting = nil
			s.reading--
			s.mu.Unlock()
			return
		}
		s.mu.Unlock()
		s.answer(ctx, batch)
	}
}

// answer reads a batch. One id that the database cannot even be asked for, such
// as one with a zero byte, must not fail the others.
func (s *standings) answer(ctx context.Context, batch []standingRequest) {
	found, err := s.readInTime(ctx, batch)
	if err != nil && len(batch) > 1 && !isUnavailable(err) {
		for i := range batch {
			s.answer(ctx, batch[i:i+1])
		}
		return
	}
	for _, one := range batch {
		one.answer <- standingAnswer{found[one.userID], err}
	}
}

func (s *standings) readInTime(ctx context.Context, batch []standingRequest) (map[string]standing, error) {
	ctx, cancel := context.WithTimeout(ctx, standingTime)
	defer cancel()
	userIDs := make([]string, len(batch))
	for i, one := range batch {
		userIDs[i] = one.userID
	}
	found, err := s.read(ctx, userIDs)
	if err != nil && ctx.Err() != nil {
		err = fmt.Errorf("the database took longer than %v: %w", standingTime, err)
	}
	return found, err
}
