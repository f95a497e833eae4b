package payments_test

import (
	"context"
	"fmt"
	"log"
	"net/http/httptest"
	"os"
	"path/filepath"

	"github.com/numerai-app/payments"
	"github.com/numerai-app/payments/server"
	"github.com/numerai-app/payments/stripesim"
)

// Subscribe a user and ask who is premium, against an offline Stripe.
func Example() {
	ctx := context.Background()

	// An offline Stripe with three plans. With a real account this is done in
	// the Dashboard, and the price ids are in the environment.
	sim, err := stripesim.New(stripesim.Config{})
	if err != nil {
		log.Fatal(err)
	}
	defer sim.Close(ctx)
	stripe := httptest.NewServer(sim)
	defer stripe.Close()
	account, err := server.SetUpStripe(ctx, "sk_test_example", stripe.URL, server.StripeSetup{
		Plans: []server.PlanSetup{
			{PlanID: "basic", Name: "Basic", Amount: 999, Currency: "usd"},
			{PlanID: "premium", Name: "Premium", Amount: 1999, Currency: "usd"},
			{PlanID: "elite", Name: "Elite", Amount: 2999, Currency: "usd"},
		},
		WebhookURL: "http://127.0.0.1:8080/api/v1/payments/webhook/",
	})
	if err != nil {
		log.Fatal(err)
	}

	// The service. `payments serve` reads the same from the environment.
	folder, err := os.MkdirTemp("", "payments")
	if err != nil {
		log.Fatal(err)
	}
	defer func() {
		if err := os.RemoveAll(folder); err != nil {
			log.Print(err)
		}
	}()
	srv, err := server.New(ctx, server.Config{
		StripeSecretKey:      "sk_test_example",
		StripePublishableKey: "pk_test_example",
		StripeWebhookSecrets: []string{account.WebhookSecret},
		StripeAPIBase:        stripe.URL,
		Plans: []payments.Plan{
			{ID: "basic", Rank: 1, Prices: []string{account.Prices["basic"]}},
			{ID: "premium", Rank: 2, Prices: []string{account.Prices["premium"]}},
			{ID: "elite", Rank: 3, Prices: []string{account.Prices["elite"]}},
		},
		DatabaseURL: "sqlite:" + filepath.Join(folder, "payments.db"),
		JWTSecret:   "the key with which your application signs its users' tokens",
	})
	if err != nil {
		log.Fatal(err)
	}
	defer srv.Close()

	user := payments.User{ID: "42", Email: "ada@example.com"}
	created, err := srv.Payments().CreateSubscription(ctx, payments.CreateSubscriptionParams{
		User:            user,
		Plan:            "premium",
		PaymentMethodID: "pm_card_visa",
	})
	if err != nil {
		log.Fatal(err)
	}
	state, err := srv.Payments().SubscriptionStatus(ctx, user.ID)
	if err != nil {
		log.Fatal(err)
	}
	history, err := srv.Payments().BillingHistory(ctx, payments.BillingHistoryParams{UserID: user.ID})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(created.Message, created.Status)
	fmt.Println("premium:", state.IsPremium, "plan:", state.Plan)
	for _, entry := range history.Entries {
		fmt.Println(entry.Kind, payments.Money{Amount: entry.Amount, Currency: entry.Currency}, entry.Status)
	}
	// Output:
	// You are subscribed to Premium. active
	// premium: true plan: premium
	// invoice 19.99 USD paid
}
