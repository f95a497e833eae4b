package server

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/numerai-app/payments"
	"github.com/numerai-app/payments/internal/api"
	"github.com/numerai-app/payments/internal/jobs"
	"github.com/numerai-app/payments/internal/metrics"
	"github.com/numerai-app/payments/internal/outbound"
	"github.com/numerai-app/payments/internal/store"
	"github.com/numerai-app/payments/internal/stripe"
	"github.com/numerai-app/payments/internal/tracing"
)

// StripeAPIVersion is the version of Stripe's API in which calls are made.
const StripeAPIVersion = stripe.APIVersion

// Server is the whole service. Make it with [New], end it with Close.
type Server struct {
	config  Config
	log     *slog.Logger
	store   *store.Store
	service *payments.Service
	worker  store.Worker
	metrics *metrics.Metrics
	tracing *tracing.Tracing // nil: off
	handler http.Handler
}

// New makes the service: it opens the database and checks that its schema is
// this version's (a SQLite database is brought up to date, for PostgreSQL that
// is `payments migrate`). Nothing runs yet. A wrong configuration is a
// [*ConfigError] that names all its faults.
func New(ctx context.Context, c Config) (*Server, error) {
	if faults := c.faults(); len(faults) > 0 {
		return nil, &ConfigError{Faults: unique(faults)}
	}
	c.DatabaseURL = cmp.Or(c.DatabaseURL, DefaultDatabaseURL)
	c.Addr = cmp.Or(c.Addr, defaultAddr)
	if c.PublicURL == "" {
		c.PublicURL = "http://" + c.Addr
	}
	s := &Server{config: c, log: c.Logger}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	var err error
	s.tracing, err = tracing.New(ctx, tracing.Config{Endpoint: c.TracesEndpoint, Version: c.Version, Logger: s.log})
	if err != nil {
		return nil, err
	}
	s.log = s.tracing.Logger(s.log)
	if s.store, err = openCurrent(ctx, c.DatabaseURL, s.log); err != nil {
		return nil, err
	}
	if err := s.connect(); err != nil {
		return nil, errors.Join(err, s.store.Close())
	}
	return s, nil
}

// connect puts the parts together.
func (s *Server) connect() error {
	c := s.config
	plans, err := payments.NewPlans(c.Plans)
	if err != nil {
		return fmt.Errorf("read the plans: %w", err)
	}
	s.metrics = metrics.New(metrics.Config{
		EventTypes: stripe.HandledEventTypes(), Version: c.Version, Commit: c.Commit, StripeAPIVersion: StripeAPIVersion, Now: c.Now,
	})
	client, err := stripe.New(stripe.Config{
		SecretKey: c.StripeSecretKey, APIBase: c.StripeAPIBase, WebhookSecrets: c.StripeWebhookSecrets, Rate: c.StripeRate,
		OnCall: s.countCall, Wrap: s.tracing.Transport, Logger: s.log,
	})
	if err != nil {
		return fmt.Errorf("connect to Stripe: %w", err)
	}
	s.service, err = payments.New(payments.Config{
		Store: s.tracing.Store(s.store), Stripe: client, Background: client.Patient(), PollOnly: c.WebhooksOff,
		Messenger: s.tracing.Messenger(outbound.New(outbound.Config{})), Plans: plans, GracePeriod: c.GracePeriod,
		EventRetention: c.EventRetention, Now: c.Now, Logger: s.log, Observer: s.metrics,
	})
	if err != nil {
		return err
	}
	s.metrics.Watch(s.service, client.Waiting)
	pollInterval := payments.PollInterval
	if c.WebhooksOff {
		pollInterval = payments.PollOnlyInterval
	}
	if s.worker, err = s.store.Jobs(s.tracing.Jobs(jobs.Config(s.service, s.log, pollInterval))); err != nil {
		return fmt.Errorf("prepare the jobs: %w", err)
	}
	tokens, err := api.NewTokens(api.TokensConfig{
		Secret: []byte(c.JWTSecret), JWKSURL: c.JWTKeysURL, Issuer: c.JWTIssuer, Audience: c.JWTAudience,
		UserClaim: c.JWTUserClaim, Logger: s.log,
	})
	if err != nil {
		return fmt.Errorf("prepare the check of tokens: %w", err)
	}
	handler, err := api.New(api.Config{
		Service: s.service, Tokens: tokens, PublishableKey: c.StripePublishableKey, PublicURL: c.PublicURL,
		CORSOrigins: c.CORSOrigins, WebhooksOff: c.WebhooksOff, OnRequest: s.countRequest, Logger: s.log,
	})
	if err != nil {
		return fmt.Errorf("prepare the API: %w", err)
	}
	s.handler = s.tracing.Handler(handler)
	return nil
}

