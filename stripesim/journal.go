package stripesim

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// journal is the file of what was committed, one JSON line for each
// transaction. Without a file it keeps nothing.
type journal struct {
	path string
	file *os.File
	size int64
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
	reader := bufio.NewReaderSize(file, 1<<16)
	for number := 1; ; number++ {
		text, err := reader.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return nil // a line that a crash left unfinished was never acknowledged
		}
		if err != nil {
			return err
		}
		l, err := readLine(text)
		if err != nil {
			return fmt.Errorf("line %d of %s is damaged: %w", number, path, err)
		}
		s.apply(l)
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
	if j.file == nil {
		return nil
	}
	for _, o := range l.objects {
		one, err := storeObject(o)
		if err != nil {
			return err
		}
		l.Objects = append(l.Objects, one)
	}
	text, err := json.Marshal(l)
	if err != nil {
		return err
	}
	written, err := j.file.Write(append(text, '\n'))
	if err != nil {
		// Half a line would spoil the next one.
		return errors.Join(err, j.file.Truncate(j.size))
	}
	j.size += int64(written)
	return nil
}

// rewrite replaces the journal by one that says the same in fewer lines: the
// new one is complete before it takes the place of the old.
func (j *journal) rewrite(s *state) error {
	if j.path == "" {
		return nil
	}
	if err := j.close(); err != nil {
		return err
	}
	next := &journal{}
	var err error
	flags := os.O_CREATE | os.O_TRUNC | os.O_WRONLY | os.O_APPEND
	if next.file, err = os.OpenFile(j.path+".new", flags, 0o600); err != nil {
		return err
	}
	for l := range s.lines {
		if err := next.append(l); err != nil {
			return errors.Join(err, next.close())
		}
	}
	if err := next.file.Sync(); err != nil {
		return errors.Join(err, next.close())
	}
	j.file, j.size = next.file, next.size
	return os.Rename(j.path+".new", j.path)
}

// lines says the whole state, a line for each object.
func (s *state) lines(yield func(line) bool) {
	offset, frozen := s.offset, s.frozen
	if !yield(line{Offset: &offset, Frozen: &frozen, At: s.latest}) {
		return
	}
	for _, rows := range s.tables {
		for _, r := range rows.rows {
			if !yield(line{objects: []object{r.object}}) {
				return
			}
		}
	}
	for _, d := range s.deliveries {
		if !yield(line{Deliveries: []delivery{d}}) {
			return
		}
	}
	for _, a := range s.answers {
		if !yield(line{Answer: &a}) {
			return
		}
	}
}

func (j *journal) close() error {
	if j.file == nil {
		return nil
	}
	file := j.file
	j.file = nil
	return file.Close()
}
