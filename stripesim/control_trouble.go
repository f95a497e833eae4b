package stripesim

import (
	"net/http"
	"time"
)

// maxPause bounds how long deliveries are held back by themselves.
const maxPause = 24 * time.Hour

func (s *Simulator) controlFreeze(r *http.Request, id string, _ []byte) (any, error) {
	if err := s.Freeze(); err != nil {
		return nil, err
	}
	return s.controlClock(r, id, nil)
}

func (s *Simulator) controlUnfreeze(r *http.Request, id string, _ []byte) (any, error) {
	if err := s.Unfreeze(); err != nil {
		return nil, err
	}
	return s.controlClock(r, id, nil)
}

func (s *Simulator) controlTrouble(*http.Request, string, []byte) (any, error) {
	return s.Trouble(), nil
}

func (s *Simulator) controlSetTrouble(_ *http.Request, _ string, body []byte) (any, error) {
	var asked Trouble
	if err := decodeControl(body, &asked); err != nil {
		return nil, err
	}
	if err := s.SetTrouble(asked); err != nil {
		return nil, err
	}
	return s.Trouble(), nil
}

func (s *Simulator) controlEndTrouble(*http.Request, string, []byte) (any, error) {
	return okAnswer{true}, s.SetTrouble(Trouble{})
}
