package server

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/numerai-app/payments"
	"github.com/numerai-app/payments/internal/store"
)

// Config is everything that the service is told from outside. The comment of
// each field names the environment variable from which `payments serve` takes
// it; [Variables] lists them for people.
type Config struct {
	// StripeSecretKey (STRIPE_SECRET_KEY) is sk_test_…, sk_live_… or a
	// restricted rk_… key. It sets the mode, test or live. Required.
	StripeSecretKey string
	// StripePublishableKey (STRIPE_PUBLISHABLE_KEY) is given to front ends. It
	// has to be of the same mode. Required.
	StripePublishableKey string
	// StripeWebhookSecrets (STRIPE_WEBHOOK_SECRET, comma-separated) are the
	// whsec_… secrets with which events may be signed; several while rotating.
	// At least one is required, unless WebhooksOff.
	StripeWebhookSecrets []string
	// WebhooksOff (PAYMENTS_WEBHOOKS: on or off) says that no webhook can come:
	// Stripe's events are only polled, every few seconds, and there is no
	// webhook/. For laptops and private networks.
	WebhooksOff bool
	// StripeRate (PAYMENTS_STRIPE_RATE) is how many calls a second a process
	// makes; those that a request waits for are made at once all the same.
	// Zero: 15 in test mode, 60 in live mode.
	StripeRate float64
	// StripeAPIBase (STRIPE_API_BASE) is another Stripe: the simulator, a
	// proxy. Empty: https://api.stripe.com. A live key goes over https only.
	StripeAPIBase string
	// Plans are what is sold, each with the Stripe price behind it
	// (STRIPE_PRICE_ID_BASIC, …_PREMIUM and …_ELITE). Required.
	Plans []payments.Plan

	// DatabaseURL (DATABASE_URL) is sqlite:PATH or postgres://…. Empty:
	// sqlite:payments.db.
	DatabaseURL string
	// Addr (PAYMENTS_ADDR) is where the API listens. Empty: 127.0.0.1:8080.
	Addr string
	// OpsAddr (PAYMENTS_OPS_ADDR) is where metrics, health and
	// profiles are served.
	// Empty: nowhere; from the environment the default is 127.0.0.1:9090.
	OpsAddr string
	// TracesEndpoint (OTEL_EXPORTER_OTLP_ENDPOINT) is the base URL of the
	// collector of traces, for OTLP over HTTP. Empty: there are none.
	TracesEndpoint string
	// PublicURL (PAYMENTS_PUBLIC_URL) is the base of the links that leave the
	// service. Empty: made from Addr.
	PublicURL string

	// JWTSecret (PAYMENTS_JWT_SECRET) is the HS256 key of the application that
	// issues users' tokens, 32 bytes or more. This or JWTKeysURL is required.
	JWTSecret string
	// JWTKeysURL (PAYMENTS_JWT_JWKS_URL) has the RS256, ES256 or EdDSA keys of
	// an identity provider.
	JWTKeysURL string
	// JWTIssuer and JWTAudience (PAYMENTS_JWT_ISSUER, PAYMENTS_JWT_AUDIENCE)
	// are checked when set.
	JWTIssuer   string
	JWTAudience string
	// JWTUserClaim (PAYMENTS_JWT_USER_CLAIM) names the user. Empty: user_id.
	JWTUserClaim string

	// GracePeriod (PAYMENTS_GRACE_PERIOD) is how long past_due keeps premium
	// after the first failed payment. Zero: not at all.
	GracePeriod time.Duration
	// EventRetention (PAYMENTS_EVENT_RETENTION) is how long payloads are kept of
	// events that are processed or ignored; the events themselves always are.
	// Zero: for ever.
	EventRetention time.Duration
	// CORSOrigins (PAYMENTS_CORS_ORIGINS, comma-separated) are the browser
	// origins that may call the API. Empty: none.
	CORSOrigins []string

	// LogLevel (PAYMENTS_LOG_LEVEL) and LogFormat (PAYMENTS_LOG_FORMAT: text
	// or json) say how `payments serve` logs. They shape no Logger given here.
	LogLevel  slog.Level
	LogFormat string

	// Version and Commit say what runs; the metrics tell them.
	Version, Commit string
	// Logger is told what people should know. Nil: nobody is.
	Logger *slog.Logger
	// Now is the clock by which access is decided; tokens and signatures keep
	// real time. Nil: time.Now.
	Now func() time.Time
}

