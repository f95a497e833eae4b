package stripe

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// object is a JSON object of Stripe's, read member by member. encoding/json
// would match names whatever their case and let the last of two equal ones
// win; what we act on must be what Stripe signed, so names are compared
// exactly and an object that says a thing twice is refused.
//
// The first fault is kept in err, which the objects inside share: a whole
// object is read without a check at each step, and err is asked at the end.
type object struct {
	kind    string // of what, for errors
	members map[string]json.RawMessage
	err     *error
}

// maxIDLength is the longest id that Stripe gives (stripe.com/docs/upgrades).
const maxIDLength = 255

// lastSecond is the end of the year 9999, past which times have no RFC 3339 form.
const lastSecond = 253402300799

// parseObject splits one JSON object, with nothing before or behind it, into
// its members. The members are slices of data.
func parseObject(kind string, data []byte) (object, error) {
	if !json.Valid(data) {
		return object{}, fmt.Errorf("%s is not JSON", kind)
	}
	members, err := splitObject(data)
	if err != nil {
		return object{}, fmt.Errorf("%s: %w", kind, err)
	}
	return object{kind: kind, members: members, err: new(error)}, nil
}

var (
	errNoObject = errors.New("not a JSON object")
	errNoArray  = errors.New("not a JSON array")
)

// splitObject cuts valid JSON into the members of the object that it is.
func splitObject(data []byte) (map[string]json.RawMessage, error) {
	at := skipSpace(data, 0)
	if at == len(data) || data[at] != '{' {
		return nil, errNoObject
	}
	members := make(map[string]json.RawMessage)
	for at = skipSpace(data, at+1); data[at] != '}'; {
		end := skipValue(data, at)
		name, err := unquote(data[at:end])
		if err != nil {
			return nil, fmt.Errorf("read the name %s: %w", data[at:end], err)
		}
		if _, twice := members[name]; twice {
			return nil, fmt.Errorf("%q is there twice", name)
		}
		at = skipSpace(data, skipSpace(data, end)+1) // past the colon
		end = skipValue(data, at)
		members[name] = data[at:end:end]
		at = skipSpace(data, end)
		if data[at] == ',' {
			at = skipSpace(data, at+1)
		}
	}
	return members, nil
}

// splitArray cuts valid JSON into the elements of the array that it is.
func splitArray(data []byte) ([]json.RawMessage, error) {
	at := skipSpace(data, 0)
	if at == len(data) || data[at] != '[' {
		return nil, errNoArray
	}
	var elements []json.RawMessage
	for at = skipSpace(data, at+1); data[at] != ']'; {
		end := skipValue(data, at)
		elements = append(elements, data[at:end:end])
		at = skipSpace(data, end)
		if data[at] == ',' {
			at = skipSpace(data, at+1)
		}
	}
	return elements, nil
}

// unquote is the text of a JSON string, or of null. NUL, which a PostgreSQL
// text refuses, is dropped, and broken UTF-8 is replaced.
func unquote(data []byte) (string, error) {
	if len(data) > 1 && data[0] == '"' && bytes.IndexByte(data, '\\') < 0 && utf8.Valid(data) {
		return string(data[1 : len(data)-1]), nil
	}
	var text string
	if err := json.Unmarshal(data, &text); err != nil {
		return "", err
	}
	return strings.ReplaceAll(text, "\x00", ""), nil
}

func skipSpace(data []byte, at int) int {
	for at < len(data) && (data[at] == ' ' || data[at] == '\n' || data[at] == '\t' || data[at] == '\r') {
		at++
	}
	return at
}

// skipValue returns the end of the value that begins at at, in valid JSON.
func skipValue(data []byte, at int) int {
	depth := 0
	for at < len(data) {
		switch data[at] {
		case '"':
			for at++; data[at] != '"'; at++ {
				if data[at] == '\\' {
					at++
				}
			}
			at++
		case '{', '[':
			depth++
			at++
			continue
		case '}', ']':
			depth--
			at++
		case ' ', '\n', '\t', '\r', ',', ':':
			at++
			continue
		default: // a number or a word
			for at < len(data) && strings.IndexByte(" \n\t\r,:]}", data[at]) < 0 {
				at++
			}
		}
		if depth == 0 {
			return at
		}
	}
	return at
}

func (o object) fail(name, format string, args ...any) {
	if *o.err == nil {
		*o.err = fmt.Errorf("%s: %s %s", o.kind, name, fmt.Sprintf(format, args...))
	}
}

// has says whether the member is there at all, null or not.
func (o object) has(name string) bool {
	_, there := o.members[name]
	return there
}

func (o object) isNull(name string) bool {
	value, there := o.members[name]
	return !there || string(value) == "null"
}

