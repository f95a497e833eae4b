package main

import (
	"fmt"
	"io"
	"log/slog"
	"os"

	"github.com/numerai-app/payments/server"
)

type serveCommand struct {
	Addr        string `placeholder:"ADDR" help:"Where the API listens ($PAYMENTS_ADDR)."`
	OpsAddr     string `placeholder:"ADDR" help:"Where health and profiles are served ($PAYMENTS_OPS_ADDR)."`
	DatabaseURL string `name:"database-url" placeholder:"URL" help:"The database ($DATABASE_URL)."`
	PublicURL   string `placeholder:"URL" help:"Base of the links that leave the service ($PAYMENTS_PUBLIC_URL)."`
	LogLevel    string `placeholder:"LEVEL" help:"debug, info, warn or error ($PAYMENTS_LOG_LEVEL)."`
	LogFormat   string `placeholder:"FORMAT" help:"text or json ($PAYMENTS_LOG_FORMAT)."`
}

// Help lists the environment variables behind --help.
func (c *serveCommand) Help() string { return configurationHelp() }

func (c *serveCommand) Run(p *process) error {
	config, err := server.LoadConfig(c.over(p.lookup))
	if err != nil {
		return err
	}
	config.Logger = newLogger(p.stderr, config.LogLevel, config.LogFormat)
	service, err := server.New(p, config)
	if err != nil {
		return err
	}
	defer service.Close()
	return service.ListenAndServe(p, func(url string) { announce(p.stdout, url) })
}

// over puts the flags that were given over the environment.
func (c *serveCommand) over(lookup func(string) (string, bool)) func(string) (string, bool) {
	flags := map[string]string{
		"PAYMENTS_ADDR": c.Addr, "PAYMENTS_OPS_ADDR": c.OpsAddr, "DATABASE_URL": c.DatabaseURL,
		"PAYMENTS_PUBLIC_URL": c.PublicURL, "PAYMENTS_LOG_LEVEL": c.LogLevel, "PAYMENTS_LOG_FORMAT": c.LogFormat,
	}
	return func(name string) (string, bool) {
		if value := flags[name]; value != "" {
			return value, true
		}
		return lookup(name)
	}
}

// announce tells programs and people that requests are accepted.
func announce(w io.Writer, url string) { fmt.Fprintln(w, "ready", url) }

// newLogger logs as text on a terminal and else as JSON, if the format does
// not say which.
func newLogger(w io.Writer, level slog.Level, format string) *slog.Logger {
	options := &slog.HandlerOptions{Level: level}
	if format == "text" || format == "" && isTerminal(w) {
		return slog.New(slog.NewTextHandler(w, options))
	}
	return slog.New(slog.NewJSONHandler(w, options))
}

func isTerminal(w io.Writer) bool {
	file, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := file.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
