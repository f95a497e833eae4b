package stripesim

import (
	"encoding/json"
	"unique"
)

// shared is a part that many objects have alike, such as what is known of a
// test card: it is kept once for all of them.
type shared[T comparable] struct{ handle unique.Handle[T] }

func share[T comparable](part T) shared[T] { return shared[T]{unique.Make(part)} }

// part is a copy of what is shared; of a shared that was never set, the zero
// value.
func (s shared[T]) part() (part T) {
	if s == (shared[T]{}) {
		return part
	}
	return s.handle.Value()
}

// MarshalJSON implements [json.Marshaler].
func (s shared[T]) MarshalJSON() ([]byte, error) { return json.Marshal(s.part()) }

// UnmarshalJSON implements [json.Unmarshaler].
func (s *shared[T]) UnmarshalJSON(encoded []byte) error {
	var part T
	if err := json.Unmarshal(encoded, &part); err != nil {
		return err
	}
	*s = share(part)
	return nil
}
