package stripe_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/numerai-app/payments"
)

// canned answers by method and path, in turn where there are several; anything
// else is a 404 of Stripe's. It remembers the requests.
type canned struct {
	answers map[string][]step

	mu       sync.Mutex
	requests []string // method, path and parameters
	keys     map[string]string
}

func (c *canned) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	body, _ := io.ReadAll(r.Body)
	parameters := r.URL.RawQuery + string(body)
	if decoded, err := url.QueryUnescape(parameters); err == nil {
		parameters = decoded
	}
	name := r.Method + " " + r.URL.Path
	c.requests = append(c.requests, strings.TrimSpace(name+" "+parameters))
	if c.keys == nil {
		c.keys = map[string]string{}
	}
	c.keys[name] = r.Header.Get("Idempotency-Key")
	now := failure(404, "resource_missing")
	if queue := c.answers[name]; len(queue) > 0 {
		now = queue[0]
		if len(queue) > 1 {
			c.answers[name] = queue[1:]
		}
	}
	w.Header().Set("Date", start.Format(http.TimeFormat))
	for name, value := range now.header {
		w.Header().Set(name, value)
	}
	w.WriteHeader(now.status)
	_, _ = io.WriteString(w, now.body)
}

func (c *canned) sent(t *testing.T, want ...string) {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	if diff := cmp.Diff(want, c.requests); diff != "" {
		t.Errorf("requests differ (-want +got):\n%s", diff)
	}
}

func ok(body string) []step { return []step{{status: 200, body: body}} }

// at second of the test's time, as a Date header.
func dated(second int, body string) []step {
	date := start.Add(time.Duration(second) * time.Second).Format(http.TimeFormat)
	return []step{{status: 200, body: body, header: map[string]string{"Date": date}}}
}

func replayed(body string) []step {
	return []step{{status: 200, body: body, header: map[string]string{"Idempotent-Replayed": "true"}}}
}

func list(more bool, elements ...string) string {
	return fmt.Sprintf(`{"object":"list","url":"/v1/x","has_more":%v,"data":[%s]}`, more, strings.Join(elements, ","))
}

func subscriptionJSON(status, latestInvoice, more string) string {
	return fmt.Sprintf(`{"id":"sub_1","object":"subscription","customer":"cus_1","status":%q,"created":1774500000,"metadata":{"user_id":"42"},
		"items":{"data":[{"id":"si_1","price":{"id":"price_1"},"quantity":2,"current_period_start":1774500000,"current_period_end":1777100000}]},
		"latest_invoice":%s%s}`, status, latestInvoice, more)
}

func invoiceJSON(status, more string) string {
	return fmt.Sprintf(`{"id":"in_1","object":"invoice","customer":"cus_1","status":%q,"currency":"usd","total":1999,"amount_due":1999,
		"amount_paid":0,"created":1774500000,"parent":{"subscription_details":{"subscription":"sub_1","metadata":{}}}%s}`, status, more)
}

func paymentJSON(status string) string {
	return fmt.Sprintf(`{"id":"inpay_1","object":"invoice_payment","invoice":"in_1","status":%q,"currency":"usd","created":1774500000,
		"payment":{"type":"payment_intent","payment_intent":"pi_1"}}`, status)
}

func intentJSON(status, latestCharge string) string {
	return fmt.Sprintf(`{"id":"pi_1","object":"payment_intent","customer":"cus_1","status":%q,"currency":"usd","amount":1999,
		"created":1774500000,"latest_charge":%s,"client_secret":"pi_1_secret_2"}`, status, latestCharge)
}

const (
	chargeJSON = `{"id":"ch_1","object":"charge","customer":"cus_1","payment_intent":"pi_1","status":"succeeded","currency":"usd",
		"amount":1999,"amount_refunded":0,"created":1774500000}`
	refundJSON = `{"id":"re_1","object":"refund","charge":"ch_1","status":"succeeded","currency":"usd","amount":1,"created":1774500000}`
)

// refs name the objects of news, in order.
func refs(news payments.News) string {
	var ids []string
	for _, object := range news.Objects {
		ids = append(ids, object.Ref().ID)
	}
	return strings.Join(ids, " ")
}

