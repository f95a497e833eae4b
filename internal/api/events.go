package api

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/numerai-app/payments"
)

func (s *server) registerEvents() {
	const path = "admin/events"
	registerAdmin(s, huma.Operation{
		OperationID: "list-events", Method: http.MethodGet, Path: path,
		Summary: "The audit trail of Stripe's events, newest received first", Errors: []int{400, 401, 403, 500, 503},
	}, s.events)
	registerAdmin(s, huma.Operation{
		OperationID: "get-event", Method: http.MethodGet, Path: path + "/{id}",
		Summary: "One event with its payload", Errors: []int{401, 403, 404, 500, 503},
	}, s.event)
	registerAdmin(s, huma.Operation{
		OperationID: "replay-event", Method: http.MethodPost, Path: path + "/{id}/replay",
		Summary:     "Apply an event again, or say what that would change",
		Description: "It is applied soon, not before the answer, whatever its status. What is stored already does not change by it.",
		Errors:      []int{400, 401, 403, 404, 413, 415, 500, 503},
	}, s.replayEvent)
	registerAdmin(s, huma.Operation{
		OperationID: "replay-events", Method: http.MethodPost, Path: path + "/replay",
		Summary: "Apply again what a filter selects, or say what that would change",
		Description: "Newest received first, up to 100 events at a time; next goes on. All of a page are replayed, or, with an error, none. " +
			"At least one of status, type, since and until is needed.",
		Errors: []int{400, 401, 403, 413, 415, 500, 503},
	}, s.replayEvents)
}

// EventView is payments.Event, described.
type EventView struct {
	ID         string               `json:"id" doc:"Stripe's." example:"evt_…"`
	Type       string               `json:"type" example:"invoice.paid"`
	APIVersion string               `json:"api_version" doc:"The version of Stripe's API whose shape it has."`
	Livemode   bool                 `json:"livemode"`
	Account    *string              `json:"account" doc:"The connected account that it is of; null for our own."`
	Object     *string              `json:"object" doc:"What it is about." example:"invoice"`
	ObjectID   *string              `json:"object_id" example:"in_…"`
	CustomerID *string              `json:"customer_id" example:"cus_…"`
	Created    time.Time            `json:"created" doc:"Stripe's time of it."`
	ReceivedAt time.Time            `json:"received_at"`
	Status     payments.EventStatus `json:"status" enum:"pending,processed,ignored,failed"`
	Reason     *string              `json:"reason" doc:"Why it is ignored, or what it waits for."`
	WaitsFor   *string              `json:"waits_for" doc:"The id of the object that would tell whose it is."`
	Attempts   int                  `json:"attempts" doc:"How often it was tried."`
	Error      *string              `json:"error" doc:"What went wrong at the last try; null where nothing did."`
	Processed  *time.Time           `json:"processed_at"`
	Source     payments.EventSource `json:"source" enum:"webhook,poll,replay" doc:"How it arrived, or that it was replayed since."`
}

func viewOfEvent(e payments.Event) EventView {
	return EventView{
		ID: e.ID, Type: e.Type, APIVersion: e.APIVersion, Livemode: e.Livemode, Account: orNull(e.Account),
		Object: orNull(string(e.ObjectKind)), ObjectID: orNull(e.ObjectID), CustomerID: orNull(e.CustomerID),
		Created: e.Created, ReceivedAt: e.ReceivedAt, Status: e.Status, Reason: orNull(e.Reason), WaitsFor: orNull(e.WaitsFor),
		Attempts: e.Attempts, Error: orNull(e.Error), Processed: e.ProcessedAt, Source: e.Source,
	}
}

// EventPath is the part of a path that names an event.
type EventPath struct {
	ID string `path:"id" maxLength:"255" doc:"The event's id."`
}

type eventsInput struct {
	Status string    `query:"status" enum:"pending,processed,ignored,failed" doc:"Only those with this status."`
	Type   string    `query:"type" maxLength:"100" doc:"Only those of this type." example:"invoice.paid"`
	Since  time.Time `query:"since" doc:"Only those received from this time on."`
	Until  time.Time `query:"until" doc:"Only those received before this time."`
	Before string    `query:"before" maxLength:"255" doc:"Only those received before this event: next of a page gives the next page."`
	Limit  int       `query:"limit" minimum:"1" maximum:"1000" default:"50"`
}

type eventsOutput struct {
	Body struct {
		Results []EventView `json:"results" nullable:"false"`
		Next    *string     `json:"next" doc:"With it as before comes the next page; null: there is none."`
	}
}

func (s *server) events(ctx context.Context, in *eventsInput) (*eventsOutput, error) {
	list, err := s.Service.Events(ctx, payments.EventFilter{
		Status: payments.EventStatus(in.Status), Type: in.Type, Since: in.Since, Until: in.Until, Before: in.Before, Limit: in.Limit,
	})
	if err != nil {
		return nil, err
	}
	out := new(eventsOutput)
	out.Body.Results = []EventView{}
	for _, event := range list {
		out.Body.Results = append(out.Body.Results, viewOfEvent(event))
	}
	if len(list) == in.Limit {
		out.Body.Next = &list[len(list)-1].ID
	}
	return out, nil
}

// eventPayload is the body of an event, which goes into the answer as it is.
type eventPayload json.RawMessage

// MarshalJSON is the body itself.
func (p eventPayload) MarshalJSON() ([]byte, error) { return json.RawMessage(p).MarshalJSON() }

// Schema says that a payload is an object of Stripe's.
func (eventPayload) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{
		Type: "object", Nullable: true, AdditionalProperties: true,
		Description: "The event as Stripe sent it; null where it was pruned.",
	}
}

// wholeEventView is an event with its payload.
type wholeEventView struct {
	EventView

	Payload eventPayload `json:"payload"`
}

type eventOutput struct{ Body wholeEventView }

func (s *server) event(ctx context.Context, in *EventPath) (*eventOutput, error) {
	event, err := s.Service.Event(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	return &eventOutput{wholeEventView{viewOfEvent(event), event.Payload}}, nil
}
