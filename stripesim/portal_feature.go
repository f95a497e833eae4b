package stripesim

import "strconv"

// portalFeatures are the things that the portal offers.
type portalFeatures struct {
	CustomerUpdate      portalCustomerUpdate `json:"customer_update"`
	InvoiceHistory      portalSwitch         `json:"invoice_history"`
	PaymentMethodUpdate portalMethodUpdate   `json:"payment_method_update"`
	SubscriptionCancel  portalCancel         `json:"subscription_cancel"`
	SubscriptionUpdate  portalUpdate         `json:"subscription_update"`
}

type portalSwitch struct {
	Enabled bool `json:"enabled"`
}

type portalMethodUpdate struct {
	Enabled                    bool `json:"enabled"`
	PaymentMethodConfiguration null `json:"payment_method_configuration"`
}

type portalCustomerUpdate struct {
	AllowedUpdates []string `json:"allowed_updates"`
	Enabled        bool     `json:"enabled"`
}

type portalCancel struct {
	CancellationReason portalReasons `json:"cancellation_reason"`
	Enabled            bool          `json:"enabled"`
	Mode               string        `json:"mode"`
	ProrationBehavior  string        `json:"proration_behavior"`
}

type portalReasons struct {
	Enabled bool     `json:"enabled"`
	Options []string `json:"options"`
}

type portalUpdate struct {
	BillingCycleAnchor    text            `json:"billing_cycle_anchor"`
	DefaultAllowedUpdates []string        `json:"default_allowed_updates"`
	Enabled               bool            `json:"enabled"`
	Products              []portalProduct `json:"products"`
	ProrationBehavior     string          `json:"proration_behavior"`
	ScheduleAtPeriodEnd   portalSchedule  `json:"schedule_at_period_end"`
	TrialUpdateBehavior   string          `json:"trial_update_behavior"`
}

type portalSchedule struct {
	Conditions []portalCondition `json:"conditions"`
}

type portalCondition struct {
	Type string `json:"type"`
}

type portalProduct struct {
	AdjustableQuantity portalQuantity `json:"adjustable_quantity"`
	Prices             []string       `json:"prices"`
	Product            string         `json:"product"`
}

type portalQuantity struct {
	Enabled bool   `json:"enabled"`
	Maximum *int64 `json:"maximum"`
	Minimum int64  `json:"minimum"`
}

// portalFeatureFields are the parameters of the features; a new configuration
// has to say of each whether it is enabled.
func portalFeatureFields(isNew bool) field {
	const mostOf = 999999
	enabled := aBoolean()
	reasons := aList(aWord("customer_service", "low_quality", "missing_features", "other",
		"switched_service", "too_complex", "too_expensive", "unused")).orEmpty()
	if isNew {
		enabled, reasons = enabled.must(), reasons.must()
	}
	prorations := aWord("always_invoice", "create_prorations", "none")
	return aHash(shape{
		"customer_update": aHash(shape{
			"allowed_updates": aList(aWord("address", "email", "name", "phone", "shipping", "tax_id")).orEmpty(), "enabled": enabled,
		}),
		"invoice_history":       aHash(shape{"enabled": aBoolean().must()}),
		"payment_method_update": aHash(shape{"enabled": aBoolean().must()}),
		"subscription_cancel": aHash(shape{
			"cancellation_reason": aHash(shape{"enabled": aBoolean().must(), "options": reasons}),
			"enabled":             enabled, "mode": aWord("at_period_end", "immediately"), "proration_behavior": prorations,
		}),
		"subscription_update": aHash(shape{
			"billing_cycle_anchor": aWord("now", "unchanged"), "default_allowed_updates": aList(aWord("price", "promotion_code", "quantity")).orEmpty(),
			"enabled": enabled, "products": aList(aHash(shape{
				"adjustable_quantity": aHash(shape{"enabled": aBoolean().must(), "maximum": anInteger(1, mostOf), "minimum": anInteger(0, mostOf)}),
				"prices":              aList(aText()).must(), "product": aText().must(),
			})).orEmpty(),
			"proration_behavior":     prorations,
			"schedule_at_period_end": aHash(shape{"conditions": aList(aHash(shape{"type": aWord("decreasing_item_amount", "shortening_interval").must()}))}),
			"trial_update_behavior":  aWord("continue_trial", "end_trial"),
		}),
	})
}

