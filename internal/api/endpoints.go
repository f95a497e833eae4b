package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/numerai-app/payments"
)

func (s *server) registerEndpoints() {
	const path = "admin/endpoints"
	registerAdmin(s, huma.Operation{
		OperationID: "list-endpoints", Method: http.MethodGet, Path: path,
		Summary: "Where outbound events go", Errors: []int{401, 403, 500, 503},
	}, s.endpoints)
	registerAdmin(s, huma.Operation{
		OperationID: "create-endpoint", Method: http.MethodPost, Path: path, DefaultStatus: http.StatusCreated,
		Summary:     "Make an endpoint",
		Description: "It hears what happens from now on. Its secret is shown here and never again.",
		Errors:      []int{400, 401, 403, 409, 413, 415, 500, 503},
	}, s.createEndpoint)
	registerAdmin(s, huma.Operation{
		OperationID: "get-endpoint", Method: http.MethodGet, Path: path + "/{id}",
		Summary: "One endpoint", Errors: []int{401, 403, 404, 500, 503},
	}, s.endpoint)
	registerAdmin(s, huma.Operation{
		OperationID: "update-endpoint", Method: http.MethodPatch, Path: path + "/{id}",
		Summary:     "Change an endpoint",
		Description: "What is not named stays. Enabling an endpoint forgets its failures.",
		Errors:      []int{400, 401, 403, 404, 413, 415, 500, 503},
	}, s.updateEndpoint)
	registerAdmin(s, huma.Operation{
		OperationID: "delete-endpoint", Method: http.MethodDelete, Path: path + "/{id}", DefaultStatus: http.StatusNoContent,
		Summary: "Delete an endpoint and the record of its deliveries", Errors: []int{401, 403, 404, 500, 503},
	}, s.deleteEndpoint)
	registerAdmin(s, huma.Operation{
		OperationID: "rotate-endpoint", Method: http.MethodPost, Path: path + "/{id}/rotate",
		Summary:     "Give an endpoint a new secret",
		Description: "It is shown here and never again. The old one signs beside it for a while.",
		Errors:      []int{400, 401, 403, 404, 413, 415, 500, 503},
	}, s.rotateEndpoint)
	registerAdmin(s, huma.Operation{
		OperationID: "list-deliveries", Method: http.MethodGet, Path: path + "/{id}/deliveries",
		Summary: "How far each event has come on its way to an endpoint, newest event first",
		Errors:  []int{400, 401, 403, 404, 500, 503},
	}, s.deliveries)
	registerAdmin(s, huma.Operation{
		OperationID: "replay-deliveries", Method: http.MethodPost, Path: path + "/{id}/replay",
		Summary:     "Deliver again: one event, or all that was given up",
		Description: "One event goes again whatever became of it, also to an endpoint that was not there at the time.",
		Errors:      []int{400, 401, 403, 404, 409, 413, 415, 500, 503},
	}, s.replayDeliveries)
}

// EndpointView is payments.Endpoint, described.
type EndpointView struct {
	ID                  string                  `json:"id" doc:"Our id." example:"pep_…"`
	URL                 string                  `json:"url" example:"https://app.example.com/hooks/payments"`
	Description         string                  `json:"description"`
	Types               []payments.OutboundType `json:"types" nullable:"false" doc:"The kinds of events that it hears; empty: all."`
	Enabled             bool                    `json:"enabled"`
	DisabledAt          *time.Time              `json:"disabled_at"`
	DisabledReason      string                  `json:"disabled_reason" doc:"Empty while it is enabled."`
	PreviousSecretUntil *time.Time              `json:"previous_secret_until" doc:"Until then the previous secret signs too."`
	Failures            int                     `json:"failures" doc:"Attempts that failed since the last that did not."`
	FailingSince        *time.Time              `json:"failing_since"`
	RestsUntil          *time.Time              `json:"rests_until" doc:"When it is tried again, after several failures."`
	CreatedAt           time.Time               `json:"created_at"`
	UpdatedAt           time.Time               `json:"updated_at"`
}

