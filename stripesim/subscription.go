package stripesim

import (
	"slices"
)

const subscriptionKind = "subscription"

// subscription bills a customer in each period.
type subscription struct {
	header
	Livemode                      no                  `json:"livemode"`
	Application                   null                `json:"application"`
	ApplicationFeePercent         null                `json:"application_fee_percent"`
	AutomaticTax                  subscriptionTax     `json:"automatic_tax"`
	BillingCycleAnchor            int64               `json:"billing_cycle_anchor"`
	BillingCycleAnchorConfig      *anchorConfig       `json:"billing_cycle_anchor_config"`
	BillingMode                   billingMode         `json:"billing_mode"`
	BillingSchedules              emptyList           `json:"billing_schedules"`
	BillingThresholds             null                `json:"billing_thresholds"`
	CancelAt                      moment              `json:"cancel_at"`
	CancelAtPeriodEnd             bool                `json:"cancel_at_period_end"`
	CanceledAt                    moment              `json:"canceled_at"`
	CancellationDetails           cancellation        `json:"cancellation_details"`
	CollectionMethod              string              `json:"collection_method"`
	Created                       int64               `json:"created"`
	Currency                      string              `json:"currency"`
	Customer                      string              `json:"customer"`
	CustomerAccount               null                `json:"customer_account"`
	DaysUntilDue                  *int64              `json:"days_until_due"`
	DefaultPaymentMethod          text                `json:"default_payment_method"`
	DefaultSource                 null                `json:"default_source"`
	DefaultTaxRates               emptyList           `json:"default_tax_rates"`
	Description                   text                `json:"description"`
	Discounts                     array[string]       `json:"discounts"`
	EndedAt                       moment              `json:"ended_at"`
	InvoiceSettings               subscriptionInvoice `json:"invoice_settings"`
	Items                         subscriptionItems   `json:"items"`
	LatestInvoice                 text                `json:"latest_invoice"`
	Metadata                      metadata            `json:"metadata"`
	NextPendingInvoiceItemInvoice null                `json:"next_pending_invoice_item_invoice"`
	OnBehalfOf                    null                `json:"on_behalf_of"`
	PauseCollection               *pauseCollection    `json:"pause_collection"`
	PaymentSettings               paymentSettings     `json:"payment_settings"`
	PendingInvoiceItemInterval    null                `json:"pending_invoice_item_interval"`
	PendingSetupIntent            text                `json:"pending_setup_intent"`
	PendingUpdate                 *pendingUpdate      `json:"pending_update"`
	Schedule                      text                `json:"schedule"`
	StartDate                     int64               `json:"start_date"`
	Status                        string              `json:"status"`
	TestClock                     text                `json:"test_clock"`
	TransferData                  null                `json:"transfer_data"`
	TrialEnd                      moment              `json:"trial_end"`
	TrialSettings                 trialSettings       `json:"trial_settings"`
	TrialStart                    moment              `json:"trial_start"`

	private subscriptionPrivate
}

type subscriptionPrivate struct {
	// Warned says that the end of the trial was announced.
	Warned bool `json:"warned,omitempty"`
	// Notice is how many seconds before a period's end its invoice is announced,
	// and Announced the end of the last period of which that was done.
	Notice    int64 `json:"notice,omitempty"`
	Announced int64 `json:"announced,omitempty"`
	// FreeUntilAnchor says that nothing is billed before the anchor.
	FreeUntilAnchor bool `json:"free_until_anchor,omitempty"`
	// Postponed is what the pending update makes of the subscription.
	Postponed *postponed `json:"postponed,omitempty"`
	// ResumeBy is until when the invoice of a resumption may be paid.
	ResumeBy int64 `json:"resume_by,omitempty"`
	// RestAt is when it is billed what waited as the subscription was canceled.
	RestAt int64 `json:"rest_at,omitempty"`
	// Debits are what was billed for the present periods. The slice is never
	// changed, but replaced.
	Debits []debit `json:"debits,omitempty"`
}

type subscriptionTax struct {
	DisabledReason null `json:"disabled_reason"`
	Enabled        no   `json:"enabled"`
	Liability      null `json:"liability"`
}

type billingMode struct {
	Flexible  *flexibleBilling `json:"flexible"`
	Type      string           `json:"type"`
	UpdatedAt int64            `json:"updated_at,omitempty"`
}

type flexibleBilling struct {
	ProrationDiscounts string `json:"proration_discounts"`
}

type cancellation struct {
	Comment  text `json:"comment"`
	Feedback text `json:"feedback"`
	Reason   text `json:"reason"`
}

type subscriptionInvoice struct {
	AccountTaxIDs null   `json:"account_tax_ids"`
	Issuer        issuer `json:"issuer"`
}

type pauseCollection struct {
	Behavior  string `json:"behavior"`
	ResumesAt moment `json:"resumes_at"`
}

type paymentSettings struct {
	PaymentMethodOptions     null     `json:"payment_method_options"`
	PaymentMethodTypes       []string `json:"payment_method_types"` // null: the account's
	SaveDefaultPaymentMethod string   `json:"save_default_payment_method"`
}

