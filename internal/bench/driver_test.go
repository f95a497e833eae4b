package bench_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync/atomic"
	"testing"
	"time"
)

// drive sends requests over that many connections, each the next one as soon as
// the last is answered, and returns how long it took. Every answer has to be a
// 200. It is written close to the wire, so that most of the machine is left to
// the server.
func drive(b *testing.B, host string, connections int, requests [][]byte) time.Duration {
	b.Helper()
	var next atomic.Int64
	done := make(chan error, connections)
	began := time.Now()
	for range connections {
		go func() {
			done <- talk(b, host, func() []byte {
				if i := int(next.Add(1)) - 1; i < len(requests) {
					return requests[i]
				}
				return nil
			})
		}()
	}
	for range connections {
		if err := <-done; err != nil {
			b.Fatal(err)
		}
	}
	return time.Since(began)
}

// talk sends what next gives over one connection, until it is nil.
func talk(b *testing.B, host string, next func() []byte) error {
	conn, err := new(net.Dialer).DialContext(b.Context(), "tcp", host)
	if err != nil {
		return err
	}
	defer conn.Close()
	answers := bufio.NewReader(conn)
	for request := next(); request != nil; request = next() {
		if _, err := conn.Write(request); err != nil {
			return err
		}
		answer, err := http.ReadResponse(answers, nil) //nolint:bodyclose // it is read to its end, and the connection is closed
		if err != nil {
			return err
		}
		body, err := io.ReadAll(answer.Body)
		if err != nil {
			return err
		}
		if answer.StatusCode != http.StatusOK {
			return fmt.Errorf("status %d: %s", answer.StatusCode, body)
		}
	}
	return nil
}
