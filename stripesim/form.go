package stripesim

import "slices"

// form is what a request says, checked against a shape: strings, int64s,
// bools, forms and lists of these. A parameter that was sent empty to clear a
// value is there with the value nil.
type form map[string]any

// sent is a value that came with a request, and whether anything has read it:
// what nothing reads is passed over in silence, which the tests forbid. Copies
// of a form share it, so that one call may hand it on to another.
type sent struct {
	value any
	read  bool
}

// value reads a parameter. Nil: it was not sent, or was sent empty.
func (f form) value(name string) any {
	if given, ok := f[name].(*sent); ok {
		given.read = true
		return given.value
	}
	return f[name]
}

// has says whether a parameter was sent, which does not count as reading it.
func (f form) has(name string) bool { _, ok := f[name]; return ok }

// hasOnly says that nothing but some parameters was sent.
func (f form) hasOnly(names ...string) bool {
	for name := range f {
		if !slices.Contains(names, name) {
			return false
		}
	}
	return true
}

// cleared says whether a parameter was sent empty.
func (f form) cleared(name string) bool {
	given, ok := f[name].(*sent)
	if !ok || given.value != nil {
		return f.has(name) && f[name] == nil
	}
	given.read = true
	return true
}

func (f form) text(name string) string {
	value, _ := f.value(name).(string)
	return value
}

func (f form) integer(name string, fallback int64) int64 {
	if value, ok := f.value(name).(int64); ok {
		return value
	}
	return fallback
}

func (f form) boolean(name string, fallback bool) bool {
	if value, ok := f.value(name).(bool); ok {
		return value
	}
	return fallback
}

func (f form) word(name, fallback string) string {
	if value, ok := f.value(name).(string); ok {
		return value
	}
	return fallback
}

func (f form) form(name string) form {
	value, _ := f.value(name).(form)
	return value
}

func (f form) forms(name string) []form {
	values, _ := f.value(name).([]any)
	forms := make([]form, 0, len(values))
	for _, value := range values {
		one, _ := value.(form)
		forms = append(forms, one)
	}
	return forms
}

func (f form) texts(name string) []string {
	values, _ := f.value(name).([]any)
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

// timeRange is inclusive at both ends.
type timeRange struct{ from, to int64 }

// within says whether a time is in the range that the request asks for, if any.
func (f form) within(name string, at int64) bool {
	bounds, ok := f.value(name).(timeRange)
	return !ok || at >= bounds.from && at <= bounds.to
}
