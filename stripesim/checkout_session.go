package stripesim

const checkoutSessionKind = "checkout.session"

// checkoutTime is how long a Checkout session stays open, and the shortest and
// longest that a request may ask for.
const (
	checkoutTime    = day
	minCheckoutTime = hour / 2
)

// checkoutSession is a page on which a payer subscribes, pays once, or leaves
// a card.
type checkoutSession struct {
	header
	Livemode                          no                      `json:"livemode"`
	AdaptivePricing                   null                    `json:"adaptive_pricing"`
	AfterExpiration                   null                    `json:"after_expiration"`
	AllowPromotionCodes               *bool                   `json:"allow_promotion_codes"`
	AmountSubtotal                    *int64                  `json:"amount_subtotal"` // null in setup mode
	AmountTotal                       *int64                  `json:"amount_total"`
	AutomaticTax                      checkoutTax             `json:"automatic_tax"`
	BillingAddressCollection          null                    `json:"billing_address_collection"`
	CancelURL                         text                    `json:"cancel_url"`
	ClientReferenceID                 text                    `json:"client_reference_id"`
	ClientSecret                      text                    `json:"client_secret"`
	CollectedInformation              null                    `json:"collected_information"`
	Consent                           null                    `json:"consent"`
	ConsentCollection                 null                    `json:"consent_collection"`
	Created                           int64                   `json:"created"`
	Currency                          text                    `json:"currency"`
	CurrencyConversion                null                    `json:"currency_conversion"`
	CustomFields                      emptyList               `json:"custom_fields"`
	CustomText                        checkoutTexts           `json:"custom_text"`
	Customer                          text                    `json:"customer"`
	CustomerAccount                   null                    `json:"customer_account"`
	CustomerCreation                  text                    `json:"customer_creation"`
	CustomerDetails                   *checkoutCustomer       `json:"customer_details"`
	CustomerEmail                     text                    `json:"customer_email"`
	Discounts                         array[checkoutDiscount] `json:"discounts"`
	ExpiresAt                         int64                   `json:"expires_at"`
	Invoice                           text                    `json:"invoice"`
	InvoiceCreation                   *checkoutInvoice        `json:"invoice_creation"`
	Locale                            text                    `json:"locale"`
	Metadata                          metadata                `json:"metadata"`
	Mode                              string                  `json:"mode"`
	OriginContext                     null                    `json:"origin_context"`
	PaymentIntent                     text                    `json:"payment_intent"`
	PaymentLink                       null                    `json:"payment_link"`
	PaymentMethodCollection           string                  `json:"payment_method_collection"`
	PaymentMethodConfigurationDetails null                    `json:"payment_method_configuration_details"`
	PaymentMethodOptions              checkoutMethodOptions   `json:"payment_method_options"`
	PaymentMethodTypes                []string                `json:"payment_method_types"`
	PaymentStatus                     string                  `json:"payment_status"`
	Permissions                       null                    `json:"permissions"`
	PhoneNumberCollection             disabledFeature         `json:"phone_number_collection"`
	RecoveredFrom                     null                    `json:"recovered_from"`
	RedirectOnCompletion              string                  `json:"redirect_on_completion,omitempty"`
	ReturnURL                         string                  `json:"return_url,omitempty"`
	SavedPaymentMethodOptions         null                    `json:"saved_payment_method_options"`
	SetupIntent                       text                    `json:"setup_intent"`
	ShippingAddressCollection         null                    `json:"shipping_address_collection"`
	ShippingCost                      null                    `json:"shipping_cost"`
	ShippingOptions                   emptyList               `json:"shipping_options"`
	Status                            string                  `json:"status"`
	SubmitType                        text                    `json:"submit_type"`
	Subscription                      text                    `json:"subscription"`
	SuccessURL                        text                    `json:"success_url"`
	TotalDetails                      *checkoutTotals         `json:"total_details"`
	UIMode                            string                  `json:"ui_mode"`
	URL                               text                    `json:"url"`
	WalletOptions                     null                    `json:"wallet_options"`

	private checkoutPrivate
}

// checkoutPrivate is what the session will become, and the tries so far.
type checkoutPrivate struct {
	Items []checkoutItem `json:"items,omitempty"`
	// Plan and IntentData are the parameters, encoded, of the subscription and
	// of the intent that the session makes.
	Plan       string `json:"plan,omitempty"`
	IntentData string `json:"intent_data,omitempty"`
	// Payer is the customer, made at the first try; the session shows them when
	// it is complete.
	Payer string `json:"payer,omitempty"`
	// Intent is the payment intent of the tries so far, Setup the setup intent.
	Intent string `json:"intent,omitempty"`
	Setup  string `json:"setup,omitempty"`
}

type checkoutTax struct {
	Enabled   no   `json:"enabled"`
	Liability null `json:"liability"`
	Provider  null `json:"provider"`
	Status    null `json:"status"`
}

type checkoutTexts struct {
	AfterSubmit              null `json:"after_submit"`
	ShippingAddress          null `json:"shipping_address"`
	Submit                   null `json:"submit"`
	TermsOfServiceAcceptance null `json:"terms_of_service_acceptance"`
}

type checkoutCustomer struct {
	Address        *address `json:"address"`
	BusinessName   null     `json:"business_name"`
	Email          text     `json:"email"`
	IndividualName null     `json:"individual_name"`
	Name           text     `json:"name"`
	Phone          text     `json:"phone"`
	TaxExempt      string   `json:"tax_exempt"`
	TaxIDs         []string `json:"tax_ids"` // null until the session is complete
}