// Variable is one environment variable of `payments serve`.
type Variable struct {
	Name string
	// Help says in one line what it is.
	Help string
	// Default in words; empty: none.
	Default string
	// Required variables have no default.
	Required bool
	// Secret variables may come from the file that Name_FILE names.
	Secret bool

	set func(c *Config, value string) error
}

// DefaultDatabaseURL is the database that serves when none is named.
const DefaultDatabaseURL = "sqlite:payments.db"

const (
	defaultAddr    = "127.0.0.1:8080"
	defaultOpsAddr = "127.0.0.1:9090"
	defaultAPIBase = "https://api.stripe.com"
	minJWTSecret   = 32
	// maxStripeRate is far above what Stripe allows, and catches slips.
	maxStripeRate = 10_000
)

// Variables lists the environment variables that [LoadConfig] reads.
func Variables() []Variable { return slices.Clone(variables) }

var variables = []Variable{
	{
		Name: "STRIPE_SECRET_KEY", Required: true, Secret: true, Help: "secret or restricted key (sk_test_…, sk_live_…, rk_…) from the Stripe Dashboard; sets the mode, test or live",
		set: text(func(c *Config) *string { return &c.StripeSecretKey }),
	},
	{
		Name: "STRIPE_PUBLISHABLE_KEY", Required: true, Help: "publishable key (pk_…) of the same mode, given to front ends",
		set: text(func(c *Config) *string { return &c.StripePublishableKey }),
	},
	{
		Name: "STRIPE_WEBHOOK_SECRET", Secret: true, Help: "signing secret (whsec_…) of the webhook endpoint; several, comma-separated, while rotating; required unless PAYMENTS_WEBHOOKS is off",
		set: list(func(c *Config) *[]string { return &c.StripeWebhookSecrets }),
	},
	{Name: "STRIPE_PRICE_ID_BASIC", Required: true, Help: "Stripe price (price_…) behind the plan basic", set: plan("basic", 1)},
	{Name: "STRIPE_PRICE_ID_PREMIUM", Required: true, Help: "Stripe price (price_…) behind the plan premium", set: plan("premium", 2)},
	{Name: "STRIPE_PRICE_ID_ELITE", Required: true, Help: "Stripe price (price_…) behind the plan elite", set: plan("elite", 3)},
	{
		Name: "STRIPE_API_BASE", Default: defaultAPIBase, Help: "another Stripe: the simulator, a proxy",
		set: text(func(c *Config) *string { return &c.StripeAPIBase }),
	},
	{Name: "PAYMENTS_WEBHOOKS", Default: "on", Help: "off: Stripe's events are only polled, every few seconds, and there is no webhook/", set: webhooks},
	{Name: "PAYMENTS_STRIPE_RATE", Default: "15 in test mode, 60 in live mode", Help: "how many calls to Stripe a second a process makes; users' requests do not wait for it", set: stripeRate},
	{
		Name: "DATABASE_URL", Default: DefaultDatabaseURL, Secret: true, Help: "sqlite:PATH or postgres://…",
		set: text(func(c *Config) *string { return &c.DatabaseURL }),
	},
	{
		Name: "PAYMENTS_ADDR", Default: defaultAddr, Help: "where the API listens",
		set: text(func(c *Config) *string { return &c.Addr }),
	},
	{
		Name: "PAYMENTS_OPS_ADDR", Default: defaultOpsAddr, Help: "where metrics, health and profiles are served; empty: nowhere",
		set: text(func(c *Config) *string { return &c.OpsAddr }),
	},
	{
		Name: "OTEL_EXPORTER_OTLP_ENDPOINT", Default: "no traces", Help: "where traces are sent, such as http://localhost:4318",
		set: text(func(c *Config) *string { return &c.TracesEndpoint }),
	},
	{
		Name: "PAYMENTS_PUBLIC_URL", Default: "from PAYMENTS_ADDR", Help: "base of the links that leave the service",
		set: text(func(c *Config) *string { return &c.PublicURL }),
	},
	{
		Name: "PAYMENTS_JWT_SECRET", Secret: true, Help: "HS256 key (32 bytes or more) of the application that issues users' tokens; this or PAYMENTS_JWT_JWKS_URL is required",
		set: text(func(c *Config) *string { return &c.JWTSecret }),
	},
	{
		Name: "PAYMENTS_JWT_JWKS_URL", Help: "RS256, ES256 or EdDSA keys of an identity provider",
		set: text(func(c *Config) *string { return &c.JWTKeysURL }),
	},
	{
		Name: "PAYMENTS_JWT_ISSUER", Default: "unchecked", Help: "the issuer that tokens must have",
		set: text(func(c *Config) *string { return &c.JWTIssuer }),
	},
	{
		Name: "PAYMENTS_JWT_AUDIENCE", Default: "unchecked", Help: "the audience that tokens must have",
		set: text(func(c *Config) *string { return &c.JWTAudience }),
	},
	{
		Name: "PAYMENTS_JWT_USER_CLAIM", Default: "user_id", Help: "the claim that names the user; sub for most providers",
		set: text(func(c *Config) *string { return &c.JWTUserClaim }),
	},
	{Name: "PAYMENTS_GRACE_PERIOD", Default: "0s", Help: "how long past_due keeps premium after the first failed payment, such as 72h", set: gracePeriod},
	{Name: "PAYMENTS_EVENT_RETENTION", Default: "keep them", Help: "how long payloads of processed and ignored events are kept, such as 90d or 36h", set: eventRetention},
	{
		Name: "PAYMENTS_CORS_ORIGINS", Default: "none", Help: "browser origins allowed to call the API, comma-separated",
		set: list(func(c *Config) *[]string { return &c.CORSOrigins }),
	},
	{
		Name: "PAYMENTS_LOG_LEVEL", Default: "info", Help: "debug, info, warn or error",
		set: func(c *Config, value string) error {
			if err := c.LogLevel.UnmarshalText([]byte(value)); err != nil {
				return errors.New("is not one of debug, info, warn and error")
			}
			return nil
		},
	},
	{
		Name: "PAYMENTS_LOG_FORMAT", Default: "text on a terminal, else json", Help: "text or json",
		set: text(func(c *Config) *string { return &c.LogFormat }),
	},
}

