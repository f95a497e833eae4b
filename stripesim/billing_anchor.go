package stripesim

import (
	"fmt"
	"time"
)

// anchorConfig says at which day and time periods begin.
type anchorConfig struct {
	DayOfMonth int64  `json:"day_of_month"`
	Hour       *int64 `json:"hour"`
	Minute     *int64 `json:"minute"`
	Month      *int64 `json:"month"`
	Second     *int64 `json:"second"`
}

func anchorConfigFields() field {
	return aHash(shape{
		"day_of_month": anInteger(1, 31).must(), "hour": anInteger(0, 23), "minute": anInteger(0, 59), "month": anInteger(1, 12), "second": anInteger(0, 59),
	})
}

// readAnchor is the anchor that a new subscription is asked to have, whose
// items are known. Zero: none.
func (s *subscription) readAnchor(t *transaction, c call, trialEnd int64) (int64, *apiError) {
	if c.has("billing_cycle_anchor") && c.has("billing_cycle_anchor_config") {
		return 0, invalid("billing_cycle_anchor_config", "parameters_exclusive", "You may only specify one of these parameters: billing_cycle_anchor, billing_cycle_anchor_config.")
	}
	start, anchor := max(t.now, trialEnd), c.integer("billing_cycle_anchor", 0)
	if given := c.form.form("billing_cycle_anchor_config"); given != nil {
		s.BillingCycleAnchorConfig = readAnchorConfig(given)
		anchor = s.BillingCycleAnchorConfig.after(start)
	}
	switch {
	case anchor == 0:
		return 0, nil
	case anchor < t.now:
		return 0, invalid("billing_cycle_anchor", "", "billing_cycle_anchor cannot be in the past.")
	case anchor < trialEnd:
		return 0, invalid("billing_cycle_anchor", "", "billing_cycle_anchor cannot be before the end of the trial.")
	}
	for _, item := range s.Items.Data {
		if natural := item.Price.Recurring.next(start, start); anchor > natural {
			return 0, invalid("billing_cycle_anchor", "", fmt.Sprintf("billing_cycle_anchor cannot be later than next natural billing date (%d) for plan", natural))
		}
	}
	return anchor, nil
}

func readAnchorConfig(f form) *anchorConfig {
	part := func(name string) *int64 {
		if !f.has(name) {
			return nil
		}
		value := f.integer(name, 0)
		return &value
	}
	return &anchorConfig{f.integer("day_of_month", 1), part("hour"), part("minute"), part("month"), part("second")}
}

// after is the first time after another that is as the configuration says.
// What it does not say of the time of day is as in the other.
func (a *anchorConfig) after(start int64) int64 {
	at := time.Unix(start, 0).UTC()
	or := func(part *int64, fallback int) int {
		if part == nil {
			return fallback
		}
		return int(*part)
	}
	for months := 0; ; months++ {
		first := time.Date(at.Year(), at.Month()+time.Month(months), 1, or(a.Hour, at.Hour()), or(a.Minute, at.Minute()), or(a.Second, at.Second()), 0, time.UTC)
		last := first.AddDate(0, 1, -1).Day()
		found := first.AddDate(0, 0, min(int(a.DayOfMonth), last)-1)
		if found.Unix() > start && (a.Month == nil || int64(found.Month()) == *a.Month) {
			return found.Unix()
		}
	}
}
