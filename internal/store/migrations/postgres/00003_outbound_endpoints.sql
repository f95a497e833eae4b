-- Where the host application hears of what happened, and how far each event
-- has come on its way there.

-- +goose Up

-- Endpoints of host applications. What is sent is signed, so the secrets are
-- stored as they are. The types are a list with commas; empty: all.
CREATE TABLE outbound_endpoints (
    id                    text COLLATE "C" PRIMARY KEY,
    url                   text NOT NULL,
    description           text NOT NULL,
    types                 text NOT NULL,
    secret                text NOT NULL,
    previous_secret       text NOT NULL,
    previous_secret_until timestamptz,
    disabled_at           timestamptz,
    disabled_reason       text NOT NULL,
    failures              bigint NOT NULL,
    failing_since         timestamptz,
    rests_until           timestamptz,
    created_at            timestamptz NOT NULL,
    updated_at            timestamptz NOT NULL
);

-- One row for each event and each endpoint that is to hear it. Neither is a
-- foreign key: the endpoint goes with its rows, and a delivery that is being
-- written meanwhile must not fail.
CREATE TABLE outbound_deliveries (
    endpoint_id     text COLLATE "C" NOT NULL,
    event_id        text COLLATE "C" NOT NULL,
    type            text NOT NULL,
    status          text NOT NULL CHECK (status IN ('pending', 'delivered', 'failed')),
    round           bigint NOT NULL,
    attempts        bigint NOT NULL,
    response_status bigint NOT NULL,
    error           text NOT NULL,
    next_attempt_at timestamptz,
    attempted_at    timestamptz,
    created_at      timestamptz NOT NULL,
    PRIMARY KEY (endpoint_id, event_id)
);

-- Nearly all are delivered, so the index of the others stays small.
CREATE INDEX outbound_deliveries_unsettled ON outbound_deliveries (endpoint_id, status, event_id)
    WHERE status <> 'delivered';
