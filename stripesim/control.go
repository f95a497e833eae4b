package stripesim

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"
)

// controls are the calls under /_sim/, which no client of Stripe can make.
var controls = map[string]func(*Simulator, *http.Request, string, []byte) (any, error){
	"GET /_sim/clock":                               (*Simulator).controlClock,
	"POST /_sim/clock/freeze":                       (*Simulator).controlFreeze,
	"POST /_sim/clock/unfreeze":                     (*Simulator).controlUnfreeze,
	"GET /_sim/trouble":                             (*Simulator).controlTrouble,
	"POST /_sim/trouble":                            (*Simulator).controlSetTrouble,
	"DELETE /_sim/trouble":                          (*Simulator).controlEndTrouble,
	"POST /_sim/advance":                            (*Simulator).controlAdvance,
	"POST /_sim/faults":                             (*Simulator).controlFault,
	"DELETE /_sim/faults":                           (*Simulator).controlClearFaults,
	"POST /_sim/deliveries/faults":                  (*Simulator).controlDeliveryFault,
	"POST /_sim/deliveries/pause":                   (*Simulator).controlPause,
	"POST /_sim/deliveries/resume":                  (*Simulator).controlResume,
	"POST /_sim/reset":                              (*Simulator).controlReset,
	"POST /_sim/snapshot":                           (*Simulator).controlLoad,
	"POST /_sim/payment_intents/{id}/authenticate":  (*Simulator).controlAuthenticate,
	"POST /_sim/setup_intents/{id}/authenticate":    (*Simulator).controlAuthenticateSetup,
	"POST /_sim/checkout/sessions/{id}/complete":    (*Simulator).controlCheckout,
	"POST /_sim/checkout/sessions/{id}/abandon":     (*Simulator).controlAbandon,
	"POST /_sim/billing_portal/sessions/{id}/act":   (*Simulator).controlPortal,
	"POST /_sim/webhook_endpoints/{id}/roll_secret": (*Simulator).controlRollSecret,
}

// newControl routes the calls under /_sim/.
func (s *Simulator) newControl() *http.ServeMux {
	mux := http.NewServeMux()
	for pattern, do := range controls {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			body, err := io.ReadAll(r.Body)
			if err == nil {
				var given any
				if given, err = do(s, r, r.PathValue("id"), body); err == nil {
					s.writeControl(w, http.StatusOK, given)
					return
				}
			}
			s.writeControl(w, http.StatusBadRequest, map[string]string{"error": err.Error()})
		})
	}
	mux.HandleFunc("GET /_sim/snapshot", s.serveSnapshot)
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		s.writeControl(w, http.StatusNotFound, map[string]string{"error": "There is no control call " + r.Method + " " + r.URL.Path + "."})
	})
	return mux
}

func (s *Simulator) writeControl(w http.ResponseWriter, status int, value any) {
	body, err := json.MarshalIndent(value, "", "  ")
	if err != nil {
		status, body = http.StatusInternalServerError, []byte(`{"error":"the answer could not be written"}`)
	}
	s.write(w, answer{status: status, body: append(body, '\n')})
}

// decodeControl reads the JSON body of a control call. No body: nothing is set.
func decodeControl(body []byte, into any) error {
	if len(bytes.TrimSpace(body)) == 0 {
		return nil
	}
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(into); err != nil {
		return fmt.Errorf("read the body: %w", err)
	}
	if decoder.More() {
		return errors.New("the body has more than one JSON value")
	}
	return nil
}

type clockAnswer struct {
	Now  time.Time `json:"now"`
	Unix int64     `json:"unix"`
	// Frozen says that the clock stands still.
	Frozen bool `json:"frozen"`
}

type okAnswer struct {
	OK bool `json:"ok"`
}

func (s *Simulator) controlClock(*http.Request, string, []byte) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	return clockAnswer{now, now.Unix(), !s.state.frozen.IsZero()}, nil
}

