-- Times are milliseconds since the Unix epoch. Text compares byte for byte.

CREATE TABLE users (
    id            TEXT PRIMARY KEY NOT NULL,
    username      TEXT NOT NULL UNIQUE,
    password_hash TEXT,
    scopes        TEXT,                       -- NULL: whatever the client may ask for
    disabled_at   INTEGER,
    created_at    INTEGER NOT NULL
) STRICT;

-- `seq` is the order of arrival: "oldest" and "newest" go by it, not by a clock that may jump.
CREATE TABLE sessions (
    seq           INTEGER PRIMARY KEY,
    key_hash      BLOB NOT NULL UNIQUE CHECK (length(key_hash) = 32),
    id            TEXT NOT NULL UNIQUE,
    user_id       TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    client_id     TEXT NOT NULL,              -- no reference: a session outlives its client's registration
    auth_time     INTEGER NOT NULL,
    last_activity INTEGER NOT NULL,
    absolute_end  INTEGER NOT NULL,
    created_at    INTEGER NOT NULL,
    persistent    INTEGER NOT NULL CHECK (persistent IN (0, 1)),
    user_agent    TEXT NOT NULL
) STRICT;

CREATE INDEX sessions_by_user ON sessions (user_id);
CREATE INDEX sessions_by_absolute_end ON sessions (absolute_end);
CREATE INDEX sessions_by_last_activity ON sessions (last_activity);

CREATE TABLE clients (
    client_id        TEXT PRIMARY KEY NOT NULL,
    default_resource TEXT NOT NULL,
    resources        TEXT NOT NULL,           -- JSON array of strings
    scopes           TEXT NOT NULL,
    default_scopes   TEXT NOT NULL,
    ttl              INTEGER NOT NULL,        -- seconds
    created_at       INTEGER NOT NULL
) STRICT;

CREATE TABLE client_origins (
    origin    TEXT PRIMARY KEY NOT NULL,
    client_id TEXT NOT NULL REFERENCES clients (client_id) ON DELETE CASCADE,
    position  INTEGER NOT NULL
) STRICT;

CREATE INDEX client_origins_by_client ON client_origins (client_id, position);

CREATE TABLE signing_keys (
    seq        INTEGER PRIMARY KEY,
    kid        TEXT NOT NULL UNIQUE,
    alg        TEXT NOT NULL,
    pkcs8      BLOB NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;
