package stripesim_test

import (
	"maps"
	"slices"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/numerai-app/payments/stripesim"
)

// parameter is what Stripe's description says of a parameter.
type parameter struct {
	types    map[string]bool
	words    []string
	fields   map[string]*openapi3.Schema
	required []string
	element  *openapi3.Schema
	clears   bool
}

// parametersOf are those of an operation, of its query and of its body.
func parametersOf(o *openapi3.Operation) parameter {
	p := parameter{types: map[string]bool{"object": true}, fields: map[string]*openapi3.Schema{}}
	if o.RequestBody != nil {
		if form := o.RequestBody.Value.Content["application/x-www-form-urlencoded"]; form != nil {
			p.add(form.Schema.Value)
		}
	}
	for _, one := range o.Parameters {
		if one.Value.In == "query" {
			p.fields[one.Value.Name] = one.Value.Schema.Value
			if one.Value.Required {
				p.required = append(p.required, one.Value.Name)
			}
		}
	}
	return p
}

func readParameter(s *openapi3.Schema) parameter {
	p := parameter{types: map[string]bool{}, fields: map[string]*openapi3.Schema{}}
	p.add(s)
	return p
}

// add joins a schema, or one of several choices, to what is known.
func (p *parameter) add(s *openapi3.Schema) {
	for _, choice := range s.AnyOf {
		p.add(choice.Value)
	}
	if len(s.Enum) == 1 && s.Enum[0] == "" {
		p.clears = true
		return
	}
	for _, kind := range s.Type.Slice() {
		p.types[kind] = true
	}
	for _, word := range s.Enum {
		if word == "" {
			p.clears = true
		} else {
			p.words = append(p.words, word.(string))
		}
	}
	if s.Type.Is("string") && len(s.Enum) == 0 {
		p.types["text"] = true
	}
	for name, inner := range s.Properties {
		p.fields[name] = inner.Value
	}
	p.required = append(p.required, s.Required...)
	if s.Items != nil {
		p.element = s.Items.Value
	}
	if additional := s.AdditionalProperties.Schema; additional != nil {
		p.element = additional.Value
	}
}

// comparison is what the simulator declares against what Stripe describes.
type comparison struct {
	missing []string // Stripe takes it, the simulator does not
	wrong   []string
}

// types are Stripe's of each kind of parameter of the simulator's.
var typesOf = map[string][]string{
	"text": {"text", "number"}, "word": {"string"}, "integer": {"integer"}, "boolean": {"boolean"}, "time": {"integer", "string"},
	"hash": {"object"}, "list": {"array"}, "metadata": {"object"}, "range": {"object"}, "map": {"object"},
}

func (c *comparison) compare(path string, declared stripesim.Parameter, described parameter) {
	if !slices.ContainsFunc(typesOf[declared.Kind], func(kind string) bool { return described.types[kind] }) {
		c.wrong = append(c.wrong, path+" is no "+declared.Kind)
	}
	if described.clears && !declared.Clears {
		c.missing = append(c.missing, path+"=")
	}
	// Any text may be sent empty, and so may metadata, to no effect.
	if declared.Clears && !described.clears && !described.types["text"] && declared.Kind != "metadata" {
		c.wrong = append(c.wrong, path+" cannot be cleared")
	}
	switch declared.Kind {
	case "word", "time":
		c.compareWords(path, declared, described)
	case "list", "map":
		if described.element != nil {
			c.compare(path, *declared.Element, readParameter(described.element))
		}
	case "hash":
		c.compareFields(path, declared, described)
	}
}

func (c *comparison) compareWords(path string, declared stripesim.Parameter, described parameter) {
	for _, word := range described.words {
		if !slices.Contains(declared.Words, word) {
			c.missing = append(c.missing, path+"="+word)
		}
	}
	for _, word := range declared.Words {
		if len(described.words) > 0 && !slices.Contains(described.words, word) {
			c.wrong = append(c.wrong, path+" cannot be "+word)
		}
	}
}

func (c *comparison) compareFields(path string, declared stripesim.Parameter, described parameter) {
	for _, name := range slices.Sorted(maps.Keys(described.fields)) {
		inner, known := declared.Fields[name]
		switch full := within(path, name); {
		case !known:
			c.missing = append(c.missing, full)
		default:
			c.compare(full, inner, readParameter(described.fields[name]))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(declared.Fields)) {
		full := within(path, name)
		if described.fields[name] == nil {
			c.wrong = append(c.wrong, full+" is unknown")
		} else if slices.Contains(described.required, name) != declared.Fields[name].Required {
			c.wrong = append(c.wrong, full+" is required only by one")
		}
	}
}

func within(path, name string) string {
	if path == "" {
		return name
	}
	return path + "[" + name + "]"
}
