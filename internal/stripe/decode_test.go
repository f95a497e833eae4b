package stripe_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/numerai-app/payments"
	"github.com/numerai-app/payments/internal/stripe"
)

const (
	oldVersion = "2024-06-20"
	newVersion = "2026-03-25.dahlia"
)

// at is a time in unix seconds.
func at(seconds int64) time.Time { return time.Unix(seconds, 0).UTC() }

func pointer(seconds int64) *time.Time {
	moment := at(seconds)
	return &moment
}

func fixture(t *testing.T, version, name string) []byte {
	t.Helper()
	payload, err := os.ReadFile(filepath.Join("testdata", version, name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	return payload
}

// The one history that the fixtures tell in both shapes.
func pastDue() *payments.StripeSubscription {
	return &payments.StripeSubscription{
		ID: "sub_1A", Customer: "cus_1A", UserID: "42", TestClock: "clock_1A", Status: payments.StatusPastDue,
		Items:              []payments.SubscriptionItem{{Price: "price_1A", Quantity: 3}, {Price: "price_1B", Quantity: 1}},
		CurrentPeriodStart: pointer(1774492000), CurrentPeriodEnd: pointer(1777170400),
		CancelAtPeriodEnd: true, CancelAt: pointer(1777170400), CanceledAt: pointer(1774500000),
		TrialStart: pointer(1771200000), TrialEnd: pointer(1771900000),
		PauseBehavior: "void", PauseResumesAt: pointer(1777000000), LatestInvoice: "in_1A", Created: at(1771900000),
	}
}

func paidInvoice() *payments.StripeInvoice {
	return &payments.StripeInvoice{
		ID: "in_1A", Customer: "cus_1A", Subscription: "sub_1A", UserID: "42", Status: payments.InvoicePaid, Currency: "usd",
		Total: 2500, AmountDue: 2500, AmountPaid: 2500, Attempted: true, AttemptCount: 2, Number: "ABCD-0002",
		Description: "Set-up", HostedURL: "https://invoice.stripe.com/i/1", PDF: "https://pay.stripe.com/invoice/1/pdf",
		PeriodStart: pointer(1774492000), PeriodEnd: pointer(1777170400),
		FinalizedAt: pointer(1774495600), Created: at(1774492000),
	}
}

func succeededIntent() *payments.StripePaymentIntent {
	return &payments.StripePaymentIntent{
		ID: "pi_3A", Customer: "cus_1A", Status: payments.IntentSucceeded, Currency: "usd", Amount: 2500,
		AmountReceived: 2500, LatestCharge: "ch_3A", Description: "Subscription update", Created: at(1774495600),
	}
}

func refundedCharge() *payments.StripeCharge {
	return &payments.StripeCharge{
		ID: "ch_3A", Customer: "cus_1A", PaymentIntent: "pi_3A", Status: "succeeded", Currency: "usd", Amount: 2500,
		AmountRefunded: 500, Description: "Subscription update", Created: at(1774495601),
	}
}

func succeededRefund() *payments.StripeRefund {
	return &payments.StripeRefund{
		ID: "re_3A", PaymentIntent: "pi_3A", Charge: "ch_3A", UserID: "42", Status: "succeeded", Currency: "usd",
		Amount: 500, Reason: "requested_by_customer", Created: at(1774700000),
	}
}

func lostDispute() *payments.StripeDispute {
	return &payments.StripeDispute{
		ID: "du_3A", PaymentIntent: "pi_3A", Charge: "ch_3A", Status: payments.DisputeLost, Currency: "usd",
		Amount: 2500, Reason: "fraudulent", Created: at(1774750000),
	}
}

// with changes a value and returns it.
func with[T any](value *T, change func(*T)) *T {
	change(value)
	return value
}

func TestDecodeEvent(t *testing.T) {
	t.Parallel()
	client := newClient(t, "http://127.0.0.1:1")
	for _, test := range []struct {
		name     string
		versions []string // none: both, and both give want
		want     payments.News
	}{
		{name: "subscription_created", want: payments.News{AsOf: at(1771900000), Creation: true, Objects: []payments.Object{
			with(pastDue(), func(s *payments.StripeSubscription) {
				s.Status, s.UserID, s.TestClock, s.PauseBehavior = payments.StatusIncomplete, "", "", ""
				s.CancelAt, s.CanceledAt, s.TrialStart, s.TrialEnd, s.PauseResumesAt = nil, nil, nil, nil, nil
				s.CancelAtPeriodEnd = false
			}),
		}}},
		{name: "subscription_updated", want: payments.News{AsOf: at(1774500000), Objects: []payments.Object{pastDue()}}},
		{name: "subscription_deleted", want: payments.News{AsOf: at(1774600000), Objects: []payments.Object{
			with(pastDue(), func(s *payments.StripeSubscription) {
				s.Status, s.EndedAt = payments.StatusCanceled, pointer(1774600000)
				s.TestClock, s.PauseBehavior, s.PauseResumesAt = "", "", nil
			}),
		}}},
		{name: "invoice_paid", want: payments.News{AsOf: at(1774495602), Objects: []payments.Object{paidInvoice()}}},
		{name: "invoice_payment_failed", want: payments.News{AsOf: at(1774495601), Objects: []payments.Object{
			with(paidInvoice(), func(i *payments.StripeInvoice) {
				i.Status, i.AmountPaid, i.AttemptCount, i.Description = payments.InvoiceOpen, 0, 1, "Pro plan"
				i.DueDate, i.PeriodStart, i.PeriodEnd = pointer(1775000000), nil, nil
			}),
		}}},
		{name: "invoice_voided", want: payments.News{AsOf: at(1774582000), Objects: []payments.Object{
			with(paidInvoice(), func(i *payments.StripeInvoice) {
				i.Status, i.AmountPaid, i.AttemptCount, i.Description = payments.InvoiceVoid, 0, 1, "Pro plan"
				i.DueDate, i.PeriodStart, i.PeriodEnd = pointer(1775000000), nil, nil
			}),
		}}},
		{
			name: "payment_intent_succeeded", versions: []string{newVersion},
			want: payments.News{AsOf: at(1774495602), Objects: []payments.Object{succeededIntent()}},
		},
		{
			name: "payment_intent_succeeded", versions: []string{oldVersion},
			want: payments.News{AsOf: at(1774495602), Objects: []payments.Object{
				with(succeededIntent(), func(i *payments.StripePaymentIntent) { i.Invoice, i.InvoiceKnown = "in_1A", true }),
			}},
		},
		{
			name: "payment_intent_payment_failed", versions: []string{newVersion},
			want: payments.News{AsOf: at(1774495601), Objects: []payments.Object{
				with(succeededIntent(), func(i *payments.StripePaymentIntent) {
					i.Status, i.AmountReceived = payments.IntentRequiresPaymentMethod, 0
					i.FailureCode, i.DeclineCode = "card_declined", "insufficient_funds"
					i.FailureMessage = "Your card has insufficient funds."
				}),
			}},
		},
		{
			name: "payment_intent_canceled", versions: []string{newVersion},
			want: payments.News{AsOf: at(1774582000), Objects: []payments.Object{
				with(succeededIntent(), func(i *payments.StripePaymentIntent) {
					i.Status, i.AmountReceived = payments.IntentCanceled, 0
					i.FailureCode, i.DeclineCode = "card_declined", "insufficient_funds"
					i.FailureMessage = "Your card has insufficient funds."
				}),
			}},
		},
		{
			name: "payment_intent_requires_action", versions: []string{newVersion},
			want: payments.News{AsOf: at(1774495601), Objects: []payments.Object{
				with(succeededIntent(), func(i *payments.StripePaymentIntent) {
					i.Status, i.AmountReceived, i.LatestCharge = payments.IntentRequiresAction, 0, ""
				}),
			}},
		},
		{
			name: "payment_intent_requires_action", versions: []string{oldVersion},
			want: payments.News{AsOf: at(1774495601), Objects: []payments.Object{
				with(succeededIntent(), func(i *payments.StripePaymentIntent) {
					i.Status, i.AmountReceived, i.LatestCharge = payments.IntentRequiresAction, 0, ""
					i.Invoice, i.InvoiceKnown = "in_1A", true
				}),
			}},
		},
		{name: "payment_intent_one_off", want: payments.News{AsOf: at(1774495610), Objects: []payments.Object{
			with(succeededIntent(), func(i *payments.StripePaymentIntent) {
				i.ID, i.LatestCharge, i.Description, i.UserID, i.InvoiceKnown = "pi_3B", "ch_3B", "", "42", true
				i.Metadata = map[string]string{"payments_kind": "one_off", "user_id": "42"}
			}),
		}}},
		{
			name: "invoice_payment_paid", versions: []string{newVersion},
			want: payments.News{AsOf: at(1774495620), Objects: []payments.Object{&payments.StripeInvoicePayment{
				ID: "inpay_1A", Invoice: "in_1A", PaymentIntent: "pi_3A", Status: "paid", Currency: "usd",
				AmountPaid: 2500, Created: at(1774495600),
			}}},
		},
		{
			name: "charge_refunded", versions: []string{newVersion},
			want: payments.News{AsOf: at(1774700000), Objects: []payments.Object{refundedCharge()}},
		},
		{
			name: "charge_refunded", versions: []string{oldVersion},
			want: payments.News{AsOf: at(1774700000), Objects: []payments.Object{
				with(refundedCharge(), func(c *payments.StripeCharge) { c.Invoice, c.InvoiceKnown = "in_1A", true }),
				succeededRefund(),
			}},
		},
		{name: "refund_created", want: payments.News{AsOf: at(1774699999), Creation: true, Objects: []payments.Object{
			with(succeededRefund(), func(r *payments.StripeRefund) { r.Status = "pending" }),
		}}},
		{name: "refund_updated", want: payments.News{AsOf: at(1774700001), Objects: []payments.Object{succeededRefund()}}},
		{name: "dispute_created", want: payments.News{AsOf: at(1774750000), Creation: true, Objects: []payments.Object{
			with(lostDispute(), func(d *payments.StripeDispute) { d.Status = payments.DisputeNeedsResponse }),
		}}},
		{name: "dispute_updated", want: payments.News{AsOf: at(1774760000), Objects: []payments.Object{
			with(lostDispute(), func(d *payments.StripeDispute) { d.Status = payments.DisputeUnderReview }),
		}}},
		{name: "dispute_closed", want: payments.News{AsOf: at(1774770000), Objects: []payments.Object{lostDispute()}}},
		{name: "customer_deleted", want: payments.News{AsOf: at(1774800000), Objects: []payments.Object{
			&payments.StripeCustomer{ID: "cus_1A", Email: "ada@example.com", Name: "Ada", UserID: "42", Deleted: true},
		}}},
	} {
		versions := test.versions
		if versions == nil {
			versions = []string{oldVersion, newVersion}
		}
		for _, version := range versions {
			t.Run(test.name+" "+version, func(t *testing.T) {
				t.Parallel()
				got, err := client.DecodeEvent(fixture(t, version, test.name))
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(test.want, got); diff != "" {
					t.Errorf("news differ (-want +got):\n%s", diff)
				}
			})
		}
	}
}

// change sets a member of the object in a fixture, by path; absent removes it.
func change(t *testing.T, payload []byte, value any, path ...string) []byte {
	t.Helper()
	var event map[string]any
	decoder := json.NewDecoder(bytes.NewReader(payload))
	decoder.UseNumber()
	if err := decoder.Decode(&event); err != nil {
		t.Fatal(err)
	}
	place := event
	for _, name := range path[:len(path)-1] {
		switch inner := place[name].(type) {
		case map[string]any:
			place = inner
		case []any:
			place = inner[0].(map[string]any)
		default:
			t.Fatalf("no %s in the fixture", name)
		}
	}
	if value == absent {
		delete(place, path[len(path)-1])
	} else {
		place[path[len(path)-1]] = value
	}
	changed, err := json.Marshal(event)
	if err != nil {
		t.Fatal(err)
	}
	return changed
}

type removed struct{}

var absent = removed{}

func TestDecodeEventRefusesMissingFacts(t *testing.T) {
	t.Parallel()
	client := newClient(t, "http://127.0.0.1:1")
	required := map[string][]string{
		"subscription_updated":     {"id", "object", "status", "customer", "created", "items"},
		"invoice_paid":             {"id", "status", "customer", "currency", "total", "amount_due", "amount_paid", "created"},
		"invoice_payment_paid":     {"id", "invoice", "status", "currency", "created", "payment"},
		"payment_intent_succeeded": {"id", "status", "currency", "amount", "created"},
		"charge_refunded":          {"id", "status", "currency", "amount", "amount_refunded", "created"},
		"refund_updated":           {"id", "status", "currency", "amount", "created"},
		"dispute_closed":           {"id", "charge", "status", "currency", "amount", "created"},
		"customer_deleted":         {"id"},
	}
	for name, members := range required {
		for _, member := range members {
			for _, value := range []any{absent, nil, []any{1}} {
				payload := change(t, fixture(t, newVersion, name), value, "data", "object", member)
				news, err := client.DecodeEvent(payload)
				if err == nil || !strings.Contains(err.Error(), member) {
					t.Errorf("%s with %s = %v gives the error %v, want one that names it", name, member, value, err)
				}
				if diff := cmp.Diff(payments.News{}, news); diff != "" {
					t.Errorf("%s without %s still gives news: %s", name, member, diff)
				}
			}
		}
	}
}

func TestDecodeEventEdges(t *testing.T) {
	t.Parallel()
	client := newClient(t, "http://127.0.0.1:1")
	sub := fixture(t, newVersion, "subscription_updated")
	for _, test := range []struct {
		name    string
		payload []byte
		fault   string // empty: none
	}{
		{"an item without a price", change(t, sub, nil, "data", "object", "items", "data", "price"), "price is missing"},
		{"a quantity of half a seat", change(t, sub, 0.5, "data", "object", "items", "data", "quantity"), "not a whole number"},
		{"a time past the calendar", change(t, sub, 1e15, "data", "object", "trial_end"), "trial_end"},
		{"a user that is a number", change(t, sub, 42, "data", "object", "metadata", "user_id"), "not a string"},
		{"an object of another kind", change(t, sub, "invoice", "data", "object", "object"), "subscription expected"},
		{"a status of a word to come", change(t, sub, "resting", "data", "object", "status"), ""},
		{"a clock that was expanded", change(t, sub, map[string]any{"id": "clock_1"}, "data", "object", "test_clock"), ""},
		{"no JSON", []byte(`{"id":`), "not JSON"},
		{"two objects", append(bytes.Clone(sub), "{}"...), "not JSON"},
		{"a list", []byte(`[]`), "not a JSON object"},
		{"twice a status", bytes.Replace(sub, []byte(`"status": "past_due"`), []byte(`"status": "past_due", "status": "active"`), 1), "twice"},
		{"twice in disguise", bytes.Replace(sub, []byte(`"status": "past_due"`), []byte(`"status": "past_due", "st\u0061tus": "active"`), 1), "twice"},
		{"a name in capitals is another", bytes.Replace(sub, []byte(`"status": "past_due"`), []byte(`"STATUS": "active"`), 1), "status is missing"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			_, err := client.DecodeEvent(test.payload)
			switch {
			case test.fault == "" && err != nil:
				t.Error(err)
			case test.fault != "" && (err == nil || !strings.Contains(err.Error(), test.fault)):
				t.Errorf("error is %v, want one about %q", err, test.fault)
			}
		})
	}
}

func TestDecodeEventPeriods(t *testing.T) {
	t.Parallel()
	client := newClient(t, "http://127.0.0.1:1")
	for _, version := range []string{oldVersion, newVersion} {
		for _, test := range []struct {
			event string
			fault bool
		}{{"subscription_updated", true}, {"subscription_deleted", false}} {
			payload := fixture(t, version, test.event)
			payload = bytes.ReplaceAll(payload, []byte(`"current_period_`), []byte(`"former_period_`))
			_, err := client.DecodeEvent(payload)
			if (err != nil) != test.fault {
				t.Errorf("%s of %s without a period gives the error %v", test.event, version, err)
			}
		}
	}
}

func TestDecodeEventOfOtherTypes(t *testing.T) {
	t.Parallel()
	client := newClient(t, "http://127.0.0.1:1")
	news, err := client.DecodeEvent([]byte(`{"id":"evt_1","object":"event","type":"invoice.upcoming","created":1774500000,` +
		`"livemode":false,"data":{"object":{"object":"invoice","amount_due":2000}}}`))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(payments.News{AsOf: at(1774500000)}, news); diff != "" {
		t.Errorf("news differ (-want +got):\n%s", diff)
	}
}

// TestFailureTextForDevelopers: only a card error speaks to the card holder.
func TestFailureTextForDevelopers(t *testing.T) {
	t.Parallel()
	client := newClient(t, "http://127.0.0.1:1")
	payload := change(t, fixture(t, newVersion, "payment_intent_payment_failed"), map[string]any{
		"type": "invalid_request_error", "code": "payment_intent_authentication_failure", "message": "The provided PaymentMethod …",
	}, "data", "object", "last_payment_error")
	news, err := client.DecodeEvent(payload)
	if err != nil {
		t.Fatal(err)
	}
	intent := news.Objects[0].(*payments.StripePaymentIntent)
	if intent.FailureCode != "payment_intent_authentication_failure" || intent.FailureMessage != "" {
		t.Errorf("failure is %q %q", intent.FailureCode, intent.FailureMessage)
	}
}

// TestRecordedEvents reads bodies that Stripe really sent.
func TestRecordedEvents(t *testing.T) {
	t.Parallel()
	folder := filepath.Join("..", "..", "..", "shared", "events")
	files, err := filepath.Glob(filepath.Join(folder, "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	if len(files) == 0 {
		t.Skipf("no recorded events: %s is absent", folder)
	}
	client := newClient(t, "http://127.0.0.1:1")
	want := map[string]int{"charge_refunded.json": 2} // the charge and its refund
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			payload, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			event, err := client.VerifyEvent(payload, sign(payload, testSecret, start))
			if err != nil {
				t.Fatal(err)
			}
			news, err := client.DecodeEvent(payload)
			if err != nil {
				t.Fatal(err)
			}
			if len(news.Objects) != max(want[filepath.Base(file)], 1) {
				t.Fatalf("news of %d objects", len(news.Objects))
			}
			if ref := news.Objects[0].Ref(); ref != (payments.Ref{Kind: event.ObjectKind, ID: event.ObjectID}) {
				t.Errorf("the news is of %v, the event of %s %s", ref, event.ObjectKind, event.ObjectID)
			}
		})
	}
}

