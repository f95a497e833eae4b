package stripesim

import (
	"net/url"
	"strings"
)

// checkoutFields are the parameters of a new session.
func checkoutFields() shape {
	const maxReference = 200
	return shape{
		"allow_promotion_codes": aBoolean(), "cancel_url": aText(), "discounts": checkoutDiscountFields(), "client_reference_id": aText().upTo(maxReference), "currency": aText(), "customer": aText(),
		"customer_creation": aWord("always", "if_required"), "customer_email": aText().upTo(512), "expires_at": aTime(),
		"line_items": checkoutItemFields(), "metadata": aMetadata(), "mode": aWord("payment", "setup", "subscription").must(),
		"locale": aWord("auto", "bg", "cs", "da", "de", "el", "en", "en-GB", "es", "es-419", "et", "fi", "fil", "fr", "fr-CA", "hr", "hu", "id",
			"it", "ja", "ko", "lt", "lv", "ms", "mt", "nb", "nl", "pl", "pt", "pt-BR", "ro", "ru", "sk", "sl", "sv", "th", "tr", "vi", "zh", "zh-HK", "zh-TW"),
		"payment_intent_data": aHash(shape{
			"capture_method": aWord("automatic", "automatic_async", "manual"), "description": aText(), "metadata": aMetadata(),
			"receipt_email": aText(), "setup_future_usage": aWord("off_session", "on_session"),
		}),
		"payment_method_collection": aWord("always", "if_required"), "payment_method_types": aList(aWord("card")),
		"redirect_on_completion": aWord("always", "if_required", "never"), "return_url": aText(),
		"setup_intent_data": aHash(shape{"description": aText(), "metadata": aMetadata()}),
		"submit_type":       aWord("auto", "book", "donate", "pay", "subscribe"),
		"subscription_data": aHash(shape{
			"billing_cycle_anchor": aTime(), "billing_mode": billingModeFields(),
			"description": aText().upTo(500), "metadata": aMetadata(), "proration_behavior": aWord("create_prorations", "none"),
			"trial_end": aTime(), "trial_period_days": anInteger(1, maxTrial), "trial_settings": aHash(shape{"end_behavior": aHash(shape{
				"missing_payment_method": aWord("cancel", "create_invoice", "pause").must(),
			}).must()}),
		}),
		"success_url": aText(), "ui_mode": aWord("elements", "embedded_page", "hosted_page"),
	}
}

func createCheckoutSession(t *transaction, c call) (any, *apiError) {
	if fault := checkCheckout(c); fault != nil {
		return nil, fault
	}
	if id := c.text("customer"); id != "" {
		if _, fault := t.livingCustomer(id, "customer"); fault != nil {
			return nil, fault
		}
	}
	mode := c.text("mode")
	made := &checkoutSession{
		header: header{ID: t.newID("cs_test_a1", 56), Object: checkoutSessionKind}, CancelURL: text(c.text("cancel_url")),
		ClientReferenceID: text(c.text("client_reference_id")), Created: t.now, Customer: text(c.text("customer")),
		CustomerEmail: text(c.text("customer_email")), ExpiresAt: c.integer("expires_at", t.now+checkoutTime), Locale: text(c.text("locale")),
		Mode: mode, PaymentMethodCollection: c.word("payment_method_collection", "always"), PaymentStatus: "unpaid",
		PaymentMethodOptions: checkoutMethodOptions{checkoutCardOptions{"automatic"}}, PaymentMethodTypes: []string{"card"},
		RedirectOnCompletion: c.text("redirect_on_completion"), ReturnURL: c.text("return_url"), Status: "open",
		SubmitType: text(c.text("submit_type")), SuccessURL: text(c.text("success_url")), UIMode: c.word("ui_mode", "hosted_page"),
	}
	switch {
	case made.ExpiresAt < t.now+minCheckoutTime:
		return nil, invalid("expires_at", "", "The `expires_at` timestamp must be at least 30 minutes from Checkout Session creation.")
	case made.ExpiresAt > t.now+checkoutTime:
		return nil, invalid("expires_at", "", "The `expires_at` timestamp must be less than 24 hours from Checkout Session creation.")
	}
	if made.UIMode == "hosted_page" {
		made.URL = text("https://checkout.stripe.com/c/pay/" + made.ID)
	} else {
		made.ClientSecret = text(made.ID + "_secret_" + t.newID("", 24))
	}
	var fault *apiError
	if made.Metadata, fault = made.Metadata.merge(c.form); fault != nil {
		return nil, fault
	}
	if made.CustomerEmail != "" {
		made.CustomerDetails = &checkoutCustomer{Email: made.CustomerEmail, TaxExempt: "none"}
	}
	t.create(made)
	return made, made.sell(t, c)
}

