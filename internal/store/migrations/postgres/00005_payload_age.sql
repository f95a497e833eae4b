-- Payloads are pruned by their age. This also prepares the table to become a
-- partition, while events go on to be received: what takes long here (the index,
-- and looking at each row once) locks nobody out. So it is no transaction, and
-- each step may be done again.

-- +goose NO TRANSACTION
-- +goose Up

DROP INDEX CONCURRENTLY IF EXISTS webhook_payloads_received_at;

CREATE INDEX CONCURRENTLY webhook_payloads_received_at ON webhook_payloads (received_at);

-- What is received before the month after next is to stay in this table, which
-- leaves at least a month until the next migration has to have run. The check
-- has the name that the table gets then.
-- +goose StatementBegin
DO $$
DECLARE
    latest timestamptz := greatest(now(), (SELECT max(received_at) FROM webhook_payloads));
    until  timestamp := date_trunc('month', latest AT TIME ZONE 'UTC') + interval '2 months';
    old    text;
BEGIN
    PERFORM set_config('lock_timeout', '500ms', true);
    FOR try IN 1..100 LOOP
        BEGIN
            LOCK TABLE webhook_payloads IN ACCESS EXCLUSIVE MODE;
            EXIT;
        EXCEPTION WHEN lock_not_available THEN
            IF try = 100 THEN RAISE; END IF;
            PERFORM pg_sleep(0.2);
        END;
    END LOOP;
    FOR old IN SELECT conname FROM pg_constraint
        WHERE conrelid = 'webhook_payloads'::regclass AND contype = 'c' AND starts_with(conname, 'webhook_payloads_until_') LOOP
        EXECUTE format('ALTER TABLE webhook_payloads DROP CONSTRAINT %I', old);
    END LOOP;
    EXECUTE format('ALTER TABLE webhook_payloads ADD CONSTRAINT %I CHECK (received_at < %L) NOT VALID',
        to_char(until, '"webhook_payloads_until_"YYYY_MM'), until AT TIME ZONE 'UTC');
END
$$;
-- +goose StatementEnd

-- +goose StatementBegin
DO $$
BEGIN
    EXECUTE (SELECT format('ALTER TABLE webhook_payloads VALIDATE CONSTRAINT %I', conname) FROM pg_constraint
        WHERE conrelid = 'webhook_payloads'::regclass AND contype = 'c' AND starts_with(conname, 'webhook_payloads_until_'));
END
$$;
-- +goose StatementEnd
