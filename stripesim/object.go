package stripesim

import (
	"encoding/json"
	"reflect"
	"strings"
)

// object is an object of Stripe's as it goes over the wire. Names that begin
// with an underscore are the simulator's own and are never shown.
type object map[string]any

func (o object) text(name string) string {
	text, _ := o[name].(string)
	return text
}

// integer reads a number, whichever type it has after a round trip through JSON.
func (o object) integer(name string) int64 {
	switch number := o[name].(type) {
	case int64:
		return number
	case int:
		return int64(number)
	case float64:
		return int64(number)
	case json.Number:
		n, _ := number.Int64()
		return n
	}
	return 0
}

func (o object) boolean(name string) bool {
	value, _ := o[name].(bool)
	return value
}

func (o object) object(name string) object {
	switch inner := o[name].(type) {
	case object:
		return inner
	case map[string]any:
		return inner
	}
	return nil
}

// rows are the data of an inlined list.
func (o object) rows(name string) []object {
	var rows []object
	list, _ := o.object(name)["data"].([]any)
	for _, row := range list {
		switch row := row.(type) {
		case object:
			rows = append(rows, row)
		case map[string]any:
			rows = append(rows, row)
		}
	}
	return rows
}

// clone is a deep copy.
func clone(value any) any {
	switch value := value.(type) {
	case object:
		return cloneObject(value)
	case map[string]any:
		return cloneObject(value)
	case []any:
		list := make([]any, len(value))
		for i, inner := range value {
			list[i] = clone(inner)
		}
		return list
	}
	return value
}

func cloneObject(o object) object {
	if o == nil {
		return nil
	}
	copied := make(object, len(o))
	for name, value := range o {
		copied[name] = clone(value)
	}
	return copied
}

// visible is a deep copy without what is the simulator's own.
func visible(o object) object {
	shown := make(object, len(o))
	for name, value := range o {
		if strings.HasPrefix(name, "_") {
			continue
		}
		switch value := value.(type) {
		case object:
			shown[name] = visible(value)
		case map[string]any:
			shown[name] = visible(value)
		case []any:
			list := make([]any, len(value))
			for i, inner := range value {
				if o, ok := inner.(object); ok {
					list[i] = visible(o)
				} else if o, ok := inner.(map[string]any); ok {
					list[i] = visible(o)
				} else {
					list[i] = inner
				}
			}
			shown[name] = list
		default:
			shown[name] = value
		}
	}
	return shown
}

// changes are the old values of what differs in after: an event's
// previous_attributes.
func changes(before, after object) object {
	old := object{}
	for name, value := range after {
		if strings.HasPrefix(name, "_") {
			continue
		}
		was, there := before[name]
		if !there {
			was = nil
		}
		if !sameValue(was, value) {
			old[name] = clone(was)
		}
	}
	return old
}

func sameValue(a, b any) bool {
	left, err := json.Marshal(a)
	if err != nil {
		return reflect.DeepEqual(a, b)
	}
	right, err := json.Marshal(b)
	return err == nil && string(left) == string(right)
}

func listOf(url string, rows ...object) object {
	data := make([]any, len(rows))
	for i, row := range rows {
		data[i] = row
	}
	return object{"object": "list", "url": url, "has_more": false, "data": data}
}

// orNull is null for an empty text.
func orNull(text string) any {
	if text == "" {
		return nil
	}
	return text
}

func orNullTime(unix int64) any {
	if unix == 0 {
		return nil
	}
	return unix
}
