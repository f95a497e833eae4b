package api_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/numerai-app/payments"
	"github.com/numerai-app/payments/internal/storetest"
)

const eventsPath = "admin/events/"

var (
	eventMembers = []string{
		"id", "type", "api_version", "livemode", "account", "object", "object_id", "customer_id", "created", "received_at", "status",
		"reason", "waits_for", "attempts", "error", "processed_at", "source",
	}
	effectMembers = []string{"status", "reason", "error", "changes", "reads", "outbound"}
)

// keepEvents stores failed events, the last one received last. They say that a
// subscription of the user 42 has ended.
func (b *testBundle) keepEvents(t *testing.T, count int) {
	t.Helper()
	created := b.subscribe(t, "42", visa)
	created.expect(t, http.StatusCreated, createdMembers...)
	subscription := created.json["stripe_subscription_id"].(string)
	ended := b.endSubscription(t, subscription)
	now := time.Now().UTC().Truncate(time.Second)
	var events []payments.Event
	for i := range count {
		id := fmt.Sprint("evt_", i)
		body := fmt.Sprintf(`{"id":%q,"object":"event","type":"customer.subscription.deleted","created":%d,"livemode":false,
			"api_version":"2026-04-22.dahlia","data":{"object":%s}}`, id, now.Unix()+60, ended)
		events = append(events, payments.Event{
			ID: id, Type: "customer.subscription.deleted", Created: now, ReceivedAt: now.Add(time.Duration(i) * time.Minute),
			Status: payments.EventFailed, Error: "a bug since mended", Attempts: 13, Source: payments.SourceWebhook,
			ObjectKind: payments.KindSubscription, ObjectID: subscription, Payload: []byte(body),
		})
	}
	err := b.store.Update(t.Context(), func(tx payments.Tx) error {
		_, err := tx.InsertEvents(t.Context(), events)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// endSubscription ends a subscription at Stripe, which tells nobody, and returns
// what it is then.
func (b *testBundle) endSubscription(t *testing.T, id string) []byte {
	t.Helper()
	sent, err := http.NewRequestWithContext(t.Context(), http.MethodDelete, b.stripe.URL+"/v1/subscriptions/"+id, nil)
	if err != nil {
		t.Fatal(err)
	}
	sent.SetBasicAuth("sk_test_api", "")
	response, err := http.DefaultClient.Do(sent)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("end %s: %d %s, %v", id, response.StatusCode, body, err)
	}
	return body
}

// ids are those of a list of events.
func ids(list any, member string) (ids []string) {
	for _, row := range list.([]any) {
		event := row.(map[string]any)
		if member != "" {
			event = event[member].(map[string]any)
		}
		ids = append(ids, event["id"].(string))
	}
	return ids
}

func TestEventsAreAdministered(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s payments.Store) {
		b := setup(t, options{store: s})
		b.keepEvents(t, 4)
		admin := b.asAdmin(t)
		first := admin("GET", eventsPath+"?limit=3&status=failed", nil)
		first.expect(t, http.StatusOK, "results", "next")
		if diff := cmp.Diff([]string{"evt_3", "evt_2", "evt_1"}, ids(first.json["results"], "")); diff != "" || first.json["next"] != "evt_1" {
			t.Errorf("the first page, then %v (-want +got):\n%s", first.json["next"], diff)
		}
		expectMembers(t, first.json["results"].([]any)[0].(map[string]any), eventMembers...)
		last := admin("GET", eventsPath+"?limit=3&before=evt_1", nil)
		if diff := cmp.Diff([]string{"evt_0"}, ids(last.json["results"], "")); diff != "" || last.json["next"] != nil {
			t.Errorf("the last page, then %v (-want +got):\n%s", last.json["next"], diff)
		}
		one := admin("GET", eventsPath+"evt_2/", nil)
		one.expect(t, http.StatusOK, append([]string{"payload"}, eventMembers...)...)
		payload, _ := one.json["payload"].(map[string]any)
		if payload["id"] != "evt_2" || one.json["attempts"] != 13.0 || one.json["error"] != "a bug since mended" || one.json["account"] != nil {
			t.Errorf("one event is %s", one.raw)
		}
		received, _ := one.json["received_at"].(string)
		bounded := admin("GET", eventsPath+"?since="+received+"&until=2100-01-01T00:00:00Z&type=customer.subscription.deleted", nil)
		if diff := cmp.Diff([]string{"evt_3", "evt_2"}, ids(bounded.json["results"], "")); diff != "" {
			t.Errorf("since evt_2 (-want +got):\n%s", diff)
		}
		b.checkDryRun(t, admin)
		replayed := admin("POST", eventsPath+"evt_2/replay/", map[string]any{})
		replayed.expect(t, http.StatusOK, "event", "effect")
		if event := replayed.json["event"].(map[string]any); event["status"] != "pending" || event["source"] != "replay" || replayed.json["effect"] != nil {
			t.Errorf("replayed %s", replayed.raw)
		}
		many := admin("POST", eventsPath+"replay/", map[string]any{"status": "failed", "limit": 2})
		many.expect(t, http.StatusOK, "results", "next")
		if diff := cmp.Diff([]string{"evt_3", "evt_1"}, ids(many.json["results"], "event")); diff != "" || many.json["next"] != "evt_1" {
			t.Errorf("replayed, then %v (-want +got):\n%s", many.json["next"], diff)
		}
		left := admin("GET", eventsPath+"?status=failed", nil)
		if diff := cmp.Diff([]string{"evt_0"}, ids(left.json["results"], "")); diff != "" {
			t.Errorf("left (-want +got):\n%s", diff)
		}
	})
}

