package stripe

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/numerai-app/payments"
	stripego "github.com/stripe/stripe-go/v85"
)

const (
	// maxUndelivered bounds the pages that are read of the events that Stripe
	// could not deliver: an endpoint of somebody else's may fail for weeks.
	maxUndelivered = 3
	// maxOldest bounds the pages that are read of the oldest events.
	maxOldest = 100
	// oldestSpan is how exactly the time of the oldest event is looked for, in
	// seconds. Events go when they are 30 days old, and what is taken for a
	// beginning must not be gone by the next call.
	oldestSpan = 60
)

// eventPage is a page of Stripe's list of events of the types that we use,
// newest first, as in the list.
type eventPage struct {
	events         []payments.Event
	newest, oldest string // ids; empty where the page is
	more           bool
}

// EventsAfter implements [payments.Stripe].
func (c *Client) EventsAfter(ctx context.Context, id string) (payments.EventPage, error) {
	page, err := c.eventPage(ctx, stripego.EventListParams{ListParams: stripego.ListParams{EndingBefore: &id}})
	if isMissing(err) {
		return payments.EventPage{}, payments.NotFound("event " + id + " at Stripe")
	} else if err != nil {
		return payments.EventPage{}, fmt.Errorf("list the events after %s: %w", id, err)
	}
	slices.Reverse(page.events)
	return payments.EventPage{Events: page.events, Last: page.newest, More: page.more}, nil
}

// isMissing says whether Stripe does not have the object that a parameter names.
func isMissing(err error) bool {
	var e *apiError
	return errors.As(err, &e) && e.code == stripego.ErrorCodeResourceMissing
}

// OldestEvents implements [payments.Stripe]. The list begins with the newest,
// so the time of the oldest is found by halving; from about there it is read
// to its end. The end, and not the time, says what is oldest: events of a test
// clock's customers are made at that clock's time.
func (c *Client) OldestEvents(ctx context.Context) (payments.EventPage, error) {
	result, err := c.oldestEvents(ctx)
	if err != nil {
		return payments.EventPage{}, fmt.Errorf("list the oldest events: %w", err)
	}
	return result, nil
}

func (c *Client) oldestEvents(ctx context.Context) (payments.EventPage, error) {
	page, err := c.eventPage(ctx, stripego.EventListParams{ListParams: stripego.ListParams{Limit: stripego.Int64(1)}})
	if err != nil || len(page.events) == 0 {
		return payments.EventPage{}, err
	}
	begin, none, some := page, int64(0), page.events[0].Created.Unix()
	for some-none > oldestSpan {
		middle := none + (some-none)/2
		page, err := c.eventPage(ctx, stripego.EventListParams{
			ListParams: stripego.ListParams{Limit: stripego.Int64(1)}, CreatedRange: &stripego.RangeQueryParams{LesserThanOrEqual: middle},
		})
		if err != nil {
			return payments.EventPage{}, err
		}
		if page.newest == "" {
			none = middle
		} else {
			begin, some = page, middle
		}
	}
	oldest := begin
	for range maxOldest {
		page, err := c.eventPage(ctx, stripego.EventListParams{ListParams: stripego.ListParams{StartingAfter: &oldest.oldest}})
		if err != nil {
			return payments.EventPage{}, err
		}
		if page.oldest != "" {
			oldest.oldest, oldest.events = page.oldest, append(oldest.events, page.events...)
		}
		if !page.more {
			slices.Reverse(oldest.events)
			return payments.EventPage{Events: oldest.events, Last: begin.newest, More: true}, nil
		}
	}
	return payments.EventPage{}, fmt.Errorf("more than %d pages of them", maxOldest)
}

// UndeliveredEvents implements [payments.Stripe].
func (c *Client) UndeliveredEvents(ctx context.Context) ([]payments.Event, error) {
	var events []payments.Event
	params := stripego.EventListParams{DeliverySuccess: stripego.Bool(false)}
	for range maxUndelivered {
		page, err := c.eventPage(ctx, params)
		if err != nil {
			return nil, fmt.Errorf("list the undelivered events: %w", err)
		}
		events = append(events, page.events...)
		if !page.more {
			break
		}
		params.StartingAfter = &page.oldest
	}
	slices.Reverse(events)
	return events, nil
}

// eventPage reads one page, of 100 events where the parameters do not say how many.
func (c *Client) eventPage(ctx context.Context, params stripego.EventListParams) (eventPage, error) {
	params.Types = stripego.StringSlice(PolledEventTypes())
	if params.Limit == nil {
		params.Limit = stripego.Int64(pageSize)
	}
	got, err := c.get(ctx, "/v1/events", &params)
	if err != nil {
		return eventPage{}, err
	}
	list, err := got.object("list")
	if err != nil {
		return eventPage{}, err
	}
	elements, err := splitArray(list.members["data"])
	if err != nil {
		return eventPage{}, fmt.Errorf("read Stripe's list of events: data is %w", err)
	}
	page := eventPage{more: list.flag("has_more") && len(elements) > 0}
	for _, element := range elements {
		event, err := parseEnvelope(element)
		if event.ID == "" {
			return eventPage{}, fmt.Errorf("read Stripe's list of events: %w", err)
		}
		page.oldest = event.ID
		if page.newest == "" {
			page.newest = event.ID
		}
		if err != nil { // as it would be refused as a webhook: it must not hold up the others
			c.log.ErrorContext(ctx, "an event in Stripe's list is malformed; it is left out", "event", event.ID, "error", err)
			continue
		}
		page.events = append(page.events, event)
	}
	return page, *list.err
}
