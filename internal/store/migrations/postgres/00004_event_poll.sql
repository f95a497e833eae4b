-- How far Stripe's list of events was read, in one row, and the work of that
-- job which takes several runs. Subscriptions whose period is over are found by
-- its end.

-- +goose Up

CREATE TABLE event_poll (
    id           bigint PRIMARY KEY CHECK (id = 1),
    runs         bigint NOT NULL,
    anchor       text COLLATE "C" NOT NULL,
    head         text COLLATE "C" NOT NULL,
    head_at      timestamptz,
    behind       boolean NOT NULL,
    reached      timestamptz,
    polled_at    timestamptz,
    reread       boolean NOT NULL,
    reread_after text COLLATE "C" NOT NULL,
    overdue_at   timestamptz
);

-- Hardly ever more than a few rows at its beginning: a period that ended is
-- soon followed by another.
CREATE INDEX subscriptions_overdue ON subscriptions (current_period_end, stripe_subscription_id)
    WHERE status NOT IN ('canceled', 'incomplete_expired', 'paused');
