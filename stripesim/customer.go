package stripesim

import "strings"

const customerKind = "customer"

// customer is who pays.
type customer struct {
	header
	Livemode            no                      `json:"livemode"`
	Address             *address                `json:"address"`
	Balance             int64                   `json:"balance"`
	Created             int64                   `json:"created"`
	Currency            text                    `json:"currency"`
	CustomerAccount     null                    `json:"customer_account"`
	DefaultSource       null                    `json:"default_source"`
	Delinquent          bool                    `json:"delinquent"`
	Description         text                    `json:"description"`
	Discount            null                    `json:"discount"`
	Email               text                    `json:"email"`
	InvoicePrefix       string                  `json:"invoice_prefix"`
	InvoiceSettings     customerInvoiceSettings `json:"invoice_settings"`
	Metadata            metadata                `json:"metadata"`
	Name                text                    `json:"name"`
	NextInvoiceSequence int64                   `json:"next_invoice_sequence"`
	Phone               text                    `json:"phone"`
	PreferredLocales    []string                `json:"preferred_locales"`
	Shipping            *shipping               `json:"shipping"`
	TaxExempt           string                  `json:"tax_exempt"`
	TestClock           text                    `json:"test_clock"`

	private customerPrivate
}

type customerPrivate struct {
	Deleted bool `json:"deleted,omitempty"`
}

type customerInvoiceSettings struct {
	CustomFields         null `json:"custom_fields"`
	DefaultPaymentMethod text `json:"default_payment_method"`
	Footer               text `json:"footer"`
	RenderingOptions     null `json:"rendering_options"`
}

type address struct {
	City       text `json:"city"`
	Country    text `json:"country"`
	Line1      text `json:"line1"`
	Line2      text `json:"line2"`
	PostalCode text `json:"postal_code"`
	State      text `json:"state"`
}

type shipping struct {
	Address address `json:"address"`
	Name    string  `json:"name"`
	Phone   text    `json:"phone"`
}

func (*customer) kind() string      { return customerKind }
func (c *customer) clone() object   { changed := *c; return &changed }
func (c *customer) hidden() any     { return &c.private }
func (c *customer) onClock(id text) { c.TestClock = id }
func (c *customer) indexes() []indexed {
	return c.Metadata.indexes(indexed{emailIndex, strings.ToLower(string(c.Email))}, indexed{"test_clock", string(c.TestClock)})
}

func anAddress() field {
	return aHash(shape{
		"city": aText().orEmpty(), "country": aText().orEmpty(), "line1": aText().orEmpty(), "line2": aText().orEmpty(),
		"postal_code": aText().orEmpty(), "state": aText().orEmpty(),
	}).orEmpty()
}

func readAddress(f form) address {
	return address{
		City: text(f.text("city")), Country: text(f.text("country")), Line1: text(f.text("line1")),
		Line2: text(f.text("line2")), PostalCode: text(f.text("postal_code")), State: text(f.text("state")),
	}
}

func customerOperations() []operation {
	fields := shape{
		"address": anAddress(), "balance": anInteger(-maxAmount, maxAmount), "description": aText().orEmpty(), "email": aText().upTo(512).orEmpty(),
		"invoice_settings": aHash(shape{"default_payment_method": aText().orEmpty(), "footer": aText().orEmpty()}),
		"metadata":         aMetadata(), "name": aText().orEmpty(), "phone": aText().orEmpty(), "preferred_locales": aList(aText()),
		"shipping":   aHash(shape{"address": aHash(anAddress().fields).must(), "name": aText().must(), "phone": aText().orEmpty()}).orEmpty(),
		"tax_exempt": aWord("none", "exempt", "reverse"),
	}
	return []operation{
		{method: "POST", path: "/v1/customers", do: createCustomer, fields: fields.with(shape{"payment_method": aText(), "test_clock": aText()})},
		{method: "GET", path: "/v1/customers", do: listCustomers, fields: pageFields(shape{"created": aRange(), "email": aText(), "test_clock": aText()})},
		{method: "GET", path: "/v1/customers/{}", do: retrieve[*customer]},
		{method: "POST", path: "/v1/customers/{}", do: updateCustomer, fields: fields},
		{method: "DELETE", path: "/v1/customers/{}", do: deleteCustomer},
		{method: "GET", path: "/v1/customers/{}/payment_methods", do: listCustomerPaymentMethods, fields: pageFields(shape{"type": aText()})},
		{method: "GET", path: "/v1/customers/{}/payment_methods/{}", do: retrieveCustomerPaymentMethod},
	}
}