// set takes over the features that a request speaks of.
func (p *portalFeatures) set(t *transaction, f form) *apiError {
	update := f.form("customer_update")
	update.setBoolean("enabled", &p.CustomerUpdate.Enabled)
	setTexts(update, "allowed_updates", &p.CustomerUpdate.AllowedUpdates)
	f.form("invoice_history").setBoolean("enabled", &p.InvoiceHistory.Enabled)
	f.form("payment_method_update").setBoolean("enabled", &p.PaymentMethodUpdate.Enabled)
	p.SubscriptionCancel.set(f.form("subscription_cancel"))
	if fault := p.SubscriptionUpdate.set(t, f.form("subscription_update")); fault != nil {
		return fault
	}
	switch {
	case p.CustomerUpdate.Enabled && len(p.CustomerUpdate.AllowedUpdates) == 0:
		return missingParam("features[customer_update][allowed_updates]")
	case p.SubscriptionUpdate.Enabled && len(p.SubscriptionUpdate.DefaultAllowedUpdates) == 0:
		return missingParam("features[subscription_update][default_allowed_updates]")
	case p.SubscriptionUpdate.Enabled && len(p.SubscriptionUpdate.Products) == 0:
		return missingParam("features[subscription_update][products]")
	}
	return nil
}

func setTexts(f form, name string, target *[]string) {
	if f.has(name) {
		*target = f.texts(name)
	}
}

func (p *portalCancel) set(f form) {
	reasons := f.form("cancellation_reason")
	reasons.setBoolean("enabled", &p.CancellationReason.Enabled)
	setTexts(reasons, "options", &p.CancellationReason.Options)
	f.setBoolean("enabled", &p.Enabled)
	p.Mode = f.word("mode", p.Mode)
	p.ProrationBehavior = f.word("proration_behavior", p.ProrationBehavior)
}

func (p *portalUpdate) set(t *transaction, f form) *apiError {
	f.setBoolean("enabled", &p.Enabled)
	f.setText("billing_cycle_anchor", &p.BillingCycleAnchor)
	setTexts(f, "default_allowed_updates", &p.DefaultAllowedUpdates)
	p.ProrationBehavior = f.word("proration_behavior", p.ProrationBehavior)
	p.TrialUpdateBehavior = f.word("trial_update_behavior", p.TrialUpdateBehavior)
	if f.has("schedule_at_period_end") {
		p.ScheduleAtPeriodEnd.Conditions = []portalCondition{}
		for _, one := range f.form("schedule_at_period_end").forms("conditions") {
			p.ScheduleAtPeriodEnd.Conditions = append(p.ScheduleAtPeriodEnd.Conditions, portalCondition{one.text("type")})
		}
	}
	if !f.has("products") {
		return nil
	}
	p.Products = nil
	for i, one := range f.forms("products") {
		name := "features[subscription_update][products][" + strconv.Itoa(i) + "]"
		made, fault := t.readPortalProduct(one, name)
		if fault != nil {
			return fault
		}
		p.Products = append(p.Products, made)
	}
	return nil
}

// readPortalProduct is a product that customers may switch to, with its prices.
func (t *transaction) readPortalProduct(f form, name string) (portalProduct, *apiError) {
	quantity := f.form("adjustable_quantity")
	made := portalProduct{Prices: f.texts("prices"), Product: f.text("product"), AdjustableQuantity: portalQuantity{
		Enabled: quantity.boolean("enabled", false), Minimum: quantity.integer("minimum", 1),
	}}
	if quantity.has("maximum") {
		most := quantity.integer("maximum", 0)
		made.AdjustableQuantity.Maximum = &most
	}
	if _, fault := named[*product](t, made.Product, name+"[product]"); fault != nil {
		return made, fault
	}
	for i, id := range made.Prices {
		param := name + "[prices][" + strconv.Itoa(i) + "]"
		found, fault := named[*price](t, id, param)
		switch {
		case fault != nil:
			return made, fault
		case found.Product != made.Product:
			return made, invalid(param, "", "The price "+id+" does not belong to the product "+made.Product+".")
		case found.Type != "recurring":
			return made, invalid(param, "", "The price specified is set to `type=one_time` but this field only accepts prices with `type=recurring`.")
		}
	}
	return made, nil
}
