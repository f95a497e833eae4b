package stripesim

import (
	"strings"
	"unicode/utf8"
)

// setMetadata merges metadata as Stripe does: an empty value removes its key.
func setMetadata(o object, p params) *apiError {
	if !p.has("metadata") {
		return nil
	}
	if p.text("metadata") == "" && p.tree("metadata") == nil {
		o["metadata"] = object{}
		return nil
	}
	merged := cloneObject(o.object("metadata"))
	if merged == nil {
		merged = object{}
	}
	for name, value := range p.tree("metadata") {
		text, ok := value.(string)
		switch {
		case !ok:
			return invalidParam("metadata", "", "Metadata values are strings.")
		case name == "" || utf8.RuneCountInString(name) > 40 || strings.ContainsAny(name, "[]"):
			return invalidParam("metadata", "", "Metadata keys have up to 40 characters and no brackets.")
		case !utf8.ValidString(text) || utf8.RuneCountInString(text) > 500:
			return invalidParam("metadata", "", "Metadata values have up to 500 characters.")
		case text == "":
			delete(merged, name)
		default:
			merged[name] = text
		}
	}
	if len(merged) > 50 {
		return invalidParam("metadata", "", "You can have up to 50 metadata keys.")
	}
	o["metadata"] = merged
	return nil
}
