package stripesim

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

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
		root.set(path, strings.Clone(value)) // an object that keeps it must not keep the whole body
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

// elements are the children of a list: those with an index, from 0 on in any
// order, then those without. What is wrong with the indexes is said in words.
func (n *node) elements() (elements []*node, wrong string) {
	indexes, passed := map[string]int{}, []int{}
	for _, name := range n.order {
		index, err := strconv.Atoi(name)
		if err != nil || index < 0 {
			return nil, "Invalid array"
		}
		if strings.HasPrefix(name, "+") {
			index += 1 << 30
		} else {
			passed = append(passed, index)
		}
		indexes[name] = index
	}
	slices.Sort(passed)
	for expected, index := range passed {
		if index != expected {
			return nil, outOfSequence(passed, expected)
		}
	}
	names := slices.SortedFunc(slices.Values(n.order), func(a, b string) int { return indexes[a] - indexes[b] })
	elements = make([]*node, len(names))
	for i, name := range names {
		elements[i] = n.children[name]
	}
	return elements, ""
}

func outOfSequence(passed []int, expected int) string {
	keys := make([]string, len(passed))
	for i, index := range passed {
		keys[i] = "`" + strconv.Itoa(index) + "`"
	}
	return fmt.Sprintf("If passing an array with explicit keys (e.g. foo[0]=a&foo[1]=b) instead of as an array (e.g. foo[]=a&foo[]=b), "+
		"the keys must be numeric and sequential starting from 0. You passed the keys %s, we expected to have a key with the value `%d`.",
		strings.Join(keys, ", "), expected)
}
