// Package stripesim is an offline Stripe: an http.Handler that keeps customers,
// subscriptions, invoices and payments as Stripe does, refuses what Stripe
// refuses, and delivers signed webhooks. It is for trying and testing an
// integration without an account and without a network, in any language.
//
//	sim, err := stripesim.New(stripesim.Config{})
//	…
//	server := httptest.NewServer(sim)
//	client := stripe.NewClient("sk_test_any", …) // its API base is server.URL
//
// # What it is made of
//
// A request is decoded against the parameters that its operation declares;
// whatever is not declared is refused, never ignored. Then it runs as one
// transaction under one lock: it reads objects, writes changed copies of them
// and notes events, and all of that becomes visible together, or not at all.
// An answer is an object's JSON, with what was asked to be expanded. With a
// folder ([Config].Dir) each transaction is a line in a journal there, the
// answer that an idempotency key repeats included, so that a restart, or a
// crash, finds everything as it was; what its last line left unfinished was
// never answered.
//
// # Time
//
// The simulator's clock starts as real time, and [Simulator.Advance] moves it,
// doing in order what Stripe would have done meanwhile: renewals with their
// draft hour, retries of failed payments, ends of trials and of scheduled
// cancellations, expiry of what was never paid. What is due is derived from the
// objects and held in one queue; in real time a ticker works it off. The Date
// header, all times in objects and the 30 days for which events are kept follow
// this clock; signatures of webhooks, their retries and idempotency keys keep
// real time. Customers on one of Stripe's test clocks live by that one instead:
// it has a queue of its own, which only its own advance works off.
// [Simulator.Freeze] makes the simulator's clock stand still.
//
// # Events
//
// An event has a snapshot of its object at that moment, and, where something
// was updated, what was true before. Events are delivered to the webhook
// endpoints that were created over the API, over HTTP, signed, again and again
// until they are taken or given up, in the shape of the endpoint's api_version:
// the present one, or the one from before 2025-03-31 (2024-06-20).
//
// # Payers and their banks
//
// Payment methods are Stripe's test cards: pm_card_visa, pm_card_chargeCustomerFail
// and the others, or their numbers. A browser's part is played by calls with a
// publishable key and a client secret. The bank's step that some cards ask for
// is taken by [Simulator.Authenticate]; what a payer does on the page of a
// Checkout session, by [Simulator.CompleteCheckout] and
// [Simulator.AbandonCheckout].
//
// # Trouble
//
// [Simulator.AddFault] lets requests meet what happens on a bad day: refusals
// for haste (429), a 500 in JSON, a 502 in HTML, a connection that is cut before
// the work or after it, an answer that never comes or comes late.
// [Simulator.AddDeliveryFault] drops, doubles, delays or reorders events, and
// [Simulator.PauseDeliveries] holds them back. [Config.Trouble] makes all of it
// come by chance, and [Config.Seed] makes that chance repeat.
//
// # Snapshots
//
// [Simulator.Snapshot] writes the whole state as one document, and
// [Simulator.Load] goes on from it: a test begins where another one ended.
//
// All of that can be done over HTTP too, under /_sim/; docs/stripesim.md has the
// calls, and what the simulator does otherwise than Stripe.
package stripesim