type trialSettings struct {
	EndBehavior trialEnd `json:"end_behavior"`
}

type trialEnd struct {
	MissingPaymentMethod string `json:"missing_payment_method"`
}

func (*subscription) kind() string      { return subscriptionKind }
func (s *subscription) clone() object   { c := *s; return &c }
func (s *subscription) hidden() any     { return &s.private }
func (s *subscription) onClock(id text) { s.TestClock = id }

func (s *subscription) indexes() []indexed {
	found := []indexed{{"customer", s.Customer}, {"pending_setup_intent", string(s.PendingSetupIntent)}}
	for _, item := range s.Items.Data {
		found = append(found, indexed{"item", item.ID})
	}
	return s.Metadata.indexes(found...)
}

// due is the first of: the end of waiting for the first payment, a scheduled
// end, the end of a pause, the warning of a trial's end, the end of the period.
func (s *subscription) due() int64 {
	switch s.Status {
	case "canceled":
		return s.private.RestAt
	case "incomplete_expired":
		return 0
	case "incomplete":
		return s.Created + incompleteTime
	}
	var at []int64
	if s.PendingUpdate != nil {
		at = append(at, s.PendingUpdate.ExpiresAt)
	}
	if s.Status != "paused" {
		at = append(at, s.period().End)
	} else if s.private.ResumeBy > 0 {
		at = append(at, s.private.ResumeBy)
	}
	if s.CancelAt > 0 {
		at = append(at, int64(s.CancelAt))
	}
	if s.PauseCollection != nil && s.PauseCollection.ResumesAt > 0 {
		at = append(at, int64(s.PauseCollection.ResumesAt))
	}
	if s.Status == "trialing" && !s.private.Warned {
		at = append(at, int64(s.TrialEnd)-trialWarningTime)
	}
	if announced := s.announcedAt(); announced > 0 {
		at = append(at, announced)
	}
	if len(at) == 0 {
		return 0
	}
	return slices.Min(at)
}

func (s *subscription) ended() bool {
	return s.Status == "canceled" || s.Status == "incomplete_expired"
}

// maxTrial is how long a trial may be: two years.
const maxTrial = 730

// subscriptionFields are the parameters that creation and update share.
func subscriptionFields() shape {
	return shape{
		"add_invoice_items": addedItemFields("max_item_period_start", "now", "min_item_period_end"), "discounts": discountFields(),
		"cancel_at": aTime("min_period_end", "max_period_end").orEmpty(), "cancel_at_period_end": aBoolean(),
		"collection_method": aWord("charge_automatically", "send_invoice"), "days_until_due": anInteger(0, maxDaysUntilDue),
		"default_payment_method": aText().orEmpty(), "description": aText().upTo(500).orEmpty(), "metadata": aMetadata(), "off_session": aBoolean(),
		"payment_settings": aHash(shape{
			"payment_method_types":        aList(aWord("card")).orEmpty(),
			"save_default_payment_method": aWord("off", "on_subscription"),
		}),
		"proration_behavior": aWord("always_invoice", "create_prorations", "none"), "trial_end": aTime("now"),
		"trial_settings": aHash(shape{"end_behavior": aHash(shape{
			"missing_payment_method": aWord("cancel", "create_invoice", "pause").must(),
		}).must()}),
	}
}

func subscriptionOperations() []operation {
	behaviours := []string{"allow_incomplete", "default_incomplete", "error_if_incomplete", "pending_if_incomplete"}
	created := subscriptionFields().with(shape{
		"backdate_start_date": aTime(), "billing_cycle_anchor": aTime(), "billing_cycle_anchor_config": anchorConfigFields(),
		"billing_mode": billingModeFields(), "currency": aText(), "customer": aText().must(), "items": aList(aHash(itemFields())).must(),
		"payment_behavior": aWord(behaviours...), "trial_period_days": anInteger(0, maxTrial),
	})
	updated := subscriptionFields().with(shape{
		"billing_cycle_anchor": aWord("now", "unchanged"), "cancellation_details": cancellationDetails(),
		"items": aList(aHash(itemFields().with(shape{"deleted": aBoolean(), "id": aText()}))),
		"pause_collection": aHash(shape{
			"behavior": aWord("keep_as_draft", "mark_uncollectible", "void").must(), "resumes_at": aTime(),
		}).orEmpty(),
		"payment_behavior": aWord(behaviours...), "proration_date": aTime(),
	})
	return []operation{
		{method: "POST", path: "/v1/subscriptions", do: createSubscription, fields: created},
		{method: "GET", path: "/v1/subscriptions", do: listSubscriptions, fields: pageFields(shape{
			"collection_method": aWord("charge_automatically", "send_invoice"), "created": aRange(), "current_period_end": aRange(),
			"current_period_start": aRange(), "customer": aText(), "price": aText(), "test_clock": aText(),
			"status": aWord("active", "all", "canceled", "ended", "incomplete", "incomplete_expired", "past_due", "paused", "trialing", "unpaid"),
		})},
		{method: "GET", path: "/v1/subscriptions/{}", do: retrieve[*subscription]},
		{method: "POST", path: "/v1/subscriptions/{}", do: updateSubscription, fields: updated},
		{method: "DELETE", path: "/v1/subscriptions/{}", do: cancelSubscription, fields: shape{
			"cancellation_details": cancellationDetails(), "invoice_now": aBoolean(), "prorate": aBoolean(),
		}},
		{method: "POST", path: "/v1/subscriptions/{}/migrate", do: migrateSubscription, fields: shape{"billing_mode": aHash(shape{
			"flexible": aHash(shape{"proration_discounts": aWord("included", "itemized")}), "type": aWord("flexible").must(),
		}).must()}},
		{method: "POST", path: "/v1/subscriptions/{}/resume", do: resumeSubscription, fields: shape{
			"billing_cycle_anchor": aWord("now", "unchanged"), "proration_date": aTime(), "proration_behavior": aWord("always_invoice", "create_prorations", "none"),
		}},
	}
}

