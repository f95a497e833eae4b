package payments

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"
)

// Endpoint is where a host application hears of outbound events.
type Endpoint struct {
	ID          string `json:"id"` // ours, pep_…
	URL         string `json:"url"`
	Description string `json:"description"`
	// Types are the kinds of events that it hears, sorted; none: all.
	Types []OutboundType `json:"types"`
	// Secret signs what is sent, whsec_…. PreviousSecret signs beside it until
	// PreviousSecretUntil, so that a host can change from one to the other.
	Secret              string     `json:"-"`
	PreviousSecret      string     `json:"-"`
	PreviousSecretUntil *time.Time `json:"previous_secret_until"`
	// DisabledAt is when it was disabled, for DisabledReason; nil: it is enabled.
	DisabledAt     *time.Time `json:"disabled_at"`
	DisabledReason string     `json:"disabled_reason"`
	// Failures counts the attempts that failed one after the other, and
	// FailingSince is when the first of them did; nil: the last one went well.
	Failures     int        `json:"failures"`
	FailingSince *time.Time `json:"failing_since"`
	// RestsUntil is when it is tried again, after several failures.
	RestsUntil *time.Time `json:"rests_until"`
	CreatedAt  time.Time  `json:"created_at"`
	UpdatedAt  time.Time  `json:"updated_at"`
}

// hears says whether an event of that type is to be delivered to the endpoint.
func (e *Endpoint) hears(kind OutboundType) bool {
	return e.DisabledAt == nil && (len(e.Types) == 0 || slices.Contains(e.Types, kind))
}

// secrets are those that sign at that time, the current one first.
func (e *Endpoint) secrets(now time.Time) []string {
	list := []string{e.Secret}
	if e.PreviousSecretUntil != nil && now.Before(*e.PreviousSecretUntil) {
		list = append(list, e.PreviousSecret)
	}
	return list
}

// enable starts anew: what was wrong with the endpoint before does not count.
func (e *Endpoint) enable() {
	e.DisabledAt, e.DisabledReason = nil, ""
	e.forgive()
}

// disable ends all deliveries to the endpoint until somebody enables it.
func (e *Endpoint) disable(now time.Time, reason string) {
	e.DisabledAt, e.DisabledReason = &now, reason
}

// forgive forgets failures.
func (e *Endpoint) forgive() { e.Failures, e.FailingSince, e.RestsUntil = 0, nil, nil }

// The reasons for which an endpoint is disabled.
const (
	disabledByAdmin = "disabled by an administrator"
	disabledGone    = "the endpoint answered 410 Gone"
	disabledFailing = "every attempt failed for five days"
)

// The limits of endpoints.
const (
	// MaxEndpoints is the number of endpoints: each event goes to all of them.
	MaxEndpoints = 20
	// MaxEndpointURLLength and MaxEndpointDescriptionLength are in bytes.
	MaxEndpointURLLength         = 2000
	MaxEndpointDescriptionLength = 500
	// MaxSecretOverlap is how long the previous secret may sign beside a new one.
	MaxSecretOverlap = 7 * 24 * time.Hour
)

// CreateEndpointParams says what endpoint to make.
type CreateEndpointParams struct {
	// URL is where events are posted to, http or https.
	URL string
	// Description is for people. May be empty.
	Description string
	// Types are the kinds of events to hear. None: all.
	Types []OutboundType
}

// CreateEndpoint makes an endpoint, which hears of what happens from now on.
// Its secret is shown here and never again.
func (a *Administration) CreateEndpoint(ctx context.Context, p CreateEndpointParams) (Endpoint, error) {
	endpoint := Endpoint{ID: a.newID(prefixEndpoint), URL: p.URL, Description: p.Description, Types: kinds(p.Types), CreatedAt: a.now()}
	endpoint.UpdatedAt = endpoint.CreatedAt
	if faults := endpoint.faults(); len(faults) > 0 {
		return Endpoint{}, invalid(faults...)
	}
	var err error
	if endpoint.Secret, err = newEndpointSecret(); err != nil {
		return Endpoint{}, err
	}
	err = a.store.Update(ctx, func(tx Tx) error {
		known, err := tx.Endpoints(ctx)
		if err != nil {
			return err
		}
		if len(known) >= MaxEndpoints {
			return &Error{Kind: ErrConflict, Code: CodeTooManyEndpoints, Message: fmt.Sprintf("There are %d endpoints already, and not more are possible.", len(known))}
		}
		return tx.PutEndpoint(ctx, endpoint)
	})
	if err != nil {
		return Endpoint{}, fmt.Errorf("make an endpoint: %w", err)
	}
	return endpoint, nil
}

// kinds are types in order, each once.
func kinds(types []OutboundType) []OutboundType {
	sorted := append([]OutboundType{}, types...)
	slices.Sort(sorted)
	return slices.Compact(sorted)
}

// faults says what is wrong with what an administrator wants.
func (e *Endpoint) faults() []FieldError {
	var faults []FieldError
	if problem := urlProblem(e.URL); problem != "" {
		faults = append(faults, FieldError{"url", problem})
	}
	if len(e.Description) > MaxEndpointDescriptionLength {
		faults = append(faults, FieldError{"description", "A description has 500 bytes at most."})
	}
	for _, kind := range e.Types {
		if !slices.Contains(outboundTypes, kind) {
			faults = append(faults, FieldError{"types", "A type is one of " + joinTypes(outboundTypes) + "."})
			break
		}
	}
	return faults
}

