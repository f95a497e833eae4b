package stripesim

import "encoding/json"

// OperationOf is the operation that serves a request, with {} for an id. Empty:
// none does.
func OperationOf(method, path string) string {
	o, _, found := findOperation(method, path)
	if !found {
		return ""
	}
	return o.method + " " + o.path
}

// Snapshot is what an event shows.
type Snapshot struct {
	Type, Kind string
	Object     json.RawMessage
}

// Snapshots are those of all events that are kept.
func (s *Simulator) Snapshots() []Snapshot {
	s.mu.Lock()
	defer s.mu.Unlock()
	var shown []Snapshot
	for _, r := range s.state.table(eventKind).rows {
		e := r.object.(*event)
		var head struct {
			Object string `json:"object"`
		}
		mustUnmarshal(e.Data.Object, &head)
		shown = append(shown, Snapshot{e.Type, head.Object, e.Data.Object})
	}
	return shown
}
