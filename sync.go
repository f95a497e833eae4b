package payments

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"
)

// application is one run of apply: some news being written in one transaction.
type application struct {
	*Service
	tx   Tx
	news News

	// What the news touched, to be computed anew at the end.
	intents       map[string]bool
	invoices      map[string]bool
	refunds       map[string]*StripeRefund
	disputes      map[string]*StripeDispute
	subscriptions map[string]bool
	users         map[string]bool

	// heard are the objects of which nothing was known before.
	heard []string
}

// verdict says what became of one object of some news.
type verdict struct {
	// undecided: nothing tells it apart from what is stored, or it lives in
	// a test clock's time. The object has to be read.
	undecided bool
	// newerThan is the moment that such a read has to be later than.
	newerThan time.Time
	// unowned: it belongs to no user that is known so far.
	unowned bool
	// orphan: and there is nothing by which a user could ever be found.
	orphan bool
	// stale: what is stored said so already, or something newer. Of several
	// objects all are.
	stale bool
}

// apply is the one door into the state. It writes what the news says that is
// newer than what is stored, with all that follows from it: payments, billing
// history, premium and outbound events. The verdict is on the first object.
func (s *Service) apply(ctx context.Context, tx Tx, news News) (verdict, error) {
	if len(news.Objects) == 0 {
		return verdict{}, nil
	}
	a := &application{
		Service: s, tx: tx, news: news,
		intents: map[string]bool{}, invoices: map[string]bool{}, refunds: map[string]*StripeRefund{}, disputes: map[string]*StripeDispute{},
		subscriptions: map[string]bool{}, users: map[string]bool{},
	}
	var first verdict
	stale := true
	for _, object := range parentsFirst(news.Objects) {
		v, err := a.put(ctx, object)
		if err != nil {
			return verdict{}, fmt.Errorf("apply %s %s: %w", object.Ref().Kind, object.Ref().ID, err)
		}
		stale = stale && v.stale
		if object == news.Objects[0] {
			first = v
		} else if v.undecided {
			if err := s.wish(ctx, tx, Refresh{Ref: object.Ref(), NewerThan: v.newerThan, Reason: wishTie}, 0); err != nil {
				return verdict{}, err
			}
		}
	}
	if err := a.settle(ctx); err != nil {
		return verdict{}, err
	}
	first.stale = stale
	return first, a.wakeWaiting(ctx)
}

// take applies the answers of our own calls to Stripe.
func (s *Service) take(ctx context.Context, tx Tx, answers ...News) error {
	for _, news := range answers {
		v, err := s.apply(ctx, tx, news)
		if err != nil {
			return err
		}
		if v.undecided {
			wish := Refresh{Ref: news.Objects[0].Ref(), NewerThan: v.newerThan, Reason: wishTie}
			if err := s.wish(ctx, tx, wish, 0); err != nil {
				return err
			}
		}
	}
	return nil
}

// parentsFirst orders objects so that each comes after those it belongs to.
func parentsFirst(objects []Object) []Object {
	rank := map[ObjectKind]int{
		KindCustomer: 1, KindSubscription: 2, KindInvoice: 3, KindPaymentIntent: 4, KindCharge: 5,
		KindInvoicePayment: 6, KindRefund: 7, KindDispute: 8,
	}
	return slices.SortedStableFunc(slices.Values(objects), func(a, b Object) int {
		return cmp.Compare(rank[a.Ref().Kind], rank[b.Ref().Kind])
	})
}

// put writes one object.
func (a *application) put(ctx context.Context, object Object) (verdict, error) {
	userID, err := a.owner(ctx, object)
	if err != nil {
		return verdict{}, err
	}
	if userID == "" {
		return verdict{unowned: true, orphan: orphaned(object)}, nil
	}
	clocked, err := a.inTestClock(ctx, object, userID)
	if err != nil {
		return verdict{}, err
	}
	if clocked && !a.news.Read {
		return verdict{undecided: true}, nil
	}
	if subscription, ok := object.(*StripeSubscription); ok {
		return a.putSubscription(ctx, subscription, userID, clocked)
	}
	return a.putObject(ctx, object, userID, clocked)
}

