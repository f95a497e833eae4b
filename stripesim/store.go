package stripesim

import (
	"cmp"
	"encoding/json"
	"slices"
	"time"
)

// object is what the simulator keeps: one of Stripe's kinds, with its fields as
// they go over the wire. A stored object is never changed; a transaction
// changes a copy and stores that.
type object interface {
	kind() string
	head() *header
	clone() object
	// hidden points to what the journal keeps beside the wire form. Nil: nothing.
	hidden() any
	// indexes are the values by which lists and other objects find it.
	indexes() []indexed
	// due is when the clock has something to do with it. Zero: never.
	due() int64
}

// header is common to all kinds.
type header struct {
	ID     string `json:"id"`
	Object string `json:"object"`

	// serial is the place in the order in which objects were made.
	serial int64
	// clock is the test clock that the object lives by. Empty: the simulator's.
	clock string
}

// clocked is a kind of object that says on which test clock it is.
type clocked interface{ onClock(id text) }

func (h *header) head() *header    { return h }
func (*header) hidden() any        { return nil }
func (*header) indexes() []indexed { return nil }
func (*header) due() int64         { return 0 }

type indexed struct{ field, value string }

// key names an object: ids are unique within a kind, since those of products
// may be chosen freely.
type key struct {
	Kind string `json:"kind"`
	ID   string `json:"id"`
}

func keyOf(o object) key { return key{o.kind(), o.head().ID} }

// row holds the present version of an object.
type row struct{ object object }

func (r *row) serial() int64 { return r.object.head().serial }

// table has the objects of one kind by id, and in the order of their making.
type table struct {
	byID map[string]*row
	rows []*row
}

// indexName is a field by which the objects of a kind are found.
type indexName struct{ kind, field string }

// state is everything that the simulator keeps.
type state struct {
	tables  map[string]*table // without events
	events  *eventLog
	indexes map[indexName]map[string][]*row // by the value of the field, in the order of their making
	// due has what is to be done by each test clock, and by the simulator's
	// under the empty name.
	due    map[string]*dueQueue
	serial int64
	// offset is how far the simulator's clock is ahead of real time.
	offset time.Duration
	// frozen is where the simulator's clock stands still. Zero: it does not.
	frozen time.Time
	// latest is the latest time at which anything was done, in seconds.
	latest int64
	// deliveries are those that no endpoint has taken yet.
	deliveries map[deliveryKey]delivery
	answers    map[string]savedAnswer
}

func newState() *state {
	return &state{
		tables: map[string]*table{}, events: newEventLog(), indexes: map[indexName]map[string][]*row{}, due: map[string]*dueQueue{},
		deliveries: map[deliveryKey]delivery{}, answers: map[string]savedAnswer{},
	}
}

func (s *state) table(kind string) *table {
	found := s.tables[kind]
	if found == nil {
		found = &table{byID: map[string]*row{}}
		s.tables[kind] = found
	}
	return found
}

func (s *state) row(k key) *row {
	if k.Kind != eventKind {
		return s.table(k.Kind).byID[k.ID]
	}
	if i, found := s.events.place(k.ID); found {
		return &row{s.events.at(i)}
	}
	return nil
}

// found are the rows of a kind that have a value in a field.
func (s *state) found(kind, field, value string) []*row {
	return s.indexes[indexName{kind, field}][value]
}

// put stores an object and keeps lists, indexes and due times right.
func (s *state) put(o object) {
	if e, is := o.(*event); is {
		s.events.put(e)
		s.serial = max(s.serial, e.serial)
		return
	}
	rows, id := s.table(o.kind()), o.head().ID
	r := rows.byID[id]
	var before []indexed
	var wasDue int64
	if r == nil {
		r = &row{o}
		rows.byID[id] = r
		rows.rows = insertRow(rows.rows, r)
		s.serial = max(s.serial, r.serial())
	} else {
		before, wasDue = r.object.indexes(), r.object.due()
	}
	r.object = o
	s.reindex(r, before, o.indexes())
	if at := o.due(); at > 0 && at != wasDue {
		s.dueBy(o.head().clock).add(dueItem{at, r.serial(), keyOf(o)})
	}
}

// remove forgets an object.
func (s *state) remove(k key) {
	rows := s.table(k.Kind)
	r := rows.byID[k.ID]
	if r == nil {
		return
	}
	if k.Kind == testClockKind {
		delete(s.due, k.ID)
	}
	delete(rows.byID, k.ID)
	rows.rows = deleteRow(rows.rows, r)
	s.reindex(r, r.object.indexes(), nil)
}

func (s *state) reindex(r *row, before, after []indexed) {
	if slices.Equal(before, after) {
		return
	}
	kind := r.object.kind()
	for _, was := range before {
		if was.value == "" {
			continue
		}
		values := s.indexes[indexName{kind, was.field}]
		if rest := deleteRow(values[was.value], r); len(rest) > 0 {
			values[was.value] = rest
		} else {
			delete(values, was.value)
		}
	}
	for _, is := range after {
		if is.value == "" {
			continue
		}
		values := s.indexes[indexName{kind, is.field}]
		if values == nil {
			values = map[string][]*row{}
			s.indexes[indexName{kind, is.field}] = values
		}
		values[is.value] = insertRow(values[is.value], r)
	}
}

