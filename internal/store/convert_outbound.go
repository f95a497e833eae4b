package store

import (
	"strings"

	"github.com/numerai-app/payments"
	"github.com/numerai-app/payments/internal/store/queries"
)

func outboundOf(r queries.OutboundEvent) payments.OutboundEvent {
	return payments.OutboundEvent{
		ID: r.ID, Type: payments.OutboundType(r.Type), UserID: r.UserID, Data: r.Data, CreatedAt: r.CreatedAt,
	}
}

func endpointRow(e payments.Endpoint) queries.OutboundEndpoint {
	types := make([]string, len(e.Types))
	for i, kind := range e.Types {
		types[i] = string(kind)
	}
	return queries.OutboundEndpoint{
		ID: e.ID, URL: e.URL, Description: e.Description, Types: strings.Join(types, ","), Secret: e.Secret,
		PreviousSecret: e.PreviousSecret, PreviousSecretUntil: utcOrNil(e.PreviousSecretUntil),
		DisabledAt: utcOrNil(e.DisabledAt), DisabledReason: e.DisabledReason, Failures: int64(e.Failures),
		FailingSince: utcOrNil(e.FailingSince), RestsUntil: utcOrNil(e.RestsUntil),
		CreatedAt: utc(e.CreatedAt), UpdatedAt: utc(e.UpdatedAt),
	}
}

func endpointOf(r queries.OutboundEndpoint) payments.Endpoint {
	types := []payments.OutboundType{}
	for kind := range strings.SplitSeq(r.Types, ",") {
		if kind != "" {
			types = append(types, payments.OutboundType(kind))
		}
	}
	return payments.Endpoint{
		ID: r.ID, URL: r.URL, Description: r.Description, Types: types, Secret: r.Secret,
		PreviousSecret: r.PreviousSecret, PreviousSecretUntil: r.PreviousSecretUntil,
		DisabledAt: r.DisabledAt, DisabledReason: r.DisabledReason, Failures: int(r.Failures),
		FailingSince: r.FailingSince, RestsUntil: r.RestsUntil, CreatedAt: r.CreatedAt, UpdatedAt: r.UpdatedAt,
	}
}

func deliveryRow(d payments.Delivery) queries.OutboundDelivery {
	return queries.OutboundDelivery{
		EndpointID: d.EndpointID, EventID: d.EventID, Type: string(d.Type), Status: string(d.Status),
		Round: int64(d.Round), Attempts: int64(d.Attempts), ResponseStatus: int64(d.ResponseStatus), Error: d.Error,
		NextAttemptAt: utcOrNil(d.NextAttemptAt), AttemptedAt: utcOrNil(d.AttemptedAt), CreatedAt: utc(d.CreatedAt),
	}
}

func deliveryOf(r queries.OutboundDelivery) payments.Delivery {
	return payments.Delivery{
		EndpointID: r.EndpointID, EventID: r.EventID, Type: payments.OutboundType(r.Type),
		Status: payments.DeliveryStatus(r.Status), Round: int(r.Round), Attempts: int(r.Attempts),
		ResponseStatus: int(r.ResponseStatus), Error: r.Error,
		NextAttemptAt: r.NextAttemptAt, AttemptedAt: r.AttemptedAt, CreatedAt: r.CreatedAt,
	}
}