// text is a string; null and absent are empty.
func (o object) text(name string) string {
	if o.isNull(name) {
		return ""
	}
	text, err := unquote(o.members[name])
	if err != nil {
		o.fail(name, "is not a string")
	}
	return text
}

// requiredText is a string that must say something.
func (o object) requiredText(name string) string {
	text := o.text(name)
	if text == "" {
		o.fail(name, "is missing")
	}
	return text
}

// id is the object's own id.
func (o object) id() string {
	id := o.requiredText("id")
	if len(id) > maxIDLength {
		o.fail("id", "is longer than %d bytes", maxIDLength)
	}
	return id
}

// currency is a lower-case ISO code.
func (o object) currency() string { return strings.ToLower(o.requiredText("currency")) }

// flag is a boolean; null and absent are false.
func (o object) flag(name string) bool {
	switch value := string(o.members[name]); {
	case value == "true":
		return true
	case value != "false" && !o.isNull(name):
		o.fail(name, "is neither true nor false")
	}
	return false
}

// number is a whole number; ok is false where it is null or absent.
func (o object) number(name string) (n int64, ok bool) {
	if o.isNull(name) {
		return 0, false
	}
	n, err := strconv.ParseInt(string(o.members[name]), 10, 64)
	if err != nil {
		o.fail(name, "is not a whole number")
	}
	return n, err == nil
}

// count is a whole number; null and absent are 0.
func (o object) count(name string) int64 {
	n, _ := o.number(name)
	return n
}

// amount is a number of the currency's smallest unit that must be there.
func (o object) amount(name string) int64 {
	n, ok := o.number(name)
	if !ok {
		o.fail(name, "is missing")
	}
	return n
}

// moment is a time in unix seconds, given in UTC; nil where it is null, absent or 0.
func (o object) moment(name string) *time.Time {
	seconds, ok := o.number(name)
	if !ok || seconds == 0 {
		return nil
	}
	if seconds < 0 || seconds > lastSecond {
		o.fail(name, "is no time")
		return nil
	}
	moment := time.Unix(seconds, 0).UTC()
	return &moment
}

// requiredMoment is a time that must be there.
func (o object) requiredMoment(name string) time.Time {
	moment := o.moment(name)
	if moment == nil {
		o.fail(name, "is missing")
		return time.Time{}
	}
	return *moment
}

// child is an object inside; null and absent are an object without members.
func (o object) child(name string) object {
	inner := object{kind: o.kind + "." + name, err: o.err}
	if o.isNull(name) {
		return inner
	}
	members, err := splitObject(o.members[name])
	if err != nil {
		o.fail(name, "is %v", err)
	}
	inner.members = members
	return inner
}

// list is the data of a list of Stripe's; null and absent are empty.
func (o object) list(name string) []object {
	return o.child(name).elements("data")
}

func (o object) elements(name string) []object {
	if o.isNull(name) {
		return nil
	}
	elements, err := splitArray(o.members[name])
	if err != nil {
		o.fail(name, "is %v", err)
		return nil
	}
	objects := make([]object, 0, len(elements))
	for i, element := range elements {
		inner := object{kind: fmt.Sprintf("%s.%s[%d]", o.kind, name, i), err: o.err}
		if inner.members, err = splitObject(element); err != nil {
			o.fail(name, "has an element that is %v", err)
			return nil
		}
		objects = append(objects, inner)
	}
	return objects
}

// texts are the strings of an array; null and absent are none.
func (o object) texts(name string) []string {
	if o.isNull(name) {
		return nil
	}
	elements, err := splitArray(o.members[name])
	if err != nil {
		o.fail(name, "is %v", err)
	}
	texts := make([]string, 0, len(elements))
	for _, element := range elements {
		text, err := unquote(element)
		if err != nil {
			o.fail(name, "has an element that is not a string")
		}
		texts = append(texts, text)
	}
	return texts
}

// reference is the id of another object, given alone or with the whole object
// where it was expanded; null and absent are empty.
func (o object) reference(name string) string {
	if o.isExpanded(name) {
		return o.child(name).id()
	}
	return o.text(name)
}

// requiredReference is a reference that must be there.
func (o object) requiredReference(name string) string {
	id := o.reference(name)
	if id == "" {
		o.fail(name, "is missing")
	}
	return id
}

// isExpanded says whether a reference came with the whole object.
func (o object) isExpanded(name string) bool {
	value := o.members[name]
	return len(value) > 0 && value[0] == '{'
}

// metadata are the strings that were attached to the object; nil without any.
func (o object) metadata() map[string]string {
	inner := o.child("metadata")
	if len(inner.members) == 0 {
		return nil
	}
	metadata := make(map[string]string, len(inner.members))
	for name := range inner.members {
		metadata[name] = inner.text(name)
	}
	return metadata
}
