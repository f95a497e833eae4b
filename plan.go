package payments

import (
	"fmt"
	"slices"
	"strings"
)

// FreePlan is the plan of a user without premium. No plan may have this id.
const FreePlan = "free"

// Plan is something a user can subscribe to.
type Plan struct {
	// ID names the plan in requests and answers, such as "premium".
	ID string
	// Name is for people. Empty: the id with a capital.
	Name string
	// Rank orders plans: of several subscriptions the highest rank counts.
	Rank int
	// Prices are the ids of the Stripe prices that grant the plan; the first
	// is the one sold where a request names no other.
	Prices []string
	// Features are given out with the plan as they are.
	Features map[string]any
	// TrialDays is the length of a new subscription's trial; 0: none.
	TrialDays int
	// NotPremium marks a plan that gives no premium access.
	NotPremium bool
}

// Plans is the catalog, indexed. Make it with [NewPlans].
type Plans struct {
	list    []Plan
	byID    map[string]int
	byPrice map[string]int
}

// NewPlans checks the catalog and indexes it. It returns ErrInvalid with every
// fault found: no id, the id "free", an id or a price given twice, no price.
func NewPlans(list []Plan) (Plans, error) {
	p := Plans{list: slices.Clone(list), byID: map[string]int{}, byPrice: map[string]int{}}
	var faults []FieldError
	fault := func(plan, format string, args ...any) {
		faults = append(faults, FieldError{Field: "plans." + plan, Message: fmt.Sprintf(format, args...)})
	}
	for i := range p.list {
		plan := &p.list[i]
		switch _, twice := p.byID[plan.ID]; {
		case plan.ID == "":
			fault("", "Plan %d has no id.", i+1)
		case plan.ID == FreePlan:
			fault(plan.ID, "A plan cannot be called %q: that is the plan of users without one.", FreePlan)
		case twice:
			fault(plan.ID, "The plan %q is there twice.", plan.ID)
		}
		if len(plan.Prices) == 0 {
			fault(plan.ID, "The plan %q has no price.", plan.ID)
		}
		for _, price := range plan.Prices {
			if other, twice := p.byPrice[price]; twice {
				fault(plan.ID, "The price %s stands for both %q and %q.", price, p.list[other].ID, plan.ID)
			}
			p.byPrice[price] = i
		}
		if plan.Name == "" && plan.ID != "" {
			plan.Name = strings.ToUpper(plan.ID[:1]) + plan.ID[1:]
		}
		p.byID[plan.ID] = i
	}
	if len(faults) > 0 {
		return Plans{}, invalid(faults...)
	}
	return p, nil
}

// All lists the plans by rank, lowest first.
func (p Plans) All() []Plan {
	list := slices.Clone(p.list)
	slices.SortStableFunc(list, func(a, b Plan) int { return a.Rank - b.Rank })
	return list
}

// ByID returns the plan of that id.
func (p Plans) ByID(id string) (Plan, bool) {
	i, ok := p.byID[id]
	if !ok {
		return Plan{}, false
	}
	return p.list[i], true
}

// ByPrice returns the plan that a Stripe price grants.
func (p Plans) ByPrice(price string) (Plan, bool) {
	i, ok := p.byPrice[price]
	if !ok {
		return Plan{}, false
	}
	return p.list[i], true
}

// rank of a plan; one that is no longer in the catalog is below all.
func (p Plans) rank(id string) int {
	if plan, ok := p.ByID(id); ok {
		return plan.Rank
	}
	return -1 << 31
}

// unknown is the error of a plan that does not exist, naming those that do.
func (p Plans) unknown(id string) *Error {
	var ids []string
	for _, plan := range p.All() {
		ids = append(ids, plan.ID)
	}
	message := fmt.Sprintf("There is no plan %q. The plans are: %s.", id, strings.Join(ids, ", "))
	return &Error{
		Kind: ErrInvalid, Code: CodePlanUnknown, Message: message,
		Fields: []FieldError{{Field: "plan", Message: message}},
	}
}

// pick chooses the item of a subscription that says its plan: of those whose
// price a plan names the one of the highest rank, else the first. An item with
// no plan leaves the plan id empty.
func (p Plans) pick(items []SubscriptionItem) (item SubscriptionItem, planID string) {
	for i, candidate := range items {
		plan, ok := p.ByPrice(candidate.Price)
		if i == 0 || ok && (planID == "" || plan.Rank > p.rank(planID)) {
			item = candidate
			if ok {
				planID = plan.ID
			}
		}
	}
	return item, planID
}

// Price is what a plan costs, as Stripe has it.
type Price struct {
	ID string `json:"id"`
	// Amount is in the currency's smallest unit; null where the price is
	// tiered or below one unit.
	Amount        *int64 `json:"amount"`
	Currency      string `json:"currency"`
	Interval      string `json:"interval"` // day, week, month or year
	IntervalCount int64  `json:"interval_count"`
}
