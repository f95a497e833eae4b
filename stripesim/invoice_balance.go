package stripesim

import "fmt"

// This file is what a final invoice does to the balance of its customer.

// balance numbers an invoice and sets what of it is due: the customer's balance
// is used up first, and too little to be charged is carried over to it.
func (t *transaction) balance(i *invoice) {
	before := get[*customer](t, i.Customer).clone().(*customer)
	cus := edit[*customer](t, i.Customer)
	i.Number = text(fmt.Sprintf("%s-%04d", cus.InvoicePrefix, cus.NextInvoiceSequence))
	cus.NextInvoiceSequence++
	i.StartingBalance = cus.Balance
	cus.Currency = text(i.Currency)
	owed := i.Total + cus.Balance
	if owed < minimums[i.Currency] || owed < 1 {
		t.carryOver(i, cus)
		owed = 0
	} else {
		t.changeBalance(cus, balanceChange{-cus.Balance, "applied_to_invoice", i.ID})
	}
	left := cus.Balance
	i.AmountDue, i.AmountRemaining, i.EndingBalance = owed, owed, &left
	if before.Balance != left || before.Currency == "" {
		t.changed("customer.updated", before, cus)
	}
}

// carryOver notes an invoice on the balance, of which nothing is to be charged:
// what the credit covers, and what is too little.
func (t *transaction) carryOver(i *invoice, cus *customer) {
	covered := i.Total
	if owed := i.Total + cus.Balance; owed > 0 && i.Total > 0 {
		covered = min(i.Total, max(0, -cus.Balance))
	}
	t.changeBalance(cus, balanceChange{covered, "applied_to_invoice", i.ID})
	t.changeBalance(cus, balanceChange{i.Total - covered, "invoice_too_small", i.ID})
}

// giveBalanceBack takes back what an invoice that is void now did to the
// balance.
func (t *transaction) giveBalanceBack(i *invoice) {
	if i.EndingBalance == nil || i.StartingBalance == *i.EndingBalance {
		return
	}
	before := get[*customer](t, i.Customer).clone()
	cus := edit[*customer](t, i.Customer)
	t.changeBalance(cus, balanceChange{i.StartingBalance - *i.EndingBalance, "unapplied_from_invoice", i.ID})
	t.changed("customer.updated", before, cus)
}
