package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
)

func (s *server) registerCatalog() {
	registerOpen(s, huma.Operation{
		OperationID: "plans", Method: http.MethodGet, Path: Prefix + "plans",
		Summary: "The plans and what they cost", Description: "Needs no token.", Errors: []int{500, 503},
	}, s.plans)
	registerOpen(s, huma.Operation{
		OperationID: "config", Method: http.MethodGet, Path: Prefix + "config",
		Summary: "What a front end needs to speak with Stripe", Description: "Needs no token.", Errors: []int{500},
	}, s.config)
}

type planView struct {
	ID        string         `json:"id" example:"premium"`
	Name      string         `json:"name" doc:"For people." example:"Premium"`
	Rank      int            `json:"rank" doc:"Higher is more."`
	Features  map[string]any `json:"features" nullable:"false" doc:"What the plan gives, by name: true, a number or a text."`
	TrialDays int            `json:"trial_days" doc:"The length of the trial; 0 is none."`
	Prices    []priceView    `json:"prices" nullable:"false" doc:"The first is the one sold where none is named."`
}

// priceView is payments.Price, described.
type priceView struct {
	ID            string `json:"id" doc:"Stripe's id." example:"price_1N…"`
	Amount        *int64 `json:"amount" doc:"In the currency's smallest unit; null where the price is tiered or below one unit." example:"1999"`
	Currency      string `json:"currency" doc:"ISO 4217, lower case." example:"usd"`
	Interval      string `json:"interval" enum:"day,week,month,year" doc:"How often it is paid, with interval_count."`
	IntervalCount int64  `json:"interval_count" example:"1"`
}

type plansOutput struct {
	Body struct {
		Results []planView `json:"results" nullable:"false"`
	}
}

func (s *server) plans(ctx context.Context, _ *struct{}) (*plansOutput, error) {
	plans, err := s.Service.PricedPlans(ctx)
	if err != nil {
		return nil, err
	}
	out := new(plansOutput)
	out.Body.Results = []planView{}
	for _, plan := range plans {
		view := planView{ID: plan.ID, Name: plan.Name, Rank: plan.Rank, Features: plan.Features, TrialDays: plan.TrialDays, Prices: []priceView{}}
		if view.Features == nil {
			view.Features = map[string]any{}
		}
		for _, price := range plan.Prices {
			view.Prices = append(view.Prices, priceView(price))
		}
		out.Body.Results = append(out.Body.Results, view)
	}
	return out, nil
}

type configOutput struct {
	Body struct {
		PublishableKey string `json:"publishable_key" example:"pk_test_…"`
	}
}

func (s *server) config(context.Context, *struct{}) (*configOutput, error) {
	out := new(configOutput)
	out.Body.PublishableKey = s.PublishableKey
	return out, nil
}
