-- The first schema. Its twin for PostgreSQL has the same number, the same tables
-- and the same columns; a test compares them.
--
-- Text that is unknown is '', a time that is unknown is NULL. Amounts are in
-- the smallest unit of their currency. Foreign keys are checked at the commit,
-- so the rows of one transaction may be written in any order.
--
-- The driver keeps a timestamp as text in UTC, which sorts as the time does,
-- and a boolean as 0 or 1.

-- +goose Up

-- Users of the application, by its own id, with the premium rule's answer as
-- of the last change.
CREATE TABLE users (
    id                 text PRIMARY KEY,
    email              text NOT NULL,
    name               text NOT NULL,
    stripe_customer_id text NOT NULL,
    test_clock         text NOT NULL,
    is_premium         boolean NOT NULL,
    plan               text NOT NULL,
    premium_until      timestamp,
    recheck_at         timestamp,
    created_at         timestamp NOT NULL,
    updated_at         timestamp NOT NULL
);

-- One customer is one user's. Users without a customer do not collide.
CREATE UNIQUE INDEX users_stripe_customer_id ON users (stripe_customer_id) WHERE stripe_customer_id <> '';
-- The sweep of what time alone changes; most users wait for nothing.
CREATE INDEX users_recheck_at ON users (recheck_at) WHERE recheck_at IS NOT NULL;

-- Subscriptions as Stripe last told them. Only Stripe's id is unique: the
-- Dashboard can make a second live one, and the mirror holds what Stripe says.
-- The plan has a version of its own, since a price that no plan names leaves
-- the last known plan alone.
CREATE TABLE subscriptions (
    id                     text PRIMARY KEY,
    stripe_subscription_id text NOT NULL UNIQUE,
    stripe_customer_id     text NOT NULL,
    user_id                text NOT NULL REFERENCES users (id) DEFERRABLE INITIALLY DEFERRED,
    plan                   text NOT NULL,
    plan_stage             integer NOT NULL,
    plan_as_of             timestamp,
    plan_growth            integer NOT NULL,
    unmapped               boolean NOT NULL,
    price                  text NOT NULL,
    quantity               integer NOT NULL,
    status                 text NOT NULL CHECK (status IN (
        'incomplete', 'incomplete_expired', 'trialing', 'active', 'past_due', 'unpaid', 'paused', 'canceled')),
    current_period_start   timestamp,
    current_period_end     timestamp,
    cancel_at_period_end   boolean NOT NULL,
    cancel_at              timestamp,
    canceled_at            timestamp,
    ended_at               timestamp,
    trial_start            timestamp,
    trial_end              timestamp,
    pause_behavior         text NOT NULL,
    pause_resumes_at       timestamp,
    latest_invoice         text NOT NULL,
    unpaid_since           timestamp,
    stage                  integer NOT NULL,
    as_of                  timestamp NOT NULL,
    growth                 integer NOT NULL,
    created_at             timestamp NOT NULL,
    updated_at             timestamp NOT NULL
);

CREATE INDEX subscriptions_user_id ON subscriptions (user_id, created_at, stripe_subscription_id);
-- What a new catalog of plans may map; hardly ever more than a few rows.
CREATE INDEX subscriptions_unmapped ON subscriptions (stripe_subscription_id)
    WHERE unmapped AND status NOT IN ('canceled', 'incomplete_expired');

-- What Stripe last said of each other object: the fields that are used, in
-- JSON, with the links by which it is found. Each object has a clock of its
-- own, so the news of one never makes another look old. The user is not a
-- foreign key: an object may be kept before its user is known.
CREATE TABLE stripe_objects (
    id             text PRIMARY KEY,
    kind           text NOT NULL,
    user_id        text NOT NULL,
    stage          integer NOT NULL,
    as_of          timestamp NOT NULL,
    growth         integer NOT NULL,
    status         text NOT NULL,
    customer       text NOT NULL,
    subscription   text NOT NULL,
    invoice        text NOT NULL,
    payment_intent text NOT NULL,
    charge         text NOT NULL,
    data           blob NOT NULL
);

CREATE INDEX stripe_objects_invoice ON stripe_objects (invoice) WHERE invoice <> '';
CREATE INDEX stripe_objects_payment_intent ON stripe_objects (payment_intent) WHERE payment_intent <> '';
CREATE INDEX stripe_objects_charge ON stripe_objects (charge) WHERE charge <> '';
-- Grace begins at the oldest open invoice. Few invoices are open at a time.
CREATE INDEX stripe_objects_open_invoices ON stripe_objects (subscription)
    WHERE kind = 'invoice' AND status = 'open';

-- Payments, computed from stripe_objects. All tries of one payment intent are
-- one row.
CREATE TABLE payments (
    id                       text PRIMARY KEY,
    stripe_payment_intent_id text NOT NULL UNIQUE,
    stripe_charge_id         text NOT NULL,
    user_id                  text NOT NULL REFERENCES users (id) DEFERRABLE INITIALLY DEFERRED,
    stripe_subscription_id   text NOT NULL,
    stripe_invoice_id        text NOT NULL,
    amount                   integer NOT NULL,
    amount_refunded          integer NOT NULL,
    currency                 text NOT NULL,
    status                   text NOT NULL CHECK (status IN (
        'pending', 'succeeded', 'failed', 'canceled', 'refunded', 'partially_refunded')),
    failure_code             text NOT NULL,
    decline_code             text NOT NULL,
    description              text NOT NULL,
    metadata                 text NOT NULL, -- JSON; jsonb would refuse what Stripe allows
    created_at               timestamp NOT NULL,
    updated_at               timestamp NOT NULL
);

-- A charge belongs to one payment.
CREATE UNIQUE INDEX payments_stripe_charge_id ON payments (stripe_charge_id) WHERE stripe_charge_id <> '';
CREATE INDEX payments_user_id ON payments (user_id);

