// Package processtest is for tests only: it builds the real program and runs its
// server as a process of its own, which can be killed.
package processtest

import (
	"bufio"
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// program is where Main has built it.
var program string

// Main builds the program, runs the tests of a package and returns their exit
// code, for its TestMain.
func Main(m *testing.M) int {
	dir, err := os.MkdirTemp("", "payments-program")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(dir) }() // the system's own folder for what may be lost
	program = filepath.Join(dir, "payments")
	build := exec.CommandContext(context.Background(), "go", "build", "-o", program, "github.com/numerai-app/payments/cmd/payments")
	build.Env, build.Stderr = append(os.Environ(), "CGO_ENABLED=0"), os.Stderr
	if err := build.Run(); err != nil {
		fmt.Fprintln(os.Stderr, "build the program:", err)
		return 1
	}
	return m.Run()
}

// JWTSecret signs the tokens of users.
const JWTSecret = "a key of thirty-two bytes or more"

// Config is what a server is run with.
type Config struct {
	// Database and Stripe are their URLs.
	Database, Stripe string
	// WebhookSecret signs what Stripe sends.
	WebhookSecret string
	// Prices are those behind the plans basic, premium and elite.
	Prices [3]string
	// Addr is where it listens. Default: at a free port.
	Addr string
	// Limit bounds the size of the files that it writes, in kibibytes, until
	// Unlimit. Zero: none.
	Limit int
	// Rate is how many calls to Stripe a second it makes. Default: 1000.
	Rate int
	// Log takes what it logs. Default: what is at least an error is shown.
	Log io.Writer
}

// Server is a running server.
type Server struct {
	// Host is where it listens.
	Host string
	// Started is how long it took to accept requests.
	Started time.Duration

	process *exec.Cmd
}

// Start starts a server and returns when it accepts requests. It ends with the
// test.
func Start(t testing.TB, c Config) *Server {
	t.Helper()
	addr := c.Addr
	if addr == "" {
		addr = "127.0.0.1:0"
	}
	run := []string{program, "serve", "--addr", addr, "--ops-addr="}
	if c.Limit > 0 {
		run = append([]string{"/bin/sh", "-c", fmt.Sprintf(`ulimit -S -f %d && exec "$@"`, 2*c.Limit), "sh"}, run...) // counted in halves of one
	}
	command := exec.CommandContext(t.Context(), run[0], run[1:]...)
	command.Dir = t.TempDir() // which has no .env
	command.Env = []string{
		"PATH=/usr/bin:/bin", "STRIPE_SECRET_KEY=sk_test_process", "STRIPE_PUBLISHABLE_KEY=pk_test_process",
		"STRIPE_WEBHOOK_SECRET=" + c.WebhookSecret, "STRIPE_API_BASE=" + c.Stripe, "DATABASE_URL=" + c.Database,
		"STRIPE_PRICE_ID_BASIC=" + c.Prices[0], "STRIPE_PRICE_ID_PREMIUM=" + c.Prices[1], "STRIPE_PRICE_ID_ELITE=" + c.Prices[2],
		"PAYMENTS_JWT_SECRET=" + JWTSecret, "PAYMENTS_LOG_LEVEL=warn", "PAYMENTS_STRIPE_RATE=" + strconv.Itoa(cmp.Or(c.Rate, 1000)),
	}
	if c.Log != nil {
		command.Stderr = c.Log
	} else {
		command.Stderr = os.Stderr
	}
	out, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	s := &Server{process: command}
	t.Cleanup(s.Stop)
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if host, ready := strings.CutPrefix(lines.Text(), "ready http://"); ready {
			s.Host, s.Started = host, time.Since(began)
			return s
		}
	}
	t.Fatalf("the server ended before it accepted requests: %v", command.Wait())
	return nil
}

// Pid is the process.
func (s *Server) Pid() int { return s.process.Process.Pid }

// Unlimit lets a server that was started with a Limit write as much as it
// likes. Where the machine cannot do that to a process, the test is skipped, and
// fails with CI=true.
func (s *Server) Unlimit(t testing.TB) {
	t.Helper()
	prlimit, err := exec.LookPath("prlimit")
	if err != nil && os.Getenv("CI") == "true" {
		t.Fatalf("prlimit (Debian: util-linux) is missing: %v", err)
	}
	if err != nil {
		t.Skipf("skipped for lack of prlimit (Debian: util-linux): %v", err)
	}
	command := exec.CommandContext(t.Context(), prlimit, "--fsize=unlimited:", "--pid", strconv.Itoa(s.Pid()))
	if out, err := command.CombinedOutput(); err != nil {
		t.Fatalf("prlimit: %v: %s", err, out)
	}
}

// Kill ends the server at once, as a crash does.
func (s *Server) Kill() { s.end(syscall.SIGKILL) }

// Stop asks the server to end and waits until it has.
func (s *Server) Stop() { s.end(syscall.SIGTERM) }

func (s *Server) end(by syscall.Signal) {
	if s.process.ProcessState != nil {
		return
	}
	_ = s.process.Process.Signal(by) // it may have ended by itself
	_ = s.process.Wait()             // how it ended is no news
}
