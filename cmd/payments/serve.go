package main

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"runtime/debug"
	"strings"
	"syscall"

	"github.com/numerai-app/payments/server"
)

type serveCommand struct {
	Addr        *string `placeholder:"ADDR" help:"Where the API listens ($PAYMENTS_ADDR)."`
	OpsAddr     *string `placeholder:"ADDR" help:"Where metrics, health and profiles are served; empty: nowhere ($PAYMENTS_OPS_ADDR)."`
	DatabaseURL *string `name:"database-url" placeholder:"URL" help:"The database ($DATABASE_URL)."`
	PublicURL   *string `placeholder:"URL" help:"Base of the links that leave the service ($PAYMENTS_PUBLIC_URL)."`
	LogLevel    *string `placeholder:"LEVEL" help:"debug, info, warn or error ($PAYMENTS_LOG_LEVEL)."`
	LogFormat   *string `placeholder:"FORMAT" help:"text or json ($PAYMENTS_LOG_FORMAT)."`
}

// Help lists the environment variables behind --help.
func (c *serveCommand) Help() string { return configurationHelp() }

func (c *serveCommand) Run(p *process) error {
	variables, err := p.variables()
	if err != nil {
		return err
	}
	config, err := server.LoadConfig(c.over(variables))
	if err != nil {
		return err
	}
	collectRarely()
	config.Logger = newLogger(p.stderr, config.LogLevel, config.LogFormat)
	running := thisBuild()
	config.Version, config.Commit = running.Version, running.Commit
	service, err := server.New(p, config)
	if err != nil {
		return stopped(p, err)
	}
	defer service.Close()
	err = service.ListenAndServe(p, func(url string) { announce(p.stdout, url) })
	if errors.Is(err, syscall.EADDRINUSE) {
		return fmt.Errorf("%w: stop the program that listens there, or choose another address with --addr or --ops-addr", err)
	}
	return stopped(p, err)
}

// rarely is how much the heap may grow before garbage is collected, in percent.
// What lives long is a few megabytes, and every event leaves some hundred
// kilobytes behind: at Go's 100 a sixth of the processor would be spent on it.
const rarely = 400

// collectRarely sets that, unless GOGC says otherwise.
func collectRarely() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(rarely)
	}
}

// over puts the flags that were given over the environment.
func (c *serveCommand) over(variables lookup) lookup {
	flags := map[string]*string{
		"PAYMENTS_ADDR": c.Addr, "PAYMENTS_OPS_ADDR": c.OpsAddr, "DATABASE_URL": c.DatabaseURL,
		"PAYMENTS_PUBLIC_URL": c.PublicURL, "PAYMENTS_LOG_LEVEL": c.LogLevel, "PAYMENTS_LOG_FORMAT": c.LogFormat,
	}
	return func(name string) (string, bool) {
		if value := flags[name]; value != nil {
			return *value, true
		}
		// A flag comes before the file of a secret, too.
		if secret, inFile := strings.CutSuffix(name, "_FILE"); inFile && flags[secret] != nil {
			return "", false
		}
		return variables(name)
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
