package main

import (
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
	Replay eventsReplayCommand `cmd:"" help:"Process one event again, or all that a filter selects."`
}

// eventsFilter are the flags that select events.
type eventsFilter struct {
	Status string `placeholder:"STATUS" env:"STATUS" help:"Only those that are pending, processed, ignored or failed."`
	Type   string `placeholder:"TYPE" env:"TYPE" help:"Only those of this type, such as invoice.paid."`
	Since  moment `placeholder:"TIME" env:"SINCE" help:"Only those received from this time on: 2026-11-23T08:00:00Z, or how long ago, such as 90m or 24h."`
	Until  moment `placeholder:"TIME" env:"UNTIL" help:"Only those received before this time, given likewise."`
}

func (f eventsFilter) filter() payments.EventFilter {
	return payments.EventFilter{
		Status: payments.EventStatus(f.Status), Type: f.Type, Since: f.Since.Time, Until: f.Until.Time,
	}
}

// moment is a time, given as such or by how long ago it was.
type moment struct{ time.Time }

// UnmarshalText reads a moment.
func (m *moment) UnmarshalText(text []byte) error {
	if ago, err := time.ParseDuration(string(text)); err == nil && ago >= 0 {
		m.Time = time.Now().Add(-ago)
		return nil
	}
	at, err := time.Parse(time.RFC3339, string(text))
	if err != nil {
		return errors.New("is no time: write 2026-11-23T08:00:00Z, or how long ago, such as 24h")
	}
	m.Time = at
	return nil
}

type eventsListCommand struct {
	databaseFlags
	eventsFilter `embed:"" envprefix:"PAYMENTS_EVENTS_"`

	Limit  int    `default:"50" env:"PAYMENTS_EVENTS_LIMIT" help:"The most events listed, 1000 at most."`
	Before string `placeholder:"EVENT" env:"PAYMENTS_EVENTS_BEFORE" help:"Only those received before this event."`
	JSON   bool   `env:"PAYMENTS_JSON" help:"Print them as JSON."`
}

func (c *eventsListCommand) Run(p *process) error {
	return c.withRecords(p, func(s *payments.Administration) error {
		filter := c.filter()
		filter.Limit, filter.Before = c.Limit, c.Before
		events, err := s.Events(p, filter)
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
		if event.Payload == nil {
			_, err = fmt.Fprintln(p.stdout, "\nIts payload was pruned (PAYMENTS_EVENT_RETENTION). A replay reads the object from Stripe instead.")
			return err
		}
		_, err = fmt.Fprintf(p.stdout, "\n%s\n", event.Payload)
		return err
	})
}
