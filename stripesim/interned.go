package stripesim

import (
	"encoding/json"
	"unique"
)

// interned is a part that many objects have alike, such as what is known of a
// test card: it is kept once for all of them.
type interned[T comparable] struct{ handle unique.Handle[T] }

func intern[T comparable](part T) interned[T] { return interned[T]{unique.Make(part)} }

// part is a copy of what is kept; of one that was never set, the zero
// value.
func (s interned[T]) part() (part T) {
	if s == (interned[T]{}) {
		return part
	}
	return s.handle.Value()
}

// MarshalJSON implements [json.Marshaler].
func (s interned[T]) MarshalJSON() ([]byte, error) { return json.Marshal(s.part()) }

// UnmarshalJSON implements [json.Unmarshaler].
func (s *interned[T]) UnmarshalJSON(encoded []byte) error {
	var part T
	if err := json.Unmarshal(encoded, &part); err != nil {
		return err
	}
	*s = intern(part)
	return nil
}
