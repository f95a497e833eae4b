package payments

import (
	"encoding/json"
	"slices"
	"time"
)

// moneyGroup is what hangs together with one payment intent or one invoice.
type moneyGroup struct {
	userID          string
	invoices        []*StripeInvoice
	intents         []*StripePaymentIntent
	charges         []*StripeCharge
	invoicePayments []*StripeInvoicePayment
	refunds         []*StripeRefund
	disputes        []*StripeDispute
	asOf            map[string]time.Time
	seen            map[string]bool
}

// add sorts stored objects into the group; one that is in it already is passed over.
func (g *moneyGroup) add(rows []StoredObject) error {
	if g.seen == nil {
		g.seen, g.asOf = map[string]bool{}, map[string]time.Time{}
	}
	for _, row := range rows {
		if g.seen[row.ID] {
			continue
		}
		object, err := row.decode()
		if err != nil {
			return err
		}
		g.seen[row.ID], g.asOf[row.ID], g.userID = true, row.AsOf, row.UserID
		switch o := object.(type) {
		case *StripeInvoice:
			g.invoices = append(g.invoices, o)
		case *StripePaymentIntent:
			g.intents = append(g.intents, o)
		case *StripeCharge:
			g.charges = append(g.charges, o)
		case *StripeInvoicePayment:
			g.invoicePayments = append(g.invoicePayments, o)
		case *StripeRefund:
			g.refunds = append(g.refunds, o)
		case *StripeDispute:
			g.disputes = append(g.disputes, o)
		}
	}
	return nil
}

// payment computes the payment of an intent. There is none before the first try
// to pay: most intents that are never tried are never heard of.
func (g *moneyGroup) payment(intentID string) (Payment, bool) {
	p := Payment{StripePaymentIntentID: intentID, UserID: g.userID, Status: PaymentPending}
	charge := g.lastCharge()
	if charge != nil {
		p.StripeChargeID = charge.ID
		p.Amount, p.Currency, p.Description, p.Metadata = charge.Amount, charge.Currency, charge.Description, charge.Metadata
		p.FailureCode, p.DeclineCode = charge.FailureCode, charge.DeclineCode
		p.StripeInvoiceID, p.CreatedAt = charge.Invoice, charge.Created
		switch charge.Status {
		case "succeeded":
			p.Status = PaymentSucceeded
		case "failed":
			p.Status = PaymentFailed
		}
	}
	for _, intent := range g.intents {
		p.Amount, p.Currency, p.Description, p.Metadata = intent.Amount, intent.Currency, intent.Description, intent.Metadata
		p.CreatedAt = intent.Created
		if p.StripeChargeID == "" {
			p.StripeChargeID = intent.LatestCharge
		}
		if intent.Invoice != "" {
			p.StripeInvoiceID = intent.Invoice
		}
		g.intentStatus(intent, &p)
	}
	if !g.tried() {
		return Payment{}, false
	}
	for _, link := range g.invoicePayments {
		if link.Status != "canceled" {
			p.StripeInvoiceID = link.Invoice
		}
	}
	p.AmountRefunded = g.totalRefunded()
	if p.AmountRefunded > 0 && p.Status == PaymentSucceeded {
		p.Status = PaymentPartiallyRefunded
		if p.AmountRefunded >= p.Amount {
			p.Status = PaymentRefunded
		}
	}
	return p, true
}

// intentStatus lets the intent speak where its charges are not the whole story.
func (g *moneyGroup) intentStatus(intent *StripePaymentIntent, p *Payment) {
	switch {
	case intent.Status == IntentSucceeded:
		p.Status, p.FailureCode, p.DeclineCode = PaymentSucceeded, "", ""
		if intent.AmountReceived > 0 { // less than the amount where it was captured in part
			p.Amount = intent.AmountReceived
		}
	case p.Status == PaymentSucceeded:
		// A charge that succeeded is newer than an intent that did not yet.
	case intent.Status == IntentCanceled:
		p.Status, p.FailureCode, p.DeclineCode = PaymentCanceled, intent.FailureCode, intent.DeclineCode
	case intent.Status == IntentRequiresPaymentMethod && intent.FailureCode != "":
		p.Status, p.FailureCode, p.DeclineCode = PaymentFailed, intent.FailureCode, intent.DeclineCode
	case intent.Status == IntentProcessing, intent.Status == IntentRequiresAction:
		p.Status, p.FailureCode, p.DeclineCode = PaymentPending, "", ""
	}
}

// lastCharge is the last try: one that succeeded, else the one that the intent
// names, if it is known, since of tries that failed not all are heard of; else
// the newest.
func (g *moneyGroup) lastCharge() *StripeCharge {
	if len(g.charges) == 0 {
		return nil
	}
	last := slices.MaxFunc(g.charges, func(a, b *StripeCharge) int {
		if won := compareBool(a.Status == "succeeded", b.Status == "succeeded"); won != 0 {
			return won
		}
		if age := a.Created.Compare(b.Created); age != 0 {
			return age
		}
		return compareBool(a.ID > b.ID, a.ID < b.ID)
	})
	if last.Status == "succeeded" {
		return last
	}
	for _, intent := range g.intents {
		if intent.LatestCharge != "" {
			last = g.charge(intent.LatestCharge)
		}
	}
	return last
}