func intentIn(t *testing.T, news payments.News) *payments.StripePaymentIntent {
	t.Helper()
	for _, object := range news.Objects {
		if intent, ok := object.(*payments.StripePaymentIntent); ok {
			return intent
		}
	}
	t.Fatal("no payment intent in the news")
	return nil
}

func TestCreateSubscription(t *testing.T) {
	t.Parallel()
	payable := "&expand[0]=latest_invoice.payments&expand[1]=latest_invoice.confirmation_secret&expand[2]=pending_setup_intent"
	common := "POST /v1/subscriptions customer=cus_1%s" + payable + "&items[0][price]=price_1&items[0][quantity]=2" +
		"&metadata[user_id]=42&off_session=false&payment_behavior=%s&payment_settings[save_default_payment_method]=on_subscription"
	confirmable := `,"payments":{"data":[` + paymentJSON("open") + `]},"confirmation_secret":{"client_secret":"in_1_secret_3"}`
	for _, test := range []struct {
		name      string
		asked     payments.NewSubscription
		answers   map[string][]step
		sent      []string
		objects   string
		secret    string
		hasIntent bool
	}{
		{
			name:  "paid at once",
			asked: payments.NewSubscription{PaymentMethodID: "pm_1"},
			answers: map[string][]step{
				"POST /v1/subscriptions": ok(subscriptionJSON("active",
					invoiceJSON("paid", strings.Replace(confirmable, "open", "paid", 1)), "")),
				"GET /v1/payment_intents/pi_1": ok(intentJSON("succeeded", chargeJSON)),
			},
			sent: []string{
				fmt.Sprintf(common, "&default_payment_method=pm_1", "allow_incomplete"),
				"GET /v1/payment_intents/pi_1 expand[0]=latest_charge",
			},
			objects: "sub_1 in_1 inpay_1 pi_1 ch_1", hasIntent: true,
		},
		{
			name: "left to the browser",
			answers: map[string][]step{
				"POST /v1/subscriptions":       ok(subscriptionJSON("incomplete", invoiceJSON("open", confirmable), "")),
				"GET /v1/payment_intents/pi_1": ok(intentJSON("requires_payment_method", "null")),
			},
			sent:    []string{fmt.Sprintf(common, "", "default_incomplete"), "GET /v1/payment_intents/pi_1 expand[0]=latest_charge"},
			objects: "sub_1 in_1 inpay_1 pi_1", secret: "in_1_secret_3", hasIntent: true,
		},
		{
			name:  "a trial",
			asked: payments.NewSubscription{TrialDays: 7},
			answers: map[string][]step{
				"POST /v1/subscriptions": ok(subscriptionJSON("trialing", invoiceJSON("paid", `,"payments":{"data":[]}`),
					`,"pending_setup_intent":{"id":"seti_1","object":"setup_intent","status":"requires_payment_method","client_secret":"seti_1_secret_4"}`)),
			},
			sent:    []string{fmt.Sprintf(common, "", "default_incomplete") + "&trial_period_days=7"},
			objects: "sub_1 in_1", secret: "seti_1_secret_4",
		},
		{
			name: "with an invoice that is not expanded",
			answers: map[string][]step{
				"POST /v1/subscriptions": ok(subscriptionJSON("active", `"in_1"`, `,"pending_setup_intent":"seti_1"`)),
				"GET /v1/invoices/in_1":  ok(invoiceJSON("paid", `,"payments":{"data":[]}`)),
			},
			sent:    []string{fmt.Sprintf(common, "", "default_incomplete"), "GET /v1/invoices/in_1 expand[0]=payments"},
			objects: "sub_1 in_1",
		},
		{
			name: "replayed",
			answers: map[string][]step{
				"POST /v1/subscriptions":      replayed(subscriptionJSON("incomplete", `"in_1"`, "")),
				"GET /v1/subscriptions/sub_1": ok(subscriptionJSON("active", invoiceJSON("paid", `,"payments":{"data":[]}`), "")),
			},
			sent: []string{
				fmt.Sprintf(common, "", "default_incomplete"),
				"GET /v1/subscriptions/sub_1 " + payable[1:],
			},
			objects: "sub_1 in_1",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			stripe := &canned{answers: test.answers}
			test.asked.CustomerID, test.asked.UserID, test.asked.Price, test.asked.Quantity = "cus_1", "42", "price_1", 2
			got, err := newFake(t, stripe).CreateSubscription(t.Context(), "the key", test.asked)
			if err != nil {
				t.Fatal(err)
			}
			stripe.sent(t, test.sent...)
			if key := stripe.keys["POST /v1/subscriptions"]; key != "the key" {
				t.Errorf("sent with the key %q", key)
			}
			if refs(got.News) != test.objects || !got.News.Read || !got.News.AsOf.Equal(start) {
				t.Errorf("news of %s, read %v, as of %v", refs(got.News), got.News.Read, got.News.AsOf)
			}
			if got.ClientSecret != test.secret || got.Invoice == nil || got.Subscription == nil {
				t.Errorf("answer is %+v", got)
			}
			if test.hasIntent != (got.PaymentIntent != nil) {
				t.Fatalf("payment intent is %+v", got.PaymentIntent)
			}
			if intent := got.PaymentIntent; intent != nil && (intent.Invoice != "in_1" || !intent.InvoiceKnown) {
				t.Errorf("the payment intent pays %q, known %v", intent.Invoice, intent.InvoiceKnown)
			}
		})
	}
}

