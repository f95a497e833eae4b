package stripesim_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/numerai-app/payments/stripesim"
)

// TestParametersAreRead sends much at once, so that the harness sees what of it
// nothing looks at. $ stands for an object that a line before has made, under
// the name that it gives.
func TestParametersAreRead(t *testing.T) {
	t.Parallel()
	w := newWorld(t, stripesim.Config{})
	address := func(at string) string {
		return strings.NewReplacer("@", at).Replace("@[city]=Oslo&@[country]=NO&@[line1]=Street 1&@[line2]=Left&@[postal_code]=0150&@[state]=Oslo")
	}
	later := w.sim.Now().Add(20 * 24 * time.Hour).Unix()
	customer := w.newCustomer("pm_card_visa")
	known := map[string]string{
		"customer": customer, "price": w.price, "other": w.newPrice(700, "week"), "card": w.attach("pm_card_mastercard", customer),
		"later": fmt.Sprint(later), "now": fmt.Sprint(w.sim.Now().Unix()), "soon": fmt.Sprint(w.sim.Now().Add(time.Hour).Unix()),
	}
	created := "created[gte]=1000&created[lt]=7000000000"
	for _, test := range []struct{ call, form, name string }{
		{"POST /v1/customers", address("address") + "&" + address("shipping[address]") + "&description=d&email=a@example.com&name=Ada&phone=1&tax_exempt=none&" +
			"shipping[name]=Ada&shipping[phone]=1&preferred_locales[]=en&invoice_settings[footer]=f&balance=-5&metadata[a]=b", "person"},
		{"POST /v1/customers/$person", address("address") + "&" + address("shipping[address]") + "&description=d&email=b@example.com&name=Eve&phone=2&tax_exempt=exempt&" +
			"shipping[name]=Eve&shipping[phone]=&preferred_locales[]=nb&invoice_settings[footer]=&balance=5&metadata=", ""},
		{"GET /v1/customers?email=b@example.com&" + created, "", ""},
		{"POST /v1/products", "name=Tea&active=true&description=d&images[]=https://a.example/a.png&statement_descriptor=TEA&tax_code=txcd_10000000&unit_label=cup&url=https://a.example&metadata[a]=b&id=tea", "tea"},
		{"POST /v1/products/tea", "name=Tea 2&active=true&description=&images[]=https://a.example/b.png&statement_descriptor=TEA2&tax_code=&unit_label=&url=https://b.example&metadata[a]=", ""},
		{"GET /v1/products?active=true&ids[]=tea&url=https://b.example&" + created, "", ""},
		{"POST /v1/prices", "currency=usd&unit_amount=900&recurring[interval]=month&recurring[interval_count]=2&recurring[usage_type]=licensed&tax_behavior=exclusive&active=true&nickname=n&lookup_key=k&" +
			"product_data[name]=Milk&product_data[active]=true&product_data[id]=milk&product_data[statement_descriptor]=MILK&product_data[tax_code]=txcd_10000000&product_data[unit_label]=cup&product_data[metadata][a]=b", "milk"},
		{"POST /v1/prices/$milk", "nickname=&tax_behavior=exclusive&active=true&lookup_key=k2&transfer_lookup_key=true&metadata[a]=b", ""},
		{"GET /v1/prices?active=true&currency=usd&product=milk&type=recurring&lookup_keys[]=k2&recurring[interval]=month&recurring[usage_type]=licensed&" + created, "", ""},
		{"POST /v1/prices", "currency=usd&unit_amount=300&product=tea&transfer_lookup_key=true&lookup_key=k2", "once"},
		{"POST /v1/products/tea", "default_price=$once", ""},
		{"POST /v1/coupons", "percent_off=10&duration=repeating&duration_in_months=3&name=Ten&max_redemptions=5&redeem_by=$later&applies_to[products][]=tea&id=TEN", "coupon"},
		{"GET /v1/coupons?" + created, "", ""},
		{"POST /v1/coupons", "percent_off=10&duration=forever", "always"},
		{"POST /v1/promotion_codes", "promotion[type]=coupon&promotion[coupon]=$always&active=true&code=SPRING&customer=$customer&expires_at=$later&max_redemptions=3&" +
			"restrictions[first_time_transaction]=false&restrictions[minimum_amount]=100&restrictions[minimum_amount_currency]=usd", "promotion"},
		{"GET /v1/promotion_codes?active=true&code=SPRING&coupon=$always&customer=$customer&" + created, "", ""},

		{"POST /v1/payment_methods", "type=card&card[number]=4242424242424242&card[exp_month]=12&card[exp_year]=2040&card[cvc]=123&allow_redisplay=always&metadata[a]=b&" +
			"billing_details[email]=a@example.com&billing_details[name]=Ada&billing_details[phone]=1&" + address("billing_details[address]"), "method"},
		{"POST /v1/payment_methods/$card", "card[exp_month]=11&card[exp_year]=2041&allow_redisplay=limited&metadata[a]=b&" +
			"billing_details[email]=a@example.com&billing_details[name]=Ada&billing_details[phone]=1&" + address("billing_details[address]"), ""},
		{"GET /v1/payment_methods?type=card&customer=$customer", "", ""},
		{"GET /v1/customers/$customer/payment_methods?type=card", "", ""},

		{"POST /v1/payment_intents", "amount=500&currency=usd&customer=$customer&description=d&receipt_email=a@example.com&setup_future_usage=off_session&payment_method_types[]=card&metadata[a]=b&capture_method=automatic&confirmation_method=automatic", "intent"},
		{"POST /v1/payment_intents/$intent", "amount=600&customer=$customer&description=&receipt_email=b@example.com&setup_future_usage=on_session&payment_method=$card&capture_method=manual&metadata[a]=c", ""},
		{"POST /v1/payment_intents/$intent/confirm", "payment_method=$card&off_session=true&receipt_email=c@example.com&return_url=https://a.example&setup_future_usage=on_session&use_stripe_sdk=false", ""},
		{"POST /v1/payment_intents/$intent/capture", "amount_to_capture=550&metadata[a]=d", ""},
		{"POST /v1/payment_intents", "amount=500&currency=usd&automatic_payment_methods[enabled]=true&automatic_payment_methods[allow_redirects]=never&confirm=true&payment_method=pm_card_visa&off_session=false&return_url=https://a.example&use_stripe_sdk=true", "paid"},
		{"GET /v1/payment_intents?customer=$customer&" + created, "", ""},
		{"POST /v1/payment_intents", "amount=500&currency=usd", "unwanted"},
		{"POST /v1/payment_intents/$unwanted/cancel", "cancellation_reason=abandoned", ""},
		{"POST /v1/refunds", "payment_intent=$paid&amount=100&reason=fraudulent&metadata[a]=b", "refund"},
		{"GET /v1/refunds?payment_intent=$paid&" + created, "", ""},
		{"GET /v1/charges?customer=$customer&" + created, "", ""},
		{"GET /v1/charges?payment_intent=$paid&" + created, "", "charge"},
		{"POST /v1/setup_intents", "customer=$customer&description=d&payment_method=$card&payment_method_types[]=card&usage=on_session&confirm=true&return_url=https://a.example&metadata[a]=b", "setup"},
		{"POST /v1/setup_intents", "customer=$customer&automatic_payment_methods[enabled]=true&automatic_payment_methods[allow_redirects]=never", "second"},
		{"POST /v1/setup_intents/$second", "description=d&payment_method=$card&metadata[a]=b", ""},
		{"POST /v1/setup_intents/$second/confirm", "payment_method=$card&return_url=https://a.example&use_stripe_sdk=false", ""},
		{"POST /v1/setup_intents", "customer=$customer", "third"},
		{"POST /v1/setup_intents/$third/cancel", "cancellation_reason=abandoned", ""},
		{"GET /v1/setup_intents?customer=$customer&payment_method=$card&" + created, "", ""},

		{"POST /v1/invoiceitems", "customer=$customer&currency=usd&description=d&discountable=false&period[start]=$now&period[end]=$later&quantity=2&metadata[a]=b&" +
			"price_data[currency]=usd&price_data[product]=tea&price_data[tax_behavior]=exclusive&price_data[unit_amount]=100", "item"},
		{"POST /v1/invoiceitems/$item", "description=e&discountable=true&period[start]=$now&period[end]=$later&quantity=3&metadata[a]=c&pricing[price]=$once", ""},
		{"POST /v1/invoiceitems/$item", "price_data[currency]=usd&price_data[product]=tea&price_data[tax_behavior]=exclusive&price_data[unit_amount_decimal]=100.5", ""},
		{"POST /v1/invoiceitems/$item", "unit_amount_decimal=33.5&quantity=3", ""},
		{"POST /v1/invoiceitems/$item", "amount=300", ""},
		{"POST /v1/invoices", "customer=$customer&currency=usd&pending_invoice_items_behavior=include&auto_advance=true&automatically_finalizes_at=$later&default_payment_method=$card&description=d&effective_at=$now&footer=f&metadata[a]=b", "invoice"},
		{"GET /v1/invoiceitems?invoice=$invoice&customer=$customer&pending=false&" + created, "", ""},
		{"POST /v1/invoices/$invoice", "auto_advance=true&collection_method=send_invoice&days_until_due=3&default_payment_method=$card&description=e&effective_at=&footer=&metadata[a]=c&automatically_finalizes_at=$later", ""},
		{"POST /v1/invoices/$invoice", "due_date=$later", ""},
		{"POST /v1/invoices/$invoice/add_lines", "invoice_metadata[a]=b&lines[0][amount]=200&lines[0][description]=d&lines[0][discountable]=true&lines[0][period][start]=$now&lines[0][period][end]=$later&lines[0][metadata][a]=b&" +
			"lines[1][pricing][price]=$once&lines[1][quantity]=2&lines[2][price_data][currency]=usd&lines[2][price_data][product]=tea&lines[2][price_data][tax_behavior]=exclusive&lines[2][price_data][unit_amount]=100", ""},
		{"POST /v1/invoices/$invoice/finalize", "auto_advance=false", ""},
		{"GET /v1/invoices?customer=$customer&status=open&collection_method=send_invoice&due_date[gte]=1&" + created, "", ""},
		{"GET /v1/invoice_payments?invoice=$invoice&status=open&payment[type]=payment_intent&" + created, "", ""},
		{"POST /v1/invoices/$invoice/pay", "payment_method=$card&off_session=false&paid_out_of_band=false", ""},

		{"POST /v1/subscriptions", "customer=$customer&currency=usd&cancel_at=$later&collection_method=charge_automatically&default_payment_method=$card&description=d&off_session=true&metadata[a]=b&" +
			"payment_settings[payment_method_types][]=card&payment_settings[save_default_payment_method]=on_subscription&proration_behavior=none&payment_behavior=allow_incomplete&" +
			"trial_settings[end_behavior][missing_payment_method]=pause&billing_mode[type]=flexible&billing_mode[flexible][proration_discounts]=included&" +
			"discounts[0][promotion_code]=$promotion&items[0][price_data][currency]=usd&items[0][price_data][product]=tea&items[0][price_data][recurring][interval]=week&" +
			"items[0][price_data][recurring][interval_count]=1&items[0][price_data][tax_behavior]=exclusive&items[0][price_data][unit_amount_decimal]=1000.5&items[0][quantity]=2&items[0][metadata][a]=b&items[0][discounts][0][coupon]=$always&" +
			"add_invoice_items[0][price]=$once&add_invoice_items[0][quantity]=2&add_invoice_items[0][discountable]=false&add_invoice_items[0][metadata][a]=b&" +
			"add_invoice_items[0][period][start][type]=timestamp&add_invoice_items[0][period][start][timestamp]=$now&add_invoice_items[0][period][end][type]=timestamp&add_invoice_items[0][period][end][timestamp]=$later&" +
			"add_invoice_items[1][price_data][currency]=usd&add_invoice_items[1][price_data][product]=tea&add_invoice_items[1][price_data][tax_behavior]=exclusive&add_invoice_items[1][price_data][unit_amount]=50", "subscription"},
		{"POST /v1/subscriptions/$subscription", "cancel_at=&collection_method=send_invoice&days_until_due=5&default_payment_method=&description=e&off_session=true&metadata[a]=c&proration_behavior=create_prorations&payment_behavior=allow_incomplete&" +
			"payment_settings[payment_method_types]=&payment_settings[save_default_payment_method]=off&trial_settings[end_behavior][missing_payment_method]=cancel&" +
			"cancellation_details[comment]=c&cancellation_details[feedback]=other&items[0][price]=$other&items[0][quantity]=2&items[0][discounts][0][coupon]=$always&billing_cycle_anchor=unchanged&proration_date=$soon&" +
			"pause_collection[behavior]=void&pause_collection[resumes_at]=$later", ""},
		{"POST /v1/subscription_items", "subscription=$subscription&price_data[currency]=usd&price_data[product]=tea&price_data[recurring][interval]=week&price_data[recurring][interval_count]=1&price_data[tax_behavior]=exclusive&" +
			"price_data[unit_amount_decimal]=10.5&quantity=2&metadata[a]=b&proration_behavior=none&payment_behavior=allow_incomplete&discounts[0][coupon]=$always", "si"},
		{"POST /v1/subscription_items/$si", "price=$price&quantity=3&metadata[a]=c&proration_behavior=none&payment_behavior=allow_incomplete&off_session=false&discounts=", ""},
		{"DELETE /v1/subscription_items/$si?payment_behavior=allow_incomplete&proration_behavior=none&proration_date=$soon", "", ""},
		{"GET /v1/subscriptions?status=all&customer=$customer&price=$other&collection_method=send_invoice&current_period_start[gte]=1&current_period_end[gte]=1&" + created, "", ""},
		{"POST /v1/invoices/create_preview", "customer=$customer&subscription=$subscription&currency=usd&preview_mode=next&invoice_items[0][description]=d&invoice_items[0][discountable]=true&invoice_items[0][currency]=usd&" +
			"invoice_items[0][period][start]=$now&invoice_items[0][period][end]=$later&invoice_items[0][price]=$once&invoice_items[0][quantity]=2&invoice_items[0][metadata][a]=b&" +
			"invoice_items[1][price_data][currency]=usd&invoice_items[1][price_data][product]=tea&invoice_items[1][price_data][tax_behavior]=exclusive&invoice_items[1][price_data][unit_amount]=5&" +
			"subscription_details[items][0][price]=$price&subscription_details[items][0][quantity]=2&subscription_details[items][0][discounts][0][coupon]=$always&subscription_details[cancel_at_period_end]=false&" +
			"subscription_details[billing_cycle_anchor]=unchanged&subscription_details[proration_behavior]=create_prorations", ""},
		{"POST /v1/invoices/create_preview", "customer=$customer&currency=usd&subscription_details[items][0][price]=$price&subscription_details[cancel_at]=$later&subscription_details[trial_end]=$soon&subscription_details[proration_behavior]=none", ""},
		{"DELETE /v1/subscriptions/$subscription?cancellation_details[comment]=c&cancellation_details[feedback]=other&invoice_now=true&prorate=true", "", ""},

		{"POST /v1/subscription_schedules", "customer=$customer&start_date=$soon&end_behavior=cancel&metadata[a]=b&billing_mode[type]=flexible&billing_mode[flexible][proration_discounts]=itemized&" +
			"default_settings[billing_cycle_anchor]=automatic&default_settings[collection_method]=charge_automatically&default_settings[default_payment_method]=$card&default_settings[description]=d&" +
			"phases[0][billing_cycle_anchor]=phase_start&phases[0][collection_method]=charge_automatically&phases[0][default_payment_method]=$card&phases[0][description]=d&phases[0][currency]=usd&phases[0][end_date]=$later&" +
			"phases[0][metadata][a]=b&phases[0][proration_behavior]=none&phases[0][trial_end]=$later&phases[0][items][0][metadata][a]=b&phases[0][items][0][quantity]=2&" +
			"phases[0][items][0][price_data][currency]=usd&phases[0][items][0][price_data][product]=tea&phases[0][items][0][price_data][recurring][interval]=week&" +
			"phases[0][items][0][price_data][recurring][interval_count]=1&phases[0][items][0][price_data][tax_behavior]=exclusive&phases[0][items][0][price_data][unit_amount]=100", "schedule"},
		{"POST /v1/subscription_schedules/$schedule", "end_behavior=release&metadata[a]=c&proration_behavior=none&default_settings[billing_cycle_anchor]=phase_start&default_settings[description]=", ""},
		{"POST /v1/subscription_schedules/$schedule", "phases[0][items][0][price]=$price&phases[0][duration][interval]=week&phases[0][duration][interval_count]=2&phases[0][trial]=true&phases[0][start_date]=$soon&proration_behavior=none", ""},
		{"GET /v1/subscription_schedules?customer=$customer&scheduled=true&" + created, "", ""},
		{"POST /v1/subscription_schedules/$schedule/cancel", "invoice_now=false&prorate=false", ""},
		{"GET /v1/subscription_schedules?canceled_at[gte]=1&" + created, "", ""},

		{"POST /v1/checkout/sessions", "mode=payment&cancel_url=https://a.example&success_url=https://a.example&client_reference_id=r&currency=usd&customer_creation=always&customer_email=a@example.com&expires_at=$soon&metadata[a]=b&" +
			"locale=nb&submit_type=book&payment_method_types[]=card&payment_intent_data[description]=d&payment_intent_data[receipt_email]=a@example.com&payment_intent_data[setup_future_usage]=off_session&payment_intent_data[capture_method]=manual&" +
			"payment_intent_data[metadata][a]=b&line_items[0][quantity]=2&line_items[0][price_data][currency]=usd&line_items[0][price_data][product_data][name]=Cake&line_items[0][price_data][product_data][description]=d&" +
			"line_items[0][price_data][product_data][images][]=https://a.example/a.png&line_items[0][price_data][product_data][tax_code]=txcd_10000000&line_items[0][price_data][product_data][unit_label]=piece&" +
			"line_items[0][price_data][tax_behavior]=exclusive&line_items[0][price_data][unit_amount_decimal]=100.5&discounts[0][coupon]=$always", "session"},
		{"POST /v1/checkout/sessions", "mode=subscription&ui_mode=embedded_page&redirect_on_completion=if_required&return_url=https://a.example&customer=$customer&payment_method_collection=always&allow_promotion_codes=true&" +
			"subscription_data[description]=d&subscription_data[metadata][a]=b&subscription_data[proration_behavior]=create_prorations&subscription_data[trial_end]=$later&subscription_data[billing_mode][type]=flexible&" +
			"subscription_data[billing_mode][flexible][proration_discounts]=itemized&subscription_data[trial_settings][end_behavior][missing_payment_method]=pause&line_items[0][price_data][currency]=usd&line_items[0][price_data][product]=tea&" +
			"line_items[0][price_data][recurring][interval]=week&line_items[0][price_data][recurring][interval_count]=2&line_items[0][price_data][unit_amount]=100&line_items[0][quantity]=1", "plan"},
		{"POST /v1/checkout/sessions", "mode=setup&currency=usd&success_url=https://a.example&customer=$customer&setup_intent_data[description]=d&setup_intent_data[metadata][a]=b", "keep"},
		{"GET /v1/checkout/sessions?customer=$customer&status=open&" + created, "", ""},

		{"POST /v1/billing_portal/configurations", "name=n&default_return_url=https://a.example&business_profile[headline]=h&business_profile[privacy_policy_url]=https://a.example/p&business_profile[terms_of_service_url]=https://a.example/t&metadata[a]=b&" +
			"features[customer_update][enabled]=true&features[customer_update][allowed_updates][]=email&features[invoice_history][enabled]=true&features[payment_method_update][enabled]=true&features[subscription_cancel][enabled]=true&" +
			"features[subscription_cancel][mode]=immediately&features[subscription_cancel][proration_behavior]=none&features[subscription_cancel][cancellation_reason][enabled]=true&features[subscription_cancel][cancellation_reason][options][]=other&" +
			"features[subscription_update][enabled]=true&features[subscription_update][billing_cycle_anchor]=now&features[subscription_update][default_allowed_updates][]=price&features[subscription_update][proration_behavior]=none&" +
			"features[subscription_update][products][0][product]=milk&features[subscription_update][products][0][prices][]=$milk&features[subscription_update][products][0][adjustable_quantity][enabled]=true&" +
			"features[subscription_update][products][0][adjustable_quantity][minimum]=1&features[subscription_update][products][0][adjustable_quantity][maximum]=9&" +
			"features[subscription_update][schedule_at_period_end][conditions][0][type]=shortening_interval&features[subscription_update][trial_update_behavior]=end_trial&login_page[enabled]=true", "portal"},
		{"GET /v1/billing_portal/configurations?active=true&is_default=false", "", ""},
		{"POST /v1/billing_portal/sessions", "customer=$customer&configuration=$portal&locale=nb&return_url=https://a.example&flow_data[type]=payment_method_update&flow_data[after_completion][type]=hosted_confirmation&" +
			"flow_data[after_completion][hosted_confirmation][custom_message]=Bye", ""},
		{"POST /v1/webhook_endpoints", "url=https://a.example&enabled_events[]=*&description=d&connect=false&metadata[a]=b", "endpoint"},
		{"POST /v1/webhook_endpoints/$endpoint", "url=https://b.example&enabled_events[]=invoice.paid&description=e&disabled=true&metadata[a]=c", ""},
		{"GET /v1/events?types[]=price.created&delivery_success=true&" + created, "", ""},
		{"GET /v1/balance_transactions?currency=usd&type=charge&" + created, "", ""},
	} {
		fill := func(text string) string {
			for name, id := range known {
				text = strings.NewReplacer("$"+name+"/", id+"/", "$"+name+"&", id+"&", "$"+name+"?", id+"?").Replace(text + "&")
				text = strings.TrimSuffix(text, "&")
			}
			return text
		}
		method, path, _ := strings.Cut(test.call, " ")
		got := w.call(method, fill(path), fill(test.form))
		if got.status != http.StatusOK {
			t.Errorf("%s: %d %v", test.call, got.status, got.at("error.message"))
		}
		known[test.name] = got.text("id")
	}
}

func TestWhatHasNoEffectIsRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t, stripesim.Config{})
	customer := w.newCustomer("pm_card_visa")
	preview := "subscription=" + w.subscribe(customer, "").text("id")
	for _, test := range []struct{ path, body, param string }{
		{"/v1/payment_intents", "amount=500&currency=usd&off_session=true", "off_session"},
		{"/v1/payment_intents", "amount=500&currency=usd&return_url=https://a.example", "return_url"},
		{"/v1/payment_intents", "amount=500&currency=usd&use_stripe_sdk=true&confirm=false", "use_stripe_sdk"},
		{"/v1/payment_intents", "amount=500&currency=usd&automatic_payment_methods[enabled]=true&payment_method_types[]=card", "payment_method_types"},
		{"/v1/setup_intents", "return_url=https://a.example", "return_url"},
		{"/v1/setup_intents", "automatic_payment_methods[enabled]=true&payment_method_types[]=card", "payment_method_types"},
		{"/v1/invoices/create_preview", preview + "&currency=eur", "currency"},
		{"/v1/invoices/create_preview", preview + "&subscription_details[cancel_now]=true&subscription_details[trial_end]=now", "subscription_details[trial_end]"},
		{"/v1/invoices/create_preview", preview + "&subscription_details[resume_at]=now&subscription_details[cancel_at]=", "subscription_details[cancel_at]"},
	} {
		got := w.call(http.MethodPost, test.path, test.body)
		wantAll(t, test.body, got.object, map[string]any{"error.type": "invalid_request_error", "error.param": test.param})
	}
}

