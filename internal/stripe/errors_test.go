package stripe_test

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/numerai-app/payments"
	"github.com/numerai-app/payments/internal/stripe"
)

// body is an error as Stripe answers it; members are more of its JSON.
func errorBody(kind, members string) string {
	return fmt.Sprintf(`{"error":{"type":%q,%s,"doc_url":"https://stripe.com/docs"}}`, kind, members)
}

// methodMessage is what a caller is told of a payment method that cannot be used.
const methodMessage = "This payment method does not exist or cannot be used for this customer."

func TestErrors(t *testing.T) {
	t.Parallel()
	const developers = `"message":"for developers"`
	declined := func(declineCode, message string) payments.Error {
		return payments.Error{Kind: payments.ErrDeclined, Code: payments.CodeCardDeclined, DeclineCode: declineCode, Message: message}
	}
	action := payments.Error{
		Kind: payments.ErrActionRequired, Code: payments.CodeAuthenticationRequired,
		Message: "The bank asks for one more step to confirm this payment.",
	}
	method := payments.Error{
		Kind: payments.ErrInvalid, Code: payments.CodeInvalidRequest, Message: methodMessage,
		Fields: []payments.FieldError{{Field: "payment_method_id", Message: methodMessage}},
	}
	missing := payments.Error{Kind: payments.ErrNotFound, Code: payments.CodeNotFound, Message: "There is no such object at Stripe."}
	for _, test := range []struct {
		name   string
		status int
		body   string
		want   payments.Error
	}{
		{
			"insufficient funds", 402, errorBody("card_error",
				`"code":"card_declined","decline_code":"insufficient_funds","message":"Your card has insufficient funds."`),
			declined("insufficient_funds", "Your card has insufficient funds."),
		},
		{
			"lost card", 402, errorBody("card_error", `"code":"card_declined","decline_code":"lost_card","message":"Your card is lost."`),
			declined("generic_decline", "Your card was declined."),
		},
		{
			"stolen card", 402, errorBody("card_error", `"code":"card_declined","decline_code":"stolen_card","message":"Your card is stolen."`),
			declined("generic_decline", "Your card was declined."),
		},
		{
			"fraudulent", 402, errorBody("card_error", `"code":"card_declined","decline_code":"fraudulent","message":"Fraud."`),
			declined("generic_decline", "Your card was declined."),
		},
		{
			"expired", 402, errorBody("card_error", `"code":"expired_card","message":"Your card has expired."`),
			declined("expired_card", "Your card has expired."),
		},
		{
			"incorrect cvc", 402, errorBody("card_error", `"code":"incorrect_cvc","message":"Your card's security code is incorrect."`),
			declined("incorrect_cvc", "Your card's security code is incorrect."),
		},
		{"authentication", 402, errorBody("card_error",
			`"code":"authentication_required","decline_code":"authentication_required",`+developers), action},
		{"authentication by decline code", 402, errorBody("card_error",
			`"code":"card_declined","decline_code":"authentication_required",`+developers), action},
		{
			"action", 402, errorBody("invalid_request_error", `"code":"invoice_payment_intent_requires_action",`+developers+
				`,"payment_intent":{"id":"pi_1","object":"payment_intent","client_secret":"pi_1_secret_2"}`),
			payments.Error{Kind: action.Kind, Code: action.Code, Message: action.Message, ClientSecret: "pi_1_secret_2"},
		},
		{"unknown payment method", 400, errorBody("invalid_request_error",
			`"code":"resource_missing","param":"default_payment_method",`+developers), method},
		{"payment method of another customer", 400, errorBody("invalid_request_error", `"param":"payment_method",`+developers), method},
		{"unknown customer", 400, errorBody("invalid_request_error", `"code":"resource_missing","param":"customer",`+developers), missing},
		{"unknown object", 404, errorBody("invalid_request_error", `"code":"resource_missing","param":"id",`+developers), missing},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			client := newFake(t, &script{steps: []step{{status: test.status, body: test.body}}})
			err := client.SetDefaultPaymentMethod(t.Context(), "key", "sub_1", "pm_1")
			var got *payments.Error
			if !errors.As(err, &got) {
				t.Fatalf("error is %v, want a %T", err, got)
			}
			if !errors.Is(err, test.want.Kind) {
				t.Errorf("error is %v, want %v", err, test.want.Kind)
			}
			shown := *got
			shown.Err = nil
			if diff := cmp.Diff(test.want, shown, cmp.Comparer(func(a, b error) bool { return a == b })); diff != "" {
				t.Errorf("errors differ (-want +got):\n%s", diff)
			}
			if got.Err == nil || strings.Contains(err.Error(), "_secret_") {
				t.Errorf("the cause for logs is %v", got.Err)
			}
		})
	}
}

