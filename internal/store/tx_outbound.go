package store

import (
	"context"
	"slices"

	"github.com/numerai-app/payments"
	"github.com/numerai-app/payments/internal/store/queries"
)

// What the host application is told, and where.

func (t *transaction) InsertOutbound(ctx context.Context, e payments.OutboundEvent) error {
	return t.fail("store the outbound event", t.writes.InsertOutbound(ctx, queries.InsertOutboundParams{
		ID: e.ID, Type: string(e.Type), UserID: e.UserID, Data: notNull(e.Data), CreatedAt: utc(e.CreatedAt),
	}))
}

func (t *transaction) Outbound(ctx context.Context, id string) (payments.OutboundEvent, error) {
	row, err := t.queries.Outbound(ctx, id)
	return found(t, row, err, outboundOf, "outbound event", id)
}

func (t *transaction) Endpoint(ctx context.Context, id string) (payments.Endpoint, error) {
	row, err := t.queries.Endpoint(ctx, id)
	return found(t, row, err, endpointOf, "endpoint", id)
}

func (t *transaction) Endpoints(ctx context.Context) ([]payments.Endpoint, error) {
	if t.known.endpoints == nil {
		rows, err := t.queries.Endpoints(ctx)
		endpoints, err := list(t, rows, err, endpointOf, "endpoints")
		if err != nil {
			return nil, err
		}
		t.known.endpoints = endpoints
	}
	return slices.Clone(t.known.endpoints), nil
}

func (t *transaction) PutEndpoint(ctx context.Context, e payments.Endpoint) error {
	t.known.endpoints = nil
	return t.fail("store the endpoint", t.writes.PutEndpoint(ctx, queries.PutEndpointParams(endpointRow(e))))
}

func (t *transaction) DeleteEndpoint(ctx context.Context, id string) error {
	t.known.endpoints = nil
	if err := t.writes.DeleteDeliveries(ctx, id); err != nil {
		return t.fail("delete the endpoint's deliveries", err)
	}
	return t.fail("delete the endpoint", t.writes.DeleteEndpoint(ctx, id))
}

// The number of deliveries that a filter lists.
const (
	defaultDeliveries = 50
	maxDeliveries     = 1000
)

func (t *transaction) Deliveries(ctx context.Context, filter payments.DeliveryFilter) ([]payments.Delivery, error) {
	limit := filter.Limit
	if limit <= 0 {
		limit = defaultDeliveries
	}
	p := queries.DeliveriesParams{
		EndpointID: filter.EndpointID, Before: filter.Before, Status: string(filter.Status), Since: utc(filter.Since),
		MaxRows: rowLimit(min(limit, maxDeliveries)),
	}
	var rows []queries.OutboundDelivery
	var err error
	if filter.Status == "" || filter.Status == payments.DeliveryDelivered {
		rows, err = t.queries.Deliveries(ctx, p)
	} else {
		rows, err = t.queries.UnsettledDeliveries(ctx, queries.UnsettledDeliveriesParams{
			EndpointID: p.EndpointID, Status: p.Status, Before: p.Before, Since: p.Since, MaxRows: p.MaxRows,
		})
	}
	return list(t, rows, err, deliveryOf, "deliveries")
}

func (t *transaction) Delivery(ctx context.Context, endpointID, eventID string) (payments.Delivery, error) {
	row, err := t.queries.Delivery(ctx, queries.DeliveryParams{EndpointID: endpointID, EventID: eventID})
	return found(t, row, err, deliveryOf, "delivery of", eventID)
}

func (t *transaction) PutDelivery(ctx context.Context, d payments.Delivery) error {
	return t.fail("store the delivery", t.writes.PutDelivery(ctx, queries.PutDeliveryParams(deliveryRow(d))))
}
