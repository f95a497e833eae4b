package server

import (
	"context"
	"errors"
	"log/slog"

	"github.com/numerai-app/payments"
	"github.com/numerai-app/payments/internal/api"
	"github.com/numerai-app/payments/internal/store"
	"github.com/numerai-app/payments/internal/stripe"
)

// Administration looks after the records of a service that may be running
// elsewhere. Close it.
type Administration struct {
	*payments.Administration

	store *store.Store
}

// OpenAdministration opens the records in a database. A SQLite database that
// is not there is made.
func OpenAdministration(ctx context.Context, databaseURL string) (*Administration, error) {
	opened, err := openCurrent(ctx, databaseURL, slog.New(slog.DiscardHandler))
	if err != nil {
		return nil, err
	}
	return &Administration{
		Administration: payments.NewAdministration(payments.Config{Store: opened}), store: opened,
	}, nil
}

// Close closes the database.
func (a *Administration) Close() error { return a.store.Close() }

// Migration is one step of the database's schema.
type Migration = store.Migration

// Migrate brings a database to this version's schema. Several processes may do
// it at once.
func Migrate(ctx context.Context, databaseURL string) error {
	return withStore(ctx, databaseURL, func(s *store.Store) error { return s.Migrate(ctx) })
}

// MigrationStatus lists the steps of the schema and which are done.
func MigrationStatus(ctx context.Context, databaseURL string) (list []Migration, err error) {
	err = withStore(ctx, databaseURL, func(s *store.Store) error {
		list, err = s.Status(ctx)
		return err
	})
	return list, err
}

func withStore(ctx context.Context, url string, fn func(*store.Store) error) error {
	opened, err := open(ctx, url, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	return errors.Join(fn(opened), opened.Close())
}

// TokenParams says what a user's token is to say.
type TokenParams = api.SignParams

// SignToken makes a user's token, as an application that shares
// PAYMENTS_JWT_SECRET would.
func SignToken(p TokenParams) (string, error) { return api.Sign(p) }

// StripeSetup asks for what an account at Stripe needs to have.
type StripeSetup = stripe.Setup

// PlanSetup is one plan of a [StripeSetup].
type PlanSetup = stripe.PlanSetup

// SetupResult is what was found or made.
type SetupResult = stripe.SetupResult

// SetUpStripe makes sure that an account has products and prices for the plans
// and an endpoint for webhooks. It may run again.
func SetUpStripe(ctx context.Context, secretKey, apiBase string, setup StripeSetup) (SetupResult, error) {
	client, err := stripe.New(stripe.Config{SecretKey: secretKey, APIBase: apiBase})
	if err != nil {
		return SetupResult{}, err
	}
	return client.Setup(ctx, setup)
}
