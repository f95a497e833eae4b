package stripe_test

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/numerai-app/payments"
)

// eventList is Stripe's list of events, of which it shows those of the types
// that are asked for. It answers as Stripe documents it.
type eventList struct {
	events   []listed // oldest first
	requests int
}

type listed struct {
	id        string
	created   int64
	malformed bool
	pending   int
}

func (l *eventList) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	l.requests++
	query := r.URL.Query()
	w.Header().Set("Date", start.Format(http.TimeFormat))
	from, to := 0, len(l.events)
	for name, end := range map[string]*int{"ending_before": &from, "starting_after": &to} {
		if id := query.Get(name); id != "" {
			at := slices.IndexFunc(l.events, func(e listed) bool { return e.id == id })
			if at < 0 {
				w.WriteHeader(http.StatusBadRequest)
				fmt.Fprintf(w, `{"error":{"type":"invalid_request_error","code":"resource_missing","param":"%s","message":"No such event"}}`, name)
				return
			}
			*end = at
			if name == "ending_before" {
				*end = at + 1
			}
		}
	}
	var until int64
	if _, err := fmt.Sscan(query.Get("created[lte]"), &until); err != nil {
		until = 1 << 40
	}
	found := slices.DeleteFunc(slices.Clone(l.events[from:to]), func(e listed) bool {
		return e.created > until || query.Get("delivery_success") == "false" && e.pending == 0
	})
	limit := 10
	_, _ = fmt.Sscan(query.Get("limit"), &limit)
	more := len(found) > limit
	if more && query.Has("ending_before") {
		found = found[:limit]
	} else if more {
		found = found[len(found)-limit:]
	}
	slices.Reverse(found)
	var rows []string
	for _, e := range found {
		created := fmt.Sprint(e.created)
		if e.malformed {
			created = `"then"`
		}
		rows = append(rows, fmt.Sprintf(`{"id":%q,"object":"event","type":"customer.deleted","livemode":false,"created":%s,"data":{"object":{"id":"cus_1","object":"customer"}}}`, e.id, created))
	}
	fmt.Fprintf(w, `{"object":"list","data":[%s],"has_more":%t}`, strings.Join(rows, ","), more)
}

// numbered are events a second apart.
func numbered(count int) (events []listed) {
	for i := range count {
		events = append(events, listed{id: fmt.Sprintf("evt_%04d", i), created: 1774500000 + int64(i)})
	}
	return events
}

func ids(events []payments.Event) (ids []string) {
	for _, event := range events {
		ids = append(ids, event.ID)
	}
	return ids
}

func TestEventsAfter(t *testing.T) {
	t.Parallel()
	list := &eventList{events: numbered(250)}
	client := newFake(t, list)
	var seen []string
	after, pages := "evt_0009", 0
	for more := true; more; pages++ {
		page, err := client.EventsAfter(t.Context(), after)
		if err != nil {
			t.Fatal(err)
		}
		for _, event := range page.Events {
			if !strings.Contains(string(event.Payload), `"id":"`+event.ID+`"`) {
				t.Errorf("the payload of %s is %s", event.ID, event.Payload)
			}
		}
		seen, after, more = append(seen, ids(page.Events)...), page.Last, page.More
	}
	var want []string
	for _, event := range list.events[10:] {
		want = append(want, event.id)
	}
	if diff := cmp.Diff(want, seen); diff != "" || pages != 3 {
		t.Errorf("in %d pages (-want +got):\n%s", pages, diff)
	}
	page, err := client.EventsAfter(t.Context(), after)
	if err != nil || len(page.Events) != 0 || page.Last != "" || page.More {
		t.Errorf("after the newest: %+v, %v", page, err)
	}
	if _, err := client.EventsAfter(t.Context(), "evt_unknown"); !errors.Is(err, payments.ErrNotFound) {
		t.Errorf("after an unknown event: %v, want ErrNotFound", err)
	}
}

