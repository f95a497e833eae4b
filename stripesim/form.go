package stripesim

import (
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// params are the parameters of one request as a tree: a value is a text or
// another tree. A list is a tree whose names are indexes.
type params map[string]any

const (
	maxParameters = 1000
	maxDepth      = 8
	maxIndex      = 9999
)

// parseForm reads Stripe's encoding of nested parameters: a[b]=v, a[0]=v with
// indexes in any order, a[]=v, and a[][b]=v, where a name that the last element
// has already begins the next one.
func parseForm(raw string) (params, *apiError) {
	root := params{}
	if raw == "" {
		return root, nil
	}
	pairs := strings.Split(raw, "&")
	if len(pairs) > maxParameters {
		return nil, invalidRequest("", "Too many parameters.")
	}
	for _, pair := range pairs {
		if pair == "" {
			continue
		}
		encodedName, encodedValue, _ := strings.Cut(pair, "=")
		name, nameErr := url.QueryUnescape(encodedName)
		value, valueErr := url.QueryUnescape(encodedValue)
		if nameErr != nil || valueErr != nil {
			return nil, invalidRequest("", "The parameters could not be read.")
		}
		path, fault := splitName(name)
		if fault != nil {
			return nil, fault
		}
		if !root.set(path, value) {
			return nil, invalidRequest(name, "Invalid parameters: "+name+" is given in two ways.")
		}
	}
	return root, nil
}

// splitName cuts a[b][] into its parts.
func splitName(name string) ([]string, *apiError) {
	head, rest, nested := strings.Cut(name, "[")
	path := []string{head}
	if nested {
		inner, closed := strings.CutSuffix(rest, "]")
		if !closed {
			return nil, invalidRequest(name, "Invalid parameter name: "+name)
		}
		path = append(path, strings.Split(inner, "][")...)
	}
	if head == "" || len(path) > maxDepth {
		return nil, invalidRequest(name, "Invalid parameter name: "+name)
	}
	return path, nil
}

// set puts a value at its place. It says false where a text and a tree are to
// be at the same place.
func (p params) set(path []string, value string) bool {
	name := path[0]
	if name == "" {
		name = p.nextIndex(path[1:])
	}
	if len(path) == 1 {
		if _, nested := p[name].(params); nested {
			return false
		}
		p[name] = value
		return true
	}
	if p[name] == nil {
		p[name] = params{}
	}
	inner, ok := p[name].(params)
	return ok && inner.set(path[1:], value)
}

// nextIndex is the element of a list that [] means, with rest behind it.
func (p params) nextIndex(rest []string) string {
	last := -1
	for name := range p {
		if index, ok := indexOf(name); ok {
			last = max(last, index)
		}
	}
	if last >= 0 && len(rest) > 0 {
		if element, ok := p[strconv.Itoa(last)].(params); ok && element[rest[0]] == nil {
			return strconv.Itoa(last)
		}
	}
	return strconv.Itoa(last + 1)
}

// indexOf reads the index of a list: a number as it is usually written.
func indexOf(name string) (int, bool) {
	index, err := strconv.Atoi(name)
	return index, err == nil && index >= 0 && index <= maxIndex && strconv.Itoa(index) == name
}

func (p params) has(name string) bool { _, ok := p[name]; return ok }

func (p params) text(name string) string {
	text, _ := p[name].(string)
	return text
}

func (p params) tree(name string) params {
	tree, _ := p[name].(params)
	return tree
}

// list is the elements of a list in the order of their indexes.
func (p params) list(name string) []any {
	tree := p.tree(name)
	indexes := make([]int, 0, len(tree))
	for name := range tree {
		index, ok := indexOf(name)
		if !ok {
			return nil
		}
		indexes = append(indexes, index)
	}
	slices.Sort(indexes)
	list := make([]any, len(indexes))
	for i, index := range indexes {
		list[i] = tree[strconv.Itoa(index)]
	}
	return list
}

func (p params) texts(name string) []string {
	var texts []string
	for _, value := range p.list(name) {
		if text, ok := value.(string); ok {
			texts = append(texts, text)
		}
	}
	return texts
}

// integer reads a number. That it is one was checked when the request came in.
func (p params) integer(name string, fallback int64) int64 {
	number, err := strconv.ParseInt(p.text(name), 10, 64)
	if err != nil {
		return fallback
	}
	return number
}

// boolean reads true or false, which was checked when the request came in.
func (p params) boolean(name string, fallback bool) bool {
	if text := p.text(name); text != "" {
		return text == "true"
	}
	return fallback
}

func (p params) oneOf(name, fallback string, allowed ...string) (string, *apiError) {
	text := p.text(name)
	if text == "" {
		return fallback, nil
	}
	if !slices.Contains(allowed, text) {
		return "", invalidParam(name, "", "Invalid "+name+": must be one of "+strings.Join(allowed, ", "))
	}
	return text, nil
}

func (p params) required(names ...string) *apiError {
	for _, name := range names {
		if value, ok := p[name]; !ok || value == "" {
			return missingParam(name)
		}
	}
	return nil
}