func TestScriptTakesTheBanksStep(t *testing.T) {
	t.Parallel()
	w := newWorld(t, stripesim.Config{})
	for path, amount := range map[string]string{"/v1/payment_intents": "amount=500&currency=usd&", "/v1/setup_intents": ""} {
		confirmed := amount + "automatic_payment_methods[enabled]=true&confirm=true&payment_method=pm_card_authenticationRequired&return_url=https://a.example"
		wantAll(t, path, w.post(path, confirmed).object, map[string]any{
			"next_action.type": "redirect_to_url", "automatic_payment_methods.enabled": true, "automatic_payment_methods.allow_redirects": "always",
		})
		wantAll(t, path, w.post(path, confirmed+"&use_stripe_sdk=true").object, map[string]any{"next_action.type": "use_stripe_sdk", "next_action.redirect_to_url": nil})
	}
}

func TestErrorsSayWhatToDo(t *testing.T) {
	t.Parallel()
	w := newWorld(t, stripesim.Config{})
	for card, advice := range map[string]any{
		"pm_card_visa_chargeDeclined": "try_again_later", "pm_card_visa_chargeDeclinedStolenCard": "do_not_try_again",
		"pm_card_chargeDeclinedIncorrectCvc": "confirm_card_data",
	} {
		got := w.call(http.MethodPost, "/v1/payment_intents", "amount=500&currency=usd&confirm=true&payment_method="+card)
		wantAll(t, card, got.object, map[string]any{
			"error.advice_code": advice, "error.payment_intent.last_payment_error.advice_code": advice,
			"error.payment_intent.last_payment_error.payment_method_type": "card",
		})
	}
	wrong := w.call(http.MethodPost, "/v1/payment_methods", "type=card&card[number]=4242424242424241")
	wantAll(t, "a wrong number", wrong.object, map[string]any{"error.code": "incorrect_number", "error.advice_code": nil})
}

