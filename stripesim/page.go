package stripesim

import (
	"slices"
	"strconv"
)

// listing is what a list call lists.
type listing struct {
	kind, url string
	// fields are the parameters that narrow the list, by the field of the
	// object that has to have that value.
	fields map[string]string
	// wanted narrows it further. Nil: no further.
	wanted func(object) bool
}

// list answers a page of a list: newest first, cut by limit, starting_after
// and ending_before.
func (t *transaction) list(l listing, p params) (any, *apiError) {
	ids := t.state.lists[l.kind]
	values := map[string]string{}
	for param, field := range l.fields {
		value := p.text(param)
		if value == "" {
			continue
		}
		values[field] = value
		if slices.Contains(indexed[l.kind], field) {
			if narrowed := t.state.indexes[index{l.kind, field, value}]; len(values) == 1 || len(narrowed) < len(ids) {
				ids = narrowed
			}
		}
	}
	return t.page(l.url, p, ids, func(o object) bool {
		for field, value := range values {
			if o.text(field) != value {
				return false
			}
		}
		return withinRange(p, "created", o.integer("created")) && (l.wanted == nil || l.wanted(o))
	})
}

func (t *transaction) page(url string, p params, ids []string, wanted func(object) bool) (any, *apiError) {
	limit := p.integer("limit", 10)
	if limit < 1 || limit > 100 {
		return nil, invalidParam("limit", "parameter_invalid_integer", "Invalid limit: must be between 1 and 100.")
	}
	cursor, backward, fault := pageCursor(p, ids)
	if fault != nil {
		return nil, fault
	}
	var rows []object
	add := func(id string) bool {
		o := t.get(id)
		if o != nil && !o.boolean("_gone") && wanted(o) {
			rows = append(rows, o)
		}
		return int64(len(rows)) <= limit
	}
	if backward {
		for i := cursor + 1; i < len(ids) && add(ids[i]); i++ {
		}
	} else {
		for i := cursor - 1; i >= 0 && add(ids[i]); i-- {
		}
	}
	more := int64(len(rows)) > limit
	if more {
		rows = rows[:limit]
	}
	if backward {
		slices.Reverse(rows)
	}
	list := listOf(url, rows...)
	list["has_more"] = more
	return list, nil
}

// pageCursor is the place in ids beside which a page lies; backward are the
// newer ones.
func pageCursor(p params, ids []string) (at int, backward bool, fault *apiError) {
	after, before := p.text("starting_after"), p.text("ending_before")
	name, id := "starting_after", after
	switch {
	case after != "" && before != "":
		return 0, false, invalidRequest("ending_before", "You cannot pass both starting_after and ending_before.")
	case before != "":
		name, id = "ending_before", before
	case after == "":
		return len(ids), false, nil
	}
	if at = slices.Index(ids, id); at < 0 {
		fault = missing("object", id, name)
		fault.status = 400
		return 0, false, fault
	}
	return at, before != "", nil
}

// withinRange checks a time against created=…, created[gte]=… and the like.
func withinRange(p params, name string, at int64) bool {
	if exact := p.text(name); exact != "" {
		return exact == strconv.FormatInt(at, 10)
	}
	bounds := p.tree(name)
	return at > bounds.integer("gt", at-1) && at >= bounds.integer("gte", at) &&
		at < bounds.integer("lt", at+1) && at <= bounds.integer("lte", at)
}
