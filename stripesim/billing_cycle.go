package stripesim

import "time"

// cycle is what the periods of a subscription are counted from: all of them
// begin a whole number of intervals before or after the anchor.
type cycle struct {
	anchor int64
	// day is the day of the month that is meant; a month that is too short for
	// it has the boundary on its last day.
	day int
}

func newCycle(anchor int64) cycle { return cycle{anchor, time.Unix(anchor, 0).UTC().Day()} }

// boundary is the anchor moved by that many intervals. It is always counted
// from the anchor, so that 31 January leads over 28 February to 31 March.
func (r *recurring) boundary(c cycle, intervals int64) int64 {
	at, steps := time.Unix(c.anchor, 0).UTC(), int(intervals*r.IntervalCount)
	switch r.Interval {
	case "day":
		return at.AddDate(0, 0, steps).Unix()
	case "week":
		return at.AddDate(0, 0, 7*steps).Unix()
	case "year":
		steps *= 12
	}
	first := time.Date(at.Year(), at.Month()+time.Month(steps), 1, at.Hour(), at.Minute(), at.Second(), 0, time.UTC)
	last := first.AddDate(0, 1, -1).Day()
	return first.AddDate(0, 0, min(c.day, last)-1).Unix()
}

// shortest is a length that no interval is shorter than.
var shortest = map[string]int64{"day": day, "week": 7 * day, "month": 28 * day, "year": 365 * day}

// around is the period between two boundaries that a time is in.
func (r *recurring) around(c cycle, at int64) period {
	intervals := (at - c.anchor) / (shortest[r.Interval] * r.IntervalCount)
	for r.boundary(c, intervals) > at {
		intervals--
	}
	for r.boundary(c, intervals+1) <= at {
		intervals++
	}
	return period{Start: r.boundary(c, intervals), End: r.boundary(c, intervals+1)}
}

// next is the first boundary after a time.
func (r *recurring) next(at, anchor int64) int64 { return r.around(newCycle(anchor), at).End }

func (r *recurring) sameAs(other *recurring) bool {
	return r.Interval == other.Interval && r.IntervalCount == other.IntervalCount
}

// cycle is what the periods of the subscription are counted from.
func (s *subscription) cycle() cycle {
	c := newCycle(s.BillingCycleAnchor)
	if s.BillingCycleAnchorConfig != nil {
		c.day = max(c.day, int(s.BillingCycleAnchorConfig.DayOfMonth))
	}
	return c
}

// period is the one that all items share: where their intervals differ, it
// begins with the last of them and ends with the first.
func (s *subscription) period() period {
	if len(s.Items.Data) == 0 {
		return period{}
	}
	shared := s.Items.Data[0].period()
	for _, item := range s.Items.Data[1:] {
		shared.Start = max(shared.Start, item.CurrentPeriodStart)
		shared.End = min(shared.End, item.CurrentPeriodEnd)
	}
	return shared
}

// lastPeriodEnd is when the longest present period ends.
func (s *subscription) lastPeriodEnd() int64 {
	end := int64(0)
	for _, item := range s.Items.Data {
		end = max(end, item.CurrentPeriodEnd)
	}
	return end
}

func (i subscriptionItem) period() period { return period{i.CurrentPeriodEnd, i.CurrentPeriodStart} }

// setPeriod gives all items the same period.
func (s *subscription) setPeriod(p period) {
	items := cloneItems(s)
	for i := range items {
		items[i].CurrentPeriodStart, items[i].CurrentPeriodEnd = p.Start, p.End
	}
	s.Items.Data = items
}

// beginPeriods gives all items the period that begins at a time.
func (s *subscription) beginPeriods(at int64) {
	items := cloneItems(s)
	for i := range items {
		items[i].CurrentPeriodStart, items[i].CurrentPeriodEnd = at, s.periodEnd(items[i].Price.Recurring, at)
	}
	s.Items.Data = items
}

// restartCycle makes a time the anchor, and begins all periods there.
func (s *subscription) restartCycle(at int64) {
	s.BillingCycleAnchor, s.BillingCycleAnchorConfig = at, nil
	s.beginPeriods(at)
}

// inTrial says whether the present period is a trial, also where something that
// was owed before it was not paid meanwhile: then the status is past_due.
func (s *subscription) inTrial() bool {
	return s.Status == "trialing" || s.TrialEnd > 0 && s.period().End == int64(s.TrialEnd)
}

// periodFor is the present period of an item that joins: the one of an item
// with the same interval, else what is left until the next boundary.
func (s *subscription) periodFor(r *recurring, at int64) period {
	if len(s.Items.Data) > 0 && s.inTrial() {
		return s.period()
	}
	for _, item := range s.Items.Data {
		if item.Price.Recurring.sameAs(r) {
			return item.period()
		}
	}
	return period{Start: at, End: s.periodEnd(r, at)}
}

// renewItems begins the next period of the items whose period is over, and
// returns them with the period that is over.
func (s *subscription) renewItems(at int64) (renewed []subscriptionItem, over period) {
	items := cloneItems(s)
	for i := range items {
		item := &items[i]
		if item.CurrentPeriodEnd > at {
			continue
		}
		over.Start, over.End = max(over.Start, item.CurrentPeriodStart), max(over.End, item.CurrentPeriodEnd)
		item.CurrentPeriodStart, item.CurrentPeriodEnd = item.CurrentPeriodEnd, s.periodEnd(item.Price.Recurring, item.CurrentPeriodEnd)
		renewed = append(renewed, *item)
	}
	s.Items.Data = items
	return renewed, over
}
