-- `activates_at`: from when on a key signs; 0 where the first release stored it, which signs at once.
-- `seal_version`: how `pkcs8` is encrypted; 0 is not at all, as the first release stored it.

ALTER TABLE signing_keys ADD COLUMN activates_at INTEGER NOT NULL DEFAULT 0;
ALTER TABLE signing_keys ADD COLUMN seal_version INTEGER NOT NULL DEFAULT 0;
