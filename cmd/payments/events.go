package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/numerai-app/payments"
)

type eventsCommand struct {
	List   eventsListCommand   `cmd:"" help:"List events, newest first."`
	Show   eventsShowCommand   `cmd:"" help:"Show one event with its payload."`
	Replay eventsReplayCommand `cmd:"" help:"Process one event again, or all that failed."`
}

type eventsListCommand struct {
	databaseFlags
	Status string `placeholder:"STATUS" env:"PAYMENTS_EVENTS_STATUS" help:"Only those that are pending, processed, ignored or failed."`
	Type   string `placeholder:"TYPE" env:"PAYMENTS_EVENTS_TYPE" help:"Only those of this type, such as invoice.paid."`
	Limit  int    `default:"50" env:"PAYMENTS_EVENTS_LIMIT" help:"The most events listed, 1000 at most."`
	Before string `placeholder:"EVENT" env:"PAYMENTS_EVENTS_BEFORE" help:"Only those received before this event."`
	JSON   bool   `env:"PAYMENTS_JSON" help:"Print them as JSON."`
}

func (c *eventsListCommand) Run(p *process) error {
	return c.withRecords(p, func(s *payments.Administration) error {
		events, err := s.Events(p, payments.EventFilter{
			Status: payments.EventStatus(c.Status), Type: c.Type, Limit: c.Limit, Before: c.Before,
		})
		if err != nil {
			return err
		}
		if c.JSON {
			return printJSON(p.stdout, append([]payments.Event{}, events...))
		}
		return printEvents(p.stdout, events)
	})
}

func printEvents(w io.Writer, events []payments.Event) error {
	var rows [][]string
	for _, e := range events {
		note := e.Reason
		if e.Error != "" {
			note = e.Error
		}
		rows = append(rows, []string{
			e.ID, printTime(&e.Created), e.Type, string(e.Status), strconv.Itoa(e.Attempts), orDash(e.ObjectID), note,
		})
	}
	return printTable(w, []string{"ID", "CREATED", "TYPE", "STATUS", "ATTEMPTS", "OBJECT", "NOTE"}, rows)
}

type eventsShowCommand struct {
	databaseFlags
	ID   string `arg:"" help:"The event's id, evt_…."`
	JSON bool   `env:"PAYMENTS_JSON" help:"Print it as JSON, the payload within."`
}

func (c *eventsShowCommand) Run(p *process) error {
	return c.withRecords(p, func(s *payments.Administration) error {
		event, err := s.Event(p, c.ID)
		if err != nil {
			return err
		}
		if c.JSON {
			return printJSON(p.stdout, struct {
				payments.Event
				Payload json.RawMessage `json:"payload"`
			}{event, event.Payload})
		}
		if err := printTable(p.stdout, []string{"event", event.ID}, [][]string{
			{"type", event.Type},
			{"status", string(event.Status)},
			{"reason", orDash(event.Reason)},
			{"error", orDash(event.Error)},
			{"attempts", strconv.Itoa(event.Attempts)},
			{"created", printTime(&event.Created)},
			{"received", printTime(&event.ReceivedAt)},
			{"processed", printTime(event.ProcessedAt)},
			{"arrived by", string(event.Source)},
			{"API version", orDash(event.APIVersion)},
			{"object", orDash(string(event.ObjectKind) + " " + event.ObjectID)},
			{"customer", orDash(event.CustomerID)},
		}); err != nil {
			return err
		}
		_, err = fmt.Fprintf(p.stdout, "\n%s\n", event.Payload)
		return err
	})
}

type eventsReplayCommand struct {
	databaseFlags
	ID     string `arg:"" optional:"" help:"The event's id, evt_…."`
	Failed bool   `env:"PAYMENTS_EVENTS_FAILED" help:"All events that failed."`
	JSON   bool   `env:"PAYMENTS_JSON" help:"Print what became of them as JSON."`
}

func (c *eventsReplayCommand) Run(p *process) error {
	if (c.ID == "") == !c.Failed {
		return usageError("say which: the id of an event, or --failed")
	}
	return c.withRecords(p, func(s *payments.Administration) error {
		ids := []string{c.ID}
		if c.Failed {
			var err error
			if ids, err = failedEvents(p, s); err != nil {
				return err
			}
		}
		replayed := []payments.Event{}
		var faults []error
		for _, id := range ids {
			if err := s.ReplayEvent(p, id); err != nil {
				faults = append(faults, err)
				continue
			}
			event, err := waitForReplay(p, s, id)
			if err != nil {
				return err
			}
			replayed = append(replayed, event)
		}
		print := printEvents
		if c.JSON {
			print = func(w io.Writer, events []payments.Event) error { return printJSON(w, events) }
		}
		return errors.Join(append(faults, print(p.stdout, replayed))...)
	})
}

// replayPatience is how long a replay is waited for: a running server takes
// it up within a second or two.
const replayPatience = 5 * time.Second

// waitForReplay waits until a running server has processed an event again, and
// returns it as it is then; without a server it stays pending.
func waitForReplay(ctx context.Context, s *payments.Administration, id string) (payments.Event, error) {
	deadline := time.NewTimer(replayPatience)
	defer deadline.Stop()
	look := time.NewTicker(100 * time.Millisecond)
	defer look.Stop()
	for {
		event, err := s.Event(ctx, id)
		if err != nil || event.Status != payments.EventPending {
			return event, err
		}
		select {
		case <-look.C:
		case <-deadline.C:
			event.Reason = "queued; a running server processes it"
			return event, nil
		case <-ctx.Done():
			return event, ctx.Err()
		}
	}
}

// failedEvents lists the ids of all events that failed.
func failedEvents(p *process, s *payments.Administration) (ids []string, err error) {
	filter := payments.EventFilter{Status: payments.EventFailed, Limit: 1000}
	for {
		events, err := s.Events(p, filter)
		if err != nil {
			return nil, err
		}
		for _, event := range events {
			ids = append(ids, event.ID)
		}
		if len(events) < filter.Limit {
			return ids, nil
		}
		filter.Before = ids[len(ids)-1]
	}
}