func cancellationDetails() field {
	return aHash(shape{
		"comment": aText().orEmpty(),
		"feedback": aWord("customer_service", "low_quality", "missing_features", "other", "switched_service", "too_complex",
			"too_expensive", "unused").orEmpty(),
	})
}

// set takes over what a request may say at creation and later.
func (s *subscription) set(t *transaction, c call) *apiError {
	if fault := s.setDaysUntilDue(c); fault != nil {
		return fault
	}
	c.setText("description", &s.Description)
	c.setText("default_payment_method", &s.DefaultPaymentMethod)
	if id := c.text("default_payment_method"); id != "" {
		if fault := t.ownedPaymentMethod(id, s.Customer, "default_payment_method"); fault != nil {
			return fault
		}
	}
	settings := c.form.form("payment_settings")
	s.PaymentSettings.SaveDefaultPaymentMethod = settings.word("save_default_payment_method", s.PaymentSettings.SaveDefaultPaymentMethod)
	if settings.has("payment_method_types") {
		s.PaymentSettings.PaymentMethodTypes = nil
		if types := settings.texts("payment_method_types"); len(types) > 0 {
			s.PaymentSettings.PaymentMethodTypes = types
		}
	}
	ending := &s.TrialSettings.EndBehavior
	ending.MissingPaymentMethod = c.form.form("trial_settings").form("end_behavior").word("missing_payment_method", ending.MissingPaymentMethod)
	details := c.form.form("cancellation_details")
	details.setText("comment", &s.CancellationDetails.Comment)
	details.setText("feedback", &s.CancellationDetails.Feedback)
	if fault := s.setEnd(t, c); fault != nil {
		return fault
	}
	merged, fault := s.Metadata.merge(c.form)
	s.Metadata = merged
	return fault
}

// setDaysUntilDue says whether invoices are charged, or sent to be paid within
// some days.
func (s *subscription) setDaysUntilDue(c call) *apiError {
	s.CollectionMethod = c.word("collection_method", s.CollectionMethod)
	if s.CollectionMethod == "charge_automatically" {
		if s.DaysUntilDue = nil; c.has("days_until_due") {
			return invalid("days_until_due", "", "You can only specify days_until_due if the subscription's collection_method is send_invoice.")
		}
		return nil
	}
	if c.has("days_until_due") {
		days := c.integer("days_until_due", 0)
		s.DaysUntilDue = &days
	}
	if s.DaysUntilDue == nil {
		return invalid("days_until_due", "parameter_missing", "If collection_method is send_invoice, you must specify days_until_due.")
	}
	return nil
}

func listSubscriptions(t *transaction, c call) (any, *apiError) {
	found := all[*subscription](t)
	if id := c.text("customer"); id != "" {
		if _, fault := t.livingCustomer(id, "customer"); fault != nil {
			return nil, fault
		}
		found = with[*subscription](t, "customer", id)
	}
	clock := c.text("test_clock")
	return page(t, "/v1/subscriptions", c, found, func(s *subscription) bool {
		if clock != string(s.TestClock) && (clock != "" || !c.has("customer")) {
			return false
		}
		if !c.within("created", s.Created) || !c.within("current_period_start", s.period().Start) || !c.within("current_period_end", s.period().End) {
			return false
		}
		return s.hasStatus(c.text("status")) && c.word("collection_method", s.CollectionMethod) == s.CollectionMethod &&
			(c.text("price") == "" || s.hasPrice(c.text("price")))
	})
}

// hasStatus says whether a list narrowed to a status shows it; without one,
// what is canceled is hidden.
func (s *subscription) hasStatus(wanted string) bool {
	switch wanted {
	case "all":
		return true
	case "":
		return s.Status != "canceled"
	case "ended":
		return s.ended()
	}
	return s.Status == wanted
}

func (s *subscription) hasPrice(id string) bool {
	return slices.ContainsFunc(s.Items.Data, func(item subscriptionItem) bool { return item.Price.ID == id })
}
