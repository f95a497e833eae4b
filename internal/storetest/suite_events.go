package storetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/numerai-app/payments"
)

// someEvent is an event whose fields are all set.
func someEvent(id string) payments.Event {
	return payments.Event{
		ID: id, Type: "invoice.paid", APIVersion: "2025-03-31.basil", Livemode: true, Account: "acct_1",
		ObjectKind: payments.KindInvoice, ObjectID: "in_1", CustomerID: "cus_1", Created: at(-3), ReceivedAt: at(0),
		Status: payments.EventPending, Reason: "waits", Attempts: 3, Error: "timeout", ProcessedAt: pointer(at(1)),
		Source: payments.SourceWebhook, Payload: []byte(`{"id": "` + id + `"}`),
	}
}

// withoutPayload is an event as lists show it.
func withoutPayload(e payments.Event) payments.Event {
	e.Payload = nil
	return e
}

func insertEvents(t *testing.T, s payments.Store, events ...payments.Event) (inserted []bool) {
	t.Helper()
	update(t, s, func(ctx context.Context, tx payments.Tx) (err error) {
		inserted, err = tx.InsertEvents(ctx, events)
		return err
	})
	return inserted
}

func checkEvents(t *testing.T, s payments.Store) {
	first, second, third := someEvent("evt_1"), someEvent("evt_2"), someEvent("evt_3")
	equal(t, "two new events", insertEvents(t, s, first, second), []bool{true, true})
	again := second
	again.Type, again.Payload = "something.else", []byte("other")
	equal(t, "old, new, and twice the same", insertEvents(t, s, again, third, third), []bool{false, true, false})
	equal(t, "no events", len(insertEvents(t, s)), 0)
	view(t, s, func(ctx context.Context, tx payments.Tx) error {
		for _, want := range []payments.Event{first, second, third} {
			got, err := tx.Event(ctx, want.ID)
			equal(t, want.ID, got, withoutPayload(want))
			if err != nil {
				return err
			}
			payload, err := tx.EventPayload(ctx, want)
			equal(t, "the payload of "+want.ID, payload, want.Payload)
			if err != nil {
				return err
			}
		}
		return nil
	})
	changed := payments.Event{
		ID: "evt_1", Type: "changed", APIVersion: "changed", ObjectID: "changed", Status: payments.EventProcessed, Attempts: 4,
		Source: payments.SourceReplay,
	}
	update(t, s, func(ctx context.Context, tx payments.Tx) error { return tx.PutEvent(ctx, changed) })
	first.Status, first.Reason, first.Attempts, first.Error = payments.EventProcessed, "", 4, ""
	first.ProcessedAt, first.Source = nil, payments.SourceReplay
	view(t, s, func(ctx context.Context, tx payments.Tx) error {
		got, err := tx.Event(ctx, "evt_1")
		equal(t, "a changed event", got, withoutPayload(first))
		return err
	})
}

