package stripesim

import (
	"cmp"
	"math"
	"time"
)

const paymentMethodKind = "payment_method"

// paymentMethod is a card. Only what identifies a test card is kept of it.
type paymentMethod struct {
	header
	Livemode        no                       `json:"livemode"`
	AllowRedisplay  string                   `json:"allow_redisplay"`
	BillingDetails  interned[billingDetails] `json:"billing_details"`
	Card            interned[card]           `json:"card"`
	Created         int64                    `json:"created"`
	Customer        text                     `json:"customer"`
	CustomerAccount null                     `json:"customer_account"`
	Metadata        metadata                 `json:"metadata"`
	Type            string                   `json:"type"`

	private paymentMethodPrivate
}

type paymentMethodPrivate struct {
	Token string `json:"token"` // the key of the test card
	// SetUp says that the payer agreed, with the bank's step, to payments
	// without being there.
	SetUp    bool `json:"set_up,omitempty"`
	Detached bool `json:"detached,omitempty"`
}

type billingDetails struct {
	Address address `json:"address"`
	Email   text    `json:"email"`
	Name    text    `json:"name"`
	Phone   text    `json:"phone"`
	TaxID   null    `json:"tax_id"`
}

type card struct {
	Brand             string      `json:"brand"`
	Checks            cardChecks  `json:"checks"`
	Country           string      `json:"country"`
	DisplayBrand      string      `json:"display_brand"`
	ExpMonth          int64       `json:"exp_month"`
	ExpYear           int64       `json:"exp_year"`
	Fingerprint       string      `json:"fingerprint"`
	Funding           string      `json:"funding"`
	GeneratedFrom     null        `json:"generated_from"`
	Last4             string      `json:"last4"`
	Networks          networks    `json:"networks"`
	RegulatedStatus   string      `json:"regulated_status"`
	ThreeDSecureUsage secureUsage `json:"three_d_secure_usage"`
	Wallet            null        `json:"wallet"`
}

type cardChecks struct {
	AddressLine1Check      text `json:"address_line1_check"`
	AddressPostalCodeCheck text `json:"address_postal_code_check"`
	CVCCheck               text `json:"cvc_check"`
}

type networks struct {
	Available [1]string `json:"available"`
	Preferred null      `json:"preferred"`
}

type secureUsage struct {
	Supported bool `json:"supported"`
}

func (*paymentMethod) kind() string    { return paymentMethodKind }
func (m *paymentMethod) clone() object { c := *m; return &c }
func (m *paymentMethod) hidden() any   { return &m.private }
func (m *paymentMethod) indexes() []indexed {
	return []indexed{{"customer", string(m.Customer)}}
}

func (m *paymentMethod) testCard() testCard {
	return cardsByKey[m.private.Token]
}

func billingDetailsField() field {
	return aHash(shape{
		"address": anAddress(), "email": aText().orEmpty(), "name": aText().orEmpty(), "phone": aText().orEmpty(),
	})
}

func paymentMethodOperations() []operation {
	return []operation{
		{method: "POST", path: "/v1/payment_methods", do: createPaymentMethod, browser: true, fields: shape{
			"allow_redisplay": aWord("always", "limited", "unspecified"), "billing_details": billingDetailsField(),
			"card": aHash(shape{
				"cvc": aText(), "exp_month": anInteger(0, math.MaxInt32), "exp_year": anInteger(0, math.MaxInt32), "number": aText(), "token": aText(),
			}),
			"metadata": aMetadata(), "type": aText().must(),
		}},
		{method: "GET", path: "/v1/payment_methods", do: listPaymentMethods, fields: pageFields(shape{"customer": aText(), "type": aText()})},
		{method: "GET", path: "/v1/payment_methods/{}", do: retrievePaymentMethod},
		{method: "POST", path: "/v1/payment_methods/{}", do: updatePaymentMethod, fields: shape{
			"allow_redisplay": aWord("always", "limited", "unspecified"), "billing_details": billingDetailsField(), "metadata": aMetadata(),
			"card": aHash(shape{"exp_month": anInteger(0, math.MaxInt32), "exp_year": anInteger(0, math.MaxInt32)}),
		}},
		{method: "POST", path: "/v1/payment_methods/{}/attach", do: attachPaymentMethod, fields: shape{"customer": aText().must()}},
		{method: "POST", path: "/v1/payment_methods/{}/detach", do: detachPaymentMethod},
	}
}

