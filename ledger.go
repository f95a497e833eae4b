package payments

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"time"
)

// How long a fact that usually comes by itself is waited for before Stripe is asked.
const (
	// patienceInvoiceOfIntent: invoice_payment.paid may come 20 seconds late.
	patienceInvoiceOfIntent = 2 * time.Minute
	patienceParent          = time.Minute
	patienceOwner           = 5 * time.Second
)

// settle computes anew what follows from the objects that changed.
func (a *application) settle(ctx context.Context) error {
	groups, err := a.widenToGroups(ctx)
	if err != nil {
		return err
	}
	for _, id := range slices.Sorted(maps.Keys(a.intents)) {
		if err := a.settleIntent(ctx, id); err != nil {
			return err
		}
	}
	for _, id := range slices.Sorted(maps.Keys(a.invoices)) {
		if err := a.settleInvoice(ctx, id, groups[id]); err != nil {
			return err
		}
	}
	for _, id := range slices.Sorted(maps.Keys(a.refunds)) {
		if err := a.settleRefund(ctx, a.refunds[id]); err != nil {
			return err
		}
	}
	for _, id := range slices.Sorted(maps.Keys(a.subscriptions)) {
		if err := a.settleSubscription(ctx, id); err != nil {
			return err
		}
	}
	for _, id := range slices.Sorted(maps.Keys(a.users)) {
		if err := a.settlePremium(ctx, a.tx, id); err != nil {
			return err
		}
	}
	return nil
}

// widenToGroups adds to what changed the invoices of the payment intents and
// the payment intents of the invoices, since each is told by the other too.
func (a *application) widenToGroups(ctx context.Context) (map[string]moneyGroup, error) {
	for _, id := range slices.Sorted(maps.Keys(a.intents)) {
		group, err := a.intentGroup(ctx, id)
		if err != nil {
			return nil, err
		}
		if payment, ok := group.payment(id); ok {
			a.invoices[payment.StripeInvoiceID] = true
		}
	}
	groups := map[string]moneyGroup{}
	for _, id := range slices.Sorted(maps.Keys(a.invoices)) {
		group, err := a.invoiceGroup(ctx, id)
		if err != nil {
			return nil, err
		}
		groups[id] = group
		for _, intent := range group.intents {
			a.intents[intent.ID] = true
		}
	}
	return groups, nil
}

// moneyGroup is what hangs together with one payment intent or one invoice.
type moneyGroup struct {
	userID          string
	invoices        []*StripeInvoice
	intents         []*StripePaymentIntent
	charges         []*StripeCharge
	invoicePayments []*StripeInvoicePayment
	refunds         []*StripeRefund
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
		}
	}
	return nil
}

// invoiceGroup is an invoice with its invoice payments and payment intents.
func (a *application) invoiceGroup(ctx context.Context, invoiceID string) (moneyGroup, error) {
	var group moneyGroup
	if invoiceID == "" {
		return group, nil
	}
	rows, err := a.tx.ObjectsByInvoice(ctx, invoiceID)
	if err != nil {
		return group, err
	}
	if err := group.add(rows); err != nil {
		return group, err
	}
	for _, link := range group.invoicePayments {
		if link.PaymentIntent == "" {
			continue
		}
		row, err := a.tx.Object(ctx, link.PaymentIntent)
		switch {
		case isNotFound(err):
			continue
		case err != nil:
			return group, err
		}
		if err := group.add([]StoredObject{row}); err != nil {
			return group, err
		}
	}
	return group, nil
}

// intentGroup is a payment intent with its charges, refunds and invoice payments.
func (a *application) intentGroup(ctx context.Context, intentID string) (moneyGroup, error) {
	var group moneyGroup
	if intentID == "" {
		return group, nil
	}
	rows, err := a.tx.ObjectsByPaymentIntent(ctx, intentID)
	if err != nil {
		return group, err
	}
	if err := group.add(rows); err != nil {
		return group, err
	}
	for _, charge := range group.charges {
		rows, err := a.tx.ObjectsByCharge(ctx, charge.ID)
		if err != nil {
			return group, err
		}
		if err := group.add(rows); err != nil {
			return group, err
		}
	}
	return group, nil
}

