// Package outbound sends messages to host applications over HTTP, signed as
// Standard Webhooks has it, so that hosts in any language have a library that
// checks them.
package outbound