// newPaymentMethod is a payment method of a test card, not stored yet.
func (t *transaction) newPaymentMethod(c testCard) *paymentMethod {
	const yearsValid = 8
	return &paymentMethod{
		header: header{ID: t.newID("pm_1", 23), Object: paymentMethodKind}, AllowRedisplay: "unspecified", Created: t.now, Type: "card",
		Card: intern(card{
			Brand: c.brand, Checks: c.check(address{}), Country: cmp.Or(c.country, "US"), DisplayBrand: c.brand, ExpMonth: 8,
			ExpYear: int64(time.Unix(t.now, 0).UTC().Year() + yearsValid), Fingerprint: digest(c.number)[:16], Funding: cmp.Or(c.funding, "credit"),
			Last4: c.number[len(c.number)-4:], Networks: networks{Available: [1]string{c.brand}}, RegulatedStatus: "unregulated",
			ThreeDSecureUsage: secureUsage{c.brand != "amex"},
		}),
		private: paymentMethodPrivate{Token: c.key()},
	}
}

// usablePaymentMethod is the payment method that a parameter names; the id of a
// test card makes a new one.
func (t *transaction) usablePaymentMethod(id, param string) (*paymentMethod, *apiError) {
	if c, ok := cardByToken(id); ok {
		made := t.newPaymentMethod(c)
		t.create(made)
		return made, nil
	}
	found, fault := named[*paymentMethod](t, id, param)
	if fault == nil && found.private.Detached {
		fault = refused("", "The provided PaymentMethod was previously used with a PaymentIntent without Customer attachment, shared with a connected account without Customer attachment, or was detached from a Customer. It may not be used again. To use a PaymentMethod multiple times, you must attach it to a Customer first.")
	}
	return found, fault
}

// ownedPaymentMethod refuses a payment method that is not the customer's.
func (t *transaction) ownedPaymentMethod(id, customerID, param string) *apiError {
	found, fault := named[*paymentMethod](t, id, param)
	if fault == nil && string(found.Customer) != customerID {
		fault = invalid(param, "resource_missing", "The customer does not have a payment method with the ID "+id+". The payment method must be attached to the customer.")
	}
	return fault
}

func createPaymentMethod(t *transaction, c call) (any, *apiError) {
	if c.text("type") != "card" {
		return nil, unsupported("type", "payment methods that are not cards")
	}
	details := c.form.form("card")
	if details == nil {
		return nil, missingParam("card")
	}
	chosen, fault := chooseCard(details)
	if fault != nil {
		return nil, fault
	}
	made := t.newPaymentMethod(chosen)
	if fault := made.setCard(t, details); fault != nil {
		return nil, fault
	}
	made.AllowRedisplay = c.word("allow_redisplay", made.AllowRedisplay)
	made.setBillingDetails(c.form.form("billing_details"))
	if made.Metadata, fault = made.Metadata.merge(c.form); fault != nil {
		return nil, fault
	}
	t.create(made)
	return made, nil
}

// setBillingDetails takes over the payer's details, which the bank checks.
func (m *paymentMethod) setBillingDetails(f form) {
	details, checked := readBillingDetails(f), m.Card.part()
	checked.Checks = m.testCard().check(details.Address)
	m.BillingDetails, m.Card = intern(details), intern(checked)
}

func readBillingDetails(f form) billingDetails {
	return billingDetails{
		Address: readAddress(f.form("address")), Email: text(f.text("email")), Name: text(f.text("name")), Phone: text(f.text("phone")),
	}
}

