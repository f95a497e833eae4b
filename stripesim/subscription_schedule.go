package stripesim

const subscriptionScheduleKind = "subscription_schedule"

// subscriptionSchedule changes a subscription at times that are set ahead, one
// phase after the other.
type subscriptionSchedule struct {
	header
	Livemode             no               `json:"livemode"`
	Application          null             `json:"application"`
	BillingMode          billingMode      `json:"billing_mode"`
	CanceledAt           moment           `json:"canceled_at"`
	CompletedAt          moment           `json:"completed_at"`
	Created              int64            `json:"created"`
	CurrentPhase         *phaseSpan       `json:"current_phase"`
	Customer             string           `json:"customer"`
	CustomerAccount      null             `json:"customer_account"`
	DefaultSettings      scheduleSettings `json:"default_settings"`
	EndBehavior          string           `json:"end_behavior"`
	Metadata             metadata         `json:"metadata"`
	Phases               []schedulePhase  `json:"phases"`
	ReleasedAt           moment           `json:"released_at"`
	ReleasedSubscription text             `json:"released_subscription"`
	Status               string           `json:"status"`
	Subscription         text             `json:"subscription"`
	TestClock            text             `json:"test_clock"`

	private schedulePrivate
}

type schedulePrivate struct {
	// Warned says that its end was announced.
	Warned bool `json:"warned,omitempty"`
}

// scheduleSettings are what phases do not say themselves.
type scheduleSettings struct {
	ApplicationFeePercent null            `json:"application_fee_percent"`
	AutomaticTax          subscriptionTax `json:"automatic_tax"`
	BillingCycleAnchor    string          `json:"billing_cycle_anchor"`
	BillingThresholds     null            `json:"billing_thresholds"`
	CollectionMethod      string          `json:"collection_method"`
	DefaultPaymentMethod  text            `json:"default_payment_method"`
	Description           text            `json:"description"`
	InvoiceSettings       scheduleInvoice `json:"invoice_settings"`
	OnBehalfOf            null            `json:"on_behalf_of"`
	TransferData          null            `json:"transfer_data"`
}

type scheduleInvoice struct {
	AccountTaxIDs null   `json:"account_tax_ids"`
	DaysUntilDue  null   `json:"days_until_due"`
	Issuer        issuer `json:"issuer"`
}

type phaseSpan struct {
	EndDate   int64 `json:"end_date"`
	StartDate int64 `json:"start_date"`
}

// schedulePhase is what a subscription is like from one time to another.
type schedulePhase struct {
	AddInvoiceItems       array[phaseAddition] `json:"add_invoice_items"`
	ApplicationFeePercent null                 `json:"application_fee_percent"`
	BillingCycleAnchor    text                 `json:"billing_cycle_anchor"`
	BillingThresholds     null                 `json:"billing_thresholds"`
	CollectionMethod      text                 `json:"collection_method"`
	Currency              string               `json:"currency"`
	DefaultPaymentMethod  text                 `json:"default_payment_method"`
	DefaultTaxRates       emptyList            `json:"default_tax_rates"`
	Description           text                 `json:"description"`
	Discounts             array[phaseDiscount] `json:"discounts"`
	EndDate               int64                `json:"end_date"`
	InvoiceSettings       null                 `json:"invoice_settings"`
	Items                 []phaseItem          `json:"items"`
	Metadata              metadata             `json:"metadata"`
	OnBehalfOf            null                 `json:"on_behalf_of"`
	ProrationBehavior     string               `json:"proration_behavior"`
	StartDate             int64                `json:"start_date"`
	TransferData          null                 `json:"transfer_data"`
	TrialEnd              moment               `json:"trial_end"`
}

type phaseItem struct {
	BillingThresholds null                 `json:"billing_thresholds"`
	Discounts         array[phaseDiscount] `json:"discounts"`
	Metadata          metadata             `json:"metadata"`
	Price             string               `json:"price"`
	Quantity          int64                `json:"quantity"`
	TaxRates          emptyList            `json:"tax_rates"`
}

func (*subscriptionSchedule) kind() string      { return subscriptionScheduleKind }
func (s *subscriptionSchedule) clone() object   { c := *s; return &c }
func (s *subscriptionSchedule) hidden() any     { return &s.private }
func (s *subscriptionSchedule) onClock(id text) { s.TestClock = id }
func (s *subscriptionSchedule) indexes() []indexed {
	return []indexed{{"customer", s.Customer}}
}

const (
	// maxPhases is how many present and future phases a schedule may have.
	maxPhases = 10
	// expiryWarningTime is how long before its end a schedule is announced to
	// end.
	expiryWarningTime = 7 * day
)

// due is the start of the first phase, the end of the present one, or the time
// to announce the end of the last.
func (s *subscriptionSchedule) due() int64 {
	switch s.Status {
	case "not_started":
		return s.Phases[0].StartDate
	case "active":
		// An end that was never so far away is not announced.
		if warning := s.end() - expiryWarningTime; !s.private.Warned && warning > s.Created && warning < s.CurrentPhase.EndDate {
			return warning
		}
		return s.CurrentPhase.EndDate
	}
	return 0
}

