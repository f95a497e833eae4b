package stripesim_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/numerai-app/payments/stripesim"
	"github.com/stripe/stripe-go/v85"
)

const (
	secretKey      = "sk_test_any"
	publishableKey = "pk_test_any"
	waitLimit      = 20 * time.Second
)

// world is a simulator behind HTTP, and Stripe's own client for it.
type world struct {
	*stripesim.Simulator
	url    string
	stripe *stripe.Client
	price  string
}

func newWorld(t *testing.T, c stripesim.Config) *world {
	t.Helper()
	sim, err := stripesim.New(c)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(sim)
	w := &world{Simulator: sim, url: server.URL}
	t.Cleanup(func() {
		server.Close()
		if err := sim.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	w.stripe = stripe.NewClient(secretKey, stripe.WithBackends(stripe.NewBackendsWithConfig(&stripe.BackendConfig{
		URL: &server.URL, MaxNetworkRetries: stripe.Int64(0), EnableTelemetry: stripe.Bool(false),
		LeveledLogger: &stripe.LeveledLogger{Level: stripe.LevelNull},
	})))
	return w
}

// oneCall never sends a request again by itself, as it would on a connection
// that was used before.
var oneCall = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}

type answer struct {
	status int
	header http.Header
	raw    string
	object
}

type object map[string]any

// at follows names and indexes, such as items.data.0.id.
func (o object) at(path string) any {
	var value any = map[string]any(o)
	for name := range strings.SplitSeq(path, ".") {
		switch inner := value.(type) {
		case map[string]any:
			value = inner[name]
		case []any:
			i := int(name[0] - '0')
			if i >= len(inner) {
				return nil
			}
			value = inner[i]
		default:
			return nil
		}
	}
	return value
}

func (o object) text(path string) string {
	text, _ := o.at(path).(string)
	return text
}

func (o object) number(path string) int64 {
	number, _ := o.at(path).(float64)
	return int64(number)
}

func (o object) rows() []object {
	var rows []object
	list, _ := o["data"].([]any)
	for _, row := range list {
		rows = append(rows, row.(map[string]any))
	}
	return rows
}

// try makes a call; headers are name and value by turns.
func (w *world) try(t *testing.T, method, path, form string, headers ...string) (answer, error) {
	t.Helper()
	url, body := w.url+path, io.Reader(nil)
	if method == http.MethodPost {
		body = strings.NewReader(form)
	} else if form != "" {
		url += "?" + form
	}
	request, err := http.NewRequestWithContext(t.Context(), method, url, body)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+secretKey)
	if method == http.MethodPost {
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for i := 0; i < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	response, err := oneCall.Do(request)
	if err != nil {
		return answer{}, err
	}
	defer response.Body.Close()
	raw, err := io.ReadAll(response.Body)
	if err != nil {
		return answer{}, err
	}
	a := answer{status: response.StatusCode, header: response.Header, raw: string(raw)}
	_ = json.Unmarshal(raw, &a.object)
	return a, nil
}

// call makes a call that is to be answered with that status.
func (w *world) call(t *testing.T, status int, method, path, form string, headers ...string) answer {
	t.Helper()
	a, err := w.try(t, method, path, form, headers...)
	if err != nil {
		t.Fatal(err)
	}
	if a.status != status {
		t.Fatalf("%s %s %s was answered %d %s, want %d", method, path, form, a.status, a.raw, status)
	}
	return a
}

func (w *world) post(t *testing.T, path, form string) object {
	t.Helper()
	return w.call(t, 200, http.MethodPost, path, form).object
}

func (w *world) get(t *testing.T, path string) object {
	t.Helper()
	return w.call(t, 200, http.MethodGet, path, "").object
}

// customer makes a customer whose default is a test card, if one is named, and
// the price that all subscriptions of these tests have.
func (w *world) customer(t *testing.T, card string) string {
	t.Helper()
	id := w.post(t, "/v1/customers", "email=ada@example.com&metadata[user]=42").text("id")
	if w.price == "" {
		w.price = w.post(t, "/v1/prices", "currency=usd&unit_amount=1999&recurring[interval]=month&product_data[name]=Premium").text("id")
	}
	if card != "" {
		w.post(t, "/v1/customers/"+id, "invoice_settings[default_payment_method]="+w.attach(t, id, card))
	}
	return id
}

func (w *world) attach(t *testing.T, customer, card string) string {
	t.Helper()
	return w.post(t, "/v1/payment_methods/"+card+"/attach", "customer="+customer).text("id")
}

func (w *world) subscribe(t *testing.T, customer, more string) object {
	t.Helper()
	return w.post(t, "/v1/subscriptions", "customer="+customer+"&items[0][price]="+w.price+"&expand[]=latest_invoice.confirmation_secret&expand[]=latest_invoice.payments"+more)
}

func (w *world) advance(t *testing.T, d time.Duration) {
	t.Helper()
	if err := w.Advance(t.Context(), d); err != nil {
		t.Fatal(err)
	}
}

// lastEvent is the id of the latest event.
func (w *world) lastEvent(t *testing.T) string {
	t.Helper()
	return w.get(t, "/v1/events?limit=1").text("data.0.id")
}

// events are the types of the events that came after one, oldest first.
func (w *world) events(t *testing.T, after string) []string {
	t.Helper()
	var types []string
	for {
		page := w.get(t, "/v1/events?limit=100&ending_before="+after)
		for _, event := range slices.Backward(page.rows()) {
			types = append(types, event.text("type"))
			after = event.text("id")
		}
		if page["has_more"] != true {
			return types
		}
	}
}

func expect(t *testing.T, o object, want map[string]any) {
	t.Helper()
	for path, value := range want {
		if number, ok := value.(int); ok {
			value = float64(number)
		}
		if got := o.at(path); got != value {
			t.Errorf("%s %s is %v, want %v", o.text("object"), path, got, value)
		}
	}
}