// orphaned says whether nothing about an object could ever lead to a user: it
// names no customer and belongs to nothing else.
func orphaned(object Object) bool {
	l := object.links()
	switch object.Ref().Kind {
	case KindPaymentIntent:
		l.PaymentIntent, l.Charge = "", "" // its charges have its own customer
	case KindCharge:
		l.Charge = ""
	}
	return l == links{}
}

// inTestClock says whether the object lives in a test clock's time, where
// events and answers have different clocks.
func (a *application) inTestClock(ctx context.Context, object Object, userID string) (bool, error) {
	if object.links().TestClock != "" {
		return true, nil
	}
	customer, err := a.customerOf(ctx, a.tx, userID)
	return customer.TestClock != "", err
}

// owner finds whose an object is: by what is stored, else by the user id in its
// metadata, which is then recorded. Empty: unknown.
func (a *application) owner(ctx context.Context, object Object) (string, error) {
	userID, err := a.ownerKnown(ctx, object)
	if userID != "" || err != nil {
		return userID, err
	}
	if l := object.links(); ValidUserID(l.UserID) {
		return l.UserID, a.link(ctx, l)
	}
	return "", nil
}

// ownerKnown finds whose an object is by what is stored: of itself, of its
// customer, or of the objects that it belongs to.
func (a *application) ownerKnown(ctx context.Context, object Object) (string, error) {
	l := object.links()
	if l.Customer != "" {
		customer, err := a.tx.CustomerByStripeID(ctx, l.Customer)
		if err == nil {
			return customer.ID, nil
		} else if !isNotFound(err) {
			return "", err
		}
	}
	related := []Ref{object.Ref(), {KindCustomer, l.Customer}}
	if l.UserID == "" { // metadata comes before what hangs together by other ids
		related = append(related, Ref{KindSubscription, l.Subscription}, Ref{KindInvoice, l.Invoice},
			Ref{KindPaymentIntent, l.PaymentIntent}, Ref{KindCharge, l.Charge})
	}
	for _, r := range related {
		if userID, err := a.ownerOfStored(ctx, r); userID != "" || err != nil {
			return userID, err
		}
	}
	return "", nil
}

func (a *application) ownerOfStored(ctx context.Context, r Ref) (userID string, err error) {
	switch {
	case r.ID == "":
		return "", nil
	case r.Kind == KindSubscription:
		var s Subscription
		s, err = a.tx.Subscription(ctx, r.ID)
		userID = s.UserID
	default:
		var o StoredObject
		o, err = a.tx.Object(ctx, r.ID)
		userID = o.UserID
	}
	if isNotFound(err) {
		return "", nil
	}
	return userID, err
}

// link records that a Stripe customer is a user's, and asks for what was heard
// of that customer before the user was known.
func (a *application) link(ctx context.Context, l links) error {
	customer, err := a.customerOf(ctx, a.tx, l.UserID)
	if err != nil {
		return err
	}
	if customer.StripeCustomerID == "" {
		customer.StripeCustomerID, customer.TestClock = l.Customer, l.TestClock
	}
	if err := a.tx.PutCustomer(ctx, customer); err != nil {
		return err
	}
	if l.Customer == "" {
		return nil
	}
	if customer.StripeCustomerID != l.Customer {
		// A second customer of the same user, made elsewhere.
		known := StoredObject{Ref: Ref{KindCustomer, l.Customer}, UserID: l.UserID, Customer: l.Customer}
		if known.Data, err = json.Marshal(&StripeCustomer{ID: l.Customer, UserID: l.UserID, TestClock: l.TestClock}); err != nil {
			return err
		}
		if err := a.tx.PutObject(ctx, known); err != nil {
			return err
		}
	}
	return a.wakeUnowned(ctx, a.tx, l.Customer)
}

