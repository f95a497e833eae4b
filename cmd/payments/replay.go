package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"time"

	"github.com/numerai-app/payments"
	"github.com/numerai-app/payments/server"
)

type eventsReplayCommand struct {
	databaseFlags
	eventsFilter `embed:"" envprefix:"PAYMENTS_REPLAY_"`

	ID     string `arg:"" optional:"" help:"The event's id, evt_…."`
	Failed bool   `env:"PAYMENTS_EVENTS_FAILED" help:"All events that failed, as --status failed."`
	DryRun bool   `env:"PAYMENTS_REPLAY_DRY_RUN" help:"Only say what would change. This needs the configuration with which serve runs."`
	JSON   bool   `env:"PAYMENTS_JSON" help:"Print what became of them as JSON."`
}

// replayPage is how many events are replayed or rehearsed at a time.
const replayPage = 100

func (c *eventsReplayCommand) Run(p *process) error {
	filter := c.filter()
	if c.Failed {
		if c.Status != "" && filter.Status != payments.EventFailed {
			return usageError("--failed and --status say two things: give one")
		}
		filter.Status = payments.EventFailed
	}
	if filter == (payments.EventFilter{}) == (c.ID == "") {
		return usageError("say which: the id of an event, or --status, --type, --since or --until")
	}
	filter.Limit = replayPage
	if c.DryRun {
		return c.rehearse(p, filter)
	}
	return c.withRecords(p, func(s *payments.Administration) error {
		var events []payments.Event
		var err error
		if c.ID != "" {
			events = make([]payments.Event, 1)
			events[0], err = s.ReplayEvent(p, c.ID)
		} else {
			events, err = replayAll(p, s, filter)
		}
		if err == nil {
			err = waitForReplays(p, s, events)
		}
		if err != nil {
			return err
		}
		if c.JSON {
			return printJSON(p.stdout, append([]payments.Event{}, events...))
		}
		return printEvents(p.stdout, events)
	})
}

// replayAll replays all that a filter selects, a page at a time.
func replayAll(ctx context.Context, s *payments.Administration, filter payments.EventFilter) (events []payments.Event, err error) {
	for {
		page, err := s.ReplayEvents(ctx, filter)
		if err != nil {
			return nil, err
		}
		events = append(events, page...)
		if len(page) < filter.Limit {
			return events, nil
		}
		filter.Before = page[len(page)-1].ID
	}
}

// replayPatience is how long replays are waited for: a running server takes
// them up within a second or two.
const replayPatience = 5 * time.Second

// waitForReplays waits until a running server has tried the events again, and
// puts in their place what they are then; without a server they stay pending.
func waitForReplays(ctx context.Context, s *payments.Administration, events []payments.Event) error {
	deadline := time.NewTimer(replayPatience)
	defer deadline.Stop()
	look := time.NewTicker(100 * time.Millisecond)
	defer look.Stop()
	late := false
	for i, replayed := range events {
		for {
			event, err := s.Event(ctx, replayed.ID)
			if err != nil {
				return err
			}
			events[i] = event
			if event.Status != payments.EventPending || event.Attempts > replayed.Attempts {
				break
			}
			if late {
				events[i].Reason = "queued; a running server processes it"
				break
			}
			select {
			case <-look.C:
			case <-deadline.C:
				late = true
			case <-ctx.Done():
				return ctx.Err()
			}
		}
	}
	return nil
}

// rehearse says what a replay would change. What an event does depends on the
// plans and the grace period, so it takes the whole configuration of serve and
// guesses nothing.
func (c *eventsReplayCommand) rehearse(p *process, filter payments.EventFilter) (err error) {
	if c.Dir != "" {
		return usageError("dev keeps its plans and its clock to itself: ask the running server, POST admin/events/" +
			"ID/replay/ with dry_run, with a key that keys create --role admin makes")
	}
	url, err := c.existingURL(p)
	if err != nil {
		return err
	}
	variables, err := p.variables()
	if err != nil {
		return err
	}
	config, err := server.LoadConfig((&serveCommand{DatabaseURL: &url}).over(variables))
	if err != nil {
		return err
	}
	config.Logger = slog.New(slog.DiscardHandler)
	service, err := server.New(p, config)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, service.Close()) }()
	var rehearsals []payments.Rehearsal
	if c.ID != "" {
		rehearsals = make([]payments.Rehearsal, 1)
		rehearsals[0], err = service.Payments().RehearseEvent(p, c.ID)
	} else {
		rehearsals, err = rehearseAll(p, service.Payments(), filter)
	}
	switch {
	case err != nil:
		return err
	case c.JSON:
		return printJSON(p.stdout, append([]payments.Rehearsal{}, rehearsals...))
	}
	return printRehearsals(p.stdout, rehearsals)
}

// rehearseAll rehearses all that a filter selects, a page at a time.
func rehearseAll(ctx context.Context, s *payments.Service, filter payments.EventFilter) (rehearsals []payments.Rehearsal, err error) {
	for {
		page, err := s.RehearseEvents(ctx, filter)
		if err != nil {
			return nil, err
		}
		rehearsals = append(rehearsals, page...)
		if len(page) < filter.Limit {
			return rehearsals, nil
		}
		filter.Before = page[len(page)-1].Event.ID
	}
}

// printRehearsals writes a line for each thing that would be different.
func printRehearsals(w io.Writer, rehearsals []payments.Rehearsal) error {
	var rows [][]string
	for _, r := range rehearsals {
		row := func(what, user, field, before, after string) {
			rows = append(rows, []string{r.Event.ID, what, orDash(user), orDash(field), orDash(before), orDash(after)})
		}
		becomes := string(r.Becomes)
		if r.Reason != "" {
			becomes += ", " + r.Reason
		}
		row("event", "", "status", string(r.Event.Status), becomes)
		if r.Error != "" {
			row("event", "", "error", r.Event.Error, r.Error)
		}
		for _, c := range r.Changes {
			for _, f := range c.Fields {
				row(fmt.Sprintf("%s %s %s", c.Action, c.Record, c.ID), c.UserID, f.Name, printValue(f.Before), printValue(f.After))
			}
		}
		for _, id := range r.Reads {
			row("would be read from Stripe: "+id, "", "", "", "")
		}
		for _, kind := range r.Outbound {
			row("the host would hear "+string(kind), "", "", "", "")
		}
		if len(r.Changes)+len(r.Reads)+len(r.Outbound) == 0 {
			row("no row would change", "", "", "", "")
		}
	}
	return printTable(w, []string{"EVENT", "WHAT", "USER", "FIELD", "BEFORE", "AFTER"}, rows)
}

// printValue writes a value of a row as JSON does, texts without quotes.
func printValue(value any) string {
	if value == nil {
		return "-"
	}
	text, err := json.Marshal(value)
	if err != nil {
		return fmt.Sprint(value)
	}
	return strings.Trim(string(text), `"`)
}
