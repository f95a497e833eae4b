package crashtest

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/numerai-app/payments/internal/processtest"
	"github.com/numerai-app/payments/stripesim"
)

// worlds is how many tests go on at a time: they mostly wait.
const worlds = "8"

func TestMain(m *testing.M) {
	flag.Parse()
	if err := flag.Set("test.parallel", worlds); err != nil {
		panic(err)
	}
	os.Exit(processtest.Main(m))
}

// world is an offline Stripe, a door through which its webhooks reach the
// server, and users who subscribe.
type world struct {
	sim    *stripesim.Simulator
	stripe string
	config processtest.Config

	open sync.RWMutex // held for reading while an event passes the door
	shut bool         // the door is; guarded by open

	mu           sync.Mutex
	chance       *rand.Rand
	acknowledged map[string]time.Time // when the server has answered each event 200
	killed       []time.Time          // when something was killed
	refused      int                  // events that the server has answered 503
	odd          []int                // its answers to events that are neither
	users        []string             // who have their answer
}

func newWorld(t *testing.T, database string, seed uint64) *world {
	t.Helper()
	sim, err := stripesim.New(stripesim.Config{Seed: seed, RetrySchedule: slices.Repeat([]time.Duration{100 * time.Millisecond}, 1000)})
	if err != nil {
		t.Fatal(err)
	}
	w := &world{sim: sim, acknowledged: map[string]time.Time{}, chance: rand.New(rand.NewPCG(seed, 1))}
	api, door := httptest.NewServer(sim), httptest.NewServer(http.HandlerFunc(w.door))
	t.Cleanup(func() {
		if err := sim.Close(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
		api.Close()
		door.Close()
	})
	w.stripe = api.URL
	w.config = processtest.Config{Database: database, Stripe: api.URL, Addr: freeAddress(t), Log: lastWords(t)}
	w.config.WebhookSecret = w.call(t, "POST", "/v1/webhook_endpoints", "enabled_events[]=*&url="+door.URL)["secret"].(string)
	for i := range w.config.Prices {
		price := w.call(t, "POST", "/v1/prices", fmt.Sprintf("currency=usd&unit_amount=%d&recurring[interval]=month&product_data[name]=plan", 999+1000*i))
		w.config.Prices[i] = price["id"].(string)
	}
	return w
}

// words keeps the end of what is written to it.
type words struct {
	mu   sync.Mutex
	last []byte
}

func (w *words) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.last = append(w.last, p...)
	w.last = w.last[max(0, len(w.last)-maxWords):]
	return len(p), nil
}

// maxWords is how much of the server's log is kept, in bytes.
const maxWords = 8 << 10

// lastWords takes what the server logs, most of which is expected here. A test
// that fails shows the end of it.
func lastWords(t *testing.T) io.Writer {
	w := new(words)
	t.Cleanup(func() {
		if w.mu.Lock(); t.Failed() {
			t.Logf("the server's last words:\n%s", w.last)
		}
		w.mu.Unlock()
	})
	return w
}

// freeAddress is one where nobody listens. It stays the same over crashes, as a
// server's does.
func freeAddress(t *testing.T) string {
	t.Helper()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}

// intN is a number below n, by chance.
func (w *world) intN(n int) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.chance.IntN(n)
}

// door passes an event on to the server, sometimes twice at a time, and notes
// which have been acknowledged. Where the server does not answer, Stripe learns
// that the event has not arrived.
func (w *world) door(answer http.ResponseWriter, r *http.Request) {
	w.open.RLock()
	defer w.open.RUnlock()
	if w.shut {
		answer.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	body, err := io.ReadAll(r.Body)
	var event struct {
		ID string `json:"id"`
	}
	if err != nil || json.Unmarshal(body, &event) != nil {
		answer.WriteHeader(http.StatusBadRequest)
		return
	}
	var again sync.WaitGroup
	if w.intN(4) == 0 {
		again.Go(func() { w.pass(r.Context(), event.ID, body, r.Header.Get("Stripe-Signature")) })
	}
	answer.WriteHeader(w.pass(r.Context(), event.ID, body, r.Header.Get("Stripe-Signature")))
	again.Wait()
}

// shutDoor lets no more events pass, and returns when none is under way: what
// is on record can then be compared with what was acknowledged.
func (w *world) shutDoor() {
	w.open.Lock()
	defer w.open.Unlock()
	w.shut = true
}

// pass returns the status of the server's answer.
func (w *world) pass(ctx context.Context, id string, body []byte, signature string) int {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+w.config.Addr+"/api/v1/payments/webhook/", strings.NewReader(string(body)))
	if err != nil {
		return http.StatusInternalServerError
	}
	request.Header.Set("Stripe-Signature", signature)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return http.StatusBadGateway
	}
	defer response.Body.Close()
	w.mu.Lock()
	defer w.mu.Unlock()
	switch response.StatusCode {
	case http.StatusOK:
		if _, before := w.acknowledged[id]; !before {
			w.acknowledged[id] = time.Now()
		}
	case http.StatusServiceUnavailable:
		w.refused++
	default:
		w.odd = append(w.odd, response.StatusCode)
	}
	return response.StatusCode
}

// call makes a call to Stripe, as somebody at its Dashboard would.
func (w *world) call(t testing.TB, method, path, form string) map[string]any {
	t.Helper()
	status, answer, err := w.tryCall(method, path, form)
	if err != nil || status != http.StatusOK {
		t.Fatalf("%s %s: %d %v %v", method, path, status, answer, err)
	}
	return answer
}

func (w *world) tryCall(method, path, form string) (int, map[string]any, error) {
	target := w.stripe + path
	if method == http.MethodGet {
		target += "?" + form
	}
	request, err := http.NewRequestWithContext(context.Background(), method, target, strings.NewReader(form))
	if err != nil {
		return 0, nil, err
	}
	request.SetBasicAuth("sk_test_process", "")
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, nil, err
	}
	defer response.Body.Close()
	var answer map[string]any
	err = json.NewDecoder(response.Body).Decode(&answer)
	return response.StatusCode, answer, err
}

// list is all of a list of Stripe's.
func (w *world) list(t testing.TB, path string) []map[string]any {
	t.Helper()
	var all []map[string]any
	for form := "limit=100"; ; {
		page := w.call(t, http.MethodGet, path, form)
		for _, row := range page["data"].([]any) {
			all = append(all, row.(map[string]any))
		}
		if page["has_more"] != true {
			return all
		}
		form = "limit=100&starting_after=" + all[len(all)-1]["id"].(string)
	}
}

// noteKill notes that something is killed now.
func (w *world) noteKill() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.killed = append(w.killed, time.Now())
}

// beforeCrash waits until the server has taken an event since the last crash,
// so that it has work to lose, and for a random time after that.
func (w *world) beforeCrash(t *testing.T) {
	t.Helper()
	count := func() int {
		w.mu.Lock()
		defer w.mu.Unlock()
		return len(w.acknowledged)
	}
	ctx, cancel := context.WithTimeout(t.Context(), settleTime)
	defer cancel()
	for before := count(); count() == before; {
		if ctx.Err() != nil {
			t.Fatalf("the server took no event in %v", settleTime)
		}
		pause(ctx, 5*time.Millisecond)
	}
	pause(ctx, time.Duration(w.intN(700))*time.Millisecond)
}
