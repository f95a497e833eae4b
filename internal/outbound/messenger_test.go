package outbound_test

import (
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/numerai-app/payments"
	"github.com/numerai-app/payments/internal/outbound"
)

// secretOf is a secret made from a word.
func secretOf(word string) string {
	return "whsec_" + base64.StdEncoding.EncodeToString([]byte(word))
}

func TestHostsCanVerify(t *testing.T) {
	t.Parallel()
	const body = `{"type":"premium.changed","timestamp":"2026-03-31T21:30:15Z","data":{"user_id":"ü"}}`
	heard := make(chan *http.Request, 1)
	host := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got, err := io.ReadAll(r.Body)
		if err != nil || string(got) != body {
			t.Errorf("the host got %q, %v", got, err)
		}
		heard <- r
		w.WriteHeader(http.StatusNoContent)
	}))
	t.Cleanup(host.Close)
	status, err := outbound.New(outbound.Config{Version: "v1"}).Post(t.Context(), payments.Message{
		URL: host.URL + "/hooks?token=t", ID: "pevt_1", Body: []byte(body), Secrets: []string{secretOf("new"), secretOf("old")},
	})
	if status != http.StatusNoContent || err != nil {
		t.Fatalf("%d %v", status, err)
	}
	request := <-heard
	for name, want := range map[string]string{
		"Content-Type": "application/json", "User-Agent": "payments/v1", "Webhook-Id": "pevt_1",
	} {
		if got := request.Header.Get(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	if request.Method != http.MethodPost || request.URL.String() != "/hooks?token=t" {
		t.Errorf("the host was asked for %s %s", request.Method, request.URL)
	}
	for word, good := range map[string]bool{"new": true, "old": true, "other": false} {
		webhook, err := standardwebhooks.NewWebhook(secretOf(word))
		if err != nil {
			t.Fatal(err)
		}
		if err := webhook.Verify([]byte(body), request.Header); (err == nil) != good {
			t.Errorf("with the secret %q: %v", word, err)
		}
		if err := webhook.Verify([]byte(body+" "), request.Header); err == nil {
			t.Error("another body is taken for the one that was signed")
		}
	}
}

// The time that is signed is the machine's, at each attempt anew.
func TestTimeOfTheAttempt(t *testing.T) {
	t.Parallel()
	var got string
	host := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = r.Header.Get("Webhook-Timestamp") }))
	t.Cleanup(host.Close)
	now := time.Unix(1_800_000_000, 0)
	messenger := outbound.New(outbound.Config{Now: func() time.Time { return now }})
	for range 2 {
		if _, err := messenger.Post(t.Context(), payments.Message{URL: host.URL, Secrets: []string{secretOf("a")}}); err != nil {
			t.Fatal(err)
		}
		if want := fmt.Sprint(now.Unix()); got != want {
			t.Errorf("the time is %s, want %s", got, want)
		}
		now = now.Add(time.Hour)
	}
}

func TestAnswers(t *testing.T) {
	t.Parallel()
	redirected := false
	mux := http.NewServeMux()
	mux.HandleFunc("/redirects", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
	})
	mux.HandleFunc("/elsewhere", func(http.ResponseWriter, *http.Request) { redirected = true })
	mux.HandleFunc("/gone", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusGone) })
	mux.HandleFunc("/endless", func(w http.ResponseWriter, r *http.Request) {
		for r.Context().Err() == nil {
			if _, err := w.Write(make([]byte, 32<<10)); err != nil {
				return
			}
		}
	})
	mux.HandleFunc("/headers", func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("X-Long", strings.Repeat("x", 1<<20)) })
	hangs := func(r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // or the server does not see that the caller goes
		<-r.Context().Done()
	}
	mux.HandleFunc("/silent", func(_ http.ResponseWriter, r *http.Request) { hangs(r) })
	mux.HandleFunc("/drips", func(w http.ResponseWriter, r *http.Request) {
		_ = http.NewResponseController(w).Flush()
		hangs(r)
	})
	mux.HandleFunc("/breaks", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	host := httptest.NewServer(mux)
	t.Cleanup(host.Close)
	for path, want := range map[string]struct {
		status int
		words  string
	}{
		"/redirects?key=hidden":  {http.StatusTemporaryRedirect, ""},
		"/gone?key=hidden":       {http.StatusGone, ""},
		"/endless?key=hidden":    {http.StatusOK, ""},
		"/silent?key=hidden":     {0, "no answer in time"},
		"/drips?key=hidden":      {http.StatusOK, ""},
		"/headers?key=hidden":    {0, "header"},
		"/breaks?key=hidden":     {0, "EOF"},
		"\x7f/no-url?key=hidden": {0, "URL"},
	} {
		status, err := outbound.New(outbound.Config{Timeout: 200 * time.Millisecond}).Post(t.Context(), payments.Message{
			URL: host.URL + path, ID: "pevt_1", Body: []byte("{}"), Secrets: []string{secretOf("a")},
		})
		if status != want.status || (err == nil) != (want.words == "") {
			t.Errorf("%q: %d %v, want %d", path, status, err, want.status)
		}
		if err != nil && (!strings.Contains(err.Error(), want.words) || strings.Contains(err.Error(), "hidden")) {
			t.Errorf("%q: the error is %q, want one of %q without the URL", path, err, want.words)
		}
	}
	if redirected {
		t.Error("a redirect was followed")
	}
}

func TestSecretsAreNotTold(t *testing.T) {
	t.Parallel()
	_, err := outbound.New(outbound.Config{}).Post(t.Context(), payments.Message{URL: "http://127.0.0.1:1", Secrets: []string{"whsec_%hidden%"}})
	if err == nil || strings.Contains(err.Error(), "hidden") {
		t.Errorf("error is %v", err)
	}
}
