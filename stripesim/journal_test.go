package stripesim_test

import (
	"bufio"
	"context"
	"fmt"
	"log"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/numerai-app/payments/stripesim"
)

// TestBrokenJournal checks that nothing is done that cannot be kept.
func TestBrokenJournal(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	open := func() (*world, *stripesim.Simulator) {
		sim, err := stripesim.New(stripesim.Config{Dir: dir})
		if err != nil {
			t.Fatal(err)
		}
		return serveTroubled(t, sim), sim
	}
	count := func(w *world) int { return len(w.get("/v1/customers").rows()) }
	w, sim := open()
	w.post("/v1/customers", "name=Ada")

	// A journal that cannot be written anew goes on as it is.
	inTheWay := filepath.Join(dir, "journal.jsonl.new")
	if err := os.Mkdir(inTheWay, 0o700); err != nil {
		t.Fatal(err)
	}
	if got := w.call(http.MethodPost, "/_sim/reset", ""); got.status != http.StatusBadRequest || count(w) != 1 {
		t.Errorf("a reset that cannot be kept is answered %d", got.status)
	}
	w.post("/v1/customers", "name=Grace")
	if err := os.Remove(inTheWay); err != nil {
		t.Fatal(err)
	}
	if err := sim.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := w.call(http.MethodPost, "/v1/customers", "name=Late"); got.status != http.StatusInternalServerError {
		t.Errorf("a closed simulator answers %d", got.status)
	}

	w, sim = open()
	if got := count(w); got != 2 {
		t.Errorf("%d customers are there after a failed reset", got)
	}
	if err := sim.BreakJournal(); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if got := w.call(http.MethodPost, "/v1/customers", "name=Lost"); got.status != http.StatusInternalServerError || count(w) != 2 {
			t.Errorf("what cannot be kept is answered %d", got.status)
		}
	}
	w.post("/_sim/reset", "")
	w.post("/v1/customers", "name=Mended")
	if err := sim.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	w, sim = open()
	if got := count(w); got != 1 {
		t.Errorf("%d customers are there after the reset", got)
	}
	if err := sim.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// TestUnnotedDelivery checks that an event whose delivery could not be kept is
// still waited for.
func TestUnnotedDelivery(t *testing.T) {
	t.Parallel()
	sim, err := stripesim.New(stripesim.Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	w, r := serve(t, sim), newReceiver(t)
	w.endpoint(r.url, "&enabled_events[]=product.created")
	w.post("/_sim/deliveries/pause", "")
	w.post("/v1/products", "name=a")
	if err := sim.BreakJournal(); err != nil {
		t.Fatal(err)
	}
	w.post("/_sim/deliveries/resume", "")
	r.next("product.created")
	_ = sim.Close(t.Context()) // waits for the delivery; its file is gone
	wantAll(t, "the event", w.get("/v1/events?type=product.created").rows()[0], map[string]any{"pending_webhooks": 1})
}

const crashFolder = "STRIPESIM_CRASH_FOLDER"

// TestMain runs the tests, or, started again by [TestCrash], what it kills.
func TestMain(m *testing.M) {
	if dir := os.Getenv(crashFolder); dir != "" {
		log.Fatal(serveUntilKilled(dir))
	}
	m.Run()
}

// serveUntilKilled answers for a folder and says where. It ends by an error
// only.
func serveUntilKilled(dir string) error {
	sim, err := stripesim.New(stripesim.Config{Dir: dir})
	if err != nil {
		return err
	}
	listener, err := new(net.ListenConfig).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Printf("ready http://%s\n", listener.Addr())
	server := &http.Server{Handler: sim, ReadHeaderTimeout: time.Minute}
	return server.Serve(listener)
}

// TestCrash kills a process again and again while clients write: whatever was
// answered is there afterwards.
func TestCrash(t *testing.T) {
	t.Parallel()
	dir, answered := t.TempDir(), map[string]bool{}
	for range 10 {
		w, kill := startCrashing(t, dir)
		var mu sync.Mutex
		left, enough := 5+rand.IntN(100), make(chan struct{}) // writes until it is killed
		var clients sync.WaitGroup
		for range 4 {
			clients.Go(func() {
				for {
					got, err := w.try(http.MethodPost, "/v1/customers", "name=Ada")
					if err != nil || got.status != http.StatusOK {
						return
					}
					mu.Lock()
					answered[got.text("id")] = true
					if left--; left == 0 {
						close(enough)
					}
					mu.Unlock()
				}
			})
		}
		stopped := make(chan struct{})
		go func() {
			clients.Wait()
			close(stopped)
		}()
		select {
		case <-enough:
		case <-stopped:
			t.Error("the process stopped answering by itself")
		}
		kill()
		<-stopped
	}
	w := serve(t, newSimulator(t, stripesim.Config{Dir: dir}))
	for id := range answered {
		w.get("/v1/customers/" + id)
	}
	if len(answered) < 10 {
		t.Errorf("only %d writes were answered", len(answered))
	}
}

// startCrashing serves a folder by a process of its own, until it is killed.
func startCrashing(t *testing.T, dir string) (w *world, kill func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	process := exec.CommandContext(ctx, os.Args[0]) //nolint:gosec // this very program
	process.Env = append(os.Environ(), crashFolder+"="+dir)
	output, err := process.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := process.Start(); err != nil {
		t.Fatal(err)
	}
	kill = func() {
		cancel() // which kills it
		_ = process.Wait()
	}
	w = &world{t: t}
	ready := false
	if lines := bufio.NewScanner(output); lines.Scan() {
		w.url, ready = strings.CutPrefix(lines.Text(), "ready ")
	}
	if !ready {
		kill()
		t.Fatal("the process ended before it was ready")
	}
	return w, kill
}
