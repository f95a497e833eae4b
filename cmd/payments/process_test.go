//go:build unix

package main

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// answerPatience is how long a server may take to ask for a body.
const answerPatience = 30 * time.Second

// TestTerminationDrains ends a process as an init system does, while it works
// on a request: it takes no new ones, answers that one and exits with 0.
func TestTerminationDrains(t *testing.T) {
	t.Parallel()
	dev := exec.CommandContext(t.Context(), "payments", "dev", "--dir", t.TempDir(), "--addr", "127.0.0.1:0", "--sim-addr", "127.0.0.1:0")
	stdout, err := dev.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := dev.Start(); err != nil {
		t.Fatal(err)
	}
	var url, token string
	for lines := bufio.NewScanner(stdout); url == "" && lines.Scan(); {
		if found := tokenLine.FindStringSubmatch(lines.Text()); found != nil {
			token = found[1]
		}
		if ready, ok := strings.CutPrefix(lines.Text(), "ready "); ok {
			url = ready
		}
	}
	body, rest := io.Pipe()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url+api+"create-subscription/", body)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+token)
	request.Header.Set("Content-Type", "application/json")
	// A server asks for the body once the request is in a handler's hands.
	request.Header.Set("Expect", "100-continue")
	status := make(chan int, 1)
	go func() {
		client := &http.Client{Transport: &http.Transport{ExpectContinueTimeout: answerPatience}}
		response, err := client.Do(request)
		if err != nil {
			t.Error(err)
			status <- 0
			return
		}
		_ = response.Body.Close()
		status <- response.StatusCode
	}()
	write := func(text string) {
		if _, err := io.WriteString(rest, text); err != nil {
			t.Error(err)
		}
	}
	write(`{"plan": "premium", `)
	if err := dev.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	eventually(t, "new connections refused", func() bool {
		connection, err := new(net.Dialer).DialContext(t.Context(), "tcp", strings.TrimPrefix(url, "http://"))
		if err == nil {
			_ = connection.Close()
		}
		return err != nil
	})
	write(`"payment_method_id": "pm_card_visa"}`)
	_ = rest.Close() // a pipe in memory
	if got := <-status; got != http.StatusCreated {
		t.Errorf("the request under way was answered %d", got)
	}
	if err := dev.Wait(); err != nil {
		t.Errorf("ended with %v", err)
	}
}
