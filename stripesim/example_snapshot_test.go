package stripesim_test

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/numerai-app/payments/stripesim"
)

// What a test begins with is made once. Each run loads it, with trouble by
// chance that a seed repeats.
func ExampleSimulator_Load() {
	began, err := stripesim.New(stripesim.Config{Now: func() time.Time { return time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC) }})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer began.Close(context.Background())
	var snapshot bytes.Buffer
	if err := began.Snapshot(&snapshot); err != nil {
		fmt.Println(err)
		return
	}

	sim, err := stripesim.New(stripesim.Config{
		Seed: 42, Trouble: stripesim.Trouble{Requests: map[string]float64{"rate_limit": 1}},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer sim.Close(context.Background())
	if err := sim.Load(&snapshot); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(sim.Now().Format(time.DateOnly))

	request := httptest.NewRequest(http.MethodGet, "/v1/customers", nil)
	request.Header.Set("Authorization", "Bearer sk_test_any")
	answer := httptest.NewRecorder()
	sim.ServeHTTP(answer, request)
	fmt.Println(answer.Code)
	// Output:
	// 2026-05-01
	// 429
}
