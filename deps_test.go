package payments_test

import (
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const modulePath = "github.com/numerai-app/payments"

// arrows is the whole import policy: "a, b < c" lets package c import a and b,
// in code that is no test. Nothing else is allowed but the standard library,
// which everyone may use. Packages of this module go by their folder, the root
// is called payments; other modules go by the names in modules.
const arrows = `
	# The domain knows neither databases nor HTTP nor Stripe's library, and the
	# offline Stripe shares no mistake with what it tests.
	std < payments
	std < stripesim

	# Adapters know the domain and one thing of the outside, never each other.
	pgx < internal/store/queries
	payments, internal/store/queries, pgx, sqlite, goose, river < internal/store
	payments, stripe-go, rate < internal/stripe
	payments, river < internal/jobs
	payments, huma, jwx < internal/api
	payments, standard-webhooks < internal/outbound
	payments, prometheus < internal/metrics
	payments, otel, river < internal/tracing
	payments < internal/web

	# All meet in the server, which the command wraps.
	payments, internal/store, internal/stripe, internal/jobs, internal/api, internal/metrics, internal/tracing, internal/outbound, internal/web < server
	payments, server, stripesim, kong, godotenv < cmd/payments

	# For tests. Nothing above may import them.
	pgx < internal/postgrestest
	std < internal/bench
	std < internal/crashtest
	std < internal/stormtest
	std < internal/processtest
	payments, internal/store, internal/postgrestest, pgx, cmp, rapid < internal/storetest
`

// modules names what comes from other modules: a path and all below it.
var modules = map[string]string{
	"cmp":               "github.com/google/go-cmp",
	"godotenv":          "github.com/joho/godotenv",
	"goose":             "github.com/pressly/goose/v3",
	"huma":              "github.com/danielgtaylor/huma/v2",
	"jwx":               "github.com/lestrrat-go/jwx/v3",
	"kong":              "github.com/alecthomas/kong",
	"otel":              "go.opentelemetry.io/otel",
	"pgx":               "github.com/jackc/pgx/v5",
	"prometheus":        "github.com/prometheus/client_golang",
	"rapid":             "pgregory.net/rapid",
	"rate":              "golang.org/x/time/rate",
	"river":             "github.com/riverqueue/river",
	"sqlite":            "modernc.org/sqlite",
	"stripe-go":         "github.com/stripe/stripe-go/v85",
	"standard-webhooks": "github.com/standard-webhooks/standard-webhooks/libraries",
}

func TestImportsFollowTheArrows(t *testing.T) {
	t.Parallel()
	allowed := parseArrows(t, arrows)
	for _, f := range allGoFiles(t) {
		if f.test {
			continue
		}
		importer := packageName(path.Dir(f.path))
		if _, ok := allowed[importer]; !ok {
			t.Errorf("%s: the package %s has no arrow in deps_test.go", f.path, importer)
			continue
		}
		for _, spec := range f.syntax.Imports {
			imported, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				t.Fatalf("%s: %v", f.path, err)
			}
			if name := arrowName(imported); name != "std" && !slices.Contains(allowed[importer], name) {
				t.Errorf("%s: imports %s; %s may only import the standard library and %s",
					f.path, imported, importer, strings.Join(allowed[importer], ", "))
			}
		}
	}
}

func TestArrowNames(t *testing.T) {
	t.Parallel()
	for imported, want := range map[string]string{
		"C":                                      "C",
		"net/http":                               "std",
		modulePath:                               "payments",
		modulePath + "/internal/store":           "internal/store",
		modulePath + "/internal/store/queries":   "internal/store/queries",
		"github.com/jackc/pgx/v5":                "pgx",
		"github.com/jackc/pgx/v5/pgxpool":        "pgx",
		"github.com/riverqueue/river/rivertype":  "river",
		"github.com/riverqueue/riverui":          "github.com/riverqueue/riverui",
		"golang.org/x/sync/errgroup":             "golang.org/x/sync/errgroup",
		"github.com/stripe/stripe-go/v84":        "github.com/stripe/stripe-go/v84",
		"github.com/numerai-app/payments-plugin": "github.com/numerai-app/payments-plugin",
	} {
		if got := arrowName(imported); got != want {
			t.Errorf("arrowName(%q) = %q, want %q", imported, got, want)
		}
	}
}

// parseArrows returns, for each package, what it may import. A name that is
// neither a package of the graph nor a module is a mistake in it.
func parseArrows(t *testing.T, text string) map[string][]string {
	t.Helper()
	allowed := map[string][]string{}
	for line := range strings.Lines(text) {
		line, _, _ = strings.Cut(strings.TrimSpace(line), "#")
		if line == "" {
			continue
		}
		left, importer, ok := strings.Cut(line, " < ")
		if !ok || allowed[importer] != nil {
			t.Fatalf("deps_test.go: %q is no arrow, or the second of its package", line)
		}
		allowed[importer] = strings.Split(left, ", ")
	}
	for _, name := range slices.Concat(slices.Collect(maps.Values(allowed))...) {
		if allowed[name] == nil && modules[name] == "" && name != "std" {
			t.Fatalf("deps_test.go: %q is neither a package with an arrow nor a module", name)
		}
	}
	return allowed
}

// arrowName returns the name under which the arrows know an import path, or
// the path itself where they do not know it.
func arrowName(imported string) string {
	first, _, _ := strings.Cut(imported, "/")
	switch {
	case imported == "C": // the binary is static and cross-compiles: no cgo
		return imported
	case !strings.Contains(first, "."):
		return "std"
	case imported == modulePath:
		return "payments"
	}
	if folder, ok := strings.CutPrefix(imported, modulePath+"/"); ok {
		return folder
	}
	for name, module := range modules {
		if imported == module || strings.HasPrefix(imported, module+"/") {
			return name
		}
	}
	return imported
}

// packageName returns the name under which the arrows know a folder.
func packageName(folder string) string {
	if folder == "." {
		return "payments"
	}
	return folder
}
