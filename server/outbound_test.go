package server_test

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/numerai-app/payments"
)

// heard is a message that a host believed.
type heard struct {
	id, kind, user string
}

// host listens as an application does, and passes on what it hears.
func (b *testBundle) host(t *testing.T) <-chan heard {
	t.Helper()
	messages := make(chan heard, 1000)
	var secret string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		webhook, err := standardwebhooks.NewWebhook(secret)
		if err != nil {
			t.Error(err)
			return
		}
		var message struct {
			Type string
			Data struct {
				UserID string `json:"user_id"`
			}
		}
		if err := webhook.Verify(body, r.Header); err != nil || json.Unmarshal(body, &message) != nil {
			t.Errorf("the host does not believe %s: %v", body, err)
		}
		messages <- heard{r.Header.Get("Webhook-Id"), message.Type, message.Data.UserID}
		w.WriteHeader(http.StatusAccepted)
	}))
	t.Cleanup(server.Close)
	endpoint, err := b.service.Payments().CreateEndpoint(t.Context(), payments.CreateEndpointParams{URL: server.URL})
	if err != nil {
		t.Fatal(err)
	}
	secret = endpoint.Secret
	return messages
}

// silent is an endpoint that never answers.
func (b *testBundle) silent(t *testing.T) {
	t.Helper()
	over := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // or the server does not see that the caller goes
		select {
		case <-over:
		case <-r.Context().Done():
		}
	}))
	t.Cleanup(server.Close)
	t.Cleanup(func() { close(over) })
	if _, err := b.service.Payments().CreateEndpoint(t.Context(), payments.CreateEndpointParams{URL: server.URL}); err != nil {
		t.Fatal(err)
	}
}

// One endpoint that never answers holds up no other.
func TestHostsHear(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, b *testBundle) {
		b.silent(t)
		messages := b.host(t)
		want := map[string]bool{}
		for i := range 6 {
			user := fmt.Sprint("user", i)
			if code, answer, _ := b.subscribe(t, user, map[string]any{"plan": "premium", "payment_method_id": "pm_card_visa"}); code != http.StatusCreated {
				t.Fatalf("subscribe: %d %v", code, answer)
			}
			for _, kind := range []string{"premium.changed", "payment.succeeded", "subscription.activated"} {
				want[user+" "+kind] = true
			}
		}
		got, ids := map[string]bool{}, map[string]bool{}
		for len(got) < len(want) {
			select {
			case m := <-messages:
				got[m.user+" "+m.kind] = true
				if ids[m.id] {
					t.Errorf("%+v came twice", m)
				}
				ids[m.id] = true
			case <-t.Context().Done():
				t.Fatalf("heard only %v", slices.Sorted(maps.Keys(got)))
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("heard (-want +got):\n%s", diff)
		}
	})
}
