package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"strings"

	"github.com/joho/godotenv"
)

// process is what a command is given of the outside.
type process struct {
	context.Context
	name   string // how to call this program again
	stdout io.Writer
	stderr io.Writer
	env    lookup // the environment alone
}

// lookup finds a variable.
type lookup func(name string) (value string, ok bool)

// callName is how to call this program again, from how it was called. What
// `go run` builds is gone when it ends.
func callName(arg0 string) string {
	if strings.Contains(filepath.ToSlash(arg0), "/go-build") {
		return "go run ./cmd/payments"
	}
	return arg0
}

// variables are those of the environment and, where it does not set them,
// those of the file .env in the working directory.
func (p *process) variables() (lookup, error) {
	file, err := godotenv.Read(".env")
	var unread *fs.PathError
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return p.env, nil
	case errors.As(err, &unread):
		return nil, fmt.Errorf("the file .env cannot be read: %w", unread.Err)
	case err != nil:
		// The parser quotes the line that it stumbles on, which may be a secret.
		return nil, usageError("the file .env is malformed: it has one NAME=value a line")
	}
	return func(name string) (string, bool) {
		if value, ok := p.env(name); ok {
			return value, true
		}
		value, ok := file[name]
		return value, ok
	}, nil
}
