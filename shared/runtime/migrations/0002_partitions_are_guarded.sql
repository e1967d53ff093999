-- A trigger on TRUNCATE is not inherited: a partition gets those of its table when it is made.

CREATE OR REPLACE FUNCTION make_partition(parent text, name text, lower_bound text, upper_bound text) RETURNS boolean
LANGUAGE plpgsql AS $$
BEGIN
    IF to_regclass(quote_ident(name)) IS NOT NULL THEN
        RETURN false;
    END IF;
    EXECUTE format('CREATE TABLE %I (LIKE %I INCLUDING ALL)', name, parent);
    EXECUTE format('ALTER TABLE %I ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)', parent, name, lower_bound, upper_bound);
    PERFORM guard_partition(parent, name);
    RETURN true;
END $$;

CREATE FUNCTION guard_partition(parent text, name text) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    guard record;
BEGIN
    FOR guard IN
        SELECT tgname, tgfoid::regproc AS refusal
        FROM pg_trigger
        WHERE tgrelid = to_regclass(quote_ident(parent)) AND NOT tgisinternal AND tgtype & 32 <> 0
    LOOP
        EXECUTE format('CREATE TRIGGER %I BEFORE TRUNCATE ON %I FOR EACH STATEMENT EXECUTE FUNCTION %s()',
                       guard.tgname, name, guard.refusal);
    END LOOP;
END $$;
