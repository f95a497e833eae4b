package stripesim

import (
	"bytes"
	"encoding/json"
	"maps"
)

// The fields of Stripe's objects that the simulator never fills have types
// without a size: they say on the wire what Stripe says where a feature is not
// used, and cost no memory.
type (
	null      struct{} // null
	no        struct{} // false
	zero      struct{} // 0
	emptyList struct{} // []
	emptyHash struct{} // {}
	self      struct{} // "self"
)

// MarshalJSON implements [json.Marshaler].
func (null) MarshalJSON() ([]byte, error) { return []byte("null"), nil }

// UnmarshalJSON implements [json.Unmarshaler].
func (*null) UnmarshalJSON([]byte) error { return nil }

// MarshalJSON implements [json.Marshaler].
func (no) MarshalJSON() ([]byte, error) { return []byte("false"), nil }

// UnmarshalJSON implements [json.Unmarshaler].
func (*no) UnmarshalJSON([]byte) error { return nil }

// MarshalJSON implements [json.Marshaler].
func (zero) MarshalJSON() ([]byte, error) { return []byte("0"), nil }

// UnmarshalJSON implements [json.Unmarshaler].
func (*zero) UnmarshalJSON([]byte) error { return nil }

// MarshalJSON implements [json.Marshaler].
func (emptyList) MarshalJSON() ([]byte, error) { return []byte("[]"), nil }

// UnmarshalJSON implements [json.Unmarshaler].
func (*emptyList) UnmarshalJSON([]byte) error { return nil }

// MarshalJSON implements [json.Marshaler].
func (emptyHash) MarshalJSON() ([]byte, error) { return []byte("{}"), nil }

// UnmarshalJSON implements [json.Unmarshaler].
func (*emptyHash) UnmarshalJSON([]byte) error { return nil }

// MarshalJSON implements [json.Marshaler].
func (self) MarshalJSON() ([]byte, error) { return []byte(`"self"`), nil }

// UnmarshalJSON implements [json.Unmarshaler].
func (*self) UnmarshalJSON([]byte) error { return nil }

// text is a string that is null on the wire when it is empty.
type text string

// MarshalJSON implements [json.Marshaler].
func (t text) MarshalJSON() ([]byte, error) {
	if t == "" {
		return []byte("null"), nil
	}
	return json.Marshal(string(t))
}

// moment is a time in seconds since 1970 that is null on the wire when it is 0.
type moment int64

// MarshalJSON implements [json.Marshaler].
func (m moment) MarshalJSON() ([]byte, error) {
	if m == 0 {
		return []byte("null"), nil
	}
	return json.Marshal(int64(m))
}

// sum is an amount of money that is null on the wire when it is 0.
type sum int64

// MarshalJSON implements [json.Marshaler].
func (s sum) MarshalJSON() ([]byte, error) { return moment(s).MarshalJSON() }

// metadata is what users of Stripe attach to an object. A map is never
// changed once an object has it; merge makes a new one.
type metadata map[string]string

// MarshalJSON implements [json.Marshaler]: nothing is {} and not null.
func (m metadata) MarshalJSON() ([]byte, error) {
	if len(m) == 0 {
		return []byte("{}"), nil
	}
	return json.Marshal(map[string]string(m))
}

// Stripe's limits of metadata.
const (
	maxMetadataKeys  = 50
	maxMetadataKey   = 40
	maxMetadataValue = 500
)

// merge is m with what a request says of it: an empty value removes its key,
// metadata sent empty removes all.
func (m metadata) merge(f form) (metadata, *apiError) {
	if !f.has("metadata") {
		return m, nil
	}
	if f.cleared("metadata") {
		return nil, nil
	}
	merged := metadata{}
	maps.Copy(merged, m)
	for name, value := range f.form("metadata") {
		if value, _ := value.(string); value != "" {
			merged[name] = value
		} else {
			delete(merged, name)
		}
	}
	if len(merged) > maxMetadataKeys {
		return nil, invalid("metadata", "", "You can have up to 50 metadata keys.")
	}
	return merged, nil
}

// list is Stripe's envelope of several objects.
type list struct {
	Object  string `json:"object"`
	Data    []any  `json:"data"`
	HasMore bool   `json:"has_more"`
	URL     string `json:"url"`
}

func listOf[T any](url string, rows []T) list {
	data := make([]any, len(rows))
	for i, row := range rows {
		data[i] = row
	}
	return list{Object: "list", Data: data, URL: url}
}

// tree is an object as decoded JSON, for what is done to any kind of it:
// expansion, the older shape, the difference of two snapshots.
type tree = map[string]any

// toTree turns a value into decoded JSON in which numbers keep their digits.
func toTree(value any) (tree, error) {
	encoded, err := json.Marshal(value)
	if err != nil {
		return nil, err
	}
	return decodeTree(encoded)
}

func decodeTree(encoded []byte) (tree, error) {
	decoder := json.NewDecoder(bytes.NewReader(encoded))
	decoder.UseNumber()
	decoded := tree{}
	err := decoder.Decode(&decoded)
	return decoded, err
}