// settleIntent writes the payment of a payment intent, and its row of the
// billing history once it is known to belong to no invoice.
func (a *application) settleIntent(ctx context.Context, intentID string) error {
	if intentID == "" {
		return nil
	}
	group, err := a.intentGroup(ctx, intentID)
	if err != nil {
		return err
	}
	payment, ok := group.payment(intentID)
	if !ok {
		return nil
	}
	if payment.StripeInvoiceID != "" {
		invoice, err := a.tx.Object(ctx, payment.StripeInvoiceID)
		if err != nil && !isNotFound(err) {
			return err
		}
		payment.StripeSubscriptionID = invoice.Subscription
	}
	if err := a.putPayment(ctx, payment); err != nil {
		return err
	}
	for _, refund := range group.refunds {
		refund.PaymentIntent = intentID
		a.refunds[refund.ID] = refund
	}
	if err := a.askForMissing(ctx, intentID, group, payment); err != nil {
		return err
	}
	entry, ok := group.paymentEntry(payment)
	if !ok {
		return a.tx.DeleteBillingEntry(ctx, BillingPayment, intentID)
	}
	return a.putBillingEntry(ctx, entry)
}

// askForMissing wishes for what a payment still lacks: the invoice that it may
// belong to, and refunds of which only the sum is known.
func (a *application) askForMissing(ctx context.Context, intentID string, group moneyGroup, p Payment) error {
	invoice := Refresh{Ref: Ref{KindPaymentIntent, intentID}, Reason: wishInvoiceOfIntent}
	if err := a.wishWhile(ctx, p.StripeInvoiceID == "" && !group.ofNoInvoice(), invoice, patienceInvoiceOfIntent); err != nil {
		return err
	}
	for _, charge := range group.charges {
		refunds := Refresh{Ref: charge.Ref(), Reason: wishRefunds}
		if err := a.wishWhile(ctx, charge.AmountRefunded > group.refunded(charge.ID), refunds, patienceParent); err != nil {
			return err
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
	case p.Status == PaymentSucceeded:
		// A charge that succeeded is newer than an intent that did not yet.
	case intent.Status == IntentCanceled:
		p.Status = PaymentCanceled
	case intent.Status == IntentRequiresPaymentMethod && intent.FailureCode != "":
		p.Status, p.FailureCode, p.DeclineCode = PaymentFailed, intent.FailureCode, intent.DeclineCode
	case intent.Status == IntentProcessing, intent.Status == IntentRequiresAction:
		p.Status = PaymentPending
	}
}

// lastCharge is the last try: one that succeeded, else the newest.
func (g *moneyGroup) lastCharge() *StripeCharge {
	if len(g.charges) == 0 {
		return nil
	}
	return slices.MaxFunc(g.charges, func(a, b *StripeCharge) int {
		if won := compareBool(a.Status == "succeeded", b.Status == "succeeded"); won != 0 {
			return won
		}
		if age := a.Created.Compare(b.Created); age != 0 {
			return age
		}
		return compareBool(a.ID > b.ID, a.ID < b.ID)
	})
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

// settleInvoice writes an invoice's row of the billing history.
func (a *application) settleInvoice(ctx context.Context, invoiceID string, group moneyGroup) error {
	if invoiceID == "" {
		return nil
	}
	if len(group.invoices) == 0 {
		return a.wishWhile(ctx, true, Refresh{Ref: Ref{KindInvoice, invoiceID}, Reason: wishInvoice}, patienceParent)
	}
	invoice := group.invoices[0]
	if err := a.tx.CancelRefresh(ctx, invoiceID, wishInvoice); err != nil {
		return err
	}
	if invoice.Subscription != "" {
		_, err := a.tx.Subscription(ctx, invoice.Subscription)
		if err != nil && !isNotFound(err) {
			return err
		}
		subscription := Refresh{Ref: Ref{KindSubscription, invoice.Subscription}, Reason: wishSubscription}
		if err := a.wishWhile(ctx, isNotFound(err), subscription, patienceParent); err != nil {
			return err
		}
	}
	entry, ok := group.invoiceEntry(invoice)
	if !ok {
		return a.tx.DeleteBillingEntry(ctx, BillingInvoice, invoiceID)
	}
	return a.putBillingEntry(ctx, entry)
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

// settleRefund writes a refund's row of the billing history.
func (a *application) settleRefund(ctx context.Context, o *StripeRefund) error {
	row, err := a.tx.Object(ctx, o.ID)
	if err != nil {
		return err
	}
	entry := BillingEntry{
		Kind: BillingRefund, Source: o.ID, UserID: row.UserID, StripePaymentIntentID: o.PaymentIntent,
		Amount: -o.Amount, Currency: o.Currency, Description: "Refund", CreatedAt: o.Created,
	}
	switch o.Status {
	case "succeeded":
		entry.Status = BillingPaid
	case "failed":
		entry.Status = BillingFailed
	case "canceled":
		entry.Status = BillingVoid
	default:
		entry.Status = BillingPending
	}
	if o.PaymentIntent != "" {
		payment, err := a.tx.Payment(ctx, o.PaymentIntent)
		if err != nil && !isNotFound(err) {
			return err
		}
		entry.StripeSubscriptionID = payment.StripeSubscriptionID
	}
	return a.putBillingEntry(ctx, entry)
}

// putPayment writes a payment if anything about it changed, and tells the host.
func (a *application) putPayment(ctx context.Context, p Payment) error {
	before, err := a.tx.Payment(ctx, p.StripePaymentIntentID)
	switch {
	case isNotFound(err):
		p.ID = a.newID(prefixPayment)
	case err != nil:
		return err
	default:
		p.ID, p.UpdatedAt = before.ID, before.UpdatedAt
		if same, err := sameJSON(p, before); same || err != nil {
			return err
		}
	}
	p.UpdatedAt = a.now()
	if err := a.tx.PutPayment(ctx, p); err != nil {
		return err
	}
	return a.tellPayment(ctx, before, p)
}

func (a *application) putBillingEntry(ctx context.Context, e BillingEntry) error {
	e.ID, e.UpdatedAt = a.newID(prefixBillingEntry), a.now()
	return a.tx.PutBillingEntry(ctx, e)
}

// settleSubscription computes since when a subscription is unpaid.
func (a *application) settleSubscription(ctx context.Context, stripeID string) error {
	if stripeID == "" {
		return nil
	}
	subscription, err := a.tx.Subscription(ctx, stripeID)
	switch {
	case isNotFound(err):
		return nil
	case err != nil:
		return err
	}
	if err := a.tx.CancelRefresh(ctx, stripeID, wishSubscription); err != nil {
		return err
	}
	a.users[subscription.UserID] = true
	rows, err := a.tx.OpenInvoices(ctx, stripeID)
	if err != nil {
		return err
	}
	since, err := unpaidSince(rows)
	if err != nil || compareTimes(since, subscription.UnpaidSince) == 0 {
		return err
	}
	subscription.UnpaidSince, subscription.UpdatedAt = since, a.now()
	return a.tx.PutSubscription(ctx, subscription)
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

// settlePremium applies the premium rule to a user and stores its answer.
func (s *Service) settlePremium(ctx context.Context, tx Tx, userID string) error {
	customer, err := s.customerOf(ctx, tx, userID)
	if err != nil {
		return err
	}
	subscriptions, err := tx.SubscriptionsOf(ctx, userID)
	if err != nil {
		return err
	}
	grants, err := tx.GrantsOf(ctx, userID)
	if err != nil {
		return err
	}
	premium := s.rule.Premium(subscriptions, grants, s.now())
	changed := premium.IsPremium != customer.IsPremium || premium.Plan != customer.Plan
	if !changed && compareTimes(premium.Until, customer.PremiumUntil) == 0 &&
		compareTimes(premium.RecheckAt, customer.RecheckAt) == 0 {
		return nil
	}
	customer.IsPremium, customer.Plan = premium.IsPremium, premium.Plan
	customer.PremiumUntil, customer.RecheckAt, customer.UpdatedAt = premium.Until, premium.RecheckAt, s.now()
	if err := tx.PutCustomer(ctx, customer); err != nil {
		return err
	}
	s.reportDuplicates(ctx, userID, subscriptions)
	if !changed {
		return nil
	}
	return s.tellPremium(ctx, tx, userID, premium)
}

// reportDuplicates tells the operator of a user who pays twice: we never open
// a second subscription, but the Dashboard can.
func (s *Service) reportDuplicates(ctx context.Context, userID string, subscriptions []Subscription) {
	var live []string
	for _, subscription := range subscriptions {
		if subscription.Status.Occupies() {
			live = append(live, subscription.StripeSubscriptionID)
		}
	}
	if len(live) > 1 {
		s.log.WarnContext(ctx, "a user has more than one live subscription", "user", userID, "subscriptions", live)
	}
}
