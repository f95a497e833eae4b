package store

import (
	"cmp"
	"errors"
	"slices"

	"github.com/numerai-app/payments"
)

// recall is what one transaction has read and written so far. A transaction
// sees the database at one moment, changed by nobody but itself, so it need not
// ask twice. What it gives out must not be changed in place.
type recall struct {
	customers     rows[payments.Customer] // by user
	customerUsers rows[string]            // the user of a customer of Stripe's
	subscriptions rows[payments.Subscription]
	objects       rows[payments.StoredObject]
	payments      rows[payments.Payment]
	refreshes     rows[payments.Refresh]
	grants        map[string][]payments.Grant // by user
	waiting       map[string][]payments.Event // by the object that they wait for
	endpoints     []payments.Endpoint         // all of them; nil: not read yet
	stored        map[string]bool             // whether events are in the audit trail

	// The ids of rows that are found by something else, in the order of lists.
	// Each is in subscriptions or objects too.
	subscriptionsOf map[string][]string
	linked          map[link][]string
}

// rows are rows by key: what is known not to be there is nil.
type rows[T any] map[string]*T

// link is a way by which objects are found: by an invoice, a payment intent, a
// charge, or by a subscription whose open invoices they are.
type link struct {
	by payments.ObjectKind
	id string
}

func newRecall() *recall {
	return &recall{
		customers: rows[payments.Customer]{}, customerUsers: rows[string]{}, subscriptions: rows[payments.Subscription]{},
		objects: rows[payments.StoredObject]{}, payments: rows[payments.Payment]{}, refreshes: rows[payments.Refresh]{},
		grants: map[string][]payments.Grant{}, waiting: map[string][]payments.Event{}, stored: map[string]bool{},
		subscriptionsOf: map[string][]string{}, linked: map[link][]string{},
	}
}

// recalled is a row that is known, or else read and known from then on. what
// names it for the error that says that it is not there.
func recalled[T any](known rows[T], what, id string, read func() (T, error)) (T, error) {
	if row, ok := known[id]; ok {
		if row == nil {
			var none T
			return none, payments.NotFound(what + " " + id)
		}
		return *row, nil
	}
	value, err := read()
	switch {
	case err == nil:
		known[id] = &value
	case errors.Is(err, payments.ErrNotFound):
		known[id] = nil
	}
	return value, err
}

// recalledList is a list that is known, or else read and known from then on.
func recalledList[K comparable, T any](known map[K][]T, key K, read func() ([]T, error)) ([]T, error) {
	if list, ok := known[key]; ok {
		return list, nil
	}
	list, err := read()
	if err == nil {
		known[key] = list
	}
	return list, err
}

// linksOf are the lists that an object is in.
func linksOf(o payments.StoredObject) []link {
	links := []link{{payments.KindInvoice, o.Invoice}, {payments.KindPaymentIntent, o.PaymentIntent}, {payments.KindCharge, o.Charge}}
	if o.Kind == payments.KindInvoice && o.Status == string(payments.InvoiceOpen) {
		links = append(links, link{payments.KindSubscription, o.Subscription})
	}
	return links
}

// objectsBy are the objects of a list, in the order of their ids.
func (r *recall) objectsBy(by link, read func() ([]payments.StoredObject, error)) ([]payments.StoredObject, error) {
	if _, known := r.linked[by]; !known {
		found, err := read()
		if err != nil {
			return nil, err
		}
		r.list(by, found)
	}
	found := []payments.StoredObject{}
	for _, id := range r.linked[by] {
		found = append(found, *r.objects[id])
	}
	return found, nil
}

// list notes all the objects of a list.
func (r *recall) list(by link, found []payments.StoredObject) {
	ids := make([]string, len(found))
	for i, o := range found {
		ids[i] = o.ID
		r.objects[o.ID] = &o
	}
	slices.Sort(ids) // as bytes, whatever the collation of the database
	r.linked[by] = ids
}

