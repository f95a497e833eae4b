package bench_test

import (
	"context"
	"net/http/httptest"
	"os"
	"testing"

	"github.com/numerai-app/payments/internal/processtest"
	"github.com/numerai-app/payments/stripesim"
)

// webhookSecret signs the events of the load.
const webhookSecret = "whsec_bench"

func TestMain(m *testing.M) { os.Exit(processtest.Main(m)) }

// serve starts the server on a database whose schema is current. It ends with
// the benchmark. In the Stripe behind it nothing happens.
func serve(b *testing.B, database string) *processtest.Server {
	b.Helper()
	sim, err := stripesim.New(stripesim.Config{})
	if err != nil {
		b.Fatal(err)
	}
	quiet := httptest.NewServer(sim)
	b.Cleanup(func() {
		quiet.Close()
		_ = sim.Close(context.WithoutCancel(b.Context()))
	})
	return processtest.Start(b, processtest.Config{
		Database: database, Stripe: quiet.URL, WebhookSecret: webhookSecret, Prices: [3]string{"price_basic", "price_premium", "price_elite"},
	})
}