func TestHandledEventTypes(t *testing.T) {
	t.Parallel()
	want := []string{
		"charge.dispute.closed", "charge.dispute.created", "charge.dispute.updated", "charge.refunded", "customer.deleted",
		"customer.subscription.created", "customer.subscription.deleted", "customer.subscription.paused",
		"customer.subscription.resumed", "customer.subscription.updated", "invoice.paid", "invoice.payment_failed", "invoice.payment_succeeded", "invoice.voided",
		"invoice_payment.paid", "payment_intent.canceled", "payment_intent.payment_failed",
		"payment_intent.requires_action", "payment_intent.succeeded", "refund.created", "refund.updated",
	}
	if diff := cmp.Diff(want, stripe.HandledEventTypes()); diff != "" {
		t.Errorf("types differ (-want +got):\n%s", diff)
	}
	if polled := stripe.PolledEventTypes(); len(polled) > 20 || len(polled) != len(want)-1 || slices.Contains(polled, "invoice.payment_succeeded") {
		t.Errorf("a poll asks for %d types, Stripe takes 20: %v", len(polled), polled)
	}
}

// TestFailedCharge: a charge has no decline code of its own.
func TestFailedCharge(t *testing.T) {
	t.Parallel()
	client := newClient(t, "http://127.0.0.1:1")
	payload := fixture(t, newVersion, "charge_refunded")
	for member, value := range map[string]any{
		"status": "failed", "failure_code": "card_declined", "failure_message": "Your card was declined.",
		"outcome": map[string]any{"type": "issuer_declined", "reason": "do_not_honor"},
	} {
		payload = change(t, payload, value, "data", "object", member)
	}
	news, err := client.DecodeEvent(payload)
	if err != nil {
		t.Fatal(err)
	}
	want := with(refundedCharge(), func(c *payments.StripeCharge) {
		c.Status, c.FailureCode, c.DeclineCode, c.FailureMessage = "failed", "card_declined", "do_not_honor", "Your card was declined."
	})
	if diff := cmp.Diff(payments.Object(want), news.Objects[0]); diff != "" {
		t.Errorf("charges differ (-want +got):\n%s", diff)
	}
}

