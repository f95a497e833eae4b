package stripe_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/numerai-app/payments/internal/stripe"
)

func TestSetup(t *testing.T) {
	t.Parallel()
	basic := stripe.Setup{
		Plans:      []stripe.PlanSetup{{PlanID: "basic", Name: "Basic", Amount: 999, Currency: "usd"}},
		WebhookURL: "https://example.com/webhook/", EndpointName: "main",
	}
	renewed := basic
	renewed.RenewWebhook = true
	price := func(amount string) string {
		return `{"id":"price_1","object":"price","product":"prod_1","currency":"usd","unit_amount":` + amount +
			`,"recurring":{"interval":"month","interval_count":1}}`
	}
	endpoint := func(url, status string) string {
		return `{"id":"we_1","object":"webhook_endpoint","url":"` + url + `","status":"` + status +
			`","metadata":{"payments_endpoint":"main"},"enabled_events":["` + strings.Join(stripe.HandledEventTypes(), `","`) + `"]}`
	}
	made := ok(`{"id":"we_2","object":"webhook_endpoint","secret":"whsec_2"}`)
	events := ""
	for i, name := range stripe.HandledEventTypes() {
		events += fmt.Sprintf("&enabled_events[%d]=%s", i, name)
	}
	const (
		findPrice    = "GET /v1/prices limit=100&active=true&lookup_keys[0]=payments_basic_monthly"
		findEndpoint = "GET /v1/webhook_endpoints limit=100"
		makePrice    = "POST /v1/prices currency=usd&lookup_key=payments_basic_monthly%s&recurring[interval]=month" +
			"&transfer_lookup_key=true&unit_amount=999"
	)
	makeEndpoint := "POST /v1/webhook_endpoints api_version=" + stripe.APIVersion + events +
		"&metadata[payments_endpoint]=main&url=https://example.com/webhook/"
	updateEndpoint := "POST /v1/webhook_endpoints/we_1 disabled=false" + events + "&url=https://example.com/webhook/"
	for _, test := range []struct {
		name    string
		setup   stripe.Setup
		answers map[string][]step
		sent    []string
		want    stripe.SetupResult
	}{
		{
			"an empty account", basic,
			map[string][]step{
				"GET /v1/prices": ok(list(false)), "POST /v1/prices": ok(price("999")),
				"GET /v1/webhook_endpoints": ok(list(false)), "POST /v1/webhook_endpoints": made,
			},
			[]string{findPrice, strings.Replace(makePrice, "%s", "&product_data[name]=Basic", 1), findEndpoint, makeEndpoint},
			stripe.SetupResult{Prices: map[string]string{"basic": "price_1"}, WebhookSecret: "whsec_2"},
		},
		{"all is there", basic, map[string][]step{
			"GET /v1/prices":            ok(list(false, price("999"))),
			"GET /v1/webhook_endpoints": ok(list(false, endpoint("https://example.com/webhook/", "enabled"))),
		}, []string{findPrice, findEndpoint}, stripe.SetupResult{Prices: map[string]string{"basic": "price_1"}}},
		{
			"another amount and address", basic,
			map[string][]step{
				"GET /v1/prices": ok(list(false, price("500"))), "POST /v1/prices": ok(price("999")),
				"GET /v1/webhook_endpoints":       ok(list(false, endpoint("https://old.example.com/", "enabled"))),
				"POST /v1/webhook_endpoints/we_1": ok(`{}`),
			},
			[]string{findPrice, strings.Replace(makePrice, "%s", "&product=prod_1", 1), findEndpoint, updateEndpoint},
			stripe.SetupResult{Prices: map[string]string{"basic": "price_1"}},
		},
		{"a disabled endpoint", basic, map[string][]step{
			"GET /v1/prices":                  ok(list(false, price("999"))),
			"GET /v1/webhook_endpoints":       ok(list(false, endpoint("https://example.com/webhook/", "disabled"))),
			"POST /v1/webhook_endpoints/we_1": ok(`{}`),
		}, []string{findPrice, findEndpoint, updateEndpoint}, stripe.SetupResult{Prices: map[string]string{"basic": "price_1"}}},
		{
			"a lost secret", renewed,
			map[string][]step{
				"GET /v1/prices":                    ok(list(false, price("999"))),
				"GET /v1/webhook_endpoints":         ok(list(false, endpoint("https://example.com/webhook/", "enabled"))),
				"DELETE /v1/webhook_endpoints/we_1": ok(`{}`), "POST /v1/webhook_endpoints": made,
			},
			[]string{findPrice, findEndpoint, "DELETE /v1/webhook_endpoints/we_1", makeEndpoint},
			stripe.SetupResult{Prices: map[string]string{"basic": "price_1"}, WebhookSecret: "whsec_2"},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			fake := &canned{answers: test.answers}
			got, err := newFake(t, fake).Setup(t.Context(), test.setup)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("results differ (-want +got):\n%s", diff)
			}
			fake.sent(t, test.sent...)
		})
	}
}

func TestSetupRefusesHalfAPlan(t *testing.T) {
	t.Parallel()
	client := newClient(t, "http://127.0.0.1:1")
	_, err := client.Setup(t.Context(), stripe.Setup{Plans: []stripe.PlanSetup{{PlanID: "basic", Name: "Basic", Currency: "usd"}}})
	if err == nil || !strings.Contains(err.Error(), "basic") {
		t.Errorf("error is %v, want one that names the plan", err)
	}
}
