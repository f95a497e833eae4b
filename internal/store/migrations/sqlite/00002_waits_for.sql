-- An event about an object whose user is not known waits for the object that
-- would tell: it is processed as soon as that is heard of.

-- +goose Up

ALTER TABLE webhook_events ADD COLUMN waits_for text NOT NULL DEFAULT '';

CREATE INDEX webhook_events_waiting ON webhook_events (waits_for) WHERE waits_for <> '' AND status = 'pending';
