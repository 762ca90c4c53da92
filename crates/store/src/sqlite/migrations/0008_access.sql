-- Who may do what. `access_state` numbers every change of it, whoever makes it: whoever keeps all of it in memory reads it
-- again when the number is another. The versions of roles and groups are such numbers.
CREATE TABLE access_state (
    one     INTEGER PRIMARY KEY NOT NULL CHECK (one = 1),
    version INTEGER NOT NULL
) STRICT;

INSERT INTO access_state (one, version) VALUES (1, 0);

CREATE TABLE access_roles (
    name        TEXT PRIMARY KEY NOT NULL,
    permissions TEXT NOT NULL,                -- JSON array of strings, sorted
    version     INTEGER NOT NULL,
    created_at  INTEGER NOT NULL
) STRICT;

CREATE TABLE access_groups (
    name       TEXT PRIMARY KEY NOT NULL,
    version    INTEGER NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;

-- A subject is a user's id or a client's subject.
CREATE TABLE access_members (
    group_name TEXT NOT NULL REFERENCES access_groups (name) ON DELETE CASCADE,
    subject    TEXT NOT NULL,
    PRIMARY KEY (group_name, subject)
) STRICT, WITHOUT ROWID;

CREATE INDEX access_members_by_subject ON access_members (subject);

-- A grantee is a subject or `group:` and the name of a group.
CREATE TABLE access_records (
    id         TEXT PRIMARY KEY NOT NULL,
    grantee    TEXT NOT NULL,
    role       TEXT NOT NULL REFERENCES access_roles (name),
    pattern    TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    UNIQUE (grantee, role, pattern)
) STRICT;

CREATE INDEX access_records_by_role ON access_records (role);

CREATE TRIGGER access_of_disabled_user AFTER UPDATE OF disabled_at ON users
WHEN EXISTS (SELECT 1 FROM access_members WHERE subject = new.id)
    OR EXISTS (SELECT 1 FROM access_records WHERE grantee = new.id) BEGIN
    UPDATE access_state SET version = version + 1;
END;

CREATE TRIGGER access_of_disabled_client AFTER UPDATE OF disabled_at ON oauth_clients
WHEN EXISTS (SELECT 1 FROM access_members WHERE subject = new.subject)
    OR EXISTS (SELECT 1 FROM access_records WHERE grantee = new.subject) BEGIN
    UPDATE access_state SET version = version + 1;
END;

CREATE TRIGGER access_of_removed_user AFTER DELETE ON users
WHEN EXISTS (SELECT 1 FROM access_members WHERE subject = old.id)
    OR EXISTS (SELECT 1 FROM access_records WHERE grantee = old.id) BEGIN
    UPDATE access_state SET version = version + 1;
    UPDATE access_groups SET version = (SELECT version FROM access_state)
        WHERE name IN (SELECT group_name FROM access_members WHERE subject = old.id);
    DELETE FROM access_members WHERE subject = old.id;
    DELETE FROM access_records WHERE grantee = old.id;
END;

CREATE TRIGGER access_of_removed_client AFTER DELETE ON oauth_clients
WHEN EXISTS (SELECT 1 FROM access_members WHERE subject = old.subject)
    OR EXISTS (SELECT 1 FROM access_records WHERE grantee = old.subject) BEGIN
    UPDATE access_state SET version = version + 1;
    UPDATE access_groups SET version = (SELECT version FROM access_state)
        WHERE name IN (SELECT group_name FROM access_members WHERE subject = old.subject);
    DELETE FROM access_members WHERE subject = old.subject;
    DELETE FROM access_records WHERE grantee = old.subject;
END;