// checkCheckout refuses parameters that do not go together.
func checkCheckout(c call) *apiError {
	mode, hosted := c.text("mode"), c.word("ui_mode", "hosted_page") == "hosted_page"
	for name, only := range map[string]string{"payment_intent_data": "payment", "subscription_data": "subscription", "setup_intent_data": "setup"} {
		if c.has(name) && mode != only {
			return invalid(name, "", "You can not pass `"+name+"` in `"+mode+"` mode.")
		}
	}
	switch {
	case c.has("customer") && c.has("customer_email"):
		return invalid("customer_email", "parameters_exclusive", "You may only specify one of these parameters: customer, customer_email.")
	case c.has("customer") && c.has("customer_creation"):
		return invalid("customer_creation", "parameters_exclusive", "You may only specify one of these parameters: customer, customer_creation.")
	case c.has("customer_creation") && mode == "subscription":
		return invalid("customer_creation", "", "`customer_creation` can only be used in `payment` and `setup` mode.")
	case c.has("payment_method_collection") && mode != "subscription":
		return invalid("payment_method_collection", "", "You can only set `payment_method_collection` if there are recurring prices.")
	case c.has("submit_type") && mode == "setup":
		return invalid("submit_type", "", "You can not pass `submit_type` in `setup` mode.")
	case mode == "setup" && c.has("line_items"):
		return invalid("line_items", "", "You can not pass `line_items` in `setup` mode.")
	case mode == "setup" && !c.has("currency") && !c.has("payment_method_types"):
		return invalid("currency", "parameter_missing", "You must provide `currency` in `setup` mode when `payment_method_types` is not set.")
	case mode != "setup" && len(c.forms("line_items")) == 0:
		return missingParam("line_items")
	case hosted && !c.has("success_url"):
		return missingParam("success_url")
	case !hosted && (c.has("success_url") || c.has("cancel_url")):
		return invalid("success_url", "", "`success_url` and `cancel_url` can not be used with this `ui_mode`. Use `return_url` instead.")
	case hosted && (c.has("return_url") || c.has("redirect_on_completion")):
		return invalid("return_url", "", "`return_url` and `redirect_on_completion` can only be used with an embedded `ui_mode`.")
	case !hosted && c.text("redirect_on_completion") != "never" && !c.has("return_url"):
		return missingParam("return_url")
	}
	for _, name := range []string{"success_url", "cancel_url", "return_url"} {
		if c.has(name) && !isWebAddress(c.text(name)) {
			return invalid(name, "url_invalid", "Not a valid URL")
		}
	}
	return nil
}

func isWebAddress(address string) bool {
	parsed, err := url.Parse(strings.NewReplacer("{", "", "}", "").Replace(address))
	return err == nil && (parsed.Scheme == "http" || parsed.Scheme == "https") && parsed.Host != ""
}

