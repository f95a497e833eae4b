package stripe_test

import (
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/numerai-app/payments"
	"github.com/numerai-app/payments/internal/stripe"
	stripego "github.com/stripe/stripe-go/v85"
)

// sign makes a Stripe-Signature header as Stripe would.
func sign(payload []byte, secret string, signed time.Time) string {
	return fmt.Sprintf("t=%d,v1=%s", signed.Unix(), mac(payload, secret, signed))
}

func mac(payload []byte, secret string, signed time.Time) string {
	return hex.EncodeToString(stripego.ComputeSignature(signed, payload, secret))
}

func TestVerifyEventSignatures(t *testing.T) {
	t.Parallel()
	payload := fixture(t, newVersion, "subscription_updated")
	good := sign(payload, testSecret, start)
	signature := mac(payload, testSecret, start)
	for _, test := range []struct {
		name   string
		header string
		ok     bool
	}{
		{"good", good, true},
		{"second of our secrets", sign(payload, "whsec_old", start), true},
		{"one of several signatures", fmt.Sprintf("t=%d,v1=%s,v1=%s,v0=ab", start.Unix(), strings.Repeat("0", 64), signature), true},
		{"beside one that is not hex", good + ",v1=zz", true},
		{"five minutes old", sign(payload, testSecret, start.Add(-5*time.Minute)), true},
		{"five minutes ahead", sign(payload, testSecret, start.Add(5*time.Minute)), true},
		{"stale", sign(payload, testSecret, start.Add(-5*time.Minute-time.Second)), false},
		{"from the future", sign(payload, testSecret, start.Add(5*time.Minute+time.Second)), false},
		{"missing", "", false},
		{"wrong secret", sign(payload, "whsec_other", start), false},
		{"of another body", sign([]byte("{}"), testSecret, start), false},
		{"hex of hex", fmt.Sprintf("t=%d,v1=%s", start.Unix(), hex.EncodeToString([]byte(signature))), false},
		{"percent-encoded", url.QueryEscape(good), false},
		{"v0 only", fmt.Sprintf("t=%d,v0=%s", start.Unix(), signature), false},
		{"another time than was signed", fmt.Sprintf("t=%d,v1=%s", start.Unix()+1, signature), false},
		{"two times", fmt.Sprintf("t=%d,%s", start.Unix(), good), false},
		{"no time", "v1=" + signature, false},
		{"time no number", "t=now,v1=" + signature, false},
		{"no signature", fmt.Sprintf("t=%d", start.Unix()), false},
		{"empty signature", fmt.Sprintf("t=%d,v1=", start.Unix()), false},
		{"half a signature", fmt.Sprintf("t=%d,v1=%s", start.Unix(), signature[:32]), false},
		{"too long", good + strings.Repeat(",v2=0", 5000), false},
		{"too many", good + strings.Repeat(",v1=00", 50), false},
		{"noise", "signature", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			client := newClient(t, "http://127.0.0.1:1", func(c *stripe.Config) {
				c.WebhookSecrets = []string{testSecret, "whsec_old"}
			})
			event, err := client.VerifyEvent(payload, test.header)
			switch {
			case test.ok && err != nil:
				t.Fatal(err)
			case test.ok && event.ID == "":
				t.Error("the event has no id")
			case !test.ok && !errors.Is(err, payments.ErrInvalid):
				t.Errorf("error is %v, want ErrInvalid", err)
			case err != nil && strings.Contains(err.Error(), "whsec_"):
				t.Errorf("error tells a secret: %v", err)
			}
		})
	}
}

func TestVerifyEventWithoutSecrets(t *testing.T) {
	t.Parallel()
	client := newClient(t, "http://127.0.0.1:1", func(c *stripe.Config) { c.WebhookSecrets = nil })
	payload := fixture(t, newVersion, "subscription_updated")
	if _, err := client.VerifyEvent(payload, sign(payload, "", start)); !errors.Is(err, payments.ErrInvalid) {
		t.Errorf("error is %v, want ErrInvalid", err)
	}
}

// TestVerifyEventReadsNothingUnsigned: what is wrong with a body is not told
// to those who cannot sign it.
func TestVerifyEventReadsNothingUnsigned(t *testing.T) {
	t.Parallel()
	client := newClient(t, "http://127.0.0.1:1")
	header := sign(nil, "whsec_other", start)
	_, want := client.VerifyEvent(fixture(t, newVersion, "subscription_updated"), header)
	_, got := client.VerifyEvent([]byte("no JSON"), header)
	if want == nil || got == nil || want.Error() != got.Error() {
		t.Errorf("an unsigned body that is no JSON gives %v, an unsigned event %v", got, want)
	}
}