// checkDryRun has it said twice what an event would change.
func (b *testBundle) checkDryRun(t *testing.T, admin func(method, path string, body any) answer) {
	t.Helper()
	for range 2 {
		dry := admin("POST", eventsPath+"replay/", map[string]any{"status": "failed", "limit": 1, "dry_run": true})
		dry.expect(t, http.StatusOK, "results", "next")
		result := dry.json["results"].([]any)[0].(map[string]any)
		alone := admin("POST", eventsPath+"evt_3/replay/", map[string]any{"dry_run": true})
		alone.expect(t, http.StatusOK, "event", "effect")
		if diff := cmp.Diff(alone.json, result); diff != "" {
			t.Errorf("the dry run by a filter (-alone +by filter):\n%s", diff)
		}
		effect := result["effect"].(map[string]any)
		expectMembers(t, effect, effectMembers...)
		changes := map[string]any{}
		for _, row := range effect["changes"].([]any) {
			change := row.(map[string]any)
			for _, field := range change["fields"].([]any) {
				field := field.(map[string]any)
				changes[fmt.Sprint(change["action"], " ", change["record"], ".", field["name"])] = []any{field["before"], field["after"]}
			}
		}
		for name, want := range map[string]any{
			"changed subscription.status": []any{"active", "canceled"},
			"changed user.is_premium":     []any{true, false},
			"changed user.plan":           []any{"premium", "free"},
		} {
			if diff := cmp.Diff(want, changes[name]); diff != "" {
				t.Errorf("%s (-want +got):\n%s", name, diff)
			}
		}
		if diff := cmp.Diff([]any{"subscription.ended", "premium.changed"}, effect["outbound"]); diff != "" || effect["status"] != "processed" {
			t.Errorf("the host hears (-want +got):\n%s", diff)
		}
		if status := b.call(t, request{path: "subscription-status/", user: "42"}); status.json["is_premium"] != true {
			t.Fatalf("a dry run changed the status to %s", status.raw)
		}
	}
}

func TestEventsAskedForWrongly(t *testing.T) {
	t.Parallel()
	b := setup(t, options{})
	admin := b.asAdmin(t)
	for _, c := range []struct {
		method, path string
		body         any
		field        string
	}{
		{"GET", "?status=odd", nil, "status"},
		{"GET", "?limit=0", nil, "limit"},
		{"GET", "?limit=1001", nil, "limit"},
		{"GET", "?since=yesterday", nil, "since"},
		{"GET", "?since=2026-01-02T00:00:00Z&until=2026-01-01T00:00:00Z", nil, "until"},
		{"GET", "?before=evt_none", nil, "before"},
		{"POST", "replay/", map[string]any{}, "status"},
		{"POST", "replay/", map[string]any{"dry_run": true}, "status"},
		{"POST", "replay/", map[string]any{"type": "invoice.paid", "limit": 101}, "limit"},
		{"POST", "replay/", map[string]any{"type": "invoice.paid", "user": "42"}, "user"},
		{"POST", "replay/", map[string]any{"type": "invoice.paid", "since": "soon"}, "since"},
	} {
		admin(c.method, eventsPath+c.path, c.body).expectProblem(t, http.StatusBadRequest, "invalid_request", c.field)
	}
	for _, r := range []request{
		{method: "GET", path: eventsPath + "evt_none/"},
		{method: "POST", path: eventsPath + "evt_none/replay/", body: map[string]any{}},
		{method: "POST", path: eventsPath + "evt_none/replay/", body: map[string]any{"dry_run": true}},
	} {
		admin(r.method, r.path, r.body).expectProblem(t, http.StatusNotFound, "not_found")
	}
}