func TestRead(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name    string
		ref     payments.Ref
		answers map[string][]step
		objects string
		invoice string // that the payment intent is known to pay; "-": not known
	}{
		{
			name: "subscription", ref: payments.Ref{Kind: payments.KindSubscription, ID: "sub_1"}, objects: "sub_1 in_1 inpay_1",
			answers: map[string][]step{"GET /v1/subscriptions/sub_1": ok(
				subscriptionJSON("active", invoiceJSON("paid", `,"payments":{"data":[`+paymentJSON("paid")+`]}`), ""))},
		},
		{
			name: "subscription whose invoice is not expanded", ref: payments.Ref{Kind: payments.KindSubscription, ID: "sub_1"},
			objects: "sub_1 in_1", answers: map[string][]step{
				"GET /v1/subscriptions/sub_1": ok(subscriptionJSON("active", `"in_1"`, "")),
				"GET /v1/invoices/in_1":       ok(invoiceJSON("paid", "")),
			},
		},
		{
			name: "invoice", ref: payments.Ref{Kind: payments.KindInvoice, ID: "in_1"}, objects: "in_1 inpay_1 pi_1 ch_1", invoice: "in_1",
			answers: map[string][]step{
				"GET /v1/invoices/in_1":        ok(invoiceJSON("paid", `,"payments":{"data":[`+paymentJSON("paid")+`]}`)),
				"GET /v1/payment_intents/pi_1": ok(intentJSON("succeeded", chargeJSON)),
			},
		},
		{
			name: "payment intent of an invoice", ref: payments.Ref{Kind: payments.KindPaymentIntent, ID: "pi_1"},
			objects: "pi_1 ch_1 inpay_1 in_1", invoice: "in_1", answers: map[string][]step{
				"GET /v1/payment_intents/pi_1": ok(intentJSON("succeeded", `"ch_1"`)),
				"GET /v1/charges/ch_1":         ok(chargeJSON),
				"GET /v1/invoice_payments":     ok(list(false, paymentJSON("paid"))),
				"GET /v1/invoices/in_1":        ok(invoiceJSON("paid", "")),
			},
		},
		{
			name: "payment intent of none", ref: payments.Ref{Kind: payments.KindPaymentIntent, ID: "pi_1"}, objects: "pi_1",
			answers: map[string][]step{
				"GET /v1/payment_intents/pi_1": ok(intentJSON("processing", `null`)),
				"GET /v1/invoice_payments":     ok(list(false)),
			},
		},
		{
			name: "payment intent whose invoice is gone", ref: payments.Ref{Kind: payments.KindPaymentIntent, ID: "pi_1"},
			objects: "pi_1 inpay_1", invoice: "in_1", answers: map[string][]step{
				"GET /v1/payment_intents/pi_1": ok(intentJSON("processing", `null`)),
				"GET /v1/invoice_payments":     ok(list(false, paymentJSON("open"))),
			},
		},
		{
			name: "charge with two pages of refunds", ref: payments.Ref{Kind: payments.KindCharge, ID: "ch_1"},
			objects: "ch_1 re_1 re_2 pi_1", invoice: "-", answers: map[string][]step{
				"GET /v1/charges/ch_1": ok(chargeJSON),
				"GET /v1/refunds": append(ok(list(true, refundJSON)),
					ok(list(false, strings.Replace(refundJSON, "re_1", "re_2", 1)))...),
				"GET /v1/payment_intents/pi_1": ok(intentJSON("succeeded", chargeJSON)),
			},
		},
		{
			name: "refund", ref: payments.Ref{Kind: payments.KindRefund, ID: "re_1"}, objects: "re_1 ch_1",
			answers: map[string][]step{"GET /v1/refunds/re_1": ok(refundJSON), "GET /v1/charges/ch_1": ok(chargeJSON)},
		},
		{
			name: "refund of a charge that is gone", ref: payments.Ref{Kind: payments.KindRefund, ID: "re_1"}, objects: "re_1",
			answers: map[string][]step{"GET /v1/refunds/re_1": ok(refundJSON)},
		},
		{
			name: "invoice payment", ref: payments.Ref{Kind: payments.KindInvoicePayment, ID: "inpay_1"},
			objects: "inpay_1 in_1 pi_1", invoice: "in_1", answers: map[string][]step{
				"GET /v1/invoice_payments/inpay_1": ok(paymentJSON("open")),
				"GET /v1/invoices/in_1":            ok(invoiceJSON("open", "")),
				"GET /v1/payment_intents/pi_1":     ok(intentJSON("requires_action", "null")),
			},
		},
		{
			name: "deleted customer", ref: payments.Ref{Kind: payments.KindCustomer, ID: "cus_1"}, objects: "cus_1",
			answers: map[string][]step{"GET /v1/customers/cus_1": ok(`{"id":"cus_1","object":"customer","deleted":true}`)},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			news, err := newFake(t, &canned{answers: test.answers}).Read(t.Context(), test.ref)
			if err != nil {
				t.Fatal(err)
			}
			if refs(news) != test.objects || !news.Read || news.Creation {
				t.Errorf("news of %q, want %q: %+v", refs(news), test.objects, news)
			}
			if !strings.Contains(test.objects, "pi_1") {
				return
			}
			intent := intentIn(t, news)
			if want := strings.Trim(test.invoice, "-"); intent.Invoice != want || intent.InvoiceKnown == (test.invoice == "-") {
				t.Errorf("the payment intent pays %q, known %v", intent.Invoice, intent.InvoiceKnown)
			}
		})
	}
}