// charge is the charge of that id, or nil where it is not known.
func (g *moneyGroup) charge(id string) *StripeCharge {
	for _, charge := range g.charges {
		if charge.ID == id {
			return charge
		}
	}
	return nil
}

// refunded is the sum of the refunds of a charge that are known and stand.
func (g *moneyGroup) refunded(chargeID string) (sum int64) {
	for _, refund := range g.refunds {
		if refund.Charge == chargeID && refund.stage() < 2 {
			sum += refund.Amount
		}
	}
	return sum
}

// disputed says whether a dispute of a charge is known.
func (g *moneyGroup) disputed(chargeID string) bool {
	return slices.ContainsFunc(g.disputes, func(d *StripeDispute) bool { return d.Charge == chargeID })
}

// totalRefunded is what went back of the payment: what the refunds say, or the
// charge where it knows of more. A refund that failed after the charge was
// seen is taken off the charge's sum.
func (g *moneyGroup) totalRefunded() (total int64) {
	for _, charge := range g.charges {
		said := charge.AmountRefunded
		for _, refund := range g.refunds {
			if refund.Charge == charge.ID && refund.stage() == 2 && g.asOf[refund.ID].After(g.asOf[charge.ID]) {
				said -= refund.Amount
			}
		}
		total += max(said, g.refunded(charge.ID))
	}
	if len(g.charges) == 0 {
		for _, refund := range g.refunds {
			if refund.stage() < 2 {
				total += refund.Amount
			}
		}
	}
	return total
}

// ofNoInvoice says whether the intent is known to belong to no invoice.
func (g *moneyGroup) ofNoInvoice() bool {
	for _, intent := range g.intents {
		if intent.InvoiceKnown && intent.Invoice == "" {
			return true
		}
	}
	for _, charge := range g.charges {
		if charge.InvoiceKnown && charge.Invoice == "" {
			return true
		}
	}
	return false
}

// tried says whether anybody tried to pay the intent.
func (g *moneyGroup) tried() bool {
	for _, intent := range g.intents {
		switch intent.Status {
		case IntentSucceeded, IntentProcessing, IntentRequiresAction, IntentRequiresCapture:
			return true
		}
		if intent.LatestCharge != "" || intent.FailureCode != "" {
			return true
		}
	}
	return len(g.charges) > 0
}

// paymentEntry is the row of a payment that belongs to no invoice.
func (g *moneyGroup) paymentEntry(p Payment) (BillingEntry, bool) {
	if p.StripeInvoiceID != "" || !g.ofNoInvoice() {
		return BillingEntry{}, false
	}
	entry := BillingEntry{
		Kind: BillingPayment, Source: p.StripePaymentIntentID, UserID: p.UserID,
		StripePaymentIntentID: p.StripePaymentIntentID,
		Amount:                p.Amount, Currency: p.Currency, Description: p.Description, CreatedAt: p.CreatedAt,
	}
	switch p.Status {
	case PaymentSucceeded, PaymentRefunded, PaymentPartiallyRefunded:
		entry.Status = BillingPaid
	case PaymentFailed:
		entry.Status = BillingFailed
	case PaymentCanceled:
		entry.Status = BillingVoid
	default:
		entry.Status = BillingPending
	}
	return entry, true
}

// invoiceEntry is the row of an invoice. One that moves no money, such as that
// of a trial's start, has none; nor has one that nobody tried to pay.
func (g *moneyGroup) invoiceEntry(o *StripeInvoice) (BillingEntry, bool) {
	entry := BillingEntry{
		Kind: BillingInvoice, Source: o.ID, UserID: g.userID, StripeSubscriptionID: o.Subscription,
		Amount: o.AmountDue, Currency: o.Currency, Description: o.Description,
		InvoiceURL: o.HostedURL, InvoicePDF: o.PDF, PeriodStart: o.PeriodStart, PeriodEnd: o.PeriodEnd,
		CreatedAt: o.Created,
	}
	tried := o.Attempted || o.AttemptCount > 0
	switch o.Status {
	case InvoicePaid:
		entry.Status, entry.Amount, tried = BillingPaid, o.AmountPaid, true
	case InvoiceVoid:
		entry.Status = BillingVoid
	default:
		entry.Status = BillingFailed
		for _, intent := range g.intents {
			switch intent.Status {
			case IntentProcessing, IntentRequiresAction, IntentRequiresConfirmation, IntentRequiresCapture:
				entry.Status = BillingPending
			}
		}
	}
	return entry, tried && entry.Amount != 0
}

// unpaidSince is when the oldest of the open invoices was finalized, or is due
// if that is later; nil without one.
func unpaidSince(open []StoredObject) (*time.Time, error) {
	var oldest *time.Time
	for _, row := range open {
		var invoice StripeInvoice
		if err := json.Unmarshal(row.Data, &invoice); err != nil {
			return nil, err
		}
		at := invoice.FinalizedAt
		if compareTimes(invoice.DueDate, at) > 0 {
			at = invoice.DueDate
		}
		if at != nil && (oldest == nil || at.Before(*oldest)) {
			oldest = at
		}
	}
	return oldest, nil
}