func TestVerifyEventEnvelope(t *testing.T) {
	t.Parallel()
	const minimal = `{"id":"evt_1","object":"event","type":"x.y","created":1774500000,"livemode":false,"data":{"object":{}}}`
	valid := func(event payments.Event) *payments.Event {
		event.Created, event.Source = at(1774500000), payments.SourceWebhook
		return &event
	}
	for _, test := range []struct {
		name    string
		payload string
		want    *payments.Event // nil: refused
	}{
		{"least", minimal, valid(payments.Event{ID: "evt_1", Type: "x.y"})},
		{
			"all", `{"id":"evt_1","object":"event","type":"invoice.paid","api_version":"2024-06-20","created":1774500000,"livemode":false,` +
				`"account":"acct_1","data":{"object":{"id":"in_1","object":"invoice","customer":"cus_1"}}}`,
			valid(payments.Event{
				ID: "evt_1", Type: "invoice.paid", APIVersion: "2024-06-20", Account: "acct_1",
				ObjectKind: "invoice", ObjectID: "in_1", CustomerID: "cus_1",
			}),
		},
		{
			"expanded customer", strings.Replace(minimal, `"object":{}`, `"object":{"customer":{"id":"cus_1"}}`, 1),
			valid(payments.Event{ID: "evt_1", Type: "x.y", CustomerID: "cus_1"}),
		},
		{
			"the customer itself", strings.Replace(minimal, `"object":{}`, `"object":{"id":"cus_1","object":"customer"}`, 1),
			valid(payments.Event{ID: "evt_1", Type: "x.y", ObjectKind: "customer", ObjectID: "cus_1", CustomerID: "cus_1"}),
		},
		{
			"odd customer", strings.Replace(minimal, `"object":{}`, `"object":{"id":7,"customer":["cus_1"]}`, 1),
			valid(payments.Event{ID: "evt_1", Type: "x.y"}),
		},
		{"NUL in the id", strings.Replace(minimal, `evt_1`, `evt_\u00001`, 1), valid(payments.Event{ID: "evt_1", Type: "x.y"})},
		{"no JSON", `evt_1`, nil},
		{"empty", ``, nil},
		{"null", `null`, nil},
		{"list", `[` + minimal + `]`, nil},
		{"something behind", minimal + `x`, nil},
		{"two events", minimal + minimal, nil},
		{"two ids", strings.Replace(minimal, `{"id"`, `{"id":"evt_2","id"`, 1), nil},
		{"no id", strings.Replace(minimal, `"id":"evt_1",`, ``, 1), nil},
		{"id a number", strings.Replace(minimal, `"evt_1"`, `1`, 1), nil},
		{"id too long", strings.Replace(minimal, `evt_1`, strings.Repeat("e", 256), 1), nil},
		{"type too long", strings.Replace(minimal, `x.y`, strings.Repeat("e", 256), 1), nil},
		{"no type", strings.Replace(minimal, `"x.y"`, `""`, 1), nil},
		{"thin event", strings.Replace(minimal, `"event"`, `"v2.core.event"`, 1), nil},
		{"no livemode", strings.Replace(minimal, `"livemode":false,`, ``, 1), nil},
		{"livemode a word", strings.Replace(minimal, `false`, `"false"`, 1), nil},
		{"created a text", strings.Replace(minimal, `1774500000`, `"1774500000"`, 1), nil},
		{"created a fraction", strings.Replace(minimal, `1774500000`, `1774500000.5`, 1), nil},
		{"no created", strings.Replace(minimal, `1774500000`, `null`, 1), nil},
		{"no data", strings.Replace(minimal, `{"object":{}}`, `null`, 1), nil},
		{"no object", strings.Replace(minimal, `{"object":{}}`, `{}`, 1), nil},
		{"object a text", strings.Replace(minimal, `{"object":{}}`, `{"object":"evt_1"}`, 1), nil},
		{"live event", strings.Replace(minimal, `false`, `true`, 1), nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			payload := []byte(test.payload)
			got, err := newClient(t, "http://127.0.0.1:1").VerifyEvent(payload, sign(payload, testSecret, start))
			if test.want == nil {
				if !errors.Is(err, payments.ErrInvalid) {
					t.Errorf("event %+v and error %v, want ErrInvalid", got, err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			test.want.Payload = payload
			if diff := cmp.Diff(*test.want, got); diff != "" {
				t.Errorf("events differ (-want +got):\n%s", diff)
			}
		})
	}
}

func TestVerifyEventOfTheOtherMode(t *testing.T) {
	t.Parallel()
	payload := fixture(t, newVersion, "subscription_updated")
	live := change(t, payload, true, "livemode")
	for _, test := range []struct {
		key     string
		payload []byte
		message string
	}{
		{"sk_test_1", live, "This is a live event, and this service is configured for test mode."},
		{"rk_live_1", payload, "This is a test event, and this service is configured for live mode."},
	} {
		client := newClient(t, "https://127.0.0.1:1", func(c *stripe.Config) { c.SecretKey = test.key })
		_, err := client.VerifyEvent(test.payload, sign(test.payload, testSecret, start))
		var failure *payments.Error
		if !errors.As(err, &failure) || failure.Kind != payments.ErrInvalid || failure.Message != test.message {
			t.Errorf("with %s the error is %v, want %q", test.key, err, test.message)
		}
	}
}
