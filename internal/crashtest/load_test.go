package crashtest

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/numerai-app/payments/internal/processtest"
)

const (
	// subscribers is how many new users come at a time.
	subscribers = 4
	// nextUser is how long the next one waits for the one before.
	nextUser = 500 * time.Millisecond
	// maxUnanswered is how many wait for their answer at most: those whom a
	// crash cut off wait for a minute, and each asks again and again.
	maxUnanswered = 40
)

// live lets users subscribe, one after the other, and their subscriptions renew,
// be refunded and end, until stop is called, which waits until everybody has an
// answer. Nobody gives up: an answer that does not come is asked for again, with
// the same key, while others go on.
func (w *world) live(t *testing.T) (stop func()) {
	t.Helper()
	var everybody sync.WaitGroup
	ctx, cancel := context.WithCancel(t.Context())
	asking, giveUp := context.WithCancel(t.Context())
	t.Cleanup(everybody.Wait) // a test that failed ends them by its context
	unanswered := make(chan struct{}, maxUnanswered)
	for i := range subscribers {
		everybody.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				select {
				case unanswered <- struct{}{}:
				case <-ctx.Done():
					return
				}
				answered := make(chan struct{})
				everybody.Go(func() {
					defer close(answered)
					w.subscribe(asking, t, fmt.Sprintf("user-%d-%d", i, n))
					<-unanswered
				})
				select {
				case <-answered:
				case <-time.After(nextUser):
				case <-ctx.Done():
				}
			}
		})
	}
	everybody.Go(func() {
		for ctx.Err() == nil {
			w.happen(t)
			pause(ctx, 20*time.Millisecond)
		}
	})
	return func() {
		cancel()
		patience := time.AfterFunc(answerTime, giveUp)
		defer patience.Stop()
		everybody.Wait()
	}
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// answerTime is how long a user waits for the answer when the crashes are over.
// Before that, one after the other may cut the user off.
const answerTime = 3 * time.Minute

// The time between two of a user's requests doubles: those who wait must not
// keep the others from being served.
const (
	firstWait   = 20 * time.Millisecond
	longestWait = 5 * time.Second
)

// subscribe asks for a subscription until it is there.
func (w *world) subscribe(ctx context.Context, t *testing.T, user string) {
	t.Helper()
	for wait := firstWait; ; wait = min(2*wait, longestWait) {
		status := w.askOnce(ctx, user)
		switch {
		case status == http.StatusCreated:
			w.mu.Lock()
			w.users = append(w.users, user)
			w.mu.Unlock()
			return
		case t.Context().Err() != nil:
			return // the test has failed
		case ctx.Err() != nil:
			t.Errorf("%s has no answer %v after the last crash", user, answerTime)
			return
		case status != 0 && status != http.StatusConflict && status < http.StatusInternalServerError:
			t.Errorf("%s was answered %d", user, status)
			return
		}
		pause(ctx, wait)
	}
}

// askOnce returns the status of the answer; 0: there was none.
func (w *world) askOnce(ctx context.Context, user string) int {
	const body = `{"plan":"premium","payment_method_id":"pm_card_visa"}`
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+w.config.Addr+"/api/v1/payments/create-subscription/", strings.NewReader(body))
	if err != nil {
		return 0
	}
	request.Header.Set("Authorization", "Bearer "+token(user))
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Idempotency-Key", "subscribe-"+user)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0
	}
	defer response.Body.Close()
	return response.StatusCode
}

func token(user string) string {
	part := func(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }
	signed := part(`{"alg":"HS256","typ":"JWT"}`) + "." + part(fmt.Sprintf(`{"user_id":%q,"exp":%d}`, user, time.Now().Add(time.Hour).Unix()))
	mac := hmac.New(sha256.New, []byte(processtest.JWTSecret))
	mac.Write([]byte(signed))
	return signed + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// muchIsUntold says whether an event has waited for its delivery for more than
// twenty days of Stripe's. It lists events for thirty, and no more of them may
// pass while the server cannot take any: by its own clock that is a moment, so
// it does not know that it missed some for good.
func (w *world) muchIsUntold(t *testing.T) bool {
	t.Helper()
	form := fmt.Sprintf("limit=1&delivery_success=false&created[lt]=%d", w.sim.Now().Add(-20*24*time.Hour).Unix())
	return len(w.call(t, http.MethodGet, "/v1/events", form)["data"].([]any)) > 0
}

// happen lets something happen at Stripe that we did not ask for.
func (w *world) happen(t *testing.T) {
	t.Helper()
	pick := func(path string) string {
		rows := w.call(t, http.MethodGet, path, "limit=100")["data"].([]any)
		if len(rows) == 0 {
			return ""
		}
		return rows[w.intN(len(rows))].(map[string]any)["id"].(string)
	}
	var method, path, form string
	switch w.intN(8) {
	case 0:
		if w.muchIsUntold(t) {
			return
		}
		if err := w.sim.Advance(t.Context(), time.Duration(w.intN(8)+1)*24*time.Hour); err != nil {
			t.Error(err)
		}
		return
	case 1:
		method, path, form = http.MethodPost, "/v1/refunds", fmt.Sprintf("amount=%d&charge=%s", w.intN(500)+1, pick("/v1/charges"))
	case 2:
		method, path = http.MethodDelete, "/v1/subscriptions/"+pick("/v1/subscriptions")
	case 3:
		method, path, form = http.MethodPost, "/v1/subscriptions/"+pick("/v1/subscriptions"), "cancel_at_period_end=true"
	case 4: // needs no user: the first crash may come before there is one
		method, path, form = http.MethodPost, "/v1/products", "name=any"
	default:
		method, path, form = http.MethodPost, "/v1/subscriptions/"+pick("/v1/subscriptions"), fmt.Sprintf("metadata[note]=%d", w.intN(100))
	}
	// Stripe may refuse: the money is back already, or the subscription is gone.
	if _, _, err := w.tryCall(method, path, form); err != nil {
		t.Error(err)
	}
}