type checkoutInvoice struct {
	Enabled     no                  `json:"enabled"`
	InvoiceData checkoutInvoiceData `json:"invoice_data"`
}

type checkoutInvoiceData struct {
	AccountTaxIDs    null      `json:"account_tax_ids"`
	CustomFields     null      `json:"custom_fields"`
	Description      null      `json:"description"`
	Footer           null      `json:"footer"`
	Issuer           null      `json:"issuer"`
	Metadata         emptyHash `json:"metadata"`
	RenderingOptions null      `json:"rendering_options"`
}

type checkoutMethodOptions struct {
	Card checkoutCardOptions `json:"card"`
}

type checkoutCardOptions struct {
	RequestThreeDSecure string `json:"request_three_d_secure"`
}

type disabledFeature struct {
	Enabled no `json:"enabled"`
}

type checkoutTotals struct {
	AmountDiscount int64 `json:"amount_discount"`
	AmountShipping zero  `json:"amount_shipping"`
	AmountTax      zero  `json:"amount_tax"`
}

func (*checkoutSession) kind() string    { return checkoutSessionKind }
func (s *checkoutSession) clone() object { c := *s; return &c }
func (s *checkoutSession) hidden() any   { return &s.private }

func (s *checkoutSession) indexes() []indexed {
	return []indexed{
		{"customer", string(s.Customer)},
		{"payment_intent", string(s.PaymentIntent)},
		{"subscription", string(s.Subscription)},
		{"email", s.email()},
	}
}

func (s *checkoutSession) due() int64 {
	if s.Status != "open" {
		return 0
	}
	return s.ExpiresAt
}

// isOpenCheckout says whether there is such a session that is still open.
func (t *transaction) isOpenCheckout(id string) bool {
	s := get[*checkoutSession](t, id)
	return s != nil && s.Status == "open"
}

// email is what is known of the payer's address.
func (s *checkoutSession) email() string {
	if s.CustomerDetails == nil {
		return ""
	}
	return string(s.CustomerDetails.Email)
}

func checkoutSessionOperations() []operation {
	return []operation{
		{method: "POST", path: "/v1/checkout/sessions", do: createCheckoutSession, fields: checkoutFields()},
		{method: "GET", path: "/v1/checkout/sessions", do: listCheckoutSessions, fields: pageFields(shape{
			"created": aRange(), "customer": aText(), "customer_details": aHash(shape{"email": aText().must()}), "payment_intent": aText(),
			"status": aWord("complete", "expired", "open"), "subscription": aText(),
		})},
		{method: "GET", path: "/v1/checkout/sessions/{}", do: retrieve[*checkoutSession]},
		{method: "POST", path: "/v1/checkout/sessions/{}", do: updateCheckoutSession, fields: shape{"metadata": aMetadata()}},
		{method: "POST", path: "/v1/checkout/sessions/{}/expire", do: expireCheckoutSession},
		{method: "GET", path: "/v1/checkout/sessions/{}/line_items", do: listCheckoutItems, fields: pageFields(nil)},
	}
}

func updateCheckoutSession(t *transaction, c call) (any, *apiError) {
	if _, fault := one[*checkoutSession](t, c); fault != nil {
		return nil, fault
	}
	changed := edit[*checkoutSession](t, c.id())
	merged, fault := changed.Metadata.merge(c.form)
	changed.Metadata = merged
	return changed, fault
}

func expireCheckoutSession(t *transaction, c call) (any, *apiError) {
	found, fault := one[*checkoutSession](t, c)
	if fault != nil {
		return nil, fault
	}
	if found.Status != "open" {
		return nil, refused("", "Only Checkout Sessions with a status in [\"open\"] can be expired. This Checkout Session has a status of `"+found.Status+"`.")
	}
	return t.expireCheckout(c.id()), nil
}

// expireCheckout closes a session, and gives up what was tried in it.
func (t *transaction) expireCheckout(id string) *checkoutSession {
	expired := edit[*checkoutSession](t, id)
	expired.Status, expired.URL = "expired", ""
	if intent := get[*paymentIntent](t, expired.private.Intent); intent != nil {
		t.cancelIntent(intent.ID, "")
	}
	if intent := get[*setupIntent](t, expired.private.Setup); intent != nil {
		t.cancelSetup(intent.ID, "")
	}
	t.emit("checkout.session.expired", expired)
	return expired
}

func listCheckoutSessions(t *transaction, c call) (any, *apiError) {
	found := all[*checkoutSession](t)
	email := c.form.form("customer_details").text("email")
	switch {
	case c.has("payment_intent"):
		found = with[*checkoutSession](t, "payment_intent", c.text("payment_intent"))
	case c.has("subscription"):
		found = with[*checkoutSession](t, "subscription", c.text("subscription"))
	case c.has("customer"):
		found = with[*checkoutSession](t, "customer", c.text("customer"))
	case email != "":
		found = with[*checkoutSession](t, "email", email)
	}
	return page(t, "/v1/checkout/sessions", c, found, func(s *checkoutSession) bool {
		return c.within("created", s.Created) && c.word("customer", string(s.Customer)) == string(s.Customer) &&
			c.word("subscription", string(s.Subscription)) == string(s.Subscription) &&
			c.word("status", s.Status) == s.Status && (email == "" || email == s.email())
	})
}
