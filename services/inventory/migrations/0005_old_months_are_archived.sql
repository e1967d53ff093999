-- Months of the ledger that are long over may go to files; what they moved stays here, so the books still add up.

CREATE TABLE ledger_archives (
    month       date PRIMARY KEY,
    file        text NOT NULL,
    rows        bigint NOT NULL,
    sha256      text NOT NULL,
    actor       text NOT NULL,
    archived_at timestamptz NOT NULL,
    CONSTRAINT archive_is_of_a_whole_month CHECK (extract(day FROM month) = 1),
    CONSTRAINT archived_rows_are_not_negative CHECK (rows >= 0),
    CONSTRAINT archive_has_a_checksum CHECK (sha256 ~ '^[0-9a-f]{64}$')
);

-- What the rows of a month moved, by item and type; `version` is the newest among them.
CREATE TABLE ledger_openings (
    item_id  text COLLATE "C" NOT NULL,
    type     text NOT NULL,
    month    date NOT NULL REFERENCES ledger_archives (month),
    version  bigint NOT NULL,
    current  bigint NOT NULL,
    reserved bigint NOT NULL,
    held     bigint NOT NULL,
    PRIMARY KEY (item_id, type, month)
);

CREATE TRIGGER archives_are_append_only BEFORE UPDATE OR DELETE ON ledger_archives
    FOR EACH ROW EXECUTE FUNCTION refuse_to_rewrite_the_ledger();
CREATE TRIGGER archives_are_not_truncated BEFORE TRUNCATE ON ledger_archives
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_to_rewrite_the_ledger();
CREATE TRIGGER openings_are_append_only BEFORE UPDATE OR DELETE ON ledger_openings
    FOR EACH ROW EXECUTE FUNCTION refuse_to_rewrite_the_ledger();
CREATE TRIGGER openings_are_not_truncated BEFORE TRUNCATE ON ledger_openings
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_to_rewrite_the_ledger();

-- Partitions that are there already refuse TRUNCATE too.
SELECT guard_partition('ledger', relname::text)
FROM pg_inherits
JOIN pg_class ON pg_class.oid = inhrelid
WHERE inhparent = 'ledger'::regclass;
