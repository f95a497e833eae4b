package stripesim

import (
	"slices"
	"sort"
)

const defaultPage = 10

// all are the rows of a kind in the order of their making.
func all[T object](t *transaction) []*row { return t.state.table(kindOf[T]()).rows }

// with are the rows of a kind that an index finds.
func with[T object](t *transaction, field, value string) []*row {
	return t.state.found(kindOf[T](), field, value)
}

// page answers a list of the rows that are wanted.
func page[T object](t *transaction, url string, c call, rows []*row, wanted func(T) bool) (any, *apiError) {
	at := func(i int) T { return rows[i].object.(T) }
	return pageOf(t, url, c, sequence[T]{
		length: len(rows), serial: func(i int) int64 { return rows[i].serial() }, at: at,
		wanted: func(i int) bool { return wanted == nil || wanted(at(i)) },
	})
}

// sequence is what a list may show: objects in the order of their making.
type sequence[T object] struct {
	length int
	serial func(i int) int64
	at     func(i int) T
	wanted func(i int) bool
}

// pageOf answers a list: of what is wanted, newest first, that which limit,
// starting_after and ending_before cut out.
func pageOf[T object](t *transaction, url string, c call, s sequence[T]) (any, *apiError) {
	limit := int(c.integer("limit", defaultPage))
	after, before, fault := c.cursors()
	if fault != nil {
		return nil, fault
	}
	from, fault := s.cursor(t, after, before)
	if fault != nil {
		return nil, fault
	}
	step := -1
	if before != "" {
		step = 1
	}
	var found []T
	for i := from; i >= 0 && i < s.length && len(found) <= limit; i += step {
		if s.wanted(i) {
			found = append(found, s.at(i))
		}
	}
	more := len(found) > limit
	if more {
		found = found[:limit]
	}
	if before != "" {
		slices.Reverse(found)
	}
	answer := listOf(url, found)
	answer.HasMore = more
	return answer, nil
}

// cursors are the ids beside which a page is, one of them at most.
func (c call) cursors() (after, before string, fault *apiError) {
	after, before = c.text("starting_after"), c.text("ending_before")
	if after != "" && before != "" {
		fault = invalid("ending_before", "parameters_exclusive", "Received both ending_before and starting_after parameters. Please pass in only one.")
	}
	return after, before, fault
}

// pageOfParts answers a list of what an object is made of, in its own order.
func pageOfParts[T any](url, kind string, c call, parts []T, id func(T) string) (any, *apiError) {
	limit := int(c.integer("limit", defaultPage))
	after, before, fault := c.cursors()
	if fault != nil {
		return nil, fault
	}
	find := func(wanted, param string) (int, *apiError) {
		at := slices.IndexFunc(parts, func(part T) bool { return id(part) == wanted })
		if at < 0 {
			return 0, missing(kind, wanted, param)
		}
		return at, nil
	}
	from, to := 0, len(parts)
	if after != "" {
		if from, fault = find(after, "starting_after"); fault != nil {
			return nil, fault
		}
		from++
	}
	if before != "" {
		if to, fault = find(before, "ending_before"); fault != nil {
			return nil, fault
		}
		from = max(to-limit, 0)
	}
	answer := listOf(url, parts[from:min(from+limit, to)])
	answer.HasMore = to-from > limit || before != "" && from > 0
	return answer, nil
}

// cursor is where a page begins: at the newest, or beside the one named.
func (s sequence[T]) cursor(t *transaction, after, before string) (int, *apiError) {
	if after == "" && before == "" {
		return s.length - 1, nil
	}
	param, id, step := "starting_after", after, -1
	if before != "" {
		param, id, step = "ending_before", before, 1
	}
	r := t.state.row(key{kindOf[T](), id})
	if r == nil {
		return 0, missing(kindOf[T](), id, param)
	}
	serial := r.serial()
	at := sort.Search(s.length, func(i int) bool { return s.serial(i) >= serial })
	found := at < s.length && s.serial(at) == serial
	if !found && step > 0 {
		return at, nil // the next one is where it would be
	}
	return at + step, nil
}