func retrievePaymentMethod(t *transaction, c call) (any, *apiError) {
	if known, ok := cardByToken(c.id()); ok {
		return t.newPaymentMethod(known), nil
	}
	return one[*paymentMethod](t, c)
}

func updatePaymentMethod(t *transaction, c call) (any, *apiError) {
	before, fault := one[*paymentMethod](t, c)
	if fault != nil {
		return nil, fault
	}
	if before.Customer == "" {
		return nil, refused("", "You must save this PaymentMethod to a customer before you can update it.")
	}
	changed := edit[*paymentMethod](t, c.id())
	if fault := changed.setCard(t, c.form.form("card")); fault != nil {
		return nil, fault
	}
	changed.AllowRedisplay = c.word("allow_redisplay", changed.AllowRedisplay)
	if c.has("billing_details") {
		changed.setBillingDetails(c.form.form("billing_details"))
	}
	if changed.Metadata, fault = changed.Metadata.merge(c.form); fault != nil {
		return nil, fault
	}
	t.changed("payment_method.updated", before, changed)
	return changed, nil
}

func attachPaymentMethod(t *transaction, c call) (any, *apiError) {
	if _, fault := t.livingCustomer(c.text("customer"), "customer"); fault != nil {
		return nil, fault
	}
	found, fault := t.usablePaymentMethod(c.id(), "payment_method")
	if fault != nil {
		return nil, fault.notFoundIfMissing()
	}
	return t.attach(found.ID, c.text("customer"))
}

// notFoundIfMissing makes a refusal 404 if it says that the object of the path
// is not there.
func (e *apiError) notFoundIfMissing() *apiError {
	if e.code == "resource_missing" {
		return e.notFound()
	}
	return e
}

// attach gives a payment method to a customer, after a check of the card that
// the bank may decline.
func (t *transaction) attach(id, customerID string) (*paymentMethod, *apiError) {
	found := get[*paymentMethod](t, id)
	switch {
	case string(found.Customer) == customerID:
		return found, nil
	case found.Customer != "":
		return nil, refused("payment_method_unexpected_state", "The payment method you provided has already been attached to a customer.")
	case found.testCard().unattachable:
		return nil, declined(found.testCard().refusal)
	}
	changed := edit[*paymentMethod](t, id)
	changed.Customer = text(customerID)
	t.emit("payment_method.attached", changed)
	return changed, nil
}

// detachPaymentMethod takes a payment method from its customer, for ever.
func detachPaymentMethod(t *transaction, c call) (any, *apiError) {
	before, fault := one[*paymentMethod](t, c)
	if fault != nil {
		return nil, fault
	}
	owner := string(before.Customer)
	if owner == "" {
		return nil, refused("payment_method_unexpected_state", "The payment method you provided is not attached to a customer so detachment is impossible.")
	}
	changed := edit[*paymentMethod](t, c.id())
	changed.Customer, changed.private.Detached = "", true
	t.changed("payment_method.detached", before, changed)
	if cus := get[*customer](t, owner); string(cus.InvoiceSettings.DefaultPaymentMethod) == c.id() {
		freed := edit[*customer](t, owner)
		freed.InvoiceSettings.DefaultPaymentMethod = ""
		t.changed("customer.updated", cus, freed)
	}
	for _, s := range related[*subscription](t, "customer", owner) {
		if string(s.DefaultPaymentMethod) == c.id() && !s.ended() {
			freed := edit[*subscription](t, s.ID)
			freed.DefaultPaymentMethod = ""
			t.changed("customer.subscription.updated", s, freed)
		}
	}
	return changed, nil
}

func listPaymentMethods(t *transaction, c call) (any, *apiError) {
	found := all[*paymentMethod](t)
	if id := c.text("customer"); id != "" {
		if _, fault := t.livingCustomer(id, "customer"); fault != nil {
			return nil, fault
		}
		found = with[*paymentMethod](t, "customer", id)
	}
	return page(t, "/v1/payment_methods", c, found, func(m *paymentMethod) bool {
		return m.Customer != "" && (c.text("type") == "" || c.text("type") == m.Type)
	})
}
