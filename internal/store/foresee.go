package store

import (
	"context"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/numerai-app/payments"
	"github.com/numerai-app/payments/internal/store/queries"
)

// What transactions are about to ask for, read in one trip. Each condition is
// that of a query in queries/, for several values at once, so each is served by
// the same index. Only PostgreSQL is worth it: SQLite takes no trips.
var (
	foreseeStored          = "SELECT id FROM webhook_events WHERE id = ANY($1)"
	foreseeUsers           = queries.SelectUsers + " WHERE stripe_customer_id = ANY($1) AND stripe_customer_id <> ''"
	foreseeSubscriptions   = queries.SelectSubscriptions + " WHERE stripe_subscription_id = ANY($1)"
	foreseeSubscriptionsOf = queries.SelectSubscriptions + " WHERE user_id IN (SELECT id FROM users WHERE stripe_customer_id = ANY($1) AND stripe_customer_id <> '')"
	foreseeGrants          = queries.SelectGrants + " WHERE user_id IN (SELECT id FROM users WHERE stripe_customer_id = ANY($1) AND stripe_customer_id <> '') ORDER BY created_at, id"
	foreseeObjects         = queries.SelectObjects + " WHERE id = ANY($1)"
	foreseeByInvoice       = queries.SelectObjects + " WHERE invoice = ANY($1) AND invoice <> ''"
	foreseeByPaymentIntent = queries.SelectObjects + " WHERE payment_intent = ANY($1) AND payment_intent <> ''"
	foreseeByCharge        = queries.SelectObjects + " WHERE charge = ANY($1) AND charge <> ''"
	foreseeOpenInvoices    = queries.SelectObjects + " WHERE kind = 'invoice' AND status = 'open' AND subscription = ANY($1)"
	foreseePayments        = queries.SelectPayments + " WHERE stripe_payment_intent_id = ANY($1)"
	foreseeRefreshes       = queries.SelectRefreshes + " WHERE object_id = ANY($1)"
	foreseeEndpoints       = queries.SelectEndpoints + " ORDER BY created_at, id"
	standingSubscriptions  = queries.SelectSubscriptions + " WHERE user_id = ANY($1) ORDER BY created_at, stripe_subscription_id"
	standingGrants         = queries.SelectGrants + " WHERE user_id = ANY($1) ORDER BY created_at, id"
	foreseeWaiting         = queries.SelectEvents + " WHERE waits_for = ANY($1) AND waits_for <> '' AND status = 'pending' ORDER BY created, received_at, id"
)

// stored says which events are in the audit trail, in one trip.
func (p *pipeline) stored(ctx context.Context, eventIDs []string) (map[string]bool, error) {
	found := make(map[string]bool, len(eventIDs))
	var f foresight
	foreseeEvents(&f, found, eventIDs)
	return found, p.foresee(ctx, f)
}

// foresight collects queries and what is to be done with their rows.
type foresight []question

type question struct {
	statement
	take func(pgx.Rows) error
}

// ask adds a query for some ids, unless there are none. take gets its rows.
func ask[Row any](f *foresight, query string, ids []string, take func([]Row)) {
	if len(ids) > 0 {
		askFor(f, statement{query, []any{ids}}, take)
	}
}

func askFor[Row any](f *foresight, asked statement, take func([]Row)) {
	*f = append(*f, question{asked, func(rows pgx.Rows) error {
		found, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Row])
		if err == nil {
			take(found)
		}
		return err
	}})
}

// foresee reads which events are there, and what some objects, and those that
// hang together with them, lead to. The rounds are few: what an invoice or a payment intent leads to leads to
// nothing that is new.
func foresee(ctx context.Context, known *recall, eventIDs []string, refs []payments.Ref, run func(context.Context, foresight) error) error {
	ids := map[payments.ObjectKind][]string{}
	var every []string
	for _, ref := range refs {
		if ref.ID != "" && !slices.Contains(ids[ref.Kind], ref.ID) {
			ids[ref.Kind] = append(ids[ref.Kind], ref.ID)
			every = append(every, ref.ID)
		}
	}
	var f foresight
	foreseeEvents(&f, known.stored, eventIDs)
	foreseePeople(&f, known, ids[payments.KindCustomer], ids[payments.KindSubscription])
	foreseeMoney(&f, known, ids, every)
	askFor(&f, statement{query: foreseeEndpoints}, func(found []queries.OutboundEndpoint) {
		known.endpoints = all(found, endpointOf)
	})
	if err := run(ctx, f); err != nil {
		return err
	}
	var next foresight
	intents, charges := known.leads(ids)
	foreseeMoney(&next, known, map[payments.ObjectKind][]string{payments.KindPaymentIntent: intents, payments.KindCharge: charges}, slices.Concat(intents, charges))
	return run(ctx, next)
}

// leads are the payment intents of invoices, and the charges of payment
// intents, that were not asked for yet.
func (r *recall) leads(asked map[payments.ObjectKind][]string) (intents, charges []string) {
	for _, object := range r.objects {
		if object == nil {
			continue
		}
		if id := object.PaymentIntent; id != "" && !slices.Contains(asked[payments.KindPaymentIntent], id) && !slices.Contains(intents, id) {
			intents = append(intents, id)
		}
		if id := object.ID; object.Kind == payments.KindCharge && !slices.Contains(asked[payments.KindCharge], id) {
			charges = append(charges, id)
		}
	}
	return intents, charges
}

