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

// journal is the file of committed transactions, one JSON line each. A line
// that a crash left unfinished is the last one, and was not acknowledged.
type journal struct {
	path string
	file *os.File
}

// record is one line.
type record struct {
	Objects    []object       `json:"objects,omitempty"`
	Deliveries []deliveryKey  `json:"deliveries,omitempty"`
	Delivered  []deliveryKey  `json:"delivered,omitempty"`
	GivenUp    []deliveryKey  `json:"given_up,omitempty"`
	Offset     *time.Duration `json:"offset,omitempty"`

	// An answer that an idempotency key replays.
	Key     string          `json:"key,omitempty"`
	Request string          `json:"request,omitempty"`
	Status  int             `json:"status,omitempty"`
	Body    json.RawMessage `json:"body,omitempty"`
	At      time.Time       `json:"at,omitzero"`
}

const journalName = "journal.jsonl"

// openState reads the journal in a folder and writes it anew without what is
// no longer needed.
func openState(dir string) (*state, map[string]*remembered, *journal, error) {
	s, keys, j := newState(), map[string]*remembered{}, &journal{}
	if dir == "" {
		return s, keys, j, nil
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, nil, nil, err
	}
	j.path = filepath.Join(dir, journalName)
	if err := readJournal(j.path, s, keys); err != nil {
		return nil, nil, nil, err
	}
	return s, keys, j, j.rewrite(s, keys)
}

func readJournal(path string, s *state, keys map[string]*remembered) error {
	file, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	} else if err != nil {
		return err
	}
	defer file.Close()
	reader := bufio.NewReaderSize(file, 1<<16)
	for number := 1; ; number++ {
		line, err := reader.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return nil // what stands here is a line that was not finished
		} else if err != nil {
			return err
		}
		var r record
		if err := json.Unmarshal(line, &r); err != nil {
			return fmt.Errorf("line %d of %s is damaged: %w", number, path, err)
		}
		s.replay(r)
		if r.Key != "" {
			keys[r.Key] = &remembered{key: r.Key, request: r.Request, at: r.At, status: r.Status, body: r.Body}
		}
	}
}

// append adds a line. It is in the hands of the operating system when append
// returns, so that it survives the end of the process.
func (j *journal) append(r record) error {
	if j.file == nil {
		if j.path == "" {
			return nil
		}
		return errors.New("the simulator is closed")
	}
	line, err := json.Marshal(r)
	if err != nil {
		return err
	}
	_, err = j.file.Write(append(line, '\n'))
	return err
}

// rewrite replaces the journal by one that says the same in fewer lines.
func (j *journal) rewrite(s *state, keys map[string]*remembered) error {
	if j.path == "" {
		return nil
	}
	if err := j.close(); err != nil {
		return err
	}
	file, err := os.OpenFile(j.path+".new", os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	j.file = file
	for _, r := range s.records(keys) {
		if err := j.append(r); err != nil {
			return err
		}
	}
	if err := file.Sync(); err != nil {
		return err
	}
	return os.Rename(j.path+".new", j.path)
}

// records says the whole state in lines.
func (s *state) records(keys map[string]*remembered) []record {
	records := []record{{Offset: &s.offset}}
	for _, ids := range s.lists {
		for _, id := range ids {
			records = append(records, record{Objects: []object{s.objects[id]}})
		}
	}
	for key := range s.undelivered {
		records = append(records, record{Deliveries: []deliveryKey{key}})
	}
	for key, r := range keys {
		if !r.running {
			records = append(records, record{Key: key, Request: r.request, Status: r.status, Body: r.body, At: r.at})
		}
	}
	return records
}

func (j *journal) close() error {
	if j.file == nil {
		return nil
	}
	file := j.file
	j.file = nil
	return file.Close()
}
