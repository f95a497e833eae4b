package stripesim_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/numerai-app/payments/stripesim"
)

// snapshot is the document that GET /_sim/snapshot answers with.
func (w *world) snapshot() string {
	w.t.Helper()
	request, err := http.NewRequestWithContext(w.t.Context(), http.MethodGet, w.url+"/_sim/snapshot", nil)
	if err != nil {
		w.t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		w.t.Fatal(err)
	}
	defer response.Body.Close()
	document, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK || response.Header.Get("Content-Type") != "application/jsonl" {
		w.t.Fatalf("the snapshot is answered %d, %s, %v", response.StatusCode, response.Header.Get("Content-Type"), err)
	}
	return string(document)
}

// TestSnapshot carries a state elsewhere, months later: both go on alike.
func TestSnapshot(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	start := func(real time.Time) *world {
		return serve(t, newSimulator(t, stripesim.Config{Seed: 7, Now: func() time.Time { return real }}))
	}
	w := start(at)
	w.price = w.newPrice(2000, "week")
	s := w.subscribe(w.newCustomer("pm_card_visa"), "")
	w.post("/v1/customers", "name=Grace&test_clock="+w.post("/v1/test_helpers/test_clocks", "frozen_time=1777000000").text("id"))
	keyed := w.call(http.MethodPost, "/v1/customers", "name=Ada", "Idempotency-Key", "key-1")
	w.advance(3 * day)
	document := w.snapshot()

	fresh := start(at)
	fresh.post("/v1/customers", "name=Lost")
	fresh.post("/_sim/snapshot", document)
	if diff := cmp.Diff(strings.Split(document, "\n"), strings.Split(fresh.snapshot(), "\n")); diff != "" {
		t.Errorf("it is loaded otherwise than it was written (-written +loaded):\n%s", diff)
	}
	again := fresh.call(http.MethodPost, "/v1/customers", "name=Ada", "Idempotency-Key", "key-1")
	if again.text("id") != keyed.text("id") {
		t.Error("the idempotency key is forgotten")
	}

	var runs [][]object
	for _, one := range []*world{w, start(at), start(at.AddDate(0, 7, 0))} {
		one.post("/_sim/snapshot", document)
		if got := one.sim.Now(); !got.Equal(at.Add(3 * day)) {
			t.Errorf("the clock goes on from %v", got)
		}
		one.advance(week)
		wantAll(t, "renewed", one.subscription(s.text("id")).object, map[string]any{
			"latest_invoice.billing_reason": "subscription_cycle", "latest_invoice.amount_paid": 2000, "latest_invoice.status": "paid",
		})
		runs = append(runs, one.get("/v1/events?limit=100").rows())
	}
	for _, other := range runs[1:] {
		if diff := cmp.Diff(runs[0], other); diff != "" {
			t.Errorf("they go on otherwise (-here +there):\n%s", diff)
		}
	}
}

// TestSnapshotWithWaiting carries a frozen clock, and events that no endpoint
// has taken yet, into a folder.
func TestSnapshotWithWaiting(t *testing.T) {
	t.Parallel()
	w := newWorld(t, quickly)
	r := newReceiver(t)
	w.endpoint(r.url, "&enabled_events[]=product.created")
	w.post("/_sim/clock/freeze", "")
	w.post("/_sim/deliveries/pause", "")
	for _, name := range []string{"a", "b", "c"} {
		w.post("/v1/products", query("name", name))
	}
	document := w.snapshot()

	dir := t.TempDir()
	sim, err := stripesim.New(stripesim.Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	there := serve(t, sim)
	if got := there.post("/_sim/snapshot", document); got.object["frozen"] != true || got.number("unix") != w.sim.Now().Unix() {
		t.Errorf("the clock stands at %v", got.object)
	}
	seen := map[string]bool{}
	for range 3 {
		seen[r.next("product.created").text("data.object.name")] = true
	}
	if len(seen) != 3 {
		t.Errorf("what waited is delivered as %v", seen)
	}
	there.post("/v1/products", "name=d")
	if err := sim.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	kept := serve(t, newSimulator(t, stripesim.Config{Dir: dir}))
	if got := len(kept.get("/v1/products").rows()); got != 5 { // that of the price too
		t.Errorf("%d products are there after a restart", got)
	}
}

func TestBadSnapshot(t *testing.T) {
	t.Parallel()
	w := newWorld(t, stripesim.Config{})
	before := w.get("/v1/events").object
	head, _, _ := strings.Cut(w.snapshot(), "\n")
	for _, document := range []string{
		"", "nonsense\n", "{}\n", head, head + "\n{\"objects\":", head + "\n" + `{"objects":[{"kind":"unicorn","object":{}}]}` + "\n",
		head + "\n" + `{"objects":[{"kind":"customer","serial":1,"object":{}}]}` + "\n",
		head + "\n" + `{"objects":[{"kind":"customer","serial":1,"object":{"id":7}}]}` + "\n",
	} {
		if got := w.call(http.MethodPost, "/_sim/snapshot", document); got.status != http.StatusBadRequest || got.text("error") == "" {
			t.Errorf("%q is answered %d", document, got.status)
		}
	}
	if diff := cmp.Diff(before, w.get("/v1/events").object); diff != "" {
		t.Errorf("a bad snapshot has changed something (-before +after):\n%s", diff)
	}
	if err := w.sim.Snapshot(failingWriter{}); err == nil {
		t.Error("a snapshot that could not be written is no error")
	}
}

type failingWriter struct{}

func (failingWriter) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }

// TestLargeSnapshot loads more than what other calls may send.
func TestLargeSnapshot(t *testing.T) {
	t.Parallel()
	w := newWorld(t, stripesim.Config{})
	for i := range 40 {
		w.post("/v1/customers", query("description", strings.Repeat("d", 350), "metadata[a]", strings.Repeat("m", 500), "name", fmt.Sprint(i)))
	}
	document := w.snapshot()
	padded := document + strings.Repeat("{}\n", 1<<19)
	w.post("/_sim/reset", "")
	w.post("/_sim/snapshot", padded)
	if got := len(w.get("/v1/customers?limit=100").rows()); got != 40 {
		t.Errorf("%d customers are loaded", got)
	}
	if got := w.call(http.MethodPost, "/_sim/advance", padded); got.status != http.StatusRequestEntityTooLarge {
		t.Errorf("another call of that size is answered %d", got.status)
	}
	var same bytes.Buffer
	if err := w.sim.Snapshot(&same); err != nil || same.Len() < len(document)-100 {
		t.Errorf("it is written as %d bytes, %v", same.Len(), err)
	}
}

// TestEventsOfAnotherHand loads a snapshot whose events have ids that the
// simulator would not make, and no order in the file.
func TestEventsOfAnotherHand(t *testing.T) {
	w := newWorld(t, stripesim.Config{})
	for range 3 {
		w.post("/v1/products", "name=Tea")
	}
	made := w.get("/v1/events?type=product.created&limit=3").rows()
	document := w.snapshot()
	for i, name := range []string{"evt_mine", "evt_1zzz", "evt_100000000aaaaaaaaaaaaaaa"} {
		document = strings.ReplaceAll(document, made[i].text("id"), name)
	}
	lines := strings.Split(strings.TrimSpace(document), "\n")
	slices.Reverse(lines[1:])
	loaded := serve(t, newSimulator(t, stripesim.Config{}))
	if err := loaded.sim.Load(strings.NewReader(strings.Join(lines, "\n") + "\n")); err != nil {
		t.Fatal(err)
	}
	if got := loaded.get("/v1/events/evt_1zzz").text("id"); got != "evt_1zzz" {
		t.Errorf("the event is %q", got)
	}
	after := loaded.get("/v1/events?type=product.created&starting_after=evt_mine&limit=2").rows()
	if len(after) != 2 || after[0].text("id") != "evt_1zzz" || after[1].text("id") != "evt_100000000aaaaaaaaaaaaaaa" {
		t.Errorf("after evt_mine there is %v", after)
	}
	if got := loaded.call(http.MethodGet, "/v1/events/evt_10000000", ""); got.status != http.StatusNotFound {
		t.Errorf("an event that is not there: %d", got.status)
	}
	loaded.advance(31 * 24 * time.Hour)
	if got := loaded.call(http.MethodGet, "/v1/events/evt_mine", ""); got.status != http.StatusNotFound {
		t.Errorf("an event of last month: %d", got.status)
	}
}