// end is when the last phase ends.
func (s *subscriptionSchedule) end() int64 { return s.Phases[len(s.Phases)-1].EndDate }

// isLive says whether there is something left to be done by the schedule.
func (s *subscriptionSchedule) isLive() bool {
	return s.Status == "not_started" || s.Status == "active"
}

func subscriptionScheduleOperations() []operation {
	const path = "/v1/subscription_schedules"
	changeable := shape{
		"default_settings": aHash(shape{
			"billing_cycle_anchor": aWord("automatic", "phase_start"),
			"collection_method":    aWord("charge_automatically", "send_invoice"), "default_payment_method": aText(),
			"description": aText().upTo(500).orEmpty(),
		}),
		"end_behavior": aWord("cancel", "none", "release", "renew"), "metadata": aMetadata(),
	}
	created := changeable.with(shape{
		"billing_mode": billingModeFields(),
		"customer":     aText(), "from_subscription": aText(), "phases": aList(aHash(phaseFields(false))), "start_date": aTime("now"),
	})
	updated := changeable.with(shape{
		"phases": aList(aHash(phaseFields(true))), "proration_behavior": aWord("always_invoice", "create_prorations", "none"),
	})
	return []operation{
		{method: "POST", path: path, do: createSubscriptionSchedule, fields: created},
		{method: "GET", path: path, do: listSubscriptionSchedules, fields: pageFields(shape{
			"canceled_at": aRange(), "completed_at": aRange(), "created": aRange(), "customer": aText(), "released_at": aRange(), "scheduled": aBoolean(),
		})},
		{method: "GET", path: path + "/{}", do: retrieve[*subscriptionSchedule]},
		{method: "POST", path: path + "/{}", do: updateSubscriptionSchedule, fields: updated},
		{method: "POST", path: path + "/{}/cancel", do: cancelSubscriptionSchedule, fields: shape{"invoice_now": aBoolean(), "prorate": aBoolean()}},
		{method: "POST", path: path + "/{}/release", do: releaseSubscriptionSchedule, fields: shape{"preserve_cancel_date": aBoolean()}},
	}
}

func createSubscriptionSchedule(t *transaction, c call) (any, *apiError) {
	if c.has("from_subscription") {
		return t.scheduleFrom(c)
	}
	if !c.has("customer") {
		return nil, missingParam("customer")
	}
	cus, fault := t.livingCustomer(c.text("customer"), "customer")
	if fault == nil {
		fault = t.maySubscribe(cus)
	}
	if fault != nil {
		return nil, fault
	}
	made := t.newSchedule(cus.ID, readBillingMode(c.form.form("billing_mode")))
	if fault := made.set(t, c); fault != nil {
		return nil, fault
	}
	start := c.integer("start_date", t.now)
	switch {
	case !c.has("start_date"):
		return nil, missingParam("start_date")
	case len(c.forms("phases")) == 0:
		return nil, missingParam("phases")
	case start < t.now:
		return nil, unsupported("start_date", "schedules that begin in the past")
	}
	if made.Phases, fault = t.readPhases(made, c, start); fault != nil {
		return nil, fault
	}
	t.create(made)
	created := t.emit("subscription_schedule.created", made)
	if start == t.now {
		if fault := t.startSchedule(made); fault != nil {
			return nil, fault
		}
		t.snapshot(created, made)
	}
	return made, nil
}

func (t *transaction) newSchedule(customerID string, mode billingMode) *subscriptionSchedule {
	return &subscriptionSchedule{
		header: header{ID: t.newID("sub_sched_1", 23), Object: subscriptionScheduleKind}, BillingMode: mode, Created: t.now, Customer: customerID,
		DefaultSettings: scheduleSettings{BillingCycleAnchor: "automatic", CollectionMethod: "charge_automatically"},
		EndBehavior:     "release", Status: "not_started",
	}
}

// set takes over what a request may say at creation and later.
func (s *subscriptionSchedule) set(t *transaction, c call) *apiError {
	s.EndBehavior = c.word("end_behavior", s.EndBehavior)
	if s.EndBehavior == "none" || s.EndBehavior == "renew" {
		return unsupported("end_behavior", "schedules that end in "+s.EndBehavior)
	}
	settings := c.form.form("default_settings")
	if settings.text("collection_method") == "send_invoice" {
		return unsupported("default_settings[collection_method]", "invoices that are sent")
	}
	s.DefaultSettings.BillingCycleAnchor = settings.word("billing_cycle_anchor", s.DefaultSettings.BillingCycleAnchor)
	settings.setText("description", &s.DefaultSettings.Description)
	if id := settings.text("default_payment_method"); id != "" {
		if fault := t.ownedPaymentMethod(id, s.Customer, "default_settings[default_payment_method]"); fault != nil {
			return fault
		}
		s.DefaultSettings.DefaultPaymentMethod = text(id)
	}
	merged, fault := s.Metadata.merge(c.form)
	s.Metadata = merged
	return fault
}

