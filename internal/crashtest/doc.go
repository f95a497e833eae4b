// Package crashtest kills the real server, again and again, while users
// subscribe and Stripe tells what happens, and then looks at what is left:
// nothing that was acknowledged is lost, nothing is doubled, and what is on
// record is what Stripe says.
//
// go test plays a few rounds, make crash as many as CRASHES says.
package crashtest