func (s *Server) countCall(c stripe.Call) {
	s.metrics.Call(metrics.Exchange{Path: c.Resource, Method: c.Method, Status: c.Status, Took: c.Took})
}

func (s *Server) countRequest(ctx context.Context, r api.Request) {
	tracing.Answered(ctx, r.Method, r.Route, r.Status)
	s.metrics.Request(metrics.Exchange{Path: r.Route, Method: r.Method, Status: r.Status, Took: r.Took})
}

// openCurrent opens a database whose schema is this version's, or can be made
// so at once.
func openCurrent(ctx context.Context, url string, log *slog.Logger) (*store.Store, error) {
	opened, err := open(ctx, url, log)
	if err != nil {
		return nil, err
	}
	if strings.HasPrefix(url, "sqlite:") {
		err = opened.Migrate(ctx)
	}
	if err == nil {
		err = opened.CheckSchema(ctx)
	}
	if err != nil {
		return nil, errors.Join(err, opened.Close())
	}
	return opened, nil
}

// open opens a database as it is. A URL that can be none is a [*ConfigError].
func open(ctx context.Context, url string, log *slog.Logger) (*store.Store, error) {
	if err := store.CheckURL(url); err != nil {
		return nil, &ConfigError{Faults: []string{"DATABASE_URL " + err.Error()}}
	}
	return store.Open(ctx, url, store.Options{Logger: log})
}

// Payments is the service itself, for Go programs: all that HTTP can do.
func (s *Server) Payments() *payments.Service { return s.service }

// Handler is the HTTP API, with /openapi.json, /healthz and /readyz beside it.
func (s *Server) Handler() http.Handler { return s.handler }

// OpsHandler is what operators see, and nobody else should: /metrics,
// /healthz, /readyz and /debug/pprof/.
func (s *Server) OpsHandler() http.Handler { return s.opsHandler() }

// Run works the jobs until ctx is done, then lets those that are under way
// finish. Without it nothing is read from Stripe or tried again. It waits a
// minute for a database that has just gone away, and then it is an error.
func (s *Server) Run(ctx context.Context) error {
	if err := s.begin(ctx); err != nil {
		return err
	}
	<-ctx.Done()
	stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTime)
	defer cancel()
	if err := s.worker.Stop(stopping); err != nil {
		return fmt.Errorf("stop the jobs: %w", err)
	}
	return nil
}

const (
	// beginTime is how long the jobs are tried to be started.
	beginTime  = time.Minute
	beginPause = time.Second
)

// begin starts the jobs, again while that fails.
func (s *Server) begin(ctx context.Context) error {
	giveUp := time.NewTimer(beginTime)
	defer giveUp.Stop()
	for {
		err := s.tryBegin(ctx)
		if err == nil || ctx.Err() != nil {
			return err
		}
		s.log.WarnContext(ctx, "the jobs could not be started; trying again", "error", err)
		select {
		case <-giveUp.C:
			return err
		case <-ctx.Done():
			return err
		case <-time.After(beginPause):
		}
	}
}

func (s *Server) tryBegin(ctx context.Context) error {
	if err := s.service.AdoptPlans(ctx); err != nil {
		return err
	}
	s.service.PreparePayloads(ctx)
	if err := s.worker.Start(context.WithoutCancel(ctx)); err != nil {
		return fmt.Errorf("start the jobs: %w", err)
	}
	return nil
}

// Close closes the database, and sends the last traces. Run must have returned.
func (s *Server) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), flushTime)
	defer cancel()
	if err := s.tracing.Close(ctx); err != nil { // a collector that is gone is no fault of ours
		s.log.Warn("the last traces are lost", "error", err)
	}
	return s.store.Close()
}

// flushTime is how long the last traces may take to be sent.
const flushTime = 5 * time.Second
