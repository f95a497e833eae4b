package main

import (
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/numerai-app/payments"
	"github.com/numerai-app/payments/server"
)

type tokenCommand struct {
	User  string        `required:"" placeholder:"ID" env:"PAYMENTS_TOKEN_USER" help:"The user's id."`
	Email string        `placeholder:"ADDRESS" env:"PAYMENTS_TOKEN_EMAIL" help:"The user's e-mail address, for the token's email claim."`
	Name  string        `placeholder:"NAME" env:"PAYMENTS_TOKEN_NAME" help:"The user's name, for the token's name claim."`
	TTL   time.Duration `name:"ttl" default:"1h" env:"PAYMENTS_TOKEN_TTL" help:"How long the token is good for."`
	Dir   string        `type:"path" placeholder:"DIR" help:"Sign with the key that dev keeps in this folder ($PAYMENTS_DEV_DIR; default ${dev_dir})."`
}

// Help says which key is taken.
func (c *tokenCommand) Help() string {
	return "It is signed with the key that dev keeps in --dir if that is given, else with PAYMENTS_JWT_SECRET, " +
		"else with the key in dev's default folder."
}

// Run prints a token, signed with the key in --dir if that is given, else with
// PAYMENTS_JWT_SECRET, else with the key in dev's default folder.
func (c *tokenCommand) Run(p *process) error {
	switch {
	case !payments.ValidUserID(c.User):
		return usageError("--user is a user's id: 1 to 200 characters, none of them a control character")
	case c.TTL <= 0:
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
		return usageError(err.Error()) // the secret is too short
	}
	_, err = fmt.Fprintln(p.stdout, token)
	return err
}

// signing finds the key to sign with, and the claim that names the user.
func (c *tokenCommand) signing(p *process) (secret, claim string, err error) {
	dir := c.Dir
	if dir == "" {
		variables, err := p.variables()
		if err != nil {
			return "", "", err
		}
		if secret, err = server.ReadVariable(variables, "PAYMENTS_JWT_SECRET"); err != nil || secret != "" {
			claim, _ = variables("PAYMENTS_JWT_USER_CLAIM")
			return secret, claim, err
		}
		if dir, _ = p.env("PAYMENTS_DEV_DIR"); dir == "" {
			dir = devDir
		}
	}
	secrets, err := readDevSecrets(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return "", "", usageError(fmt.Sprintf(
			"no key to sign with in %s: set PAYMENTS_JWT_SECRET, or run payments dev first and name its folder with --dir", dir))
	} else if err != nil {
		return "", "", err
	}
	return secrets.JWTSecret, "", nil
}
