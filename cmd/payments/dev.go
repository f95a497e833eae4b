package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"path/filepath"
	"time"

	"github.com/numerai-app/payments"
	"github.com/numerai-app/payments/server"
	"github.com/numerai-app/payments/stripesim"
)

const (
	devDir      = ".payments"
	devDatabase = "payments.db"
	devUser     = "demo"
	// devTokenTTL is how long the demo user's token is good for.
	devTokenTTL = 30 * 24 * time.Hour
)

// devPlans are what the offline Stripe sells, in cents a month.
var devPlans = []server.PlanSetup{
	{PlanID: "basic", Name: "Basic", Amount: 999, Currency: "usd"},
	{PlanID: "premium", Name: "Premium", Amount: 1999, Currency: "usd"},
	{PlanID: "elite", Name: "Elite", Amount: 2999, Currency: "usd"},
}

type devCommand struct {
	Addr     string `default:"127.0.0.1:8080" env:"PAYMENTS_DEV_ADDR" help:"Where the API listens."`
	SimAddr  string `default:"127.0.0.1:12111" env:"PAYMENTS_SIM_ADDR" help:"Where the offline Stripe listens."`
	Dir      string `default:"${dev_dir}" type:"path" env:"PAYMENTS_DEV_DIR" help:"Where everything is kept."`
	LogLevel string `default:"warn" enum:"debug,info,warn,error" env:"PAYMENTS_DEV_LOG_LEVEL" help:"debug, info, warn or error."`

	troubleFlags
}

// Help says what dev leaves alone.
func (c *devCommand) Help() string {
	return "It takes neither .env nor STRIPE_… nor DATABASE_URL from the environment, so it cannot touch a real account."
}

// Run starts the offline Stripe, sets it up as one would a real account, and
// runs the server against it over HTTP.
func (c *devCommand) Run(p *process) (err error) {
	var level slog.Level
	if err := level.UnmarshalText([]byte(c.LogLevel)); err != nil {
		return usageError("--log-level is debug, info, warn or error")
	}
	log := newLogger(p.stderr, level, "text")
	unlock, err := lockDir(c.Dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, unlock()) }()
	secrets, err := openDevSecrets(c.Dir)
	if err != nil {
		return err
	}
	simListener, err := listen(p, "--sim-addr", c.SimAddr)
	if err != nil {
		return stopped(p, err)
	}
	listener, err := listen(p, "--addr", c.Addr)
	if err != nil {
		return stopped(p, errors.Join(err, simListener.Close()))
	}
	sim, err := stripesim.New(c.config(filepath.Join(c.Dir, "stripe"), log))
	if err != nil {
		return errors.Join(err, simListener.Close(), listener.Close())
	}
	ctx, stop := context.WithCancel(p)
	// The offline Stripe stops last: the server needs it to finish what is
	// under way.
	simContext, stopSim := context.WithCancel(context.WithoutCancel(p))
	simDone := make(chan error, 1)
	go func() {
		defer stop() // the server is no use without it
		simDone <- serveSimulator(simContext, simListener, sim)
	}()
	err = c.serve(ctx, p, listener, devSystem{
		sim: sim, simURL: "http://" + simListener.Addr().String(), secrets: secrets, log: log,
	})
	stopSim()
	return stopped(p, errors.Join(err, <-simDone))
}

// devSystem is what dev's server is made of.
type devSystem struct {
	sim     *stripesim.Simulator
	simURL  string
	secrets *devSecrets
	log     *slog.Logger
}

// serve runs the server against the offline Stripe, and closes the listener.
func (c *devCommand) serve(ctx context.Context, p *process, listener net.Listener, d devSystem) (err error) {
	defer func() {
		if closed := listener.Close(); !errors.Is(closed, net.ErrClosed) {
			err = errors.Join(err, closed)
		}
	}()
	url := "http://" + listener.Addr().String()
	setup, err := server.SetUpStripe(ctx, d.secrets.StripeSecretKey, d.simURL, server.StripeSetup{
		Plans: devPlans, WebhookURL: url + "/api/v1/payments/webhook/", EndpointName: "dev",
		RenewWebhook: d.secrets.WebhookSecret == "",
	})
	if err != nil {
		return fmt.Errorf("set up the offline Stripe: %w", err)
	}
	if setup.WebhookSecret != "" { // shown once, when the endpoint is made
		d.secrets.WebhookSecret = setup.WebhookSecret
		if err := d.secrets.save(c.Dir); err != nil {
			return err
		}
	}
	config := server.Config{
		StripeSecretKey: d.secrets.StripeSecretKey, StripePublishableKey: d.secrets.StripePublishableKey,
		StripeWebhookSecrets: []string{d.secrets.WebhookSecret}, StripeAPIBase: d.simURL,
		DatabaseURL: "sqlite:" + filepath.Join(c.Dir, devDatabase), PublicURL: url, JWTSecret: d.secrets.JWTSecret,
		Logger: d.log, Now: d.sim.Now,
	}
	for i, plan := range devPlans {
		config.Plans = append(config.Plans, payments.Plan{
			ID: plan.PlanID, Name: plan.Name, Rank: i + 1, Prices: []string{setup.Prices[plan.PlanID]},
		})
	}
	service, err := server.New(ctx, config)
	if err != nil {
		return err
	}
	defer service.Close()
	token, err := server.SignToken(server.TokenParams{
		Secret: d.secrets.JWTSecret, TTL: devTokenTTL,
		User: payments.User{ID: devUser, Email: "demo@example.com", Name: "Demo User"},
	})
	if err != nil {
		return err
	}
	return service.Serve(ctx, listener, func(url string) {
		c.welcome(p, url, d.simURL, token)
		announce(p.stdout, url)
	})
}

// welcome tells a newcomer what to try.
func (c *devCommand) welcome(p *process, url, simURL, token string) {
	fmt.Fprintf(p.stdout, `payments is running with an offline Stripe. Nothing leaves this machine.

  API            %[1]s/api/v1/payments/   (described by %[1]s/openapi.json)
  offline Stripe %[2]s
  data           %[3]s
  demo user      %[4]s

Subscribe the demo user, then look:

  TOKEN=%[5]s
  curl -s -X POST %[1]s/api/v1/payments/create-subscription/ \
    -H "Authorization: Bearer $TOKEN" -H "Content-Type: application/json" \
    -d '{"plan": "premium", "payment_method_id": "pm_card_visa"}'
  curl -s %[1]s/api/v1/payments/subscription-status/ -H "Authorization: Bearer $TOKEN"
  curl -s %[1]s/api/v1/payments/billing-history/ -H "Authorization: Bearer $TOKEN"

What Stripe told meanwhile:  %[6]s events list --dir %[3]s
A token for another user:    %[6]s token --user 42 --dir %[3]s

`, url, simURL, c.Dir, devUser, token, p.name)
}
