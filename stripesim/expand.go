package stripesim

import "strings"

// maxExpansion is how deep an expansion may go.
const maxExpansion = 4

// expand shows an object, or a list, with the fields expanded that were asked for.
func (t *transaction) expand(result any, paths []string) (any, *apiError) {
	o, ok := result.(object)
	if !ok {
		return result, nil
	}
	shown := visible(o)
	for _, path := range paths {
		parts := strings.Split(path, ".")
		depth := len(parts)
		if parts[0] == "data" {
			depth--
		}
		if depth > maxExpansion {
			return nil, invalidParam("expand", "", "You cannot expand more than 4 levels of a property.")
		}
		if !t.expandPath(shown, parts) {
			return nil, invalidParam("expand", "", "This property cannot be expanded ("+path+").")
		}
	}
	return shown, nil
}

func (t *transaction) expandPath(o object, parts []string) bool {
	name := parts[0]
	if _, there := o[name]; !there {
		hidden, ok := t.hidden(o, name)
		if !ok {
			return false
		}
		o[name] = hidden
	}
	switch value := o[name].(type) {
	case nil:
		return true
	case string:
		inner := t.get(value)
		if inner == nil {
			return false
		}
		if inner.boolean("_deleted") {
			o[name] = object{"id": value, "object": inner.text("object"), "deleted": true}
			return len(parts) == 1
		}
		shown := visible(inner)
		o[name] = shown
		return len(parts) == 1 || t.expandPath(shown, parts[1:])
	case []any:
		for i, row := range value {
			if id, ok := row.(string); ok {
				inner := t.get(id)
				if inner == nil {
					return false
				}
				value[i] = visible(inner)
			}
			if row, ok := value[i].(object); ok && len(parts) > 1 && !t.expandPath(row, parts[1:]) {
				return false
			}
		}
		return true
	case object:
		return len(parts) == 1 || t.expandPath(value, parts[1:])
	}
	return false
}

// hidden are the fields that show up only when they are expanded.
func (t *transaction) hidden(o object, name string) (value any, ok bool) {
	id := o.text("id")
	switch o.text("object") + "." + name {
	case "invoice.payments":
		var rows []object
		for _, payment := range t.by("invoice_payment", "invoice", id) {
			rows = append(rows, visible(payment))
		}
		return listOf("/v1/invoice_payments?invoice="+id, rows...), true
	case "invoice.confirmation_secret":
		intent := t.get(t.get(id).text("_intent"))
		if intent == nil || t.get(id).text("status") != "open" {
			return nil, true
		}
		return object{"client_secret": intent["client_secret"], "type": "payment_intent"}, true
	case "charge.refunds":
		var rows []object
		for _, refund := range t.by("refund", "charge", id) {
			rows = append([]object{visible(refund)}, rows...)
		}
		return listOf("/v1/charges/"+id+"/refunds", rows...), true
	}
	return nil, false
}