func TestReadOfNothing(t *testing.T) {
	t.Parallel()
	client := newFake(t, &canned{})
	for _, kind := range []payments.ObjectKind{"subscription", "invoice", "payment_intent", "charge", "refund", "invoice_payment", "customer"} {
		if _, err := client.Read(t.Context(), payments.Ref{Kind: kind, ID: "x_1"}); !errors.Is(err, payments.ErrNotFound) {
			t.Errorf("reading a %s gives %v, want ErrNotFound", kind, err)
		}
	}
	var known *payments.Error
	client = newFake(t, &canned{answers: map[string][]step{"GET /v1/charges/ch_1": ok(chargeJSON)}})
	if _, err := client.Read(t.Context(), payments.Ref{Kind: payments.KindCharge, ID: "ch_1"}); err == nil || errors.As(err, &known) {
		t.Errorf("reading a charge without its list of refunds gives %v, want a plain error", err)
	}
	if _, err := client.Read(t.Context(), payments.Ref{Kind: "price", ID: "x_1"}); err == nil || errors.As(err, &known) {
		t.Errorf("reading a price gives %v, want a plain error", err)
	}
}

// TestReadIsOfTheEarliestAnswer: news of several calls is no newer than the first.
func TestReadIsOfTheEarliestAnswer(t *testing.T) {
	t.Parallel()
	client := newFake(t, &canned{answers: map[string][]step{
		"GET /v1/refunds/re_1": dated(7, refundJSON),
		"GET /v1/charges/ch_1": dated(5, chargeJSON),
	}})
	news, err := client.Read(t.Context(), payments.Ref{Kind: payments.KindRefund, ID: "re_1"})
	if err != nil {
		t.Fatal(err)
	}
	if want := start.Add(5 * time.Second); !news.AsOf.Equal(want) {
		t.Errorf("as of %v, want %v", news.AsOf, want)
	}
}

