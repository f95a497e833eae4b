package stripesim_test

import (
	"context"
	"fmt"
	"net/http/httptest"
	"time"

	stripe "github.com/stripe/stripe-go/v85"

	"github.com/numerai-app/payments/stripesim"
)

// A subscription is made with Stripe's own client, and a week passes.
func Example() {
	ctx := context.Background()
	sim, err := stripesim.New(stripesim.Config{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer sim.Close(ctx)
	server := httptest.NewServer(sim)
	defer server.Close()
	client := stripe.NewClient("sk_test_any", stripe.WithBackends(stripe.NewBackendsWithConfig(&stripe.BackendConfig{
		URL: stripe.String(server.URL),
	})))

	price, err := client.V1Prices.Create(ctx, &stripe.PriceCreateParams{
		Currency: stripe.String("usd"), UnitAmount: stripe.Int64(500),
		ProductData: &stripe.PriceCreateProductDataParams{Name: stripe.String("Tea")},
		Recurring:   &stripe.PriceCreateRecurringParams{Interval: stripe.String("week")},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	customer, err := client.V1Customers.Create(ctx, &stripe.CustomerCreateParams{
		PaymentMethod: stripe.String("pm_card_visa"),
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	for method, err := range client.V1PaymentMethods.List(ctx, &stripe.PaymentMethodListParams{Customer: &customer.ID}).All(ctx) {
		if err != nil {
			fmt.Println(err)
			return
		}
		subscription, err := client.V1Subscriptions.Create(ctx, &stripe.SubscriptionCreateParams{
			Customer: &customer.ID, DefaultPaymentMethod: &method.ID,
			Items: []*stripe.SubscriptionCreateItemParams{{Price: &price.ID}},
		})
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println("subscribed:", subscription.Status)
	}
	if err := sim.Advance(ctx, 7*24*time.Hour+time.Hour); err != nil {
		fmt.Println(err)
		return
	}
	for invoice, err := range client.V1Invoices.List(ctx, &stripe.InvoiceListParams{Customer: &customer.ID}).All(ctx) {
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(invoice.BillingReason, invoice.AmountPaid, invoice.Status)
	}
	// Output:
	// subscribed: active
	// subscription_cycle 500 paid
	// subscription_create 500 paid
}