func (s *Simulator) controlAdvance(r *http.Request, id string, body []byte) (any, error) {
	var asked struct {
		Seconds int64 `json:"seconds"`
	}
	if err := decodeControl(body, &asked); err != nil {
		return nil, err
	}
	if asked.Seconds < 0 || asked.Seconds > int64(maxAdvance/time.Second) {
		return nil, errors.New("seconds is from 0 to five years")
	}
	if err := s.Advance(r.Context(), time.Duration(asked.Seconds)*time.Second); err != nil {
		return nil, err
	}
	return s.controlClock(r, id, nil)
}

func (s *Simulator) controlFault(_ *http.Request, _ string, body []byte) (any, error) {
	var f Fault
	if err := decodeControl(body, &f); err != nil {
		return nil, err
	}
	return okAnswer{true}, s.AddFault(f)
}

func (s *Simulator) controlClearFaults(*http.Request, string, []byte) (any, error) {
	s.ClearFaults()
	return okAnswer{true}, nil
}

func (s *Simulator) controlDeliveryFault(_ *http.Request, _ string, body []byte) (any, error) {
	var f DeliveryFault
	if err := decodeControl(body, &f); err != nil {
		return nil, err
	}
	return okAnswer{true}, s.AddDeliveryFault(f)
}

func (s *Simulator) controlPause(_ *http.Request, _ string, body []byte) (any, error) {
	var asked struct {
		Seconds int64 `json:"seconds"`
	}
	if err := decodeControl(body, &asked); err != nil {
		return nil, err
	}
	if asked.Seconds < 0 || asked.Seconds > int64(maxPause/time.Second) {
		return nil, errors.New("seconds is from 0, which is until they are resumed, to a day")
	}
	if asked.Seconds > 0 {
		s.PauseDeliveriesFor(time.Duration(asked.Seconds) * time.Second)
	} else {
		s.PauseDeliveries(true)
	}
	return okAnswer{true}, nil
}

func (s *Simulator) controlResume(*http.Request, string, []byte) (any, error) {
	s.PauseDeliveries(false)
	return okAnswer{true}, nil
}

func (s *Simulator) controlReset(*http.Request, string, []byte) (any, error) {
	return okAnswer{true}, s.Reset()
}

// authentication is the bank's step: it succeeds unless it is said not to.
type authentication struct {
	Succeed *bool `json:"succeed"`
}

func (a authentication) succeeds() bool { return a.Succeed == nil || *a.Succeed }

func (s *Simulator) controlAuthenticate(_ *http.Request, id string, body []byte) (any, error) {
	var asked authentication
	if err := decodeControl(body, &asked); err != nil {
		return nil, err
	}
	return s.Authenticate(id, asked.succeeds())
}

func (s *Simulator) controlAuthenticateSetup(_ *http.Request, id string, body []byte) (any, error) {
	var asked authentication
	if err := decodeControl(body, &asked); err != nil {
		return nil, err
	}
	return s.AuthenticateSetup(id, asked.succeeds())
}

func (s *Simulator) controlRollSecret(_ *http.Request, id string, body []byte) (any, error) {
	asked := struct {
		Seconds int64 `json:"expires_in"`
	}{int64(answerTime / time.Second)}
	if err := decodeControl(body, &asked); err != nil {
		return nil, err
	}
	secret, err := s.RollSecret(id, time.Duration(asked.Seconds)*time.Second)
	return struct {
		Secret string `json:"secret"`
	}{secret}, err
}

// RollSecret gives a webhook endpoint a new signing secret and returns it. The
// old one signs beside it for a while, up to 24 hours of real time. An unknown
// endpoint, or a longer while, is an error.
func (s *Simulator) RollSecret(endpointID string, oldFor time.Duration) (string, error) {
	if oldFor < 0 || oldFor > 24*time.Hour {
		return "", errors.New("stripesim: the old secret stays for 24 hours at most")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.begin(s.now().Unix())
	if get[*webhookEndpoint](t, endpointID) == nil {
		return "", fmt.Errorf("stripesim: there is no webhook endpoint %s", endpointID)
	}
	secret := t.rollSecret(endpointID, s.config.Now().UTC().Add(oldFor))
	if err := s.commit(t, line{}); err != nil {
		return "", fmt.Errorf("stripesim: keep the secret: %w", err)
	}
	return secret, nil
}
