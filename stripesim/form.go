package stripesim

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

// timeRange is inclusive at both ends.
type timeRange struct{ from, to int64 }

// within says whether a time is in the range that the request asks for, if any.
func (f form) within(name string, at int64) bool {
	bounds, ok := f[name].(timeRange)
	return !ok || at >= bounds.from && at <= bounds.to
}
