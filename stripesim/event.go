package stripesim

import "slices"

// emit notes an event about an object as it is now. previous, if any, are the
// old values of what changed.
func (t *transaction) emit(kind string, o object, previous object) {
	data := object{"object": visible(o)}
	if previous != nil {
		data["previous_attributes"] = previous
	}
	event := object{
		"id": newID("evt_1"), "object": "event", "api_version": APIVersion, "created": t.time, "livemode": false,
		"pending_webhooks": int64(0), "type": kind, "data": data,
		"request": object{"id": orNull(t.request), "idempotency_key": orNull(t.key)},
	}
	// The old shape says what the new one leaves out; it is rendered at
	// delivery, so what only it shows is kept beside.
	event["_links"] = t.oldLinks(o)
	t.events = append(t.events, event)
}

// emitAt notes an event before others of the same transaction, with the object
// as it is now.
func (t *transaction) emitAt(first int, kind string, o object) {
	t.emit(kind, o, nil)
	last := len(t.events) - 1
	event := t.events[last]
	t.events = slices.Insert(t.events[:last], first, event)
}

// updated notes an *.updated event, if anything changed.
func (t *transaction) updated(kind string, before, after object) {
	if previous := changes(before, after); len(previous) > 0 {
		t.emit(kind, after, previous)
	}
}

// eventRetention is how long events are listed: 30 days.
const eventRetention = 30 * 24 * 3600

func retrieveEvent(t *transaction, args []string, _ params) (any, *apiError) {
	event, fault := t.find("event", args[0], "id")
	if fault != nil || event.integer("created") < t.time-eventRetention {
		return nil, missing("event", args[0], "id")
	}
	return event, nil
}

func listEvents(t *transaction, _ []string, p params) (any, *apiError) {
	types := p.texts("types")
	if one := p.text("type"); one != "" {
		types = append(types, one)
	}
	if len(types) > 20 || p.text("type") != "" && len(types) > 1 {
		return nil, invalidParam("types", "", "You may pass up to 20 types, or one type.")
	}
	return t.list(listing{kind: "event", url: "/v1/events", wanted: func(event object) bool {
		if event.integer("created") < t.time-eventRetention {
			return false
		}
		if success := p.text("delivery_success"); success != "" {
			delivered := event.integer("pending_webhooks") == 0
			if delivered != (success == "true") {
				return false
			}
		}
		return len(types) == 0 || slices.ContainsFunc(types, func(pattern string) bool { return matchesType(pattern, event.text("type")) })
	}}, p)
}
