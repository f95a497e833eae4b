package stripe_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

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

// FuzzHandledType: of every type that we use, whatever its object looks like is
// refused or gives rows that are whole: they have their facts, a database takes
// their texts, and they are read back as they were stored.
func FuzzHandledType(f *testing.F) {
	client, err := stripe.New(stripe.Config{SecretKey: testKey, WebhookSecrets: []string{testSecret}, Now: fixedNow})
	if err != nil {
		f.Fatal(err)
	}
	types := stripe.HandledEventTypes()
	for i, name := range types {
		for _, version := range []string{oldVersion, newVersion} {
			seeds := objectsOf(f, client, version, name)
			if len(seeds) == 0 && (version != oldVersion || name != "invoice_payment.paid") { // which is younger than the old shape
				f.Fatalf("no fixture of %s has an object of %s", version, name)
			}
			for _, object := range seeds {
				f.Add(uint8(i), object)
			}
		}
	}
	f.Fuzz(func(t *testing.T, which uint8, object []byte) {
		payload := eventOf(types[int(which)%len(types)], object)
		news, err := client.DecodeEvent(payload)
		if err != nil {
			return
		}
		if len(news.Objects) == 0 {
			t.Fatalf("%q gives nothing", payload)
		}
		for _, got := range news.Objects {
			checkWhole(t, got)
		}
		again, err := client.DecodeEvent(payload)
		if diff := cmp.Diff(news, again); diff != "" || err != nil {
			t.Errorf("%q is read in two ways: %v\n%s", payload, err, diff)
		}
	})
}

// eventOf is an event of that type about an object.
func eventOf(name string, object []byte) []byte {
	return fmt.Appendf(nil, `{"id":"evt_1","object":"event","type":%q,"created":1774500000,"livemode":false,"data":{"object":%s}}`, name, object)
}

// objectsOf are the objects in the fixtures of a version that an event of that
// type may be about.
func objectsOf(f *testing.F, client *stripe.Client, version, name string) (objects [][]byte) {
	f.Helper()
	files, err := filepath.Glob(filepath.Join("testdata", version, "*.json"))
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		payload, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		var event struct {
			Data struct{ Object json.RawMessage }
		}
		if err := json.Unmarshal(payload, &event); err != nil {
			f.Fatalf("%s: %v", file, err)
		}
		if _, err := client.DecodeEvent(eventOf(name, event.Data.Object)); err == nil {
			objects = append(objects, event.Data.Object)
		}
	}
	return objects
}

// checkWhole checks that an object is fit to be stored.
func checkWhole(t *testing.T, object payments.Object) {
	t.Helper()
	ref := object.Ref()
	stored, err := json.Marshal(object)
	if err != nil || ref.ID == "" || len(ref.ID) > 255 || bytes.Contains(stored, []byte(`\u0000`)) {
		t.Fatalf("%s %q is stored as %q: %v", ref.Kind, ref.ID, stored, err)
	}
	read := reflect.New(reflect.TypeOf(object).Elem()).Interface()
	if err := json.Unmarshal(stored, read); err != nil {
		t.Fatalf("%s cannot be read back: %v", stored, err)
	}
	if diff := cmp.Diff(object, read, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("%s is read back otherwise (-stored +read):\n%s", stored, diff)
	}
	switch o := object.(type) {
	case *payments.StripeSubscription:
		if o.Status == "" || o.Customer == "" || len(o.Items) == 0 || !o.Status.Ended() && (o.CurrentPeriodStart == nil || o.CurrentPeriodEnd == nil) {
			t.Errorf("a fact is missing: %s", stored)
		}
	case *payments.StripeInvoice:
		if o.Status == "" || o.Customer == "" || o.Currency == "" {
			t.Errorf("a fact is missing: %s", stored)
		}
	case *payments.StripePaymentIntent:
		if o.Status == "" || o.Currency == "" {
			t.Errorf("a fact is missing: %s", stored)
		}
	case *payments.StripeCharge:
		if o.Status == "" || o.Currency == "" {
			t.Errorf("a fact is missing: %s", stored)
		}
	case *payments.StripeInvoicePayment:
		if o.Status == "" || o.Invoice == "" {
			t.Errorf("a fact is missing: %s", stored)
		}
	case *payments.StripeRefund:
		if o.Status == "" || o.Currency == "" {
			t.Errorf("a fact is missing: %s", stored)
		}
	}
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