func viewOfEndpoint(e payments.Endpoint) EndpointView {
	return EndpointView{
		ID: e.ID, URL: e.URL, Description: e.Description, Types: e.Types, Enabled: e.DisabledAt == nil,
		DisabledAt: e.DisabledAt, DisabledReason: e.DisabledReason, PreviousSecretUntil: e.PreviousSecretUntil,
		Failures: e.Failures, FailingSince: e.FailingSince, RestsUntil: e.RestsUntil, CreatedAt: e.CreatedAt, UpdatedAt: e.UpdatedAt,
	}
}

// secretEndpointView is an endpoint with its secret.
type secretEndpointView struct {
	EndpointView

	Secret string `json:"secret" doc:"With it the host checks what it hears, as Standard Webhooks has it." example:"whsec_…"`
}

// EndpointPath is the part of a path that names an endpoint.
type EndpointPath struct {
	ID string `path:"id" maxLength:"100" doc:"The endpoint's id."`
}

type endpointOutput struct{ Body EndpointView }

type secretEndpointOutput struct{ Body secretEndpointView }

func endpointAnswer(e payments.Endpoint, err error) (*endpointOutput, error) {
	if err != nil {
		return nil, err
	}
	return &endpointOutput{viewOfEndpoint(e)}, nil
}

func secretEndpointAnswer(e payments.Endpoint, err error) (*secretEndpointOutput, error) {
	if err != nil {
		return nil, err
	}
	return &secretEndpointOutput{secretEndpointView{viewOfEndpoint(e), e.Secret}}, nil
}

type endpointsOutput struct {
	Body struct {
		Results []EndpointView `json:"results" nullable:"false" doc:"Oldest first."`
	}
}

func (s *server) endpoints(ctx context.Context, _ *struct{}) (*endpointsOutput, error) {
	list, err := s.Service.Endpoints(ctx)
	if err != nil {
		return nil, err
	}
	out := new(endpointsOutput)
	out.Body.Results = []EndpointView{}
	for _, endpoint := range list {
		out.Body.Results = append(out.Body.Results, viewOfEndpoint(endpoint))
	}
	return out, nil
}

type createEndpointInput struct {
	Body struct {
		URL         string                  `json:"url" minLength:"1" maxLength:"2000" doc:"Where events are posted to: http or https." example:"https://app.example.com/hooks/payments"`
		Description string                  `json:"description,omitempty" maxLength:"500" doc:"For people."`
		Types       []payments.OutboundType `json:"types,omitempty" nullable:"true" maxItems:"20" doc:"The kinds of events to hear; none: all." example:"[\"premium.changed\"]"`
	}
}

func (s *server) createEndpoint(ctx context.Context, in *createEndpointInput) (*secretEndpointOutput, error) {
	return secretEndpointAnswer(s.Service.CreateEndpoint(ctx, payments.CreateEndpointParams{
		URL: in.Body.URL, Description: in.Body.Description, Types: in.Body.Types,
	}))
}

func (s *server) endpoint(ctx context.Context, in *EndpointPath) (*endpointOutput, error) {
	return endpointAnswer(s.Service.Endpoint(ctx, in.ID))
}

type updateEndpointInput struct {
	EndpointPath

	Body struct {
		URL         *string                  `json:"url,omitempty" minLength:"1" maxLength:"2000"`
		Description *string                  `json:"description,omitempty" maxLength:"500"`
		Types       *[]payments.OutboundType `json:"types,omitempty" maxItems:"20" doc:"Empty: all."`
		Enabled     *bool                    `json:"enabled,omitempty"`
	}
}

func (s *server) updateEndpoint(ctx context.Context, in *updateEndpointInput) (*endpointOutput, error) {
	return endpointAnswer(s.Service.UpdateEndpoint(ctx, in.ID, payments.UpdateEndpointParams{
		URL: in.Body.URL, Description: in.Body.Description, Types: in.Body.Types, Enabled: in.Body.Enabled,
	}))
}

func (s *server) deleteEndpoint(ctx context.Context, in *EndpointPath) (*struct{}, error) {
	return nil, s.Service.DeleteEndpoint(ctx, in.ID)
}

