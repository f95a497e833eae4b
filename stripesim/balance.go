package stripesim

import (
	"maps"
	"slices"
)

const balanceEntryKind = "balance_transaction"

const (
	// bookTime is how long after a charge its money is booked.
	bookTime = int64(3)
	// availableTime is how long booked money waits until it may be paid out.
	availableTime = 2 * day
)

// balanceEntry is one booking of the account's money.
type balanceEntry struct {
	header
	Amount            int64      `json:"amount"`
	AvailableOn       int64      `json:"available_on"`
	BalanceType       string     `json:"balance_type"`
	Created           int64      `json:"created"`
	Currency          string     `json:"currency"`
	Description       text       `json:"description"`
	ExchangeRate      null       `json:"exchange_rate"`
	Fee               int64      `json:"fee"`
	FeeDetails        []entryFee `json:"fee_details"`
	Net               int64      `json:"net"`
	ReportingCategory string     `json:"reporting_category"`
	Source            string     `json:"source"`
	Status            string     `json:"status"` // it is shown as it is now
	Type              string     `json:"type"`
}

type entryFee struct {
	Amount      int64  `json:"amount"`
	Application null   `json:"application"`
	Currency    string `json:"currency"`
	Description string `json:"description"`
	Type        string `json:"type"`
}

func (*balanceEntry) kind() string    { return balanceEntryKind }
func (e *balanceEntry) clone() object { c := *e; return &c }
func (e *balanceEntry) indexes() []indexed {
	return []indexed{{"source", e.Source}}
}

// atTime is the entry as it is at a time.
func (e *balanceEntry) atTime(now int64) *balanceEntry {
	shown := *e
	if shown.Status = "pending"; e.AvailableOn <= now {
		shown.Status = "available"
	}
	return &shown
}

func balanceOperations() []operation {
	return []operation{
		{method: "GET", path: "/v1/balance", do: retrieveBalance},
		{method: "GET", path: "/v1/balance_transactions", do: listBalanceEntries, fields: pageFields(shape{
			"created": aRange(), "currency": aText(), "source": aText(), "type": aText(),
		})},
		{method: "GET", path: "/v1/balance_transactions/{}", do: retrieve[*balanceEntry]},
	}
}

// booking is what an entry is made of. A positive amount comes in.
type booking struct {
	amount, fee    int64
	currency       string
	kind, category string
	source         string
	description    text
	feeFor         string
	wait           int64 // until the money is available
}

func (t *transaction) book(b booking) *balanceEntry {
	made := &balanceEntry{
		header: header{ID: t.newID("txn_3", 23), Object: balanceEntryKind}, Amount: b.amount, AvailableOn: t.now + b.wait, BalanceType: "payments",
		Created: t.now, Currency: b.currency, Description: b.description, Fee: b.fee, FeeDetails: []entryFee{}, Net: b.amount - b.fee,
		ReportingCategory: b.category, Source: b.source, Type: b.kind,
	}
	if b.fee != 0 {
		made.FeeDetails = []entryFee{{Amount: b.fee, Currency: b.currency, Description: b.feeFor, Type: "stripe_fee"}}
	}
	t.create(made)
	return made
}

// bookCharge brings the booking of a charge, some time after it, and what the
// test cards do then.
func (t *transaction) bookCharge(id string) {
	before := get[*charge](t, id)
	booked := edit[*charge](t, id)
	booked.private.BookedAt = 0
	known := get[*paymentMethod](t, string(booked.PaymentMethod)).testCard()
	wait := availableTime
	if known.availableAtOnce {
		wait = 0
	}
	booked.BalanceTransaction = text(t.book(booking{
		amount: booked.AmountCaptured, fee: processingFee(booked.AmountCaptured, booked.Currency), currency: booked.Currency, kind: "charge",
		category: "charge", source: id, description: booked.Description, feeFor: "Stripe processing fees", wait: wait,
	}).ID)
	t.changed("charge.updated", before, booked)
}

// processingFee is 2.9 % and 0.30 of the currency.
func processingFee(amount int64, currency string) int64 {
	fixed := int64(30)
	if decimals, special := exponents[currency]; special && decimals == 0 {
		fixed = 0
	} else if special {
		fixed = 300
	}
	const perMille, rate = 1000, 29
	return (amount*rate+perMille/2)/perMille + fixed
}

// accountBalance is what of the account's money may be paid out, and what may not yet.
type accountBalance struct {
	Object    string          `json:"object"`
	Available []balanceAmount `json:"available"`
	Livemode  no              `json:"livemode"`
	Pending   []balanceAmount `json:"pending"`
}

type balanceAmount struct {
	Amount      int64          `json:"amount"`
	Currency    string         `json:"currency"`
	SourceTypes balanceSources `json:"source_types"`
}

type balanceSources struct {
	Card int64 `json:"card"`
}

func retrieveBalance(t *transaction, _ call) (any, *apiError) {
	available, pending := map[string]int64{"usd": 0}, map[string]int64{"usd": 0}
	for _, r := range all[*balanceEntry](t) {
		e := r.object.(*balanceEntry)
		available[e.Currency] += 0
		pending[e.Currency] += 0
		if e.AvailableOn <= t.now {
			available[e.Currency] += e.Net
		} else {
			pending[e.Currency] += e.Net
		}
	}
	return accountBalance{Object: "balance", Available: balanceAmounts(available), Pending: balanceAmounts(pending)}, nil
}

func balanceAmounts(of map[string]int64) []balanceAmount {
	amounts := make([]balanceAmount, 0, len(of))
	for _, currency := range slices.Sorted(maps.Keys(of)) {
		amounts = append(amounts, balanceAmount{of[currency], currency, balanceSources{of[currency]}})
	}
	return amounts
}

func listBalanceEntries(t *transaction, c call) (any, *apiError) {
	found := all[*balanceEntry](t)
	if id := c.text("source"); id != "" {
		found = with[*balanceEntry](t, "source", id)
	}
	return page(t, "/v1/balance_transactions", c, found, func(e *balanceEntry) bool {
		return c.within("created", e.Created) && c.word("currency", e.Currency) == e.Currency && c.word("type", e.Type) == e.Type
	})
}

// sourceOfMoney stands for whatever kind of object an entry comes from, which
// the id tells.
const sourceOfMoney = "source"

var sourceKinds = map[string]string{"ch_": chargeKind, "re_": refundKind, "du_": disputeKind}
