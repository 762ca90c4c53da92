-- What happened, written in the transaction of the change. No references: a record outlives what it is about. No names of
-- users: when a user is removed, nothing here says who they were.
CREATE TABLE audit (
    seq        INTEGER PRIMARY KEY,
    at         INTEGER NOT NULL,
    kind       TEXT NOT NULL,
    reason     TEXT,
    actor      TEXT NOT NULL,                 -- user, operator, service, nobody
    actor_id   TEXT,                          -- of a user the id, of an operator the name
    user_id    TEXT,
    session_id TEXT,                          -- the public id
    client_id  TEXT,
    key_id     TEXT,
    network    TEXT,
    attempts   INTEGER,                       -- of a refusal: how many it stands for; NULL: a change
    details    TEXT                           -- JSON object
) STRICT;

CREATE INDEX audit_by_time ON audit (at);
CREATE INDEX audit_by_user ON audit (user_id, at) WHERE user_id IS NOT NULL;
CREATE INDEX audit_refusals ON audit (seq) WHERE attempts IS NOT NULL;