// TestMalformedEventInList checks that an event that cannot be read does not
// keep the others from being so, nor the list from going on.
func TestMalformedEventInList(t *testing.T) {
	t.Parallel()
	events := numbered(4)
	events[1].malformed, events[3].malformed = true, true
	page, err := newFake(t, &eventList{events: events}).EventsAfter(t.Context(), "evt_0000")
	if err != nil || page.Last != "evt_0003" || !slices.Equal(ids(page.Events), []string{"evt_0002"}) {
		t.Errorf("%+v, %v", page, err)
	}
}

func TestOldestEvents(t *testing.T) {
	t.Parallel()
	month := numbered(30)
	for i := range month {
		month[i].created += int64(i) * 24 * 3600
	}
	sameSecond := numbered(230)
	for i := range sameSecond {
		sameSecond[i].created = 1774500000
	}
	clocked := numbered(400) // customers of test clocks live at other times
	clocked[390].created, clocked[395].created = 1, 1900000000
	for name, events := range map[string][]listed{
		"none": nil, "one": numbered(1), "a month": month, "of one second": sameSecond, "test clocks": clocked,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			list := &eventList{events: events}
			client := newFake(t, list)
			page, err := client.OldestEvents(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			var want []string
			for _, event := range events {
				want = append(want, event.id)
				if event.id == page.Last {
					break
				}
			}
			if diff := cmp.Diff(want, ids(page.Events)); diff != "" {
				t.Errorf("from the oldest to the last without a gap (-want +got):\n%s", diff)
			}
			if page.More != (len(events) > 0) || list.requests > 60 {
				t.Errorf("more: %t, after %d requests", page.More, list.requests)
			}
		})
	}
}

func TestUndeliveredEvents(t *testing.T) {
	t.Parallel()
	events := numbered(1000)
	for i := range events {
		events[i].pending = i % 2
	}
	got, err := newFake(t, &eventList{events: events}).UndeliveredEvents(t.Context())
	if err != nil || len(got) != 300 || got[0].ID != "evt_0401" || got[299].ID != "evt_0999" {
		t.Errorf("%d events, %v", len(got), err)
	}
}

// TestReadCustomer checks that all that is a customer's is read, and that each
// payment intent knows its invoice.
func TestReadCustomer(t *testing.T) {
	t.Parallel()
	a := newAccount(t)
	answer := a.subscribe(t, "subscribe", "pm_card_visa")
	refund, err := http.NewRequestWithContext(t.Context(), http.MethodPost, a.url+"/v1/refunds", strings.NewReader("amount=100&charge="+answer.PaymentIntent.LatestCharge))
	if err != nil {
		t.Fatal(err)
	}
	refund.SetBasicAuth(testKey, "")
	refund.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	response, err := http.DefaultClient.Do(refund)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if _, err := a.CancelSubscription(t.Context(), "cancel", answer.Subscription.ID); err != nil {
		t.Fatal(err)
	}
	news, err := a.ReadCustomer(t.Context(), a.customer)
	if err != nil {
		t.Fatal(err)
	}
	count := map[payments.ObjectKind]int{}
	for _, object := range news.Objects {
		count[object.Ref().Kind]++
		switch o := object.(type) {
		case *payments.StripePaymentIntent:
			if !o.InvoiceKnown || o.Invoice != answer.Invoice.ID {
				t.Errorf("the intent pays %q, known: %t", o.Invoice, o.InvoiceKnown)
			}
		case *payments.StripeSubscription:
			if o.Status != payments.StatusCanceled {
				t.Errorf("the subscription is %s", o.Status)
			}
		}
	}
	want := map[payments.ObjectKind]int{
		payments.KindCustomer: 1, payments.KindSubscription: 1, payments.KindInvoice: 1, payments.KindInvoicePayment: 1,
		payments.KindPaymentIntent: 1, payments.KindCharge: 1, payments.KindRefund: 1,
	}
	if diff := cmp.Diff(want, count); diff != "" || news.Objects[0].Ref().ID != a.customer || !news.Read {
		t.Errorf("what was read (-want +got):\n%s", diff)
	}
	if _, err := a.ReadCustomer(t.Context(), "cus_none"); !errors.Is(err, payments.ErrNotFound) {
		t.Errorf("an unknown customer: %v, want ErrNotFound", err)
	}
}
