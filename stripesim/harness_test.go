package stripesim_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	stripe "github.com/stripe/stripe-go/v85"

	"github.com/numerai-app/payments/stripesim"
)

const (
	secretKey = "sk_test_stripesim"
	day       = 24 * time.Hour
	week      = 7 * day
)

// world is a simulator behind HTTP, and what a test asks of it.
type world struct {
	t      *testing.T
	sim    *stripesim.Simulator
	url    string
	client *stripe.Client
	price  string // 20.00 usd a week, so that events of some periods are not forgotten
}

// object is decoded JSON.
type object map[string]any

// at is the value at a path such as items.data.0.id.
func (o object) at(path string) any {
	var value any = map[string]any(o)
	for name := range strings.SplitSeq(path, ".") {
		switch inner := value.(type) {
		case map[string]any:
			value = inner[name]
		case []any:
			index := slices.Index([]string{"0", "1", "2", "3", "4"}, name)
			if index < 0 || index >= len(inner) {
				return nil
			}
			value = inner[index]
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
	data, _ := o["data"].([]any)
	rows := make([]object, len(data))
	for i, row := range data {
		rows[i] = row.(map[string]any)
	}
	return rows
}

// newWorld is a world with a price. Unless the test wants another time, it
// begins on 1 June, and only the test moves the time.
func newWorld(t *testing.T, config stripesim.Config) *world {
	t.Helper()
	if config.Now == nil {
		config.Now = func() time.Time { return june }
	}
	w := serve(t, newSimulator(t, config))
	w.price = w.newPrice(2000, "week")
	return w
}

func newSimulator(t *testing.T, config stripesim.Config) *stripesim.Simulator {
	t.Helper()
	sim, err := stripesim.New(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		wantSnapshots(t, sim)
		if err := sim.Close(context.WithoutCancel(t.Context())); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return sim
}

// serve puts a simulator behind HTTP, where every answer is held against
// Stripe's own description, and no parameter may be passed over in silence.
func serve(t *testing.T, sim *stripesim.Simulator) *world {
	t.Helper()
	sim.WatchUnread(func(operation string, names []string) {
		t.Errorf("%s: nothing has read %s", operation, strings.Join(names, ", "))
	})
	server := httptest.NewServer(described(t, sim))
	t.Cleanup(server.Close)
	return &world{t: t, sim: sim, url: server.URL, client: newClient(server.URL)}
}

func newClient(base string) *stripe.Client {
	return stripe.NewClient(secretKey, stripe.WithBackends(stripe.NewBackendsWithConfig(&stripe.BackendConfig{
		URL: stripe.String(base), MaxNetworkRetries: stripe.Int64(0), EnableTelemetry: stripe.Bool(false),
		LeveledLogger: &stripe.LeveledLogger{Level: stripe.LevelNull},
	})))
}

// answer is what a call was answered with.
type answer struct {
	object
	status int
	header http.Header
}

// call makes any request. body is a form, or JSON under /_sim/.
func (w *world) call(method, path, body string, headers ...string) answer {
	w.t.Helper()
	got, err := w.try(method, path, body, headers...)
	if err != nil {
		w.t.Fatal(err)
	}
	return got
}

func (w *world) try(method, path, body string, headers ...string) (answer, error) {
	request, err := http.NewRequestWithContext(w.t.Context(), method, w.url+path, strings.NewReader(body))
	if err != nil {
		return answer{}, err
	}
	request.Header.Set("Authorization", "Bearer "+secretKey)
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	for i := 0; i+1 < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return answer{}, err
	}
	defer response.Body.Close()
	encoded, err := io.ReadAll(response.Body)
	if err != nil {
		return answer{}, err
	}
	got := answer{status: response.StatusCode, header: response.Header}
	if strings.HasPrefix(response.Header.Get("Content-Type"), "application/json") {
		err = json.Unmarshal(encoded, &got.object)
	}
	return got, err
}

// post and get make calls that have to succeed.
func (w *world) post(path, body string) answer {
	w.t.Helper()
	return w.succeed(http.MethodPost, path, body)
}

func (w *world) get(path string) answer {
	w.t.Helper()
	return w.succeed(http.MethodGet, path, "")
}

func (w *world) succeed(method, path, body string) answer {
	w.t.Helper()
	got := w.call(method, path, body)
	if got.status != http.StatusOK {
		w.t.Fatalf("%s %s %s: %d %v", method, path, body, got.status, got.object)
	}
	return got
}

func (w *world) newPrice(amount int64, interval string) string {
	w.t.Helper()
	price, err := w.client.V1Prices.Create(w.t.Context(), &stripe.PriceCreateParams{
		Currency: stripe.String("usd"), UnitAmount: &amount, ProductData: &stripe.PriceCreateProductDataParams{Name: stripe.String("Tea")},
		Recurring: &stripe.PriceCreateRecurringParams{Interval: &interval},
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return price.ID
}

// newCustomer makes a customer whose default is that card; none if it is empty.
func (w *world) newCustomer(card string) string {
	w.t.Helper()
	id := w.post("/v1/customers", "email=ada@example.com&name=Ada").text("id")
	if card != "" {
		w.post("/v1/customers/"+id, "invoice_settings[default_payment_method]="+w.attach(card, id))
	}
	return id
}

func (w *world) attach(card, customer string) string {
	w.t.Helper()
	return w.post("/v1/payment_methods/"+card+"/attach", "customer="+customer).text("id")
}

// subscribe makes a subscription to the price, with its invoice expanded.
func (w *world) subscribe(customer, more string) answer {
	w.t.Helper()
	return w.post("/v1/subscriptions", "customer="+customer+"&items[0][price]="+w.price+
		"&expand[]=latest_invoice.payments&expand[]=latest_invoice.confirmation_secret"+more)
}

func (w *world) subscription(id string) answer {
	w.t.Helper()
	return w.get("/v1/subscriptions/" + id + "?expand[]=latest_invoice")
}

func (w *world) advance(d time.Duration) {
	w.t.Helper()
	if err := w.sim.Advance(w.t.Context(), d); err != nil {
		w.t.Fatal(err)
	}
}

// newest is the id of the last event so far.
func (w *world) newest() string {
	w.t.Helper()
	if rows := w.get("/v1/events?limit=1").rows(); len(rows) > 0 {
		return rows[0].text("id")
	}
	return ""
}

// eventsSince are the events after one, oldest first, without those of a
// charge that is booked: these come seconds after each charge, between
// whatever happens then, and have a test of their own.
func (w *world) eventsSince(id string) []object {
	w.t.Helper()
	return slices.DeleteFunc(w.allEventsSince(id), isBooking)
}

func isBooking(e object) bool {
	previous, _ := e.at("data.previous_attributes").(map[string]any)
	_, booked := previous["balance_transaction"]
	return booked && len(previous) == 1
}

func (w *world) allEventsSince(id string) []object {
	w.t.Helper()
	var found []object
	for {
		page := w.get("/v1/events?limit=100&ending_before=" + id)
		rows := page.rows()
		slices.Reverse(rows)
		found = append(found, rows...)
		if page.object["has_more"] != true {
			return found
		}
		id = rows[len(rows)-1].text("id")
	}
}

func types(events []object) []string {
	names := make([]string, len(events))
	for i, e := range events {
		names[i] = e.text("type")
	}
	return names
}

// wantAll compares the values at some paths. Numbers are ints.
func wantAll(t *testing.T, what string, got object, want map[string]any) {
	t.Helper()
	for path, value := range want {
		have := got.at(path)
		if number, ok := have.(float64); ok {
			have = int(number)
		}
		if diff := cmp.Diff(value, have); diff != "" {
			t.Errorf("%s: %s (-want +got):\n%s", what, path, diff)
		}
	}
}

func query(pairs ...string) string {
	values := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		values.Add(pairs[i], pairs[i+1])
	}
	return values.Encode()
}
