package main

import (
	"fmt"

	"github.com/numerai-app/payments/server"
)

type migrateCommand struct {
	Up     migrateUpCommand     `cmd:"" default:"withargs" help:"Bring the database to this version's schema (the default)."`
	Status migrateStatusCommand `cmd:"" help:"Say which steps of the schema are done."`
}

type migrateUpCommand struct {
	databaseFlags
}

func (c *migrateUpCommand) Run(p *process) error {
	url, err := c.url(p)
	if err != nil {
		return err
	}
	if err := server.Migrate(p, url); err != nil {
		return err
	}
	_, err = fmt.Fprintln(p.stdout, "the database is up to date")
	return err
}

type migrateStatusCommand struct {
	databaseFlags
	JSON bool `env:"PAYMENTS_JSON" help:"Print it as JSON."`
}

func (c *migrateStatusCommand) Run(p *process) error {
	url, err := c.existingURL(p)
	if err != nil {
		return err
	}
	list, err := server.MigrationStatus(p, url)
	if err != nil {
		return err
	}
	if c.JSON {
		return printJSON(p.stdout, list)
	}
	var rows [][]string
	for _, m := range list {
		done := "no"
		if m.Applied {
			done = "yes"
		}
		rows = append(rows, []string{m.Name, done})
	}
	return printTable(p.stdout, []string{"STEP", "DONE"}, rows)
}
