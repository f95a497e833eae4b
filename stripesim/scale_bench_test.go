package stripesim_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/numerai-app/payments/stripesim"
)

// crowd is a simulator with many customers, called without a network between.
type crowd struct {
	b     *testing.B
	sim   *stripesim.Simulator
	price string
}

func newCrowd(b *testing.B) *crowd {
	b.Helper()
	sim, err := stripesim.New(stripesim.Config{Now: func() time.Time { return june }})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := sim.Close(context.WithoutCancel(b.Context())); err != nil {
			b.Errorf("close: %v", err)
		}
	})
	c := &crowd{b: b, sim: sim}
	c.price = c.id(c.call(http.MethodPost, "/v1/prices", "currency=usd&unit_amount=2000&recurring[interval]=month&product_data[name]=Tea"))
	return c
}

// call makes a call that has to succeed.
func (c *crowd) call(method, path, body string) []byte {
	request := httptest.NewRequestWithContext(c.b.Context(), method, path, strings.NewReader(body))
	request.Header.Set("Authorization", "Bearer "+secretKey)
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	recorded := httptest.NewRecorder()
	c.sim.ServeHTTP(recorded, request)
	if recorded.Code != http.StatusOK {
		c.b.Fatalf("%s %s %s: %d %s", method, path, body, recorded.Code, recorded.Body)
	}
	return recorded.Body.Bytes()
}

func (c *crowd) id(encoded []byte) string {
	var made struct {
		ID string `json:"id"`
	}
	if err := json.Unmarshal(encoded, &made); err != nil {
		c.b.Fatal(err)
	}
	return made.ID
}

func (c *crowd) newCustomer(i int) string {
	return c.id(c.call(http.MethodPost, "/v1/customers", fmt.Sprintf("email=ada%d@example.com&name=Ada", i)))
}

// subscribe makes a customer with a card and a subscription that it has paid.
func (c *crowd) subscribe(i int) {
	customer := c.newCustomer(i)
	card := c.id(c.call(http.MethodPost, "/v1/payment_methods/pm_card_visa/attach", "customer="+customer))
	c.call(http.MethodPost, "/v1/subscriptions", "customer="+customer+"&default_payment_method="+card+"&items[0][price]="+c.price)
}

// heap is how much memory is in use after a collection.
func heap() uint64 {
	var read runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&read)
	return read.HeapAlloc
}

// BenchmarkSimCreate measures the making of a customer.
func BenchmarkSimCreate(b *testing.B) {
	c := newCrowd(b)
	for i := 0; b.Loop(); i++ {
		c.newCustomer(i)
	}
}

// BenchmarkSimListPage measures a page of 100 of 20,000 customers, at both ends.
func BenchmarkSimListPage(b *testing.B) {
	const customers = 20_000
	c := newCrowd(b)
	oldest := c.newCustomer(0)
	for i := range customers {
		c.newCustomer(i + 1)
	}
	for _, end := range [][2]string{{"start", ""}, {"end", "&ending_before=" + oldest}} {
		b.Run(end[0], func(b *testing.B) {
			for b.Loop() {
				c.call(http.MethodGet, "/v1/customers?limit=100"+end[1], "")
			}
		})
	}
}

// BenchmarkSimMonth measures a month in which 10,000 subscriptions renew.
func BenchmarkSimMonth(b *testing.B) {
	const subscriptions = 10_000
	for b.Loop() {
		b.StopTimer()
		c := newCrowd(b)
		for i := range subscriptions {
			c.subscribe(i)
		}
		b.StartTimer()
		if err := c.sim.Advance(b.Context(), 31*day); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkSimCustomer measures the making of a customer with a card and a paid
// subscription, and the memory that stays with it.
func BenchmarkSimCustomer(b *testing.B) {
	c := newCrowd(b)
	before, made := heap(), 0
	for b.Loop() {
		c.subscribe(made)
		made++
	}
	b.ReportMetric(float64(heap()-before)/float64(made), "B/customer")
	runtime.KeepAlive(c)
}