// defaultOverlap is how many hours the old secret stays good where nobody says.
const defaultOverlap = 24

type rotateEndpointInput struct {
	EndpointPath

	Body struct {
		OverlapHours *int `json:"overlap_hours,omitempty" minimum:"0" maximum:"168" doc:"How long the old secret signs beside the new one; 24 where it is not said." example:"24"`
	} `required:"false"`
}

func (s *server) rotateEndpoint(ctx context.Context, in *rotateEndpointInput) (*secretEndpointOutput, error) {
	hours := defaultOverlap
	if in.Body.OverlapHours != nil {
		hours = *in.Body.OverlapHours
	}
	return secretEndpointAnswer(s.Service.RotateEndpointSecret(ctx, in.ID, time.Duration(hours)*time.Hour))
}

type deliveriesInput struct {
	EndpointPath

	Status string `query:"status" enum:"pending,delivered,failed" doc:"Only those with this status."`
	Before string `query:"before" maxLength:"100" doc:"Only those of events before this one: the last event_id of a page gives the next page."`
	Limit  int    `query:"limit" minimum:"1" maximum:"1000" default:"50"`
}

// deliveryView is payments.Delivery, described.
type deliveryView struct {
	EndpointID     string                  `json:"endpoint_id"`
	EventID        string                  `json:"event_id" doc:"The webhook-id that the host hears." example:"pevt_…"`
	Type           payments.OutboundType   `json:"type" example:"premium.changed"`
	Status         payments.DeliveryStatus `json:"status" enum:"pending,delivered,failed"`
	Attempts       int                     `json:"attempts" doc:"Since it was made, or replayed."`
	ResponseStatus *int                    `json:"response_status" doc:"The HTTP status of the last answer; null where none came."`
	Error          string                  `json:"error" doc:"Why the last attempt failed; empty where it did not."`
	NextAttemptAt  *time.Time              `json:"next_attempt_at"`
	AttemptedAt    *time.Time              `json:"attempted_at"`
	CreatedAt      time.Time               `json:"created_at"`
}

type deliveriesOutput struct {
	Body struct {
		Results []deliveryView `json:"results" nullable:"false"`
	}
}

func (s *server) deliveries(ctx context.Context, in *deliveriesInput) (*deliveriesOutput, error) {
	list, err := s.Service.Deliveries(ctx, payments.DeliveryFilter{
		EndpointID: in.ID, Status: payments.DeliveryStatus(in.Status), Before: in.Before, Limit: in.Limit,
	})
	if err != nil {
		return nil, err
	}
	out := new(deliveriesOutput)
	out.Body.Results = []deliveryView{}
	for _, d := range list {
		view := deliveryView{
			EndpointID: d.EndpointID, EventID: d.EventID, Type: d.Type, Status: d.Status, Attempts: d.Attempts, Error: d.Error,
			NextAttemptAt: d.NextAttemptAt, AttemptedAt: d.AttemptedAt, CreatedAt: d.CreatedAt,
		}
		if d.ResponseStatus != 0 {
			view.ResponseStatus = &d.ResponseStatus
		}
		out.Body.Results = append(out.Body.Results, view)
	}
	return out, nil
}

type replayDeliveriesInput struct {
	EndpointPath

	Body struct {
		EventID     string     `json:"event_id,omitempty" maxLength:"100" doc:"This event." example:"pevt_…"`
		FailedSince *time.Time `json:"failed_since,omitempty" doc:"Or all that failed and was made since then."`
	}
}

type replayDeliveriesOutput struct {
	Body struct {
		Replayed int `json:"replayed" doc:"How many deliveries are on their way again."`
	}
}

func (s *server) replayDeliveries(ctx context.Context, in *replayDeliveriesInput) (*replayDeliveriesOutput, error) {
	replayed, err := s.Service.Replay(ctx, in.ID, payments.ReplayParams{EventID: in.Body.EventID, FailedSince: in.Body.FailedSince})
	if err != nil {
		return nil, err
	}
	out := new(replayDeliveriesOutput)
	out.Body.Replayed = replayed
	return out, nil
}
