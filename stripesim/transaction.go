package stripesim

import (
	"fmt"
	"reflect"
	"time"
)

// transaction is one request, or one thing that the clock does. What it writes
// becomes visible, and is kept, all together when it is committed.
type transaction struct {
	sim    *Simulator
	state  *state
	writes map[key]object
	order  []key
	gone   []key
	events []*event
	// request and idempotencyKey are noted in its events; request is empty
	// where Stripe acts by itself.
	request        string
	idempotencyKey string
	now            int64 // seconds since 1970, by the test clock if there is one
	begun          int64 // the same by the simulator's clock
	// clock is the test clock on which all this happens. Empty: none.
	clock string
	// automatic says that Stripe tries to be paid by itself.
	automatic bool
	// prepaid is the intent that has paid the first invoice of a subscription
	// before there was one, as Checkout does.
	prepaid *paymentIntent
	// held is the subscription whose changes become one event at the end.
	held string
}

// begin starts a transaction. The caller holds the lock.
func (s *Simulator) begin(now int64) *transaction {
	return &transaction{sim: s, state: s.state, writes: map[key]object{}, now: now, begun: now}
}

// kindOf is the kind of a type of objects.
func kindOf[T object]() string {
	var none T
	return none.kind()
}

// get is an object that must not be changed, or nil.
func get[T object](t *transaction, id string) T {
	k := key{kindOf[T](), id}
	if o, ok := t.writes[k]; ok {
		return o.(T)
	}
	if r := t.state.row(k); r != nil {
		return r.object.(T)
	}
	var none T
	return none
}

// named is the object that a parameter names, or a refusal. What follows
// happens on the object's test clock.
func named[T object](t *transaction, id, param string) (T, *apiError) {
	found := get[T](t, id)
	if isNil(found) {
		return found, missing(kindOf[T](), id, param)
	}
	t.enterClock(found.head().clock)
	return found, nil
}

// addressed is the object that the path of a call names, or a refusal.
func addressed[T object](t *transaction, id string) (T, *apiError) {
	found, fault := named[T](t, id, "id")
	if fault != nil {
		return found, fault.notFound()
	}
	return found, nil
}

// edit is a copy of an object, to be changed; it is stored with the
// transaction. The object must be there.
func edit[T object](t *transaction, id string) T {
	k := key{kindOf[T](), id}
	if o, ok := t.writes[k]; ok {
		return o.(T)
	}
	r := t.state.row(k)
	if r == nil {
		panic(fmt.Sprintf("stripesim: there is no %s %s to change", k.Kind, k.ID))
	}
	changed := r.object.clone()
	t.write(changed)
	return changed.(T)
}

// create stores a new object.
func (t *transaction) create(o object) {
	t.state.serial++
	o.head().serial, o.head().clock = t.state.serial, t.clock
	if named, ok := o.(clocked); ok {
		named.onClock(text(t.clock))
	}
	t.write(o)
}

func (t *transaction) write(o object) {
	k := keyOf(o)
	if _, again := t.writes[k]; !again {
		t.order = append(t.order, k)
	}
	t.writes[k] = o
}

func (t *transaction) remove(o object) { t.gone = append(t.gone, keyOf(o)) }

// related lists the objects of a kind that an index finds, oldest first, those
// of this transaction included.
func related[T object](t *transaction, field, value string) []T {
	var found []T
	kind := kindOf[T]()
	for _, r := range t.state.found(kind, field, value) {
		if o := get[T](t, r.object.head().ID); hasIndex(o, field, value) {
			found = append(found, o)
		}
	}
	for _, k := range t.order {
		if k.Kind != kind || !hasIndex(t.writes[k], field, value) {
			continue
		}
		if r := t.state.row(k); r == nil || !hasIndex(r.object, field, value) {
			found = append(found, t.writes[k].(T))
		}
	}
	return found
}

func hasIndex(o object, field, value string) bool {
	for _, index := range o.indexes() {
		if index.field == field && index.value == value {
			return true
		}
	}
	return false
}

// commit makes a transaction's writes and events visible, and keeps them. The
// caller holds the lock.
func (s *Simulator) commit(t *transaction, with line) error {
	with.At = t.begun
	for _, k := range t.order {
		with.objects = append(with.objects, t.writes[k])
	}
	with.Gone = t.gone
	for _, e := range t.events {
		t.number(e)
		with.objects = append(with.objects, e)
	}
	with.Deliveries = t.address()
	if err := s.journal.append(with); err != nil {
		return err
	}
	s.state.apply(with)
	s.sender.add(with.Deliveries)
	return nil
}

// newID is an id as Stripe makes them: a prefix, then letters and digits.
func (t *transaction) newID(prefix string, length int) string {
	return prefix + t.sim.randomText(length)
}

// after is a time that many days from now.
func (t *transaction) after(d time.Duration) moment { return moment(t.now + int64(d/time.Second)) }

func isNil(o object) bool { return o == nil || reflect.ValueOf(o).IsNil() }
