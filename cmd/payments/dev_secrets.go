package main

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// devSecrets are the keys that dev makes up once and keeps.
type devSecrets struct {
	StripeSecretKey      string `json:"stripe_secret_key"`
	StripePublishableKey string `json:"stripe_publishable_key"`
	WebhookSecret        string `json:"webhook_secret,omitempty"`
	JWTSecret            string `json:"jwt_secret"`
}

const devSecretsFile = "secrets.json"

// openDevSecrets reads the keys in a folder, and makes both where they are not there.
func openDevSecrets(dir string) (*devSecrets, error) {
	secrets, err := readDevSecrets(dir)
	if !errors.Is(err, fs.ErrNotExist) {
		return secrets, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the folder for dev: %w", err)
	}
	secrets = &devSecrets{
		StripeSecretKey: "sk_test_" + rand.Text(), StripePublishableKey: "pk_test_" + rand.Text(),
		JWTSecret: rand.Text() + rand.Text(),
	}
	return secrets, secrets.save(dir)
}

func readDevSecrets(dir string) (*devSecrets, error) {
	content, err := os.ReadFile(filepath.Join(dir, devSecretsFile))
	if err != nil {
		return nil, fmt.Errorf("read dev's keys: %w", err)
	}
	secrets := new(devSecrets)
	if err := json.Unmarshal(content, secrets); err != nil {
		return nil, fmt.Errorf("dev's keys in %s are damaged; delete the folder to start anew: %w", dir, err)
	}
	return secrets, nil
}

// save writes the keys so that a crash leaves the old ones or the new ones.
func (s *devSecrets) save(dir string) error {
	content, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return err
	}
	path := filepath.Join(dir, devSecretsFile)
	temporary := path + ".new"
	if err := os.WriteFile(temporary, append(content, '\n'), 0o600); err != nil {
		return fmt.Errorf("keep dev's keys: %w", err)
	}
	if err := os.Rename(temporary, path); err != nil {
		return fmt.Errorf("keep dev's keys: %w", err)
	}
	return nil
}
