package payments

import (
	"context"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// MaxUserIDLength is the number of characters that a user's id may have.
const MaxUserIDLength = 200

// User is a user of the application that sells subscriptions. The application
// owns users; here they are only named.
type User struct {
	// ID is the application's own id, 1 to 200 characters, none of them a
	// control character. The number 42 is the text "42".
	ID string
	// Email and Name are given to Stripe when a customer is made for the
	// user. Both may be empty.
	Email string
	Name  string
}

// maxContact is the number of bytes that a name or an email address may have.
const maxContact = 500

func (u User) validate() (faults []FieldError) {
	if !ValidUserID(u.ID) {
		faults = append(faults, FieldError{"user", "A user id has 1 to 200 characters, none of them a control character."})
	}
	for _, contact := range [][2]string{{"email", u.Email}, {"name", u.Name}} {
		field, text := contact[0], contact[1]
		if len(text) > maxContact || !utf8.ValidString(text) || strings.ContainsFunc(text, unicode.IsControl) {
			faults = append(faults, FieldError{field, "This has up to 500 bytes, none of them a control character."})
		}
	}
	return faults
}

// ValidUserID says whether id can name a user.
func ValidUserID(id string) bool {
	if id == "" || !utf8.ValidString(id) || utf8.RuneCountInString(id) > MaxUserIDLength {
		return false
	}
	for _, r := range id {
		if unicode.IsControl(r) {
			return false
		}
	}
	return true
}

// Customer is what is stored of a user: who they are at Stripe, and the answer
// of the premium rule as of the last change.
type Customer struct {
	User
	// StripeCustomerID is the customer made for the user; empty before the
	// first subscription and after Stripe deleted the customer.
	StripeCustomerID string
	// TestClock is the Stripe test clock in whose time the customer lives;
	// empty for real time.
	TestClock string
	// IsPremium, Plan and PremiumUntil are the premium rule's answer when the
	// row was written. Readers apply the rule at their own now.
	IsPremium    bool
	Plan         string
	PremiumUntil *time.Time
	// RecheckAt is when time alone changes the answer; nil: never.
	RecheckAt *time.Time
	CreatedAt time.Time
	UpdatedAt time.Time
}

// customerOf returns the stored user, or a fresh row for one never seen.
func (s *Service) customerOf(ctx context.Context, tx Tx, userID string) (Customer, error) {
	c, err := tx.Customer(ctx, userID)
	if isNotFound(err) {
		now := s.now()
		return Customer{User: User{ID: userID}, Plan: FreePlan, CreatedAt: now, UpdatedAt: now}, nil
	}
	return c, err
}