// wakeUnowned has the events processed that came before their user and still
// wait, and asks for the objects of those that were given up: what they tell may
// be long past.
func (s *Service) wakeUnowned(ctx context.Context, tx Tx, stripeCustomerID string) error {
	events, err := tx.UnownedEvents(ctx, stripeCustomerID, reasonNoUser)
	if err != nil {
		return err
	}
	for _, event := range events {
		if event.ObjectID == "" || event.Status == EventPending && event.Reason != reasonWaitsForOwner {
			continue // the one that is being applied just now, or one that is read or tried again anyway
		}
		if event.Status == EventPending {
			if err := retrySoon(ctx, tx, event); err != nil {
				return err
			}
			continue
		}
		event.Status, event.Reason = EventPending, reasonWaitsForRead
		if err := tx.PutEvent(ctx, event); err != nil {
			return err
		}
		wish := Refresh{Ref: Ref{event.ObjectKind, event.ObjectID}, Reason: wishOwner}
		if err := s.wish(ctx, tx, wish, 0); err != nil {
			return err
		}
	}
	return nil
}

// parentOf is the object by which the owner of another is found, if not by its
// customer. Empty: none.
func parentOf(object Object) string {
	l := object.links()
	for _, id := range []string{l.Invoice, l.PaymentIntent, l.Charge, l.Subscription} {
		if id != "" && id != object.Ref().ID {
			return id
		}
	}
	return ""
}

// wakeWaiting has the events processed that waited to hear of an object. Each
// has a job of its own, so that a bad one harms no other.
func (a *application) wakeWaiting(ctx context.Context) error {
	for _, id := range a.heard {
		events, err := a.tx.EventsWaitingFor(ctx, id)
		if err != nil {
			return err
		}
		for _, event := range events {
			if err := retrySoon(ctx, a.tx, event); err != nil {
				return err
			}
		}
	}
	return nil
}

// retrySoon has an event processed that waited for what is there now.
func retrySoon(ctx context.Context, tx Tx, event Event) error {
	event.WaitsFor, event.Reason = "", reasonWaitsForRetry
	if err := tx.PutEvent(ctx, event); err != nil {
		return err
	}
	if err := tx.CancelRefresh(ctx, event.ObjectID, wishOwner); err != nil {
		return err
	}
	return tx.Enqueue(ctx, RetryEvent{EventID: event.ID}, 0)
}

// putObject stores an object if it is newer than what is stored, and in any
// case the facts about it that never change.
func (a *application) putObject(ctx context.Context, object Object, userID string, clocked bool) (verdict, error) {
	version := versionOf(a.news, object)
	stored, err := a.tx.Object(ctx, object.Ref().ID)
	switch {
	case isNotFound(err):
		a.heard = append(a.heard, object.Ref().ID)
		return verdict{}, a.write(ctx, object, userID, version)
	case err != nil:
		return verdict{}, err
	}
	known, err := stored.decode()
	if err != nil {
		return verdict{}, err
	}
	inherit(object, known)
	learned := inherit(known, object)
	order := version.Compare(stored.Version)
	if order == 0 {
		same, err := sameJSON(object, known)
		switch {
		case err != nil:
			return verdict{}, err
		case !same && clocked:
			order = 1 // of two reads the last one stands
		case !same:
			return verdict{undecided: true, newerThan: stored.AsOf}, nil
		}
	}
	switch {
	case order > 0:
		return verdict{}, a.write(ctx, object, userID, version)
	case learned:
		return verdict{}, a.write(ctx, known, userID, stored.Version)
	}
	return verdict{stale: true}, nil
}

