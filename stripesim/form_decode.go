package stripesim

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// decodeForm checks what was sent against a shape.
func decodeForm(n *node, s shape) (form, *apiError) { return decodeHash(n, s, "") }

func decodeHash(n *node, s shape, prefix string) (form, *apiError) {
	decoded := form{}
	for _, name := range n.order {
		full := paramName(prefix, name)
		declared, known := s[name]
		if !known {
			return nil, invalid(full, "parameter_unknown", "Received unknown parameter: "+full)
		}
		value, fault := decodeField(n.children[name], declared, full)
		if fault != nil {
			return nil, fault
		}
		decoded[name] = &sent{value: value, read: declared.isFixed()}
	}
	for _, name := range sortedNames(s) {
		if s[name].required && !decoded.has(name) {
			return nil, missingParam(paramName(prefix, name))
		}
	}
	return decoded, nil
}

func sortedNames[T any](s map[string]T) []string {
	names := make([]string, 0, len(s))
	for name := range s {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func paramName(prefix, name string) string {
	if prefix == "" {
		return name
	}
	return prefix + "[" + name + "]"
}

func decodeField(n *node, f field, name string) (any, *apiError) {
	if n.isLeaf && n.value == "" {
		if f.clears {
			return nil, nil
		}
		return nil, invalid(name, "parameter_invalid_empty", fmt.Sprintf("You passed an empty string for '%[1]s'. We assume empty values are an attempt to unset a field; however '%[1]s' cannot be unset. You should remove '%[1]s' from your request or supply a non-empty value.", name))
	}
	switch f.kind {
	case hashField:
		if n.isLeaf {
			return nil, invalid(name, "", "Invalid object")
		}
		return decodeHash(n, f.fields, name)
	case listField:
		return decodeList(n, f, name)
	case metadataField:
		return decodeMetadata(n, name)
	case mapField:
		return decodeMap(n, f, name)
	case rangeField:
		return decodeRange(n, name)
	}
	if !n.isLeaf {
		return nil, invalid(name, "", "Invalid "+map[fieldKind]string{textField: "string", wordField: "string", integerField: "integer", booleanField: "boolean", timeField: "timestamp"}[f.kind])
	}
	return decodeScalar(n.value, f, name)
}

func decodeScalar(value string, f field, name string) (any, *apiError) {
	switch f.kind {
	case wordField:
		if !slices.Contains(f.words, value) {
			fault := invalid(name, "", "Invalid "+name+": must be one of "+sentence(f.words))
			fault.word = value
			return nil, fault
		}
	case integerField:
		number, err := strconv.ParseInt(value, 10, 64)
		if err != nil {
			return nil, invalid(name, "parameter_invalid_integer", "Invalid integer: "+value)
		}
		if number < f.min {
			return nil, invalid(name, "parameter_invalid_integer", fmt.Sprintf("This value must be greater than or equal to %d.", f.min))
		}
		if number > f.max {
			return nil, invalid(name, "parameter_invalid_integer", fmt.Sprintf("This value must be less than or equal to %d.", f.max))
		}
		return number, nil
	case booleanField:
		if value != "true" && value != "false" {
			return nil, invalid(name, "", "Invalid boolean: "+value)
		}
		return value == "true", nil
	case timeField:
		if slices.Contains(f.words, value) {
			return value, nil
		}
		number, err := strconv.ParseInt(value, 10, 64)
		if err != nil || number < 0 || number > maxTime {
			return nil, invalid(name, "parameter_invalid_integer", "Invalid timestamp: "+value)
		}
		return number, nil
	case textField:
		if int64(utf8.RuneCountInString(value)) > f.max {
			return nil, invalid(name, "parameter_invalid_string_length", fmt.Sprintf("Invalid string; must be at most %d characters", f.max))
		}
		if !utf8.ValidString(value) || strings.ContainsRune(value, 0) {
			return nil, invalid(name, "parameter_invalid_string", "Invalid string: it has bytes that are not UTF-8.")
		}
	}
	return value, nil
}

// maxTime is the last time that a request may name: the year 2200.
const maxTime = 7258118400

func decodeList(n *node, f field, name string) (any, *apiError) {
	if n.isLeaf {
		return nil, invalid(name, "", "Invalid array")
	}
	elements, wrong := n.elements()
	if wrong != "" {
		return nil, invalid(name, "", wrong)
	}
	if len(elements) > maxList {
		return nil, invalid(name, "", "Array "+name+" is too long.")
	}
	values := make([]any, 0, len(elements))
	for i, element := range elements {
		value, fault := decodeField(element, *f.element, paramName(name, strconv.Itoa(i)))
		if fault != nil {
			return nil, fault
		}
		values = append(values, value)
	}
	return values, nil
}

func decodeMap(n *node, f field, name string) (any, *apiError) {
	if n.isLeaf {
		return nil, invalid(name, "", "Invalid object")
	}
	values := shape{}
	for _, key := range n.order {
		values[key] = *f.element
	}
	return decodeHash(n, values, name)
}

func decodeMetadata(n *node, name string) (any, *apiError) {
	if n.isLeaf {
		return nil, invalid(name, "", "Invalid object")
	}
	values := form{}
	for key, child := range n.children {
		full := paramName(name, key)
		switch {
		case !child.isLeaf:
			return nil, invalid(full, "", "Metadata values must be strings, but for key "+key+" you passed in a value of type `object`")
		case utf8.RuneCountInString(key) > maxMetadataKey:
			return nil, invalid(name, "", fmt.Sprintf("Metadata keys can't be longer than %d characters.", maxMetadataKey))
		case utf8.RuneCountInString(child.value) > maxMetadataValue:
			return nil, invalid(full, "", fmt.Sprintf("Metadata values can have up to %d characters, but you passed in a value that is %d characters.", maxMetadataValue, utf8.RuneCountInString(child.value)))
		}
		values[key] = child.value
	}
	return values, nil
}

// decodeRange reads created=… and created[gte]=…; the bounds are inclusive
// numbers from and to.
func decodeRange(n *node, name string) (any, *apiError) {
	bounds := timeRange{to: maxTime}
	if n.isLeaf {
		value, fault := decodeScalar(n.value, aTime(), name)
		if fault != nil {
			return nil, fault
		}
		bounds.from, bounds.to = value.(int64), value.(int64)
		return bounds, nil
	}
	bound := anInteger(0, math.MaxInt64-1)
	limits, fault := decodeHash(n, shape{"gt": bound, "gte": bound, "lt": bound, "lte": bound}, name)
	if fault != nil {
		return nil, fault
	}
	bounds.from = max(limits.integer("gt", -1)+1, limits.integer("gte", 0))
	bounds.to = min(limits.integer("lt", maxTime+1)-1, limits.integer("lte", maxTime))
	return bounds, nil
}

// sentence joins words as Stripe's messages do: a, b, or c.
func sentence(words []string) string {
	switch len(words) {
	case 0:
		return ""
	case 1:
		return words[0]
	case 2:
		return words[0] + " or " + words[1]
	}
	last := len(words) - 1
	return strings.Join(words[:last], ", ") + ", or " + words[last]
}
