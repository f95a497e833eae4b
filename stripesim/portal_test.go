package stripesim_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/numerai-app/payments/stripesim"
)

func TestPortalConfigurations(t *testing.T) {
	t.Parallel()
	w := newWorld(t, stripesim.Config{})
	product := w.get("/v1/prices/" + w.price).text("product")
	start := w.newest()
	made := w.post("/v1/billing_portal/configurations", "features[subscription_cancel][enabled]=true&features[subscription_cancel][mode]=immediately"+
		"&features[subscription_update][enabled]=true&features[subscription_update][default_allowed_updates][]=price"+
		"&features[subscription_update][products][0][product]="+product+"&features[subscription_update][products][0][prices][]="+w.price+
		"&business_profile[headline]=Tea&default_return_url=https://shop.example&login_page[enabled]=true&metadata[a]=b&name=Main")
	wantAll(t, "made", made.object, map[string]any{
		"active": true, "is_default": false, "features.subscription_cancel.mode": "immediately", "features.invoice_history.enabled": false,
		"features.subscription_update.products.0.prices.0": w.price, "business_profile.headline": "Tea", "metadata.a": "b", "name": "Main",
		"login_page.url": "https://billing.stripe.com/p/login/test_" + made.text("id"), "features.subscription_update.products.0.adjustable_quantity.minimum": 1,
	})
	path := "/v1/billing_portal/configurations/" + made.text("id")
	changed := w.post(path, "active=false&features[invoice_history][enabled]=true&login_page[enabled]=false&default_return_url=")
	wantAll(t, "changed", changed.object, map[string]any{
		"active": false, "features.invoice_history.enabled": true, "features.subscription_cancel.mode": "immediately", "login_page.url": nil,
		"default_return_url": nil,
	})
	if diff := cmp.Diff([]string{"billing_portal.configuration.created", "billing_portal.configuration.updated"}, types(w.eventsSince(start))); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
	if rows := w.get("/v1/billing_portal/configurations?active=false").rows(); len(rows) != 1 || rows[0].text("id") != made.text("id") {
		t.Errorf("inactive: %v", rows)
	}
	for _, c := range []struct{ body, param, code string }{
		{"", "features", "parameter_missing"},
		{"features[customer_update][enabled]=true", "features[customer_update][allowed_updates]", "parameter_missing"},
		{"features[subscription_update][enabled]=true&features[subscription_update][default_allowed_updates][]=price", "features[subscription_update][products]", "parameter_missing"},
		{"features[subscription_update][enabled]=false&features[subscription_update][products][0][product]=prod_no&features[subscription_update][products][0][prices][]=" + w.price, "features[subscription_update][products][0][product]", "resource_missing"},
		{"features[invoice_history][enabled]=true&default_return_url=home", "", "url_invalid"},
	} {
		got := w.call(http.MethodPost, "/v1/billing_portal/configurations", c.body)
		if got.status != http.StatusBadRequest || got.text("error.param") != c.param || got.text("error.code") != c.code {
			t.Errorf("%s: %d %v", c.body, got.status, got.at("error"))
		}
	}
}