// TestServicePeriod: an invoice covers all that its lines do, and lines of
// the subscription count before others.
func TestServicePeriod(t *testing.T) {
	t.Parallel()
	client := newClient(t, "http://127.0.0.1:1")
	line := func(kind string, start, end int) map[string]any {
		return map[string]any{"parent": map[string]any{"type": kind}, "period": map[string]any{"start": start, "end": end}}
	}
	const ofSubscription, ofItem = "subscription_item_details", "invoice_item_details"
	for _, test := range []struct {
		name       string
		lines      []any
		start, end *time.Time
	}{
		{"none", []any{}, nil, nil},
		{"several", []any{line(ofSubscription, 20, 30), line(ofSubscription, 10, 40), line(ofSubscription, 15, 25)}, pointer(10), pointer(40)},
		{"items beside", []any{line(ofItem, 1, 99), line(ofSubscription, 20, 30)}, pointer(20), pointer(30)},
		{"items only", []any{line(ofItem, 7, 7), line(ofItem, 9, 9)}, pointer(7), pointer(9)},
	} {
		payload := change(t, fixture(t, newVersion, "invoice_paid"), test.lines, "data", "object", "lines", "data")
		news, err := client.DecodeEvent(payload)
		if err != nil {
			t.Fatalf("%s: %v", test.name, err)
		}
		invoice := news.Objects[0].(*payments.StripeInvoice)
		if !cmp.Equal(invoice.PeriodStart, test.start) || !cmp.Equal(invoice.PeriodEnd, test.end) {
			t.Errorf("%s: %v to %v, want %v to %v", test.name, invoice.PeriodStart, invoice.PeriodEnd, test.start, test.end)
		}
	}
}

// BenchmarkEvent is what reading an event costs the receive path.
func BenchmarkEvent(b *testing.B) {
	payload, err := os.ReadFile(filepath.Join("testdata", newVersion, "invoice_paid.json"))
	if err != nil {
		b.Fatal(err)
	}
	client, err := stripe.New(stripe.Config{SecretKey: testKey, WebhookSecrets: []string{testSecret}, Now: fixedNow})
	if err != nil {
		b.Fatal(err)
	}
	header := sign(payload, testSecret, start)
	b.SetBytes(int64(len(payload)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := client.VerifyEvent(payload, header); err != nil {
			b.Fatal(err)
		}
		if _, err := client.DecodeEvent(payload); err != nil {
			b.Fatal(err)
		}
	}
}
