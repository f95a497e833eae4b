package main

import (
	"bytes"
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/numerai-app/payments"
	"github.com/numerai-app/payments/server"
)

// TestDryRun has the command say what a replay would do, in the environment of
// a server and beside it.
func TestDryRun(t *testing.T) {
	t.Parallel()
	sim := start(t, nil, "sim", "--addr", "127.0.0.1:0")
	account, err := server.SetUpStripe(t.Context(), "sk_test_dry", sim.url, server.StripeSetup{Plans: devPlans})
	if err != nil {
		t.Fatal(err)
	}
	env := map[string]string{
		"STRIPE_SECRET_KEY": "sk_test_dry", "STRIPE_PUBLISHABLE_KEY": "pk_test_dry", "STRIPE_API_BASE": sim.url,
		"STRIPE_PRICE_ID_BASIC": account.Prices["basic"], "STRIPE_PRICE_ID_PREMIUM": account.Prices["premium"],
		"STRIPE_PRICE_ID_ELITE": account.Prices["elite"], "DATABASE_URL": "sqlite:" + filepath.Join(t.TempDir(), "payments.db"),
		"PAYMENTS_JWT_SECRET": "a key of the application's, long enough for HS256", "PAYMENTS_WEBHOOKS": "off",
		"PAYMENTS_ADDR": "127.0.0.1:0", "PAYMENTS_OPS_ADDR": "127.0.0.1:0",
	}
	service := start(t, env, "serve")
	_, token, _ := command(t, env, "token", "--user", "7")
	subscribeAndLook(t, service.url, strings.TrimSpace(token))
	eventually(t, "the events that the poll finds", func() bool {
		_, out, _ := command(t, env, "events", "list", "--type", "invoice.paid", "--status", "processed")
		return strings.Contains(out, "evt_")
	})
	status, out, problem := command(t, env, "events", "replay", "--type", "invoice.paid", "--dry-run")
	if status != exitDone || !strings.Contains(out, "no row would change") || strings.Count(out, "evt_") != 2 {
		t.Errorf("dry run: %d %s\n%s", status, problem, out)
	}
	status, out, problem = command(t, env, "events", "replay", "--type", "invoice.paid", "--dry-run", "--json")
	var rehearsals []payments.Rehearsal
	if err := json.Unmarshal([]byte(out), &rehearsals); status != exitDone || err != nil || len(rehearsals) != 1 {
		t.Fatalf("dry run: %d %s %v\n%s", status, problem, err, out)
	}
	one := rehearsals[0]
	if one.Event.Status != payments.EventProcessed || one.Becomes != payments.EventProcessed || len(one.Changes) > 0 {
		t.Errorf("rehearsed %+v", one)
	}
	if status, _, problem := command(t, env, "events", "replay", one.Event.ID, "--dry-run"); status != exitDone {
		t.Errorf("dry run of one: %d %s", status, problem)
	}
	if status, _, problem := command(t, env, "events", "replay", "evt_none", "--dry-run"); status != exitFailed || !strings.Contains(problem, "evt_none") {
		t.Errorf("dry run of none: %d %s", status, problem)
	}
	if status, problem := service.stop(); status != exitDone {
		t.Errorf("stopped with %d: %s", status, problem)
	}
	if status, problem := sim.stop(); status != exitDone {
		t.Errorf("sim stopped with %d: %s", status, problem)
	}
}

func TestDryRunReads(t *testing.T) {
	t.Parallel()
	event := func(id string) payments.Event {
		return payments.Event{ID: id, Type: "invoice.paid", Status: payments.EventFailed}
	}
	ends := time.Date(2026, time.December, 24, 0, 0, 0, 0, time.UTC)
	var out bytes.Buffer
	err := printRehearsals(&out, []payments.Rehearsal{
		{
			Event: event("evt_1"), Becomes: payments.EventProcessed,
			Changes: []payments.Change{{
				Record: "subscription", ID: "sub_1", UserID: "42", Action: "changed", Fields: []payments.FieldChange{
					{Name: "status", Before: payments.StatusPastDue, After: payments.StatusCanceled},
					{Name: "ended_at", After: ends},
					{Name: "quantity", Before: int64(2), After: int64(3)},
				},
			}},
			Outbound: []payments.OutboundType{payments.OutboundSubscriptionEnded},
		},
		{Event: event("evt_2"), Becomes: payments.EventPending, Reason: "waits for a read from Stripe", Reads: []string{"in_1"}},
		{Event: event("evt_3"), Becomes: payments.EventPending, Reason: "waits for a retry", Error: "id is missing"},
	})
	if err != nil {
		t.Fatal(err)
	}
	want := `EVENT  WHAT                                    USER  FIELD     BEFORE    AFTER
evt_1  event                                   -     status    failed    processed
evt_1  changed subscription sub_1              42    status    past_due  canceled
evt_1  changed subscription sub_1              42    ended_at  -         2026-12-24T00:00:00Z
evt_1  changed subscription sub_1              42    quantity  2         3
evt_1  the host would hear subscription.ended  -     -         -         -
evt_2  event                                   -     status    failed    pending, waits for a read from Stripe
evt_2  would be read from Stripe: in_1         -     -         -         -
evt_3  event                                   -     status    failed    pending, waits for a retry
evt_3  event                                   -     error     -         id is missing
evt_3  no row would change                     -     -         -         -
`
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("printed (-want +got):\n%s", diff)
	}
}