func TestPagesOfItems(t *testing.T) {
	t.Parallel()
	w := newWorld(t, stripesim.Config{})
	made := w.subscribe(w.newCustomer("pm_card_visa"), "&items[1][price]="+w.newPrice(100, "week")+"&items[2][price]="+w.newPrice(200, "week"))
	item := func(at string) string { return made.text("items.data." + at + ".id") }
	path := "/v1/subscription_items?subscription=" + made.text("id")
	for query, want := range map[string][]string{
		"&limit=1": {item("0")}, "&starting_after=" + item("0"): {item("1"), item("2")},
		"&ending_before=" + item("2"): {item("0"), item("1")}, "&limit=1&ending_before=" + item("2"): {item("1")},
	} {
		var have []string
		for _, row := range w.get(path + query).rows() {
			have = append(have, row.text("id"))
		}
		if !slices.Equal(have, want) {
			t.Errorf("%s: %v, want %v", query, have, want)
		}
	}
	wantAll(t, "both ways", w.call(http.MethodGet, path+"&starting_after=a&ending_before=b", "").object, map[string]any{"error.param": "ending_before"})
}

func TestPaidInvoiceDoesNotAdvance(t *testing.T) {
	t.Parallel()
	w := newWorld(t, stripesim.Config{})
	invoice := "/v1/invoices/" + w.subscribe(w.newCustomer("pm_card_visa"), "").text("latest_invoice.id")
	wantAll(t, "true", w.call(http.MethodPost, invoice, "auto_advance=true").object, map[string]any{"error.code": "invoice_not_editable", "error.param": "auto_advance"})
	wantAll(t, "false", w.post(invoice, "auto_advance=false").object, map[string]any{"auto_advance": false})
}
