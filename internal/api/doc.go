// Package api is the HTTP contract: it decodes requests, calls
// payments.Service, and encodes answers and errors. It has no rules of its own
// but who may call.
//
// Every path is served with and without its last slash. Errors are
// application/problem+json (RFC 9457), those of the router too. The OpenAPI
// document is made from the types here and served at /openapi.json; openapi.yaml
// beside this file is the same document, held to the code by a test.
package api
