-- What counts for nothing from now on, by hash and until then: assertions that were used, access tokens that were revoked.
CREATE TABLE marks (
    purpose TEXT NOT NULL,                    -- each has a space of its own
    hash    BLOB NOT NULL CHECK (length(hash) = 32),
    until   INTEGER NOT NULL,
    PRIMARY KEY (purpose, hash)
) STRICT, WITHOUT ROWID;

CREATE INDEX marks_by_end ON marks (until);
