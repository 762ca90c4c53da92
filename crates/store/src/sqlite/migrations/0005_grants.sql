-- What a user allowed a client, with the family of refresh tokens that came of it. A row stays until its absolute end, also
-- when it was ended before: so an old token of it is known for what it is.
CREATE TABLE grants (
    seq           INTEGER PRIMARY KEY,
    id            TEXT NOT NULL UNIQUE,
    client_id     TEXT NOT NULL,
    user_id       TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    session_id    TEXT,                       -- NULL: outlives the session; no reference: an ended session leaves the row
    scopes        TEXT NOT NULL,
    resources     TEXT NOT NULL,              -- JSON array of strings
    auth_time     INTEGER NOT NULL,
    created_at    INTEGER NOT NULL,
    generation    INTEGER NOT NULL,
    current_hash  BLOB CHECK (length(current_hash) = 32),
    previous_hash BLOB CHECK (length(previous_hash) = 32),
    salt          BLOB NOT NULL CHECK (length(salt) = 32),
    key_version   INTEGER NOT NULL,
    rotated_at    INTEGER NOT NULL,
    absolute_end  INTEGER NOT NULL,
    idle_end      INTEGER NOT NULL,
    revoked_at    INTEGER,
    cause         TEXT,                       -- why it was ended
    CHECK ((revoked_at IS NULL) = (cause IS NULL))
) STRICT;

-- No column of these changes when a token is replaced.
CREATE INDEX grants_by_user ON grants (user_id);
CREATE INDEX grants_by_client ON grants (client_id);
CREATE INDEX grants_by_session ON grants (session_id) WHERE session_id IS NOT NULL;
CREATE INDEX grants_by_absolute_end ON grants (absolute_end);
