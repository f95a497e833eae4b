package stripesim

const portalConfigurationKind = "billing_portal.configuration"

// portalConfiguration says what customers may do in the portal.
type portalConfiguration struct {
	header
	Livemode         no             `json:"livemode"`
	Active           bool           `json:"active"`
	Application      null           `json:"application"`
	BusinessProfile  portalBusiness `json:"business_profile"`
	Created          int64          `json:"created"`
	DefaultReturnURL text           `json:"default_return_url"`
	Features         portalFeatures `json:"features"`
	IsDefault        bool           `json:"is_default"`
	LoginPage        portalLogin    `json:"login_page"`
	Metadata         metadata       `json:"metadata"`
	Name             text           `json:"name"`
	Updated          int64          `json:"updated"`
}

type portalBusiness struct {
	Headline          text `json:"headline"`
	PrivacyPolicyURL  text `json:"privacy_policy_url"`
	TermsOfServiceURL text `json:"terms_of_service_url"`
}

type portalLogin struct {
	Enabled bool `json:"enabled"`
	URL     text `json:"url"`
}

func (*portalConfiguration) kind() string    { return portalConfigurationKind }
func (p *portalConfiguration) clone() object { c := *p; return &c }
func (p *portalConfiguration) indexes() []indexed {
	if p.IsDefault {
		return []indexed{{"default", "true"}}
	}
	return nil
}

func portalConfigurationOperations() []operation {
	fields := shape{
		"business_profile": aHash(shape{
			"headline": aText().upTo(60).orEmpty(), "privacy_policy_url": aText().orEmpty(), "terms_of_service_url": aText().orEmpty(),
		}),
		"default_return_url": aText().orEmpty(), "features": portalFeatureFields(false), "login_page": aHash(shape{"enabled": aBoolean().must()}),
		"metadata": aMetadata(), "name": aText().orEmpty(),
	}
	created := fields.with(shape{"features": portalFeatureFields(true).must()})
	return []operation{
		{method: "POST", path: "/v1/billing_portal/configurations", do: createPortalConfiguration, fields: created},
		{method: "GET", path: "/v1/billing_portal/configurations", do: listPortalConfigurations, fields: pageFields(shape{
			"active": aBoolean(), "is_default": aBoolean(),
		})},
		{method: "GET", path: "/v1/billing_portal/configurations/{}", do: retrieve[*portalConfiguration]},
		{method: "POST", path: "/v1/billing_portal/configurations/{}", do: updatePortalConfiguration, fields: fields.with(shape{"active": aBoolean()})},
	}
}

func (t *transaction) newPortalConfiguration() *portalConfiguration {
	return &portalConfiguration{
		header: header{ID: t.newID("bpc_1", 23), Object: portalConfigurationKind}, Active: true, Created: t.now, Updated: t.now,
		Features: portalFeatures{
			CustomerUpdate: portalCustomerUpdate{AllowedUpdates: []string{}},
			SubscriptionCancel: portalCancel{
				CancellationReason: portalReasons{Options: []string{}}, Mode: "at_period_end", ProrationBehavior: "none",
			},
			SubscriptionUpdate: portalUpdate{
				DefaultAllowedUpdates: []string{}, ProrationBehavior: "none", TrialUpdateBehavior: "end_trial",
				ScheduleAtPeriodEnd: portalSchedule{Conditions: []portalCondition{}},
			},
		},
	}
}

// defaultPortal is the configuration that the account has without making one.
func (t *transaction) defaultPortal() *portalConfiguration {
	if found := related[*portalConfiguration](t, "default", "true"); len(found) > 0 {
		return found[0]
	}
	made := t.newPortalConfiguration()
	made.IsDefault = true
	made.Features.CustomerUpdate = portalCustomerUpdate{[]string{"email", "address", "phone", "tax_id"}, true}
	made.Features.InvoiceHistory.Enabled, made.Features.PaymentMethodUpdate.Enabled = true, true
	made.Features.SubscriptionCancel.Enabled = true
	made.Features.SubscriptionCancel.CancellationReason = portalReasons{Enabled: true, Options: []string{
		"too_expensive", "missing_features", "switched_service", "unused", "customer_service", "too_complex", "low_quality", "other",
	}}
	t.create(made)
	return made
}

func createPortalConfiguration(t *transaction, c call) (any, *apiError) {
	made := t.newPortalConfiguration()
	if fault := made.set(t, c); fault != nil {
		return nil, fault
	}
	t.create(made)
	t.emit("billing_portal.configuration.created", made)
	return made, nil
}

// set takes over what a request may say at creation and later.
func (p *portalConfiguration) set(t *transaction, c call) *apiError {
	about := c.form.form("business_profile")
	about.setText("headline", &p.BusinessProfile.Headline)
	about.setText("privacy_policy_url", &p.BusinessProfile.PrivacyPolicyURL)
	about.setText("terms_of_service_url", &p.BusinessProfile.TermsOfServiceURL)
	c.setText("default_return_url", &p.DefaultReturnURL)
	c.setText("name", &p.Name)
	c.form.form("login_page").setBoolean("enabled", &p.LoginPage.Enabled)
	if p.LoginPage.URL = ""; p.LoginPage.Enabled {
		p.LoginPage.URL = text("https://billing.stripe.com/p/login/test_" + p.ID)
	}
	for _, address := range []text{p.BusinessProfile.PrivacyPolicyURL, p.BusinessProfile.TermsOfServiceURL, p.DefaultReturnURL} {
		if address != "" && !isWebAddress(string(address)) {
			return invalid("", "url_invalid", "Not a valid URL")
		}
	}
	if fault := p.Features.set(t, c.form.form("features")); fault != nil {
		return fault
	}
	merged, fault := p.Metadata.merge(c.form)
	p.Metadata = merged
	return fault
}

func updatePortalConfiguration(t *transaction, c call) (any, *apiError) {
	before, fault := one[*portalConfiguration](t, c)
	if fault != nil {
		return nil, fault
	}
	if before.IsDefault && !c.boolean("active", true) {
		return nil, invalid("active", "", "You cannot deactivate the default configuration.")
	}
	changed := edit[*portalConfiguration](t, c.id())
	c.setBoolean("active", &changed.Active)
	if fault := changed.set(t, c); fault != nil {
		return nil, fault
	}
	changed.Updated = t.now
	t.changed("billing_portal.configuration.updated", before, changed)
	return changed, nil
}

func listPortalConfigurations(t *transaction, c call) (any, *apiError) {
	return page(t, "/v1/billing_portal/configurations", c, all[*portalConfiguration](t), func(p *portalConfiguration) bool {
		return c.boolean("active", p.Active) == p.Active && c.boolean("is_default", p.IsDefault) == p.IsDefault
	})
}