func text(field func(*Config) *string) func(*Config, string) error {
	return func(c *Config, value string) error {
		*field(c) = value
		return nil
	}
}

func list(field func(*Config) *[]string) func(*Config, string) error {
	return func(c *Config, value string) error {
		for part := range strings.SplitSeq(value, ",") {
			if part = strings.TrimSpace(part); part != "" {
				*field(c) = append(*field(c), part)
			}
		}
		return nil
	}
}

func plan(id string, rank int) func(*Config, string) error {
	return func(c *Config, value string) error {
		if value == "" {
			return nil
		}
		if strings.HasPrefix(value, "prod_") {
			return errors.New("is the id of a product; the id of its price is needed (price_…)")
		}
		c.Plans = append(c.Plans, payments.Plan{ID: id, Rank: rank, Prices: []string{value}})
		return nil
	}
}

func gracePeriod(c *Config, value string) error {
	if value == "" {
		return nil
	}
	period, err := time.ParseDuration(value)
	if err != nil || period < 0 {
		return errors.New("is not a duration such as 0s, 36h or 72h30m")
	}
	c.GracePeriod = period
	return nil
}

// maxRetention is longer than anything is kept, and catches slips.
const maxRetention = 36_500 * 24 * time.Hour

// inDays is a duration with days before the rest, such as 90d or 1d12h.
var inDays = regexp.MustCompile(`^(\d{1,5})d(.*)$`)

func eventRetention(c *Config, value string) error {
	wrong := errors.New("is not a time such as 90d, 36h or 1d12h")
	days, rest := 0, value
	if part := inDays.FindStringSubmatch(value); part != nil {
		var err error
		if days, err = strconv.Atoi(part[1]); err != nil {
			return wrong
		}
		rest = cmp.Or(part[2], "0s")
	}
	hours, err := time.ParseDuration(rest)
	if err != nil || hours < 0 || hours > maxRetention {
		return wrong
	}
	retention := time.Duration(days)*24*time.Hour + hours
	if retention == 0 || retention > maxRetention {
		return wrong
	}
	c.EventRetention = retention
	return nil
}

func webhooks(c *Config, value string) error {
	if value != "on" && value != "off" {
		return errors.New("is not one of on and off")
	}
	c.WebhooksOff = value == "off"
	return nil
}

