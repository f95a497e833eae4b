package payments

import (
	"context"
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
	for _, id := range slices.Sorted(maps.Keys(a.disputes)) {
		if err := a.settleDispute(ctx, a.disputes[id]); err != nil {
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

// intentGroup is a payment intent with its charges, refunds, disputes and invoice
// payments.
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
	for _, dispute := range group.disputes {
		dispute.PaymentIntent = intentID
		a.disputes[dispute.ID] = dispute
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
// belong to, refunds of which only the sum is known, and disputes of which it is
// only known that there is one.
func (a *application) askForMissing(ctx context.Context, intentID string, group moneyGroup, p Payment) error {
	invoice := Refresh{Ref: Ref{KindPaymentIntent, intentID}, Reason: wishInvoiceOfIntent}
	if err := a.wishWhile(ctx, p.StripeInvoiceID == "" && !group.ofNoInvoice(), invoice, patienceInvoiceOfIntent); err != nil {
		return err
	}
	for _, charge := range group.charges {
		reversals := Refresh{Ref: charge.Ref(), Reason: wishReversals}
		missing := charge.AmountRefunded > group.refunded(charge.ID) || charge.Disputed && !group.disputed(charge.ID)
		if err := a.wishWhile(ctx, missing, reversals, patienceParent); err != nil {
			return err
		}
	}
	return nil
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
	if invoice.Status != InvoiceOpen {
		if err := a.tx.CancelRefresh(ctx, invoiceID, wishOpenInvoice); err != nil {
			return err
		}
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

// settleRefund writes a refund's row of the billing history.
func (a *application) settleRefund(ctx context.Context, o *StripeRefund) error {
	entry := BillingEntry{
		Kind: BillingRefund, Source: o.ID, StripePaymentIntentID: o.PaymentIntent,
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
	return a.putReversal(ctx, entry)
}

// settleDispute writes a dispute's row of the billing history. The bank takes
// the money when the dispute begins, and keeps it if the dispute is lost; an
// inquiry moves none.
func (a *application) settleDispute(ctx context.Context, o *StripeDispute) error {
	entry := BillingEntry{
		Kind: BillingDispute, Source: o.ID, StripePaymentIntentID: o.PaymentIntent,
		Amount: -o.Amount, Currency: o.Currency, Description: "Dispute", CreatedAt: o.Created,
	}
	switch o.Status {
	case DisputeLost:
		entry.Status = BillingPaid
	case DisputeWon:
		entry.Status = BillingVoid
	case DisputeNeedsResponse, DisputeUnderReview:
		entry.Status = BillingPending
	default:
		return a.tx.DeleteBillingEntry(ctx, BillingDispute, o.ID)
	}
	return a.putReversal(ctx, entry)
}

// putReversal writes the row of money that goes back. It belongs to the user of
// the object that says so, and to the subscription of the payment.
func (a *application) putReversal(ctx context.Context, entry BillingEntry) error {
	row, err := a.tx.Object(ctx, entry.Source)
	if err != nil {
		return err
	}
	entry.UserID = row.UserID
	if entry.StripePaymentIntentID != "" {
		payment, err := a.tx.Payment(ctx, entry.StripePaymentIntentID)
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
	if err := a.doubtOpenInvoices(ctx, subscription, rows); err != nil {
		return err
	}
	var since *time.Time
	if subscription.Status == StatusPastDue || subscription.Status == StatusUnpaid {
		since, err = unpaidSince(rows)
	}
	if err != nil || compareTimes(since, subscription.UnpaidSince) == 0 {
		return err
	}
	subscription.UnpaidSince, subscription.UpdatedAt = since, a.now()
	return a.tx.PutSubscription(ctx, subscription)
}

// owes says whether a subscription of that status waits for a payment.
func (s SubscriptionStatus) owes() bool {
	return s == StatusIncomplete || s == StatusPastDue || s == StatusUnpaid
}

// doubtOpenInvoices wishes for the invoices of which no event may tell: those
// that are open here while their subscription owes nothing, or owes for a later
// one, were paid or voided; and the one that is owed for may not be known.
func (a *application) doubtOpenInvoices(ctx context.Context, s Subscription, open []StoredObject) error {
	for _, row := range open {
		wish := Refresh{Ref: row.Ref, Reason: wishOpenInvoice}
		if err := a.wishWhile(ctx, !s.Status.owes() || row.ID != s.LatestInvoice, wish, patienceParent); err != nil {
			return err
		}
	}
	if s.LatestInvoice == "" || !s.Status.owes() {
		return nil
	}
	_, err := a.tx.Object(ctx, s.LatestInvoice)
	if err != nil && !isNotFound(err) {
		return err
	}
	return a.wishWhile(ctx, isNotFound(err), Refresh{Ref: Ref{KindInvoice, s.LatestInvoice}, Reason: wishInvoice}, patienceParent)
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
	changed := premium.IsPremium != customer.IsPremium || premium.Plan != customer.Plan ||
		compareTimes(premium.Until, customer.PremiumUntil) != 0
	if !changed && compareTimes(premium.RecheckAt, customer.RecheckAt) == 0 {
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
