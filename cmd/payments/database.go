package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/numerai-app/payments"
	"github.com/numerai-app/payments/server"
)

// databaseFlags say which database a command works on.
type databaseFlags struct {
	DatabaseURL string `name:"database-url" placeholder:"URL" help:"The database: sqlite:PATH or postgres://… ($DATABASE_URL; default ${database})."`
	Dir         string `type:"path" placeholder:"DIR" help:"Take the database that dev keeps in this folder ($PAYMENTS_DEV_DIR)."`
}

// url is the database's. A flag comes before the environment; two databases
// are a mistake, since the wrong one of them may be changed.
func (f databaseFlags) url(p *process) (string, error) {
	url, dir := f.DatabaseURL, f.Dir
	if url == "" && dir == "" {
		variables, err := p.variables()
		if err != nil {
			return "", err
		}
		if url, err = server.ReadVariable(variables, "DATABASE_URL"); err != nil {
			return "", err
		}
		dir, _ = p.env("PAYMENTS_DEV_DIR")
		if url != "" && dir != "" {
			return "", usageError("DATABASE_URL and PAYMENTS_DEV_DIR name two databases: say which, with --database-url or --dir")
		}
	}
	switch {
	case url != "" && dir != "":
		return "", usageError("--dir and --database-url name two databases: give one")
	case dir != "":
		return devDatabaseURL(dir)
	case url != "":
		return url, nil
	}
	return server.DefaultDatabaseURL, nil
}

// existingURL is url for a command that only looks: it makes no new, empty
// SQLite database where one was misspelled.
func (f databaseFlags) existingURL(p *process) (string, error) {
	url, err := f.url(p)
	if err != nil {
		return "", err
	}
	path, isSQLite := strings.CutPrefix(url, "sqlite:")
	if _, err := os.Stat(path); isSQLite && path != "" && errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("there is no database %s: name one with --database-url, or with --dir the one that dev keeps", path)
	}
	return url, nil
}

// devDatabaseURL is the database that dev keeps under a folder, which must exist.
func devDatabaseURL(dir string) (string, error) {
	path := filepath.Join(dir, devDatabase)
	if _, err := os.Stat(path); err != nil {
		return "", fmt.Errorf("no database in %[1]s: run payments dev --dir %[1]s first", dir)
	}
	return "sqlite:" + path, nil
}

// withRecords runs fn on the service's records, which must be there. It needs
// no configuration beside the database.
func (f databaseFlags) withRecords(p *process, fn func(*payments.Administration) error) error {
	url, err := f.existingURL(p)
	if err != nil {
		return err
	}
	return administer(p, url, fn)
}

// administer runs fn on the records in a database.
func administer(p *process, url string, fn func(*payments.Administration) error) (err error) {
	administration, err := server.OpenAdministration(p, url)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, administration.Close()) }()
	return fn(administration.Administration)
}
