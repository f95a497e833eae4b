package stripesim

import (
	"bytes"
	"compress/flate"
	"encoding/json"
	"io"
	"sync"
)

// packed is JSON that is kept compressed, together with all that was committed
// with it: the snapshots of one commit say nearly the same, many times over.
type packed struct {
	in       *packet
	from, to int32
}

// packet has the JSON of one commit: plain as long as it is not committed.
type packet struct{ plain, deflated []byte }

// unpacked is JSON that is not compressed yet.
func unpacked(text json.RawMessage) packed { return packed{in: &packet{plain: text}} }

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

// pack moves texts into one packet.
func pack(texts []*packed) {
	if len(texts) == 0 {
		return
	}
	p := packers.Get().(*packer)
	defer packers.Put(p)
	p.into.Reset()
	p.writer.Reset(&p.into)
	in, at := &packet{}, int32(0)
	for _, one := range texts {
		text := one.in.plain
		p.write(text)
		*one = packed{in: in, from: at, to: at + int32(len(text))} //nolint:gosec // no commit shows 2 GiB
		at = one.to
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

// text is the JSON as it was.
func (p packed) text() json.RawMessage {
	if p.in.deflated == nil {
		return p.in.plain
	}
	reader := flate.NewReaderDict(bytes.NewReader(p.in.deflated), vocabulary())
	text := make([]byte, p.to)
	if _, err := io.ReadFull(reader, text); err != nil {
		panic("stripesim: open a packet: " + err.Error())
	}
	return text[p.from:]
}

// MarshalJSON implements [json.Marshaler].
func (p packed) MarshalJSON() ([]byte, error) { return p.text(), nil }

// UnmarshalJSON implements [json.Unmarshaler].
func (p *packed) UnmarshalJSON(text []byte) error {
	*p = unpacked(bytes.Clone(text))
	return nil
}

// pack compresses what the events of a line show.
func (l line) pack() {
	var texts []*packed
	for _, o := range l.objects {
		if e, is := o.(*event); is && e.Data.Object.in.deflated == nil {
			texts = append(texts, &e.Data.Object)
		}
	}
	pack(texts)
}
