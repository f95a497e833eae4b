package stripesim

// BillingPeriod is the period around a time of a price with that interval.
func BillingPeriod(interval string, count, anchor, at int64) (start, end int64) {
	r := recurring{Interval: interval, IntervalCount: count}
	p := r.around(newCycle(anchor), at)
	return p.Start, p.End
}
