package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/numerai-app/payments"
)

func (s *server) registerCatalog() {
	registerOpen(s, huma.Operation{
		OperationID: "plans", Method: http.MethodGet, Path: Prefix + "plans",
		Summary: "The plans and what they cost", Errors: []int{500, 503},
	}, s.plans)
	registerOpen(s, huma.Operation{
		OperationID: "config", Method: http.MethodGet, Path: Prefix + "config",
		Summary: "What a front end needs to speak with Stripe", Errors: []int{500},
	}, s.config)
}

type planView struct {
	ID        string           `json:"id"`
	Name      string           `json:"name"`
	Rank      int              `json:"rank" doc:"Higher is more."`
	Features  map[string]any   `json:"features" nullable:"false"`
	TrialDays int              `json:"trial_days"`
	Prices    []payments.Price `json:"prices" nullable:"false"`
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
		view := planView{ID: plan.ID, Name: plan.Name, Rank: plan.Rank, Features: plan.Features, TrialDays: plan.TrialDays, Prices: plan.Prices}
		if view.Features == nil {
			view.Features = map[string]any{}
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
