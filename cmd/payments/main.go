// Command payments is a self-hosted subscription backend on Stripe: the server,
// an offline Stripe to try it with, and the tools to run both.
//
// Results go to standard output, logs and errors to standard error. It exits
// with 0 when done, 1 when something failed, and 2 on wrong usage or
// configuration.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"
	"github.com/joho/godotenv"

	"github.com/numerai-app/payments"
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

// process is what a command is given of the outside.
type process struct {
	context.Context
	stdout io.Writer
	stderr io.Writer
	lookup func(name string) (string, bool)
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
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr, os.LookupEnv))
}

// run is the whole command: it returns the exit status.
func run(ctx context.Context, args []string, stdout, stderr io.Writer, env func(string) (string, bool)) int {
	var cli commands
	status := -1
	parser, err := kong.New(
		&cli, kong.Name("payments"), kong.Description("A self-hosted subscription backend on Stripe."),
		kong.Writers(stdout, stderr), kong.Exit(func(code int) { status = code }),
		kong.UsageOnError(), kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
		kong.Vars{"database": server.DefaultDatabaseURL, "configuration": configurationHelp()},
	)
	if err != nil {
		fmt.Fprintln(stderr, "payments:", err)
		return exitFailed
	}
	if len(args) == 0 {
		args = []string{"--help"}
	}
	command, err := parser.Parse(args)
	switch {
	case status >= 0: // help was asked for, and printed
		return status
	case err != nil:
		fmt.Fprintf(stderr, "payments: %v; see payments --help\n", err)
		return exitUsage
	}
	lookup, err := withDotEnv(env)
	if err != nil {
		fmt.Fprintln(stderr, "payments:", err)
		return exitUsage
	}
	command.Bind(&process{Context: ctx, stdout: stdout, stderr: stderr, lookup: lookup})
	return exitStatus(command.Run(), stderr)
}

// exitStatus reports an error and says with which status it ends the process.
func exitStatus(err error, stderr io.Writer) int {
	if err == nil || errors.Is(err, context.Canceled) {
		return exitDone
	}
	fmt.Fprintln(stderr, "payments:", err)
	var configuration *server.ConfigError
	var usage usageError
	if errors.As(err, &configuration) || errors.As(err, &usage) || errors.Is(err, payments.ErrInvalid) {
		return exitUsage
	}
	return exitFailed
}

// usageError is a mistake in how a command was called.
type usageError string

func (e usageError) Error() string { return string(e) }

// withDotEnv adds the variables of the file .env in the working directory; one
// that is already set wins.
func withDotEnv(env func(string) (string, bool)) (func(string) (string, bool), error) {
	file, err := godotenv.Read(".env")
	if errors.Is(err, fs.ErrNotExist) {
		return env, nil
	} else if err != nil {
		// The parser quotes the line that it stumbles on, which may be a secret.
		return nil, errors.New("the file .env is malformed: it has one NAME=value a line")
	}
	return func(name string) (string, bool) {
		if value, ok := env(name); ok {
			return value, true
		}
		value, ok := file[name]
		return value, ok
	}, nil
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
