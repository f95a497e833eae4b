package main

import (
	"strings"
	"testing"
	"time"

	"github.com/numerai-app/payments"
	"github.com/numerai-app/payments/internal/store"
	"github.com/numerai-app/payments/internal/storetest"
)

// TestPrunedEvent has the commands speak of an event whose payload was pruned.
func TestPrunedEvent(t *testing.T) {
	t.Parallel()
	database := storetest.SQLiteURL(t)
	opened, err := store.Open(t.Context(), database, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	received := time.Now().Add(-time.Hour)
	err = opened.Update(t.Context(), func(tx payments.Tx) error {
		if _, err := tx.InsertEvents(t.Context(), []payments.Event{{
			ID: "evt_old", Type: "balance.available", Status: payments.EventIgnored, Source: payments.SourceWebhook,
			Created: received, ReceivedAt: received, Payload: []byte(`{"id":"evt_old"}`),
		}}); err != nil {
			return err
		}
		_, err := tx.PrunePayloads(t.Context(), time.Now(), 1)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := opened.Close(); err != nil {
		t.Fatal(err)
	}
	env := map[string]string{"DATABASE_URL": database}
	for _, c := range []struct {
		args   []string
		status int
		says   string
	}{
		{[]string{"events", "show", "evt_old"}, exitDone, "Its payload was pruned"},
		{[]string{"events", "show", "evt_old", "--json"}, exitDone, `"payload": null`},
		{[]string{"events", "replay", "evt_old"}, exitUsage, "its payload was pruned"},
	} {
		status, out, problem := command(t, env, c.args...)
		if status != c.status || !strings.Contains(out+problem, c.says) {
			t.Errorf("%v: %d %s%s; want %q", c.args, status, out, problem, c.says)
		}
	}
}