// TestEndlessList: pages are bounded.
func TestEndlessList(t *testing.T) {
	t.Parallel()
	client := newFake(t, &canned{answers: map[string][]step{
		"GET /v1/charges/ch_1": ok(chargeJSON),
		"GET /v1/refunds":      ok(list(true, refundJSON)),
	}})
	if _, err := client.Read(t.Context(), payments.Ref{Kind: payments.KindCharge, ID: "ch_1"}); err == nil || !strings.Contains(err.Error(), "pages") {
		t.Errorf("error is %v, want one about pages", err)
	}
}

func TestRepeatedEnds(t *testing.T) {
	t.Parallel()
	t.Run("canceled already", func(t *testing.T) {
		t.Parallel()
		client := newFake(t, &canned{answers: map[string][]step{
			"GET /v1/subscriptions/sub_1": ok(subscriptionJSON("canceled", "null", "")),
		}})
		news, err := client.CancelSubscription(t.Context(), "key", "sub_1")
		if err != nil || refs(news) != "sub_1" {
			t.Errorf("news of %q, error %v", refs(news), err)
		}
	})
	t.Run("not to be canceled", func(t *testing.T) {
		t.Parallel()
		client := newFake(t, &canned{answers: map[string][]step{
			"DELETE /v1/subscriptions/sub_1": {failure(400, "resource_locked")},
			"GET /v1/subscriptions/sub_1":    ok(subscriptionJSON("active", "null", "")),
		}})
		if _, err := client.CancelSubscription(t.Context(), "key", "sub_1"); err == nil || !strings.Contains(err.Error(), "resource_locked") {
			t.Errorf("error is %v, want the refusal", err)
		}
	})
	t.Run("nothing to cancel", func(t *testing.T) {
		t.Parallel()
		_, err := newFake(t, &canned{}).CancelSubscription(t.Context(), "key", "sub_1")
		if !errors.Is(err, payments.ErrNotFound) {
			t.Errorf("error is %v, want ErrNotFound", err)
		}
	})
	for _, test := range []struct {
		status     string
		paid, void bool
	}{{"paid", true, false}, {"void", false, true}, {"draft", false, false}} {
		t.Run("invoice "+test.status, func(t *testing.T) {
			t.Parallel()
			client := newFake(t, &canned{answers: map[string][]step{
				"POST /v1/invoices/in_1/pay":  {failure(400, "invoice_not_editable")},
				"POST /v1/invoices/in_1/void": {failure(400, "invoice_not_editable")},
				"GET /v1/invoices/in_1":       ok(invoiceJSON(test.status, "")),
			}})
			if err := client.PayInvoice(t.Context(), "key", "in_1", "pm_1"); (err == nil) != test.paid {
				t.Errorf("paying gives %v", err)
			}
			news, err := client.VoidInvoice(t.Context(), "key", "in_1")
			if (err == nil) != test.void || test.void && refs(news) != "in_1" {
				t.Errorf("voiding gives news of %q and %v", refs(news), err)
			}
		})
	}
}

