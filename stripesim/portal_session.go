package stripesim

import "strconv"

const portalSessionKind = "billing_portal.session"

// portalSession is the way of one customer into the portal.
type portalSession struct {
	header
	Livemode        no          `json:"livemode"`
	Configuration   string      `json:"configuration"`
	Created         int64       `json:"created"`
	Customer        string      `json:"customer"`
	CustomerAccount null        `json:"customer_account"`
	Flow            *portalFlow `json:"flow"`
	Locale          text        `json:"locale"`
	OnBehalfOf      null        `json:"on_behalf_of"`
	ReturnURL       text        `json:"return_url"`
	URL             string      `json:"url"`
}

// portalFlow is the one thing that a session is opened for.
type portalFlow struct {
	AfterCompletion           portalAfter    `json:"after_completion"`
	SubscriptionCancel        *portalTarget  `json:"subscription_cancel"`
	SubscriptionUpdate        *portalTarget  `json:"subscription_update"`
	SubscriptionUpdateConfirm *portalConfirm `json:"subscription_update_confirm"`
	Type                      string         `json:"type"`
}

type portalAfter struct {
	HostedConfirmation *portalMessage `json:"hosted_confirmation"`
	Redirect           *portalReturn  `json:"redirect"`
	Type               string         `json:"type"`
}

type portalMessage struct {
	CustomMessage text `json:"custom_message"`
}

type portalReturn struct {
	ReturnURL string `json:"return_url"`
}

type portalTarget struct {
	Subscription string `json:"subscription"`
}

type portalConfirm struct {
	Discounts    null         `json:"discounts"`
	Items        []portalItem `json:"items"`
	Subscription string       `json:"subscription"`
}

type portalItem struct {
	ID       text   `json:"id"`
	Price    text   `json:"price"`
	Quantity *int64 `json:"quantity,omitempty"`
}

func (*portalSession) kind() string    { return portalSessionKind }
func (p *portalSession) clone() object { c := *p; return &c }

func portalSessionOperations() []operation {
	subscription := shape{"subscription": aText().must()}
	return []operation{
		{method: "POST", path: "/v1/billing_portal/sessions", do: createPortalSession, fields: shape{
			"configuration": aText(), "customer": aText().must(), "return_url": aText(),
			"flow_data": aHash(shape{
				"after_completion": aHash(shape{
					"hosted_confirmation": aHash(shape{"custom_message": aText().upTo(500)}), "redirect": aHash(shape{"return_url": aText().must()}),
					"type": aWord("hosted_confirmation", "portal_homepage", "redirect").must(),
				}),
				"subscription_cancel": aHash(subscription), "subscription_update": aHash(subscription),
				"subscription_update_confirm": aHash(subscription.with(shape{"items": aList(aHash(shape{
					"id": aText().must(), "price": aText(), "quantity": anInteger(0, 999999),
				})).must()})),
				"type": aWord("payment_method_update", "subscription_cancel", "subscription_update", "subscription_update_confirm").must(),
			}),
			"locale": aWord("auto", "bg", "cs", "da", "de", "el", "en", "en-AU", "en-CA", "en-GB", "en-IE", "en-IN", "en-NZ", "en-SG", "es",
				"es-419", "et", "fi", "fil", "fr", "fr-CA", "hr", "hu", "id", "it", "ja", "ko", "lt", "lv", "ms", "mt", "nb", "nl", "pl", "pt",
				"pt-BR", "ro", "ru", "sk", "sl", "sv", "th", "tr", "vi", "zh", "zh-HK", "zh-TW"),
		}},
	}
}

func createPortalSession(t *transaction, c call) (any, *apiError) {
	cus, fault := t.livingCustomer(c.text("customer"), "customer")
	if fault != nil {
		return nil, fault
	}
	by, fault := t.portalFor(c)
	if fault != nil {
		return nil, fault
	}
	if c.has("return_url") && !isWebAddress(c.text("return_url")) {
		return nil, invalid("return_url", "url_invalid", "Not a valid URL")
	}
	made := &portalSession{
		header: header{ID: t.newID("bps_1", 23), Object: portalSessionKind}, Configuration: by.ID, Created: t.now, Customer: cus.ID,
		Locale: text(c.text("locale")), ReturnURL: by.DefaultReturnURL, URL: "https://billing.stripe.com/p/session/test_" + t.newID("", 58),
	}
	c.setText("return_url", &made.ReturnURL)
	if asked := c.form.form("flow_data"); asked != nil {
		if made.Flow, fault = t.readFlow(asked, cus, by); fault != nil {
			return nil, fault
		}
	}
	t.create(made)
	t.emit("billing_portal.session.created", made)
	return made, nil
}

