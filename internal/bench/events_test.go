package bench_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"
)

// maker makes events, each another one: half are updates of a subscription,
// half paid invoices.
type maker struct {
	shapes [2][]byte
	users  int
	made   int
}

func newMaker(b *testing.B, users int) *maker {
	b.Helper()
	m := &maker{users: users}
	for i, name := range []string{"subscription", "invoice"} {
		shape, err := os.ReadFile("../../testdata/bench/" + name + ".json")
		if err != nil {
			b.Fatal(err)
		}
		m.shapes[i] = bytes.TrimSpace(shape)
	}
	return m
}

// firstEvent is when the first event happened, a second before the next one.
const firstEvent = 1_790_000_000

// body makes the next event. In a shape {N} is the event's number, {U} the
// user's, {T} the event's time and {E} a month later.
func (m *maker) body() []byte {
	n, at := m.made, firstEvent+m.made
	m.made++
	replace := strings.NewReplacer("{N}", strconv.Itoa(n), "{U}", strconv.Itoa(n/2%m.users), "{T}", strconv.Itoa(at), "{E}", strconv.Itoa(at+30*24*3600))
	return []byte(replace.Replace(string(m.shapes[n%2])))
}

// requests are whole requests, ready to be sent.
func (m *maker) requests(count int) [][]byte {
	made := make([][]byte, count)
	for i := range made {
		body := m.body()
		made[i] = fmt.Appendf(nil, "POST /api/v1/payments/webhook/ HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\n"+
			"Stripe-Signature: %s\r\nContent-Length: %d\r\n\r\n%s", signature(body), len(body), body)
	}
	return made
}

func signature(body []byte) string {
	at := strconv.FormatInt(time.Now().Unix(), 10)
	mac := hmac.New(sha256.New, []byte(webhookSecret))
	mac.Write([]byte(at + "."))
	mac.Write(body)
	return "t=" + at + ",v1=" + hex.EncodeToString(mac.Sum(nil))
}