// scheduleFrom makes a schedule of a running subscription: its present period
// is the first phase.
func (t *transaction) scheduleFrom(c call) (any, *apiError) {
	for _, name := range sortedNames(c.form) {
		if name != "from_subscription" && name != "expand" {
			return nil, invalid(name, "", "You cannot set `"+name+"` if `from_subscription` is set.")
		}
	}
	found, fault := named[*subscription](t, c.text("from_subscription"), "from_subscription")
	switch {
	case fault != nil:
		return nil, fault
	case found.Schedule != "":
		return nil, refused("", "You cannot migrate a subscription that is already attached to a schedule: `"+string(found.Schedule)+"`.")
	case found.ended() || found.Status == "incomplete":
		return nil, refused("", "You cannot migrate a subscription to a schedule that has the status "+found.Status+".")
	}
	span := found.period()
	phase := schedulePhase{
		Currency: found.Currency, StartDate: span.Start, EndDate: span.End, ProrationBehavior: "create_prorations", TrialEnd: 0,
		DefaultPaymentMethod: found.DefaultPaymentMethod, Description: found.Description, Discounts: phaseDiscounts(t.present(found.Discounts)),
	}
	if found.Status == "trialing" {
		phase.TrialEnd = found.TrialEnd
	}
	for _, item := range found.Items.Data {
		phase.Items = append(phase.Items, phaseItem{
			Discounts: phaseDiscounts(t.present(item.Discounts)), Metadata: item.Metadata, Price: item.Price.ID, Quantity: item.Quantity,
		})
	}
	made := t.newSchedule(found.Customer, found.BillingMode)
	made.Phases, made.Status, made.Subscription = []schedulePhase{phase}, "active", text(found.ID)
	made.CurrentPhase = &phaseSpan{phase.EndDate, phase.StartDate}
	if found.CancelAt > 0 {
		made.EndBehavior = "cancel"
	}
	t.create(made)
	t.emit("subscription_schedule.created", made)
	before, s := found.clone(), edit[*subscription](t, found.ID)
	s.Schedule = text(made.ID)
	t.changed("customer.subscription.updated", before, s)
	return made, nil
}

func updateSubscriptionSchedule(t *transaction, c call) (any, *apiError) {
	found, fault := t.liveSchedule(c, "update")
	if fault != nil {
		return nil, fault
	}
	before, s := found.clone(), edit[*subscriptionSchedule](t, found.ID)
	if fault := s.set(t, c); fault != nil {
		return nil, fault
	}
	behaviour := c.word("proration_behavior", "create_prorations")
	if !c.has("phases") {
		t.changed("subscription_schedule.updated", before, s)
		return s, t.followSchedule(s, nil, "none")
	}
	if fault := t.setPhases(s, c); fault != nil {
		return nil, fault
	}
	t.changed("subscription_schedule.updated", before, s)
	if s.Status == "not_started" {
		return s, nil
	}
	present := s.phaseAt(t.now)
	if present.StartDate == t.now {
		behaviour = present.ProrationBehavior
	}
	if found.CurrentPhase == nil || found.CurrentPhase.StartDate == present.StartDate {
		present = present.withoutAdditions() // they were added when it began
	}
	return s, t.followSchedule(s, present, behaviour)
}

// liveSchedule is the schedule of a call, which must not have ended.
func (t *transaction) liveSchedule(c call, verb string) (*subscriptionSchedule, *apiError) {
	found, fault := one[*subscriptionSchedule](t, c)
	if fault == nil && !found.isLive() {
		fault = refused("", "You cannot "+verb+" a subscription schedule that is currently in the `"+found.Status+"` status. Only schedules with the statuses `not_started` and `active` allow it.")
	}
	return found, fault
}

func cancelSubscriptionSchedule(t *transaction, c call) (any, *apiError) {
	found, fault := t.liveSchedule(c, "cancel")
	if fault != nil {
		return nil, fault
	}
	prorate, invoiceNow := c.boolean("prorate", true), c.boolean("invoice_now", true)
	s := t.endSchedule(found.ID, "canceled", "subscription_schedule.canceled")
	if s.Subscription == "" {
		return s, nil
	}
	ending := edit[*subscription](t, string(s.Subscription))
	ending.Schedule = ""
	t.held = ending.ID
	return s, t.cancel(ending, prorate, invoiceNow)
}

func releaseSubscriptionSchedule(t *transaction, c call) (any, *apiError) {
	found, fault := t.liveSchedule(c, "release")
	if fault != nil {
		return nil, fault
	}
	return t.releaseSchedule(found.ID, c.boolean("preserve_cancel_date", false)), nil
}

func listSubscriptionSchedules(t *transaction, c call) (any, *apiError) {
	found := all[*subscriptionSchedule](t)
	if id := c.text("customer"); id != "" {
		found = with[*subscriptionSchedule](t, "customer", id)
	}
	within := func(name string, at moment) bool { return !c.has(name) || at > 0 && c.within(name, int64(at)) }
	return page(t, "/v1/subscription_schedules", c, found, func(s *subscriptionSchedule) bool {
		return c.within("created", s.Created) && within("canceled_at", s.CanceledAt) && within("completed_at", s.CompletedAt) &&
			within("released_at", s.ReleasedAt) && (!c.boolean("scheduled", false) || s.Status == "not_started")
	})
}
