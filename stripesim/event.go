package stripesim

import (
	"bytes"
	"encoding/json"
	"reflect"
	"slices"
	"strings"
)

const eventKind = "event"

// eventTime is how long events are kept: 30 days.
const eventTime = 30 * day

// maxEventTypes is how many types a list of events may be narrowed to.
const maxEventTypes = 20

// event tells of something that happened to an object, with a snapshot of it.
type event struct {
	header
	Type            string
	Created         int64
	PendingWebhooks int32

	told told
}

// eventStory is what an event says beside its own fields: the object as it was,
// and what is encoded by itself.
type eventStory struct {
	APIVersion         string          `json:"api_version"`
	Object             json.RawMessage `json:"-"`
	PreviousAttributes tree            `json:"previous_attributes,omitempty"`
	Request            eventRequest    `json:"request"`
	Private            eventPrivate    `json:"private"`
}

type eventRequest struct {
	ID             text `json:"id"`
	IdempotencyKey text `json:"idempotency_key"`
}

type eventPrivate struct {
	// Links are what the older shape says of the object and the present one
	// does not. Nil: nothing.
	Links *oldLinks `json:"links,omitempty"`
	// Made is when an event on a test clock was made, by the simulator's. Zero:
	// when it was created.
	Made int64 `json:"made,omitempty"`
}

func (*event) kind() string    { return eventKind }
func (e *event) clone() object { c := *e; return &c }
func (e *event) hidden() any   { return &e.told.story().Private }

// wireEvent is an event as it goes over the wire.
type wireEvent struct {
	ID              string       `json:"id"`
	Object          string       `json:"object"`
	Livemode        no           `json:"livemode"`
	APIVersion      string       `json:"api_version"`
	Created         int64        `json:"created"`
	Data            eventData    `json:"data"`
	PendingWebhooks int32        `json:"pending_webhooks"`
	Request         eventRequest `json:"request"`
	Type            string       `json:"type"`
}

type eventData struct {
	Object             json.RawMessage `json:"object"`
	PreviousAttributes tree            `json:"previous_attributes,omitempty"`
}

// wire is the event with its story.
func (e *event) wire(s *eventStory) wireEvent {
	return wireEvent{
		ID: e.ID, Object: e.Object, APIVersion: s.APIVersion, Created: e.Created, Data: eventData{s.Object, s.PreviousAttributes},
		PendingWebhooks: e.PendingWebhooks, Request: s.Request, Type: e.Type,
	}
}

// MarshalJSON implements [json.Marshaler].
func (e *event) MarshalJSON() ([]byte, error) { return json.Marshal(e.wire(e.told.story())) }

// UnmarshalJSON implements [json.Unmarshaler].
func (e *event) UnmarshalJSON(encoded []byte) error {
	var w wireEvent
	decoder := json.NewDecoder(bytes.NewReader(encoded))
	decoder.UseNumber()
	if err := decoder.Decode(&w); err != nil {
		return err
	}
	*e = event{
		header: header{ID: w.ID, Object: eventKind}, Type: w.Type, Created: w.Created, PendingWebhooks: w.PendingWebhooks,
		told: plainly(&eventStory{APIVersion: w.APIVersion, Object: w.Data.Object, PreviousAttributes: w.Data.PreviousAttributes, Request: w.Request}),
	}
	return nil
}

// emit notes an event about an object as it is now.
func (t *transaction) emit(kind string, o object) *event {
	story := &eventStory{APIVersion: APIVersion, Request: eventRequest{ID: text(t.request), IdempotencyKey: text(t.idempotencyKey)}}
	if t.clock != "" {
		story.Private.Made = t.begun
	}
	e := &event{header: header{Object: eventKind}, Created: t.now, Type: kind, told: plainly(story)}
	t.snapshot(e, o)
	t.events = append(t.events, e)
	return e
}

// snapshot makes an event of this transaction show an object as it is now.
func (t *transaction) snapshot(e *event, o object) {
	story := e.told.story()
	story.Object = mustMarshal(t.shown(o))
	story.Private.Links = nil
	if links := t.oldLinks(o); links != (oldLinks{}) {
		story.Private.Links = &links
	}
}

// changed notes an event about a change, if there was one; before is the
// object as it was.
func (t *transaction) changed(kind string, before, after object) {
	if previous := changedValues(t.shown(before), t.shown(after)); len(previous) > 0 {
		t.emit(kind, after).told.story().PreviousAttributes = previous
	}
}