func bySerial(r *row, serial int64) int { return cmp.Compare(r.serial(), serial) }

// insertRow keeps rows in the order of their making; nearly always the new one
// is the last.
func insertRow(rows []*row, r *row) []*row {
	if len(rows) == 0 || rows[len(rows)-1].serial() < r.serial() {
		return append(rows, r)
	}
	at, found := slices.BinarySearchFunc(rows, r.serial(), bySerial)
	if found {
		return rows
	}
	return slices.Insert(rows, at, r)
}

func deleteRow(rows []*row, r *row) []*row {
	at, found := slices.BinarySearchFunc(rows, r.serial(), bySerial)
	if !found {
		return rows
	}
	return slices.Delete(rows, at, at+1)
}

// apply makes a line of the journal true.
func (s *state) apply(l line) {
	for _, o := range l.objects {
		s.put(o)
	}
	for _, k := range l.Gone {
		s.remove(k)
	}
	for _, d := range l.Deliveries {
		s.deliveries[d.deliveryKey] = d
	}
	for _, k := range l.Delivered {
		s.delivered(k)
	}
	if l.Offset != nil {
		s.offset = *l.Offset
	}
	if l.Frozen != nil {
		s.frozen = *l.Frozen
	}
	if l.Answer != nil {
		s.answers[l.Answer.Key] = *l.Answer
	}
	s.latest = max(s.latest, l.At)
}

// delivered counts down what an event still waits for.
func (s *state) delivered(k deliveryKey) {
	if _, waiting := s.deliveries[k]; !waiting {
		return
	}
	delete(s.deliveries, k)
	if i, found := s.events.place(k.Event); found {
		r := s.events.record(i)
		r.pending = max(r.pending-1, 0)
	}
}

// kinds make an empty object of each kind, to read it from the journal.
var kinds = map[string]func() object{
	customerKind:        func() object { return &customer{} },
	productKind:         func() object { return &product{} },
	priceKind:           func() object { return &price{} },
	couponKind:          func() object { return &coupon{} },
	discountKind:        func() object { return &discount{} },
	promotionCodeKind:   func() object { return &promotionCode{} },
	paymentMethodKind:   func() object { return &paymentMethod{} },
	setupIntentKind:     func() object { return &setupIntent{} },
	paymentIntentKind:   func() object { return &paymentIntent{} },
	chargeKind:          func() object { return &charge{} },
	refundKind:          func() object { return &refund{} },
	invoiceKind:         func() object { return &invoice{} },
	invoiceItemKind:     func() object { return &invoiceItem{} },
	invoicePaymentKind:  func() object { return &invoicePayment{} },
	subscriptionKind:    func() object { return &subscription{} },
	eventKind:           func() object { return &event{} },
	webhookEndpointKind: func() object { return &webhookEndpoint{} },
	testClockKind:       func() object { return &testClock{} },

	subscriptionScheduleKind: func() object { return &subscriptionSchedule{} },
	balanceTransactionKind:   func() object { return &balanceTransaction{} },
	checkoutSessionKind:      func() object { return &checkoutSession{} },
	balanceEntryKind:         func() object { return &balanceEntry{} },
	earlyFraudWarningKind:    func() object { return &earlyFraudWarning{} },
	disputeKind:              func() object { return &dispute{} },
	portalConfigurationKind:  func() object { return &portalConfiguration{} },
	portalSessionKind:        func() object { return &portalSession{} },
}

// stored is an object in the journal.
type stored struct {
	Kind   string          `json:"kind"`
	Serial int64           `json:"serial"`
	Clock  string          `json:"clock,omitempty"`
	Object json.RawMessage `json:"object"`
	Hidden json.RawMessage `json:"hidden,omitempty"`
}

func storeObject(o object) (stored, error) {
	s := stored{Kind: o.kind(), Serial: o.head().serial, Clock: o.head().clock}
	var err error
	if s.Object, err = json.Marshal(o); err != nil {
		return s, err
	}
	if hidden := o.hidden(); hidden != nil {
		s.Hidden, err = json.Marshal(hidden)
	}
	return s, err
}

func (s stored) read() (object, error) {
	make, known := kinds[s.Kind]
	if !known {
		return nil, &unknownKindError{s.Kind}
	}
	o := make()
	if err := json.Unmarshal(s.Object, o); err != nil {
		return nil, err
	}
	if hidden := o.hidden(); hidden != nil && s.Hidden != nil {
		if err := json.Unmarshal(s.Hidden, hidden); err != nil {
			return nil, err
		}
	}
	o.head().serial, o.head().clock = s.Serial, s.Clock
	return o, nil
}

type unknownKindError struct{ kind string }

func (e *unknownKindError) Error() string { return "the kind " + e.kind + " is unknown" }
