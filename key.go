package payments

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strings"
	"time"
)

// Role is what a key may do.
type Role string

// The roles of keys.
const (
	// RoleService acts for users.
	RoleService Role = "service"
	// RoleAdmin may do all that RoleService may, and administer.
	RoleAdmin Role = "admin"
)

// Key is a key of a back end or an administrator, without its secret: that is
// shown once and stored hashed.
type Key struct {
	ID        string     `json:"id"` // ours, pkey_…
	Role      Role       `json:"role"`
	Name      string     `json:"name"`
	Hash      string     `json:"-"` // SHA-256 of the secret, in hex
	CreatedAt time.Time  `json:"created_at"`
	RevokedAt *time.Time `json:"revoked_at"`
}

// MaxKeyNameLength is the number of bytes that the name of a key may have.
const MaxKeyNameLength = 200

// CreateKey makes a key and returns it with its secret, such as
// payments_service_…, which nobody can read again.
func (a *Administration) CreateKey(ctx context.Context, role Role, name string) (Key, string, error) {
	if role != RoleService && role != RoleAdmin {
		return Key{}, "", invalid(FieldError{"role", "A role is service or admin."})
	}
	if len(name) > MaxKeyNameLength {
		return Key{}, "", invalid(FieldError{"name", "A key's name has 200 bytes at most."})
	}
	var random [32]byte
	if _, err := rand.Read(random[:]); err != nil {
		return Key{}, "", fmt.Errorf("make a key: %w", err)
	}
	secret := "payments_" + string(role) + "_" + base64.RawURLEncoding.EncodeToString(random[:])
	key := Key{ID: a.newID(prefixKey), Role: role, Name: name, Hash: hashSecret(secret), CreatedAt: a.now()}
	err := a.store.Update(ctx, func(tx Tx) error { return tx.PutKey(ctx, key) })
	if err != nil {
		return Key{}, "", fmt.Errorf("store the key: %w", err)
	}
	return key, secret, nil
}

// Keys lists all keys, oldest first, revoked ones too.
func (a *Administration) Keys(ctx context.Context) (keys []Key, err error) {
	err = a.store.View(ctx, func(tx Tx) error {
		keys, err = tx.Keys(ctx)
		return err
	})
	return keys, err
}

// RevokeKey ends a key for good; one that is revoked already stays so. An
// unknown id is ErrNotFound.
func (a *Administration) RevokeKey(ctx context.Context, id string) error {
	return a.store.Update(ctx, func(tx Tx) error {
		keys, err := tx.Keys(ctx)
		if err != nil {
			return err
		}
		for _, key := range keys {
			if key.ID == id {
				if key.RevokedAt == nil {
					now := a.now()
					key.RevokedAt = &now
				}
				return tx.PutKey(ctx, key)
			}
		}
		return NotFound("key " + id)
	})
}

// IsKey says whether a bearer token is one of our keys rather than a user's token.
func IsKey(bearer string) bool { return strings.HasPrefix(bearer, "payments_") }

// AuthenticateKey finds the key of that secret. Anything but a live key is
// ErrUnauthenticated. Secrets are looked up by their hash, so the time it
// takes says nothing about them.
func (a *Administration) AuthenticateKey(ctx context.Context, secret string) (Key, error) {
	var key Key
	err := a.store.View(ctx, func(tx Tx) (err error) {
		key, err = tx.KeyByHash(ctx, hashSecret(secret))
		return err
	})
	switch {
	case isNotFound(err), err == nil && key.RevokedAt != nil:
		return Key{}, &Error{Kind: ErrUnauthenticated, Code: CodeUnauthenticated, Message: "This key is not known or was revoked."}
	case err != nil:
		return Key{}, fmt.Errorf("look up the key: %w", err)
	}
	return key, nil
}

func hashSecret(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(sum[:])
}
