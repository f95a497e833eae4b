package stripesim

import (
	"slices"
	"strings"
)

// operation is one call of the API.
type operation struct {
	method string
	path   string // {} stands for an id
	fields shape
	do     func(*transaction, call) (any, *apiError)
	// browser says that a publishable key may make it, with a client secret.
	browser bool
	// unsupported is what Stripe takes here and the simulator does not.
	unsupported map[string]bool
}

// call is what an operation is asked: the ids in its path, and its parameters.
type call struct {
	form
	ids []string
}

func (c call) id() string { return c.ids[0] }

// operations has all of them, by method and path.
var operations map[string]*operation

func init() {
	operations = map[string]*operation{}
	unsupported := parseUnsupported(unsupportedList)
	for _, o := range slices.Concat(
		customerOperations(), productOperations(), priceOperations(), couponOperations(), promotionCodeOperations(), discountOperations(),
		paymentMethodOperations(), setupIntentOperations(),
		paymentIntentOperations(), chargeOperations(), refundOperations(), invoiceOperations(), invoiceItemOperations(), invoiceLineOperations(),
		invoicePaymentOperations(), subscriptionOperations(), subscriptionItemOperations(), eventOperations(),
		webhookEndpointOperations(), testClockOperations(), subscriptionScheduleOperations(),
		checkoutSessionOperations(), captureOperations(), balanceOperations(), disputeOperations(), earlyFraudWarningOperations(),
		portalConfigurationOperations(), portalSessionOperations(), balanceTransactionOperations(), searchOperations(),
	) {
		o.fields = o.fields.with(shape{"expand": aList(aText())})
		if o.browser && strings.Contains(o.path, "{}") {
			o.fields["client_secret"] = aText()
		}
		name := o.method + " " + o.path
		o.unsupported = unsupported[name]
		operations[name] = &o
	}
}

// maxSegments is how many parts the longest path has.
const maxSegments = 6

// findOperation finds the operation of a path, and the ids in it. An id is
// never the first part; a fixed word goes before an id.
func findOperation(method, path string) (*operation, []string, bool) {
	parts := strings.Split(strings.Trim(path, "/"), "/")
	if len(parts) < 2 || len(parts) > maxSegments || slices.Contains(parts, "") {
		return nil, nil, false
	}
	return matchOperation(method+" /"+strings.Join(parts[:2], "/"), parts[2:], nil)
}

// matchOperation finds the operation whose path begins with the parts that are
// known, and goes on with the rest.
func matchOperation(known string, rest, ids []string) (*operation, []string, bool) {
	if len(rest) == 0 {
		o := operations[known]
		return o, ids, o != nil
	}
	if o, found, ok := matchOperation(known+"/"+rest[0], rest[1:], ids); ok {
		return o, found, true
	}
	return matchOperation(known+"/{}", rest[1:], append(slices.Clone(ids), rest[0]))
}

// pageFields are the parameters of every list.
func pageFields(more shape) shape {
	return shape{"limit": anInteger(1, 100), "starting_after": aText(), "ending_before": aText()}.with(more)
}

// retrieve answers with the object of that kind that the path names.
func retrieve[T object](t *transaction, c call) (any, *apiError) { return one[T](t, c) }

func one[T object](t *transaction, c call) (T, *apiError) { return addressed[T](t, c.id()) }
