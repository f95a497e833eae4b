// Package stormtest lets the real server live through the first of a month:
// thousands of subscriptions renew in one second, Stripe tells of it as fast as
// the server listens, and answers no more than 25 calls a second. It says how
// long that took and how often Stripe was asked, and compares what is on record
// with what Stripe says.
//
// go test plays a small storm, make storm one of as many events as EVENTS says.
package stormtest
