package stripesim

const balanceTransactionKind = "customer_balance_transaction"

// balanceTransaction is one change of a customer's balance. A negative amount
// is in the customer's favour. All of a customer's add up to the balance.
type balanceTransaction struct {
	header
	Livemode        no       `json:"livemode"`
	Amount          int64    `json:"amount"`
	CheckoutSession null     `json:"checkout_session"`
	Created         int64    `json:"created"`
	CreditNote      null     `json:"credit_note"`
	Currency        string   `json:"currency"`
	Customer        string   `json:"customer"`
	CustomerAccount null     `json:"customer_account"`
	Description     text     `json:"description"`
	EndingBalance   int64    `json:"ending_balance"`
	Invoice         text     `json:"invoice"`
	Metadata        metadata `json:"metadata"`
	Type            string   `json:"type"`
}

func (*balanceTransaction) kind() string    { return balanceTransactionKind }
func (b *balanceTransaction) clone() object { c := *b; return &c }
func (b *balanceTransaction) indexes() []indexed {
	return []indexed{{"customer", b.Customer}}
}

func balanceTransactionOperations() []operation {
	const path = "/v1/customers/{}/balance_transactions"
	changeable := shape{"description": aText().upTo(350).orEmpty(), "metadata": aMetadata()}
	return []operation{
		{method: "POST", path: path, do: createBalanceTransaction, fields: changeable.with(shape{
			"amount": anInteger(-maxAmount, maxAmount).must(), "currency": aText().must(),
		})},
		{method: "GET", path: path, do: listBalanceTransactions, fields: pageFields(shape{"created": aRange(), "invoice": aText()})},
		{method: "GET", path: path + "/{}", do: retrieveBalanceTransaction},
		{method: "POST", path: path + "/{}", do: updateBalanceTransaction, fields: changeable},
	}
}

// accountCurrency is that of a balance whose customer has none yet.
const accountCurrency = "usd"

// balanceChange says why a customer's balance changes.
type balanceChange struct {
	amount  int64
	reason  string
	invoice string
}

// changeBalance adds to the balance of a customer, whom the caller has for
// editing, and notes that. Nothing is noted of a change by nothing.
func (t *transaction) changeBalance(cus *customer, change balanceChange) *balanceTransaction {
	if change.amount == 0 {
		return nil
	}
	cus.Balance += change.amount
	made := &balanceTransaction{
		header: header{ID: t.newID("cbtxn_1", 23), Object: balanceTransactionKind}, Amount: change.amount, Created: t.now,
		Currency: accountCurrency, Customer: cus.ID, EndingBalance: cus.Balance, Invoice: text(change.invoice), Type: change.reason,
	}
	if cus.Currency != "" {
		made.Currency = string(cus.Currency)
	}
	t.create(made)
	return made
}

func createBalanceTransaction(t *transaction, c call) (any, *apiError) {
	before, fault := t.livingCustomer(c.id(), "customer")
	if fault != nil {
		return nil, fault.notFound()
	}
	currency, fault := readCurrency(c.text("currency"))
	switch {
	case fault != nil:
		return nil, fault
	case before.Currency != "" && currency != string(before.Currency):
		return nil, invalid("currency", "", "The currency of a balance transaction must match the customer's currency, "+string(before.Currency)+".")
	case c.integer("amount", 0) == 0:
		return nil, invalid("amount", "parameter_invalid_integer", "The amount of a balance transaction cannot be 0.")
	}
	cus := edit[*customer](t, c.id())
	cus.Currency = text(currency)
	made := t.changeBalance(cus, balanceChange{amount: c.integer("amount", 0), reason: "adjustment"})
	if fault := made.set(c); fault != nil {
		return nil, fault
	}
	t.changed("customer.updated", before, cus)
	return made, nil
}

func (b *balanceTransaction) set(c call) *apiError {
	c.setText("description", &b.Description)
	merged, fault := b.Metadata.merge(c.form)
	b.Metadata = merged
	return fault
}

func retrieveBalanceTransaction(t *transaction, c call) (any, *apiError) {
	return t.balanceTransactionOf(c)
}

func (t *transaction) balanceTransactionOf(c call) (*balanceTransaction, *apiError) {
	found := get[*balanceTransaction](t, c.ids[1])
	if found == nil || found.Customer != c.id() {
		return nil, missing(balanceTransactionKind, c.ids[1], "transaction").notFound()
	}
	return found, nil
}

func updateBalanceTransaction(t *transaction, c call) (any, *apiError) {
	found, fault := t.balanceTransactionOf(c)
	if fault != nil {
		return nil, fault
	}
	changed := edit[*balanceTransaction](t, found.ID)
	return changed, changed.set(c)
}

func listBalanceTransactions(t *transaction, c call) (any, *apiError) {
	if _, fault := t.livingCustomer(c.id(), "customer"); fault != nil {
		return nil, fault.notFound()
	}
	found := with[*balanceTransaction](t, "customer", c.id())
	return page(t, "/v1/customers/"+c.id()+"/balance_transactions", c, found, func(b *balanceTransaction) bool {
		return c.within("created", b.Created) && c.word("invoice", string(b.Invoice)) == string(b.Invoice)
	})
}