// inherit copies to an object what another snapshot of it knows and that never
// changes: since 2025-03-31 a payment intent does not name its invoice, but
// snapshots of an older shape and reads do.
func inherit(to, from Object) (learned bool) {
	switch to := to.(type) {
	case *StripePaymentIntent:
		if from, ok := from.(*StripePaymentIntent); ok && from.InvoiceKnown && !to.InvoiceKnown {
			to.Invoice, to.InvoiceKnown = from.Invoice, true
			return true
		}
	case *StripeCharge:
		if from, ok := from.(*StripeCharge); ok && from.InvoiceKnown && !to.InvoiceKnown {
			to.Invoice, to.InvoiceKnown = from.Invoice, true
			return true
		}
	}
	return false
}

func sameJSON(a, b any) (bool, error) {
	left, err := json.Marshal(a)
	if err != nil {
		return false, err
	}
	right, err := json.Marshal(b)
	return bytes.Equal(left, right), err
}

// write writes an object and notes what follows from it.
func (a *application) write(ctx context.Context, object Object, userID string, v Version) error {
	l := object.links()
	row := StoredObject{
		Ref: object.Ref(), UserID: userID, Version: v, Customer: l.Customer, Subscription: l.Subscription,
		Invoice: l.Invoice, PaymentIntent: l.PaymentIntent, Charge: l.Charge,
	}
	switch o := object.(type) {
	case *StripeCustomer:
		if err := a.noteCustomer(ctx, o, userID); err != nil {
			return err
		}
	case *StripeInvoice:
		row.Status = string(o.Status)
		a.invoices[o.ID] = true
		a.subscriptions[o.Subscription] = true
	case *StripePaymentIntent:
		row.Status = string(o.Status)
		a.intents[o.ID] = true
	case *StripeCharge:
		row.Status = o.Status
		a.intents[o.PaymentIntent] = true
	case *StripeInvoicePayment:
		row.Status = o.Status
		a.intents[o.PaymentIntent], a.invoices[o.Invoice] = true, true
	case *StripeRefund:
		row.Status = o.Status
		a.refunds[o.ID] = o
		if err := a.noteIntentOf(ctx, l); err != nil {
			return err
		}
	case *StripeDispute:
		row.Status = string(o.Status)
		a.disputes[o.ID] = o
		if err := a.noteIntentOf(ctx, l); err != nil {
			return err
		}
	}
	var err error
	if row.Data, err = json.Marshal(object); err != nil {
		return err
	}
	return a.tx.PutObject(ctx, row)
}

// noteIntentOf notes the payment of which money goes back; an old refund, or
// dispute, names its charge only.
func (a *application) noteIntentOf(ctx context.Context, l links) error {
	a.intents[l.PaymentIntent] = true
	if l.PaymentIntent != "" || l.Charge == "" {
		return nil
	}
	charge, err := a.tx.Object(ctx, l.Charge)
	if isNotFound(err) {
		return nil
	}
	a.intents[charge.PaymentIntent] = true
	return err
}

// noteCustomer brings the stored user up to what is known of its customer. A
// customer that Stripe deleted is let go, so that the user's next subscription
// makes another; its subscriptions are read, since they ended with it.
func (a *application) noteCustomer(ctx context.Context, o *StripeCustomer, userID string) error {
	customer, err := a.customerOf(ctx, a.tx, userID)
	if err != nil || customer.StripeCustomerID != o.ID {
		return err
	}
	if !o.Deleted {
		if customer.TestClock == o.TestClock {
			return nil
		}
		customer.TestClock, customer.UpdatedAt = o.TestClock, a.now()
		return a.tx.PutCustomer(ctx, customer)
	}
	customer.StripeCustomerID, customer.TestClock, customer.UpdatedAt = "", "", a.now()
	if err := a.tx.PutCustomer(ctx, customer); err != nil {
		return err
	}
	subscriptions, err := a.tx.SubscriptionsOf(ctx, userID)
	if err != nil {
		return err
	}
	for _, s := range subscriptions {
		if s.StripeCustomerID != o.ID || s.Status.Ended() {
			continue
		}
		wish := Refresh{Ref: Ref{KindSubscription, s.StripeSubscriptionID}, Reason: wishCustomerDeleted}
		if err := a.wish(ctx, a.tx, wish, 0); err != nil {
			return err
		}
	}
	return nil
}

