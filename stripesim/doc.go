// Package stripesim is an offline Stripe: an http.Handler that keeps customers,
// subscriptions, invoices and payments as Stripe does, refuses what Stripe
// refuses, and delivers signed webhooks. It is for trying and testing an
// integration without an account and without a network.
//
//	sim, err := stripesim.New(stripesim.Config{})
//	…
//	server := httptest.NewServer(sim)
//	client := stripe.NewClient("sk_test_any", …) // its API base is server.URL
//
// # What it is made of
//
// Every request is one transaction: it reads objects, writes new ones and notes
// events, and all of that becomes visible together, or not at all. Objects are
// the JSON that goes over the wire. With a folder ([Config].Dir) each
// transaction is a line in a journal there, so that a restart, or a crash,
// finds everything as it was.
//
// Time is the simulator's own: it starts as real time and [Simulator.Advance]
// moves it, doing in order what Stripe would have done meanwhile: renewals with
// their draft hour, retries of failed payments, ends of trials and of scheduled
// cancellations, expiry of what was never paid. The Date header and all times
// in objects follow it; signatures of webhooks and idempotency keys keep real
// time.
//
// Events are delivered to the webhook endpoints that were created over the API,
// in the shape of the endpoint's api_version: that of 2026-03-25.dahlia, or the
// one from before 2025-03-31 (2024-06-20).
//
// # Control
//
// What no client of Stripe can ask for is under /_sim/: moving the clock, the
// bank's answer to an authentication, trouble on demand, forgetting everything.
// See docs/stripesim.md.
package stripesim
