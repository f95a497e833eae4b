package bench_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/numerai-app/payments/internal/postgrestest"
	"github.com/numerai-app/payments/internal/processtest"
)

// BenchmarkStatus asks for the status of users by their tokens over 16
// connections, and compares with a handler that does as little as can be: it
// answers the same bytes after one read by key, whoever asks.
func BenchmarkStatus(b *testing.B) {
	const connections = 16
	cluster := postgrestest.Durable(b)
	prepare(b, cluster.URL())
	server := serve(b, cluster.URL())
	drive(b, server.Host, connections, newMaker(b, users).requests(2*users)) // each has a subscription
	requests := make([][]byte, 5*roundEvents)
	for i := range requests {
		requests[i] = fmt.Appendf(nil, "GET /api/v1/payments/subscription-status/ HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer %s\r\n\r\n", token(i%users))
	}
	bare := httptest.NewServer(bareHandler(b, cluster.URL(), statusOf(b, server)))
	b.Cleanup(bare.Close)
	compare(b, sides{
		requests: len(requests),
		server:   func() time.Duration { return drive(b, server.Host, connections, requests) },
		other: func() float64 {
			return float64(len(requests)) / drive(b, strings.TrimPrefix(bare.URL, "http://"), connections, requests).Seconds()
		},
		pids: []int{os.Getpid(), server.Pid()}, database: cluster.Pid(b),
	})
}

// token is a user's, as the application that sells makes it.
func token(user int) string {
	part := func(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }
	signed := part(`{"alg":"HS256","typ":"JWT"}`) + "." + part(fmt.Sprintf(`{"user_id":"%d","exp":%d}`, user, time.Now().Add(time.Hour).Unix()))
	mac := hmac.New(sha256.New, []byte(processtest.JWTSecret))
	mac.Write([]byte(signed))
	return signed + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// statusOf is what the server answers one user.
func statusOf(b *testing.B, server *processtest.Server) []byte {
	b.Helper()
	request, err := http.NewRequestWithContext(b.Context(), http.MethodGet, "http://"+server.Host+"/api/v1/payments/subscription-status/", nil)
	if err != nil {
		b.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+token(1))
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		b.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil || !bytes.Contains(body, []byte(`"is_premium":`)) {
		b.Fatalf("the status of a user: %v\n%s", err, body)
	}
	return body
}

func bareHandler(b *testing.B, database string, answer []byte) http.Handler {
	b.Helper()
	pool, err := pgxpool.New(b.Context(), database)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(pool.Close)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var plan string
		if err := pool.QueryRow(r.Context(), "SELECT plan FROM users WHERE id = $1", "1").Scan(&plan); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(answer)
	})
}
