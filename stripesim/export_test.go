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
	for i := range s.state.events.length {
		e := s.state.events.at(i)
		var head struct {
			Object string `json:"object"`
		}
		told := e.told.story().Object
		mustUnmarshal(told, &head)
		shown = append(shown, Snapshot{e.Type, head.Object, told})
	}
	return shown
}

// Parameter is what the simulator declares of a parameter, or of all those of
// an operation.
type Parameter struct {
	Kind             string
	Words            []string
	Fields           map[string]Parameter
	Element          *Parameter
	Required, Clears bool
}

var fieldKinds = map[fieldKind]string{
	textField: "text", wordField: "word", integerField: "integer", booleanField: "boolean", timeField: "time", hashField: "hash",
	listField: "list", metadataField: "metadata", rangeField: "range", mapField: "map",
}

func parameter(f field) Parameter {
	p := Parameter{Kind: fieldKinds[f.kind], Words: f.words, Required: f.required, Clears: f.clears}
	if f.fields != nil {
		p.Fields = map[string]Parameter{}
		for name, inner := range f.fields {
			p.Fields[name] = parameter(inner)
		}
	}
	if f.element != nil {
		element := parameter(*f.element)
		p.Element = &element
	}
	return p
}

// Operations are all that are served, with their parameters.
func Operations() map[string]Parameter {
	all := map[string]Parameter{}
	for name, o := range operations {
		all[name] = parameter(aHash(o.fields))
	}
	return all
}

// Controls are the calls under /_sim/.
func Controls() []string { return sortedNames(controls) }

// Versions are those of Stripe's API that a request may name.
func Versions() []string { return versions }

// stuck is an object with which the clock is never done.
type stuck struct {
	header
	of string
}

func (s *stuck) kind() string  { return s.of }
func (s *stuck) clone() object { return s }
func (*stuck) due() int64      { return 1 }

// Stick gives the clock work with an object of a kind on a test clock that does
// not end, and panics where the kind has work of its own. It returns how to
// take it away.
func (s *Simulator) Stick(clock, kind string) func() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.state.serial++
	made := &stuck{header{ID: "stuck", serial: s.state.serial, clock: clock}, kind}
	s.state.put(made)
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.state.remove(keyOf(made))
	}
}