// changedValues has the old values of what is different in an object now, by
// the names of the wire. Most fields are the same, so only those that differ
// are encoded.
func changedValues(before, after any) tree {
	was, is := reflect.Indirect(reflect.ValueOf(before)), reflect.Indirect(reflect.ValueOf(after))
	if was.Type() != is.Type() {
		return difference(mustTree(before), mustTree(after))
	}
	old, now := tree{}, tree{}
	for i := range was.NumField() {
		name, _, _ := strings.Cut(was.Type().Field(i).Tag.Get("json"), ",")
		if name == "" { // what is common to all kinds, and what the wire does not show
			continue
		}
		x, y := was.Field(i).Interface(), is.Field(i).Interface()
		if reflect.DeepEqual(x, y) {
			continue
		}
		if x, y := mustMarshal(x), mustMarshal(y); !bytes.Equal(x, y) {
			old[name], now[name] = decodeValue(x), decodeValue(y)
		}
	}
	return difference(old, now)
}

func mustTree(o any) (decoded tree) {
	mustUnmarshal(mustMarshal(o), &decoded)
	return decoded
}

// difference has the old values of what is different now. Hashes are compared
// key by key, lists as a whole; what was not there before was null.
func difference(was, is tree) tree {
	old := tree{}
	for name := range is {
		before, after := was[name], is[name]
		if reflect.DeepEqual(before, after) {
			continue
		}
		wasHash, okBefore := before.(tree)
		isHash, okAfter := after.(tree)
		if okBefore && okAfter {
			before = difference(wasHash, isHash)
		}
		old[name] = before
	}
	for name := range was {
		if _, still := is[name]; !still {
			old[name] = was[name]
		}
	}
	return old
}

// mustMarshal encodes one of the simulator's own objects, which always works.
func mustMarshal(value any) json.RawMessage {
	encoded, err := json.Marshal(value)
	if err != nil {
		panic("stripesim: encode an object: " + err.Error())
	}
	return encoded
}

func mustUnmarshal(encoded json.RawMessage, into any) {
	decoder := json.NewDecoder(bytes.NewReader(encoded))
	decoder.UseNumber()
	if err := decoder.Decode(into); err != nil {
		panic("stripesim: decode an object: " + err.Error())
	}
}

// decodeValue decodes a value; one that is not there is null.
func decodeValue(encoded json.RawMessage) (value any) {
	if encoded != nil {
		mustUnmarshal(encoded, &value)
	}
	return value
}

func eventOperations() []operation {
	return []operation{
		{method: "GET", path: "/v1/events", do: listEvents, fields: pageFields(shape{
			"created": aRange(), "delivery_success": aBoolean(), "type": aText(), "types": aList(aText()),
		})},
		{method: "GET", path: "/v1/events/{}", do: retrieveEvent},
	}
}

func retrieveEvent(t *transaction, c call) (any, *apiError) {
	i, found := t.state.events.place(c.id())
	if !found || t.state.events.record(i).isForgotten(t.begun) {
		return nil, missing(eventKind, c.id(), "id").notFound()
	}
	return t.state.events.at(i), nil
}

// isForgotten says whether an event is past its time, whatever its test clock
// showed when it was made.
func (r *eventRecord) isForgotten(now int64) bool { return r.made < now-eventTime }

func listEvents(t *transaction, c call) (any, *apiError) {
	types := c.texts("types")
	if one := c.text("type"); one != "" {
		if len(types) > 0 {
			return nil, invalid("type", "parameters_exclusive", "Received both type and types parameters. Please pass in only one.")
		}
		types = []string{one}
	}
	if len(types) > maxEventTypes {
		return nil, invalid("types", "", "You may pass up to 20 types.")
	}
	log := t.state.events
	return pageOf(t, "/v1/events", c, sequence[*event]{
		length: log.length, serial: func(i int) int64 { return log.record(i).serial }, at: log.at,
		wanted: func(i int) bool {
			r := log.record(i)
			if r.isForgotten(t.begun) || !c.within("created", r.created) {
				return false
			}
			if c.has("delivery_success") && c.boolean("delivery_success", true) != (r.pending == 0) {
				return false
			}
			return len(types) == 0 || matchesAny(types, log.kinds[r.kind])
		},
	})
}

// matchesAny says whether a type is meant by one of some patterns, such as
// customer.* or *.
func matchesAny(patterns []string, kind string) bool {
	return slices.ContainsFunc(patterns, func(pattern string) bool {
		if prefix, wild := strings.CutSuffix(pattern, "*"); wild {
			return strings.HasPrefix(kind, prefix)
		}
		return pattern == kind
	})
}
