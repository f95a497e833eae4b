-- Where the host application hears of what happened, and how far each event
-- has come on its way there.

-- +goose Up

-- Endpoints of host applications. What is sent is signed, so the secrets are
-- stored as they are. The types are a list with commas; empty: all.
CREATE TABLE outbound_endpoints (
    id                    text PRIMARY KEY,
    url                   text NOT NULL,
    description           text NOT NULL,
    types                 text NOT NULL,
    secret                text NOT NULL,
    previous_secret       text NOT NULL,
    previous_secret_until timestamp,
    disabled_at           timestamp,
    disabled_reason       text NOT NULL,
    failures              integer NOT NULL,
    failing_since         timestamp,
    rests_until           timestamp,
    created_at            timestamp NOT NULL,
    updated_at            timestamp NOT NULL
);

-- One row for each event and each endpoint that is to hear it. Neither is a
-- foreign key: the endpoint goes with its rows, and a delivery that is being
-- written meanwhile must not fail.
CREATE TABLE outbound_deliveries (
    endpoint_id     text NOT NULL,
    event_id        text NOT NULL,
    type            text NOT NULL,
    status          text NOT NULL CHECK (status IN ('pending', 'delivered', 'failed')),
    round           integer NOT NULL,
    attempts        integer NOT NULL,
    response_status integer NOT NULL,
    error           text NOT NULL,
    next_attempt_at timestamp,
    attempted_at    timestamp,
    created_at      timestamp NOT NULL,
    PRIMARY KEY (endpoint_id, event_id)
);

-- Nearly all are delivered, so the index of the others stays small.
CREATE INDEX outbound_deliveries_unsettled ON outbound_deliveries (endpoint_id, status, event_id)
    WHERE status <> 'delivered';