-- One row per movement of money, computed from stripe_objects. Money that goes
-- back is negative.
CREATE TABLE billing_history (
    id                       text PRIMARY KEY,
    kind                     text NOT NULL CHECK (kind IN ('invoice', 'payment', 'refund', 'dispute')),
    source                   text NOT NULL,
    user_id                  text NOT NULL REFERENCES users (id) DEFERRABLE INITIALLY DEFERRED,
    stripe_subscription_id   text NOT NULL,
    stripe_payment_intent_id text NOT NULL,
    amount                   integer NOT NULL,
    currency                 text NOT NULL,
    description              text NOT NULL,
    status                   text NOT NULL CHECK (status IN ('paid', 'pending', 'failed', 'void')),
    invoice_url              text NOT NULL,
    invoice_pdf              text NOT NULL,
    period_start             timestamp,
    period_end               timestamp,
    created_at               timestamp NOT NULL,
    updated_at               timestamp NOT NULL,
    UNIQUE (kind, source)
);

-- The order in which pages are read, newest first.
CREATE INDEX billing_history_user_id ON billing_history (user_id, created_at DESC, id DESC);

-- Every event that was ever received. Its key is what makes an event count
-- once, however often and by whichever way it comes.
CREATE TABLE webhook_events (
    id           text PRIMARY KEY,
    type         text NOT NULL,
    api_version  text NOT NULL,
    livemode     boolean NOT NULL,
    account      text NOT NULL,
    object_kind  text NOT NULL,
    object_id    text NOT NULL,
    customer_id  text NOT NULL,
    created      timestamp NOT NULL,
    received_at  timestamp NOT NULL,
    status       text NOT NULL CHECK (status IN ('pending', 'processed', 'ignored', 'failed')),
    reason       text NOT NULL,
    attempts     integer NOT NULL,
    error        text NOT NULL,
    processed_at timestamp,
    source       text NOT NULL CHECK (source IN ('webhook', 'poll', 'replay'))
);

CREATE INDEX webhook_events_received_at ON webhook_events (received_at, id);
-- Nearly all events are processed, so the indexes of the others stay small.
CREATE INDEX webhook_events_unsettled ON webhook_events (status, received_at, id) WHERE status <> 'processed';
CREATE INDEX webhook_events_pending ON webhook_events (object_id) WHERE status = 'pending';
CREATE INDEX webhook_events_unowned ON webhook_events (customer_id, reason)
    WHERE customer_id <> '' AND status IN ('pending', 'ignored');

-- The bodies of events, byte for byte: text would refuse NUL and broken UTF-8.
-- A table of its own, so that it can be partitioned by month, which a table
-- whose unique key leaves out the month cannot be.
CREATE TABLE webhook_payloads (
    event_id    text NOT NULL,
    received_at timestamp NOT NULL,
    payload     blob NOT NULL,
    PRIMARY KEY (event_id, received_at)
);

-- The wish to read an object from Stripe; one row per object, however many wish.
CREATE TABLE refreshes (
    object_id  text PRIMARY KEY,
    kind       text NOT NULL,
    wishes     integer NOT NULL,
    newer_than timestamp,
    reason     text NOT NULL,
    due_at     timestamp NOT NULL,
    queued     boolean NOT NULL
);

CREATE INDEX refreshes_due_at ON refreshes (due_at, object_id);

-- Requests that change something at Stripe, recorded before Stripe is called.
-- The user is not a foreign key: the request comes before the user's row.
CREATE TABLE operations (
    id              text PRIMARY KEY,
    user_id         text NOT NULL,
    kind            text NOT NULL,
    idempotency_key text NOT NULL,
    request_hash    text NOT NULL,
    request         blob NOT NULL,
    open            boolean NOT NULL,
    progress        blob,
    lease           text NOT NULL,
    lease_until     timestamp NOT NULL,
    reply_code      text NOT NULL,
    reply           blob,
    created_at      timestamp NOT NULL,
    finished_at     timestamp,
    CHECK (open = (finished_at IS NULL))
);

-- A user has one open operation at most: it is what serialises a user's
-- requests over all processes.
CREATE UNIQUE INDEX operations_open ON operations (user_id) WHERE open;
CREATE UNIQUE INDEX operations_idempotency_key ON operations (user_id, idempotency_key) WHERE idempotency_key <> '';
CREATE INDEX operations_replies ON operations (user_id, finished_at) WHERE NOT open;
CREATE INDEX operations_finished_at ON operations (finished_at) WHERE NOT open;

-- Access given by an administrator, which Stripe does not know of.
CREATE TABLE grants (
    id         text PRIMARY KEY,
    user_id    text NOT NULL REFERENCES users (id) DEFERRABLE INITIALLY DEFERRED,
    plan       text NOT NULL,
    until      timestamp,
    granted_by text NOT NULL,
    note       text NOT NULL,
    created_at timestamp NOT NULL
);

CREATE INDEX grants_user_id ON grants (user_id, created_at, id);

-- What the host application is told, committed with the change it speaks of.
CREATE TABLE outbound_events (
    id         text PRIMARY KEY,
    type       text NOT NULL,
    user_id    text NOT NULL,
    data       blob NOT NULL,
    created_at timestamp NOT NULL
);

CREATE INDEX outbound_events_created_at ON outbound_events (created_at, id);

-- Keys of back ends and administrators. Secrets are stored hashed only.
CREATE TABLE api_keys (
    id         text PRIMARY KEY,
    role       text NOT NULL CHECK (role IN ('service', 'admin')),
    name       text NOT NULL,
    hash       text NOT NULL UNIQUE,
    created_at timestamp NOT NULL,
    revoked_at timestamp
);