func TestPortalSessions(t *testing.T) {
	t.Parallel()
	w := newWorld(t, stripesim.Config{})
	customer := w.newCustomer("pm_card_visa")
	s := w.subscribe(customer, "")
	start := w.newest()
	plain := w.post("/v1/billing_portal/sessions", "customer="+customer+"&return_url=https://shop.example/account&expand[]=configuration")
	wantAll(t, "plain", plain.object, map[string]any{
		"customer": customer, "return_url": "https://shop.example/account", "flow": nil, "configuration.is_default": true, "locale": nil,
	})
	if !strings.HasPrefix(plain.text("url"), "https://billing.stripe.com/p/session/test_") {
		t.Errorf("url %q", plain.text("url"))
	}
	canceling := w.post("/v1/billing_portal/sessions", "customer="+customer+"&locale=de&flow_data[type]=subscription_cancel&flow_data[subscription_cancel][subscription]="+s.text("id")+
		"&flow_data[after_completion][type]=redirect&flow_data[after_completion][redirect][return_url]=https://shop.example/bye")
	wantAll(t, "canceling", canceling.object, map[string]any{
		"flow.type": "subscription_cancel", "flow.subscription_cancel.subscription": s.text("id"), "flow.after_completion.type": "redirect",
		"flow.after_completion.redirect.return_url": "https://shop.example/bye", "locale": "de", "flow.subscription_update": nil,
		"configuration": plain.text("configuration.id"),
	})
	wantAll(t, "a card", w.post("/v1/billing_portal/sessions", "customer="+customer+"&flow_data[type]=payment_method_update").object, map[string]any{
		"flow.type": "payment_method_update", "flow.after_completion.type": "portal_homepage",
	})
	sessions := []string{"billing_portal.session.created", "billing_portal.session.created", "billing_portal.session.created"}
	if diff := cmp.Diff(sessions, types(w.eventsSince(start))); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
	product := w.get("/v1/prices/" + w.price).text("product")
	open := w.post("/v1/billing_portal/configurations", "features[subscription_update][enabled]=true&features[subscription_update][default_allowed_updates][]=price"+
		"&features[subscription_update][products][0][product]="+product+"&features[subscription_update][products][0][prices][]="+w.price).text("id")
	confirm := "customer=" + customer + "&configuration=" + open + "&flow_data[type]=subscription_update_confirm&flow_data[subscription_update_confirm][subscription]=" + s.text("id") +
		"&flow_data[subscription_update_confirm][items][0][quantity]=3&flow_data[subscription_update_confirm][items][0][id]="
	wantAll(t, "confirming", w.post("/v1/billing_portal/sessions", confirm+s.text("items.data.0.id")).object, map[string]any{
		"flow.subscription_update_confirm.items.0.quantity": 3, "flow.subscription_update_confirm.items.0.id": s.text("items.data.0.id"),
	})
	other := w.newCustomer("")
	cancel := "&flow_data[type]=subscription_cancel&flow_data[subscription_cancel][subscription]="
	w.post("/v1/billing_portal/configurations/"+open, "active=false")
	closed := w.post("/v1/billing_portal/configurations", "features[invoice_history][enabled]=true").text("id")
	w.post("/v1/subscriptions/"+s.text("id"), "cancel_at_period_end=true")
	for _, c := range []struct{ name, body, param, message string }{
		{"no customer", "return_url=https://shop.example", "customer", "Missing required param"},
		{"an unknown customer", "customer=cus_no", "customer", "No such customer"},
		{"an unknown configuration", "customer=" + customer + "&configuration=bpc_no", "configuration", "No such"},
		{"an inactive configuration", "customer=" + customer + "&configuration=" + open, "configuration", "not active"},
		{"what is disabled", "customer=" + customer + "&configuration=" + closed + cancel + s.text("id"), "", "subscription cancel feature in the portal configuration is disabled"},
		{"updates are disabled", "customer=" + customer + "&flow_data[type]=subscription_update&flow_data[subscription_update][subscription]=" + s.text("id"), "", "subscription update feature"},
		{"someone else's subscription", "customer=" + other + cancel + s.text("id"), "flow_data[subscription_cancel][subscription]", "does not belong"},
		{"canceled already", "customer=" + customer + cancel + s.text("id"), "flow_data[subscription_cancel][subscription]", "already set to be canceled"},
		{"no subscription", "customer=" + customer + "&flow_data[type]=subscription_cancel", "flow_data[subscription_cancel]", "Missing required param"},
		{"no way back", "customer=" + customer + "&return_url=home", "return_url", "Not a valid URL"},
	} {
		got := w.call(http.MethodPost, "/v1/billing_portal/sessions", c.body)
		if got.status != http.StatusBadRequest || got.text("error.param") != c.param || !strings.Contains(got.text("error.message"), c.message) {
			t.Errorf("%s: %d %v", c.name, got.status, got.at("error"))
		}
	}
}
