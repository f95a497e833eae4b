package stripesim

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// params are the parameters of one request as a tree: a value is a string, a
// list or another tree.
type params map[string]any

const (
	maxParameters = 1000
	maxDepth      = 8
)

// parseForm reads Stripe's encoding of nested parameters: a[b]=v, a[0]=v with
// indexes in any order, and a[]=v.
func parseForm(values url.Values) (params, *apiError) {
	if len(values) > maxParameters {
		return nil, invalidRequest("", "Too many parameters.")
	}
	root := &branch{}
	names := make([]string, 0, len(values))
	for name := range values {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		path, err := splitName(name)
		if err != nil {
			return nil, err
		}
		for _, value := range values[name] {
			root.set(path, value)
		}
	}
	tree, _ := root.value().(params)
	if tree == nil {
		tree = params{}
	}
	return tree, nil
}

// splitName cuts a[b][] into its parts.
func splitName(name string) ([]string, *apiError) {
	head, rest, nested := strings.Cut(name, "[")
	path := []string{head}
	if nested {
		if !strings.HasSuffix(rest, "]") {
			return nil, invalidRequest(name, "Invalid parameter name: "+name)
		}
		path = append(path, strings.Split(strings.TrimSuffix(rest, "]"), "][")...)
	}
	if head == "" || len(path) > maxDepth {
		return nil, invalidRequest(name, "Invalid parameter name: "+name)
	}
	return path, nil
}

// branch is a node of the tree while it is read.
type branch struct {
	leaf     *string
	children map[string]*branch
	order    []string
}

func (b *branch) set(path []string, value string) {
	if len(path) == 0 {
		b.leaf = &value
		return
	}
	name := path[0]
	if name == "" {
		name = strconv.Itoa(len(b.order))
	}
	child := b.children[name]
	if child == nil {
		if b.children == nil {
			b.children = map[string]*branch{}
		}
		child = &branch{}
		b.children[name] = child
		b.order = append(b.order, name)
	}
	child.set(path[1:], value)
}

func (b *branch) value() any {
	if b.children == nil {
		if b.leaf == nil {
			return nil
		}
		return *b.leaf
	}
	indexes := make([]int, 0, len(b.order))
	for _, name := range b.order {
		index, err := strconv.Atoi(name)
		if err != nil {
			tree := params{}
			for name, child := range b.children {
				tree[name] = child.value()
			}
			return tree
		}
		indexes = append(indexes, index)
	}
	slices.Sort(indexes)
	var list []any
	for _, index := range indexes {
		list = append(list, b.children[strconv.Itoa(index)].value())
	}
	return list
}

// checkKnown refuses parameters that an operation does not take. known are
// names such as items[][price]; metadata stands for metadata[anything].
func (p params) checkKnown(known []string) *apiError {
	set := map[string]bool{"expand": true, "expand[]": true}
	for _, name := range known {
		set[name] = true
	}
	var check func(prefix string, value any) *apiError
	check = func(prefix string, value any) *apiError {
		if set[prefix] && !hasBelow(known, prefix) {
			return nil
		}
		switch value := value.(type) {
		case params:
			for name, inner := range value {
				if err := check(prefix+"["+name+"]", inner); err != nil {
					return err
				}
			}
			return nil
		case []any:
			for _, inner := range value {
				if err := check(prefix+"[]", inner); err != nil {
					return err
				}
			}
			return nil
		}
		if !set[prefix] && !hasBelow(known, prefix) {
			return &apiError{
				status: 400, kind: "invalid_request_error", code: "parameter_unknown", param: prefix,
				message: "Received unknown parameter: " + prefix,
			}
		}
		return nil
	}
	for name, value := range p {
		if err := check(name, value); err != nil {
			return err
		}
	}
	return nil
}

func hasBelow(known []string, prefix string) bool {
	return slices.ContainsFunc(known, func(name string) bool { return strings.HasPrefix(name, prefix+"[") })
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

func (p params) list(name string) []any {
	list, _ := p[name].([]any)
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

func (p params) integer(name string, fallback int64) (int64, *apiError) {
	text := p.text(name)
	if text == "" {
		return fallback, nil
	}
	number, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return 0, invalidParam(name, "parameter_invalid_integer", "Invalid integer: "+text)
	}
	return number, nil
}

func (p params) boolean(name string, fallback bool) (bool, *apiError) {
	switch text := p.text(name); text {
	case "":
		return fallback, nil
	case "true":
		return true, nil
	case "false":
		return false, nil
	default:
		return false, invalidParam(name, "", fmt.Sprintf("Invalid boolean: %s", text))
	}
}

func (p params) oneOf(name, fallback string, allowed ...string) (string, *apiError) {
	text := p.text(name)
	if text == "" {
		return fallback, nil
	}
	if !slices.Contains(allowed, text) {
		return "", invalidParam(name, "", fmt.Sprintf("Invalid %s: must be one of %s", name, strings.Join(allowed, ", ")))
	}
	return text, nil
}

func (p params) required(names ...string) *apiError {
	for _, name := range names {
		if value, ok := p[name]; !ok || value == "" {
			return &apiError{
				status: 400, kind: "invalid_request_error", code: "parameter_missing", param: name,
				message: "Missing required param: " + name + ".",
			}
		}
	}
	return nil
}
