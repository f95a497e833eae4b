package stripesim_test

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/numerai-app/payments/stripesim"
)

// TestChanceOfDeliveries checks the trouble that deliveries meet by chance.
func TestChanceOfDeliveries(t *testing.T) {
	t.Parallel()
	w := newWorld(t, stripesim.Config{Seed: 7})
	r := newReceiver(t)
	w.endpoint(r.url, "&enabled_events[]=product.created")
	create := func(name string) { w.post("/v1/products", query("name", name)) }
	next := func() string { return r.next("product.created").text("data.object.name") }

	w.post("/_sim/trouble", `{"deliveries":{"drop":1}}`)
	create("dropped")
	w.post("/_sim/trouble", `{"deliveries":{"duplicate":1}}`)
	create("doubled")
	for range 2 {
		if got := next(); got != "doubled" {
			t.Errorf("%s is delivered", got)
		}
	}
	w.post("/_sim/trouble", `{"deliveries":{"duplicate":0.5}}`)
	const many = 40
	for i := range many {
		create(fmt.Sprint("some ", i))
	}
	w.succeed(http.MethodDelete, "/_sim/trouble", "")
	create("last")
	got, ended := 0, map[string]int{}
	for len(ended) <= many {
		ended[next()]++
		got++
	}
	if ended["dropped"] > 0 || got < many+5 || got > 2*many-5 {
		t.Errorf("half of %d events are doubled: %d deliveries", many, got)
	}
}

// TestPauseFor checks that deliveries go on by themselves.
func TestPauseFor(t *testing.T) {
	t.Parallel()
	w := newWorld(t, quickly)
	r := newReceiver(t)
	w.endpoint(r.url, "&enabled_events[]=product.created")
	for _, body := range []string{`{"seconds":-1}`, `{"seconds":86401}`} {
		if got := w.call(http.MethodPost, "/_sim/deliveries/pause", body); got.status != http.StatusBadRequest {
			t.Errorf("%s is answered %d", body, got.status)
		}
	}
	began := time.Now()
	w.post("/_sim/deliveries/pause", `{"seconds":1}`)
	w.post("/v1/products", "name=late")
	r.next("product.created")
	if took := time.Since(began); took < time.Second {
		t.Errorf("a pause of a second took %v", took)
	}
}
