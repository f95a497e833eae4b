package api

import (
	"context"
	"encoding/json"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/numerai-app/payments"
)

type replayEventInput struct {
	EventPath

	Body struct {
		DryRun bool `json:"dry_run,omitempty" doc:"Only say what would change."`
	} `required:"false"`
}

type replayEventsInput struct {
	Body struct {
		Status payments.EventStatus `json:"status,omitempty" enum:"pending,processed,ignored,failed" doc:"Only those with this status." example:"failed"`
		Type   string               `json:"type,omitempty" maxLength:"100" doc:"Only those of this type." example:"invoice.paid"`
		Since  time.Time            `json:"since,omitempty" doc:"Only those received from this time on."`
		Until  time.Time            `json:"until,omitempty" doc:"Only those received before this time."`
		Before string               `json:"before,omitempty" maxLength:"255" doc:"Only those received before this event: next of an answer goes on."`
		Limit  int                  `json:"limit,omitempty" minimum:"1" maximum:"100" default:"50"`
		DryRun bool                 `json:"dry_run,omitempty" doc:"Only say what would change."`
	}
}

// replayView is what a replay did or would do.
type replayView struct {
	Event  EventView   `json:"event" doc:"As it waits to be applied again; of a dry run, as it is."`
	Effect *effectView `json:"effect" doc:"What a replay would do now; null where it was no dry run."`
}

// effectView is payments.Rehearsal, described.
type effectView struct {
	Status   payments.EventStatus    `json:"status" enum:"pending,processed,ignored,failed" doc:"How far the event would come."`
	Reason   *string                 `json:"reason" doc:"Why it would be ignored, or what it would wait for."`
	Error    *string                 `json:"error" doc:"Why it could not be applied; null: it could."`
	Changes  []changeView            `json:"changes" nullable:"false" doc:"The rows that would change."`
	Reads    []string                `json:"reads" nullable:"false" doc:"The objects that would be read from Stripe, since the event alone cannot decide; what those reads would change is not known."`
	Outbound []payments.OutboundType `json:"outbound" nullable:"false" doc:"What the host application would hear." example:"[\"premium.changed\"]"`
}

type changeView struct {
	Record string      `json:"record" enum:"user,subscription,payment,billing_history"`
	ID     string      `json:"id" doc:"The user's id, or Stripe's id of what the row is about." example:"sub_…"`
	UserID string      `json:"user_id"`
	Action string      `json:"action" enum:"created,changed,deleted"`
	Fields []fieldView `json:"fields" nullable:"false" doc:"Those that differ."`
}

type fieldView struct {
	Name   string     `json:"name" example:"status"`
	Before fieldValue `json:"before"`
	After  fieldValue `json:"after"`
}

// fieldValue is a value of whatever kind.
type fieldValue struct{ value any }

// MarshalJSON is the value itself.
func (v fieldValue) MarshalJSON() ([]byte, error) { return json.Marshal(v.value) }

// Schema lists the kinds, which huma cannot tell.
func (fieldValue) Schema(huma.Registry) *huma.Schema {
	schema := &huma.Schema{Description: "null: nothing."}
	for _, kind := range []string{huma.TypeString, huma.TypeInteger, huma.TypeBoolean, huma.TypeObject, "null"} {
		schema.AnyOf = append(schema.AnyOf, &huma.Schema{Type: kind})
	}
	return schema
}

func viewOfRehearsal(r payments.Rehearsal) replayView {
	effect := &effectView{
		Status: r.Becomes, Reason: orNull(r.Reason), Error: orNull(r.Error), Changes: []changeView{},
		Reads: r.Reads, Outbound: r.Outbound,
	}
	for _, c := range r.Changes {
		change := changeView{Record: c.Record, ID: c.ID, UserID: c.UserID, Action: c.Action, Fields: []fieldView{}}
		for _, f := range c.Fields {
			change.Fields = append(change.Fields, fieldView{f.Name, fieldValue{f.Before}, fieldValue{f.After}})
		}
		effect.Changes = append(effect.Changes, change)
	}
	return replayView{Event: viewOfEvent(r.Event), Effect: effect}
}

type replayEventOutput struct{ Body replayView }

func (s *server) replayEvent(ctx context.Context, in *replayEventInput) (*replayEventOutput, error) {
	if in.Body.DryRun {
		rehearsal, err := s.Service.RehearseEvent(ctx, in.ID)
		if err != nil {
			return nil, err
		}
		return &replayEventOutput{viewOfRehearsal(rehearsal)}, nil
	}
	event, err := s.Service.ReplayEvent(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	return &replayEventOutput{replayView{Event: viewOfEvent(event)}}, nil
}

type replayEventsOutput struct {
	Body struct {
		Results []replayView `json:"results" nullable:"false"`
		Next    *string      `json:"next" doc:"With it as before the same request goes on; null: that was all."`
	}
}

func (s *server) replayEvents(ctx context.Context, in *replayEventsInput) (*replayEventsOutput, error) {
	filter := payments.EventFilter{
		Status: in.Body.Status, Type: in.Body.Type, Since: in.Body.Since, Until: in.Body.Until,
		Before: in.Body.Before, Limit: in.Body.Limit,
	}
	out := new(replayEventsOutput)
	out.Body.Results = []replayView{}
	if in.Body.DryRun {
		rehearsals, err := s.Service.RehearseEvents(ctx, filter)
		if err != nil {
			return nil, err
		}
		for _, rehearsal := range rehearsals {
			out.Body.Results = append(out.Body.Results, viewOfRehearsal(rehearsal))
		}
	} else {
		events, err := s.Service.ReplayEvents(ctx, filter)
		if err != nil {
			return nil, err
		}
		for _, event := range events {
			out.Body.Results = append(out.Body.Results, replayView{Event: viewOfEvent(event)})
		}
	}
	if replayed := out.Body.Results; len(replayed) == filter.Limit {
		out.Body.Next = &replayed[len(replayed)-1].Event.ID
	}
	return out, nil
}
