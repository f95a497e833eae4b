package stripesim

import "slices"

const testClockKind = "test_helpers.test_clock"

// testClock is a clock of its own for some customers and all that is theirs:
// their time stands still until somebody advances it. What happens on it is
// dated by it; webhooks, signatures and the Date header keep their own time.
type testClock struct {
	header
	Created       int64              `json:"created"`
	DeletesAfter  int64              `json:"deletes_after"`
	FrozenTime    int64              `json:"frozen_time"`
	Livemode      no                 `json:"livemode"`
	Name          text               `json:"name"`
	Status        string             `json:"status"`
	StatusDetails testClockAdvancing `json:"status_details"`

	private testClockPrivate
}

type testClockPrivate struct {
	// Reached is how far the work of an advance has come.
	Reached int64 `json:"reached,omitempty"`
}

type testClockAdvancing struct {
	Advancing *testClockTarget `json:"advancing,omitempty"`
}

type testClockTarget struct {
	TargetFrozenTime int64 `json:"target_frozen_time"`
}

func (*testClock) kind() string    { return testClockKind }
func (c *testClock) clone() object { changed := *c; return &changed }
func (c *testClock) hidden() any   { return &c.private }

func (c *testClock) indexes() []indexed { return []indexed{{"status", c.Status}} }

// due is when the clock is deleted, in the simulator's time.
func (c *testClock) due() int64 { return c.DeletesAfter }

// time is what the clock shows to the work of an advance, and to everybody else.
func (c *testClock) time() int64 { return max(c.FrozenTime, c.private.Reached) }

const (
	// testClockTime is how long a test clock lasts.
	testClockTime = 30 * day
	// maxClockCustomers is how many customers a test clock may have.
	maxClockCustomers = 3
	// maxClockIntervals bounds one advance, in periods of the shortest
	// subscription on the clock.
	maxClockIntervals = 2
	// maxClockYears bounds an advance of a clock without subscriptions.
	maxClockYears = 2
)

func testClockOperations() []operation {
	const path = "/v1/test_helpers/test_clocks"
	return []operation{
		{method: "POST", path: path, do: createTestClock, fields: shape{"frozen_time": aTime().must(), "name": aText().upTo(300)}},
		{method: "GET", path: path, do: listTestClocks, fields: pageFields(nil)},
		{method: "GET", path: path + "/{}", do: retrieve[*testClock]},
		{method: "DELETE", path: path + "/{}", do: deleteTestClock},
		{method: "POST", path: path + "/{}/advance", do: advanceTestClock, fields: shape{"frozen_time": aTime().must()}},
	}
}

func createTestClock(t *transaction, c call) (any, *apiError) {
	made := &testClock{
		header: header{ID: t.newID("clock_1", 23), Object: testClockKind}, Created: t.now, DeletesAfter: t.now + testClockTime,
		FrozenTime: c.integer("frozen_time", 0), Name: text(c.text("name")), Status: "ready",
	}
	t.create(made)
	t.emit("test_helpers.test_clock.created", made)
	return made, nil
}

func listTestClocks(t *transaction, c call) (any, *apiError) {
	return page[*testClock](t, "/v1/test_helpers/test_clocks", c, all[*testClock](t), nil)
}

// advanceTestClock begins an advance. The work is done after the answer; the
// clock is ready again when it is done.
func advanceTestClock(t *transaction, c call) (any, *apiError) {
	found, fault := one[*testClock](t, c)
	if fault != nil {
		return nil, fault
	}
	target := c.integer("frozen_time", 0)
	switch {
	case found.Status == "advancing":
		return nil, refused("", "The test clock is already advancing. Wait until its status is `ready`.")
	case found.Status != "ready":
		return nil, refused("", "The test clock has failed and cannot be advanced any more. Delete it and make another.")
	case target <= found.FrozenTime:
		return nil, invalid("frozen_time", "", "A test clock can be advanced to a later time only.")
	case target > t.longestAdvance(found):
		return nil, invalid("frozen_time", "", "A test clock can be advanced by at most two intervals of the shortest subscription on it, or by two years where there is none.")
	}
	clock := edit[*testClock](t, found.ID)
	clock.Status, clock.StatusDetails.Advancing = "advancing", &testClockTarget{target}
	t.emit("test_helpers.test_clock.advancing", clock)
	t.sim.nudgeClocks()
	return clock, nil
}

// longestAdvance is the latest time to which a clock may be advanced at once.
func (t *transaction) longestAdvance(c *testClock) int64 {
	var latest []int64
	for _, cus := range related[*customer](t, "test_clock", c.ID) {
		for _, s := range related[*subscription](t, "customer", cus.ID) {
			if s.ended() {
				continue
			}
			for _, item := range s.Items.Data {
				end := c.FrozenTime
				for range maxClockIntervals {
					end = item.Price.Recurring.next(end, c.FrozenTime)
				}
				latest = append(latest, end)
			}
		}
	}
	if len(latest) == 0 {
		years := recurring{Interval: "year", IntervalCount: maxClockYears}
		return years.next(c.FrozenTime, c.FrozenTime)
	}
	return slices.Min(latest)
}

// deleteTestClock deletes the clock's customers with it, which ends their
// subscriptions.
func deleteTestClock(t *transaction, c call) (any, *apiError) {
	found, fault := one[*testClock](t, c)
	if fault != nil {
		return nil, fault
	}
	t.endTestClock(found)
	return deletedObject{found.ID, testClockKind, true}, nil
}

func (t *transaction) endTestClock(c *testClock) {
	for _, cus := range related[*customer](t, "test_clock", c.ID) {
		if !cus.private.Deleted {
			t.enterClock(c.ID)
			t.endCustomer(cus.ID)
		}
	}
	t.leaveClock()
	t.emit("test_helpers.test_clock.deleted", c)
	t.remove(c)
}

// enterClock makes a transaction happen at the time of a test clock. Empty: at
// the simulator's.
func (t *transaction) enterClock(id string) {
	if id == "" || id == t.clock {
		return
	}
	if clock := get[*testClock](t, id); clock != nil {
		t.clock, t.now = id, clock.time()
	}
}

// leaveClock makes a transaction happen at the simulator's time again.
func (t *transaction) leaveClock() { t.clock, t.now = "", t.begun }

// isAdvancing says whether the test clock of a transaction is at work, so that
// no request may change what is on it.
func (t *transaction) isAdvancing() bool {
	if t.clock == "" {
		return false
	}
	clock := get[*testClock](t, t.clock)
	return clock != nil && clock.Status == "advancing"
}