func checkEventPages(t *testing.T, s payments.Store) {
	var all []payments.Event // oldest first
	for i := range 6 {
		e := someEvent(fmt.Sprintf("evt_%d", i))
		e.ReceivedAt = at(i / 2) // two at a time
		e.Status = []payments.EventStatus{payments.EventFailed, payments.EventProcessed}[i%2]
		e.Type = []string{"a", "b", "b"}[i%3]
		all = append(all, e)
	}
	insertEvents(t, s, all[3], all[0], all[5], all[1], all[4], all[2])
	for _, c := range []struct {
		filter payments.EventFilter
		want   []int
	}{
		{payments.EventFilter{}, []int{5, 4, 3, 2, 1, 0}},
		{payments.EventFilter{Limit: 4}, []int{5, 4, 3, 2}},
		{payments.EventFilter{Limit: 2, Before: "evt_5"}, []int{4, 3}},
		{payments.EventFilter{Before: "evt_2"}, []int{1, 0}},
		{payments.EventFilter{Before: "evt_0"}, nil},
		{payments.EventFilter{Status: payments.EventFailed}, []int{4, 2, 0}},
		{payments.EventFilter{Status: payments.EventFailed, Before: "evt_4", Limit: 1}, []int{2}},
		{payments.EventFilter{Status: payments.EventProcessed}, []int{5, 3, 1}},
		{payments.EventFilter{Status: payments.EventPending}, nil},
		{payments.EventFilter{Type: "b"}, []int{5, 4, 2, 1}},
		{payments.EventFilter{Type: "b", Status: payments.EventFailed}, []int{4, 2}},
		{payments.EventFilter{Type: "b", Status: payments.EventProcessed, Before: "evt_5"}, []int{1}},
		{payments.EventFilter{Since: at(1)}, []int{5, 4, 3, 2}},
		{payments.EventFilter{Until: at(1)}, []int{1, 0}},
		{payments.EventFilter{Since: at(1), Until: at(2)}, []int{3, 2}},
		{payments.EventFilter{Since: at(1), Until: at(2), Before: "evt_3"}, []int{2}},
		{payments.EventFilter{Until: at(2), Before: "evt_5", Limit: 3}, []int{3, 2, 1}},
		{payments.EventFilter{Until: at(2), Before: "evt_4"}, []int{3, 2, 1, 0}},
		{payments.EventFilter{Since: at(2), Until: at(1)}, nil},
		{payments.EventFilter{Status: payments.EventFailed, Since: at(1)}, []int{4, 2}},
		{payments.EventFilter{Status: payments.EventFailed, Since: at(1), Until: at(2), Type: "b"}, []int{2}},
	} {
		want := []string{}
		for _, i := range c.want {
			want = append(want, all[i].ID)
		}
		view(t, s, func(ctx context.Context, tx payments.Tx) error {
			events, err := tx.Events(ctx, c.filter)
			got := []string{}
			for _, e := range events {
				got = append(got, e.ID)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("events of %+v (-want +got):\n%s", c.filter, diff)
			}
			return err
		})
	}
	err := s.View(t.Context(), func(tx payments.Tx) error {
		_, err := tx.Events(t.Context(), payments.EventFilter{Before: "evt_none"})
		return err
	})
	isKind(t, err, payments.ErrNotFound)
}

func checkEventPayloads(t *testing.T, s payments.Store) {
	bodies := map[string][]byte{
		"evt_nul":     []byte("{\"a\":\"b\x00c\"}\x00"),
		"evt_broken":  {0xff, 0xfe, '{', 0x80, '}'},
		"evt_empty":   {},
		"evt_large":   bytes.Repeat([]byte("0123456789abcdef"), 1<<16),
		"evt_escapes": []byte(`{"a":"\u0000\ud800","b":1e400,  "b":2}` + "\r\n"),
	}
	for id, body := range bodies {
		e := someEvent(id)
		e.Payload = body
		insertEvents(t, s, e)
	}
	for id, body := range bodies {
		view(t, s, func(ctx context.Context, tx payments.Tx) error {
			got, err := tx.EventPayload(ctx, payments.Event{ID: id, ReceivedAt: at(0)})
			if !bytes.Equal(got, body) {
				t.Errorf("the payload of %s is not what was stored", id)
			}
			return err
		})
	}
}

func checkPendingEvents(t *testing.T, s payments.Store) {
	event := func(id string, created int) payments.Event {
		e := someEvent(id)
		e.Created = at(created)
		return e
	}
	late, early := event("evt_1", 5), event("evt_2", -5)
	done, other := event("evt_3", 0), event("evt_4", 0)
	done.Status, other.ObjectID = payments.EventProcessed, "in_2"
	insertEvents(t, s, late, early, done, other)
	view(t, s, func(ctx context.Context, tx payments.Tx) error {
		got, err := tx.PendingEvents(ctx, "in_1")
		equal(t, "the pending events, oldest first", got, []payments.Event{withoutPayload(early), withoutPayload(late)})
		return err
	})
}

