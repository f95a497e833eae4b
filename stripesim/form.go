package stripesim

import (
	"fmt"
	"math"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// shape declares the parameters of an operation. What is not declared is
// refused as Stripe refuses what it does not know.
type shape map[string]field

// field declares one parameter.
type field struct {
	kind     fieldKind
	words    []string // the values that a word may have; the keywords of a time
	min, max int64
	fields   shape  // of a hash
	element  *field // of a list
	required bool
	// clears says that it may be sent empty, to take a value away.
	clears bool
}

type fieldKind int

const (
	textField fieldKind = iota
	wordField
	integerField
	booleanField
	timeField
	hashField
	listField
	metadataField
	rangeField
	unsupportedField
)

const (
	maxText = 5000
	maxList = 500
)

func aText() field                   { return field{kind: textField, max: maxText} }
func aWord(words ...string) field    { return field{kind: wordField, words: words} }
func anInteger(min, max int64) field { return field{kind: integerField, min: min, max: max} }
func aBoolean() field                { return field{kind: booleanField} }
func aTime(keywords ...string) field { return field{kind: timeField, words: keywords} }
func aHash(fields shape) field       { return field{kind: hashField, fields: fields} }
func aList(element field) field      { return field{kind: listField, element: &element} }
func aMetadata() field               { return field{kind: metadataField, clears: true} }
func aRange() field                  { return field{kind: rangeField} }

// anUnsupported is a parameter that Stripe has and the simulator refuses.
func anUnsupported() field { return field{kind: unsupportedField, clears: true} }

func (f field) must() field             { f.required = true; return f }
func (f field) orEmpty() field          { f.clears = true; return f }
func (f field) upTo(length int64) field { f.max = length; return f }

// with is a shape and the fields of others.
func (s shape) with(others ...shape) shape {
	joined := shape{}
	for _, one := range append([]shape{s}, others...) {
		for name, field := range one {
			joined[name] = field
		}
	}
	return joined
}

// form is what a request says, checked against a shape: strings, int64s,
// bools, forms and lists of these. A parameter that was sent empty to clear a
// value is there with the value nil.
type form map[string]any

func (f form) has(name string) bool { _, ok := f[name]; return ok }

// cleared says whether a parameter was sent empty.
func (f form) cleared(name string) bool {
	value, ok := f[name]
	return ok && value == nil
}

func (f form) text(name string) string {
	value, _ := f[name].(string)
	return value
}

func (f form) integer(name string, fallback int64) int64 {
	if value, ok := f[name].(int64); ok {
		return value
	}
	return fallback
}

func (f form) boolean(name string, fallback bool) bool {
	if value, ok := f[name].(bool); ok {
		return value
	}
	return fallback
}

func (f form) word(name, fallback string) string {
	if value, ok := f[name].(string); ok {
		return value
	}
	return fallback
}

func (f form) form(name string) form {
	value, _ := f[name].(form)
	return value
}

func (f form) forms(name string) []form {
	values, _ := f[name].([]any)
	forms := make([]form, 0, len(values))
	for _, value := range values {
		one, _ := value.(form)
		forms = append(forms, one)
	}
	return forms
}

func (f form) texts(name string) []string {
	values, _ := f[name].([]any)
	texts := make([]string, 0, len(values))
	for _, value := range values {
		one, _ := value.(string)
		texts = append(texts, one)
	}
	return texts
}

// setText sets a text that a request may change or clear.
func (f form) setText(name string, target *text) {
	if f.has(name) {
		*target = text(f.text(name))
	}
}

// setBoolean sets a boolean that a request may change.
func (f form) setBoolean(name string, target *bool) { *target = f.boolean(name, *target) }

const (
	maxPairs = 2000
	maxDepth = 8
)

// node is a part of the parameters before their kinds are known.
type node struct {
	value    string
	isLeaf   bool
	children map[string]*node
	order    []string
	added    int // elements named []
}

// parseForm reads an encoded query or body: a[b]=v, a[0]=v with indexes in any
// order, a[]=v, brackets encoded or not.
func parseForm(encoded string) (*node, *apiError) {
	root := &node{}
	if encoded == "" {
		return root, nil
	}
	pairs := strings.Split(encoded, "&")
	if len(pairs) > maxPairs {
		return nil, invalid("", "", "Too many parameters.")
	}
	for _, pair := range pairs {
		name, value, _ := strings.Cut(pair, "=")
		name, nameErr := url.QueryUnescape(name)
		value, valueErr := url.QueryUnescape(value)
		if nameErr != nil || valueErr != nil {
			return nil, invalid("", "", "Invalid encoding of the parameters.")
		}
		if name == "" {
			continue
		}
		path, ok := splitName(name)
		if !ok {
			return nil, invalid(name, "parameter_unknown", "Received unknown parameter: "+name)
		}
		root.set(path, value)
	}
	return root, nil
}

// splitName cuts a[b][] into a, b and nothing.
func splitName(name string) ([]string, bool) {
	head, rest, nested := strings.Cut(name, "[")
	path := []string{head}
	if nested {
		if !strings.HasSuffix(rest, "]") {
			return nil, false
		}
		path = append(path, strings.Split(strings.TrimSuffix(rest, "]"), "][")...)
	}
	return path, head != "" && len(path) <= maxDepth
}

func (n *node) set(path []string, value string) {
	if len(path) == 0 {
		n.value, n.isLeaf = value, true
		return
	}
	n.isLeaf = false
	name := path[0]
	if name == "" {
		name = n.elementFor(path[1:])
	}
	child := n.children[name]
	if child == nil {
		if n.children == nil {
			n.children = map[string]*node{}
		}
		child = &node{}
		n.children[name] = child
		n.order = append(n.order, name)
	}
	child.set(path[1:], value)
}

// elementFor names the element that a[][b] speaks of: the last one, until it
// has a b.
func (n *node) elementFor(rest []string) string {
	last := "+" + strconv.Itoa(n.added)
	if child := n.children[last]; child != nil && len(rest) > 0 && rest[0] != "" && child.children[rest[0]] == nil {
		return last
	}
	n.added++
	return "+" + strconv.Itoa(n.added)
}

// elements are the children of a list, those with an index in its order, then
// those without.
func (n *node) elements() ([]*node, bool) {
	indexes := map[string]int{}
	for _, name := range n.order {
		index, err := strconv.Atoi(name)
		if err != nil || index < 0 {
			return nil, false
		}
		if strings.HasPrefix(name, "+") {
			index += 1 << 30
		}
		indexes[name] = index
	}
	names := slices.SortedFunc(slices.Values(n.order), func(a, b string) int { return indexes[a] - indexes[b] })
	elements := make([]*node, len(names))
	for i, name := range names {
		elements[i] = n.children[name]
	}
	return elements, true
}

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
		decoded[name] = value
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
	case unsupportedField:
		return nil, unsupported(name, "the parameter "+name)
	case hashField:
		if n.isLeaf {
			return nil, invalid(name, "", "Invalid object")
		}
		return decodeHash(n, f.fields, name)
	case listField:
		return decodeList(n, f, name)
	case metadataField:
		return decodeMetadata(n, name)
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
	elements, ok := n.elements()
	if n.isLeaf || !ok {
		return nil, invalid(name, "", "Invalid array")
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

// timeRange is inclusive at both ends.
type timeRange struct{ from, to int64 }

// within says whether a time is in the range that the request asks for, if any.
func (f form) within(name string, at int64) bool {
	bounds, ok := f[name].(timeRange)
	return !ok || at >= bounds.from && at <= bounds.to
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
