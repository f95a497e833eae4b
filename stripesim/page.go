package stripesim

import "slices"

const defaultPage = 10

// all are the rows of a kind in the order of their making.
func all[T object](t *transaction) []*row { return t.state.table(kindOf[T]()).rows }

// with are the rows of a kind that an index finds.
func with[T object](t *transaction, field, value string) []*row {
	return t.state.found(kindOf[T](), field, value)
}

// page answers a list: of the rows that are wanted, newest first, those that
// limit, starting_after and ending_before cut out.
func page[T object](t *transaction, url string, c call, rows []*row, wanted func(T) bool) (any, *apiError) {
	limit := int(c.integer("limit", defaultPage))
	after, before, fault := c.cursors()
	if fault != nil {
		return nil, fault
	}
	from, fault := cursor[T](t, rows, after, before)
	if fault != nil {
		return nil, fault
	}
	step := -1
	if before != "" {
		step = 1
	}
	var found []T
	for i := from; i >= 0 && i < len(rows) && len(found) <= limit; i += step {
		if o := rows[i].object.(T); wanted == nil || wanted(o) {
			found = append(found, o)
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

// cursor is where a page begins: at the newest row, or beside the one named.
func cursor[T object](t *transaction, rows []*row, after, before string) (int, *apiError) {
	if after == "" && before == "" {
		return len(rows) - 1, nil
	}
	param, id, step := "starting_after", after, -1
	if before != "" {
		param, id, step = "ending_before", before, 1
	}
	r := t.state.row(key{kindOf[T](), id})
	if r == nil {
		return 0, missing(kindOf[T](), id, param)
	}
	at, found := slices.BinarySearchFunc(rows, r.serial(), bySerial)
	if !found && step > 0 {
		return at, nil
	}
	if !found {
		return at - 1, nil
	}
	return at + step, nil
}
