package api_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/numerai-app/payments"
	"github.com/numerai-app/payments/internal/storetest"
)

// event is one as Stripe sends it, of a type that nothing follows from.
func event(id string, live bool) string {
	return fmt.Sprintf(`{
  "id": %q, "object": "event", "api_version": "2026-03-25.dahlia", "created": %d,
  "data": {"object": {"id": "prod_1", "object": "product", "name": "<b>\u00fc</b>"}},
  "livemode": %t, "pending_webhooks": 1, "request": {"id": null, "idempotency_key": null}, "type": "product.created"
}`, id, time.Now().Unix(), live)
}

// signature is the header with which Stripe signs a body.
func signature(body, key string, at time.Time) string {
	mac := hmac.New(sha256.New, []byte(key))
	fmt.Fprintf(mac, "%d.%s", at.Unix(), body)
	return fmt.Sprintf("t=%d,v1=%s", at.Unix(), hex.EncodeToString(mac.Sum(nil)))
}

func (b *testBundle) deliver(t testing.TB, body, signature string, header ...string) answer {
	t.Helper()
	return b.call(t, request{path: "webhook/", body: body, header: append([]string{"Stripe-Signature", signature}, header...)})
}

func (b *testBundle) stored(t testing.TB) int {
	t.Helper()
	events, err := b.service.Events(t.Context(), payments.EventFilter{})
	if err != nil {
		t.Fatal(err)
	}
	return len(events)
}

func TestWebhookStoresEvents(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s payments.Store) {
		b := setup(t, options{store: s})
		for i, header := range [][]string{
			nil, {"Content-Type", "text/plain"}, {"Content-Type", "-"}, {"Authorization", "Bearer x"}, {"Accept", "text/html"},
		} {
			body := event(fmt.Sprintf("evt_%d", i), false)
			for range 2 {
				b.deliver(t, body, signature(body, webhookSecret, time.Now()), header...).expect(t, http.StatusOK, "received")
			}
			stored, err := b.service.Event(t.Context(), fmt.Sprintf("evt_%d", i))
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(stored.Payload, []byte(body)) || b.stored(t) != i+1 {
				t.Errorf("stored %d, the body is %s", b.stored(t), stored.Payload)
			}
		}
		big := strings.Replace(event("evt_big", false), "{", "{"+strings.Repeat(" ", payments.MaxEventSize-len(event("evt_big", false))), 1)
		b.deliver(t, big, signature(big, webhookSecret, time.Now())).expect(t, http.StatusOK, "received")
	})
}

func TestWebhookRefuses(t *testing.T) {
	t.Parallel()
	b := setup(t, options{})
	body, now := event("evt_1", false), time.Now()
	var decoded any
	if err := json.Unmarshal([]byte(body), &decoded); err != nil {
		t.Fatal(err)
	}
	again, err := json.Marshal(decoded)
	if err != nil {
		t.Fatal(err)
	}
	signed := signature(body, webhookSecret, now)
	for name, call := range map[string]struct{ body, signature string }{
		"wrong secret":        {body, signature(body, "whsec_other", now)},
		"stale":               {body, signature(body, webhookSecret, now.Add(-6*time.Minute))},
		"from the future":     {body, signature(body, webhookSecret, now.Add(6*time.Minute))},
		"missing":             {body, ""},
		"noise":               {body, "t=x,v1=y"},
		"of another body":     {body + " ", signed},
		"twice-encoded":       {string(again), signed},
		"encoded as a string": {fmt.Sprintf("%q", body), signed},
		"empty body":          {"", signature("", webhookSecret, now)},
		"no JSON":             {"x", signature("x", webhookSecret, now)},
		"no event":            {`{"id":"sub_1","object":"subscription"}`, signature(`{"id":"sub_1","object":"subscription"}`, webhookSecret, now)},
		"a list":              {"[]", signature("[]", webhookSecret, now)},
		"null":                {"null", signature("null", webhookSecret, now)},
	} {
		a := b.deliver(t, call.body, call.signature)
		if a.status != http.StatusBadRequest {
			t.Errorf("%s: %d %s", name, a.status, a.raw)
			continue
		}
		a.expectProblem(t, http.StatusBadRequest, "invalid_request")
	}
	live := event("evt_live", true)
	a := b.deliver(t, live, signature(live, webhookSecret, now))
	a.expectProblem(t, http.StatusBadRequest, "invalid_request")
	if detail, _ := a.json["detail"].(string); !strings.Contains(detail, "live") || !strings.Contains(detail, "test") {
		t.Errorf("the reason is %q", detail)
	}
	huge := body + strings.Repeat(" ", payments.MaxEventSize+1-len(body))
	b.deliver(t, huge, signature(huge, webhookSecret, now)).expectProblem(t, http.StatusRequestEntityTooLarge, "payload_too_large")
	chunked := request{path: "webhook/", body: onlyReader{strings.NewReader(huge)}, header: []string{"Stripe-Signature", signature(huge, webhookSecret, now)}}
	b.call(t, chunked).expectProblem(t, http.StatusRequestEntityTooLarge, "payload_too_large")
	if n := b.stored(t); n != 0 {
		t.Errorf("%d events are stored", n)
	}
}

// onlyReader hides how long a body is.
type onlyReader struct{ r *strings.Reader }

func (o onlyReader) Read(p []byte) (int, error) { return o.r.Read(p) }

func TestWebhookWithoutDatabase(t *testing.T) {
	t.Parallel()
	for name, store := range map[string]interface {
		payments.Store
		Close() error
	}{"sqlite": storetest.SQLite(t), "postgres": storetest.Postgres(t)} {
		b := setup(t, options{store: store})
		if err := store.Close(); err != nil {
			t.Fatal(err)
		}
		body := event("evt_1", false)
		a := b.deliver(t, body, signature(body, webhookSecret, time.Now()))
		a.expectProblem(t, http.StatusServiceUnavailable, "internal")
		if a.header.Get("Retry-After") == "" || strings.Contains(a.raw, "closed") {
			t.Errorf("%s: %v %s", name, a.header, a.raw)
		}
	}
}
