// Package server is the whole service in one value: it takes a [Config], opens
// the database, connects the domain with Stripe, the HTTP API and the job
// queue, and runs them.
//
// `payments serve` is little more than [LoadConfig], [New] and
// [Server.ListenAndServe]. Another Go program does the same, or mounts
// [Server.Handler] in a server of its own, calls [Server.Payments] directly and
// keeps [Server.Run] going for the jobs:
//
//	srv, err := server.New(ctx, config)
//	…
//	defer srv.Close()
//	go srv.Run(ctx)
//	http.ListenAndServe(addr, srv.Handler())
//
// The package has no rules of its own; they are in package payments.
package server