// standingOf asks for what decides on the premium of users, and ends the
// transaction: it only reads, so there is nothing to wait for.
func standingOf(userIDs []string, found map[string]standing) (f foresight) {
	ask(&f, standingSubscriptions, userIDs, func(rows []queries.Subscription) {
		for _, row := range rows {
			one := found[row.UserID]
			one.subscriptions = append(one.subscriptions, row)
			found[row.UserID] = one
		}
	})
	ask(&f, standingGrants, userIDs, func(rows []queries.Grant) {
		for _, row := range rows {
			one := found[row.UserID]
			one.grants = append(one.grants, row)
			found[row.UserID] = one
		}
	})
	askFor(&f, statement{query: "commit"}, func([]struct{}) {})
	return f
}

// foreseeEvents asks which events are in the audit trail.
func foreseeEvents(f *foresight, stored map[string]bool, eventIDs []string) {
	for _, id := range eventIDs {
		stored[id] = false
	}
	ask(f, foreseeStored, eventIDs, func(found []struct{ ID string }) {
		for _, row := range found {
			stored[row.ID] = true
		}
	})
}

// foreseePeople asks for the users of customers with all their subscriptions
// and grants, and for subscriptions.
func foreseePeople(f *foresight, known *recall, customers, subscriptions []string) {
	absent(known.customerUsers, customers)
	absent(known.subscriptions, subscriptions)
	ask(f, foreseeUsers, customers, func(found []queries.User) {
		for _, row := range found {
			customer := customerOf(row)
			known.customers[customer.ID], known.customerUsers[customer.StripeCustomerID] = &customer, &customer.ID
			known.listSubscriptions(customer.ID, nil)
			known.grants[customer.ID] = []payments.Grant{}
		}
	})
	ask(f, foreseeSubscriptions, subscriptions, func(found []queries.Subscription) {
		for _, row := range found {
			s := subscriptionOf(row)
			known.subscriptions[s.StripeSubscriptionID] = &s
		}
	})
	ask(f, foreseeSubscriptionsOf, customers, func(found []queries.Subscription) {
		of := map[string][]payments.Subscription{}
		for _, row := range found {
			of[row.UserID] = append(of[row.UserID], subscriptionOf(row))
		}
		for userID, list := range of {
			known.listSubscriptions(userID, list)
		}
	})
	ask(f, foreseeGrants, customers, func(found []queries.Grant) {
		for _, row := range found {
			known.grants[row.UserID] = append(known.grants[row.UserID], grantOf(row))
		}
	})
}

// foreseeMoney asks for objects, for those that name them, for payments, and
// for what waits for any of them.
func foreseeMoney(f *foresight, known *recall, ids map[payments.ObjectKind][]string, every []string) {
	absent(known.objects, every)
	ask(f, foreseeObjects, every, func(found []queries.StripeObject) {
		for _, row := range found {
			o := objectOf(row)
			known.objects[o.ID] = &o
		}
	})
	for _, list := range []struct {
		query string
		by    payments.ObjectKind
		key   func(payments.StoredObject) string
	}{
		{foreseeByInvoice, payments.KindInvoice, func(o payments.StoredObject) string { return o.Invoice }},
		{foreseeByPaymentIntent, payments.KindPaymentIntent, func(o payments.StoredObject) string { return o.PaymentIntent }},
		{foreseeByCharge, payments.KindCharge, func(o payments.StoredObject) string { return o.Charge }},
		{foreseeOpenInvoices, payments.KindSubscription, func(o payments.StoredObject) string { return o.Subscription }},
	} {
		ask(f, list.query, ids[list.by], func(found []queries.StripeObject) {
			of := map[string][]payments.StoredObject{}
			for _, row := range found {
				o := objectOf(row)
				of[list.key(o)] = append(of[list.key(o)], o)
			}
			for _, id := range ids[list.by] {
				known.list(link{list.by, id}, of[id])
			}
		})
	}
	absent(known.payments, ids[payments.KindPaymentIntent])
	ask(f, foreseePayments, ids[payments.KindPaymentIntent], func(found []queries.Payment) {
		for _, row := range found {
			if p, err := paymentOf(row); err == nil {
				known.payments[p.StripePaymentIntentID] = &p
			} else {
				delete(known.payments, row.StripePaymentIntentID) // who asks for it is told
			}
		}
	})
	absent(known.refreshes, every)
	ask(f, foreseeRefreshes, every, func(found []queries.Refresh) {
		for _, row := range found {
			r := refreshOf(row)
			known.refreshes[r.ID] = &r
		}
	})
	for _, id := range every {
		known.waiting[id] = []payments.Event{}
	}
	ask(f, foreseeWaiting, every, func(found []queries.WebhookEvent) {
		for _, row := range found {
			known.waiting[row.WaitsFor] = append(known.waiting[row.WaitsFor], eventOf(row))
		}
	})
}

// absent notes that rows are not there, until they are found.
func absent[T any](known rows[T], ids []string) {
	for _, id := range ids {
		known[id] = nil
	}
}
