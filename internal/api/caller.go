package api

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/numerai-app/payments"
)

// caller is who asks, and for which user.
type caller struct {
	user payments.User
	role payments.Role // empty: the user
}

func callerOf(ctx context.Context) caller {
	c, _ := ctx.Value(callerKey).(caller)
	return c
}

// authenticate is the middleware of operations that act for a user.
func (s *server) authenticate(ctx huma.Context, next func(huma.Context)) {
	who, err := s.caller(ctx)
	if err != nil {
		s.turnAway(ctx, err)
		return
	}
	next(huma.WithValue(ctx, callerKey, who))
}

// authenticateAdmin is the middleware of operations for administrators.
func (s *server) authenticateAdmin(ctx huma.Context, next func(huma.Context)) {
	if err := s.checkAdmin(ctx); err != nil {
		s.turnAway(ctx, err)
		return
	}
	next(ctx)
}

// turnAway answers with an error in a handler's stead.
func (s *server) turnAway(ctx huma.Context, err error) {
	s.fail(ctx.Context(), err)
	p := problemOf(err)
	p.RequestID = requestID(ctx.Context())
	for name, values := range p.header {
		ctx.SetHeader(name, values[0])
	}
	ctx.SetHeader("Content-Type", p.ContentType(""))
	ctx.SetStatus(p.Status)
	_ = s.huma.Marshal(ctx.BodyWriter(), "application/json", p)
}

func unauthenticated(message string) error {
	return &payments.Error{Kind: payments.ErrUnauthenticated, Code: payments.CodeUnauthenticated, Message: message}
}

// bearerOf is the token or the key that came with a request.
func bearerOf(ctx huma.Context) (string, error) {
	scheme, bearer, _ := strings.Cut(ctx.Header("Authorization"), " ")
	bearer = strings.TrimSpace(bearer)
	if !strings.EqualFold(scheme, "Bearer") || bearer == "" {
		return "", unauthenticated("Send a token as Authorization: Bearer ….")
	}
	return bearer, nil
}

// checkAdmin lets keys of administrators pass, and nobody else.
func (s *server) checkAdmin(ctx huma.Context) error {
	bearer, err := bearerOf(ctx)
	if err != nil {
		return err
	}
	role := payments.Role("")
	if payments.IsKey(bearer) {
		key, err := s.Service.AuthenticateKey(ctx.Context(), bearer)
		if err != nil {
			return err
		}
		role = key.Role
	} else if _, err := s.Tokens.Verify(ctx.Context(), bearer); err != nil {
		return err
	}
	if role != payments.RoleAdmin {
		return &payments.Error{Kind: payments.ErrForbidden, Code: payments.CodeForbidden, Message: "This is for keys of administrators."}
	}
	return nil
}

// caller finds out who asks: a user by a token, or a back end by a key and for
// which user.
func (s *server) caller(ctx huma.Context) (caller, error) {
	bearer, err := bearerOf(ctx)
	if err != nil {
		return caller{}, err
	}
	userID := ctx.Header("X-User-Id")
	if !payments.IsKey(bearer) {
		user, err := s.Tokens.Verify(ctx.Context(), bearer)
		if err == nil && userID != "" {
			err = &payments.Error{Kind: payments.ErrForbidden, Code: payments.CodeForbidden, Message: "Only a key may act for a user by X-User-Id."}
		}
		return caller{user: user}, err
	}
	key, err := s.Service.AuthenticateKey(ctx.Context(), bearer)
	if err != nil {
		return caller{}, err
	}
	user := payments.User{ID: userID, Email: optionalEmail(ctx.Header("X-User-Email"))}
	if !payments.ValidUserID(userID) {
		message := "A key acts for a user: say which by X-User-Id, 1 to 200 characters."
		return caller{}, &payments.Error{
			Kind: payments.ErrInvalid, Code: payments.CodeInvalidRequest, Message: message,
			Fields: []payments.FieldError{{Field: "X-User-Id", Message: message}},
		}
	}
	return caller{user: user, role: key.Role}, nil
}

// fail logs an error that has a cause beside what the caller is told, once: as
// an error where it is ours to mend.
func (s *server) fail(ctx context.Context, err error) {
	var told *payments.Error
	if errors.As(err, &told) && told.Err == nil && !errors.Is(err, payments.ErrUnavailable) {
		return
	}
	level := slog.LevelInfo
	switch {
	case ctx.Err() != nil: // the caller has gone, which is no fault of ours
		level = slog.LevelDebug
	case problemOf(err).Status >= http.StatusInternalServerError:
		level = slog.LevelError
	}
	s.Logger.Log(ctx, level, "a request failed", "error", err, "request_id", requestID(ctx))
}
