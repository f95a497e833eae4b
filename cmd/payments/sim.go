package main

import (
	"errors"
	"fmt"
	"log/slog"

	"github.com/numerai-app/payments/stripesim"
)

type simCommand struct {
	Addr string `default:"127.0.0.1:12111" env:"PAYMENTS_SIM_ADDR" help:"Where the offline Stripe listens."`
	Dir  string `type:"path" env:"PAYMENTS_SIM_DIR" placeholder:"DIR" help:"Keep its state in this folder. Default: in memory only."`
}

func (c *simCommand) Run(p *process) (err error) {
	if c.Dir != "" {
		unlock, err := lockDir(c.Dir)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, unlock()) }()
	}
	sim, err := stripesim.New(stripesim.Config{Dir: c.Dir, Logger: newLogger(p.stderr, slog.LevelInfo, "")})
	if err != nil {
		return err
	}
	fmt.Fprintln(p.stdout, "An offline Stripe. Any sk_test_ key works; point your client's API base at the address below.")
	return serveHTTP(p, c.Addr, sim, sim, func(url string) { announce(p.stdout, url) })
}
