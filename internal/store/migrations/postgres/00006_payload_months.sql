-- Payloads are partitioned by the month in which they were received, so that
-- they can be pruned by dropping a month. What there is stays where it is: the
-- table becomes the first partition, with the bound that 00005 had checked, so
-- nothing is copied and nothing read. Months are made ahead by the program;
-- what falls in none goes to the default partition. Programs that know nothing
-- of this write and read on.

-- +goose Up

-- +goose StatementBegin
DO $$
DECLARE
    old     text; -- webhook_payloads_until_YYYY_MM
    until   timestamptz;
    granted record;
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
    SELECT conname INTO STRICT old FROM pg_constraint
        WHERE conrelid = 'webhook_payloads'::regclass AND contype = 'c' AND starts_with(conname, 'webhook_payloads_until_');
    until := make_timestamptz(substr(old, length(old) - 6, 4)::int, right(old, 2)::int, 1, 0, 0, 0, 'UTC');

    EXECUTE format('ALTER TABLE webhook_payloads RENAME TO %I', old);
    EXECUTE format('ALTER INDEX webhook_payloads_pkey RENAME TO %I', old || '_pkey');
    EXECUTE format('ALTER INDEX webhook_payloads_received_at RENAME TO %I', old || '_received_at');
    CREATE TABLE webhook_payloads (
        event_id    text COLLATE "C" NOT NULL,
        received_at timestamptz NOT NULL,
        payload     bytea NOT NULL,
        PRIMARY KEY (event_id, received_at)
    ) PARTITION BY RANGE (received_at);
    CREATE INDEX webhook_payloads_received_at ON webhook_payloads (received_at);
    EXECUTE format('ALTER TABLE webhook_payloads ATTACH PARTITION %I FOR VALUES FROM (MINVALUE) TO (%L)', old, until);
    EXECUTE format('ALTER TABLE %I DROP CONSTRAINT %I', old, old);
    CREATE TABLE webhook_payloads_default PARTITION OF webhook_payloads DEFAULT;

    -- Who may use the table may go on to do so.
    FOR granted IN
        SELECT a.privilege_type, CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END AS grantee
        FROM pg_class c, aclexplode(c.relacl) a WHERE c.oid = old::regclass AND a.grantee <> c.relowner
    LOOP
        EXECUTE format('GRANT %s ON webhook_payloads TO %s', granted.privilege_type, granted.grantee);
    END LOOP;
    EXECUTE format('ALTER TABLE webhook_payloads OWNER TO %I', (SELECT pg_get_userbyid(relowner) FROM pg_class WHERE oid = old::regclass));
END
$$;
-- +goose StatementEnd