func TestPayInvoice(t *testing.T) {
	t.Parallel()
	stripe := &canned{answers: map[string][]step{"POST /v1/invoices/in_1/pay": append(
		[]step{{status: 402, body: errorBody("card_error", `"code":"card_declined","message":"m"`)}}, ok(invoiceJSON("paid", ""))...)}}
	client := newFake(t, stripe)
	if err := client.PayInvoice(t.Context(), "key", "in_1", "pm_1"); !errors.Is(err, payments.ErrDeclined) {
		t.Errorf("error is %v, want ErrDeclined", err)
	}
	if err := client.PayInvoice(t.Context(), "key 2", "in_1", "pm_2"); err != nil {
		t.Error(err)
	}
	stripe.sent(t, "POST /v1/invoices/in_1/pay off_session=false&payment_method=pm_1",
		"POST /v1/invoices/in_1/pay off_session=false&payment_method=pm_2")
}

func TestCreateCustomerReplayed(t *testing.T) {
	t.Parallel()
	stripe := &canned{answers: map[string][]step{
		"POST /v1/customers":      replayed(customerBody),
		"GET /v1/customers/cus_1": ok(strings.Replace(customerBody, "ada@", "lovelace@", 1)),
	}}
	made, news, err := newFake(t, stripe).CreateCustomer(t.Context(), "key", payments.User{ID: "42", Email: "ada@example.com", Name: "Ada & Co"})
	if err != nil {
		t.Fatal(err)
	}
	if made.Email != "lovelace@example.com" || refs(news) != "cus_1" {
		t.Errorf("made %+v, news of %s", made, refs(news))
	}
	stripe.sent(t, "POST /v1/customers email=ada@example.com&metadata[user_id]=42&name=Ada & Co", "GET /v1/customers/cus_1")
}

func TestSubscriptionsOf(t *testing.T) {
	t.Parallel()
	second := strings.Replace(subscriptionJSON("past_due", invoiceJSON("open", ""), ""), "sub_1", "sub_2", 1)
	stripe := &canned{answers: map[string][]step{"GET /v1/subscriptions": append(
		ok(list(true, subscriptionJSON("incomplete_expired", "null", ""))), ok(list(false, second))...)}}
	client := newFake(t, stripe)
	news, err := client.SubscriptionsOf(t.Context(), "cus_1")
	if err != nil {
		t.Fatal(err)
	}
	if refs(news) != "sub_2 in_1" || !news.Read || !news.AsOf.Equal(start) {
		t.Errorf("news of %q: %+v", refs(news), news)
	}
	stripe.sent(t, "GET /v1/subscriptions limit=100&customer=cus_1&expand[0]=data.latest_invoice",
		"GET /v1/subscriptions limit=100&starting_after=sub_1&customer=cus_1&expand[0]=data.latest_invoice")
	if _, err := newFake(t, &canned{}).SubscriptionsOf(t.Context(), "cus_1"); !errors.Is(err, payments.ErrNotFound) {
		t.Errorf("error is %v, want ErrNotFound", err)
	}
}

func TestPrices(t *testing.T) {
	t.Parallel()
	price := `{"id":"%s","object":"price","currency":"usd","unit_amount":%s,"recurring":%s}`
	month := `{"interval":"month","interval_count":1}`
	client := newFake(t, &canned{answers: map[string][]step{
		"GET /v1/prices/price_1":      ok(fmt.Sprintf(price, "price_1", "999", month)),
		"GET /v1/prices/gold monthly": ok(fmt.Sprintf(price, "gold monthly", "null", month)),
		"GET /v1/prices/price_once":   ok(fmt.Sprintf(price, "price_once", "999", "null")),
	}})
	got, err := client.Prices(t.Context(), []string{"price_1", "gold monthly"})
	if err != nil {
		t.Fatal(err)
	}
	amount := int64(999)
	want := []payments.Price{
		{ID: "price_1", Amount: &amount, Currency: "usd", Interval: "month", IntervalCount: 1},
		{ID: "gold monthly", Currency: "usd", Interval: "month", IntervalCount: 1},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("prices differ (-want +got):\n%s", diff)
	}
	for _, id := range []string{"price_2", "price_once"} {
		if _, err := client.Prices(t.Context(), []string{"price_1", id}); err == nil || !strings.Contains(err.Error(), id) {
			t.Errorf("price %s gives %v, want an error that names it", id, err)
		}
	}
}
