package stripesim

import (
	"bytes"
	"compress/flate"
	"io"
	"slices"
	"sync"
	"weak"
)

// told is an event's story: what a packet has from one byte to another.
type told struct {
	in       *packet
	from, to int32
}

// packet has the stories of many events as compressed JSON, since they say
// nearly the same, over and over.
type packet struct {
	// plain is the story of the one event of a packet that is not compressed.
	// Nil: it is.
	plain    *eventStory
	deflated []byte
	size     int32 // of what is compressed

	mu sync.Mutex
	// opened is what is compressed, if it was asked for not long ago: those who
	// read one event often read its neighbours.
	opened weak.Pointer[[]byte]
}

// plainly is a story that is not compressed yet.
func plainly(story *eventStory) told { return told{in: &packet{plain: story}} }

// packer makes packets of the stories of a log.
type packer struct {
	waiting []int64 // the serial numbers of events whose stories are plain
	size    int     // of what they show
}

const (
	// packetSize is how much text a packet has, about. More would save little
	// more, and take longer to open.
	packetSize = 128 << 10
	// packLevel is where higher levels save little more of texts so alike.
	packLevel = 6
)

// newline ends the first part of a story. JSON has none within a line.
const newline = "\n"

// add takes an event that was just stored, and shows so much, into a packet,
// sooner or later.
func (p *packer) add(l *eventLog, serial int64, size int) {
	p.waiting = append(p.waiting, serial)
	if p.size += size; p.size >= packetSize {
		p.pack(l)
		p.waiting, p.size = nil, 0
	}
}

var packWriters = sync.Pool{New: func() any {
	writer, err := flate.NewWriter(nil, packLevel)
	if err != nil {
		panic("stripesim: make a packer: " + err.Error())
	}
	return writer
}}

// pack moves the stories of the events that wait into one packet.
func (p *packer) pack(l *eventLog) {
	writer := packWriters.Get().(*flate.Writer)
	defer packWriters.Put(writer)
	var deflated bytes.Buffer
	writer.Reset(&deflated)
	made := &packet{}
	for _, serial := range p.waiting {
		i, found := l.find(serial)
		if !found || l.record(i).told.in.plain == nil {
			continue
		}
		r := l.record(i)
		text := slices.Concat(mustMarshal(r.told.in.plain), []byte(newline), r.told.in.plain.Object)
		if _, err := writer.Write(text); err != nil {
			panic("stripesim: fill a packet: " + err.Error())
		}
		r.told = told{in: made, from: made.size, to: made.size + int32(len(text))} //nolint:gosec // no packet has 2 GiB
		made.size = r.told.to
	}
	if err := writer.Close(); err != nil {
		panic("stripesim: close a packet: " + err.Error())
	}
	made.deflated = bytes.Clone(deflated.Bytes())
}

var packReaders = sync.Pool{New: func() any { return flate.NewReader(nil) }}

// text is what is compressed.
func (p *packet) text() []byte {
	p.mu.Lock()
	defer p.mu.Unlock()
	if opened := p.opened.Value(); opened != nil {
		return *opened
	}
	reader := packReaders.Get().(io.Reader)
	defer packReaders.Put(reader)
	text := make([]byte, p.size)
	err := reader.(flate.Resetter).Reset(bytes.NewReader(p.deflated), nil)
	if err == nil {
		_, err = io.ReadFull(reader, text)
	}
	if err != nil {
		panic("stripesim: open a packet: " + err.Error())
	}
	p.opened = weak.Make(&text)
	return text
}

// story is what was told. That of an event which is stored must not be changed.
func (s told) story() *eventStory {
	if s.in.plain != nil {
		return s.in.plain
	}
	head, object, _ := bytes.Cut(s.in.text()[s.from:s.to], []byte(newline))
	story := &eventStory{Object: object}
	mustUnmarshal(head, story)
	return story
}