// portalFor is the configuration that a session is to have.
func (t *transaction) portalFor(c call) (*portalConfiguration, *apiError) {
	id := c.text("configuration")
	if id == "" {
		return t.defaultPortal(), nil
	}
	found, fault := named[*portalConfiguration](t, id, "configuration")
	if fault == nil && !found.Active {
		fault = invalid("configuration", "", "The configuration "+id+" is not active.")
	}
	return found, fault
}

// readFlow is the flow that a request asks for, which the configuration must
// allow and the customer must have a subscription for.
func (t *transaction) readFlow(f form, cus *customer, by *portalConfiguration) (*portalFlow, *apiError) {
	flow := &portalFlow{Type: f.text("type"), AfterCompletion: portalAfter{Type: "portal_homepage"}}
	if fault := flow.end(f.form("after_completion")); fault != nil {
		return nil, fault
	}
	switch flow.Type {
	case "payment_method_update":
		if !by.Features.PaymentMethodUpdate.Enabled {
			return nil, disabledFlow("payment method", "updated", "payment method update")
		}
		return flow, nil
	case "subscription_cancel":
		if !by.Features.SubscriptionCancel.Enabled {
			return nil, disabledFlow("subscription", "canceled", "subscription cancel")
		}
	default:
		if !by.Features.SubscriptionUpdate.Enabled {
			return nil, disabledFlow("subscription", "updated", "subscription update")
		}
	}
	param := "flow_data[" + flow.Type + "]"
	given := f.form(flow.Type)
	if given == nil {
		return nil, missingParam(param)
	}
	target, fault := t.flowTarget(given, cus, param+"[subscription]")
	if fault != nil {
		return nil, fault
	}
	switch flow.Type {
	case "subscription_cancel":
		if target.CancelAt > 0 {
			return nil, invalid(param+"[subscription]", "", "The subscription "+target.ID+" is already set to be canceled.")
		}
		flow.SubscriptionCancel = &portalTarget{target.ID}
	case "subscription_update":
		flow.SubscriptionUpdate = &portalTarget{target.ID}
	default:
		flow.SubscriptionUpdateConfirm, fault = t.readConfirm(given, target, by, param)
	}
	return flow, fault
}

func disabledFlow(what, done, feature string) *apiError {
	return refused("", "This "+what+" cannot be "+done+" because the "+feature+" feature in the portal configuration is disabled.")
}

// end says what follows when the customer is done.
func (p *portalFlow) end(f form) *apiError {
	p.AfterCompletion.Type = f.word("type", p.AfterCompletion.Type)
	switch p.AfterCompletion.Type {
	case "redirect":
		address := f.form("redirect").text("return_url")
		if address == "" {
			return missingParam("flow_data[after_completion][redirect]")
		}
		if !isWebAddress(address) {
			return invalid("flow_data[after_completion][redirect][return_url]", "url_invalid", "Not a valid URL")
		}
		p.AfterCompletion.Redirect = &portalReturn{address}
	case "hosted_confirmation":
		p.AfterCompletion.HostedConfirmation = &portalMessage{text(f.form("hosted_confirmation").text("custom_message"))}
	}
	return nil
}

// flowTarget is the subscription that a flow is about.
func (t *transaction) flowTarget(f form, cus *customer, param string) (*subscription, *apiError) {
	found, fault := named[*subscription](t, f.text("subscription"), param)
	switch {
	case fault != nil:
		return nil, fault
	case found.Customer != cus.ID:
		return nil, invalid(param, "", "The subscription "+found.ID+" does not belong to the customer "+cus.ID+".")
	case found.ended():
		return nil, invalid(param, "", "The subscription "+found.ID+" has ended.")
	}
	return found, nil
}

// readConfirm is the change that the customer is asked to confirm.
func (t *transaction) readConfirm(f form, target *subscription, by *portalConfiguration, param string) (*portalConfirm, *apiError) {
	confirm := &portalConfirm{Subscription: target.ID}
	for i, one := range f.forms("items") {
		name := param + "[items][" + strconv.Itoa(i) + "]"
		if !target.hasItem(one.text("id")) {
			return nil, missing("subscription_item", one.text("id"), name+"[id]")
		}
		item := portalItem{ID: text(one.text("id")), Price: text(one.text("price"))}
		if item.Price != "" && !by.Features.SubscriptionUpdate.offers(string(item.Price)) {
			return nil, invalid(name+"[price]", "", "The price "+string(item.Price)+" is not among those of the portal configuration.")
		}
		if one.has("quantity") {
			quantity := one.integer("quantity", 0)
			item.Quantity = &quantity
		}
		confirm.Items = append(confirm.Items, item)
	}
	return confirm, nil
}

func (s *subscription) hasItem(id string) bool {
	for _, item := range s.Items.Data {
		if item.ID == id {
			return true
		}
	}
	return false
}

func (p *portalUpdate) offers(price string) bool {
	for _, one := range p.Products {
		for _, id := range one.Prices {
			if id == price {
				return true
			}
		}
	}
	return false
}
