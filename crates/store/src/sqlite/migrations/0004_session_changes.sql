-- Numbers every change of a session that is there, and of what its user may do, whoever makes it: whoever remembers
-- sessions forgets those that are named here behind the last number it knows. A new session is no change, nobody can
-- remember it. Old numbers are dropped; who misses one forgets everything.
CREATE TABLE session_changes (
    seq      INTEGER PRIMARY KEY,             -- without gaps
    key_hash BLOB NOT NULL
) STRICT;

CREATE TRIGGER session_changed AFTER UPDATE ON sessions BEGIN
    INSERT INTO session_changes (key_hash) VALUES (old.key_hash);
END;

CREATE TRIGGER session_ended AFTER DELETE ON sessions BEGIN
    INSERT INTO session_changes (key_hash) VALUES (old.key_hash);
END;

CREATE TRIGGER sessions_of_changed_user AFTER UPDATE OF id, scopes, disabled_at ON users BEGIN
    INSERT INTO session_changes (key_hash) SELECT key_hash FROM sessions WHERE user_id = old.id;
END;

-- Before: the rows of their sessions go with them.
CREATE TRIGGER sessions_of_removed_user BEFORE DELETE ON users BEGIN
    INSERT INTO session_changes (key_hash) SELECT key_hash FROM sessions WHERE user_id = old.id;
END;

CREATE TRIGGER session_changes_are_bounded AFTER INSERT ON session_changes BEGIN
    DELETE FROM session_changes WHERE seq <= new.seq - 4096;
END;
