package stripesim

import (
	"bufio"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// journal is the file of what was committed, one JSON line for each
// transaction. Without a file it keeps nothing.
type journal struct {
	path string
	file *os.File
	size int64
	// broken is why nothing more can be kept. Nil: it can.
	broken error
}

// line is one line of the journal.
type line struct {
	Objects    []stored       `json:"objects,omitempty"`
	Gone       []key          `json:"gone,omitempty"`
	Deliveries []delivery     `json:"deliveries,omitempty"`
	Delivered  []deliveryKey  `json:"delivered,omitempty"`
	Offset     *time.Duration `json:"offset,omitempty"`
	Frozen     *time.Time     `json:"frozen,omitempty"`
	Answer     *savedAnswer   `json:"answer,omitempty"`
	Now        *time.Time     `json:"now,omitempty"` // of a snapshot: where its clock stood
	At         int64          `json:"at,omitempty"`

	objects []object // what Objects stands for
}

const journalName = "journal.jsonl"

// openState reads the journal in a folder, and writes it anew without what is
// no longer needed. dir may be empty.
func openState(dir string, now func() time.Time) (*state, *journal, error) {
	s, j := newState(), &journal{}
	if dir == "" {
		return s, j, nil
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, nil, err
	}
	j.path = filepath.Join(dir, journalName)
	if err := readJournal(j.path, s); err != nil {
		return nil, nil, err
	}
	s.forgetOld(now())
	return s, j, j.rewrite(s)
}

func readJournal(path string, s *state) error {
	file, err := os.Open(path) //nolint:gosec // the folder is the caller's choice
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer file.Close()
	if _, err := readLines(file, s.apply); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil // a line that a crash left unfinished was never acknowledged
}

// readLines reads line after line, and returns what follows the last end of a
// line.
func readLines(from io.Reader, take func(line)) (rest []byte, err error) {
	reader := bufio.NewReaderSize(from, 1<<16)
	for number := 1; ; number++ {
		text, err := reader.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return text, nil
		}
		if err != nil {
			return nil, err
		}
		l, err := readLine(text)
		if err != nil {
			return nil, fmt.Errorf("line %d is damaged: %w", number, err)
		}
		take(l)
	}
}

func readLine(text []byte) (line, error) {
	var l line
	if err := json.Unmarshal(text, &l); err != nil {
		return l, err
	}
	for _, one := range l.Objects {
		o, err := one.read()
		if err != nil {
			return l, err
		}
		l.objects = append(l.objects, o)
	}
	return l, nil
}

// append adds a line. It is in the hands of the operating system when append
// returns, so it survives the end of this process.
func (j *journal) append(l line) error {
	if j.broken != nil {
		return j.broken
	}
	if j.file == nil {
		return nil
	}
	text, err := l.encode()
	if err != nil {
		return err
	}
	written, err := j.file.Write(text)
	if err == nil {
		j.size += int64(written)
		return nil
	}
	// Half a line would spoil the next one.
	if cut := j.file.Truncate(j.size); cut != nil {
		j.broken = fmt.Errorf("the journal may end in half a line: %w", errors.Join(err, cut))
		return j.broken
	}
	return err
}

// encode is the line as text.
func (l line) encode() ([]byte, error) {
	for _, o := range l.objects {
		one, err := storeObject(o)
		if err != nil {
			return nil, err
		}
		l.Objects = append(l.Objects, one)
	}
	text, err := json.Marshal(l)
	return append(text, '\n'), err
}

// rewrite replaces the journal by one that says a state in few lines. The new
// one is complete before it takes the place of the old, which goes on if that
// fails.
func (j *journal) rewrite(s *state) error {
	if j.path == "" {
		return nil
	}
	next, err := writeJournal(j.path+".new", s)
	if err != nil {
		return err
	}
	if err := os.Rename(j.path+".new", j.path); err != nil {
		return errors.Join(err, next.close())
	}
	old := j.file
	j.file, j.size = next.file, next.size
	// Without this a crash of the machine may bring the old journal back.
	if j.broken = syncFolder(filepath.Dir(j.path)); j.broken != nil || old == nil {
		return j.broken
	}
	_ = old.Close() // nothing leads to it any more
	return nil
}

// writeJournal makes a journal of a state, and has it on the disk.
func writeJournal(path string, s *state) (*journal, error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY|os.O_APPEND, 0o600) //nolint:gosec // the folder is the caller's choice
	if err != nil {
		return nil, err
	}
	j := &journal{file: file}
	for l := range s.lines {
		if err := j.append(l); err != nil {
			return nil, errors.Join(err, j.close())
		}
	}
	if err := file.Sync(); err != nil {
		return nil, errors.Join(err, j.close())
	}
	return j, nil
}

// syncFolder has the names in a folder on the disk.
func syncFolder(path string) error {
	folder, err := os.Open(path) //nolint:gosec // the folder is the caller's choice
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}

// lines says the whole state, a line for each object.
func (s *state) lines(yield func(line) bool) {
	offset, frozen := s.offset, s.frozen
	if !yield(line{Offset: &offset, Frozen: &frozen, At: s.latest}) {
		return
	}
	for _, kind := range slices.Sorted(maps.Keys(s.tables)) {
		for _, r := range s.tables[kind].rows {
			if !yield(line{objects: []object{r.object}}) {
				return
			}
		}
	}
	for i := range s.events.length {
		if !yield(line{objects: []object{s.events.at(i)}}) {
			return
		}
	}
	for _, d := range s.waiting() {
		if !yield(line{Deliveries: []delivery{d}}) {
			return
		}
	}
	for _, name := range slices.Sorted(maps.Keys(s.answers)) {
		a := s.answers[name]
		if !yield(line{Answer: &a}) {
			return
		}
	}
}

// waiting are the deliveries in the order in which they are due, and those of
// one time in the order of their events.
func (s *state) waiting() []delivery {
	serial := func(d delivery) int64 {
		if r := s.row(key{eventKind, d.Event}); r != nil {
			return r.serial()
		}
		return 0
	}
	return slices.SortedFunc(maps.Values(s.deliveries), func(a, b delivery) int {
		return cmp.Or(a.At.Compare(b.At), cmp.Compare(serial(a), serial(b)), cmp.Compare(a.Endpoint, b.Endpoint))
	})
}

// errClosed says that nothing is kept any more since the simulator was closed.
var errClosed = errors.New("the journal is closed")

func (j *journal) close() error {
	if j.file == nil {
		return nil
	}
	file := j.file
	j.file, j.broken = nil, errClosed
	return file.Close()
}