// TestErrorsOfOurOwn are for logs: they say what to do, and are of no kind.
func TestErrorsOfOurOwn(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name   string
		status int
		body   string
		want   string
	}{
		{"key", 401, errorBody("invalid_request_error", `"message":"Invalid API Key provided: sk_test_secret"`), "secret key is not accepted"},
		{
			"permission", 403, errorBody("invalid_request_error",
				`"message":"The provided key 'rk_test_secret' does not have the required permissions. Having the 'rak_subscription_write' permission …"`),
			"lacks the permission rak_subscription_write",
		},
		{"some permission", 403, errorBody("invalid_request_error", `"message":"No."`), "lacks a permission"},
		{"unknown parameter", 400, errorBody("invalid_request_error",
			`"code":"parameter_unknown","param":"default_payment_method","message":"Received unknown parameter"`), "parameter_unknown"},
		{"other parameters", 400, errorBody("idempotency_error", `"message":"Keys for idempotent requests can only be used with …"`), "idempotency_error"},
		{"unknown price", 400, errorBody("invalid_request_error",
			`"code":"resource_missing","param":"items[0][price]","message":"No such price: 'price_1'"`), "No such price"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			client := newFake(t, &script{steps: []step{{status: test.status, body: test.body}}})
			err := client.SetDefaultPaymentMethod(t.Context(), "key", "sub_1", "pm_1")
			var known *payments.Error
			if err == nil || errors.As(err, &known) || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error is %v, want a plain one about %q", err, test.want)
			}
			if err != nil && strings.Contains(err.Error(), "_test_secret") {
				t.Errorf("error tells a key: %v", err)
			}
		})
	}
}

func TestAttachErrors(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name   string
		status int
		body   string
		want   error // nil: a plain one
	}{
		{"unknown", 404, errorBody("invalid_request_error", `"code":"resource_missing","param":"payment_method","message":"m"`), payments.ErrInvalid},
		{"attached to another", 400, errorBody("invalid_request_error", `"message":"m"`), payments.ErrInvalid},
		{"declined", 402, errorBody("card_error", `"code":"card_declined","decline_code":"generic_decline","message":"m"`), payments.ErrDeclined},
		{"unknown customer", 400, errorBody("invalid_request_error", `"code":"resource_missing","param":"customer","message":"m"`), payments.ErrNotFound},
		{"our mistake", 400, errorBody("invalid_request_error", `"code":"parameter_unknown","param":"x","message":"m"`), nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			client := newFake(t, &script{steps: []step{{status: test.status, body: test.body}}})
			_, err := client.AttachPaymentMethod(t.Context(), "key", "pm_1", "cus_1")
			var known *payments.Error
			if test.want == nil && (err == nil || errors.As(err, &known)) || test.want != nil && !errors.Is(err, test.want) {
				t.Errorf("error is %v, want %v", err, test.want)
			}
		})
	}
}

// TestIDsAreNotPaths: an id from outside cannot lead to another path.
func TestIDsAreNotPaths(t *testing.T) {
	t.Parallel()
	client := newClient(t, "http://127.0.0.1:1")
	for _, id := range []string{"", ".", "..", "../charges", "pm_1/detach", "pm_1\x00", strings.Repeat("p", 256)} {
		if _, err := client.AttachPaymentMethod(t.Context(), "key", id, "cus_1"); !errors.Is(err, payments.ErrInvalid) {
			t.Errorf("attaching %q gives %v, want ErrInvalid", id, err)
		}
		if _, err := client.Read(t.Context(), payments.Ref{Kind: payments.KindCharge, ID: id}); !errors.Is(err, payments.ErrNotFound) {
			t.Errorf("reading %q gives %v, want ErrNotFound", id, err)
		}
	}
}

// TestLogsTellNoSecrets: not of answers, and not of what a proxy says.
func TestLogsTellNoSecrets(t *testing.T) {
	t.Parallel()
	secret := `"client_secret":"pi_1_secret_2"`
	for _, now := range []step{
		{status: 200, body: `{` + secret + `}`},
		{status: 200, body: `{` + secret},
		{status: 502, body: `<html>` + secret},
		{status: 400, body: errorBody("invalid_request_error", `"message":"m","payment_intent":{`+secret+`}`)},
		{status: 500, body: `{"problem":{` + secret + `}}`},
	} {
		var logs bytes.Buffer
		client := newFake(t, &script{steps: []step{now}}, func(c *stripe.Config) {
			c.Logger = slog.New(slog.NewTextHandler(&logs, &slog.HandlerOptions{Level: slog.LevelDebug}))
		})
		_, err := client.ReadSubscription(t.Context(), "sub_1")
		if err == nil {
			t.Fatalf("%s is no subscription", now.body)
		}
		if logs.Len() == 0 {
			t.Error("nothing was logged")
		}
		for _, text := range []string{err.Error(), logs.String()} {
			if strings.Contains(text, "_secret_") || strings.Contains(text, testKey) {
				t.Errorf("%d %s tells a secret: %s", now.status, now.body, text)
			}
		}
	}
}
