package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/alecthomas/kong"

	"github.com/numerai-app/payments"
	"github.com/numerai-app/payments/server"
)

// usageError is a mistake in how a command was called.
type usageError string

func (e usageError) Error() string { return string(e) }

// exitStatus reports an error and says with which status it ends the process.
func exitStatus(err error, stderr io.Writer) int {
	if err == nil {
		return exitDone
	}
	fmt.Fprintln(stderr, "payments:", explain(err))
	var configuration *server.ConfigError
	var usage usageError
	var parsing *kong.ParseError
	if errors.As(err, &configuration) || errors.As(err, &usage) || errors.As(err, &parsing) || errors.Is(err, payments.ErrInvalid) {
		return exitUsage
	}
	return exitFailed
}

// explain tells an error in one line; what is wrong with a configuration in one
// line each.
func explain(err error) string {
	var configuration *server.ConfigError
	if errors.As(err, &configuration) {
		return err.Error()
	}
	var parsing *kong.ParseError
	if errors.As(err, &parsing) {
		return fmt.Sprintf("%s; see %s --help", oneLine(err.Error()), commandPath(parsing.Context))
	}
	text := err.Error()
	var known *payments.Error
	if errors.As(err, &known) && known.Err != nil {
		// What people are told gives way to the cause, which is for operators.
		text = strings.Replace(text, known.Message+": ", "", 1)
		if errors.Is(known, payments.ErrUnavailable) && known.Code != payments.CodeStripeUnavailable {
			text += "; check that the database runs, and its URL"
		}
	}
	return oneLine(text)
}

// commandPath is the command that was called, as far as it was understood.
func commandPath(c *kong.Context) string {
	if selected := c.Selected(); selected != nil {
		return selected.FullPath()
	}
	return c.Model.Name
}

// oneLine puts the lines of a text behind one another.
func oneLine(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		switch {
		case b.Len() == 0:
		case strings.HasSuffix(b.String(), ":"):
			b.WriteString(" ")
		default:
			b.WriteString("; ")
		}
		b.WriteString(line)
	}
	return b.String()
}

// stopped is how a server ended. Being told to stop while it still starts is
// no fault.
func stopped(ctx context.Context, err error) error {
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}
