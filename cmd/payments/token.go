package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/numerai-app/payments"
	"github.com/numerai-app/payments/server"
)

type tokenCommand struct {
	User  string        `required:"" placeholder:"ID" help:"The user's id."`
	Email string        `help:"The user's e-mail address, for the token's email claim."`
	Name  string        `help:"The user's name, for the token's name claim."`
	TTL   time.Duration `name:"ttl" default:"1h" help:"How long the token is good for."`
	Dir   string        `type:"path" placeholder:"DIR" help:"Sign with the key that dev keeps in this folder."`
}

// Run prints a token, signed with the key in --dir if that is given, else with
// PAYMENTS_JWT_SECRET, else with the key in dev's default folder.
func (c *tokenCommand) Run(p *process) error {
	if c.TTL <= 0 {
		return usageError("--ttl is how long the token is good for, such as 1h")
	}
	secret, claim, err := c.signing(p)
	if err != nil {
		return err
	}
	token, err := server.SignToken(server.TokenParams{
		Secret: secret, UserClaim: claim, TTL: c.TTL,
		User: payments.User{ID: c.User, Email: c.Email, Name: c.Name},
	})
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(p.stdout, token)
	return err
}

// signing finds the key to sign with, and the claim that names the user.
func (c *tokenCommand) signing(p *process) (secret, claim string, err error) {
	dir := c.Dir
	if dir == "" {
		if secret, ok := p.lookup("PAYMENTS_JWT_SECRET"); ok && secret != "" {
			claim, _ := p.lookup("PAYMENTS_JWT_USER_CLAIM")
			return secret, claim, nil
		}
		dir = devDir
	}
	secrets, err := readDevSecrets(dir)
	if err != nil {
		return "", "", errors.Join(
			errors.New("no key to sign with: set PAYMENTS_JWT_SECRET, or run payments dev first and name its folder with --dir"), err)
	}
	return secrets.JWTSecret, "", nil
}
