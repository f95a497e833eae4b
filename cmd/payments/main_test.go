package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/numerai-app/payments/internal/postgrestest"
	"github.com/numerai-app/payments/server"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"payments": main})
}

func TestScripts(t *testing.T) {
	t.Parallel()
	testscript.Run(t, testscript.Params{
		Dir:  "testdata/script",
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"exits": exits},
	})
}

// exits is the script command "exits STATUS COMMAND…": what is wrong is told in
// lines on standard error that begin with the program's name.
func exits(script *testscript.TestScript, _ bool, args []string) {
	var ended *exec.ExitError
	err := script.Exec(args[1], args[2:]...)
	if !errors.As(err, &ended) {
		script.Fatalf("%v ended with %v, want status %s", args[1:], err, args[0])
	}
	if got := strconv.Itoa(ended.ExitCode()); got != args[0] {
		script.Fatalf("%v ended with status %s, want %s", args[1:], got, args[0])
	}
	if problem := script.ReadFile("stderr"); !strings.HasPrefix(problem, "payments: ") {
		script.Fatalf("%v told %q", args[1:], problem)
	}
}

// TestEveryFlagHasAVariable holds the help to the promise that whatever a flag
// says can be said by the environment, and that the help names the variable.
func TestEveryFlagHasAVariable(t *testing.T) {
	t.Parallel()
	parser, err := newParser(io.Discard, io.Discard, func(int) {})
	if err != nil {
		t.Fatal(err)
	}
	checked := 0
	for _, command := range parser.Model.Leaves(true) {
		for _, flags := range command.AllFlags(true) {
			for _, flag := range flags {
				if flag.Name == "help" {
					continue
				}
				checked++
				if len(flag.Envs) == 0 && !strings.Contains(flag.Help, "($") {
					t.Errorf("%s --%s has no variable", command.FullPath(), flag.Name)
				}
			}
		}
	}
	if checked < 30 {
		t.Errorf("only %d flags were looked at", checked)
	}
}

// running is a command that was started and has not ended.
type running struct {
	url    string
	output string // what it printed until it was ready
	stop   func() (status int, stderr string)
}

// start runs a command until it says ready.
func start(t *testing.T, env map[string]string, args ...string) running {
	t.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	reader, writer := io.Pipe()
	var stderr lockedBuffer
	status := make(chan int, 1)
	go func() {
		code := run(&process{Context: ctx, name: "payments", stdout: writer, stderr: &stderr, env: variablesOf(env)}, args)
		status <- code
		_ = writer.Close() // a pipe in memory
	}()
	lines := bufio.NewScanner(reader)
	r := running{}
	for r.url == "" && lines.Scan() {
		r.output += lines.Text() + "\n"
		r.url, _ = strings.CutPrefix(lines.Text(), "ready ")
		if r.url == lines.Text() {
			r.url = ""
		}
	}
	go func() { _, _ = io.Copy(io.Discard, reader) }()
	var once sync.Once
	code := -1
	r.stop = func() (int, string) {
		once.Do(func() {
			cancel()
			code = <-status
		})
		return code, stderr.String()
	}
	t.Cleanup(func() { r.stop() })
	if r.url == "" {
		code, problem := r.stop()
		t.Fatalf("payments %s ended with %d before it was ready: %s", strings.Join(args, " "), code, problem)
	}
	return r
}

type lockedBuffer struct {
	mu     sync.Mutex
	buffer bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buffer.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buffer.String()
}

// variablesOf is an environment of these variables alone.
func variablesOf(env map[string]string) lookup {
	return func(name string) (string, bool) {
		value, ok := env[name]
		return value, ok
	}
}

// command runs a command to its end.
func command(t *testing.T, env map[string]string, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	var out, problems bytes.Buffer
	status = run(&process{Context: t.Context(), name: "payments", stdout: &out, stderr: &problems, env: variablesOf(env)}, args)
	return status, out.String(), problems.String()
}

func call(t *testing.T, method, url, token, body string) map[string]any {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+token)
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var answer map[string]any
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
		t.Fatal(err)
	}
	if response.StatusCode >= 300 {
		t.Fatalf("%s %s: %d %v", method, url, response.StatusCode, answer)
	}
	return answer
}

func eventually(t *testing.T, what string, done func() bool) {
	t.Helper()
	deadline := time.NewTimer(30 * time.Second)
	defer deadline.Stop()
	look := time.NewTicker(50 * time.Millisecond)
	defer look.Stop()
	for !done() {
		select {
		case <-look.C:
		case <-deadline.C:
			t.Fatalf("waited in vain for: %s", what)
		}
	}
}

