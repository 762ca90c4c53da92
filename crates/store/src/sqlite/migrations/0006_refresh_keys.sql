-- The keys of refresh tokens, encrypted as the signing keys are. Tokens name the version.
CREATE TABLE refresh_keys (
    version    INTEGER PRIMARY KEY,
    tag_key    BLOB NOT NULL,
    derive_key BLOB,                          -- NULL: destroyed
    created_at INTEGER NOT NULL
) STRICT;
