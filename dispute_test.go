package payments_test

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/numerai-app/payments"
	"github.com/numerai-app/payments/internal/storetest"
)

// TestDisputes: the bank takes back the money of a subscription's payment. The
// row of it is pending until the bank has decided; an inquiry has none.
func TestDisputes(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, card, evidence string
		want                 payments.BillingStatus // empty: no row
	}{
		{"not answered yet", "pm_card_createDispute", "", payments.BillingPending},
		{"won", "pm_card_createDispute", "winning_evidence", payments.BillingVoid},
		{"lost", "pm_card_createDispute", "losing_evidence", payments.BillingPaid},
		{"an inquiry", "pm_card_createDisputeInquiry", "", ""},
		{"an inquiry that is answered", "pm_card_createDisputeInquiry", "winning_evidence", ""},
		{"an inquiry that becomes a dispute", "pm_card_createDisputeInquiry", "escalate_inquiry_evidence", payments.BillingPending},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			storetest.Each(t, func(t *testing.T, store payments.Store) {
				l := newLife(t, rand.New(rand.NewPCG(1, 7)))
				l.users = []string{"user0"}
				customer := l.call(t, "POST", "/v1/customers", "metadata[user_id]=user0")["id"].(string)
				method := l.call(t, "POST", "/v1/payment_methods/"+test.card+"/attach", "customer="+customer)["id"].(string)
				subscription := l.call(t, "POST", "/v1/subscriptions", "customer="+customer+"&items[0][price]="+l.prices[0]+"&default_payment_method="+method)
				dispute := l.call(t, "GET", "/v1/disputes", "")["data"].([]any)[0].(map[string]any)
				if test.evidence != "" {
					l.call(t, "POST", "/v1/disputes/"+dispute["id"].(string), "evidence[uncategorized_text]="+test.evidence+"&submit=true")
					l.advance(t, time.Minute)
				}
				l.await(t)
				l.end()
				s := l.service(t, store)
				l.deliver(t, s, l.events)
				want := payments.BillingEntry{
					Kind: payments.BillingDispute, Source: dispute["id"].(string), Status: test.want, Amount: -999, Currency: "usd",
					UserID: "user0", StripeSubscriptionID: subscription["id"].(string), StripePaymentIntentID: dispute["payment_intent"].(string),
					Description: "Dispute", CreatedAt: time.Unix(int64(dispute["created"].(float64)), 0).UTC(),
				}
				checkDispute(t, l.state(t, s).History["user0"], want)
				checkDisputeIsRead(t, l, customer, dispute)
			})
		})
	}
}

// checkDispute looks for the row of a dispute. Without a status there is none.
func checkDispute(t *testing.T, history []payments.BillingEntry, want payments.BillingEntry) {
	t.Helper()
	var rows []payments.BillingEntry
	for _, entry := range history {
		if entry.Kind == payments.BillingDispute {
			entry.ID, entry.UpdatedAt = "", time.Time{}
			rows = append(rows, entry)
		}
	}
	var wanted []payments.BillingEntry
	if want.Status != "" {
		wanted = append(wanted, want)
	}
	if diff := cmp.Diff(wanted, rows); diff != "" {
		t.Errorf("the rows of disputes (-want +got):\n%s", diff)
	}
}

// checkDisputeIsRead: where its events were missed, a dispute comes with all
// else that is the customer's, or with its charge.
func checkDisputeIsRead(t *testing.T, l *life, customer string, dispute map[string]any) {
	t.Helper()
	client := newClient(t, l.url)
	byCustomer, err := client.ReadCustomer(t.Context(), customer)
	if err != nil {
		t.Fatal(err)
	}
	byCharge, err := client.Read(t.Context(), payments.Ref{Kind: payments.KindCharge, ID: dispute["charge"].(string)})
	if err != nil {
		t.Fatal(err)
	}
	byItself, err := client.Read(t.Context(), payments.Ref{Kind: payments.KindDispute, ID: dispute["id"].(string)})
	if err != nil {
		t.Fatal(err)
	}
	for how, news := range map[string]payments.News{"customer": byCustomer, "charge": byCharge, "itself": byItself} {
		if !slices.ContainsFunc(news.Objects, func(o payments.Object) bool { return o.Ref().ID == dispute["id"] }) {
			t.Errorf("the dispute does not come with the %s: %+v", how, news.Objects)
		}
	}
}
