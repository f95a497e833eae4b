package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"syscall"
	"time"

	"github.com/numerai-app/payments/server"
	"github.com/numerai-app/payments/stripesim"
)

type simCommand struct {
	Addr string `default:"127.0.0.1:12111" env:"PAYMENTS_SIM_ADDR" help:"Where the offline Stripe listens."`
	Dir  string `type:"path" env:"PAYMENTS_SIM_DIR" placeholder:"DIR" help:"Keep its state in this folder. Default: in memory only."`

	troubleFlags
}

// troubleFlags say what trouble an offline Stripe makes.
type troubleFlags struct {
	Seed      uint64             `name:"seed" env:"PAYMENTS_SIM_SEED" placeholder:"N" help:"Make a run repeat: the same calls get the same ids and meet the same trouble."`
	Requests  map[string]float64 `name:"trouble" env:"PAYMENTS_SIM_TROUBLE" placeholder:"KIND=RATE;…" help:"How often requests to Stripe meet trouble, as in error=0.01;lost=0.02."`
	Delivered map[string]float64 `name:"webhook-trouble" env:"PAYMENTS_SIM_WEBHOOK_TROUBLE" placeholder:"KIND=RATE;…" help:"How often webhooks meet trouble, as in duplicate=0.1;drop=0.01."`
	RateLimit int                `name:"rate-limit" env:"PAYMENTS_SIM_RATE_LIMIT" placeholder:"N" help:"How many requests a second each Stripe key may make. Default: any number."`
}

// Validate says which flag is wrong, before anything starts.
func (f troubleFlags) Validate() error {
	if f.RateLimit < 0 {
		return errors.New("--rate-limit is how many requests a second, 0 for any number")
	}
	return f.trouble().Validate()
}

func (f troubleFlags) trouble() stripesim.Trouble {
	return stripesim.Trouble{Requests: f.Requests, Deliveries: f.Delivered}
}

// config is that of a simulator which makes this trouble.
func (f troubleFlags) config(dir string, log *slog.Logger) stripesim.Config {
	return stripesim.Config{
		Dir: dir, Logger: log, Seed: f.Seed, RateLimit: f.RateLimit, Trouble: f.trouble(),
	}
}

func (c *simCommand) Run(p *process) (err error) {
	if c.Dir != "" {
		unlock, fault := lockDir(c.Dir)
		if fault != nil {
			return fault
		}
		defer func() { err = errors.Join(err, unlock()) }()
	}
	listener, err := listen(p, "--addr", c.Addr)
	if err != nil {
		return stopped(p, err)
	}
	sim, err := stripesim.New(c.config(c.Dir, newLogger(p.stderr, slog.LevelInfo, "")))
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	fmt.Fprintln(p.stdout, "An offline Stripe. Any sk_test_ key works; point your client's API base at the address below.")
	announce(p.stdout, "http://"+listener.Addr().String())
	return serveSimulator(p, listener, sim)
}

// listen opens the address that a flag gives.
func listen(ctx context.Context, flag, addr string) (net.Listener, error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", addr)
	switch {
	case err == nil:
		return listener, nil
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, fmt.Errorf("another program listens on %s: stop it, or choose another address with %s", addr, flag)
	}
	return nil, fmt.Errorf("choose another address with %s: %w", flag, err)
}

// serveSimulator answers for a simulator until ctx is done and then closes it.
// The listener accepts already, so whoever calls now is answered.
func serveSimulator(ctx context.Context, listener net.Listener, sim *stripesim.Simulator) error {
	err := server.ServeHandler(ctx, listener, sim)
	closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTime)
	defer cancel()
	return errors.Join(err, sim.Close(closing))
}

// closeTime is how long a simulator may take to note what it has not delivered.
const closeTime = 5 * time.Second