func stripeRate(c *Config, value string) error {
	perSecond, err := strconv.ParseFloat(value, 64)
	if err != nil || !(perSecond > 0 && perSecond <= maxStripeRate) {
		return fmt.Errorf("is not a number of calls a second from above 0 to %d", maxStripeRate)
	}
	c.StripeRate = perSecond
	return nil
}

// ConfigError lists all that is missing from a configuration or wrong with it.
type ConfigError struct {
	// Faults each begin with the name of a variable.
	Faults []string
}

// Error is the one fault, or the list of them, one a line.
func (e *ConfigError) Error() string {
	if len(e.Faults) == 1 {
		return e.Faults[0]
	}
	return "set these variables and start again:\n  " + strings.Join(e.Faults, "\n  ")
}

// LoadConfig reads the configuration from variables, as os.LookupEnv gives
// them. A [*ConfigError] names every fault at once, missing variables too.
func LoadConfig(lookup func(name string) (string, bool)) (Config, error) {
	config := Config{OpsAddr: defaultOpsAddr}
	var faults []string
	for _, v := range variables {
		value, err := v.read(lookup)
		if err == nil && value == "" && v.Required {
			err = fmt.Errorf("is missing: %s", v.Help)
		}
		if err == nil && (value != "" || v.Name == "PAYMENTS_OPS_ADDR" && isSet(lookup, v.Name)) {
			err = v.set(&config, value)
		}
		if err != nil {
			faults = append(faults, v.Name+" "+err.Error())
		}
	}
	faults = append(faults, config.faults()...)
	if len(faults) > 0 {
		return Config{}, &ConfigError{Faults: unique(faults)}
	}
	return config, nil
}

func isSet(lookup func(string) (string, bool), name string) bool {
	_, ok := lookup(name)
	return ok
}

// ReadVariable finds the value of one of the [Variables] as [LoadConfig] does:
// a secret may be in the file that NAME_FILE names. It is empty where the
// variable is not set, and an error is a [*ConfigError].
func ReadVariable(lookup func(name string) (string, bool), name string) (string, error) {
	i := slices.IndexFunc(variables, func(v Variable) bool { return v.Name == name })
	if i < 0 {
		return "", fmt.Errorf("there is no variable %s", name)
	}
	value, err := variables[i].read(lookup)
	if err != nil {
		return "", &ConfigError{Faults: []string{name + " " + err.Error()}}
	}
	return value, nil
}

// read finds the value of a variable, or of a secret in its file.
func (v Variable) read(lookup func(string) (string, bool)) (string, error) {
	value, _ := lookup(v.Name)
	value = strings.TrimSpace(value)
	path, inFile := lookup(v.Name + "_FILE")
	switch {
	case !v.Secret || !inFile || path == "":
		return value, nil
	case value != "":
		return "", fmt.Errorf("and %s_FILE are both set: keep one", v.Name)
	}
	content, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("cannot be read from %s_FILE: %w", v.Name, err)
	}
	return strings.TrimSpace(string(content)), nil
}

// unique drops what was said of a variable already.
func unique(faults []string) []string {
	seen := map[string]bool{}
	return slices.DeleteFunc(faults, func(fault string) bool {
		name, _, _ := strings.Cut(fault, " ")
		again := seen[name]
		seen[name] = true
		return again
	})
}

