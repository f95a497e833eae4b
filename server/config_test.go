package server_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/numerai-app/payments/server"
)

func TestConfigFaultsAllAtOnce(t *testing.T) {
	t.Parallel()
	_, err := server.New(t.Context(), server.Config{})
	for _, name := range []string{"STRIPE_SECRET_KEY", "STRIPE_PUBLISHABLE_KEY", "STRIPE_WEBHOOK_SECRET", "STRIPE_PRICE_ID_", "PAYMENTS_JWT_SECRET"} {
		if err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%v does not name %s", err, name)
		}
	}
	environment := map[string]string{
		"STRIPE_SECRET_KEY": "sk_live_1", "STRIPE_PUBLISHABLE_KEY": "pk_test_1", "STRIPE_WEBHOOK_SECRET": "secret",
		"STRIPE_PRICE_ID_BASIC": "price_1", "STRIPE_PRICE_ID_PREMIUM": "price_1", "STRIPE_PRICE_ID_ELITE": "prod_1",
		"STRIPE_API_BASE": "http://stripe.example", "PAYMENTS_JWT_SECRET": "tooLittle", "PAYMENTS_GRACE_PERIOD": "3 days",
		"PAYMENTS_CORS_ORIGINS": "example.com", "PAYMENTS_LOG_LEVEL": "loud", "PAYMENTS_PUBLIC_URL": "pay.example.com",
		"PAYMENTS_WEBHOOKS": "no", "PAYMENTS_STRIPE_RATE": "NaN", "PAYMENTS_EVENT_RETENTION": "three months",
	}
	_, err = server.LoadConfig(func(name string) (string, bool) {
		value, ok := environment[name]
		return value, ok
	})
	for name := range environment {
		if name != "STRIPE_SECRET_KEY" && name != "STRIPE_PRICE_ID_BASIC" && !strings.Contains(fmt.Sprint(err), name) {
			t.Errorf("%v does not name %s", err, name)
		}
	}
	for _, secret := range []string{"sk_live_1", "tooLittle"} {
		if strings.Contains(fmt.Sprint(err), secret) {
			t.Errorf("%v shows a secret", err)
		}
	}
}

// TestConfigOfRetention checks what is taken for a time, and that none is taken
// for nothing at all.
func TestConfigOfRetention(t *testing.T) {
	t.Parallel()
	const day = 24 * time.Hour
	for text, want := range map[string]time.Duration{
		"": 0, "90d": 90 * day, "36h": 36 * time.Hour, "1d12h": day + 12*time.Hour, "36500d": 36500 * day,
		"0": -1, "0d": -1, "-1d": -1, "1d-2h": -1, "90": -1, "12h1d": -1, "1.5d": -1, "1d1d": -1, "keep": -1, "36500d2000000h": -1,
	} {
		environment := map[string]string{
			"STRIPE_SECRET_KEY": "sk_test_1", "STRIPE_PUBLISHABLE_KEY": "pk_test_1", "PAYMENTS_JWT_SECRET": jwtSecret,
			"STRIPE_PRICE_ID_BASIC": "price_1", "STRIPE_PRICE_ID_PREMIUM": "price_2", "STRIPE_PRICE_ID_ELITE": "price_3",
			"PAYMENTS_WEBHOOKS": "off", "PAYMENTS_EVENT_RETENTION": text,
		}
		config, err := server.LoadConfig(func(name string) (string, bool) {
			value, ok := environment[name]
			return value, ok
		})
		switch {
		case want < 0:
			if err == nil || !strings.Contains(err.Error(), "PAYMENTS_EVENT_RETENTION") {
				t.Errorf("%q is taken for %s, %v", text, config.EventRetention, err)
			}
		case err != nil || config.EventRetention != want:
			t.Errorf("%q is %s, %v; want %s", text, config.EventRetention, err, want)
		}
	}
}

// TestConfigWithoutWebhooks checks that where no webhook comes, no secret of
// one is asked for.
func TestConfigWithoutWebhooks(t *testing.T) {
	t.Parallel()
	for rate, want := range map[string]float64{"": 0, "2.5": 2.5, "100": 100} {
		environment := map[string]string{
			"STRIPE_SECRET_KEY": "sk_test_1", "STRIPE_PUBLISHABLE_KEY": "pk_test_1", "PAYMENTS_JWT_SECRET": jwtSecret,
			"STRIPE_PRICE_ID_BASIC": "price_1", "STRIPE_PRICE_ID_PREMIUM": "price_2", "STRIPE_PRICE_ID_ELITE": "price_3",
			"PAYMENTS_WEBHOOKS": "off", "PAYMENTS_STRIPE_RATE": rate,
		}
		lookup := func(name string) (string, bool) {
			value, ok := environment[name]
			return value, ok
		}
		config, err := server.LoadConfig(lookup)
		if err != nil || !config.WebhooksOff || config.StripeRate != want {
			t.Errorf("off: %t, %g a second, %v", config.WebhooksOff, config.StripeRate, err)
		}
		environment["PAYMENTS_WEBHOOKS"] = "on"
		if _, err := server.LoadConfig(lookup); err == nil || !strings.Contains(err.Error(), "STRIPE_WEBHOOK_SECRET") {
			t.Errorf("with webhooks: %v, which does not name STRIPE_WEBHOOK_SECRET", err)
		}
	}
	for _, rate := range []string{"0", "-1", "10001", "many", "Inf"} {
		_, err := server.LoadConfig(func(name string) (string, bool) { return rate, name == "PAYMENTS_STRIPE_RATE" })
		if err == nil || !strings.Contains(err.Error(), "PAYMENTS_STRIPE_RATE") {
			t.Errorf("%s: %v", rate, err)
		}
	}
}