const api = "/api/v1/payments/"

// subscribeAndLook does the main job over HTTP.
func subscribeAndLook(t *testing.T, url, token string) {
	t.Helper()
	created := call(t, http.MethodPost, url+api+"create-subscription/", token, `{"plan": "premium", "payment_method_id": "pm_card_visa"}`)
	if created["status"] != "active" {
		t.Fatalf("created %v", created)
	}
	checkPremium(t, url, token, 1)
}

func checkPremium(t *testing.T, url, token string, rows int) {
	t.Helper()
	status := call(t, http.MethodGet, url+api+"subscription-status/", token, "")
	if status["is_premium"] != true || status["plan"] != "premium" {
		t.Fatalf("status %v", status)
	}
	history := call(t, http.MethodGet, url+api+"billing-history/", token, "")
	results := history["results"].([]any)
	if len(results) != rows {
		t.Fatalf("history %v, want %d rows", history, rows)
	}
	row := results[0].(map[string]any)
	if got := fmt.Sprint(row["amount"], row["currency"], row["status"]); got != "1999usdpaid" {
		t.Fatalf("row %v", row)
	}
}

var tokenLine = regexp.MustCompile(`TOKEN=(\S+)`)

func TestDev(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	// Nothing of a real account is taken from the environment.
	env := map[string]string{"STRIPE_SECRET_KEY": "sk_live_real", "STRIPE_API_BASE": "https://stripe.invalid", "DATABASE_URL": "postgres://db.invalid/"}
	dev := start(t, env, "dev", "--dir", dir, "--addr", "127.0.0.1:0", "--sim-addr", "127.0.0.1:0")
	token := tokenLine.FindStringSubmatch(dev.output)[1]
	for _, part := range []string{"curl", "create-subscription/", dev.url, "offline Stripe"} {
		if !strings.Contains(dev.output, part) {
			t.Errorf("the output lacks %q:\n%s", part, dev.output)
		}
	}
	subscribeAndLook(t, dev.url, token)
	eventually(t, "processed events", func() bool {
		status, out, problem := command(t, nil, "events", "list", "--dir", dir, "--status", "processed")
		if status != 0 {
			t.Fatal(problem)
		}
		return strings.Contains(out, "invoice.paid") && strings.Contains(out, "customer.subscription.created")
	})

	status, _, problem := command(t, nil, "dev", "--dir", dir, "--addr", "127.0.0.1:0", "--sim-addr", "127.0.0.1:0")
	if status != exitFailed || !strings.Contains(problem, "another process is running") {
		t.Errorf("a second dev on the folder: %d %s", status, problem)
	}
	if status, problem := dev.stop(); status != exitDone {
		t.Fatalf("stopped with %d: %s", status, problem)
	}

	again := start(t, nil, "dev", "--dir", dir, "--addr", "127.0.0.1:0", "--sim-addr", "127.0.0.1:0")
	checkPremium(t, again.url, token, 1)
	simURL := regexp.MustCompile(`offline Stripe (http\S+)`).FindStringSubmatch(again.output)[1]
	call(t, http.MethodPost, simURL+"/_sim/advance", "", fmt.Sprintf(`{"seconds": %d}`, 31*24*3600+2*3600))
	eventually(t, "the renewal", func() bool {
		history := call(t, http.MethodGet, again.url+api+"billing-history/", token, "")
		return history["count"] == 2.0
	})
	eventually(t, "all events processed", func() bool {
		_, out, _ := command(t, nil, "events", "list", "--dir", dir, "--status", "pending")
		return strings.Count(out, "\n") == 1
	})
	checkPremium(t, again.url, token, 2)
	checkTrail(t, dir)
	checkPremium(t, again.url, token, 2)
	taken := strings.TrimPrefix(again.url, "http://")
	status, _, problem = command(t, nil, "dev", "--dir", t.TempDir(), "--addr", taken, "--sim-addr", "127.0.0.1:0")
	if status != exitFailed || !strings.Contains(problem, "another program listens on "+taken) || strings.Count(problem, "\n") != 1 {
		t.Errorf("an address in use: %d %s", status, problem)
	}
	_, other, _ := command(t, nil, "token", "--user", "42", "--dir", dir)
	if status := call(t, http.MethodGet, again.url+api+"subscription-status/", strings.TrimSpace(other), ""); status["is_premium"] != false {
		t.Errorf("another user: %v", status)
	}
}

