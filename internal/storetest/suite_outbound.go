package storetest

import (
	"context"
	"fmt"
	"testing"

	"github.com/numerai-app/payments"
)

func checkOutbound(t *testing.T, s payments.Store) {
	e := payments.OutboundEvent{
		ID: "pevt_1", Type: payments.OutboundPremiumChanged, UserID: "u", Data: []byte(`{"a":"b"}`), CreatedAt: at(0),
	}
	update(t, s, func(ctx context.Context, tx payments.Tx) error { return tx.InsertOutbound(ctx, e) })
	err := s.Update(t.Context(), func(tx payments.Tx) error { return tx.InsertOutbound(t.Context(), e) })
	isKind(t, err, payments.ErrConflict)
	view(t, s, func(ctx context.Context, tx payments.Tx) error {
		got, err := tx.Outbound(ctx, "pevt_1")
		equal(t, "an outbound event", got, e)
		if err != nil {
			return err
		}
		_, err = tx.Outbound(ctx, "pevt_2")
		isKind(t, err, payments.ErrNotFound)
		return nil
	})
}

// someEndpoint is an endpoint whose fields are all set.
func someEndpoint(id string, second int) payments.Endpoint {
	return payments.Endpoint{
		ID: id, URL: "https://app.example.com/hooks", Description: "the \"app\"",
		Types:  []payments.OutboundType{payments.OutboundPaymentFailed, payments.OutboundPremiumChanged},
		Secret: "whsec_a", PreviousSecret: "whsec_b", PreviousSecretUntil: pointer(at(60)),
		DisabledAt: pointer(at(5)), DisabledReason: "gone", Failures: 4, FailingSince: pointer(at(2)), RestsUntil: pointer(at(9)),
		CreatedAt: at(second), UpdatedAt: at(7),
	}
}

func checkEndpoints(t *testing.T, s payments.Store) {
	first, second := someEndpoint("pep_2", 0), someEndpoint("pep_1", 1)
	second.Types = []payments.OutboundType{}
	expect := func(ctx context.Context, tx payments.Tx, want ...payments.Endpoint) error {
		got, err := tx.Endpoints(ctx)
		equal(t, "the endpoints", got, want)
		return err
	}
	update(t, s, func(ctx context.Context, tx payments.Tx) error {
		// What a transaction wrote it reads, however often it asked before.
		if err := expect(ctx, tx, []payments.Endpoint{}...); err != nil {
			return err
		}
		if err := tx.PutEndpoint(ctx, second); err != nil {
			return err
		}
		if err := expect(ctx, tx, second); err != nil {
			return err
		}
		return tx.PutEndpoint(ctx, first)
	})
	first = payments.Endpoint{ID: first.ID, URL: "http://other", Types: []payments.OutboundType{}, CreatedAt: at(0), UpdatedAt: at(8)}
	update(t, s, func(ctx context.Context, tx payments.Tx) error { return tx.PutEndpoint(ctx, first) })
	view(t, s, func(ctx context.Context, tx payments.Tx) error {
		for range 2 {
			if err := expect(ctx, tx, first, second); err != nil {
				return err
			}
		}
		got, err := tx.Endpoint(ctx, "pep_1")
		equal(t, "an endpoint", got, second)
		return err
	})
	update(t, s, func(ctx context.Context, tx payments.Tx) error {
		if err := tx.DeleteEndpoint(ctx, "pep_none"); err != nil {
			return err
		}
		if err := tx.DeleteEndpoint(ctx, "pep_2"); err != nil {
			return err
		}
		_, err := tx.Endpoint(ctx, "pep_2")
		isKind(t, err, payments.ErrNotFound)
		return expect(ctx, tx, second)
	})
}

func checkDeliveries(t *testing.T, s payments.Store) {
	statuses := []payments.DeliveryStatus{payments.DeliveryDelivered, payments.DeliveryFailed, payments.DeliveryPending, payments.DeliveryFailed}
	var all []payments.Delivery // newest event first
	for i, status := range statuses {
		all = append([]payments.Delivery{{
			EndpointID: "pep_1", EventID: fmt.Sprint("pevt_", i), Type: payments.OutboundPaymentFailed, Status: status, Round: 2, Attempts: 3,
			ResponseStatus: 500, Error: "answered 500", NextAttemptAt: pointer(at(60)), AttemptedAt: pointer(at(50)), CreatedAt: at(i),
		}}, all...)
	}
	other := payments.Delivery{EndpointID: "pep_2", EventID: "pevt_1", Type: payments.OutboundPaymentFailed, Status: payments.DeliveryFailed, CreatedAt: at(1)}
	update(t, s, func(ctx context.Context, tx payments.Tx) error {
		for _, d := range append([]payments.Delivery{other}, all...) {
			if err := tx.PutDelivery(ctx, d); err != nil {
				return err
			}
		}
		return nil
	})
	for what, c := range map[string]struct {
		filter payments.DeliveryFilter
		want   []payments.Delivery
	}{
		"all":               {payments.DeliveryFilter{}, all},
		"a page":            {payments.DeliveryFilter{Before: "pevt_3", Limit: 2}, all[1:3]},
		"delivered":         {payments.DeliveryFilter{Status: payments.DeliveryDelivered}, all[3:]},
		"failed":            {payments.DeliveryFilter{Status: payments.DeliveryFailed}, []payments.Delivery{all[0], all[2]}},
		"failed since":      {payments.DeliveryFilter{Status: payments.DeliveryFailed, Since: at(2)}, all[:1]},
		"a page of failed":  {payments.DeliveryFilter{Status: payments.DeliveryFailed, Before: "pevt_3", Limit: 1}, all[2:3]},
		"all since":         {payments.DeliveryFilter{Since: at(3)}, all[:1]},
		"pending too early": {payments.DeliveryFilter{Status: payments.DeliveryPending, Before: "pevt_2"}, []payments.Delivery{}},
	} {
		view(t, s, func(ctx context.Context, tx payments.Tx) error {
			c.filter.EndpointID = "pep_1"
			got, err := tx.Deliveries(ctx, c.filter)
			equal(t, what, append([]payments.Delivery{}, got...), c.want)
			return err
		})
	}
	done := all[0]
	done.Status, done.Round, done.Attempts, done.ResponseStatus = payments.DeliveryDelivered, 3, 1, 204
	done.Error, done.NextAttemptAt, done.AttemptedAt = "", nil, pointer(at(90))
	update(t, s, func(ctx context.Context, tx payments.Tx) error { return tx.PutDelivery(ctx, done) })
	update(t, s, func(ctx context.Context, tx payments.Tx) error {
		got, err := tx.Delivery(ctx, "pep_1", "pevt_3")
		equal(t, "a delivery", got, done)
		if err != nil {
			return err
		}
		return tx.DeleteEndpoint(ctx, "pep_1")
	})
	view(t, s, func(ctx context.Context, tx payments.Tx) error {
		_, err := tx.Delivery(ctx, "pep_1", "pevt_3")
		isKind(t, err, payments.ErrNotFound)
		got, err := tx.Delivery(ctx, "pep_2", "pevt_1")
		equal(t, "a delivery to another endpoint", got, other)
		return err
	})
}