func createCustomer(t *transaction, c call) (any, *apiError) {
	if id := c.text("test_clock"); id != "" {
		clock, fault := named[*testClock](t, id, "test_clock")
		if fault != nil {
			return nil, fault
		}
		if len(related[*customer](t, "test_clock", id)) >= maxClockCustomers {
			return nil, invalid("test_clock", "", "A test clock can have at most 3 customers.")
		}
		t.enterClock(clock.ID)
	}
	made := &customer{
		header: header{ID: t.newID("cus_", 14), Object: customerKind}, Created: t.now, NextInvoiceSequence: 1,
		InvoicePrefix: strings.ToUpper(t.newID("", 8)), PreferredLocales: []string{}, TaxExempt: "none",
	}
	t.create(made)
	created := t.emit("customer.created", made)
	if id := c.text("payment_method"); id != "" {
		method, fault := t.usablePaymentMethod(id, "payment_method")
		if fault != nil {
			return nil, fault
		}
		if _, fault = t.attach(method.ID, made.ID); fault != nil {
			return nil, fault
		}
	}
	if fault := made.set(t, c); fault != nil {
		return nil, fault
	}
	t.snapshot(created, made)
	return made, nil
}

// set takes over what a request may say at creation and later.
func (c *customer) set(t *transaction, asked call) *apiError {
	asked.setText("description", &c.Description)
	asked.setText("email", &c.Email)
	asked.setText("name", &c.Name)
	asked.setText("phone", &c.Phone)
	reason := "adjustment"
	if r := t.state.row(keyOf(c)); r == nil {
		reason = "initial"
	}
	t.changeBalance(c, balanceChange{amount: asked.integer("balance", c.Balance) - c.Balance, reason: reason})
	c.TaxExempt = asked.word("tax_exempt", c.TaxExempt)
	if asked.has("preferred_locales") {
		c.PreferredLocales = asked.texts("preferred_locales")
	}
	if asked.has("address") {
		c.Address = nil
		if !asked.cleared("address") {
			given := readAddress(asked.form.form("address"))
			c.Address = &given
		}
	}
	if asked.has("shipping") {
		c.Shipping = nil
		if given := asked.form.form("shipping"); given != nil {
			c.Shipping = &shipping{readAddress(given.form("address")), given.text("name"), text(given.text("phone"))}
		}
	}
	settings := asked.form.form("invoice_settings")
	settings.setText("footer", &c.InvoiceSettings.Footer)
	settings.setText("default_payment_method", &c.InvoiceSettings.DefaultPaymentMethod)
	if id := settings.text("default_payment_method"); id != "" {
		if fault := t.ownedPaymentMethod(id, c.ID, "invoice_settings[default_payment_method]"); fault != nil {
			return fault
		}
	}
	merged, fault := c.Metadata.merge(asked.form)
	c.Metadata = merged
	return fault
}

// livingCustomer is the customer that a parameter names, not a deleted one.
func (t *transaction) livingCustomer(id, param string) (*customer, *apiError) {
	found, fault := named[*customer](t, id, param)
	if fault == nil && found.private.Deleted {
		fault = missing(customerKind, id, param)
	}
	return found, fault
}

func updateCustomer(t *transaction, c call) (any, *apiError) {
	before, fault := t.livingCustomer(c.id(), "id")
	if fault != nil {
		return nil, fault.notFound()
	}
	changed := edit[*customer](t, c.id())
	if fault := changed.set(t, c); fault != nil {
		return nil, fault
	}
	t.changed("customer.updated", before, changed)
	return changed, nil
}

// deleteCustomer ends the customer's subscriptions with it.
func deleteCustomer(t *transaction, c call) (any, *apiError) {
	if _, fault := t.livingCustomer(c.id(), "id"); fault != nil {
		return nil, fault.notFound()
	}
	return t.endCustomer(c.id()), nil
}

func (t *transaction) endCustomer(id string) *customer {
	for _, s := range related[*subscription](t, "customer", id) {
		if !s.ended() {
			t.endSubscription(s.ID, "cancellation_requested")
		}
	}
	gone := edit[*customer](t, id)
	t.emit("customer.deleted", gone)
	gone.private.Deleted = true
	return gone
}

func listCustomers(t *transaction, c call) (any, *apiError) {
	found := all[*customer](t)
	if email := c.text("email"); email != "" {
		found = with[*customer](t, emailIndex, strings.ToLower(email))
	} else if clock := c.text("test_clock"); clock != "" {
		found = with[*customer](t, "test_clock", clock)
	}
	return page(t, "/v1/customers", c, found, func(cus *customer) bool {
		return !cus.private.Deleted && c.within("created", cus.Created) && c.text("test_clock") == string(cus.TestClock) &&
			c.word("email", string(cus.Email)) == string(cus.Email)
	})
}

func listCustomerPaymentMethods(t *transaction, c call) (any, *apiError) {
	if _, fault := t.livingCustomer(c.id(), "customer"); fault != nil {
		return nil, fault.notFound()
	}
	found := with[*paymentMethod](t, "customer", c.id())
	return page(t, "/v1/customers/"+c.id()+"/payment_methods", c, found, func(m *paymentMethod) bool {
		return c.text("type") == "" || c.text("type") == m.Type
	})
}

func retrieveCustomerPaymentMethod(t *transaction, c call) (any, *apiError) {
	method := get[*paymentMethod](t, c.ids[1])
	if method == nil || string(method.Customer) != c.id() {
		return nil, missing(paymentMethodKind, c.ids[1], "payment_method").notFound()
	}
	return method, nil
}
