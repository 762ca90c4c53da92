-- Clients of the standard grants. They and the browser apps (`clients`) share one space of ids. Foreign keys, the unique
-- subject and the triggers hold whatever release writes.
CREATE TABLE oauth_clients (
    client_id                 TEXT PRIMARY KEY NOT NULL,
    subject                   TEXT NOT NULL UNIQUE,
    name                      TEXT NOT NULL,
    authentication            TEXT NOT NULL,
    keys                      TEXT,             -- JSON: {"jwks": text} or {"jwks_uri": address}
    grants                    TEXT NOT NULL,    -- JSON array of strings, as the next two and `resources`
    redirect_uris             TEXT NOT NULL,
    post_logout_redirect_uris TEXT NOT NULL,
    default_resource          TEXT NOT NULL,
    resources                 TEXT NOT NULL,
    scopes                    TEXT NOT NULL,
    default_scopes            TEXT NOT NULL,
    ttl                       INTEGER NOT NULL, -- seconds
    refresh                   TEXT NOT NULL,    -- JSON object
    trusted                   INTEGER NOT NULL CHECK (trusted IN (0, 1)),
    disabled_at               INTEGER,
    created_at                INTEGER NOT NULL
) STRICT;

-- Of a secret only its SHA-256 is stored.
CREATE TABLE client_secrets (
    seq        INTEGER PRIMARY KEY,
    id         TEXT NOT NULL UNIQUE,
    client_id  TEXT NOT NULL REFERENCES oauth_clients (client_id) ON DELETE CASCADE,
    hash       BLOB NOT NULL CHECK (length(hash) = 32),
    created_at INTEGER NOT NULL
) STRICT;

CREATE INDEX client_secrets_by_client ON client_secrets (client_id);

CREATE TRIGGER oauth_client_id_is_free BEFORE INSERT ON oauth_clients
WHEN EXISTS (SELECT 1 FROM clients WHERE client_id = new.client_id) BEGIN
    SELECT RAISE(ABORT, 'a browser app has this client id');
END;

CREATE TRIGGER client_id_is_free BEFORE INSERT ON clients
WHEN EXISTS (SELECT 1 FROM oauth_clients WHERE client_id = new.client_id) BEGIN
    SELECT RAISE(ABORT, 'a client of the standard grants has this client id');
END;
