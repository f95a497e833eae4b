package stripesim

import (
	"crypto/rand"
	"math/big"
	"slices"
	"time"
)

// state is everything that the simulator keeps.
type state struct {
	objects map[string]object
	// lists has the ids of each kind in the order of creation; indexes those
	// of a kind that refer to another object, such as the invoices of a customer.
	lists   map[string][]string
	indexes map[index][]string
	// due is when the clock has something to do with an object, in seconds.
	due    map[string]int64
	offset time.Duration
	// undelivered are events that webhook endpoints have not acknowledged.
	undelivered map[deliveryKey]int
}

type index struct{ kind, field, id string }

// indexed are the fields by which objects are listed.
var indexed = map[string][]string{
	"subscription":     {"customer"},
	"invoice":          {"customer", "_subscription"},
	"invoice_payment":  {"invoice", "_payment_intent"},
	"payment_intent":   {"customer", "_invoice"},
	"charge":           {"customer", "payment_intent"},
	"refund":           {"charge", "payment_intent"},
	"payment_method":   {"customer"},
	"price":            {"product", "lookup_key"},
	"setup_intent":     {"customer"},
	"invoiceitem":      {"customer"},
	"webhook_endpoint": {},
}

func newState() *state {
	return &state{
		objects: map[string]object{}, lists: map[string][]string{}, indexes: map[index][]string{},
		due: map[string]int64{}, undelivered: map[deliveryKey]int{},
	}
}

// put stores an object and keeps lists, indexes and due times right.
func (s *state) put(o object) {
	id, kind := o.text("id"), o.text("object")
	before := s.objects[id]
	s.objects[id] = o
	if before == nil {
		s.lists[kind] = append(s.lists[kind], id)
	}
	for _, field := range indexed[kind] {
		was, is := before.text(field), o.text(field)
		if before != nil && was == is {
			continue
		}
		if was != "" {
			key := index{kind, field, was}
			s.indexes[key] = slices.DeleteFunc(s.indexes[key], func(other string) bool { return other == id })
		}
		if is != "" {
			key := index{kind, field, is}
			s.indexes[key] = append(s.indexes[key], id)
		}
	}
	if at := dueAt(o); at > 0 {
		s.due[id] = at
	} else {
		delete(s.due, id)
	}
}

// transaction is one request, or one thing that the clock does.
type transaction struct {
	*Simulator
	writes map[string]object
	order  []string
	events []object
	// request and key are noted in its events; request is empty where Stripe
	// acts by itself.
	request string
	key     string
	time    int64
	// automatic says that the clock does it, not a request.
	automatic bool
	// answered is the answer that goes with it for an idempotency key.
	answered *remembered
}

func (s *Simulator) begin(request, key string) *transaction {
	return &transaction{
		Simulator: s, writes: map[string]object{}, request: request, key: key, time: s.now().Unix(),
	}
}

// get is an object that must not be changed.
func (t *transaction) get(id string) object {
	if o, ok := t.writes[id]; ok {
		return o
	}
	return t.state.objects[id]
}

// find is an object of that kind, or a refusal that names the parameter.
func (t *transaction) find(kind, id, param string) (object, *apiError) {
	o := t.get(id)
	if o == nil || o.text("object") != kind || o.boolean("_gone") {
		return nil, missing(kind, id, param)
	}
	return o, nil
}

// edit is an object that may be changed; the change is stored with the transaction.
func (t *transaction) edit(id string) object {
	if o, ok := t.writes[id]; ok {
		return o
	}
	o := cloneObject(t.state.objects[id])
	t.put(o)
	return o
}

func (t *transaction) put(o object) {
	id := o.text("id")
	if _, ok := t.writes[id]; !ok {
		t.order = append(t.order, id)
	}
	t.writes[id] = o
}

// by lists objects of a kind that refer to another one, oldest first, those of
// this transaction included.
func (t *transaction) by(kind, field, id string) []object {
	var found []object
	for _, other := range t.state.indexes[index{kind, field, id}] {
		if o := t.get(other); o.text(field) == id {
			found = append(found, o)
		}
	}
	for _, other := range t.order {
		o := t.writes[other]
		stored := t.state.objects[other]
		if o.text("object") == kind && o.text(field) == id && (stored == nil || stored.text(field) != id) {
			found = append(found, o)
		}
	}
	return found
}

// commit makes a transaction's writes and events visible, and keeps them.
func (s *Simulator) commit(t *transaction) error {
	if len(t.order) == 0 && len(t.events) == 0 && t.answered == nil {
		return nil
	}
	pending := s.address(t)
	line := record{}
	for _, id := range t.order {
		line.Objects = append(line.Objects, t.writes[id])
	}
	line.Objects = append(line.Objects, t.events...)
	line.Deliveries = pending
	if a := t.answered; a != nil {
		line.Key, line.Request, line.Status, line.Body, line.At = a.key, a.request, a.status, a.body, a.at
	}
	if err := s.journal.append(line); err != nil {
		return err
	}
	s.state.replay(line)
	for _, delivery := range pending {
		s.deliveries.add(delivery)
	}
	return nil
}

// replay applies a line of the journal.
func (s *state) replay(line record) {
	for _, o := range line.Objects {
		s.put(o)
	}
	for _, key := range line.Deliveries {
		s.undelivered[key]++
	}
	for _, key := range line.GivenUp {
		delete(s.undelivered, key)
	}
	for _, key := range line.Delivered {
		delete(s.undelivered, key)
		if event := s.objects[key.Event]; event != nil {
			event = cloneObject(event)
			event["pending_webhooks"] = max(event.integer("pending_webhooks")-1, 0)
			s.objects[key.Event] = event
		}
	}
	if line.Offset != nil {
		s.offset = *line.Offset
	}
}

func (s *state) pendingDeliveries() []deliveryKey {
	var keys []deliveryKey
	for _, id := range s.lists["event"] {
		for key := range s.undelivered {
			if key.Event == id {
				keys = append(keys, key)
			}
		}
	}
	return keys
}

const letters = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

// newID is an id as Stripe makes them: a prefix and 24 letters and digits.
func newID(prefix string) string {
	id := make([]byte, 24)
	for i := range id {
		n, err := rand.Int(rand.Reader, big.NewInt(int64(len(letters))))
		if err != nil {
			panic("stripesim: no randomness: " + err.Error())
		}
		id[i] = letters[n.Int64()]
	}
	return prefix + string(id)
}
