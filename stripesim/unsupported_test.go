package stripesim_test

import (
	"flag"
	"fmt"
	"maps"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/numerai-app/payments/stripesim"
)

var update = flag.Bool("update", false, "write unsupported.txt and docs/stripesim-unsupported.md anew")

const renew = "run go test ./stripesim -run TestDescription -update"

// known are the differences from Stripe's description that have a reason.
var known = map[string]string{
	"GET /v1/customers/{}/payment_methods type is no text":                otherKinds,
	"GET /v1/payment_methods type is no text":                             otherKinds,
	"POST /v1/payment_methods type is no text":                            otherKinds,
	"POST /v1/payment_methods type is required only by one":               "others than cards may be copied, which is not supported",
	"POST /v1/payment_methods card[exp_month] is required only by one":    token,
	"POST /v1/payment_methods card[exp_year] is required only by one":     token,
	"POST /v1/payment_methods card[number] is required only by one":       token,
	"POST /v1/payment_methods card[token] is required only by one":        token,
	"POST /v1/webhook_endpoints api_version is no text":                   "the operation itself knows the versions",
	"POST /v1/webhook_endpoints enabled_events is no text":                events,
	"POST /v1/webhook_endpoints/{} enabled_events is no text":             events,
	"POST /v1/billing_portal/sessions customer is required only by one":   account,
	"POST /v1/checkout/sessions mode is required only by one":             "Stripe's default, setup for a customer, is not supported",
	"POST /v1/invoices effective_at cannot be cleared":                    creation,
	"POST /v1/payment_intents setup_future_usage cannot be cleared":       creation,
	"POST /v1/products images cannot be cleared":                          creation,
	"POST /v1/subscriptions cancel_at cannot be cleared":                  creation,
	"POST /v1/subscriptions customer is required only by one":             account,
	"POST /v1/subscriptions items is required only by one":                "Stripe asks for them too, in words of its own",
	"POST /v1/payment_methods/{}/attach customer is required only by one": account,
}

const (
	otherKinds = "the operation itself says that it takes cards only"
	token      = "a card is either a token or its number and time, which are two choices in the description"
	events     = "the operation itself refuses what is no type of event"
	creation   = "the update takes it empty, and at the creation it says nothing"
	account    = "Stripe takes customer_account instead, which is not supported"
)

func TestDescriptionHasWhatIsDeclared(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for name, c := range compared() {
		for _, fault := range c.wrong {
			full := name + " " + fault
			seen[full] = true
			if known[full] == "" {
				t.Errorf("%s, says Stripe's description", full)
			}
		}
	}
	for full := range known {
		if !seen[full] {
			t.Errorf("%s: it is no exception any more", full)
		}
	}
}

// compared are the operations that are served against Stripe's.
func compared() map[string]*comparison {
	found := map[string]*comparison{}
	for name, declared := range stripesim.Operations() {
		c := &comparison{}
		if described := stripeDescription().operations[name]; described == nil {
			c.wrong = append(c.wrong, "is no operation")
		} else {
			delete(declared.Fields, "expand") // Stripe takes it everywhere
			described := parametersOf(described)
			delete(described.fields, "expand")
			c.compare("", declared, described)
		}
		found[name] = c
	}
	return found
}

func TestDescriptionGivesTheLists(t *testing.T) {
	t.Parallel()
	golden(t, "unsupported.txt", unsupportedText())
	golden(t, "../docs/stripesim-unsupported.md", unsupportedPage())
}

// golden compares a file with what it should be, or writes it.
func golden(t *testing.T, file, want string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, []byte(want), 0o644); err != nil { //nolint:gosec // it is for everybody to read
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("%s is stale, %s (-want +got):\n%s", file, renew, diff)
	}
}

// unsupportedText is what the simulator reads to tell what it lacks from what
// Stripe does not know.
func unsupportedText() string {
	text := "# What Stripe takes and the simulator refuses, by operation. Generated: " + renew + ".\n"
	all := compared()
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if missing := all[name].missing; len(missing) > 0 {
			text += name + " " + strings.Join(missing, " ") + "\n"
		}
	}
	return text
}

func unsupportedPage() string {
	page := "# What stripesim does not support\n\nGenerated from Stripe's description of its API: " + renew + `.

## Parameters

What Stripe takes and the simulator refuses with a message that says so. ` + "`a=b`" + ` is the value ` + "`b`" + ` of ` + "`a`, `a=`" + ` an empty ` + "`a`" + `.

| call | parameters |
| --- | --- |
`
	all := compared()
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if missing := all[name].missing; len(missing) > 0 {
			page += fmt.Sprintf("| `%s` | `%s` |\n", name, strings.Join(missing, "` `"))
		}
	}
	page += "\n## Calls\n\nStripe's calls about the objects that the simulator has, and that it does not serve.\n\n"
	for _, name := range notServed() {
		page += "- `" + name + "`\n"
	}
	return page
}

// notServed are Stripe's operations below the paths of which the simulator
// serves some.
func notServed() []string {
	served := stripesim.Operations()
	roots := map[string]bool{}
	for name := range served {
		roots[root(name)] = true
	}
	var missing []string
	for name := range stripeDescription().operations {
		if _, here := served[name]; !here && roots[root(name)] {
			missing = append(missing, name)
		}
	}
	slices.SortFunc(missing, func(a, b string) int {
		_, pathA, _ := strings.Cut(a, " ")
		_, pathB, _ := strings.Cut(b, " ")
		return strings.Compare(pathA+a, pathB+b)
	})
	return missing
}

// root is the path of a kind of object.
func root(operation string) string {
	_, path, _ := strings.Cut(operation, " ")
	before, _, _ := strings.Cut(path, "/{}")
	if parts := strings.Split(before, "/"); len(parts) > 3 {
		return strings.Join(parts[:4], "/")
	}
	return before
}

func TestWhatStripeTakesAndWeDoNotIsSaid(t *testing.T) {
	t.Parallel()
	w := newWorld(t, stripesim.Config{})
	for _, test := range []struct{ path, body, param, code, says string }{
		{"/v1/customers", "sub_account=1", "sub_account", "parameter_unknown", ""},
		{"/v1/customers", "foo=1", "foo", "parameter_unknown", "Received unknown parameter: foo"},
		{"/v1/customers", "address[foo]=1", "address[foo]", "parameter_unknown", "Received unknown parameter: address[foo]"},
		{"/v1/customers", "tax[ip_address]=1.2.3.4", "tax", "", "The simulator does not support the parameter tax."},
		{"/v1/subscription_schedules", "phases[0][items][0][tax_rates][]=x", "phases[0][items][0][tax_rates]", "", "The simulator does not support the parameter phases[0][items][0][tax_rates]."},
		{"/v1/refunds", "reason=expired_uncaptured_charge", "reason", "", "Invalid reason: must be one of duplicate, fraudulent, or requested_by_customer"},
	} {
		got := w.call(http.MethodPost, test.path, test.body)
		if got.status != http.StatusBadRequest || got.text("error.param") != test.param || got.text("error.code") != test.code ||
			test.says != "" && got.text("error.message") != test.says {
			t.Errorf("%s %s: %d %v", test.path, test.body, got.status, got.object)
		}
	}
}
