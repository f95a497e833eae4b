package main

import (
	"fmt"
	"runtime/debug"

	"github.com/numerai-app/payments/server"
)

// The linker sets these; without it they come from the build's own record.
var (
	version = ""
	commit  = ""
)

type versionCommand struct {
	JSON bool `env:"PAYMENTS_JSON" help:"Print it as JSON."`
}

// build is what a binary says of itself.
type build struct {
	Version          string `json:"version"`
	Commit           string `json:"commit"`
	StripeAPIVersion string `json:"stripe_api_version"`
}

func thisBuild() build {
	b := build{Version: version, Commit: commit, StripeAPIVersion: server.StripeAPIVersion}
	info, ok := debug.ReadBuildInfo()
	if ok && b.Version == "" {
		b.Version = info.Main.Version
	}
	for i := 0; ok && b.Commit == "" && i < len(info.Settings); i++ {
		if info.Settings[i].Key == "vcs.revision" {
			b.Commit = info.Settings[i].Value
		}
	}
	if b.Version == "" || b.Version == "(devel)" {
		b.Version = "development"
	}
	if b.Commit == "" {
		b.Commit = "unknown"
	}
	return b
}

func (c *versionCommand) Run(p *process) error {
	b := thisBuild()
	if c.JSON {
		return printJSON(p.stdout, b)
	}
	_, err := fmt.Fprintf(p.stdout, "payments %s (commit %s, Stripe API %s)\n", b.Version, b.Commit, b.StripeAPIVersion)
	return err
}
