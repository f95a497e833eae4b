package bench_test

import (
	"bufio"
	"context"
	"fmt"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/numerai-app/payments/stripesim"
)

// The secrets of the server under load.
const (
	webhookSecret = "whsec_bench"
	jwtSecret     = "a key of thirty-two bytes or more"
)

// binary is the program, built once for all benchmarks.
var binary string

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "payments-bench")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	binary = filepath.Join(dir, "payments")
	build := exec.CommandContext(context.Background(), "go", "build", "-trimpath", "-o", binary, "../../cmd/payments")
	build.Env, build.Stderr = append(os.Environ(), "CGO_ENABLED=0"), os.Stderr
	if err := build.Run(); err != nil {
		fmt.Fprintln(os.Stderr, "build the program:", err)
		return 1
	}
	return m.Run()
}

// process is a running server.
type process struct {
	*os.Process
	// host is where it listens.
	host string
	// started is how long it took to accept requests.
	started time.Duration
}

// serve starts the server on a database whose schema is current. It ends with
// the benchmark. The Stripe behind it has nothing to tell.
func serve(b *testing.B, database string, variables ...string) process {
	b.Helper()
	quiet := httptest.NewServer(simulator(b))
	b.Cleanup(quiet.Close)
	command := exec.CommandContext(b.Context(), binary, "serve", "--addr", "127.0.0.1:0", "--ops-addr", "127.0.0.1:0")
	command.Dir = b.TempDir() // which has no .env
	command.Env = append([]string{
		"STRIPE_SECRET_KEY=sk_test_bench", "STRIPE_PUBLISHABLE_KEY=pk_test_bench", "STRIPE_WEBHOOK_SECRET=" + webhookSecret,
		"STRIPE_PRICE_ID_BASIC=price_basic", "STRIPE_PRICE_ID_PREMIUM=price_premium", "STRIPE_PRICE_ID_ELITE=price_elite",
		"STRIPE_API_BASE=" + quiet.URL, "DATABASE_URL=" + database, "PAYMENTS_JWT_SECRET=" + jwtSecret, "PAYMENTS_LOG_LEVEL=warn",
	}, variables...)
	command.Stderr = os.Stderr
	out, err := command.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	began := time.Now()
	if err := command.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		_ = command.Process.Signal(syscall.SIGTERM)
		_ = command.Wait()
	})
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if host, ready := strings.CutPrefix(lines.Text(), "ready http://"); ready {
			return process{Process: command.Process, host: host, started: time.Since(began)}
		}
	}
	b.Fatal("the server did not start")
	return process{}
}

// simulator is a Stripe in which nothing happens.
func simulator(b *testing.B) *stripesim.Simulator {
	b.Helper()
	s, err := stripesim.New(stripesim.Config{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = s.Close(context.WithoutCancel(b.Context())) })
	return s
}
