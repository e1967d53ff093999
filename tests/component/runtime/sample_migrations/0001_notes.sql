-- Notes of the sample service; `n` shows every write.
CREATE TABLE notes (
    note_id  uuid    PRIMARY KEY,
    n        bigint  GENERATED ALWAYS AS IDENTITY,
    text     text    NOT NULL,
    answered boolean NOT NULL DEFAULT false
);
