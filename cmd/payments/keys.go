package main

import (
	"fmt"

	"github.com/numerai-app/payments"
)

type keysCommand struct {
	Create keysCreateCommand `cmd:"" help:"Make a key. It is shown once."`
	List   keysListCommand   `cmd:"" help:"List keys, revoked ones too."`
	Revoke keysRevokeCommand `cmd:"" help:"End a key for good."`
}

type keysCreateCommand struct {
	databaseFlags
	Role string `required:"" enum:"service,admin" placeholder:"ROLE" env:"PAYMENTS_KEYS_ROLE" help:"service (acts for users) or admin (that, and administers)."`
	Name string `placeholder:"NAME" env:"PAYMENTS_KEYS_NAME" help:"What the key is for."`
	JSON bool   `env:"PAYMENTS_JSON" help:"Print it as JSON."`
}

func (c *keysCreateCommand) Run(p *process) error {
	url, err := c.url(p)
	if err != nil {
		return err
	}
	return administer(p, url, func(s *payments.Administration) error {
		key, secret, err := s.CreateKey(p, payments.Role(c.Role), c.Name)
		if err != nil {
			return err
		}
		if c.JSON {
			return printJSON(p.stdout, struct {
				payments.Key
				Secret string `json:"key"`
			}{key, secret})
		}
		fmt.Fprintf(p.stderr, "%s key %s. Keep it safe: it is not shown again.\n", key.Role, key.ID)
		_, err = fmt.Fprintln(p.stdout, secret)
		return err
	})
}

type keysListCommand struct {
	databaseFlags
	JSON bool `env:"PAYMENTS_JSON" help:"Print them as JSON."`
}

func (c *keysListCommand) Run(p *process) error {
	return c.withRecords(p, func(s *payments.Administration) error {
		keys, err := s.Keys(p)
		if err != nil {
			return err
		}
		if c.JSON {
			return printJSON(p.stdout, append([]payments.Key{}, keys...))
		}
		var rows [][]string
		for _, key := range keys {
			rows = append(rows, []string{key.ID, string(key.Role), orDash(key.Name), printTime(&key.CreatedAt), printTime(key.RevokedAt)})
		}
		return printTable(p.stdout, []string{"ID", "ROLE", "NAME", "CREATED", "REVOKED"}, rows)
	})
}

type keysRevokeCommand struct {
	databaseFlags
	ID string `arg:"" help:"The key's id, pkey_…."`
}

func (c *keysRevokeCommand) Run(p *process) error {
	return c.withRecords(p, func(s *payments.Administration) error {
		if err := s.RevokeKey(p, c.ID); err != nil {
			return err
		}
		_, err := fmt.Fprintln(p.stdout, "revoked", c.ID)
		return err
	})
}