func checkWaitingEvents(t *testing.T, s payments.Store) {
	event := func(id, waitsFor string) payments.Event {
		e := someEvent(id)
		e.WaitsFor = waitsFor
		return e
	}
	waiting, woken := event("evt_1", "in_1"), event("evt_2", "in_1")
	insertEvents(t, s, waiting, woken, event("evt_3", "in_2"), event("evt_4", ""))
	update(t, s, func(ctx context.Context, tx payments.Tx) error {
		woken.WaitsFor = ""
		return tx.PutEvent(ctx, woken)
	})
	view(t, s, func(ctx context.Context, tx payments.Tx) error {
		got, err := tx.EventsWaitingFor(ctx, "in_1")
		equal(t, "the events that wait for the invoice", got, []payments.Event{withoutPayload(waiting)})
		if err != nil {
			return err
		}
		got, err = tx.EventsWaitingFor(ctx, "")
		equal(t, "those that wait for nothing", got, []payments.Event{})
		return err
	})
}

func checkUnownedEvents(t *testing.T, s payments.Store) {
	event := func(id string, status payments.EventStatus, reason, customer string) payments.Event {
		e := someEvent(id)
		e.Status, e.Reason, e.CustomerID = status, reason, customer
		return e
	}
	pending := event("evt_1", payments.EventPending, "waits", "cus_1")
	unowned := event("evt_2", payments.EventIgnored, "no user", "cus_1")
	insertEvents(t, s, pending, unowned,
		event("evt_3", payments.EventIgnored, "not used", "cus_1"),
		event("evt_4", payments.EventFailed, "no user", "cus_1"),
		event("evt_5", payments.EventPending, "waits", "cus_2"),
		event("evt_6", payments.EventPending, "waits", ""))
	view(t, s, func(ctx context.Context, tx payments.Tx) error {
		got, err := tx.UnownedEvents(ctx, "cus_1", "no user")
		equal(t, "the events of the customer", got, []payments.Event{withoutPayload(pending), withoutPayload(unowned)})
		if err != nil {
			return err
		}
		got, err = tx.UnownedEvents(ctx, "", "no user")
		equal(t, "events without a customer", len(got), 0)
		return err
	})
}

func checkRefreshes(t *testing.T, s payments.Store) {
	wish := func(id string, due int) payments.Refresh {
		return payments.Refresh{
			Ref: payments.Ref{Kind: payments.KindInvoice, ID: id}, Wishes: 1, NewerThan: at(-1), Reason: "tie", DueAt: at(due),
		}
	}
	early, late, never := wish("in_2", 1), wish("in_1", 2), wish("in_3", 9)
	early.NewerThan = early.NewerThan.AddDate(-2025, 0, 0).Truncate(0)
	late.Queued = true
	update(t, s, func(ctx context.Context, tx payments.Tx) error {
		for _, r := range []payments.Refresh{late, never, early} {
			if err := tx.PutRefresh(ctx, r); err != nil {
				return err
			}
		}
		return nil
	})
	early.Wishes, early.NewerThan = 2, payments.Refresh{}.NewerThan
	update(t, s, func(ctx context.Context, tx payments.Tx) error { return tx.PutRefresh(ctx, early) })
	view(t, s, func(ctx context.Context, tx payments.Tx) error {
		got, err := tx.DueRefreshes(ctx, at(2), 10)
		equal(t, "the wishes due, oldest first", got, []payments.Refresh{early, late})
		if err != nil {
			return err
		}
		got, err = tx.DueRefreshes(ctx, at(2), 1)
		equal(t, "one wish due", got, []payments.Refresh{early})
		return err
	})
	update(t, s, func(ctx context.Context, tx payments.Tx) error {
		if deleted, err := tx.DeleteRefresh(ctx, "in_2", 1); deleted || err != nil {
			t.Errorf("a wish that grew was deleted: %t, %v", deleted, err)
		}
		if deleted, err := tx.DeleteRefresh(ctx, "in_2", 2); !deleted || err != nil {
			t.Errorf("a wish was not deleted: %t, %v", deleted, err)
		}
		for id, reason := range map[string]string{"in_1": "tie", "in_3": "another", "in_none": "tie"} { // queued, other reason, none
			if err := tx.CancelRefresh(ctx, id, reason); err != nil {
				return err
			}
		}
		return nil
	})
	view(t, s, func(ctx context.Context, tx payments.Tx) error {
		for _, want := range []payments.Refresh{late, never} {
			got, err := tx.Refresh(ctx, want.ID)
			equal(t, "a wish that stays", got, want)
			if err != nil {
				return err
			}
		}
		_, err := tx.Refresh(ctx, "in_2")
		isKind(t, err, payments.ErrNotFound)
		return nil
	})
	update(t, s, func(ctx context.Context, tx payments.Tx) error { return tx.CancelRefresh(ctx, "in_3", "tie") })
	view(t, s, func(ctx context.Context, tx payments.Tx) error {
		_, err := tx.Refresh(ctx, "in_3")
		isKind(t, err, payments.ErrNotFound)
		return nil
	})
}

