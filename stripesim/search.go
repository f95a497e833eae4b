package stripesim

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// metadataIndex and emailIndex are the indexes of searches: Stripe's do not
// tell small letters from capitals.
const (
	metadataIndex = "search_metadata"
	emailIndex    = "search_email"
)

// indexes are the pairs by which a search finds an object, after others.
func (m metadata) indexes(others ...indexed) []indexed {
	for _, key := range slices.Sorted(maps.Keys(m)) {
		others = append(others, indexed{metadataIndex, metadataPair(key, m[key])})
	}
	return others
}

func metadataPair(key, value string) string { return key + "\x00" + strings.ToLower(value) }

// searchable is what a search may ask of a kind of object.
type searchable[T object] struct {
	path     string
	metadata func(T) metadata
	fields   map[string]searchField[T]
	// hidden objects are never found. Nil: none is.
	hidden func(T) bool
}

// searchField is a field that a search may name: a number, a word, or a text
// of which a part may be asked for.
type searchField[T object] struct {
	number func(T) int64
	word   func(T) string
	isText bool
	index  string // finds a word or text without a scan. Empty: none does
}

func aNumber[T object](of func(T) int64) searchField[T] { return searchField[T]{number: of} }
func aToken[T object](of func(T) string) searchField[T] { return searchField[T]{word: of} }
func aString[T object](of func(T) string) searchField[T] {
	return searchField[T]{word: of, isText: true}
}

func aFlag[T object](of func(T) bool) searchField[T] {
	return aToken(func(o T) string { return strconv.FormatBool(of(o)) })
}

// searchResult is Stripe's envelope of what a search found.
type searchResult struct {
	Object     string `json:"object"`
	Data       []any  `json:"data"`
	HasMore    bool   `json:"has_more"`
	NextPage   text   `json:"next_page"`
	TotalCount *int   `json:"total_count,omitempty"`
	URL        string `json:"url"`
}

// operation is the search as a call of the API.
func (s searchable[T]) operation() operation {
	return operation{method: "GET", path: s.path, do: s.search, fields: shape{
		"limit": anInteger(1, 100), "page": aText(), "query": aText().must(),
	}}
}

func (s searchable[T]) search(t *transaction, c call) (any, *apiError) {
	query, fault := parseSearch(c.text("query"))
	if fault != nil {
		return nil, fault
	}
	for _, asked := range query.clauses {
		if fault := s.check(asked); fault != nil {
			return nil, fault
		}
	}
	before, fault := readPage(c.text("page"))
	if fault != nil {
		return nil, fault
	}
	limit, total := int(c.integer("limit", defaultPage)), 0
	result := searchResult{Object: "search_result", Data: []any{}, URL: s.path}
	for _, r := range slices.Backward(s.candidates(t, query)) {
		o := r.object.(T)
		if s.hidden != nil && s.hidden(o) || !s.matches(o, query) {
			continue
		}
		total++
		switch {
		case before > 0 && r.serial() >= before:
		case len(result.Data) < limit:
			result.Data = append(result.Data, o)
			result.NextPage = text(strconv.FormatInt(r.serial(), 36))
		default:
			result.HasMore = true
		}
	}
	if !result.HasMore {
		result.NextPage = ""
	}
	if slices.Contains(c.texts("expand"), "total_count") {
		result.TotalCount = &total
	}
	return result, nil
}

// readPage is the serial before which a page begins. Zero: at the newest.
func readPage(page string) (int64, *apiError) {
	if page == "" {
		return 0, nil
	}
	serial, err := strconv.ParseInt(page, 36, 64)
	if err != nil || serial <= 0 {
		return 0, invalid("page", "", "Invalid page: "+page)
	}
	return serial, nil
}

// check refuses a clause that cannot be asked of this kind of object.
func (s searchable[T]) check(asked clause) *apiError {
	field, known := s.fields[asked.field]
	if asked.field == "metadata" {
		if asked.key == "" {
			return unparsable()
		}
		field, known = aToken(func(T) string { return "" }), s.metadata != nil
	}
	if !known || asked.field != "metadata" && asked.key != "" {
		resource := strings.TrimSuffix(strings.TrimPrefix(s.path, "/v1/"), "/search")
		return invalid("query", "", fmt.Sprintf("Field `%s` is an unsupported search field for resource `%s`. See http://stripe.com/docs/search#query-fields-for-%s for a list of supported fields.",
			asked.field, resource, strings.ReplaceAll(resource, "_", "-")))
	}
	_, err := strconv.ParseInt(asked.value, 10, 64)
	switch {
	case field.number != nil && (asked.operator == "~" || err != nil && !asked.isNull),
		field.number == nil && strings.ContainsAny(asked.operator, "<>"),
		asked.operator == "~" && !field.isText:
		return invalid("query", "", fmt.Sprintf("The operator `%s` with this value is not supported for the field `%s`.", asked.operator, asked.field))
	case asked.operator == "~" && len([]rune(asked.value)) < minSubstring:
		return invalid("query", "", "A substring match needs at least 3 characters.")
	}
	return nil
}

// candidates are the rows among which a search looks: those of an index where
// one clause that has to be true has one, else all.
func (s searchable[T]) candidates(t *transaction, query searchQuery) []*row {
	for _, asked := range query.clauses {
		if asked.negated || asked.isNull || asked.operator != ":" || query.any && len(query.clauses) > 1 || asked.value == "" {
			continue
		}
		if asked.field == "metadata" {
			return with[T](t, metadataIndex, metadataPair(asked.key, asked.value))
		}
		if index := s.fields[asked.field].index; index != "" {
			return with[T](t, index, strings.ToLower(asked.value))
		}
	}
	return all[T](t)
}

func (s searchable[T]) matches(o T, query searchQuery) bool {
	for _, asked := range query.clauses {
		if s.holds(o, asked) != asked.negated == query.any {
			return query.any
		}
	}
	return !query.any
}

// holds says whether a clause is true of an object, its negation aside.
func (s searchable[T]) holds(o T, asked clause) bool {
	field := s.fields[asked.field]
	if field.number != nil {
		number := field.number(o)
		if asked.isNull {
			return number == 0
		}
		wanted, err := strconv.ParseInt(asked.value, 10, 64)
		return err == nil && compares(number, asked.operator, wanted)
	}
	var value string
	if asked.field == "metadata" {
		value = s.metadata(o)[asked.key]
	} else {
		value = field.word(o)
	}
	switch {
	case asked.isNull:
		return value == ""
	case asked.operator == "~":
		return strings.Contains(strings.ToLower(value), strings.ToLower(asked.value))
	}
	return strings.EqualFold(value, asked.value)
}

func compares(number int64, operator string, wanted int64) bool {
	switch operator {
	case ">":
		return number > wanted
	case ">=":
		return number >= wanted
	case "<":
		return number < wanted
	case "<=":
		return number <= wanted
	}
	return number == wanted
}
