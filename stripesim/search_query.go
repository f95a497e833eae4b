package stripesim

import (
	"strconv"
	"strings"
)

// maxClauses is how many clauses a search may have.
const maxClauses = 10

// minSubstring is how many letters a part of a text must have at least.
const minSubstring = 3

// clause is one condition of a search, such as -status:"active".
type clause struct {
	negated  bool
	field    string
	key      string // of metadata
	operator string // : ~ > < >= <=
	value    string
	isNull   bool
}

// searchQuery is what a search asks for: all of its clauses, or any.
type searchQuery struct {
	clauses []clause
	any     bool
}

func unparsable() *apiError {
	return invalid("query", "", "We were unable to parse your search query. Try using the format `metadata[\"key\"]:\"value\"` to query for metadata or key:\"value\" to query for other fields.")
}

// parseSearch reads a query in Stripe's language.
func parseSearch(query string) (searchQuery, *apiError) {
	var parsed searchQuery
	var joined string
	for rest := strings.TrimSpace(query); rest != "" || len(parsed.clauses) == 0; {
		if len(parsed.clauses) > 0 {
			word, after := cutJoint(rest)
			if joined != "" && joined != word {
				return parsed, invalid("query", "", "You cannot combine AND and OR in the same search query.")
			}
			joined, rest = word, after
		}
		found, after, ok := parseClause(rest)
		if !ok {
			return parsed, unparsable()
		}
		parsed.clauses = append(parsed.clauses, found)
		rest = strings.TrimSpace(after)
	}
	if len(parsed.clauses) > maxClauses {
		return parsed, invalid("query", "", "You can have up to 10 clauses in a search query.")
	}
	parsed.any = joined == "OR"
	return parsed, nil
}

// cutJoint takes AND or OR from between two clauses; nothing means AND.
func cutJoint(rest string) (word, after string) {
	first, after, _ := strings.Cut(rest, " ")
	switch upper := strings.ToUpper(first); upper {
	case "AND", "OR":
		return upper, strings.TrimSpace(after)
	}
	return "AND", rest
}

func parseClause(text string) (found clause, rest string, ok bool) {
	text, found.negated = strings.CutPrefix(text, "-")
	end := strings.IndexAny(text, "[:~<>")
	if end <= 0 || strings.ContainsAny(text[:end], " \"'") {
		return found, "", false
	}
	found.field, rest = text[:end], text[end:]
	if rest, ok = strings.CutPrefix(rest, "["); ok {
		if found.key, rest, ok = parseQuoted(rest); !ok {
			return found, "", false
		}
		if rest, ok = strings.CutPrefix(rest, "]"); !ok {
			return found, "", false
		}
	}
	for _, operator := range []string{":", "~", ">=", "<=", ">", "<"} {
		if after, is := strings.CutPrefix(rest, operator); is {
			found.operator, rest = operator, after
			break
		}
	}
	if found.operator == "" {
		return found, "", false
	}
	if rest != "" && (rest[0] == '"' || rest[0] == '\'') {
		found.value, rest, ok = parseQuoted(rest)
		return found, rest, ok && (rest == "" || rest[0] == ' ')
	}
	found.value, rest, _ = strings.Cut(rest, " ")
	if found.isNull = found.value == "null"; found.isNull {
		return found, rest, found.operator == ":"
	}
	_, err := strconv.ParseInt(found.value, 10, 64)
	return found, rest, err == nil
}

// parseQuoted reads a text in quotes of either kind, in which \ stands before
// a quote or another \.
func parseQuoted(text string) (value, rest string, ok bool) {
	if text == "" || text[0] != '"' && text[0] != '\'' {
		return "", "", false
	}
	var read strings.Builder
	for i := 1; i < len(text); i++ {
		switch c := text[i]; {
		case c == text[0]:
			return read.String(), text[i+1:], true
		case c == '\\' && i+1 < len(text):
			i++
			read.WriteByte(text[i])
		default:
			read.WriteByte(c)
		}
	}
	return "", "", false
}
