// Package payments keeps an application's subscriptions in step with Stripe: it
// subscribes users to plans, hears from Stripe what became of them, and always
// knows who is premium.
//
// # The story
//
// An application sells plans. Each [Plan] stands for Stripe prices. A user
// subscribes by [Service.CreateSubscription]; from then on Stripe charges,
// renews, retries and refunds on its own, and tells about it in events. What it
// tells is kept as [News]: some objects, and a moment at which they were so.
//
// News arrives as webhooks ([Service.ReceiveEvent]), as the answers of our own
// calls, and by reading from Stripe what an event alone cannot decide. All of
// it goes through one door, apply, in one transaction: store what is newer than
// what is known, compute what follows from it (payments, the billing history,
// who is premium), and note what the application has to be told. Stripe
// delivers events twice, late and in any order; since apply only ever moves an
// object forward to a newer [Version], the state ends the same whatever the
// order.
//
// Whether somebody is premium is one pure function, [Rule.Premium], of the
// user's subscriptions, grants, the plans and the time. Readers apply it at
// their own now ([Service.SubscriptionStatus]).
//
// A request that changes something at Stripe is an [Operation]: recorded
// before Stripe is called, one at a time for each user over all processes, its
// calls made under idempotency keys of its own. A crash at any point is
// finished by the caller's retry, by a job, or by the webhook.
//
// # The seams
//
// The package imports the standard library alone. [Store] keeps the state,
// [Stripe] speaks with Stripe and [Messenger] with the host application's
// endpoints; their implementations are in internal packages, and package server
// puts everything together. Work that is to be done later is
// a [Job], stored in the transaction that makes it necessary; [Service.Work]
// does it.
//
// All amounts are integers in the currency's smallest unit, all times are UTC.
package payments
