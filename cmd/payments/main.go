// Command payments is a self-hosted subscription backend on Stripe: the server,
// an offline Stripe to try it with, and the tools to run both.
//
// Results go to standard output, logs and errors to standard error. It exits
// with 0 when done, 1 when something failed, and 2 on wrong usage or
// configuration.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"

	"github.com/numerai-app/payments/server"
)

// commands is the command line.
type commands struct {
	Dev     devCommand     `cmd:"" help:"Run the whole system on this machine, with an offline Stripe and nothing to configure."`
	Serve   serveCommand   `cmd:"" help:"Run the server, configured by the environment or .env."`
	Migrate migrateCommand `cmd:"" help:"Bring the database to this version's schema, or say how far it is."`
	Sim     simCommand     `cmd:"" help:"Run the offline Stripe alone."`
	Token   tokenCommand   `cmd:"" help:"Print a token for a user."`
	Keys    keysCommand    `cmd:"" help:"Make, list and revoke keys for back ends and administrators."`
	Events  eventsCommand  `cmd:"" help:"Look into the audit trail of Stripe's events, and process events again."`
	Version versionCommand `cmd:"" help:"Print the version."`
}

// The exit statuses.
const (
	exitDone   = 0
	exitFailed = 1
	exitUsage  = 2
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends it at once
	p := &process{Context: ctx, name: callName(os.Args[0]), stdout: os.Stdout, stderr: os.Stderr, env: os.LookupEnv}
	os.Exit(run(p, os.Args[1:]))
}

// run is the whole command: it returns the exit status.
func run(p *process, args []string) int {
	status := -1
	parser, err := newParser(p.stdout, p.stderr, func(code int) { status = code })
	if err != nil {
		return exitStatus(err, p.stderr)
	}
	if len(args) == 0 {
		args = []string{"--help"}
	}
	command, err := parser.Parse(args)
	switch {
	case status >= 0: // help was asked for, and printed
		return status
	case err != nil:
		return exitStatus(err, p.stderr)
	}
	command.Bind(p)
	return exitStatus(command.Run(), p.stderr)
}

// newParser makes the parser of the command line. It calls exit after help.
func newParser(stdout, stderr io.Writer, exit func(status int)) (*kong.Kong, error) {
	return kong.New(
		new(commands), kong.Name("payments"), kong.Description("A self-hosted subscription backend on Stripe."),
		kong.Writers(stdout, stderr), kong.Exit(exit), kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
		kong.Vars{"database": server.DefaultDatabaseURL, "dev_dir": devDir},
	)
}

// configurationHelp is the table of environment variables for `serve --help`.
func configurationHelp() string {
	var b strings.Builder
	b.WriteString("Configuration, from the environment or from .env; a secret NAME may come from the file NAME_FILE:\n")
	for _, v := range server.Variables() {
		fmt.Fprintf(&b, "\n  %s: %s", v.Name, v.Help)
		switch {
		case v.Required:
			b.WriteString(" (required)")
		case v.Default != "":
			fmt.Fprintf(&b, " (default: %s)", v.Default)
		}
	}
	return b.String()
}