// checkTrail shows an event of the audit trail and has it processed again by
// the server that runs on the folder.
func checkTrail(t *testing.T, dir string) {
	t.Helper()
	var events []struct {
		ID     string `json:"id"`
		Status string `json:"status"`
	}
	list := func() {
		status, out, problem := command(t, nil, "events", "list", "--dir", dir, "--type", "invoice.paid", "--json")
		if status != exitDone {
			t.Fatalf("list: %d %s", status, problem)
		}
		if err := json.Unmarshal([]byte(out), &events); err != nil {
			t.Fatalf("list: %v in %s", err, out)
		}
	}
	// The renewal is in the history as soon as one of its events has come.
	eventually(t, "two paid invoices", func() bool {
		list()
		return len(events) == 2 && events[0].Status == "processed" && events[1].Status == "processed"
	})
	status, out, problem := command(t, nil, "events", "show", events[0].ID, "--dir", dir)
	if status != exitDone || !strings.Contains(out, events[0].ID) || !strings.Contains(out, `"object": "invoice"`) {
		t.Errorf("show: %d %s %s", status, problem, out)
	}
	if status, _, problem := command(t, nil, "events", "replay", events[0].ID, "--dir", dir); status != exitDone {
		t.Errorf("replay: %d %s", status, problem)
	}
	status, out, problem = command(t, nil, "events", "replay", "--type", "invoice.paid", "--since", "2020-01-01T00:00:00Z", "--dir", dir)
	if status != exitDone || strings.Count(out, "processed") != 2 {
		t.Errorf("replay by a filter: %d %s %s", status, problem, out)
	}
	if status, out, problem = command(t, nil, "events", "list", "--until", "2020-01-01T00:00:00Z", "--dir", dir); strings.Count(out, "\n") != 1 {
		t.Errorf("what was received long ago: %d %s %s", status, problem, out)
	}
	eventually(t, "the event processed again", func() bool {
		list()
		return events[0].Status == "processed" && events[1].Status == "processed"
	})
}

func TestServeOnPostgreSQL(t *testing.T) {
	t.Parallel()
	database := postgrestest.Database(t)
	sim := start(t, nil, "sim", "--addr", "127.0.0.1:0")
	account, err := server.SetUpStripe(t.Context(), "sk_test_serve", sim.url, server.StripeSetup{Plans: devPlans})
	if err != nil {
		t.Fatal(err)
	}
	secretFile := t.TempDir() + "/jwt"
	if err := os.WriteFile(secretFile, []byte("a key of the application's, long enough for HS256\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	env := map[string]string{
		"STRIPE_SECRET_KEY": "sk_test_serve", "STRIPE_PUBLISHABLE_KEY": "pk_test_serve", "STRIPE_WEBHOOK_SECRET": "whsec_serve",
		"STRIPE_PRICE_ID_BASIC": account.Prices["basic"], "STRIPE_PRICE_ID_PREMIUM": account.Prices["premium"],
		"STRIPE_PRICE_ID_ELITE": account.Prices["elite"], "STRIPE_API_BASE": sim.url, "DATABASE_URL": database,
		"PAYMENTS_JWT_SECRET_FILE": secretFile, "PAYMENTS_ADDR": "127.0.0.1:0", "PAYMENTS_OPS_ADDR": "127.0.0.1:0",
	}
	status, _, problem := command(t, env, "serve")
	if status == exitDone || !strings.Contains(problem, "payments migrate") {
		t.Fatalf("serve on an empty database: %d %s", status, problem)
	}
	if status, out, problem := command(t, env, "migrate"); status != exitDone {
		t.Fatalf("migrate: %d %s %s", status, out, problem)
	}
	service := start(t, env, "serve")
	delete(env, "PAYMENTS_JWT_SECRET_FILE")
	env["PAYMENTS_JWT_SECRET"] = "a key of the application's, long enough for HS256"
	_, token, _ := command(t, env, "token", "--user", "7")
	subscribeAndLook(t, service.url, strings.TrimSpace(token))
	if status, problem := service.stop(); status != exitDone {
		t.Fatalf("stopped with %d: %s", status, problem)
	}
	if status, problem := sim.stop(); status != exitDone {
		t.Fatalf("sim stopped with %d: %s", status, problem)
	}
}
