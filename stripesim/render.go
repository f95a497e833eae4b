package stripesim

import (
	"regexp"
	"strings"
)

// firstNewVersion is the first one of the present shape.
const firstNewVersion = "2025-03-31"

var (
	oldVersion     = regexp.MustCompile(`^20(1[1-9]|2[0-5])-[01]\d-[0-3]\d(\.acacia)?$`)
	presentVersion = regexp.MustCompile(`^2026-[01]\d-[0-3]\d\.dahlia$`)
)

// knownVersion says whether events can be shown as an API version does.
func knownVersion(version string) bool {
	return presentVersion.MatchString(version) || oldVersion.MatchString(version) && version < firstNewVersion
}

// oldLinks are the facts that the shape from before 2025-03-31 says of an
// object and the present one does not.
func (t *transaction) oldLinks(o object) object {
	switch o.text("object") {
	case "invoice":
		intent := t.get(o.text("_intent"))
		return object{"payment_intent": orNull(o.text("_intent")), "charge": intent["latest_charge"], "paid_out_of_band": o.boolean("_out_of_band")}
	case "payment_intent":
		return object{"invoice": orNull(o.text("_invoice"))}
	case "charge":
		return object{"invoice": orNull(t.get(o.text("payment_intent")).text("_invoice"))}
	}
	return nil
}

// render shows an event in the shape of an API version.
func render(event object, version string) object {
	shown := visible(event)
	shown["api_version"] = version
	if version >= firstNewVersion {
		return shown
	}
	data := shown.object("data")
	renderOld(data.object("object"), event.object("_links"))
	if previous := data.object("previous_attributes"); previous != nil && data.object("object").text("object") == "subscription" {
		oldPeriod(previous)
	}
	return shown
}

// renderOld changes an object to the shape from before 2025-03-31.
func renderOld(o, links object) {
	for name, value := range links {
		o[name] = value
	}
	switch o.text("object") {
	case "subscription":
		oldPeriod(o)
		o["discount"] = nil
		delete(o, "billing_mode")
	case "invoice":
		parent := o.object("parent").object("subscription_details")
		o["subscription"], o["subscription_details"] = nil, nil
		if parent != nil {
			o["subscription"] = parent["subscription"]
			o["subscription_details"] = object{"metadata": parent["metadata"]}
		}
		o["paid"] = o.text("status") == "paid"
		o["discount"], o["tax"] = nil, nil
		for _, name := range []string{"parent", "total_taxes", "amount_overpaid"} {
			delete(o, name)
		}
		for _, line := range o.rows("lines") {
			oldLine(line)
		}
	}
}

// oldPeriod moves the period from the items to the subscription.
func oldPeriod(subscription object) {
	for _, item := range subscription.rows("items") {
		for _, name := range []string{"current_period_start", "current_period_end"} {
			if at, ok := item[name]; ok {
				subscription[name] = at
				delete(item, name)
			}
		}
	}
}

func oldLine(line object) {
	details := line.object("pricing").object("price_details")
	parent := line.object("parent")
	item := parent.object("subscription_item_details")
	line["price"] = object{"id": details["price"], "object": "price", "product": details["product"]}
	line["type"] = "subscription"
	if !strings.HasPrefix(parent.text("type"), "subscription") {
		line["type"] = "invoiceitem"
	}
	line["subscription"], line["subscription_item"] = item["subscription"], item["subscription_item"]
	line["proration"] = item.boolean("proration")
	delete(line, "pricing")
	delete(line, "parent")
	delete(line, "taxes")
}
