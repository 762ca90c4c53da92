-- Requests of clients that wait for their user. Of ids, codes and cookies only hashes are stored.
CREATE TABLE authorization_requests (
    id_hash      BLOB PRIMARY KEY NOT NULL CHECK (length(id_hash) = 32),
    browser_hash BLOB NOT NULL CHECK (length(browser_hash) = 32),
    client_id    TEXT NOT NULL REFERENCES oauth_clients (client_id) ON DELETE CASCADE,
    request      TEXT NOT NULL,               -- JSON object
    created_at   INTEGER NOT NULL,
    expires_at   INTEGER NOT NULL
) STRICT;

CREATE INDEX authorization_requests_by_client ON authorization_requests (client_id);
CREATE INDEX authorization_requests_by_expires_at ON authorization_requests (expires_at);

-- A code stays for a while after it was redeemed, so that a second redemption is known for what it is.
CREATE TABLE authorization_codes (
    hash       BLOB PRIMARY KEY NOT NULL CHECK (length(hash) = 32),
    client_id  TEXT NOT NULL REFERENCES oauth_clients (client_id) ON DELETE CASCADE,
    user_id    TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    session_id TEXT NOT NULL,                 -- no reference: an ended session leaves the row
    request    TEXT NOT NULL,                 -- JSON object
    scopes     TEXT NOT NULL,
    auth_time  INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    grant_id   TEXT                           -- NULL: not redeemed
) STRICT;

CREATE INDEX authorization_codes_by_client ON authorization_codes (client_id);
CREATE INDEX authorization_codes_by_user ON authorization_codes (user_id);
CREATE INDEX authorization_codes_by_expires_at ON authorization_codes (expires_at);

CREATE TABLE consents (
    user_id   TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    client_id TEXT NOT NULL REFERENCES oauth_clients (client_id) ON DELETE CASCADE,
    scopes    TEXT NOT NULL,
    given_at  INTEGER NOT NULL,
    PRIMARY KEY (user_id, client_id)
) STRICT;

CREATE INDEX consents_by_client ON consents (client_id);