// TestEventsOfNoText checks that what no database stores as a text finds
// nothing, and is no fault of ours.
func TestEventsOfNoText(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s payments.Store) {
		admin := setup(t, options{store: s}).asAdmin(t)
		for _, text := range []string{"%00", "evt_%00", "%ff", "a%ed%a0%80", "%27%3B--"} {
			admin("GET", eventsPath+text+"/", nil).expectProblem(t, http.StatusNotFound, "not_found")
			admin("POST", eventsPath+text+"/replay/", map[string]any{}).expectProblem(t, http.StatusNotFound, "not_found")
			admin("POST", eventsPath+text+"/replay/", map[string]any{"dry_run": true}).expectProblem(t, http.StatusNotFound, "not_found")
			admin("GET", eventsPath+"?before="+text, nil).expectProblem(t, http.StatusBadRequest, "invalid_request", "before")
			admin("GET", endpointsPath+text+"/", nil).expectProblem(t, http.StatusNotFound, "not_found")
			if a := admin("GET", eventsPath+"?type="+text, nil); a.status >= http.StatusInternalServerError {
				t.Errorf("the type %s is %d %s", text, a.status, a.raw)
			}
		}
		for _, body := range []string{`{"type":"a\u0000"}`, `{"type":"\ud800"}`, `{"status":"failed","before":"\u0000"}`} {
			if a := admin("POST", eventsPath+"replay/", body); a.status >= http.StatusInternalServerError {
				t.Errorf("%s is %d %s", body, a.status, a.raw)
			}
		}
	})
}

func TestEventsAreForAdministrators(t *testing.T) {
	t.Parallel()
	b := setup(t, options{})
	_, service := b.key(t, payments.RoleService)
	for _, r := range []request{
		{method: "GET", path: eventsPath},
		{method: "GET", path: eventsPath + "evt_1/"},
		{method: "POST", path: eventsPath + "evt_1/replay/", body: map[string]any{}},
		{method: "POST", path: eventsPath + "replay/", body: map[string]any{"status": "failed"}},
	} {
		b.call(t, r).expectProblem(t, http.StatusUnauthorized, "unauthenticated")
		r.user = "42"
		b.call(t, r).expectProblem(t, http.StatusForbidden, "forbidden")
		r.user, r.header = "", []string{"Authorization", bearer + service, "X-User-Id", "42"}
		b.call(t, r).expectProblem(t, http.StatusForbidden, "forbidden")
	}
}

// An event whose payload was pruned is on show without it, and one that is
// about nothing that can be read is not replayed.
func TestPrunedEvents(t *testing.T) {
	t.Parallel()
	b := setup(t, options{})
	received := time.Now().Add(-time.Hour)
	err := b.store.Update(t.Context(), func(tx payments.Tx) error {
		_, err := tx.InsertEvents(t.Context(), []payments.Event{{
			ID: "evt_old", Type: "balance.available", Status: payments.EventIgnored, Source: payments.SourceWebhook,
			Created: received, ReceivedAt: received, Payload: []byte(`{"id":"evt_old"}`),
		}})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	admin := b.asAdmin(t)
	if before := admin("GET", eventsPath+"evt_old/", nil); before.json["payload"] == nil {
		t.Errorf("before it is pruned: %s", before.raw)
	}
	err = b.store.Update(t.Context(), func(tx payments.Tx) error {
		_, err := tx.PrunePayloads(t.Context(), time.Now(), 1)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	after := admin("GET", eventsPath+"evt_old/", nil)
	after.expect(t, http.StatusOK, append([]string{"payload"}, eventMembers...)...)
	if after.json["payload"] != nil {
		t.Errorf("pruned: %s", after.raw)
	}
	refused := admin("POST", eventsPath+"evt_old/replay/", map[string]any{})
	if refused.status != http.StatusBadRequest || !strings.Contains(refused.raw, "its payload was pruned") {
		t.Errorf("replayed: %d %s", refused.status, refused.raw)
	}
}
