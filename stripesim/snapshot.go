package stripesim

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
)

// maxSnapshot bounds a snapshot that is loaded over HTTP.
const maxSnapshot = 256 << 20

// Snapshot writes all that the simulator keeps, as lines of JSON: objects,
// events, deliveries that wait, answers of idempotency keys, and where the
// clock stands. The secrets of webhook endpoints are in it. Faults and trouble
// are not.
func (s *Simulator) Snapshot(to io.Writer) error {
	for _, l := range s.everything() {
		text, err := l.encode()
		if err != nil {
			return fmt.Errorf("stripesim: encode the snapshot: %w", err)
		}
		if _, err := to.Write(text); err != nil {
			return fmt.Errorf("stripesim: write the snapshot: %w", err)
		}
	}
	return nil
}

// everything is the whole state at one moment.
func (s *Simulator) everything() []line {
	s.mu.Lock()
	defer s.mu.Unlock()
	lines, now := slices.Collect(s.state.lines), s.now()
	lines[0].Now = &now
	return lines
}

// Load replaces all that the simulator keeps by a snapshot. Its clock goes on
// from where that of the snapshot stood, however long ago that was, and what
// waited to be delivered is delivered. Faults end, as with [Simulator.Reset]. A
// snapshot that cannot be read is an error and changes nothing.
func (s *Simulator) Load(from io.Reader) error {
	next, err := s.readSnapshot(from)
	if err != nil {
		return fmt.Errorf("stripesim: read the snapshot: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.replace(next); err != nil {
		return fmt.Errorf("stripesim: keep the snapshot: %w", err)
	}
	return nil
}

func (s *Simulator) readSnapshot(from io.Reader) (*state, error) {
	next, wrong := newState(), errors.New("it does not say where its clock stands")
	rest, err := readLines(from, func(l line) {
		if l.Now != nil {
			offset := l.Now.Sub(s.config.Now())
			l.Offset, wrong = &offset, nil
		}
		for _, o := range l.objects {
			if o.head().ID == "" || o.head().serial <= 0 {
				wrong = errors.New("it has an object without an id or a serial number")
			}
		}
		next.apply(l)
	})
	if err != nil {
		return nil, err
	}
	if len(rest) > 0 {
		return nil, errors.New("its last line is not complete")
	}
	return next, wrong
}

// replace puts another state in the place of the present one, in the journal
// first. The caller holds the lock.
func (s *Simulator) replace(next *state) error {
	if err := s.journal.rewrite(next); err != nil {
		return err
	}
	s.state, s.faults = next, nil
	s.reseed()
	s.sender.forget()
	s.sender.add(next.waiting())
	s.nudgeClocks() // the advance of a test clock may be under way
	return nil
}

func (s *Simulator) controlLoad(r *http.Request, id string, body []byte) (any, error) {
	if err := s.Load(bytes.NewReader(body)); err != nil {
		return nil, err
	}
	return s.controlClock(r, id, nil)
}

// serveSnapshot answers with a snapshot, the only answer that is not one JSON
// value.
func (s *Simulator) serveSnapshot(w http.ResponseWriter, r *http.Request) {
	var whole bytes.Buffer
	if err := s.Snapshot(&whole); err != nil {
		s.writeControl(w, http.StatusInternalServerError, map[string]string{"error": err.Error()})
		return
	}
	w.Header().Set("Content-Type", "application/jsonl")
	if _, err := whole.WriteTo(w); err != nil {
		s.config.Logger.DebugContext(r.Context(), "a snapshot could not be written", "error", err)
	}
}

// bodyBound is how large the body of a request may be.
func bodyBound(r *http.Request) int64 {
	if r.Method == http.MethodPost && r.URL.Path == "/_sim/snapshot" {
		return maxSnapshot
	}
	return maxBody
}
