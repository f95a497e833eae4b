package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/numerai-app/payments"
	"github.com/numerai-app/payments/server"
)

// databaseFlags say which database a command reads.
type databaseFlags struct {
	DatabaseURL string `name:"database-url" placeholder:"URL" help:"The database: sqlite:PATH or postgres://… ($DATABASE_URL; default ${database})."`
	Dir         string `type:"path" placeholder:"DIR" help:"Read the database that dev keeps in this folder."`
}

// url is the database's. --dir comes first, then --database-url, then the
// environment.
func (f databaseFlags) url(p *process) (string, error) {
	switch {
	case f.Dir != "" && f.DatabaseURL != "":
		return "", usageError("--dir and --database-url name two databases: give one")
	case f.Dir != "":
		return devDatabaseURL(f.Dir)
	case f.DatabaseURL != "":
		return f.DatabaseURL, nil
	}
	if url, ok := p.lookup("DATABASE_URL"); ok && url != "" {
		return url, nil
	}
	return server.DefaultDatabaseURL, nil
}

// devDatabaseURL is the database that dev keeps under a folder, which must exist.
func devDatabaseURL(dir string) (string, error) {
	path := filepath.Join(dir, devDatabase)
	if _, err := os.Stat(path); err != nil {
		return "", fmt.Errorf("no database in %s: run payments dev --dir %s first", dir, dir)
	}
	return "sqlite:" + path, nil
}

// withAdministration runs fn on the service's records. It needs no
// configuration beside the database.
func (f databaseFlags) withAdministration(p *process, fn func(*payments.Administration) error) error {
	url, err := f.url(p)
	if err != nil {
		return err
	}
	administration, err := server.OpenAdministration(p, url)
	if err != nil {
		return err
	}
	defer administration.Close()
	return fn(administration.Administration)
}