// faults lists what is wrong, whoever made the configuration.
func (c Config) faults() []string {
	var faults []string
	fault := func(name, format string, args ...any) {
		faults = append(faults, name+" "+fmt.Sprintf(format, args...))
	}
	c.stripeFaults(fault)
	if c.DatabaseURL != "" {
		if err := store.CheckURL(c.DatabaseURL); err != nil {
			fault("DATABASE_URL", "%v", err)
		}
	}
	switch {
	case c.JWTSecret == "" && c.JWTKeysURL == "":
		fault("PAYMENTS_JWT_SECRET", "is missing: the HS256 key (32 bytes or more) of the application that issues users' tokens, or PAYMENTS_JWT_JWKS_URL instead")
	case c.JWTSecret != "" && len(c.JWTSecret) < minJWTSecret:
		fault("PAYMENTS_JWT_SECRET", "is too short: an HS256 key has 32 bytes or more")
	}
	if c.JWTKeysURL != "" && !isURL(c.JWTKeysURL) {
		fault("PAYMENTS_JWT_JWKS_URL", "is not a URL")
	}
	if c.TracesEndpoint != "" && !isURL(c.TracesEndpoint) {
		fault("OTEL_EXPORTER_OTLP_ENDPOINT", "is not a URL such as http://localhost:4318")
	}
	if c.PublicURL != "" && !isURL(c.PublicURL) {
		fault("PAYMENTS_PUBLIC_URL", "is not a URL such as https://pay.example.com")
	}
	if c.GracePeriod < 0 {
		fault("PAYMENTS_GRACE_PERIOD", "is negative")
	}
	if c.EventRetention < 0 {
		fault("PAYMENTS_EVENT_RETENTION", "is negative")
	}
	for _, origin := range c.CORSOrigins {
		if u, err := url.Parse(origin); err != nil || !isURL(origin) || u.Path != "" {
			fault("PAYMENTS_CORS_ORIGINS", "has %q, which is no origin such as https://app.example.com", origin)
		}
	}
	if c.LogFormat != "" && c.LogFormat != "text" && c.LogFormat != "json" {
		fault("PAYMENTS_LOG_FORMAT", "is not one of text and json")
	}
	return faults
}

// stripeFaults are those of the keys, the secrets and the plans.
func (c Config) stripeFaults(fault func(name, format string, args ...any)) {
	mode := keyMode(c.StripeSecretKey, "sk_", "rk_")
	switch {
	case c.StripeSecretKey == "":
		fault("STRIPE_SECRET_KEY", "is missing: %s", variables[0].Help)
	case mode == "":
		fault("STRIPE_SECRET_KEY", "is not a secret key: it begins with sk_test_, sk_live_, rk_test_ or rk_live_")
	}
	public := keyMode(c.StripePublishableKey, "pk_")
	switch {
	case c.StripePublishableKey == "":
		fault("STRIPE_PUBLISHABLE_KEY", "is missing: %s", variables[1].Help)
	case public == "":
		fault("STRIPE_PUBLISHABLE_KEY", "is not a publishable key: it begins with pk_test_ or pk_live_")
	case mode != "" && public != mode:
		fault("STRIPE_PUBLISHABLE_KEY", "is of %s mode, and STRIPE_SECRET_KEY of %s mode", public, mode)
	}
	if len(c.StripeWebhookSecrets) == 0 && !c.WebhooksOff {
		fault("STRIPE_WEBHOOK_SECRET", "is missing: %s", variables[2].Help)
	}
	for _, secret := range c.StripeWebhookSecrets {
		if !strings.HasPrefix(secret, "whsec_") {
			fault("STRIPE_WEBHOOK_SECRET", "is not a signing secret: it begins with whsec_")
		}
	}
	if c.StripeRate < 0 {
		fault("PAYMENTS_STRIPE_RATE", "is negative")
	}
	if c.StripeAPIBase != "" && !isURL(c.StripeAPIBase) {
		fault("STRIPE_API_BASE", "is not a URL")
	} else if mode == "live" && strings.HasPrefix(c.StripeAPIBase, "http:") {
		fault("STRIPE_API_BASE", "is not https, over which alone a live key may go")
	}
	if len(c.Plans) == 0 {
		fault("STRIPE_PRICE_ID_BASIC", "is missing: without plans nobody can subscribe")
	}
	if _, err := payments.NewPlans(c.Plans); err != nil {
		var invalid *payments.Error
		errors.As(err, &invalid)
		for _, f := range invalid.Fields {
			fault("STRIPE_PRICE_ID_"+strings.ToUpper(strings.TrimPrefix(f.Field, "plans.")), "is wrong: %s", f.Message)
		}
	}
}

// keyMode is test or live, or empty where the key has none of the prefixes.
func keyMode(key string, prefixes ...string) string {
	for _, prefix := range prefixes {
		if rest, ok := strings.CutPrefix(key, prefix); ok {
			switch {
			case strings.HasPrefix(rest, "test_"):
				return "test"
			case strings.HasPrefix(rest, "live_"):
				return "live"
			}
		}
	}
	return ""
}

func isURL(text string) bool {
	u, err := url.Parse(text)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != "" && u.User == nil
}
