package payments

import "time"

// Change is one row that would change.
type Change struct {
	// Record is user, subscription, payment or billing_history.
	Record string `json:"record"`
	// ID is the user's id, or Stripe's id of what the row is about.
	ID     string `json:"id"`
	UserID string `json:"user_id"`
	// Action is created, changed or deleted.
	Action string `json:"action"`
	// Fields are those that differ.
	Fields []FieldChange `json:"fields"`
}

// FieldChange is one field of a row: a text, a number, a truth, a time, or nil
// where there is nothing.
type FieldChange struct {
	Name   string `json:"name"`
	Before any    `json:"before"`
	After  any    `json:"after"`
}

// rowKey names a row; kind tells apart those of the billing history.
type rowKey struct{ record, kind, id string }

// rowChange is a row before and after. A row that is not there has no facts.
type rowChange struct {
	user          string
	before, after []fact
}

// fact is a field of a row that people want to know of.
type fact struct {
	name  string
	value any
}

// change says how the row differs, and whether it does.
func (r *rowChange) change(key rowKey) (Change, bool) {
	change := Change{Record: key.record, ID: key.id, UserID: r.user, Action: "changed"}
	switch {
	case r.before == nil && r.after == nil:
		return Change{}, false
	case r.before == nil:
		change.Action = "created"
	case r.after == nil:
		change.Action = "deleted"
	}
	for i := range max(len(r.before), len(r.after)) {
		var field FieldChange
		if r.before != nil {
			field.Name, field.Before = r.before[i].name, r.before[i].value
		}
		if r.after != nil {
			field.Name, field.After = r.after[i].name, r.after[i].value
		}
		if same, err := sameJSON(field.Before, field.After); !same || err != nil {
			change.Fields = append(change.Fields, field)
		}
	}
	return change, len(change.Fields) > 0
}

// present is a value, or nil where it is empty.
func present[T comparable](value T) any {
	var none T
	if value == none {
		return nil
	}
	return value
}

// moment is a time, or nil for none.
func moment(at *time.Time) any {
	if at == nil {
		return nil
	}
	return *at
}

func (c Customer) facts() []fact {
	return []fact{
		{"is_premium", c.IsPremium},
		{"plan", present(c.Plan)},
		{"premium_until", moment(c.PremiumUntil)},
		{"stripe_customer_id", present(c.StripeCustomerID)},
		{"test_clock", present(c.TestClock)},
	}
}

func (s Subscription) facts() []fact {
	return []fact{
		{"status", s.Status},
		{"plan", present(s.Plan)},
		{"unmapped", s.Unmapped},
		{"price", present(s.Price)},
		{"quantity", s.Quantity},
		{"current_period_start", moment(s.CurrentPeriodStart)},
		{"current_period_end", moment(s.CurrentPeriodEnd)},
		{"cancel_at_period_end", s.CancelAtPeriodEnd},
		{"cancel_at", moment(s.CancelAt)},
		{"canceled_at", moment(s.CanceledAt)},
		{"ended_at", moment(s.EndedAt)},
		{"trial_start", moment(s.TrialStart)},
		{"trial_end", moment(s.TrialEnd)},
		{"pause_behavior", present(s.PauseBehavior)},
		{"pause_resumes_at", moment(s.PauseResumesAt)},
		{"latest_invoice", present(s.LatestInvoice)},
		{"unpaid_since", moment(s.UnpaidSince)},
		{"stripe_customer_id", present(s.StripeCustomerID)},
		{"as_of", present(s.Version.AsOf)},
		{"created_at", present(s.CreatedAt)},
	}
}

func (p Payment) facts() []fact {
	var metadata any
	if len(p.Metadata) > 0 {
		metadata = p.Metadata
	}
	return []fact{
		{"status", p.Status},
		{"amount", p.Amount},
		{"amount_refunded", p.AmountRefunded},
		{"currency", p.Currency},
		{"failure_code", present(p.FailureCode)},
		{"decline_code", present(p.DeclineCode)},
		{"stripe_charge_id", present(p.StripeChargeID)},
		{"stripe_invoice_id", present(p.StripeInvoiceID)},
		{"stripe_subscription_id", present(p.StripeSubscriptionID)},
		{"description", present(p.Description)},
		{"metadata", metadata},
		{"created_at", present(p.CreatedAt)},
	}
}

func (e BillingEntry) facts() []fact {
	return []fact{
		{"kind", e.Kind},
		{"status", e.Status},
		{"amount", e.Amount},
		{"currency", e.Currency},
		{"description", present(e.Description)},
		{"stripe_subscription_id", present(e.StripeSubscriptionID)},
		{"stripe_payment_intent_id", present(e.StripePaymentIntentID)},
		{"invoice_url", present(e.InvoiceURL)},
		{"invoice_pdf", present(e.InvoicePDF)},
		{"period_start", moment(e.PeriodStart)},
		{"period_end", moment(e.PeriodEnd)},
		{"created_at", present(e.CreatedAt)},
	}
}
