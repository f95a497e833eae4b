package stripesim

import (
	"cmp"
	"slices"
	"sort"
	"strings"
)

// eventLog has the events that are stored, in the order of their making. Most
// of what a simulator keeps is events, so each takes few bytes: what it tells
// is in a packet, and its id is made of its place and some random letters.
type eventLog struct {
	chunks []*[eventChunk]eventRecord
	length int
	// kinds are the types of the events; a record has the number of its.
	kinds   []string
	numbers map[string]int32
	// names are the ids that are not made so, which a snapshot may have, by
	// serial number, and the other way round.
	names   map[int64]string
	serials map[string]int64
	packer  packer
}

// eventChunk is how many records are made at once. A log that grows copies
// none of them.
const eventChunk = 1024

type eventRecord struct {
	serial, created int64
	made            int64 // by the simulator's clock
	told            told
	pending         int32
	kind            int32
	letters         [eventLetters - serialDigits]byte // the end of its id
}

const (
	eventPrefix = "evt_1"
	// eventLetters follow the prefix. The first of them tell the event's place
	// in the order of all objects, as ids of Stripe begin with the time.
	eventLetters = 23
	serialDigits = 8
)

func newEventLog() *eventLog {
	return &eventLog{numbers: map[string]int32{}, names: map[int64]string{}, serials: map[string]int64{}}
}

// record is the one at a place; it may be changed.
func (l *eventLog) record(i int) *eventRecord { return &l.chunks[i/eventChunk][i%eventChunk] }

// find is the place of a serial number, or where it would be.
func (l *eventLog) find(serial int64) (int, bool) {
	i := sort.Search(l.length, func(i int) bool { return l.record(i).serial >= serial })
	return i, i < l.length && l.record(i).serial == serial
}

// place is the place of the event with an id.
func (l *eventLog) place(id string) (int, bool) {
	serial := cmp.Or(l.serials[id], serialIn(id))
	i, found := l.find(serial)
	return i, found && l.id(l.record(i)) == id
}

func (l *eventLog) id(r *eventRecord) string {
	if name, has := l.names[r.serial]; has {
		return name
	}
	return eventPrefix + digitsOf(r.serial) + string(r.letters[:])
}

// at is the event at a place.
func (l *eventLog) at(i int) *event {
	r := l.record(i)
	return &event{
		header: header{ID: l.id(r), Object: eventKind, serial: r.serial}, Type: l.kinds[r.kind], Created: r.created,
		PendingWebhooks: r.pending, told: r.told,
	}
}

// put stores an event, nearly always a new one, which is the last.
func (l *eventLog) put(e *event) {
	number, known := l.numbers[e.Type]
	if !known {
		number = int32(len(l.kinds)) //nolint:gosec // Stripe has some hundred types
		l.numbers[e.Type], l.kinds = number, append(l.kinds, e.Type)
	}
	story := e.told.story()
	r := eventRecord{
		serial: e.serial, created: e.Created, made: cmp.Or(story.Private.Made, e.Created), told: e.told,
		pending: e.PendingWebhooks, kind: number,
	}
	if serialIn(e.ID) == e.serial && len(e.ID) == len(eventPrefix)+eventLetters {
		copy(r.letters[:], e.ID[len(eventPrefix)+serialDigits:])
	} else {
		l.names[e.serial], l.serials[e.ID] = e.ID, e.serial
	}
	i, again := l.find(e.serial)
	if !again {
		l.open(i)
	}
	*l.record(i) = r
	if r.told.in.plain != nil {
		l.packer.add(l, e.serial, len(story.Object))
	}
}

// open makes room at a place.
func (l *eventLog) open(at int) {
	if l.length == len(l.chunks)*eventChunk {
		l.chunks = append(l.chunks, new([eventChunk]eventRecord))
	}
	l.length++
	for i := l.length - 1; i > at; i-- {
		*l.record(i) = *l.record(i - 1)
	}
}

// drop forgets the events that are to go.
func (l *eventLog) drop(gone func(*eventRecord) bool) {
	kept := 0
	for i := range l.length {
		r := l.record(i)
		if gone(r) {
			delete(l.serials, l.names[r.serial])
			delete(l.names, r.serial)
			continue
		}
		*l.record(kept) = *r
		kept++
	}
	for i := kept; i < l.length; i++ {
		*l.record(i) = eventRecord{}
	}
	l.length = kept
	l.chunks = slices.Delete(l.chunks, (kept+eventChunk-1)/eventChunk, len(l.chunks))
}

// digitsOf are the letters of an id that tell a serial number.
func digitsOf(serial int64) string {
	digits := [serialDigits]byte{}
	for i := serialDigits - 1; i >= 0; i-- {
		digits[i] = idLetters[serial%int64(len(idLetters))]
		serial /= int64(len(idLetters))
	}
	return string(digits[:])
}

// serialIn is the serial number that an id tells. 0: it tells none.
func serialIn(id string) int64 {
	digits, isEvent := strings.CutPrefix(id, eventPrefix)
	if !isEvent || len(digits) < serialDigits {
		return 0
	}
	serial := int64(0)
	for _, digit := range []byte(digits[:serialDigits]) {
		at := strings.IndexByte(idLetters, digit)
		if at < 0 {
			return 0
		}
		serial = serial*int64(len(idLetters)) + int64(at)
	}
	return serial
}

// number gives an event its place and its id. That is the last thing before it
// is stored.
func (t *transaction) number(e *event) {
	t.state.serial++
	e.serial = t.state.serial
	e.ID = t.newID(eventPrefix+digitsOf(e.serial), eventLetters-serialDigits)
}
