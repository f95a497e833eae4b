package stripesim

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// schema is the parameters that an operation takes. They are written as
// name:kind, such as items[][quantity]:int. The kinds are
//
//	(none)  a text
//	int     a number; int? may be empty too, which unsets it
//	bool    true or false
//	map     names of the caller's with texts, such as metadata
//	lacks   one that Stripe has and the simulator has not, with all below it
//
// and a name that ends in [] is a list.
type schema struct {
	kinds map[string]string
	// above are the beginnings of names, such as items and items[].
	above map[string]bool
}

const maxText = 5000

func newSchema(known []string) schema {
	s := schema{kinds: map[string]string{"expand[]": ""}, above: map[string]bool{"expand": true}}
	for _, written := range known {
		name, kind, _ := strings.Cut(written, ":")
		s.kinds[name] = kind
		for at := range name {
			if name[at] == '[' {
				s.above[name[:at]] = true
			}
		}
	}
	return s
}

// check refuses parameters that are not known, or of another kind.
func (s schema) check(p params) *apiError {
	for _, name := range slices.Sorted(maps.Keys(p)) {
		if fault := s.checkValue(name, name, p[name]); fault != nil {
			return fault
		}
	}
	return nil
}

// checkValue checks one parameter. shape is its name as the schema writes it,
// with [] for any index.
func (s schema) checkValue(shape, name string, value any) *apiError {
	kind, known := s.kinds[shape]
	switch {
	case kind == "lacks":
		return invalidParam(name, "parameter_unknown", "Stripe has the parameter "+name+", but the simulator has not.")
	case !known && !s.above[shape]:
		return invalidParam(name, "parameter_unknown", "Received unknown parameter: "+name)
	}
	text, isText := value.(string)
	if isText && known && kind != "map" {
		return checkScalar(kind, name, text)
	}
	if isText {
		if text != "" {
			return invalidParam(name, "", "Invalid value for "+name+": it has parts, such as "+name+"[…].")
		}
		return nil
	}
	return s.checkTree(shape, name, value.(params))
}

func (s schema) checkTree(shape, name string, tree params) *apiError {
	_, isList := s.kinds[shape+"[]"]
	isList = isList || s.above[shape+"[]"]
	switch {
	case s.kinds[shape] == "map":
		return nil // what is in it is up to the operation
	case !s.above[shape]:
		return invalidParam(name, "", "Invalid value for "+name+": it has no parts.")
	}
	for _, inner := range slices.Sorted(maps.Keys(tree)) {
		below := shape + "[" + inner + "]"
		if isList {
			if _, ok := indexOf(inner); !ok {
				return invalidParam(name, "", "Invalid array: "+name)
			}
			below = shape + "[]"
		}
		if fault := s.checkValue(below, name+"["+inner+"]", tree[inner]); fault != nil {
			return fault
		}
	}
	return nil
}

func checkScalar(kind, name, text string) *apiError {
	if !utf8.ValidString(text) || utf8.RuneCountInString(text) > maxText {
		return invalidParam(name, "", "Invalid string: "+name+" has to be UTF-8 of up to 5000 characters.")
	}
	switch {
	case text == "" && (kind == "int" || kind == "bool"):
		return invalidParam(name, "parameter_invalid_empty", "You passed an empty string for '"+name+"', which cannot be unset.")
	case text == "":
		return nil
	case kind == "int" || kind == "int?":
		if _, err := strconv.ParseInt(text, 10, 64); err != nil {
			return invalidParam(name, "parameter_invalid_integer", "Invalid integer: "+text)
		}
	case kind == "bool" && text != "true" && text != "false":
		return invalidParam(name, "", "Invalid boolean: "+text)
	}
	return nil
}
