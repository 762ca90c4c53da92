-- At which resource a user agreed to what. What was agreed to before has none, and is asked for anew.
CREATE TABLE consent_resources (
    user_id   TEXT NOT NULL,
    client_id TEXT NOT NULL,
    resource  TEXT NOT NULL,
    scopes    TEXT NOT NULL,
    PRIMARY KEY (user_id, client_id, resource),
    FOREIGN KEY (user_id, client_id) REFERENCES consents (user_id, client_id) ON DELETE CASCADE
) STRICT;