// Payloads of events that are done go, oldest first; those of the others stay,
// and so do all events, which still count once.
func checkPrunedPayloads(t *testing.T, s payments.Store) {
	event := func(id string, received int, status payments.EventStatus) payments.Event {
		e := someEvent(id)
		e.ReceivedAt, e.Status = at(received), status
		return e
	}
	events := []payments.Event{
		event("evt_2", 2, payments.EventProcessed), event("evt_1", 1, payments.EventIgnored), event("evt_3", 3, payments.EventProcessed),
		event("evt_pending", 1, payments.EventPending), event("evt_failed", 1, payments.EventFailed), event("evt_young", 4, payments.EventProcessed),
	}
	insertEvents(t, s, events...)
	for _, step := range []struct {
		before, limit, pruned int
		left                  []string
	}{
		{1, 10, 0, []string{"evt_2", "evt_1", "evt_3", "evt_pending", "evt_failed", "evt_young"}},
		{4, 1, 1, []string{"evt_2", "evt_3", "evt_pending", "evt_failed", "evt_young"}},
		{4, 10, 2, []string{"evt_pending", "evt_failed", "evt_young"}},
		{4, 10, 0, []string{"evt_pending", "evt_failed", "evt_young"}},
	} {
		update(t, s, func(ctx context.Context, tx payments.Tx) error {
			pruned, err := tx.PrunePayloads(ctx, at(step.before), step.limit)
			equal(t, "how many were pruned", pruned, step.pruned)
			return err
		})
		equal(t, "who has a payload", withPayload(t, s, events), step.left)
	}
	done := event("evt_pending", 1, payments.EventProcessed)
	update(t, s, func(ctx context.Context, tx payments.Tx) error { return tx.PutEvent(ctx, done) })
	update(t, s, func(ctx context.Context, tx payments.Tx) error {
		_, err := tx.PrunePayloads(ctx, at(4), 10)
		return err
	})
	equal(t, "who has a payload when one is done", withPayload(t, s, events), []string{"evt_failed", "evt_young"})
	if err := errors.Join(s.PreparePayloads(t.Context(), now), s.DropPayloads(t.Context(), now.AddDate(1, 0, 0))); err != nil {
		t.Fatal(err)
	}
	if left := withPayload(t, s, events); !slices.Contains(left, "evt_failed") {
		t.Errorf("%v have a payload after many were dropped", left)
	}
	equal(t, "whether pruned events are new", insertEvents(t, s, events...), make([]bool, len(events)))
}

// withPayload lists those of some events that have one.
func withPayload(t *testing.T, s payments.Store, events []payments.Event) (ids []string) {
	t.Helper()
	view(t, s, func(ctx context.Context, tx payments.Tx) error {
		for _, e := range events {
			stored, err := tx.Event(ctx, e.ID)
			equal(t, "the event", stored.Type, e.Type)
			if err != nil {
				return err
			}
			_, err = tx.EventPayload(ctx, stored)
			switch {
			case err == nil:
				ids = append(ids, e.ID)
			case !errors.Is(err, payments.ErrNotFound):
				return err
			}
		}
		return nil
	})
	return ids
}
