-- How far Stripe's list of events was read, in one row, and the work of that
-- job which takes several runs. Subscriptions whose period is over are found by
-- its end.

-- +goose Up

CREATE TABLE event_poll (
    id           integer PRIMARY KEY CHECK (id = 1),
    runs         integer NOT NULL,
    anchor       text NOT NULL,
    head         text NOT NULL,
    head_at      timestamp,
    behind       boolean NOT NULL,
    reached      timestamp,
    polled_at    timestamp,
    reread       boolean NOT NULL,
    reread_after text NOT NULL,
    overdue_at   timestamp
);

-- Hardly ever more than a few rows at its beginning: a period that ended is
-- soon followed by another.
CREATE INDEX subscriptions_overdue ON subscriptions (current_period_end, stripe_subscription_id)
    WHERE status NOT IN ('canceled', 'incomplete_expired', 'paused');