// putSubscription stores a subscription if it is newer than what is stored. The
// plan has a version of its own.
func (a *application) putSubscription(ctx context.Context, o *StripeSubscription, userID string, clocked bool) (verdict, error) {
	version := versionOf(a.news, o)
	stored, err := a.tx.Subscription(ctx, o.ID)
	found := err == nil
	if err != nil && !isNotFound(err) {
		return verdict{}, err
	}
	next, plan := a.subscriptionOf(o)
	next.UserID, next.Version = userID, version
	result := next
	if found {
		next.ID, next.UserID, next.UnpaidSince = stored.ID, stored.UserID, stored.UnpaidSince
		next.Plan, next.PlanVersion = stored.Plan, stored.PlanVersion
		order := version.Compare(stored.Version)
		same := sameSubscription(next, stored)
		if order == 0 && !same && !clocked {
			return verdict{undecided: true, newerThan: stored.Version.AsOf}, nil
		}
		result = stored
		if order > 0 || order == 0 && !same {
			result = next
		}
	} else {
		result.ID = a.newID(prefixSubscription)
		a.heard = append(a.heard, o.ID)
	}
	if plan != "" && (result.Plan == "" || version.Compare(result.PlanVersion) > 0) {
		result.Plan, result.PlanVersion = plan, version
	}
	if found && sameSubscription(result, stored) && result.Plan == stored.Plan &&
		result.Version == stored.Version && result.PlanVersion == stored.PlanVersion {
		return verdict{stale: true}, nil
	}
	result.UpdatedAt = a.now()
	if err := a.tx.PutSubscription(ctx, result); err != nil {
		return verdict{}, err
	}
	a.subscriptions[o.ID], a.users[userID] = true, true
	a.reportSubscription(ctx, result)
	return verdict{}, a.tellSubscription(ctx, found, stored, result)
}

// subscriptionOf is the row that a snapshot describes, with the plan that its
// price names, if any.
func (a *application) subscriptionOf(o *StripeSubscription) (Subscription, string) {
	item, plan := a.rule.Plans.pick(o.Items)
	return Subscription{
		StripeSubscriptionID: o.ID, StripeCustomerID: o.Customer,
		Unmapped: plan == "", Price: item.Price, Quantity: item.Quantity, Status: o.Status,
		CurrentPeriodStart: o.CurrentPeriodStart, CurrentPeriodEnd: o.CurrentPeriodEnd,
		CancelAtPeriodEnd: o.CancelAtPeriodEnd, CancelAt: o.CancelAt, CanceledAt: o.CanceledAt, EndedAt: o.EndedAt,
		TrialStart: o.TrialStart, TrialEnd: o.TrialEnd,
		PauseBehavior: o.PauseBehavior, PauseResumesAt: o.PauseResumesAt,
		LatestInvoice: o.LatestInvoice, CreatedAt: o.Created,
	}, plan
}

// sameSubscription says whether two rows say the same of Stripe's object.
func sameSubscription(a, b Subscription) bool {
	for _, s := range []*Subscription{&a, &b} {
		s.ID, s.UserID, s.Plan, s.PlanVersion, s.UnpaidSince = "", "", "", Version{}, nil
		s.Version, s.UpdatedAt = Version{}, time.Time{}
	}
	same, err := sameJSON(a, b)
	return same && err == nil
}

// reportSubscription tells the operator of what needs a person.
func (a *application) reportSubscription(ctx context.Context, s Subscription) {
	if s.Unmapped && !s.Status.Ended() {
		a.log.WarnContext(ctx, "no plan names the price of a subscription; its last known plan stays",
			"subscription", s.StripeSubscriptionID, "price", s.Price, "plan", s.Plan)
	}
}