// sell sets what the session is about, and what that costs.
func (s *checkoutSession) sell(t *transaction, c call) *apiError {
	items, fault := t.readCheckoutItems(c)
	if fault != nil {
		return fault
	}
	s.private.Items = items
	if fault := s.readDiscounts(c); fault != nil {
		return fault
	}
	switch s.Mode {
	case "setup":
		return s.sellSetup(t, c)
	case "subscription":
		return s.sellSubscription(t, c)
	}
	return s.sellOnce(t, c)
}

// sellSetup makes the setup intent that the session is for.
func (s *checkoutSession) sellSetup(t *transaction, c call) *apiError {
	if c.has("currency") {
		currency, fault := readCurrency(c.text("currency"))
		if fault != nil {
			return fault
		}
		s.Currency = text(currency)
	}
	s.CustomerCreation, s.PaymentStatus = text(c.text("customer_creation")), "no_payment_required"
	data := c.form.form("setup_intent_data")
	intent := t.newSetupIntent(c.text("customer"))
	intent.private.Checkout = s.ID
	data.setText("description", &intent.Description)
	merged, fault := intent.Metadata.merge(data)
	intent.Metadata, s.SetupIntent, s.private.Setup = merged, text(intent.ID), intent.ID
	t.emit("setup_intent.created", intent)
	return fault
}

// sellOnce adds up what is paid for at once.
func (s *checkoutSession) sellOnce(t *transaction, c call) *apiError {
	for _, item := range s.private.Items {
		if fault := s.agree(get[*price](t, item.Price), c); fault != nil {
			return fault
		}
		if get[*price](t, item.Price).Type == "recurring" {
			return invalid("mode", "", "You specified `payment` mode but passed a recurring price. Either switch to `subscription` mode or use only one-time prices.")
		}
	}
	if fault := s.addUp(t); fault != nil {
		return fault
	}
	total := *s.AmountTotal
	if least := minimums[string(s.Currency)]; total > 0 && total < least {
		return invalid("", "amount_too_small", "The Checkout Session's total amount due must add up to at least "+formatAmount(least, string(s.Currency))+" "+string(s.Currency))
	}
	if total > maxAmount {
		return invalid("", "amount_too_large", "The Checkout Session's total amount due must be no more than "+formatAmount(maxAmount, string(s.Currency)))
	}
	s.InvoiceCreation, s.private.IntentData = &checkoutInvoice{}, encodeForm(form{"payment_intent_data": c.form.form("payment_intent_data")})
	s.PaymentMethodCollection = "if_required"
	if s.Customer == "" {
		s.CustomerCreation = text(c.word("customer_creation", "if_required"))
	}
	return nil
}

// agree holds all prices, and the request, to one currency.
func (s *checkoutSession) agree(p *price, c call) *apiError {
	if c.has("currency") {
		asked, fault := readCurrency(c.text("currency"))
		if fault != nil {
			return fault
		}
		s.Currency = text(asked)
	}
	if s.Currency == "" {
		s.Currency = text(p.Currency)
	}
	if p.in(string(s.Currency)) == nil {
		return otherCurrency(p, string(s.Currency), "line_items")
	}
	return nil
}

// sellSubscription checks what the subscription is to be.
func (s *checkoutSession) sellSubscription(t *transaction, c call) *apiError {
	recurring := false
	for _, item := range s.private.Items {
		if fault := s.agree(get[*price](t, item.Price), c); fault != nil {
			return fault
		}
		recurring = recurring || get[*price](t, item.Price).Type == "recurring"
	}
	if !recurring {
		return invalid("mode", "", "You must provide at least one recurring price in `subscription` mode when using prices.")
	}
	data := c.form.form("subscription_data")
	const soonestTrialEnd = 2 * day
	if end := data.integer("trial_end", 0); data.has("trial_end") && end < t.now+soonestTrialEnd {
		return invalid("subscription_data[trial_end]", "", "The `trial_end` date has to be at least 2 days in the future.")
	}
	s.private.Plan = encodeForm(data)
	if s.Customer == "" {
		s.CustomerCreation = "always"
	}
	return s.addUp(t)
}
