package stripesim

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"strconv"
	"time"
)

// savedAnswer is what an idempotency key stands for.
type savedAnswer struct {
	Key     string    `json:"key"`     // a digest of the API key and the idempotency key
	Request string    `json:"request"` // a digest of method, path and parameters
	ID      string    `json:"id"`      // the Request-Id
	At      time.Time `json:"at"`      // real time
	Status  int       `json:"status"`
	Body    string    `json:"body"`
}

// answerTime is how long, in real time, an idempotency key is known.
const answerTime = 24 * time.Hour

const maxIdempotencyKey = 255

func digest(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

func (r *request) answerKey() string { return digest(r.account + "\n" + r.key) }

// digest stands for what a request asks, however that is written. Empty: its
// parameters are wrong, and like no others.
func (r *request) digest() string {
	if r.call.form == nil {
		return ""
	}
	return digest(r.Method + " " + r.URL.Path + "\n" + string(appendPlain(nil, r.call.form)))
}

// appendPlain writes what a request says, each thing in one way only.
func appendPlain(to []byte, value any) []byte {
	switch value := value.(type) {
	case *sent:
		return appendPlain(to, value.value)
	case form:
		to = append(to, '{')
		for _, name := range sortedNames(value) {
			to = append(strconv.AppendQuote(to, name), ':')
			to = append(appendPlain(to, value[name]), ',')
		}
		return append(to, '}')
	case []any:
		to = append(to, '[')
		for _, element := range value {
			to = append(appendPlain(to, element), ',')
		}
		return append(to, ']')
	}
	return fmt.Appendf(to, "%#v", value)
}

// claim holds an idempotency key while its request runs; release lets it go.
func (s *Simulator) claim(r *request) (release func(), fault *apiError) {
	if r.key == "" {
		return func() {}, nil
	}
	if len(r.key) > maxIdempotencyKey {
		return nil, &apiError{status: http.StatusBadRequest, kind: idempotencyError, message: fmt.Sprintf("Idempotency keys may be at most %d characters long.", maxIdempotencyKey)}
	}
	key := r.answerKey()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.inFlight[key] {
		return nil, &apiError{
			status: http.StatusConflict, kind: idempotencyError, code: "idempotency_key_in_use",
			message: "There is currently another in-progress request using this Idempotent Key (that probably means you submitted twice, and the other request is still going through): " + r.key + ". Please try again later.",
		}
	}
	s.inFlight[key] = true
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.inFlight, key)
	}, nil
}

// remembered is the answer that an idempotency key stands for, if any. The
// caller holds the lock.
func (s *Simulator) remembered(r *request) (*answer, *apiError) {
	if r.key == "" {
		return nil, nil
	}
	saved, known := s.state.answers[r.answerKey()]
	if !known || s.config.Now().Sub(saved.At) > answerTime {
		return nil, nil
	}
	if saved.Request != r.asked {
		return nil, &apiError{
			status: http.StatusBadRequest, kind: idempotencyError,
			message: "Keys for idempotent requests can only be used with the same parameters they were first used with. Try using a key other than '" + r.key + "' if you meant to execute a different request.",
		}
	}
	return &answer{status: saved.Status, body: []byte(saved.Body), original: saved.ID}, nil
}

// remember is what the journal keeps of an answer. Nil: nothing, since there is
// no idempotency key.
func (s *Simulator) remember(r *request, given *answer) *savedAnswer {
	if r.key == "" {
		return nil
	}
	given.original = r.id
	return &savedAnswer{
		Key: r.answerKey(), Request: r.asked, ID: r.id, At: s.config.Now().UTC(), Status: given.status, Body: string(given.body),
	}
}

// forgetOld drops answers and events that are past their time. now is real time.
func (s *state) forgetOld(now time.Time) {
	for key, saved := range s.answers {
		if now.Sub(saved.At) > answerTime {
			delete(s.answers, key)
		}
	}
	at := s.clockAt(now).Unix()
	s.events.drop(func(r *eventRecord) bool { return r.isForgotten(at) })
	for k := range s.deliveries {
		if _, kept := s.events.place(k.Event); !kept {
			delete(s.deliveries, k)
		}
	}
}
