package stripesim

import "slices"

const defaultPage = 10

// all are the rows of a kind in the order of their making.
func all[T object](t *transaction) []*row { return t.state.table(kindOf[T]()).rows }

// with are the rows of a kind that an index finds.
func with[T object](t *transaction, field, value string) []*row {
	return t.state.indexes[indexKey{kindOf[T](), field, value}]
}

// page answers a list: of the rows that are wanted, newest first, those that
// limit, starting_after and ending_before cut out.
func page[T object](t *transaction, url string, c call, rows []*row, wanted func(T) bool) (any, *apiError) {
	limit := int(c.integer("limit", defaultPage))
	after, before := c.text("starting_after"), c.text("ending_before")
	if after != "" && before != "" {
		return nil, invalid("ending_before", "parameters_exclusive", "Received both ending_before and starting_after parameters. Please pass in only one.")
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
	at, found := slices.BinarySearchFunc(rows, r.serial, bySerial)
	if !found && step > 0 {
		return at, nil
	}
	if !found {
		return at - 1, nil
	}
	return at + step, nil
}