func joinTypes(types []OutboundType) string {
	words := make([]string, len(types))
	for i, kind := range types {
		words[i] = string(kind)
	}
	return strings.Join(words, ", ")
}

// urlProblem says what is wrong with the URL of an endpoint. Any host will do:
// only administrators name them, and a host application is often a neighbour
// in a private network.
func urlProblem(text string) string {
	parsed, err := url.Parse(text)
	switch {
	case text == "":
		return "An endpoint needs a URL."
	case len(text) > MaxEndpointURLLength:
		return "A URL has 2000 bytes at most."
	case err != nil || parsed.Hostname() == "" || parsed.Opaque != "":
		return "This is no URL such as https://app.example.com/hooks/payments."
	case parsed.Scheme != "https" && parsed.Scheme != "http":
		return "A URL begins with https:// or http://."
	case parsed.User != nil:
		return "A URL has no user or password in it: what is sent is signed."
	case parsed.Fragment != "":
		return "A URL has no # part: it is never sent."
	}
	return ""
}

// newEndpointSecret makes a secret as Standard Webhooks has it.
func newEndpointSecret() (string, error) {
	var random [32]byte
	if _, err := rand.Read(random[:]); err != nil {
		return "", fmt.Errorf("make a secret: %w", err)
	}
	return "whsec_" + base64.StdEncoding.EncodeToString(random[:]), nil
}

// Endpoints lists all endpoints, oldest first, disabled ones too.
func (a *Administration) Endpoints(ctx context.Context) (endpoints []Endpoint, err error) {
	err = a.store.View(ctx, func(tx Tx) error {
		endpoints, err = tx.Endpoints(ctx)
		return err
	})
	return endpoints, err
}

// Endpoint is one endpoint. An unknown id is ErrNotFound.
func (a *Administration) Endpoint(ctx context.Context, id string) (endpoint Endpoint, err error) {
	err = a.store.View(ctx, func(tx Tx) error {
		endpoint, err = tx.Endpoint(ctx, id)
		return err
	})
	return endpoint, err
}

// UpdateEndpointParams says what to change of an endpoint. What is nil stays.
type UpdateEndpointParams struct {
	URL         *string
	Description *string
	Types       *[]OutboundType
	// Enabled says whether it is to hear events; enabling it forgets failures.
	Enabled *bool
}

// UpdateEndpoint changes an endpoint. An unknown id is ErrNotFound.
func (a *Administration) UpdateEndpoint(ctx context.Context, id string, p UpdateEndpointParams) (Endpoint, error) {
	return a.changeEndpoint(ctx, id, func(e *Endpoint) error {
		if p.URL != nil {
			e.URL = *p.URL
		}
		if p.Description != nil {
			e.Description = *p.Description
		}
		if p.Types != nil {
			e.Types = kinds(*p.Types)
		}
		switch {
		case p.Enabled == nil:
		case *p.Enabled:
			e.enable()
		case e.DisabledAt == nil:
			e.disable(a.now(), disabledByAdmin)
		}
		if faults := e.faults(); len(faults) > 0 {
			return invalid(faults...)
		}
		return nil
	})
}

// RotateEndpointSecret gives an endpoint a new secret, which is shown here and
// never again. The old one signs beside it for that long; zero: not at all. An
// unknown id is ErrNotFound.
func (a *Administration) RotateEndpointSecret(ctx context.Context, id string, overlap time.Duration) (Endpoint, error) {
	if overlap < 0 || overlap > MaxSecretOverlap {
		return Endpoint{}, invalid(FieldError{"overlap_hours", "The old secret stays good for 0 to 168 hours."})
	}
	secret, err := newEndpointSecret()
	if err != nil {
		return Endpoint{}, err
	}
	return a.changeEndpoint(ctx, id, func(e *Endpoint) error {
		e.PreviousSecret, e.PreviousSecretUntil = "", nil
		if overlap > 0 {
			until := a.now().Add(overlap)
			e.PreviousSecret, e.PreviousSecretUntil = e.Secret, &until
		}
		e.Secret = secret
		return nil
	})
}

func (a *Administration) changeEndpoint(ctx context.Context, id string, change func(*Endpoint) error) (endpoint Endpoint, err error) {
	err = a.store.Update(ctx, func(tx Tx) error {
		if endpoint, err = tx.Endpoint(ctx, id); err != nil {
			return err
		}
		if err := change(&endpoint); err != nil {
			return err
		}
		endpoint.UpdatedAt = a.now()
		return tx.PutEndpoint(ctx, endpoint)
	})
	if err != nil {
		return Endpoint{}, fmt.Errorf("change endpoint %s: %w", id, err)
	}
	return endpoint, nil
}

// DeleteEndpoint deletes an endpoint and the record of its deliveries. An
// unknown id is ErrNotFound.
func (a *Administration) DeleteEndpoint(ctx context.Context, id string) error {
	err := a.store.Update(ctx, func(tx Tx) error {
		if _, err := tx.Endpoint(ctx, id); err != nil {
			return err
		}
		return tx.DeleteEndpoint(ctx, id)
	})
	if err != nil {
		return fmt.Errorf("delete endpoint %s: %w", id, err)
	}
	return nil
}
