package stripe_test

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/numerai-app/payments"
	"github.com/numerai-app/payments/internal/stripe"
)

// FuzzEvent: whatever is signed is refused or read, and never panics; what is
// read has its facts.
func FuzzEvent(f *testing.F) {
	files, err := filepath.Glob(filepath.Join("testdata", "20*", "*.json"))
	if err != nil || len(files) == 0 {
		f.Fatalf("no fixtures to start from: %v", err)
	}
	for _, file := range files {
		payload, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(payload)
	}
	f.Add([]byte(`{"a":"\"}","b":[{},[],"",-1.5e3,true]}`))
	client, err := stripe.New(stripe.Config{SecretKey: testKey, WebhookSecrets: []string{testSecret}, Now: fixedNow})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		event, err := client.VerifyEvent(payload, sign(payload, testSecret, start))
		if err != nil && !errors.Is(err, payments.ErrInvalid) {
			t.Errorf("a signed body gives %v, want ErrInvalid", err)
		}
		if err == nil && (!json.Valid(payload) || event.ID == "" || event.Type == "" || event.Created.IsZero()) {
			t.Errorf("verified %q as %+v", payload, event)
		}
		news, err := client.DecodeEvent(payload)
		if err != nil {
			return
		}
		for _, object := range news.Objects {
			if object.Ref().ID == "" {
				t.Errorf("%q gives a %s without an id", payload, object.Ref().Kind)
			}
		}
	})
}

// FuzzSignature: no header but the right one is taken, and none panics.
func FuzzSignature(f *testing.F) {
	payload := []byte(`{"id":"evt_1","object":"event","type":"x.y","created":1774500000,"livemode":false,"data":{"object":{}}}`)
	right := mac(payload, testSecret, start)
	for _, header := range []string{"", "t=1,v1=00", sign(payload, "whsec_other", start), "t=,v1=,v0=", ",,=,=="} {
		f.Add(header)
	}
	client, err := stripe.New(stripe.Config{SecretKey: testKey, WebhookSecrets: []string{testSecret}, Now: fixedNow})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, header string) {
		if _, err := client.VerifyEvent(payload, header); err == nil && !containsFold(header, right) {
			t.Errorf("took the header %q", header)
		}
	})
}
