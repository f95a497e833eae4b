package stripesim

import (
	"bytes"
	"cmp"
	"compress/flate"
	"io"
	"sync"
)

// told is an event's story, kept compressed together with those that were
// committed with it: they say nearly the same, many times over.
type told struct {
	in       *packet
	from, to int32
}

// packet has the stories of one commit as compressed JSON, or one that is not
// committed yet.
type packet struct {
	plain    *eventStory
	deflated []byte
}

// untold is a story that is not committed yet, and may change.
func untold(story *eventStory) told { return told{in: &packet{plain: story}} }

// packer compresses packets, one at a time.
type packer struct {
	into   bytes.Buffer
	writer *flate.Writer
}

// vocabulary is the text that packets refer to: objects of the kinds that most
// events show, without values. The last are the cheapest to refer to.
var vocabulary = sync.OnceValue(func() []byte {
	var words []byte
	for _, o := range []any{
		&paymentMethod{}, &customer{}, &charge{}, &paymentIntent{}, &invoicePayment{}, &price{Recurring: &recurring{}},
		&subscriptionItem{}, &subscription{}, &invoiceLine{}, &invoice{},
	} {
		words = append(words, mustMarshal(o)...)
	}
	return words
})

var packers = sync.Pool{New: func() any {
	p := &packer{}
	writer, err := flate.NewWriterDict(&p.into, packLevel, vocabulary())
	if err != nil {
		panic("stripesim: make a packer: " + err.Error())
	}
	p.writer = writer
	return p
}}

// packLevel is quick; higher levels save little more of texts so alike.
const packLevel = 2

// pack moves the stories of events into one packet.
func pack(events []*event) {
	if len(events) == 0 {
		return
	}
	p := packers.Get().(*packer)
	defer packers.Put(p)
	p.into.Reset()
	p.writer.Reset(&p.into)
	in, at := &packet{}, int32(0)
	for _, e := range events {
		story := e.told.story()
		e.made = cmp.Or(story.Private.Made, e.Created)
		text := mustMarshal(story)
		p.write(text)
		e.told = told{in: in, from: at, to: at + int32(len(text))} //nolint:gosec // no commit tells 2 GiB
		at = e.told.to
	}
	if err := p.writer.Close(); err != nil {
		panic("stripesim: close a packet: " + err.Error())
	}
	in.deflated = bytes.Clone(p.into.Bytes())
}

func (p *packer) write(text []byte) {
	if _, err := p.writer.Write(text); err != nil {
		panic("stripesim: fill a packet: " + err.Error())
	}
}

// story is what was told.
func (s told) story() *eventStory {
	if s.in.plain != nil {
		return s.in.plain
	}
	reader := flate.NewReaderDict(bytes.NewReader(s.in.deflated), vocabulary())
	text := make([]byte, s.to)
	if _, err := io.ReadFull(reader, text); err != nil {
		panic("stripesim: open a packet: " + err.Error())
	}
	story := &eventStory{}
	mustUnmarshal(text[s.from:], story)
	return story
}

// pack compresses what the events of a line tell.
func (l line) pack() {
	var events []*event
	for _, o := range l.objects {
		if e, is := o.(*event); is && e.told.in.deflated == nil {
			events = append(events, e)
		}
	}
	pack(events)
}