// putObject notes an object that was written.
func (r *recall) putObject(o payments.StoredObject) {
	if before := r.objects[o.ID]; before != nil {
		for _, by := range linksOf(*before) {
			if at := slices.Index(r.linked[by], o.ID); at >= 0 {
				r.linked[by] = slices.Delete(slices.Clone(r.linked[by]), at, at+1)
			}
		}
	}
	r.objects[o.ID] = &o
	for _, by := range linksOf(o) {
		if ids, known := r.linked[by]; known && by.id != "" {
			at, _ := slices.BinarySearch(ids, o.ID)
			r.linked[by] = slices.Insert(slices.Clone(ids), at, o.ID)
		}
	}
}

// putSubscription notes a subscription that was written. What the database
// keeps of an earlier row is known only if that row is.
func (r *recall) putSubscription(s payments.Subscription) {
	before, known := r.subscriptions[s.StripeSubscriptionID]
	if !known {
		clear(r.subscriptionsOf)
		return
	}
	if before != nil {
		s.ID = before.ID
		if before.UserID != s.UserID {
			delete(r.subscriptionsOf, before.UserID)
		}
	}
	r.subscriptions[s.StripeSubscriptionID] = &s
	if ids, known := r.subscriptionsOf[s.UserID]; known {
		ids = slices.Clone(ids)
		if !slices.Contains(ids, s.StripeSubscriptionID) {
			ids = append(ids, s.StripeSubscriptionID)
		}
		r.subscriptionsOf[s.UserID] = r.inOrder(ids)
	}
}

// inOrder sorts subscriptions by their creation.
func (r *recall) inOrder(ids []string) []string {
	slices.SortFunc(ids, func(a, b string) int {
		return cmp.Or(r.subscriptions[a].CreatedAt.Compare(r.subscriptions[b].CreatedAt), cmp.Compare(a, b))
	})
	return ids
}

// subscriptionsBy are a user's subscriptions by creation.
func (r *recall) subscriptionsBy(userID string, read func() ([]payments.Subscription, error)) ([]payments.Subscription, error) {
	if _, known := r.subscriptionsOf[userID]; !known {
		found, err := read()
		if err != nil {
			return nil, err
		}
		r.listSubscriptions(userID, found)
	}
	found := []payments.Subscription{}
	for _, id := range r.subscriptionsOf[userID] {
		found = append(found, *r.subscriptions[id])
	}
	return found, nil
}

// listSubscriptions notes all the subscriptions of a user.
func (r *recall) listSubscriptions(userID string, found []payments.Subscription) {
	ids := make([]string, len(found))
	for i, s := range found {
		ids[i] = s.StripeSubscriptionID
		r.subscriptions[s.StripeSubscriptionID] = &s
	}
	r.subscriptionsOf[userID] = r.inOrder(ids)
}

// putCustomer notes a user that was written.
func (r *recall) putCustomer(c payments.Customer) {
	if before := r.customers[c.ID]; before == nil || before.StripeCustomerID != c.StripeCustomerID {
		clear(r.customerUsers)
	}
	r.customers[c.ID] = &c
	if c.StripeCustomerID != "" {
		r.customerUsers[c.StripeCustomerID] = &c.ID
	}
}

// putPayment notes a payment that was written, if it is known what the database
// keeps of an earlier row.
func (r *recall) putPayment(p payments.Payment) {
	before, known := r.payments[p.StripePaymentIntentID]
	if !known {
		return
	}
	if before != nil {
		p.ID = before.ID
	}
	r.payments[p.StripePaymentIntentID] = &p
}

// putEvent notes what became of an event: whether it waits for an object.
func (r *recall) putEvent(e payments.Event) {
	if e.Status == payments.EventPending {
		clear(r.waiting)
		return
	}
	for object, events := range r.waiting {
		r.waiting[object] = slices.DeleteFunc(slices.Clone(events), func(one payments.Event) bool { return one.ID == e.ID })
	}
}

// cancelRefresh notes that a wish was withdrawn, and says whether there was
// anything to withdraw, as far as that is known.
func (r *recall) cancelRefresh(objectID, reason string) bool {
	wish, known := r.refreshes[objectID]
	switch {
	case !known:
		return true
	case wish == nil || wish.Reason != reason || wish.Queued:
		return false
	}
	r.refreshes[objectID] = nil
	return true
}
